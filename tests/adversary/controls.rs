//! Negative controls: for each promise, one thing is taken away or put wrong, and that very promise is seen broken. The same
//! history breaks none without it.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use mainstay::{
    host::{
        BootId, BoxFuture, Clock, FileError, FileName, Files, Held, Inbound, Lock, LockError, Monotonic, Outbound,
        Transport, TransportError, WallTime,
    },
    test_support::{FaultyFiles, Survivors, VirtualClock},
};

use crate::{
    book::Promise,
    history::{
        Access, Action, Asks, Body, Call, Deployment, Device, Head, History, IdToken, Owner, Place, Recipe, Refresh,
        Seconds, Shape, Tokens, Upheaval, What,
    },
    machine::Between,
    world::World,
};

const DEPLOYMENT: Deployment = Deployment {
    asks: Asks::WhoAmI,
    inherits: false,
    echoes: false,
    fresh_connections: true,
    provider: false,
    life: 900,
};

const BROKEN_503: What = What::Raw { status: 503, body: Body::Html };

fn always(at: Place, what: What, delay: Seconds) -> Action {
    Action::Answer { at, times: None, recipe: Recipe { what, head: Head::PLAIN, delay } }
}

fn app(call: Call) -> Action {
    Action::App { who: 0, call, gives_up: false }
}

const GET: Call = Call::Get { who_am_i: false };

/// The history breaks `promise` with what stands between, and nothing without it.
#[track_caller]
fn breaks(promise: Promise, between: Between, actions: Vec<Action>) {
    let history = History { deployment: DEPLOYMENT, actions };
    let (_, well, story) = World::play_and_tell(&history, Between::NOTHING, true);
    assert!(well.is_ok(), "without it: {well:?}\n{}", story.join("\n"));
    let (_, played, story) = World::play_and_tell(&history, between, true);
    let broken = played.expect_err("nothing is noticed");
    assert_eq!(broken.promise, promise, "{}\n{}", broken.how, story.join("\n"));
    println!("{promise:?}: {}", broken.how);
}

#[test]
fn p1_a_folder_that_only_a_fresh_install_could_read() {
    let between = Between { files: |files| FilesThat::habit(files, Habit::RefuseNewcomers), ..Between::NOTHING };
    breaks(Promise::P1, between, vec![Action::Device(Device::Killed { gap: 1 })]);
}

#[test]
fn p2_a_folder_that_loses_what_was_superseded_and_is_still_needed() {
    let between = Between { files: |files| FilesThat::habit(files, Habit::ForgetKept), ..Between::NOTHING };
    let actions = vec![
        Action::Server(Upheaval::KeyChanged),
        Action::Server(Upheaval::NewTokensVoid),
        app(GET),
        Action::Wait(60),
        Action::Wait(600),
    ];
    breaks(Promise::P2, between, actions);
}

#[test]
fn p3_an_app_that_signs_out_when_a_call_fails() {
    let between = Between { app_signs_out: true, ..Between::NOTHING };
    let actions = vec![always(Place::Api, What::Challenge(0), 0), app(GET), Action::Wait(60)];
    breaks(Promise::P3, between, actions);
}

#[test]
fn p4_a_gateway_that_makes_a_refusal_of_every_503() {
    let between = Between { network: |inner| NetworkThat::habit(inner, Wrong::RefuseInTrouble), ..Between::NOTHING };
    let actions =
        vec![always(Place::Refresh, BROKEN_503, 0), Action::Server(Upheaval::KeyChanged), app(GET), Action::Wait(600)];
    breaks(Promise::P4, between, actions);
}

#[test]
fn p5_a_check_of_the_identity_that_sees_only_what_it_wants_to_see() {
    let between = Between { network: |inner| NetworkThat::habit(inner, Wrong::NameThePinned), ..Between::NOTHING };
    let strangers = Tokens {
        owner: Owner::Stranger,
        id_token: IdToken::Absent,
        access: Access::New,
        refresh: Refresh::New,
        expires_in: Some("900"),
        token_type: None,
        shape: Shape::Plain,
    };
    let actions = vec![
        always(Place::Refresh, What::Tokens(strangers), 0),
        Action::Wait(900),
        app(Call::Token),
        Action::Wait(30),
        app(Call::Token),
    ];
    breaks(Promise::P5, between, actions);
}

#[test]
fn p6_a_lock_that_excludes_nobody() {
    let between = Between { lock: |_| Arc::new(OpenLock), ..Between::NOTHING };
    let actions = vec![
        Action::Device(Device::SecondProcess(true)),
        always(Place::Refresh, What::Honest, 25),
        Action::Device(Device::Network(false)),
        Action::Wait(2000),
        Action::Device(Device::Network(true)),
        Action::Wait(900),
        Action::Device(Device::Network(false)),
        Action::Wait(2000),
        Action::Device(Device::Network(true)),
        Action::Wait(900),
    ];
    breaks(Promise::P6, between, actions);
}

#[test]
fn p7_an_http_library_that_retries_by_itself() {
    let between = Between { network: |inner| NetworkThat::habit(inner, Wrong::Retry), ..Between::NOTHING };
    breaks(Promise::P7, between, vec![always(Place::Refresh, BROKEN_503, 0), Action::Wait(7200)]);
}

#[test]
fn p8_a_disk_that_says_synced_and_is_not() {
    let between = Between { files: |files| FilesThat::habit(files, Habit::NeverSync), ..Between::NOTHING };
    let power = Device::Power { changes: 200, torn: false, within: 1, survivors: Survivors::Durable, gap: 5 };
    breaks(Promise::P8, between, vec![Action::Wait(900), Action::Device(power)]);
}

#[test]
fn p9_an_app_that_prompts_whenever_something_is_wrong() {
    let between = Between { app_prompts_by_state: true, ..Between::NOTHING };
    let actions =
        vec![always(Place::Refresh, BROKEN_503, 0), Action::Server(Upheaval::KeyChanged), app(GET), Action::Wait(600)];
    breaks(Promise::P9, between, actions);
}

#[test]
fn p10_a_folder_that_looks_empty_when_it_cannot_be_read() {
    let between = Between { files: |files| FilesThat::habit(files, Habit::LookEmpty), ..Between::NOTHING };
    breaks(Promise::P10, between, vec![Action::Device(Device::Killed { gap: 1 })]);
}

#[test]
fn p11_a_log_of_every_request_with_its_headers() {
    let between = Between { network: |inner| NetworkThat::habit(inner, Wrong::Log), ..Between::NOTHING };
    breaks(Promise::P11, between, vec![app(GET)]);
}

#[test]
fn p12_a_clock_that_wakes_nobody() {
    let between = Between { clock: |clock| Arc::new(Deaf(clock)), ..Between::NOTHING };
    breaks(Promise::P12, between, vec![Action::Wait(60)]);
}

#[test]
fn p13_a_lock_that_nobody_ever_gets() {
    let between = Between { lock: |_| Arc::new(ShutLock), ..Between::NOTHING };
    breaks(Promise::P13, between, Vec::new());
}

// ---- what is wrong ---------------------------------------------------------------------------------------------

#[derive(Clone, Copy, PartialEq, Eq)]
enum Habit {
    RefuseNewcomers,
    ForgetKept,
    NeverSync,
    LookEmpty,
}

struct FilesThat {
    inner: FaultyFiles,
    habit: Habit,
    /// Whether a process before this one wrote here.
    is_later: bool,
}

impl FilesThat {
    fn habit(inner: FaultyFiles, habit: Habit) -> Arc<dyn Files> {
        let is_later = !inner.contents().is_empty();
        Arc::new(Self { inner, habit, is_later })
    }

    fn does(&self, habit: Habit) -> bool {
        self.habit == habit && (self.is_later || matches!(habit, Habit::ForgetKept | Habit::NeverSync))
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Files for FilesThat {
    fn read(&self, name: &FileName, limit: usize) -> BoxFuture<'_, Result<Option<Vec<u8>>, FileError>> {
        if self.does(Habit::LookEmpty) { ready(Ok(None)) } else { self.inner.read(name, limit) }
    }

    fn create(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        self.inner.create(name, content)
    }

    fn overwrite(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        self.inner.overwrite(name, content)
    }

    fn sync(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        if self.does(Habit::NeverSync) { ready(Ok(())) } else { self.inner.sync(name) }
    }

    fn rename(&self, from: &FileName, to: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        let (from, to) = (from.clone(), to.clone());
        Box::pin(async move {
            self.inner.rename(&from, &to).await?;
            let names = self.inner.list().await?;
            for name in names.iter().filter(|name| self.does(Habit::ForgetKept) && name.as_str().contains(".kept-")) {
                self.inner.remove(name).await?;
            }
            Ok(())
        })
    }

    fn remove(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.inner.remove(name)
    }

    fn sync_folder(&self) -> BoxFuture<'_, Result<(), FileError>> {
        if self.does(Habit::NeverSync) { ready(Ok(())) } else { self.inner.sync_folder() }
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<FileName>, FileError>> {
        match self.habit {
            Habit::LookEmpty if self.is_later => ready(Ok(Vec::new())),
            Habit::RefuseNewcomers if self.is_later => ready(Err(FileError::NoAccess)),
            _ => self.inner.list(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrong {
    RefuseInTrouble,
    NameThePinned,
    Retry,
    Log,
}

struct NetworkThat {
    inner: Arc<dyn Transport>,
    wrong: Wrong,
}

impl NetworkThat {
    fn habit(inner: Arc<dyn Transport>, wrong: Wrong) -> Arc<dyn Transport> {
        Arc::new(Self { inner, wrong })
    }

    async fn carry(&self, outbound: Outbound) -> Result<Inbound, TransportError> {
        let is_token_request = outbound.request.uri().path() == "/token";
        if self.wrong == Wrong::Log {
            tracing::info!(name: "http", target: "mainstay", headers = ?shown(&outbound.request));
        }
        let again = |outbound: &Outbound| Outbound {
            request: outbound.request.clone(),
            connection: outbound.connection,
            lane: outbound.lane,
            body_limit: outbound.body_limit,
        };
        let mut answer = self.inner.send(again(&outbound)).await?;
        if self.wrong == Wrong::Retry && is_token_request && answer.response.status().is_server_error() {
            for _ in 0..4 {
                answer = self.inner.send(again(&outbound)).await?;
            }
        }
        if self.wrong == Wrong::RefuseInTrouble && is_token_request && answer.response.status().is_server_error() {
            let body = Bytes::from_static(b"{\"error\":\"invalid_grant\"}");
            answer.response = Response::builder().status(400).body(body).unwrap();
        }
        if self.wrong == Wrong::NameThePinned && outbound.request.uri().path() == "/api/me" {
            let text = String::from_utf8_lossy(answer.response.body()).replace("eve", "ada");
            *answer.response.body_mut() = Bytes::from(text);
        }
        Ok(answer)
    }
}

/// With what is sensitive.
fn shown(request: &Request<Bytes>) -> Vec<String> {
    request.headers().values().map(|value| value.to_str().unwrap_or_default().to_owned()).collect()
}

impl Transport for NetworkThat {
    fn send(&self, outbound: Outbound) -> BoxFuture<'_, Result<Inbound, TransportError>> {
        Box::pin(self.carry(outbound))
    }

    fn can_open_fresh_connections(&self) -> bool {
        self.inner.can_open_fresh_connections()
    }
}

struct OpenLock;

struct Pretended;

impl Held for Pretended {}

impl Lock for OpenLock {
    fn acquire(&self, _name: &FileName) -> BoxFuture<'_, Result<Box<dyn Held>, LockError>> {
        let held: Box<dyn Held> = Box::new(Pretended);
        ready(Ok(held))
    }
}

struct ShutLock;

impl Lock for ShutLock {
    fn acquire(&self, _name: &FileName) -> BoxFuture<'_, Result<Box<dyn Held>, LockError>> {
        ready(Err(LockError::Busy))
    }
}

/// Tells the time, and never that it has come.
struct Deaf(VirtualClock);

impl Clock for Deaf {
    fn monotonic(&self) -> Monotonic {
        self.0.monotonic()
    }

    fn wall(&self) -> WallTime {
        self.0.wall()
    }

    fn boot_id(&self) -> Option<BootId> {
        self.0.boot_id()
    }

    fn sleep_until(&self, _deadline: Monotonic) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}
