//! What happens, when, and who does it.

use mainstay_mock_server::{Nodes, StoreChange, StoreFailure};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Delay, Shift};

/// One thing that happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When, counted from the start of the incident.
    pub at: Delay,
    /// Who does what.
    pub what: What,
    /// The line in the file, counted from 1.
    pub line: usize,
}

/// Who does what.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The server's operators, or its bugs.
    Server(ServerStep),
    /// The app calls the SDK or the POS API.
    App(AppStep),
    /// The person at the till touches the screen.
    Person(PersonStep),
    /// The device itself.
    Device(DeviceStep),
}

/// Something the server does.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerStep {
    /// The secret that signs tokens becomes another one.
    ChangeSecret(ChangeSecret),
    /// The secret before the last change is accepted again, beside the new one.
    AcceptOldSecret(OnNodes),
    /// The key set is replaced by new keys.
    RotateJwks(RotateJwks),
    /// Keys that went from the key set are in it again.
    RestoreJwks(OnNodes),
    /// Several nodes stand behind the address, or one again.
    Nodes(Nodes),
    /// The session store gets out of reach, or into it again.
    SessionStore(StoreChange),
    /// The Redis that holds the sessions is killed, or started again.
    Redis(RedisStep),
    /// Every token is rejected.
    RejectAll(RejectAll),
    /// Another fault of the mock server starts.
    Fault(Fault),
    /// One fault ends, or all of them.
    ClearFaults(ClearFaults),
    /// The session store is lost, and every refresh token with it.
    WipeSessions,
    /// One person's sessions are revoked.
    RevokeSessions(RevokeSessions),
    /// Held requests are let go.
    Release(Release),
    /// The server's clock is set off by this much from now on.
    Clock(ClockShift),
}

/// Something the app does.
#[derive(Clone, Debug, PartialEq)]
pub enum AppStep {
    /// Sells.
    Sell(Sell),
    /// Calls the POS API.
    Call(Call),
}

/// Something the person does.
#[derive(Clone, Debug, PartialEq)]
pub enum PersonStep {
    /// Signs in, asked or not.
    SignIn(SignIn),
    /// Closes the prompt.
    Dismiss,
    /// Taps "try again".
    TapRetry,
    /// Signs out.
    SignOut,
}

/// Something that happens to the device.
#[derive(Clone, Debug, PartialEq)]
pub enum DeviceStep {
    /// The network goes or comes back.
    Network(Network),
    /// The device's calendar clock is set off by this much from now on.
    Clock(ClockShift),
    /// The app's process is killed, without a word: at once, or in the middle of what it does next.
    Kill(Kill),
    /// The app starts again; it is killed first if it runs.
    Restart,
    /// Somebody opens the system's settings and clears the app's data.
    ClearAppData,
}

/// Parameters of `server` `change_secret`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeSecret {
    /// Whether tokens signed with the old secret stay valid.
    pub keep_old: bool,
    /// The nodes that do it, counted from 1; none named: all.
    #[serde(default)]
    pub nodes: Vec<u64>,
}

/// Parameters of `server` `rotate_jwks`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RotateJwks {
    /// Whether the old keys stay in the set and are accepted.
    pub keep_old: bool,
    /// The nodes that do it, counted from 1; none named: all.
    pub nodes: Vec<u64>,
}

/// Parameters of `server` `redis`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisStep {
    /// What becomes of it.
    pub state: RedisState,
    /// What the server does without it.
    #[serde(default)]
    pub failing: StoreFailure,
    /// Whose session the server read last; absent: as it happened.
    #[serde(default)]
    pub person: Option<String>,
}

/// What becomes of a Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedisState {
    /// Its process is killed, without a word.
    Killed,
    /// It starts on what it had stored.
    Started,
}

/// Parameters of `server` `accept_old_secret` and `restore_jwks`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OnNodes {
    /// The nodes that do it, counted from 1; none named: all.
    pub nodes: Vec<u64>,
}

/// Parameters of `server` `reject_all`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RejectAll {
    /// The HTTP status.
    pub status: u16,
    /// Whether the answer is the server's own, without `WWW-Authenticate`.
    pub legacy: bool,
}

impl Default for RejectAll {
    fn default() -> Self {
        Self { status: 401, legacy: false }
    }
}

/// Parameters of `server` `fault`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The fault's name, as `/control/faults/{name}` has it: its kind, and after a dot whatever tells two of a kind apart.
    pub name: String,
    /// Its settings, as the same address takes them, its kind included.
    pub settings: Map<String, Value>,
}

/// Parameters of `server` `clear_faults`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClearFaults {
    /// Only this one; absent: all.
    pub name: Option<String>,
}

/// Parameters of `server` `revoke_sessions`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeSessions {
    /// Whose.
    pub person: String,
    /// Whether the device keys they enrolled are forgotten too.
    #[serde(default)]
    pub device_keys: bool,
}

/// Parameters of `server` `release`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Release {
    /// How many held requests, oldest first; absent: all.
    pub count: Option<u32>,
}

/// Parameters of `server` `clock` and `device` `clock`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockShift {
    /// By how much.
    pub shift: Shift,
    /// Whether the clock is then behind; absent: ahead.
    #[serde(default)]
    pub back: bool,
}

impl ClockShift {
    /// The shift in milliseconds, negative when the clock is set back.
    #[must_use]
    pub fn millis(&self) -> i64 {
        let millis = i64::try_from(self.shift.0.as_millis()).unwrap_or(i64::MAX);
        if self.back { -millis } else { millis }
    }
}

/// Parameters of `app` `sell`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sell {
    /// How many sales, all at once.
    pub count: u32,
    /// What each costs, in cents.
    pub total_cents: u32,
}

impl Default for Sell {
    fn default() -> Self {
        Self { count: 1, total_cents: 450 }
    }
}

/// Parameters of `app` `call`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The path on the server, for example `/api/me`.
    pub path: String,
    /// The HTTP method.
    #[serde(default = "get")]
    pub method: String,
    /// How many such calls, all at once.
    #[serde(default = "once")]
    pub count: u32,
    /// Whether the screen shows what comes back.
    #[serde(default)]
    pub show: bool,
}

fn get() -> String {
    "GET".to_owned()
}

fn once() -> u32 {
    1
}

/// Parameters of `person` `sign_in`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignIn {
    /// Who; absent: the first of `given.people`.
    pub person: Option<String>,
}

/// Parameters of `device` `network`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Which way.
    pub state: OnOff,
}

/// Parameters of `device` `kill`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kill {
    /// In the middle of the next request to this endpoint, by the mock server's name for it; absent: at once. One such kill
    /// waits for its turn after another.
    pub during: Option<String>,
    /// In the middle of which part of it.
    pub moment: Middle,
    /// How long after that the app is started again; absent: somebody else does.
    pub starts_again_after: Option<Delay>,
}

/// Two ways to be in the middle of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Middle {
    /// The server has done its work, and its answer never arrives.
    #[default]
    BeforeTheAnswer,
    /// The answer has arrived, and the app has done all that it does at once.
    AfterTheAnswer,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnOff {
    /// There is a network.
    On,
    /// There is none.
    Off,
}
