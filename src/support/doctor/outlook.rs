//! What becomes of a server's devices on each kind of bad day.

use super::Read;

/// How a device comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Nobody notices, or the device recovers without anybody.
    ByItself,
    /// Nobody can do anything, nobody is asked to, and it ends when the server is well.
    Waits,
    /// A person signs in once, in place; nothing is lost.
    OneSignIn,
    /// It may go unnoticed for a while.
    Window,
}

impl Recovery {
    /// A stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::ByItself => "by_itself",
            Self::Waits => "waits",
            Self::OneSignIn => "one_sign_in",
            Self::Window => "window",
        }
    }

    /// In words for people.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::ByItself => "by itself",
            Self::Waits => "waits, sells offline",
            Self::OneSignIn => "one sign-in per device",
            Self::Window => "may go unnoticed",
        }
    }
}

/// A bad day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// A stable code.
    pub code: &'static str,
    /// What happens.
    pub incident: &'static str,
    /// How a device comes back.
    pub recovery: Recovery,
    /// Why, in a sentence.
    pub why: &'static str,
}

pub(super) fn outlooks(read: &Read) -> Vec<Outlook> {
    let outlook = |code, incident, (recovery, why)| Outlook { code, incident, recovery, why };
    vec![
        outlook("keys_changed", "the signing key is changed or lost", keys_changed(read)),
        outlook("store_lost", "the session store is lost", store_lost(read)),
        outlook(
            "nodes_disagree",
            "some nodes reject what others accept",
            match read.has_probe() {
                true => (
                    Recovery::ByItself,
                    "The probe on a new connection tells flapping nodes from a refused session; tokens stay in use.",
                ),
                false => (Recovery::ByItself, "Without a probe each rejection costs a refresh."),
            },
        ),
        outlook(
            "outage",
            "the server is down, or behind a page that is no answer",
            match read.status {
                true => (Recovery::Waits, "Its status document says when it is well, and over how long to come back."),
                false => (Recovery::Waits, "Nothing is lost; it is back within minutes of the server."),
            },
        ),
        outlook(
            "repaired",
            "the old key is accepted again",
            match read.has_probe() {
                true => {
                    (Recovery::ByItself, "The kept token is tested again and again, and the sign-in prompt goes away.")
                }
                false => (Recovery::ByItself, "The kept refresh token is tested once an hour, as there is no probe."),
            },
        ),
        outlook(
            "foreign",
            "somebody else's session is served",
            match read.has_probe() {
                true => (
                    Recovery::Window,
                    "Tokens are checked at once, sessions at the next probe: an `identity_echo` in the profile closes the window.",
                ),
                false => (
                    Recovery::Window,
                    "Only ID tokens tell whose a token is: name a `probe` or an `identity_echo` in the profile.",
                ),
            },
        ),
    ]
}

fn keys_changed(read: &Read) -> (Recovery, &'static str) {
    match (read.refreshes(), read.has_device_keys()) {
        (true, _) => (Recovery::ByItself, "The refresh token brings a token that is signed with the new key."),
        (false, true) => (Recovery::ByItself, "The device key brings a token that is signed with the new key."),
        (false, false) => (Recovery::OneSignIn, "There is no refresh token and no device key."),
    }
}

fn store_lost(read: &Read) -> (Recovery, &'static str) {
    if read.has_device_keys() {
        return (Recovery::ByItself, "The device key signs in, if the server keeps enrolments apart from sessions.");
    }
    (Recovery::OneSignIn, "The refresh token is lost with the store, and there is no device key. Nothing else is lost.")
}
