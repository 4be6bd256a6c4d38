//! Colours, and the words for what happens.

use anstyle::{AnsiColor, Color, Reset, Style};
use mainstay_incidents::format::{AppStep, DeviceStep, Fault, Middle, OnOff, PersonStep, RedisState, ServerStep, What};
use mainstay_mock_server::{NodeKeys, Nodes, StoreChange, StoreFailure};

use crate::beats::Lane;

pub(crate) const PLAIN: Reset = Reset;
pub(crate) const NORMAL: Style = Style::new();
pub(crate) const STRONG: Style = Style::new().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = colour(AnsiColor::Green).bold();
pub(crate) const BAD: Style = colour(AnsiColor::Red).bold();
pub(crate) const ODD: Style = colour(AnsiColor::Yellow);
pub(crate) const DEED: Style = colour(AnsiColor::Blue).bold();
pub(crate) const CALM: Style = colour(AnsiColor::Cyan);

const fn colour(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(colour)))
}

pub(crate) fn of_lane(lane: Lane) -> Style {
    match lane {
        Lane::Server | Lane::Device | Lane::Check => BAD,
        Lane::Till => CALM.bold(),
        Lane::Person => ODD.bold(),
        Lane::Sdk => GOOD,
        Lane::App => BAD,
        Lane::Wire => FAINT,
    }
}

/// The kind of a code of the SDK's.
pub(crate) fn of_kind(kind: &str) -> Style {
    match kind {
        "evidence" => ODD,
        "rung" | "step" => DEED,
        "verdict" => GOOD,
        "foreign" | "naive" => BAD,
        _ => FAINT,
    }
}

/// A state, by how much trouble it is.
pub(crate) fn of_state(state: &str) -> Style {
    match state {
        "signed_in" => GOOD,
        "recovering" | "holding" => ODD.bold(),
        _ => BAD,
    }
}

/// What happens, in a sentence, and to whom.
pub(crate) fn step(what: &What) -> (Lane, String) {
    match what {
        What::Server(step) => (Lane::Server, server(step)),
        What::Device(step) => (Lane::Device, device(step)),
        What::Person(step) => (Lane::Person, person(step).to_owned()),
        What::App(AppStep::Sell(sell)) => (Lane::Person, format!("sells {} at once", sell.count)),
        What::App(AppStep::Call(call)) => (Lane::Wire, format!("the app calls {} {}", call.method, call.path)),
    }
}

fn server(step: &ServerStep) -> String {
    match step {
        ServerStep::ChangeSecret(change) if change.keep_old => {
            format!(
                "The secret that signs tokens becomes another one{}; the old one stays valid.",
                on_nodes(&change.nodes)
            )
        }
        ServerStep::ChangeSecret(change) => {
            format!(
                "The secret that signs tokens becomes another one{}. Nobody keeps the old one.",
                on_nodes(&change.nodes)
            )
        }
        ServerStep::AcceptOldSecret(on) => {
            format!("A hotfix: tokens signed with the old secret are good again{}.", on_nodes(&on.nodes))
        }
        ServerStep::RotateJwks(rotate) if rotate.keep_old => {
            format!("The key set gets new keys; the old ones stay in it{}.", on_nodes(&rotate.nodes))
        }
        ServerStep::RotateJwks(rotate) => {
            format!("The key set is replaced; the old keys are gone at once{}.", on_nodes(&rotate.nodes))
        }
        ServerStep::RestoreJwks(on) => format!("The old keys are in the key set again{}.", on_nodes(&on.nodes)),
        ServerStep::Nodes(nodes) => of_nodes(*nodes),
        ServerStep::Redis(step) if step.state == RedisState::Killed => "The session store is killed.".to_owned(),
        ServerStep::Redis(_) => "The session store starts again.".to_owned(),
        ServerStep::SessionStore(StoreChange::Reconnect) => "The session store is in reach again.".to_owned(),
        ServerStep::SessionStore(StoreChange::CutOff { failing, .. }) => match failing {
            StoreFailure::Closed => "The session store is out of reach, and the server says so.",
            StoreFailure::Denies => "The session store is out of reach, and the server takes that for a no.",
            StoreFailure::Open => "The session store is out of reach, and the server gives everybody one session.",
        }
        .to_owned(),
        ServerStep::RejectAll(reject) => format!("Every token is rejected with {}.", reject.status),
        ServerStep::Fault(fault) => broken(fault),
        ServerStep::ClearFaults(_) => "What was broken is mended.".to_owned(),
        ServerStep::WipeSessions => "The session store is lost, and every refresh token with it.".to_owned(),
        ServerStep::RevokeSessions(revoke) => format!("The sessions of {} are revoked.", name(&revoke.person)),
        ServerStep::Release(_) => "Requests that were held back are let go.".to_owned(),
        ServerStep::Clock(shift) => {
            format!("The server's clock jumps {}.", by(shift.millis(), "ahead", "back"))
        }
    }
}

/// On which nodes; nothing where it is all of them.
fn on_nodes(nodes: &[u64]) -> String {
    let numbers: Vec<String> = nodes.iter().map(u64::to_string).collect();
    match numbers.as_slice() {
        [] => String::new(),
        [one] => format!(" on node {one}"),
        [others @ .., last] => format!(" on nodes {} and {last}", others.join(", ")),
    }
}

fn of_nodes(nodes: Nodes) -> String {
    let keys = match nodes.keys {
        _ if nodes.count == 1 => return "One node answers everybody.".to_owned(),
        NodeKeys::Same => "with the same keys",
        NodeKeys::Own => "each with keys of its own",
        NodeKeys::Shared => "and each accepts the keys of all",
    };
    format!("{} nodes answer, {keys}.", nodes.count)
}

/// What a fault does to people, by its kind.
fn broken(fault: &Fault) -> String {
    let setting = |key: &str| fault.settings.get(key);
    let number = |key: &str| setting(key).and_then(serde_json::Value::as_u64).unwrap_or_default();
    let word = |key: &str| setting(key).and_then(serde_json::Value::as_str).unwrap_or_default();
    let what = match fault.name.split('.').next().unwrap_or_default() {
        "reject_all" => "Tokens are rejected, whoever they belong to".to_owned(),
        "status" => match word("retry_after") {
            "" => format!("The server answers {}", number("status")),
            after => format!("The server answers {}, and to come back after {after} s", number("status")),
        },
        "slow" => format!("Answers take {}", span(number("millis"))),
        "hold" => "Requests get no answer".to_owned(),
        "html" => "Every request is answered with somebody's web page".to_owned(),
        "portal" => "A captive portal answers in the server's place".to_owned(),
        "brown_out" => "The server is slow under its load, and sends people away".to_owned(),
        "wrong_retry_after" => {
            "The server sends people away, and says when to come back in a way that is of no use".to_owned()
        }
        "shared_cache" => "A cache gives the first answer to everybody".to_owned(),
        "cut_short" => "Answers break off in the middle".to_owned(),
        "cached" => "Answers come out of a cache".to_owned(),
        "foreign_identity" => format!("The server takes people for {}", name(word("person"))),
        "drop_after_commit" => "The server does what it is asked and the answer is lost".to_owned(),
        "body" => format!("The server answers {} {}", number("status"), word("body")),
        other => format!("Something breaks: {}", other.replace('_', " ")),
    };
    let share = setting("share").and_then(serde_json::Value::as_f64);
    let share = share.map(|share| format!(", {:.0} % of the time", share * 100.0)).unwrap_or_default();
    format!("{what}{share}.")
}

fn device(step: &DeviceStep) -> String {
    match step {
        DeviceStep::Network(network) if network.state == OnOff::Off => "The network is gone.".to_owned(),
        DeviceStep::Network(_) => "The network is back.".to_owned(),
        DeviceStep::Clock(shift) => format!("The calendar jumps {}.", by(shift.millis(), "ahead", "back")),
        DeviceStep::Kill(_) => "The app is killed.".to_owned(),
        DeviceStep::Restart => "The app starts again.".to_owned(),
        DeviceStep::ClearAppData => "Somebody clears the app's data.".to_owned(),
    }
}

/// A kill in the middle of something.
pub(crate) fn killed(during: &str, moment: Middle) -> String {
    let request = endpoint(during);
    match moment {
        Middle::BeforeTheAnswer => format!("kill -9 in the middle of {request}: the server did it, nobody hears so."),
        Middle::AfterTheAnswer => format!("kill -9 right after the answer to {request}."),
    }
}

fn person(step: &PersonStep) -> &'static str {
    match step {
        PersonStep::SignIn(_) => "signs in",
        PersonStep::Dismiss => "closes the prompt",
        PersonStep::TapRetry => "taps \"try again\"",
        PersonStep::SignOut => "signs out",
    }
}

fn by(millis: i64, ahead: &str, back: &str) -> String {
    let way = if millis < 0 { back } else { ahead };
    format!("{way} by {}", span(millis.unsigned_abs()))
}

/// A length of time, as short as it can be said.
pub(crate) fn span(millis: u64) -> String {
    let seconds = std::time::Duration::from_secs(millis.div_ceil(1000));
    humantime::format_duration(seconds).to_string()
}

/// Text of a file, which has line breaks of its own.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `ada` is Ada.
pub(crate) fn name(person: &str) -> String {
    let mut letters = person.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

pub(crate) fn euros(cents: u32) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// An endpoint as it is called on the wire.
pub(crate) fn endpoint(name: &str) -> &str {
    match name {
        "discovery" => "GET metadata",
        "jwks" => "GET keys",
        "authorize" => "GET sign-in page",
        "pushed_authorization" => "POST sign-in request",
        "device_authorization" => "POST device code",
        "token" => "POST token (code)",
        "refresh" => "POST token (refresh)",
        "jwt_bearer" => "POST token (device key)",
        "device_code" => "POST token (device code)",
        "enroll" => "POST enroll",
        "revoke" => "POST revoke",
        "userinfo" => "GET userinfo",
        "status" => "GET status document",
        "catalogue" => "GET /api/catalogue",
        "sales" => "POST /api/sales",
        "shift" => "/api/shift",
        "me" => "GET /api/me",
        other => other,
    }
}
