//! Changing keys the way it should be done: looked at first, by two people, with an overlap.
//!
//! A new key is *scheduled* (published, accepted, not signing), later *activated* (the old one is retired, and still
//! accepted for the overlap), and the old one is *retired* for good when no session needs it.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    call::Problem,
    config::Algorithm,
    keys::{KeyState, Material},
    oauth::Unreachable,
    state::{Start, World},
};

/// How long a proposal waits for its second person, in milliseconds: 15 minutes.
const PROPOSAL_LIFE_MS: u64 = 15 * 60 * 1000;

/// A change of the keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum KeyChange {
    /// Makes a key that is published and accepted, and does not sign yet.
    Schedule {
        /// What it signs with.
        algorithm: Algorithm,
    },
    /// Lets an accepted key sign; the one that signed stays accepted for the overlap.
    Activate {
        /// The key.
        kid: String,
    },
    /// Says that the next start may come with another secret. Without this a server that remembers its secret does not start.
    Announce {
        /// The new secret's fingerprint: `mainstay-mock --fingerprint`.
        fingerprint: String,
    },
    /// Accepts a key again that was dropped: the hotfix, and the undoing of a retirement.
    AcceptAgain {
        /// The key.
        kid: String,
    },
    /// Ends the acceptance of a key that no longer signs.
    Retire {
        /// The key.
        kid: String,
        /// Whether to end it although sessions still need it, as after a theft.
        #[serde(default)]
        emergency: bool,
    },
}

/// What a change would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRun {
    /// Live sessions whose newest tokens the change would void, or for `accept_again` would make good.
    pub sessions_affected: u64,
    /// Live sessions in all.
    pub sessions: u64,
    /// Why it would be refused; absent if it would be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// Where an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    /// Waits for a second person.
    Proposed,
    /// Done.
    Done,
    /// Taken back.
    Withdrawn,
    /// Nobody approved it in time.
    Expired,
}

/// A change of the keys that one operator proposed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its name.
    pub id: String,
    /// What is to be done.
    pub change: KeyChange,
    /// Why, in the words of who proposed it.
    pub why: String,
    /// Who proposed it.
    pub proposed_by: String,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// When the proposal ends, in milliseconds since 1970 on the server's clock.
    pub expires_ms: u64,
    /// Where it is.
    pub state: OperationState,
    /// What it would have done when it was proposed.
    pub dry_run: DryRun,
    /// The key it made or changed, once done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// What would undo it, once done; to be proposed like any other change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<KeyChange>,
}

/// What the first person sends: the change, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proposal {
    change: KeyChange,
    why: String,
}

/// The longest reason, in bytes.
const LONGEST_WHY: usize = 1_000;

impl TryFrom<Map<String, Value>> for Proposal {
    type Error = String;

    fn try_from(mut json: Map<String, Value>) -> Result<Self, String> {
        let why = json.remove("why").and_then(|why| why.as_str().map(|why| why.trim().to_owned()));
        let why = why.filter(|why| !why.is_empty() && why.len() <= LONGEST_WHY);
        let why = why.ok_or_else(|| format!("why is missing: a sentence of at most {LONGEST_WHY} bytes"))?;
        let change = serde_json::from_value(Value::Object(json)).map_err(|error| error.to_string())?;
        Ok(Self { change, why })
    }
}

fn refusal(status: StatusCode, text: &str) -> Problem {
    Problem::new(status, "refused", text)
}

/// What `change` would do now.
pub(super) fn dry_run(world: &World, change: &KeyChange) -> DryRun {
    dry_run_with_store(world, change).unwrap_or_else(|unreachable| DryRun {
        sessions_affected: 0,
        sessions: 0,
        refused: Some(unreachable.to_string()),
    })
}

fn dry_run_with_store(world: &World, change: &KeyChange) -> Result<DryRun, Unreachable> {
    let (sessions_affected, refused) = match change {
        KeyChange::Schedule { .. } => (0, None),
        KeyChange::Announce { fingerprint } => {
            let right = fingerprint.len() == 32 && fingerprint.bytes().all(|digit| digit.is_ascii_hexdigit());
            (0, (!right).then_some("a fingerprint has 32 hexadecimal digits"))
        }
        KeyChange::AcceptAgain { kid } => {
            let refused = match world.keys.here().state(kid) {
                None => Some("no such key"),
                Some(KeyState::Dropped) => None,
                Some(_) => Some("this key is accepted already"),
            };
            (world.sessions.depending_on(kid, world.now_s())?, refused)
        }
        KeyChange::Activate { kid } => {
            let refused = match world.keys.here().accepted(kid, world.now_ms()).map(|key| key.state) {
                None => Some("no such key is accepted"),
                Some(KeyState::Active) => Some("this key signs already"),
                Some(_) => None,
            };
            (0, refused)
        }
        KeyChange::Retire { kid, emergency } => {
            let affected = world.sessions.depending_on(kid, world.now_s())?;
            let refused = match world.keys.here().state(kid) {
                None => Some("no such key"),
                Some(KeyState::Active) => Some("this key signs: activate another one first"),
                Some(_) if affected > 0 && !emergency => {
                    Some("sessions still need this key: wait for the overlap, or say emergency")
                }
                Some(_) => None,
            };
            (affected, refused)
        }
    };
    Ok(DryRun { sessions_affected, sessions: world.sessions.live()?, refused: refused.map(str::to_owned) })
}

/// Writes a proposal down.
pub(super) fn propose(world: &mut World, proposal: Proposal, operator: &str) -> Result<Operation, Problem> {
    let Proposal { change, why } = proposal;
    let dry_run = dry_run(world, &change);
    if let Some(text) = &dry_run.refused {
        return Err(refusal(StatusCode::CONFLICT, text));
    }
    let operation = Operation {
        id: world.random.short(),
        change,
        why,
        proposed_by: operator.to_owned(),
        approved_by: None,
        expires_ms: world.now_ms().saturating_add(PROPOSAL_LIFE_MS),
        state: OperationState::Proposed,
        dry_run,
        kid: None,
        undo: None,
    };
    world.desk.operations.push(operation.clone());
    Ok(operation)
}

/// All operations, oldest first, with those that ran out of time marked.
pub(super) fn list(world: &mut World) -> Vec<Operation> {
    let now_ms = world.now_ms();
    for operation in &mut world.desk.operations {
        if operation.state == OperationState::Proposed && now_ms >= operation.expires_ms {
            operation.state = OperationState::Expired;
        }
    }
    world.desk.operations.clone()
}

/// Does a proposed change, if a second person says so and it is still a good idea.
pub(super) fn approve(world: &mut World, start: &Start, id: &str, operator: &str) -> Result<Operation, Problem> {
    let mut operation = open(world, id)?;
    if operation.proposed_by == operator {
        return Err(refusal(StatusCode::FORBIDDEN, "whoever proposed it cannot approve it"));
    }
    if let Some(text) = dry_run(world, &operation.change).refused {
        return Err(refusal(StatusCode::CONFLICT, &text));
    }
    let (kid, undo) = carry_out(world, start, &operation.change)?;
    (operation.kid, operation.undo) = (kid, undo);
    operation.approved_by = Some(operator.to_owned());
    operation.state = OperationState::Done;
    put_back(world, &operation);
    Ok(operation)
}

/// Takes a proposal back.
pub(super) fn withdraw(world: &mut World, id: &str) -> Result<(), Problem> {
    let mut operation = open(world, id)?;
    operation.state = OperationState::Withdrawn;
    put_back(world, &operation);
    Ok(())
}

/// A proposal that waits for its second person.
fn open(world: &mut World, id: &str) -> Result<Operation, Problem> {
    let found = list(world).into_iter().find(|operation| operation.id == id);
    let operation = found.ok_or_else(|| Problem::not_found("no such operation"))?;
    match operation.state {
        OperationState::Proposed => Ok(operation),
        OperationState::Expired => Err(refusal(StatusCode::GONE, "nobody approved it in time")),
        OperationState::Done | OperationState::Withdrawn => Err(refusal(StatusCode::CONFLICT, "it is settled already")),
    }
}

fn put_back(world: &mut World, operation: &Operation) {
    if let Some(known) = world.desk.operations.iter_mut().find(|known| known.id == operation.id) {
        known.clone_from(operation);
    }
}

/// The id of the key that a change was about, and what would undo it.
type Done = (Option<String>, Option<KeyChange>);

/// Changes the keys.
fn carry_out(world: &mut World, start: &Start, change: &KeyChange) -> Result<Done, Problem> {
    let now_ms = world.now_ms();
    let overlap_until_ms = now_ms.saturating_add(world.config.key_overlap_seconds.saturating_mul(1000));
    Ok(match change {
        KeyChange::Schedule { algorithm } => {
            let material = Material::generate(*algorithm, &mut world.random);
            let kid = world.keys.add(material, KeyState::Scheduled, now_ms);
            (Some(kid.clone()), Some(KeyChange::Retire { kid, emergency: false }))
        }
        KeyChange::Announce { fingerprint } => {
            let failed = |wrong| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", wrong);
            start.announce(&fingerprint.to_lowercase()).map_err(failed)?;
            (None, None)
        }
        KeyChange::Activate { kid } => {
            let signed_until_now = world.keys.here().beside(kid);
            world.keys.activate(kid, overlap_until_ms);
            (Some(kid.clone()), signed_until_now.map(|kid| KeyChange::Activate { kid }))
        }
        KeyChange::AcceptAgain { kid } => {
            world.keys.set_state(kid, KeyState::Retired { accepted_until_ms: Some(overlap_until_ms) });
            (Some(kid.clone()), Some(KeyChange::Retire { kid: kid.clone(), emergency: true }))
        }
        KeyChange::Retire { kid, .. } => {
            world.keys.set_state(kid, KeyState::Dropped);
            (Some(kid.clone()), Some(KeyChange::AcceptAgain { kid: kid.clone() }))
        }
    })
}
