//! Real forks: a child that goes on as a copy of its parent.

use std::{
    fs::{File, TryLockError},
    path::Path,
};

use mainstay_mock_server::Rotation;

use crate::{
    Shop,
    run::{Running, signal},
};

/// Forks an app; the child's process, and what its session told it.
fn fork(app: &mut Running) -> (Child, String) {
    let answer = app.ask("fork");
    let (process, answer) = answer.split_once(' ').unwrap();
    (Child(process.parse().unwrap()), answer.to_owned())
}

/// Killed with its handle, for it stays when its parent dies.
struct Child(u32);

impl Drop for Child {
    fn drop(&mut self) {
        signal(self.0, "KILL");
    }
}

fn is_held(lock: &Path) -> bool {
    matches!(File::open(lock).unwrap().try_lock(), Err(TryLockError::WouldBlock))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forked_child_is_told_so_and_its_parent_goes_on() {
    let shop = Shop::new(Rotation::Strict).await;
    let mut app = Running::new(&shop.setup(0), &[]);
    assert_eq!([app.ask("start"), app.ask("sign-in")], ["ok", "ok"]);
    let (_child, answer) = fork(&mut app);
    assert_eq!(answer, "error misconfigured: created before fork");
    assert_eq!(app.ask("refresh"), "generation 2");
}

/// 1. An app holds a lock and forks. 2. The child lets go of its copy: the lock is still its parent's. 3. The parent is
/// killed: the lock is free, although the child lives. The negative control is a lock that the child shares.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forked_child_neither_takes_its_parents_lock_nor_keeps_it() {
    let shop = Shop::new(Rotation::Strict).await;
    for (command, outlives_its_holder) in [("hold", false), ("share", true)] {
        let mut app = Running::new(&shop.setup(0), &[]);
        assert_eq!(app.ask("hold first.lock"), "ok");
        assert_eq!(app.ask(&format!("{command} a.lock")), "ok");
        let lock = shop.setup(0).folder.join("a.lock");
        assert!(is_held(&lock));
        let (_child, _) = fork(&mut app);
        assert!(is_held(&lock), "{command}: the child let go of its parent's lock");
        app.kill();
        assert_eq!(is_held(&lock), outlives_its_holder, "{command}");
    }
}
