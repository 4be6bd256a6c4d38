//! Where a session stands, in plain words: one sentence for the cashier, one for the manager, one for an engineer.

use std::time::Duration;

use mainstay_core::{Code, Connectivity, HoldCause, LockReason, SignInReason, State, Timestamp};

/// An explanation, with a stable code so that an app can translate it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The state's stable name.
    pub state: &'static str,
    /// The reason's stable code; `None` where the state needs none.
    pub code: Option<Code>,
    /// For whoever stands at the till.
    pub cashier: &'static str,
    /// For whoever is responsible.
    pub manager: &'static str,
    /// For whoever repairs it.
    pub engineer: &'static str,
    /// What happens next by itself, and how soon; `None` if only a person can do something.
    pub next: Option<(&'static str, Duration)>,
}

/// Explains a state.
pub(super) fn of(state: State, now: Timestamp) -> Explanation {
    let code = state.code();
    let (cashier, manager) = for_people(state);
    let engineer = code.map_or("Nothing is wrong.", Code::meaning);
    let next = match state {
        State::Holding { retry_at, .. } => Some(("Mainstay tries again by itself.", retry_at.since(now))),
        State::Recovering { .. } => Some(("Mainstay is asking the server.", Duration::ZERO)),
        State::Locked { .. } => Some(("Mainstay tries to open the vault again.", Duration::from_secs(30))),
        _ => None,
    };
    Explanation { state: state.name(), code, cashier, manager, engineer, next }
}

const fn for_people(state: State) -> (&'static str, &'static str) {
    match state {
        State::Starting => ("One moment, please.", "The app is starting."),
        State::Locked { reason: LockReason::TooNew } => (
            "This app is older than its data. Please update it. Nothing is lost.",
            "A newer version of the app wrote the vault. Update this one; nothing was changed.",
        ),
        State::Locked { .. } => (
            "Please unlock the device. Your sign-in is fine. Sales are kept.",
            "The device's key store is locked. The sign-in is kept and goes on by itself when it is unlocked.",
        ),
        State::SignedOut { .. } => ("Please sign in.", "Nobody is signed in on this device."),
        State::SignedIn { connectivity: Connectivity::Online } => {
            ("All is well.", "The session is online and renews itself.")
        }
        State::SignedIn { connectivity: Connectivity::Offline } => (
            "There is no connection. You can go on selling. Sales are kept.",
            "The servers cannot be reached. The session is fine and renews itself when they can.",
        ),
        State::Recovering { .. } => (
            "You can go on selling.",
            "The server rejected the session's token. Mainstay is finding out why; nobody needs to do anything.",
        ),
        State::Holding { cause, .. } => while_holding(cause),
        State::SignInRequired { reason, .. } => to_sign_in(reason),
        State::Quarantined { .. } => (
            "The service mixed up accounts. Online work is stopped to protect you. Sales are kept.",
            "The server answered for somebody else. Nothing of it was kept or shown; call whoever runs the service.",
        ),
    }
}

const fn while_holding(cause: HoldCause) -> (&'static str, &'static str) {
    match cause {
        HoldCause::ServerTrouble | HoldCause::FreshTokensRejected | HoldCause::Flapping => (
            "The service has a problem. Your sign-in is fine. Sales are kept.",
            "The service has a problem that signing in again would not solve. Mainstay goes on by itself when it is repaired.",
        ),
        HoldCause::Configuration => (
            "The service has a problem. Your sign-in is fine. Sales are kept.",
            "The service refuses this app as it is set up. Tell whoever runs it; no sign-in helps.",
        ),
        HoldCause::NoNetwork => (
            "There is no connection. Your sign-in is fine. Sales are kept.",
            "The server rejected a token, and now it cannot be reached. Mainstay goes on when it can.",
        ),
        HoldCause::LockBusy => (
            "Another program is busy. Your sign-in is fine. Sales are kept.",
            "Another program on this device holds the session's lock. Mainstay tries again by itself.",
        ),
        HoldCause::StorageFull => (
            "The device's storage is full. Please make room. Your sign-in is fine.",
            "The disk is full, so a renewed sign-in could not be kept. Make room; Mainstay tries again by itself.",
        ),
    }
}

const fn to_sign_in(reason: SignInReason) -> (&'static str, &'static str) {
    match reason {
        SignInReason::SessionLostByServer => (
            "The service lost your sign-in. Please sign in once. Sales are kept.",
            "The service no longer knows this session. One sign-in repairs it; nothing on the device is lost.",
        ),
        SignInReason::SessionRevoked => (
            "Your sign-in was ended by the service. Please sign in. Sales are kept.",
            "Somebody or something revoked this session at the service.",
        ),
        SignInReason::RefreshRefused | SignInReason::NothingToRenewWith => (
            "Please sign in once. Sales are kept.",
            "The service does not renew this session any more. One sign-in repairs it; nothing on the device is lost.",
        ),
        SignInReason::VaultMovedAside => (
            "Please sign in once. Sales are kept.",
            "The stored sign-in could not be read. It was moved aside, not deleted; one sign-in repairs it.",
        ),
    }
}
