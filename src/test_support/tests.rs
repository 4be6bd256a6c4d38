//! Tests of the test hosts: time moves only when nothing is under way.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

use super::*;
use crate::host::{
    BoxFuture, Clock, Connection, ConnectionWish, Entropy, FileName, Files, Host, Inbound, Lane, Outbound, Spawn,
    Transport, TransportError,
    memory::{MemoryFiles, MemoryLock, MemorySecretStore},
};

const SECOND: Duration = Duration::from_secs(1);

/// Answers when it is told to.
#[derive(Clone, Default)]
struct HeldTransport(Arc<Notify>);

impl Transport for HeldTransport {
    fn send(&self, _outbound: Outbound) -> BoxFuture<'_, Result<Inbound, TransportError>> {
        let released = Arc::clone(&self.0);
        Box::pin(async move {
            released.notified().await;
            let response = http::Response::new(Bytes::new());
            Ok(Inbound { response, connection: Connection::Unknown, from_cache: false })
        })
    }

    fn can_open_fresh_connections(&self) -> bool {
        false
    }
}

struct Stage {
    host: Host,
    clock: VirtualClock,
    activity: Activity,
    transport: HeldTransport,
}

fn stage(spawn: Arc<dyn Spawn>) -> Stage {
    let (clock, activity, transport) = (VirtualClock::default(), Activity::new(), HeldTransport::default());
    let host = activity.track(Host {
        transport: Arc::new(transport.clone()),
        secrets: Arc::new(MemorySecretStore::new()),
        files: Arc::new(MemoryFiles::new()),
        lock: Arc::new(MemoryLock::new()),
        clock: Arc::new(clock.clone()),
        entropy: Arc::new(SeededEntropy::new(1)),
        spawn,
    });
    Stage { host, clock, activity, transport }
}

fn name(name: &str) -> FileName {
    FileName::new(name).unwrap()
}

async fn request(host: &Host) {
    let request = http::Request::get("http://example/").body(Bytes::new()).unwrap();
    host.transport
        .send(Outbound { request, connection: ConnectionWish::Any, lane: Lane::Own, body_limit: 1 })
        .await
        .unwrap();
}

/// Two tasks that hand work to each other, with a file between them, a second apart.
async fn ping_pong(stage: &Stage, rounds: u32) -> (Duration, u32) {
    let (ping, mut pinged) = mpsc::channel::<u32>(1);
    let (pong, mut ponged) = mpsc::channel::<u32>(1);
    let done = Arc::new(AtomicU32::new(0));
    let start = stage.clock.monotonic();
    let (host, rounds_done) = (stage.host.clone(), Arc::clone(&done));
    stage.host.spawn.spawn(
        "ping",
        Box::pin(async move {
            for round in 0..rounds {
                host.clock.sleep_until(host.clock.monotonic() + SECOND).await;
                ping.send(round).await.unwrap();
                ponged.recv().await.unwrap();
                rounds_done.fetch_add(1, Ordering::SeqCst);
            }
        }),
    );
    let host = stage.host.clone();
    stage.host.spawn.spawn(
        "pong",
        Box::pin(async move {
            while let Some(round) = pinged.recv().await {
                host.files.create(&name(&format!("round-{round}")), vec![1]).await.unwrap();
                pong.send(round).await.unwrap();
            }
        }),
    );
    stage.activity.run_until(&stage.clock, start + SECOND * rounds).await;
    (stage.clock.monotonic() - start, done.load(Ordering::SeqCst))
}

#[tokio::test]
async fn on_one_thread_time_waits_for_every_task() {
    let local = LocalSpawn::new();
    let stage = stage(Arc::new(local.clone()));
    let (passed, rounds) = local.drive(ping_pong(&stage, 200)).await;
    assert_eq!((passed, rounds), (SECOND * 200, 200));
    assert_eq!(stage.clock.next_deadline(), None);
}

#[cfg(not(feature = "single-threaded"))]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_many_threads_time_waits_for_every_task() {
    struct Tokio;
    impl Spawn for Tokio {
        fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) {
            tokio::spawn(task);
        }
    }
    for _ in 0..20 {
        let stage = stage(Arc::new(Tokio));
        let (passed, rounds) = ping_pong(&stage, 100).await;
        assert_eq!((passed, rounds), (SECOND * 100, 100));
    }
}

#[tokio::test]
async fn a_request_keeps_time_still_unless_the_server_holds_it() {
    let local = LocalSpawn::new();
    let stage = stage(Arc::new(local.clone()));
    let host = stage.host.clone();
    stage.host.spawn.spawn("ask", Box::pin(async move { request(&host).await }));
    local
        .drive(async {
            stage.activity.quiescent_but_for(1).await;
            assert_eq!(stage.activity.in_flight_http(), 1);
            assert!(!stage.activity.is_quiescent() && stage.activity.is_quiescent_but_for(1));
            stage.transport.0.notify_one();
            assert!(!stage.activity.is_quiescent_but_for(1), "the answer has woken its task");
            stage.activity.quiescent().await;
            assert_eq!(stage.activity.in_flight_http(), 0);
        })
        .await;
}

#[tokio::test]
async fn waiting_for_a_lock_is_rest_while_somebody_of_ours_holds_it() {
    let local = LocalSpawn::new();
    let stage = stage(Arc::new(local.clone()));
    let held = stage.host.lock.acquire(&name("a.lock")).await.unwrap();
    let (host, got) = (stage.host.clone(), Arc::new(AtomicU32::new(0)));
    let gets = Arc::clone(&got);
    let wait = async move {
        let _held = host.lock.acquire(&name("a.lock")).await.unwrap();
        gets.fetch_add(1, Ordering::SeqCst);
    };
    stage.host.spawn.spawn("wait", Box::pin(wait));
    local
        .drive(async {
            stage.activity.quiescent().await;
            assert_eq!(got.load(Ordering::SeqCst), 0);
            drop(held);
            assert!(!stage.activity.is_quiescent(), "the lock is free and somebody wants it");
            stage.activity.quiescent().await;
            assert_eq!(got.load(Ordering::SeqCst), 1);
        })
        .await;
}

#[tokio::test]
async fn a_task_that_is_dropped_is_no_longer_counted() {
    let local = LocalSpawn::new();
    let stage = stage(Arc::new(local.clone()));
    let host = stage.host.clone();
    stage.host.spawn.spawn("ask", Box::pin(async move { request(&host).await }));
    local.drive(stage.activity.quiescent_but_for(1)).await;
    assert!(stage.activity.is_quiescent(), "drive has dropped what was not done");
}

#[tokio::test]
async fn what_a_test_calls_itself_can_be_followed() {
    let stage = stage(Arc::new(LocalSpawn::new()));
    let deadline = stage.clock.monotonic() + SECOND;
    let call = stage.activity.follow(stage.host.clock.sleep_until(deadline));
    assert!(!stage.activity.is_quiescent(), "it has not been polled yet");
    let ((), ()) = tokio::join!(call, stage.activity.run_until(&stage.clock, deadline));
    assert!(stage.activity.is_quiescent());
}

#[tokio::test]
async fn local_tasks_may_start_tasks() {
    let local = LocalSpawn::new();
    let done = Arc::new(Notify::new());
    let (inner, told) = (local.clone(), Arc::clone(&done));
    local.spawn("outer", Box::pin(async move { inner.spawn("inner", Box::pin(async move { told.notify_one() })) }));
    local.drive(done.notified()).await;
}

#[tokio::test]
async fn the_clock_knows_its_next_deadline_and_forgets_who_no_longer_waits() {
    let clock = VirtualClock::default();
    let start = clock.monotonic();
    assert_eq!(clock.next_deadline(), None);
    {
        let mut late = std::pin::pin!(clock.sleep_until(start + SECOND * 9));
        let mut soon = std::pin::pin!(clock.sleep_until(start + SECOND));
        assert!(futures_util::FutureExt::now_or_never(late.as_mut()).is_none());
        assert!(futures_util::FutureExt::now_or_never(soon.as_mut()).is_none());
        assert_eq!(clock.next_deadline(), Some(start + SECOND));
        clock.advance(SECOND);
        soon.await;
        assert_eq!(clock.next_deadline(), Some(start + SECOND * 9));
    }
    assert_eq!(clock.next_deadline(), None);
    let wall = clock.wall();
    clock.advance_to(start);
    assert_eq!((clock.monotonic(), clock.wall()), (start + SECOND, wall), "time never goes back");
    clock.set_wall(Duration::ZERO);
    assert_eq!(clock.monotonic(), start + SECOND, "the calendar is another clock");
    let boot = clock.boot_id();
    clock.reboot(Duration::ZERO);
    assert_ne!(clock.boot_id(), boot);
}

#[test]
fn the_same_seed_throws_the_same_dice() {
    let throw = |seed| {
        let (dice, mut bytes) = (SeededEntropy::new(seed), [0; 40]);
        dice.fill(&mut bytes);
        bytes
    };
    assert_eq!(throw(1), throw(1));
    assert_ne!(throw(1), throw(2));
}

#[tokio::test]
async fn a_disk_remembers_what_was_synced_and_file_systems_differ_in_the_rest() {
    let files = FaultyFiles::new();
    files.create(&name("old"), b"durable".to_vec()).await.unwrap();
    files.sync(&name("old")).await.unwrap();
    files.sync_folder().await.unwrap();
    files.overwrite(&name("old"), b"changed".to_vec()).await.unwrap();
    files.create(&name("new"), b"12345678".to_vec()).await.unwrap();
    let seen = |survivors| {
        let disk = files.reopen(survivors).contents();
        let text = |it: &str| disk.get(&name(it)).map(|content| String::from_utf8(content.clone()).unwrap());
        (text("old"), text("new"))
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(seen(Survivors::Durable), (some("durable"), None));
    assert_eq!(seen(Survivors::Names), (some("durable"), some("")));
    assert_eq!(seen(Survivors::NamesAndHalves), (some("chaable"), some("1234")));
    assert_eq!(seen(Survivors::Contents), (some("changed"), None));
    assert_eq!(seen(Survivors::Everything), (some("changed"), some("12345678")));
}

#[tokio::test]
async fn a_disk_fails_when_and_as_it_is_told_to() {
    use crate::host::FileError;
    let files = FaultyFiles::new();
    files.fail_after(1, FileError::NoAccess);
    files.create(&name("a"), vec![1; 4]).await.unwrap();
    assert_eq!(files.sync(&name("a")).await, Err(FileError::NoAccess));
    files.sync(&name("a")).await.unwrap();
    files.set_full(true);
    assert_eq!(files.create(&name("b"), vec![1]).await, Err(FileError::NoSpace));
    assert_eq!(files.overwrite(&name("a"), vec![1; 5]).await, Err(FileError::NoSpace));
    files.overwrite(&name("a"), vec![2; 4]).await.unwrap();
    files.set_full(false);
    files.tear_after(0);
    files.overwrite(&name("a"), vec![3; 4]).await.unwrap_err();
    files.read(&name("a"), 9).await.unwrap_err();
    assert_eq!(files.reopen(Survivors::Everything).contents()[&name("a")], [3, 3, 2, 2]);
}
