//! Device clocks that are wrong. Only a warning, ever.

use std::time::Duration;

use mainstay::{
    Error,
    host::Clock,
    test_support::{FaultyFiles, Operation},
};
use mainstay_mock_server::{Config, Endpoint};

use crate::till::{A_WHILE, EVENING_MS, Setup, TOKEN_LIFE, Till, codes, is_signed_in, prompts_raised};

const DAY_MS: u64 = 86_400_000;
const HOUR: Duration = Duration::from_secs(3600);

fn wrong_clocks() -> [(&'static str, u64); 5] {
    [
        ("a day behind", EVENING_MS - DAY_MS),
        ("a day ahead", EVENING_MS + DAY_MS),
        ("an hour ahead", EVENING_MS + DAY_MS / 24),
        ("never set", 0),
        ("years ahead", EVENING_MS + 3650 * DAY_MS),
    ]
}

/// E1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_device_clock_hinders_no_sign_in_and_no_refresh() {
    for (name, wall) in wrong_clocks() {
        let (till, session) = Setup::new().device_clock(wall).signed_in().await;
        till.pass(HOUR).await;
        till.assert_sells(&session).await;
        till.control().change_secret(false);
        till.pass(A_WHILE).await;
        till.assert_sells(&session).await;
        assert_eq!((till.prompts(), prompts_raised(&session)), (1, 0), "{name}");
    }
}

/// E1: an assertion says what time it is, and the server checks it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_device_clock_signs_assertions_with_the_servers_time() {
    for (name, wall) in wrong_clocks() {
        let setup = Setup::new().device_clock(wall).profile(|profile| profile.enroll_device_key = true);
        let (till, session) = setup.signed_in().await;
        till.pass(A_WHILE).await;
        till.control().change_secret(false);
        till.control().wipe_sessions();
        till.assert_sells(&session).await;
        assert_eq!((till.prompts(), till.total(Endpoint::JwtBearer)), (1, 1), "{name}");
    }
}

/// E1: the machine starts again, and its clock is as wrong as before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_device_clock_costs_nothing_of_the_offline_permit_over_a_reboot() {
    for (name, wall) in wrong_clocks() {
        let (mut till, session) = Setup::new().device_clock(wall).signed_in().await;
        till.pass(A_WHILE).await;
        till.assert_sells(&session).await;
        let permit = session.offline_permit();
        till.kill().await;
        till.pass(HOUR).await;
        till.clock.reboot(Duration::from_secs(30));
        till.wire.unplug();

        let session = till.restart().await.unwrap();
        let after = session.offline_permit();
        let used = permit.remaining - after.remaining;
        assert!(used >= HOUR && used <= HOUR + Duration::from_secs(600), "{name}: {used:?}");
        assert!(is_signed_in(&session), "{name}");
        assert!(matches!(till.call(&session).await, Err(Error::TryLater { .. })), "{name}");
    }
}

/// Turning the clock back never extends what an app allows itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn turning_the_clock_back_does_not_extend_the_offline_permit() {
    let (mut till, session) = Till::signed_in().await;
    till.wire.unplug();
    till.pass(HOUR * 24).await;
    let before = session.offline_permit().remaining;
    till.clock.set_wall(Duration::from_millis(EVENING_MS - 30 * DAY_MS));
    assert!(session.offline_permit().remaining <= before);
    till.kill().await;
    till.clock.reboot(Duration::from_secs(30));
    let session = till.restart().await.unwrap();
    // What was stored last counts; offline, that is at every attempt to renew.
    assert!(session.offline_permit().remaining <= before + Duration::from_secs(600));
    assert!(is_signed_in(&session));
}

/// E2
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_was_just_issued_is_never_expired() {
    for (name, wall) in wrong_clocks() {
        let (till, session) = Setup::new().device_clock(wall).signed_in().await;
        let token = session.access_token().await.unwrap();
        till.pass(TOKEN_LIFE * 6 / 10).await;
        let later = session.access_token().await.unwrap();
        assert_eq!(later.expose(), token.expose(), "{name}");
        assert_eq!(till.total(Endpoint::Refresh), 0, "{name}: {:?}", codes(&session));
        till.pass(TOKEN_LIFE * 10).await;
        assert!((10..=15).contains(&till.total(Endpoint::Refresh)), "{name}");
    }
}

/// E2: the clock jumps while the app runs, as when a time server corrects it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_expires_no_token() {
    let (till, session) = Till::signed_in().await;
    let token = session.access_token().await.unwrap();
    for wall in [EVENING_MS + DAY_MS, EVENING_MS - DAY_MS, 0] {
        till.clock.set_wall(Duration::from_millis(wall));
        till.pass(Duration::from_secs(60)).await;
        assert_eq!(session.access_token().await.unwrap().expose(), token.expose());
    }
    assert_eq!(till.total(Endpoint::Refresh), 0);
    assert!(till.clock.wall() < Duration::from_secs(3600));
}

/// While nothing else is to be stored, the time is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_with_the_clock_turned_back_regains_at_most_a_quarter_of_an_hour() {
    let config = Config { access_token_lifetime: 86_400, ..Config::default() };
    let (mut till, session) = Setup::new().server(|server| server.config(config)).signed_in().await;
    till.assert_sells(&session).await;
    for _ in 0..3 {
        till.pass(HOUR * 4 + Duration::from_secs(1000)).await;
        let before = till.client.session().unwrap().offline_permit().remaining;
        till.kill().await;
        till.clock.set_wall(Duration::from_millis(EVENING_MS - 30 * DAY_MS));
        till.clock.reboot(Duration::from_secs(30));
        let session = till.restart().await.unwrap();
        let regained = session.offline_permit().remaining.saturating_sub(before);
        assert!(regained <= Duration::from_secs(900), "{regained:?}");
    }
    assert_eq!(till.total(Endpoint::Refresh), 0, "nothing else was to be stored");
}

/// A till that is used all day stores the time along with everything else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storing_the_time_costs_no_write_per_call() {
    let disk = FaultyFiles::new();
    let config = Config { access_token_lifetime: 86_400, ..Config::default() };
    let (till, session) = Setup::new().server(|server| server.config(config)).disk(disk.clone()).signed_in().await;
    till.assert_sells(&session).await;
    let writes = || disk.log().iter().filter(|it| matches!(it, Operation::Create(_) | Operation::Overwrite(_))).count();
    let before = writes();
    for _ in 0..600 {
        till.call(&session).await.unwrap();
        till.pass(Duration::from_secs(6)).await;
    }
    assert!(writes() - before <= 4, "{} writes in an hour", writes() - before);
}
