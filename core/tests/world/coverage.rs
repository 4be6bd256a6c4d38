//! Which state met which event, and which reasons were ever reached.

use std::collections::BTreeMap;

use mainstay_core::{
    Event, ForeignBy, HoldCause, LockReason, Opened, Outcome, ProbeOutcome, SignInReason, SignedOutReason, State,
    TokenOutcome,
};

/// States as they meet events, in the order of DESIGN.md section 4.
pub const STATES: [&str; 8] =
    ["starting", "locked", "signed_out", "signed_in", "recovering", "holding", "sign_in_required", "quarantined"];

pub const EVENTS: [&str; 19] = [
    "vault answered",
    "signed in",
    "rejected",
    "accepted",
    "probe ended",
    "refresh ended",
    "re-authentication ended",
    "rediscovered",
    "generation found",
    "extended",
    "saved",
    "call waiting",
    "renew early",
    "try now",
    "network changed",
    "status read",
    "signal",
    "foreign identity",
    "sign out",
];

/// Cells that cannot be reached, and why.
pub fn unreachable(state: &str, event: &str) -> Option<&'static str> {
    let closed = matches!(state, "starting" | "locked");
    match event {
        "probe ended" | "refresh ended" | "re-authentication ended" | "rediscovered" if closed => {
            Some("nothing is asked before the vault is open")
        }
        "extended" if closed || state == "signed_out" => Some("there is nothing to extend"),
        "saved" if closed => Some("nothing is stored before the vault is open"),
        "saved" if state == "signed_out" => Some("a sign-out wins over a save that comes late"),
        "signed in" if state == "starting" => Some("nobody is offered to sign in before the vault was read (P13)"),
        _ => None,
    }
}

#[derive(Clone, Debug, Default)]
pub struct Coverage {
    cells: BTreeMap<(&'static str, &'static str), u64>,
    /// Stable codes of reasons and causes that a state was entered with.
    pub reasons: BTreeMap<&'static str, u64>,
    /// What came of what a session asked for.
    pub outcomes: BTreeMap<&'static str, u64>,
    pub ticks: u64,
    pub steps: u64,
}

impl Coverage {
    pub fn count(&mut self, before: State, event: &Event, after: State) {
        self.steps += 1;
        if let Event::Tick = event {
            self.ticks += 1;
        } else {
            *self.cells.entry((before.name(), name(event))).or_default() += 1;
        }
        if let Some(name) = outcome(event) {
            *self.outcomes.entry(name).or_default() += 1;
        }
        if before != after
            && let Some(code) = after.code()
        {
            *self.reasons.entry(code.as_str()).or_default() += 1;
        }
    }

    pub fn merge(&mut self, other: &Self) {
        other.cells.iter().for_each(|(cell, hits)| *self.cells.entry(*cell).or_default() += hits);
        other.reasons.iter().for_each(|(code, hits)| *self.reasons.entry(code).or_default() += hits);
        other.outcomes.iter().for_each(|(name, hits)| *self.outcomes.entry(name).or_default() += hits);
        self.ticks += other.ticks;
        self.steps += other.steps;
    }

    fn hits(&self, state: &'static str, event: &'static str) -> u64 {
        self.cells.get(&(state, event)).copied().unwrap_or_default()
    }

    /// Cells that should have been reached and were not, and cells that should not have been.
    pub fn gaps(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        for event in EVENTS {
            for state in STATES {
                match (self.hits(state, event), unreachable(state, event)) {
                    (0, None) => gaps.push(format!("{event} never met {state}")),
                    (1.., Some(why)) => gaps.push(format!("{event} met {state}, but {why}")),
                    _ => {}
                }
            }
        }
        let reached = |code: &str| self.reasons.contains_key(code) || self.outcomes.contains_key(code);
        gaps.extend(every_code().filter(|code| !reached(code)).map(|code| format!("{code} was never reached")));
        gaps.extend(OUTCOMES.iter().filter(|name| !reached(name)).map(|name| format!("{name} never came")));
        gaps
    }

    /// How often each event met each state, and how often each reason and outcome was reached, a line each.
    pub fn hit_counts(&self) -> Vec<String> {
        let cell = |event, state: &'static str| format!("{state} {}", self.hits(state, event));
        let row = |event: &'static str| format!("{event}: {}", STATES.map(|state| cell(event, state)).join(", "));
        let list = |hits: &BTreeMap<&'static str, u64>| {
            hits.iter().map(|(name, hits)| format!("{name} {hits}")).collect::<Vec<_>>().join(", ")
        };
        let rows = EVENTS.into_iter().map(row);
        rows.chain([list(&self.reasons), list(&self.outcomes)]).collect()
    }
}

fn name(event: &Event) -> &'static str {
    match event {
        Event::VaultOpened(_) => "vault answered",
        Event::SignedIn(_) => "signed in",
        Event::Rejected(_) => "rejected",
        Event::Accepted { .. } => "accepted",
        Event::AttemptEnded { outcome: Outcome::Probe(_), .. } => "probe ended",
        Event::AttemptEnded { outcome: Outcome::Refresh(_), .. } => "refresh ended",
        Event::AttemptEnded { outcome: Outcome::Reauthentication(_), .. } => "re-authentication ended",
        Event::AttemptEnded { outcome: Outcome::Rediscovered { .. }, .. } => "rediscovered",
        Event::GenerationFound(_) => "generation found",
        Event::Extended(_) => "extended",
        Event::Saved { .. } => "saved",
        Event::CallWaiting => "call waiting",
        Event::RenewEarly => "renew early",
        Event::TryNow => "try now",
        Event::NetworkChanged { .. } => "network changed",
        Event::StatusRead { .. } => "status read",
        Event::Signal(_) => "signal",
        Event::ForeignIdentity(_) => "foreign identity",
        Event::SignOut(_) => "sign out",
        Event::Tick => "tick",
    }
}

/// Every reason and cause that a state can be entered with.
fn every_code() -> impl Iterator<Item = &'static str> {
    let holding = HoldCause::ALL.iter().map(|cause| cause.code());
    let signing_in = SignInReason::ALL.iter().map(|reason| reason.code());
    let foreign = ForeignBy::ALL.iter().map(|by| by.code());
    let locked = LockReason::ALL.iter().map(|reason| reason.code());
    let out = SignedOutReason::ALL.iter().map(|reason| reason.code());
    holding.chain(signing_in).chain(foreign).chain(locked).chain(out).map(|code| code.as_str())
}

const OUTCOMES: &[&str] = &[
    "vault: value",
    "vault: empty",
    "vault: signed out",
    "vault: nothing kept",
    "vault: locked",
    "vault: unreadable",
    "vault: moved aside",
    "probe: accepted",
    "probe: rejected",
    "probe: silent",
    "probe: foreign",
    "refresh: renewed",
    "refresh: adopted",
    "refresh: refused",
    "refresh: configuration",
    "refresh: invalid scope",
    "refresh: transient",
    "refresh: unreachable",
    "refresh: unreasoned",
    "refresh: malformed",
    "refresh: lock busy",
    "refresh: storage full",
    "refresh: foreign",
    "re-authentication: renewed",
    "re-authentication: refused",
    "re-authentication: configuration",
    "re-authentication: invalid scope",
    "re-authentication: transient",
    "re-authentication: unreachable",
    "re-authentication: unreasoned",
    "re-authentication: malformed",
    "re-authentication: foreign",
];

fn outcome(event: &Event) -> Option<&'static str> {
    use TokenOutcome as T;
    Some(match event {
        Event::VaultOpened(Opened::Value(_)) => "vault: value",
        Event::VaultOpened(Opened::Empty) => "vault: empty",
        Event::VaultOpened(Opened::SignedOut(_)) => "vault: signed out",
        Event::VaultOpened(Opened::NothingKept) => "vault: nothing kept",
        Event::VaultOpened(Opened::Locked(_)) => "vault: locked",
        Event::VaultOpened(Opened::Unreadable) => "vault: unreadable",
        Event::VaultOpened(Opened::MovedAside) => "vault: moved aside",
        Event::AttemptEnded { outcome: Outcome::Probe(found), .. } => match found {
            ProbeOutcome::Accepted { .. } => "probe: accepted",
            ProbeOutcome::Rejected(_) => "probe: rejected",
            ProbeOutcome::Silent => "probe: silent",
            ProbeOutcome::Foreign => "probe: foreign",
        },
        Event::AttemptEnded { outcome: Outcome::Refresh(found), .. } => match found {
            T::Renewed(_) => "refresh: renewed",
            T::Adopted(_) => "refresh: adopted",
            T::Refused { .. } => "refresh: refused",
            T::Configuration => "refresh: configuration",
            T::InvalidScope => "refresh: invalid scope",
            T::Transient { .. } => "refresh: transient",
            T::Unreachable => "refresh: unreachable",
            T::Unreasoned => "refresh: unreasoned",
            T::Malformed => "refresh: malformed",
            T::LockBusy => "refresh: lock busy",
            T::StorageFull => "refresh: storage full",
            T::Foreign => "refresh: foreign",
        },
        Event::AttemptEnded { outcome: Outcome::Reauthentication(found), .. } => match found {
            T::Renewed(_) => "re-authentication: renewed",
            T::Refused { .. } => "re-authentication: refused",
            T::Configuration => "re-authentication: configuration",
            T::InvalidScope => "re-authentication: invalid scope",
            T::Transient { .. } => "re-authentication: transient",
            T::Unreachable => "re-authentication: unreachable",
            T::Unreasoned => "re-authentication: unreasoned",
            T::Malformed => "re-authentication: malformed",
            T::Foreign => "re-authentication: foreign",
            T::Adopted(_) | T::LockBusy | T::StorageFull => return None,
        },
        _ => return None,
    })
}
