//! What one process does is seen by another within a second, measured against the file that says so.

use std::{
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use mainstay_mock_server::Rotation;

use crate::{Shop, app::Setup, run::Running};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_out_is_seen_within_a_second_where_the_folder_is_watched() {
    sees_a_sign_out(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_out_is_seen_within_a_second_where_the_folder_cannot_be_watched() {
    sees_a_sign_out(true).await;
}

/// The negative control: in a folder whose watch tells nothing, a sign-out is not seen, however soon it is looked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_out_is_not_seen_where_the_watch_tells_nothing() {
    let shop = Shop::new(Rotation::Strict).await;
    let setup = Setup { virtual_time: None, ..shop.setup(0) };
    let mut doer = Running::new(&setup, &[]);
    let mut observer = Running::new(&Setup { deaf_watch: true, ..setup }, &[]);
    assert_eq!([doer.ask("start"), doer.ask("sign-in")], ["ok", "ok"]);
    assert_eq!([observer.ask("start"), observer.ask("state")], ["ok", "signed_in 1"]);
    assert_eq!(doer.ask("sign-out"), "ok");
    // The second that the tests above allow, on the machine's own clock.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(observer.ask("state"), "signed_in 1");
}

async fn sees_a_sign_out(without_watch: bool) {
    let shop = Shop::new(Rotation::Strict).await;
    let setup = Setup { virtual_time: None, without_watch, ..shop.setup(0) };
    let (mut doer, mut observer) = (Running::new(&setup, &[]), Running::new(&setup, &[]));
    assert_eq!([doer.ask("start"), doer.ask("sign-in")], ["ok", "ok"]);
    assert_eq!([observer.ask("start"), observer.ask("state")], ["ok", "signed_in 1"]);
    let mut worst = Duration::ZERO;
    for _ in 0..5 {
        observer.tell("until signed_out");
        assert_eq!(doer.ask("sign-out"), "ok");
        let seen = Duration::from_millis(observer.hear().unwrap().parse().unwrap());
        worst = worst.max(seen.saturating_sub(written(&setup.folder, ".epoch")));
        // And the way back: whoever signs in there is signed in here.
        observer.tell("until signed_in");
        shop.server.control().script_sign_in("ada");
        assert_eq!(doer.ask("sign-in"), "ok");
        assert!(observer.hear().is_some());
    }
    let how = if without_watch { "by looking" } else { "by watching" };
    println!("measured: another process's sign-out is seen {how} after {} ms at most", worst.as_millis());
    assert!(worst <= Duration::from_secs(1), "{worst:?}");
}

/// When the newest file of that name was written, since 1970.
fn written(folder: &Path, ending: &str) -> Duration {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    let files = files.filter(|file| file.file_name().to_str().unwrap().ends_with(ending));
    let times = files.map(|file| file.metadata().unwrap().modified().unwrap().duration_since(UNIX_EPOCH).unwrap());
    times.max().unwrap()
}
