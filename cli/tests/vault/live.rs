//! Looking at a vault while an app uses it.

use std::{
    process::{Child, Stdio},
    time::Duration,
};

use mainstay::{host::Entropy, native::OsEntropy};
use mainstay_mock_server::{Endpoint, MockServer, Rotation};

use crate::{
    app::Setup,
    run::{Running, signal},
    sandbox::{Said, Sandbox},
};

const STATUS: &[&str] = &["vault", "status", "vault", "--json", "--key-folder", "keys"];
const VERIFY: &[&str] = &["vault", "verify", "vault", "--json", "--key-folder", "keys"];

/// A till that is signed in, in a process of its own, at a server that ends the session if a token comes twice.
struct Shop {
    server: MockServer,
    sandbox: Sandbox,
    app: Running,
}

impl Shop {
    async fn open() -> Self {
        let builder =
            MockServer::builder().profile(Rotation::Strict).generate_secret().virtual_clock(1_795_197_600_000);
        let (server, sandbox) = (builder.start().await.unwrap(), Sandbox::new());
        server.control().script_sign_in("ada");
        let mut app = Running::new(&setup(&server, &sandbox), &[]);
        assert_eq!([app.ask("start"), app.ask("sign-in")], ["ok", "ok"]);
        Self { server, sandbox, app }
    }

    fn refresh(&mut self) -> u64 {
        let answer = self.app.ask("refresh");
        answer.strip_prefix("generation ").unwrap_or_else(|| panic!("{answer}")).parse().unwrap()
    }

    fn look(&self, command: &[&str]) -> Child {
        self.sandbox.command(command).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Every token was presented once, and nobody was asked for anything.
    fn ends_well(&self, generation: u64) {
        let seen = self.server.control().observations();
        let refreshes = seen.requests_to(Endpoint::Refresh);
        assert_eq!((seen.reuse_detections, seen.prompts_in_all(), refreshes), (0, 1, generation - 1));
    }
}

fn setup(server: &MockServer, sandbox: &Sandbox) -> Setup {
    Setup {
        issuer: server.issuer().to_owned(),
        folder: sandbox.path("vault"),
        keys: Some(sandbox.path("keys")),
        virtual_time: Some(0),
        without_locks: false,
        without_watch: false,
        deaf_watch: false,
        enroll_device_key: false,
        keyring_patience: 5,
    }
}

/// What was said is what was so at some moment between two generations.
fn check(said: &Said, from: u64, to: u64) {
    assert_eq!(said.status, 0, "{}{}", said.out, said.err);
    let document = said.json();
    assert_eq!((document["health"].as_str(), document["opened"]["outcome"].as_str()), (Some("fine"), Some("value")));
    let Some(account) = document["accounts"].get(0) else {
        assert!(document["files"].as_array().unwrap().len() >= 4, "{}", said.out);
        return;
    };
    assert_eq!(account["outcome"]["outcome"], "value", "{}", said.out);
    let numbers: Vec<u64> =
        account["generations"].as_array().unwrap().iter().map(|it| it["generation"].as_u64().unwrap()).collect();
    assert!((from..=to).contains(&numbers[0]), "{numbers:?} between {from} and {to}");
    assert!(numbers.windows(2).all(|pair| pair[0] == pair[1] + 1), "{numbers:?}");
}

/// 1. A till refreshes ten times without a pause, and writes all the while. 2. Somebody looks at its vault meanwhile, again and
/// again. 3. Each look tells of one moment, and the till never notices.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_till_that_refreshes_all_the_time_is_told_truly_and_never_disturbed() {
    let mut shop = Shop::open().await;
    let mut generation = 1;
    for look in [STATUS, VERIFY].iter().cycle().take(20) {
        let from = generation;
        let mut child = shop.look(look);
        for _ in 0..10 {
            if child.try_wait().unwrap().is_some() {
                break;
            }
            generation = shop.refresh();
        }
        check(&child.wait_with_output().unwrap().into(), from, generation);
    }
    assert!(generation > 20, "{generation} refreshes");
    shop.ends_well(generation);
}

/// 1. Somebody looks, and is stopped in the middle of it, anywhere. 2. The till refreshes: nobody holds a lock that it needs.
/// 3. The look goes on, late, and tells of one moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_that_is_stopped_anywhere_holds_nobody_up() {
    let mut shop = Shop::open().await;
    let mut generation = 1;
    for look in [STATUS, VERIFY].iter().cycle().take(20) {
        let (from, child) = (generation, shop.look(look));
        let mut dice = [0];
        OsEntropy.fill(&mut dice);
        // At random: anywhere in its life of some milliseconds.
        std::thread::sleep(Duration::from_micros(u64::from(dice[0]) * 50));
        signal(child.id(), "STOP");
        for _ in 0..2 {
            generation = shop.refresh();
        }
        signal(child.id(), "CONT");
        check(&child.wait_with_output().unwrap().into(), from, generation);
    }
    shop.ends_well(generation);
}

/// The negative control of both: had a look the credential's lock, the till would be held up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_who_takes_the_lock_and_stays_would_be_noticed() {
    let mut shop = Shop::open().await;
    assert_eq!(shop.refresh(), 2);
    let lock = shop.sandbox.file("vault", ".rotation.lock");
    let mut holder = Running::new(&setup(&shop.server, &shop.sandbox), &[]);
    assert_eq!(holder.ask(&format!("hold {}", lock.file_name().unwrap().to_str().unwrap())), "ok");
    assert_eq!(shop.app.ask("advance 901"), "ok");
    let held_up = shop.app.ask("until-held-up");
    assert!(!held_up.starts_with("error"), "{held_up}");
    holder.kill();
    assert_eq!(shop.app.ask("until-token"), "generation 3");
}
