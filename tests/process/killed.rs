//! kill -9, again and again, in the middle of whatever it is.

use std::time::Duration;

use mainstay::test_support::SeededEntropy;
use mainstay_mock_server::Rotation;

use crate::{Shop, app::Setup, run::Running};

/// How often each profile's app is killed; `--long` says more.
fn kills() -> u64 {
    std::env::var("MAINSTAY_KILLS").map_or(50, |kills| kills.parse().unwrap())
}

/// Longer than an app refreshes before it is killed, in virtual seconds.
const A_WEEK: u64 = 7 * 24 * 3600;

/// 1. A person signs in, once. 2. The app refreshes as fast as it can. 3. It is killed somewhere in that, 50 times.
/// 4. Each time the next one comes up signed in, and the server accepts it. Nobody is asked anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_is_killed_anywhere_comes_up_signed_in_with_grace() {
    keeps_its_session(Rotation::Grace, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_is_killed_anywhere_comes_up_signed_in_with_tokens_good_until_used() {
    keeps_its_session(Rotation::UntilUsed, false).await;
}

/// A strict server ends the session when a refresh token comes twice; a device key brings another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_is_killed_anywhere_comes_up_signed_in_with_a_device_key() {
    keeps_its_session(Rotation::Strict, true).await;
}

async fn keeps_its_session(rotation: Rotation, enroll_device_key: bool) {
    let shop = Shop::new(rotation).await;
    let setup = |at: u64| Setup { enroll_device_key, ..shop.setup(at * A_WEEK) };
    let mut app = Running::new(&setup(0), &[]);
    assert_eq!([app.ask("start"), app.ask("sign-in")], ["ok", "ok"]);
    if enroll_device_key {
        shop.server.control().wait_until(|seen| seen.enrolments == 1).await;
        // On disk as well as at the server, before anything is killed.
        assert_eq!(app.ask("state"), "signed_in 1");
    }
    let seed = std::env::var("MAINSTAY_SEED").map_or_else(|_| rand_seed(), |seed| seed.parse().unwrap());
    println!("MAINSTAY_SEED={seed}");
    let dice = SeededEntropy::new(seed);
    let (mut refreshes, mut unfinished) = (0, 0);
    for kill in 1..=kills() {
        app.tell("refresh-for-ever");
        let first = app.hear().unwrap();
        assert!(first.starts_with("generation"), "kill {kill}: {first}");
        // At random: within some refreshes from here.
        std::thread::sleep(Duration::from_micros(draw(&dice) % 60_000));
        app.kill();
        unfinished += u64::from(intent_is_open(&shop));

        app = Running::new(&setup(kill), &[]);
        assert_eq!(app.ask("start"), "ok", "kill {kill}");
        assert_eq!(app.ask("call"), "200", "kill {kill}");
        let state = app.ask("state");
        assert!(state.starts_with("signed_in"), "kill {kill}: {state}");
        refreshes = shop.server.control().observations().token_requests();
        assert_eq!(shop.server.control().observations().prompts_in_all(), 1, "kill {kill}");
    }
    assert!(refreshes > kills(), "{refreshes} refreshes");
    assert!(unfinished > 0, "no kill hit a refresh");
    println!(
        "measured: {rotation:?}: {} kills, {unfinished} of them in a refresh, {refreshes} token requests, 0 prompts",
        kills()
    );
}

/// Whether the app died between announcing a refresh and storing what came of it.
fn intent_is_open(shop: &Shop) -> bool {
    let files = std::fs::read_dir(shop.folder.path().join("vault")).unwrap();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).any(|name| name.ends_with(".intent"))
}

fn draw(dice: &SeededEntropy) -> u64 {
    let mut bytes = [0; 8];
    mainstay::host::Entropy::fill(dice, &mut bytes);
    u64::from_le_bytes(bytes)
}

fn rand_seed() -> u64 {
    let mut bytes = [0; 8];
    mainstay::host::Entropy::fill(&mainstay::native::OsEntropy, &mut bytes);
    u64::from_le_bytes(bytes)
}
