//! The handle that breaks the server and asks it what happened.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    ClockReading, Config, Fault, Nodes, Observations, Refused, RequestRecord,
    clock::{LATEST_MS, ServerClock},
    config::Algorithm,
    keys::{KeyState, Material},
    oauth::{SessionInfo, StoreFailure, somebody},
    random::Minted,
    state::{App, World},
};

/// What to do with the signing keys: `POST /control/secret`. Where `nodes` is empty or absent, every node does it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretChange {
    /// A new HMAC secret. Without `keep_old`, every token it signed is void: what Mews did.
    Change {
        /// Whether the old secret stays accepted.
        #[serde(default)]
        keep_old: bool,
        /// The nodes that do it, counted from 1: a roll-out that stopped half-way.
        #[serde(default)]
        nodes: Vec<u64>,
    },
    /// Every secret that was dropped is accepted again: the hotfix.
    AcceptOldAgain {
        /// The nodes that have the hotfix, counted from 1.
        #[serde(default)]
        nodes: Vec<u64>,
    },
    /// A new ES256 key. Without `keep_old`, the `kid` of the old one is gone from the JWKS at once.
    RotateJwks {
        /// Whether the old key stays in the JWKS and is accepted: a rotation with an overlap.
        #[serde(default)]
        keep_old: bool,
        /// The nodes that do it, counted from 1.
        #[serde(default)]
        nodes: Vec<u64>,
    },
    /// Every ES256 key that was dropped is in the JWKS again, and is accepted.
    RestoreJwks {
        /// The nodes that do it, counted from 1.
        #[serde(default)]
        nodes: Vec<u64>,
    },
}

/// What to do with the clock: `POST /control/clock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum ClockChange {
    /// The machine's clock with an offset.
    SetOffset {
        /// How far ahead, in milliseconds.
        set_offset_ms: i64,
    },
    /// Forward.
    Advance {
        /// How far, in milliseconds.
        advance_ms: u64,
    },
    /// A clock that stands still, or an end to that.
    Virtual {
        /// Whether it stands still.
        #[serde(rename = "virtual")]
        is_virtual: bool,
        /// What it says, in milliseconds since 1970; absent keeps what it says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        now_ms: Option<u64>,
    },
}

/// What to do with sessions: `POST /control/sessions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum SessionLoss {
    /// The store is lost: refresh tokens are void, access tokens and device keys live on.
    Wipe,
    /// One person's sessions are ended, access tokens included.
    Revoke {
        /// Whose.
        sub: String,
        /// Whether their device keys are forgotten too.
        #[serde(default)]
        enrolments: bool,
    },
}

/// What to do with the way to the session store: `PUT /control/session-store`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum StoreChange {
    /// The store cannot be reached. Nothing in it is lost.
    CutOff {
        /// What the server does then.
        #[serde(default)]
        failing: StoreFailure,
        /// Whose session a careless server goes on with; absent: the one that it read last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<String>,
    },
    /// The store is in reach again.
    Reconnect,
}

/// How many requests were let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// How many.
    pub released: u64,
}

/// Breaks the server, moves its clock, and asks it what happened. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    app: App,
}

impl Control {
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }

    /// Every secret that the server has made or was shown, in their order; none unless it was started with
    /// [`remember_secrets`](crate::MockServerBuilder::remember_secrets). Not to be had over HTTP.
    #[must_use]
    pub fn secrets(&self) -> Vec<Minted> {
        self.app.read(|world| world.random.minted().to_vec())
    }

    /// A new HMAC secret on every node. Without `keep_old`, every token it signed is void: what Mews did.
    pub fn change_secret(&self, keep_old: bool) {
        self.everywhere(SecretChange::Change { keep_old, nodes: Vec::new() });
    }

    /// Every secret that was dropped is accepted again, on every node: the hotfix.
    pub fn accept_old_secret_again(&self) {
        self.everywhere(SecretChange::AcceptOldAgain { nodes: Vec::new() });
    }

    /// A new ES256 key on every node. Without `keep_old`, the `kid` of the old one is gone from the JWKS at once.
    pub fn rotate_jwks(&self, keep_old: bool) {
        self.everywhere(SecretChange::RotateJwks { keep_old, nodes: Vec::new() });
    }

    /// Every ES256 key that was dropped is in the JWKS again and accepted, on every node.
    pub fn restore_jwks(&self) {
        self.everywhere(SecretChange::RestoreJwks { nodes: Vec::new() });
    }

    /// A change that names no node, which is all that can be refused.
    fn everywhere(&self, change: SecretChange) {
        self.app.update(|world| change_keys(world, change));
    }

    /// Changes the signing keys.
    ///
    /// # Errors
    /// [`Refused`] if there is no such node; no key was changed then.
    pub fn secret(&self, change: SecretChange) -> Result<(), Refused> {
        self.app.update(|world| {
            let (SecretChange::Change { nodes, .. }
            | SecretChange::AcceptOldAgain { nodes }
            | SecretChange::RotateJwks { nodes, .. }
            | SecretChange::RestoreJwks { nodes }) = &change;
            world.keys.know(nodes)?;
            change_keys(world, change);
            Ok(())
        })
    }

    /// Puts several nodes behind the address, or one again.
    ///
    /// # Errors
    /// [`Refused`] for no node at all, and for more than 16.
    pub fn set_nodes(&self, nodes: Nodes) -> Result<(), Refused> {
        self.app.update(|world| {
            let now_ms = world.now_ms();
            world.keys.set(nodes, &mut world.random, now_ms)
        })
    }

    /// The nodes behind the address.
    #[must_use]
    pub fn nodes(&self) -> Nodes {
        self.app.read(|world| world.keys.nodes())
    }

    /// Puts a fault in place, or another one in place of the one of its kind.
    ///
    /// # Errors
    /// [`Refused`] if it cannot be carried out, for example a status of 99.
    pub fn set_fault(&self, fault: Fault) -> Result<(), Refused> {
        let name = fault.kind.name();
        self.set_named_fault(name, fault)
    }

    /// Puts a fault in place under a name of its own, so that several of one kind can stand: `status.api`.
    ///
    /// # Errors
    /// [`Refused`] if the name does not begin with the fault's kind and a dot, or the fault cannot be carried out.
    pub fn set_named_fault(&self, name: &str, fault: Fault) -> Result<(), Refused> {
        fault.check()?;
        let kind = name.split('.').next().unwrap_or_default();
        if kind != fault.kind.name() || name.len() > 100 {
            return Err(Refused::new(format!("`{name}` is no name for a fault of the kind {}", fault.kind.name())));
        }
        self.app.update(|world| world.faults.set(name.to_owned(), fault));
        Ok(())
    }

    /// Takes a fault away; whether there was one. Taking a `hold` away lets its requests go.
    #[must_use = "a fault that was not there may be a typo"]
    pub fn clear_fault(&self, name: &str) -> bool {
        self.app.update(|world| {
            let removed = world.faults.remove(name);
            if removed.as_ref().is_some_and(|fault| fault.kind.name() == "hold") {
                world.release(None);
            }
            removed.is_some()
        })
    }

    /// Takes every fault away and lets held requests go.
    pub fn clear_faults(&self) {
        self.app.update(|world| {
            world.faults.clear();
            world.release(None);
        });
    }

    /// The faults that stand now, by name.
    #[must_use]
    pub fn faults(&self) -> BTreeMap<String, Fault> {
        self.app.read(|world| world.faults.list())
    }

    /// Holds requests at these places until they are released.
    pub fn hold(&self, scope: impl Into<crate::Scope>) {
        self.app.update(|world| world.faults.set("hold".to_owned(), Fault::hold().at(scope)));
    }

    /// Completes when `count` requests or more are held.
    pub async fn wait_for_held(&self, count: u64) {
        self.wait_until(|seen| seen.held >= count).await;
    }

    /// Lets every held request go; later ones are held again while the fault stands. Returns how many went.
    pub fn release(&self) -> u64 {
        self.app.update(|world| world.release(None))
    }

    /// Lets the oldest `count` held requests go; returns how many went.
    pub fn release_oldest(&self, count: u64) -> u64 {
        self.app.update(|world| world.release(Some(count)))
    }

    /// What happened so far.
    #[must_use]
    pub fn observations(&self) -> Observations {
        self.app.read(World::observations)
    }

    /// When the next sleeping request is due, in milliseconds since 1970 on the server's clock; `None` if none sleeps.
    #[must_use]
    pub fn next_wake_ms(&self) -> Option<u64> {
        self.app.read(|world| world.sleepers().min())
    }

    /// The last requests, at most 10,000, in the order of their arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.app.read(|world| world.journal.list())
    }

    /// Starts counting from zero. Sessions, sales and whatever is inside the server now stay.
    pub fn reset_observations(&self) {
        self.app.update(|world| {
            world.seen = Observations::default();
            world.journal.clear();
        });
    }

    /// Completes when `enough` holds of the observations. Looks at every change, and at nothing in between.
    pub async fn wait_until(&self, mut enough: impl FnMut(&Observations) -> bool) {
        self.app.until(|world| enough(&world.observations())).await;
    }

    /// From now on `person` signs in by script, without a page.
    pub fn script_sign_in(&self, person: impl Into<String>) {
        let person = person.into();
        self.app.update(|world| world.scripted = Some(person));
    }

    /// The codes of devices that wait for somebody (RFC 8628), the one that expires last at the end.
    #[must_use]
    pub fn device_codes(&self) -> Vec<String> {
        self.app.read(|world| world.device_grants.user_codes(world.now_s()))
    }

    /// `person` types a device's code in and approves; false if no device waits with it.
    pub fn approve_device(&self, user_code: &str, person: &str) -> bool {
        self.app.update(|world| {
            let now_s = world.now_s();
            world.device_grants.answer(user_code, Some(person), now_s)
        })
    }

    /// Somebody types a device's code in and says no; false if no device waits with it.
    pub fn deny_device(&self, user_code: &str) -> bool {
        self.app.update(|world| {
            let now_s = world.now_s();
            world.device_grants.answer(user_code, None, now_s)
        })
    }

    /// From now on the sign-in page is shown.
    pub fn show_sign_in_page(&self) {
        self.app.update(|world| world.scripted = None);
    }

    /// Who signs in by script.
    #[must_use]
    pub fn scripted_person(&self) -> Option<String> {
        self.app.read(|world| world.scripted.clone())
    }

    /// What the server's clock says.
    #[must_use]
    pub fn clock(&self) -> ClockReading {
        self.app.read(|world| world.clock.reading())
    }

    /// Moves the server's clock forward, by whole milliseconds.
    pub fn advance(&self, by: Duration) {
        self.app.update(|world| world.clock.advance(by));
    }

    /// Changes the server's clock.
    ///
    /// # Errors
    /// [`Refused`] for a time after the year 9999, which no HTTP date can spell.
    pub fn set_clock(&self, change: ClockChange) -> Result<(), Refused> {
        self.app.update(|world| {
            match change {
                ClockChange::Advance { advance_ms } => world.clock.advance(Duration::from_millis(advance_ms)),
                ClockChange::SetOffset { set_offset_ms } => {
                    world.clock = ServerClock::Real { offset_ms: set_offset_ms }
                }
                ClockChange::Virtual { is_virtual: true, now_ms } => {
                    let now_ms = now_ms.unwrap_or_else(|| world.now_ms());
                    if now_ms > LATEST_MS {
                        return Err(Refused::new("now_ms is after the year 9999"));
                    }
                    world.clock = ServerClock::Virtual { now_ms };
                }
                ClockChange::Virtual { is_virtual: false, now_ms: Some(_) } => {
                    return Err(Refused::new("a clock that runs takes set_offset_ms, not now_ms"));
                }
                ClockChange::Virtual { is_virtual: false, now_ms: None } => {
                    if world.clock.is_virtual() {
                        world.clock = ServerClock::Real { offset_ms: 0 };
                    }
                }
            }
            Ok(())
        })
    }

    /// How the server behaves.
    #[must_use]
    pub fn config(&self) -> Config {
        self.app.read(|world| world.config.clone())
    }

    /// Makes the server behave like this.
    ///
    /// # Errors
    /// [`Refused`] if a value cannot be carried out, for example a legacy status of 99.
    pub fn configure(&self, config: Config) -> Result<(), Refused> {
        config.check()?;
        self.app.update(|world| world.config = config);
        Ok(())
    }

    /// Changes parts of the configuration.
    ///
    /// # Errors
    /// As [`configure`](Self::configure).
    pub fn reconfigure(&self, change: impl FnOnce(&mut Config)) -> Result<(), Refused> {
        let mut config = self.config();
        change(&mut config);
        self.configure(config)
    }

    /// The session store is lost: refresh tokens are void, access tokens and device keys live on. A Redis that does not answer
    /// keeps what it has; [`lose_sessions`](Self::lose_sessions) says so.
    pub fn wipe_sessions(&self) {
        // The store within the server always answers.
        let _ = self.lose_sessions(&SessionLoss::Wipe);
    }

    /// Ends one person's sessions, access tokens included; with `enrolments`, forgets their device keys too. As to a Redis that
    /// does not answer, see [`wipe_sessions`](Self::wipe_sessions).
    pub fn revoke_sessions(&self, sub: &str, enrolments: bool) {
        let _ = self.lose_sessions(&SessionLoss::Revoke { sub: sub.to_owned(), enrolments });
    }

    /// Loses or ends sessions, also while the server itself cannot reach its store.
    ///
    /// # Errors
    /// [`Refused`] if the store is a Redis that does not answer.
    pub fn lose_sessions(&self, loss: &SessionLoss) -> Result<(), Refused> {
        let done = self.app.update(|world| match loss {
            SessionLoss::Wipe => world.sessions.wipe(),
            SessionLoss::Revoke { sub, enrolments } => {
                world.sessions.revoke_person(sub)?;
                if *enrolments {
                    world.enrolments.retain(|_, enrolment| enrolment.person != *sub);
                }
                Ok(())
            }
        });
        done.map_err(|unreachable| Refused::new(unreachable.to_string()))
    }

    /// Cuts the session store off. The server then does what `failing` says, until
    /// [`reconnect_session_store`](Self::reconnect_session_store); nothing is lost.
    pub fn cut_off_session_store(&self, failing: StoreFailure) {
        self.session_store(&StoreChange::CutOff { failing, person: None });
    }

    /// What the server does once its session store fails of itself, as a Redis that is killed; with `person`, as if theirs
    /// had been the session that was read last.
    pub fn fail_with_the_store(&self, failing: StoreFailure, person: Option<&str>) {
        self.app.update(|world| prepare(world, &self.app.issuer, failing, person));
    }

    /// Lets the server reach its session store again.
    pub fn reconnect_session_store(&self) {
        self.session_store(&StoreChange::Reconnect);
    }

    /// Cuts the session store off, or lets the server reach it again.
    pub fn session_store(&self, change: &StoreChange) {
        self.app.update(|world| match change {
            StoreChange::Reconnect => world.sessions.cut_off(false),
            StoreChange::CutOff { failing, person } => {
                prepare(world, &self.app.issuer, *failing, person.as_deref());
                world.sessions.cut_off(true);
            }
        });
    }

    /// The sessions, revoked ones included; none while the store cannot be reached.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionInfo> {
        self.app.read(|world| world.sessions.infos()).unwrap_or_default()
    }

    /// Back to the start: configuration, clock, keys, sessions, sales, counts. Held requests go on.
    pub fn reset(&self) {
        let start = &self.app.start;
        self.app.update(|world| world.reset(start));
    }
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("issuer", &self.app.issuer).finish_non_exhaustive()
    }
}

fn prepare(world: &mut World, issuer: &str, failing: StoreFailure, person: Option<&str>) {
    if let Some(person) = person {
        let (sid, session) = world.sessions.of(person).unwrap_or_else(|| somebody(issuer, person));
        world.sessions.take_in_hand(sid, session);
    }
    world.config.when_the_store_fails = failing;
}

fn change_keys(world: &mut World, change: SecretChange) {
    match change {
        SecretChange::Change { keep_old, nodes } => replace(world, Algorithm::Hs256, keep_old, &nodes),
        SecretChange::RotateJwks { keep_old, nodes } => replace(world, Algorithm::Es256, keep_old, &nodes),
        SecretChange::AcceptOldAgain { nodes } => world.keys.accept_dropped(&nodes, Algorithm::Hs256),
        SecretChange::RestoreJwks { nodes } => world.keys.accept_dropped(&nodes, Algorithm::Es256),
    }
}

fn replace(world: &mut World, algorithm: Algorithm, keep_old: bool, nodes: &[u64]) {
    let (material, now_ms) = (Material::generate(algorithm, &mut world.random), world.now_ms());
    let replaced = if keep_old { KeyState::Retired { accepted_until_ms: None } } else { KeyState::Dropped };
    world.keys.replace(nodes, &material, replaced, now_ms);
}
