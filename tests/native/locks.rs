//! File locks, between instances and between processes.

use std::{
    io::{BufRead, BufReader},
    pin::pin,
    process::{Child, Command, Stdio},
    task::{Context, Waker},
};

use mainstay::{
    host::{FileName, Held, Lock},
    native::FileLock,
};
use tempfile::TempDir;

use super::{handle, name};

/// Set for the copy of this program that only holds a lock.
const HOLD: &str = "MAINSTAY_TEST_HOLD_LOCK_IN";

fn lock_name() -> FileName {
    name("a.lock")
}

/// Two processes as far as the operating system is concerned: each opens the file itself.
fn two(folder: &TempDir) -> (FileLock, FileLock) {
    (FileLock::new(folder.path(), handle()), FileLock::new(folder.path(), handle()))
}

fn is_pending<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

async fn take(lock: &FileLock) -> Box<dyn Held> {
    lock.acquire(&lock_name()).await.unwrap()
}

#[tokio::test]
async fn only_one_holds_a_lock_and_the_next_gets_it_when_it_is_dropped() {
    let folder = TempDir::new().unwrap();
    let (a, b) = two(&folder);
    let held = take(&a).await;
    let mut waiting = pin!(b.acquire(&lock_name()));
    let mut again = pin!(a.acquire(&lock_name()));
    for _ in 0..3 {
        assert!(is_pending(waiting.as_mut()) && is_pending(again.as_mut()));
        tokio::task::yield_now().await;
    }
    drop(held);
    // Whoever of the two comes first lets go for the other.
    let second = match futures_util::future::select(waiting, again).await {
        futures_util::future::Either::Left((held, other)) => held.map(drop).and(other.await),
        futures_util::future::Either::Right((held, other)) => held.map(drop).and(other.await),
    };
    drop(second.unwrap());
    drop(take(&a).await);
}

#[tokio::test]
async fn other_names_are_other_locks() {
    let folder = TempDir::new().unwrap();
    let (a, b) = two(&folder);
    let _held = take(&a).await;
    b.acquire(&name("b.lock")).await.unwrap();
}

#[tokio::test]
async fn a_waiter_that_goes_away_never_leaves_the_lock_held() {
    let folder = TempDir::new().unwrap();
    let (a, b) = two(&folder);
    for _ in 0..20 {
        let held = take(&a).await;
        {
            let mut waiting = pin!(b.acquire(&lock_name()));
            assert!(is_pending(waiting.as_mut()));
            tokio::task::yield_now().await;
            let _still_waiting = is_pending(waiting.as_mut());
        }
        drop(held);
    }
    drop(take(&a).await);
}

#[tokio::test]
async fn many_waiters_are_all_served_one_after_the_other() {
    let folder = TempDir::new().unwrap();
    let (a, b) = two(&folder);
    let inside = std::sync::atomic::AtomicUsize::new(0);
    let work = |lock: &'static str| {
        let lock = if lock == "a" { &a } else { &b };
        let inside = &inside;
        async move {
            let held = take(lock).await;
            assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0, "two holders");
            tokio::task::yield_now().await;
            inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
            drop(held);
        }
    };
    futures_util::future::join_all((0..40).map(|number| work(if number % 2 == 0 { "a" } else { "b" }))).await;
}

#[tokio::test]
async fn a_holder_that_is_killed_blocks_nobody() {
    let folder = TempDir::new().unwrap();
    let mut holder = hold_in_another_process(&folder);
    let lock = FileLock::new(folder.path(), handle());
    let mut waiting = pin!(lock.acquire(&lock_name()));
    assert!(is_pending(waiting.as_mut()));
    holder.kill().unwrap();
    holder.wait().unwrap();
    waiting.await.unwrap();
}

#[tokio::test]
async fn a_lock_file_that_was_removed_under_its_holder_is_not_trusted() {
    let folder = TempDir::new().unwrap();
    let (a, b) = two(&folder);
    let old = take(&a).await;
    std::fs::remove_file(folder.path().join("a.lock")).unwrap();
    let _new = take(&b).await;
    drop(old);
    let mut third = pin!(a.acquire(&lock_name()));
    for _ in 0..3 {
        assert!(is_pending(third.as_mut()));
        tokio::task::yield_now().await;
    }
}

/// Starts this very program again, with nothing but [`as_another_process_that_holds_the_lock`] to run.
fn hold_in_another_process(folder: &TempDir) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "locks::as_another_process_that_holds_the_lock", "--nocapture"])
        .env(HOLD, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    assert!(output.lines().map_while(Result::ok).any(|line| line.contains("lock is held")));
    child
}

/// Does nothing in an ordinary run.
#[tokio::test]
async fn as_another_process_that_holds_the_lock() {
    let Some(folder) = std::env::var_os(HOLD) else { return };
    let lock = FileLock::new(folder, handle());
    let _held = take(&lock).await;
    println!("\nlock is held");
    std::future::pending::<()>().await;
}
