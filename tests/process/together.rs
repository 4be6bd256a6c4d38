//! Several processes, one vault.

use mainstay_mock_server::{Endpoint, Rotation};

use crate::{
    Shop,
    app::Setup,
    run::{Running, signal},
};

const PROCESSES: usize = 8;

/// Apps that share a session, all started.
fn apps(setup: &Setup) -> Vec<Running> {
    let mut apps: Vec<_> = (0..PROCESSES).map(|_| Running::new(setup, &[])).collect();
    for app in &mut apps {
        assert_eq!(app.ask("start"), "ok");
        assert_eq!(app.ask("state"), "signed_in 1");
    }
    apps
}

/// One person has signed in; a token lives for 900 s.
async fn signed_in(rotation: Rotation) -> Shop {
    let shop = Shop::new(rotation).await;
    let mut first = Running::new(&shop.setup(0), &[]);
    assert_eq!([first.ask("start"), first.ask("sign-in")], ["ok", "ok"]);
    shop
}

/// C5. 1. Eight processes share a session. 2. The token expires for all of them in the same moment, twenty times.
/// 3. Each time one of them refreshes, and the others use what it brought.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_share_a_session_never_refresh_the_same_token_twice() {
    let shop = signed_in(Rotation::Strict).await;
    let mut apps = apps(&shop.setup(10));
    for round in 0..20 {
        all_refresh(&mut apps);
        for app in &mut apps {
            assert_eq!(app.hear(), Some(format!("generation {}", round + 2)));
        }
    }
    let seen = shop.server.control().observations();
    assert_eq!((seen.requests_to(Endpoint::Refresh), seen.reuse_detections, seen.prompts_in_all()), (20, 0, 1));
    assert!(shop.presented().iter().all(|times| *times == 1), "{:?}", shop.presented());
}

/// The negative control of the test above: every process believes that it has the lock. 1. One refreshes, and the server
/// takes its time. 2. Another one does not wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_lock_the_server_sees_a_token_twice_and_takes_it_for_theft() {
    let shop = signed_in(Rotation::Strict).await;
    let mut apps = apps(&Setup { without_locks: true, ..shop.setup(10) });
    shop.server.control().hold(Endpoint::Refresh);
    for (held, app) in (1..).zip(apps.iter_mut().take(2)) {
        app.tell("refresh");
        shop.server.control().wait_for_held(held).await;
    }
    shop.server.control().clear_faults();
    shop.server.control().wait_until(|seen| seen.reuse_detections > 0).await;
}

fn all_refresh(apps: &mut [Running]) {
    for app in apps {
        app.tell("refresh");
    }
}

/// C3: whoever waits for the lock reads again, and adopts. 1. A refreshes, and is stopped while the server has its request. 2. The others wait for the lock, not for ever: they
/// hold, and nobody refreshes without it. 3. A is continued, late, and stores what it got. 4. The others use that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_stopped_in_a_refresh_is_waited_for_and_never_overtaken() {
    let shop = signed_in(Rotation::Strict).await;
    let mut apps = apps(&shop.setup(10));
    let mut stopped = apps.swap_remove(0);
    shop.server.control().hold(Endpoint::Refresh);
    stopped.tell("refresh");
    shop.server.control().wait_for_held(1).await;
    signal(stopped.id(), "STOP");
    shop.server.control().clear_faults();
    for app in &mut apps {
        assert_eq!(app.ask("advance 901"), "ok");
        app.tell("until-held-up");
    }
    for app in &mut apps {
        assert!(app.hear().is_some_and(|answer| !answer.starts_with("error")));
    }
    assert_eq!(shop.server.control().observations().requests_to(Endpoint::Refresh), 1);

    signal(stopped.id(), "CONT");
    assert_eq!(stopped.hear().as_deref(), Some("generation 2"));
    for app in &mut apps {
        app.tell("until-token");
    }
    for app in &mut apps {
        assert_eq!(app.hear().as_deref(), Some("generation 2"));
    }
    let seen = shop.server.control().observations();
    assert_eq!((seen.requests_to(Endpoint::Refresh), seen.reuse_detections, seen.prompts_in_all()), (1, 0, 1));
}

/// C6. 1. A refreshes, and is killed while the server has its request and the others wait for the lock. 2. One of them
/// has it at once, and presents the same token once more, because nobody knows what became of it. 3. All go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_in_a_refresh_blocks_nobody() {
    let shop = signed_in(Rotation::Grace).await;
    let mut apps = apps(&shop.setup(10));
    let killed = {
        let mut first = apps.swap_remove(0);
        shop.server.control().hold(Endpoint::Refresh);
        first.tell("refresh");
        shop.server.control().wait_for_held(1).await;
        first
    };
    all_refresh(&mut apps);
    killed.kill();
    shop.server.control().clear_faults();
    for app in &mut apps {
        let answer = app.hear();
        assert!(answer.as_ref().is_some_and(|answer| answer.starts_with("generation")), "{answer:?}");
    }
    let seen = shop.server.control().observations();
    assert_eq!((seen.reuse_detections, seen.prompts_in_all()), (0, 1));
    let presented = shop.presented();
    assert!(presented[0] <= 2 && presented.iter().skip(1).all(|times| *times == 1), "{presented:?}");
    for app in &mut apps {
        assert_eq!(app.ask("call"), "200");
    }
}
