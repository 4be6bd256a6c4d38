//! The mock server, as the director holds it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mainstay_mock_server::{
    Algorithm, ClockChange, Config, Control, Endpoint, Fault, MockServer, Observations, RedisServer, Refused,
    SecretChange,
};

use super::{PlayError, SWITCHED_ON_MS, millis};
use crate::{
    format::{
        ClearFaults, Given, RedisState, RefreshTokens, RejectAll, Rejection, RejectionStyle, Rotation, Server,
        ServerStep, Sessions, SignedWith,
    },
    witness,
};

/// A server of its own for one performance, with its clock in the director's hand.
pub(super) struct Stage {
    server: MockServer,
    control: Control,
    starts_at_ms: u64,
    now_ms: u64,
    shift_ms: i64,
    /// The Redis that holds the server's sessions, where there is one, and its folder.
    redis: Option<(RedisServer, tempfile::TempDir)>,
    /// How many requests of the journal were looked at, and which of them had no answer yet.
    looked_at: usize,
    unanswered: BTreeSet<usize>,
    /// Requests that were answered and not told yet.
    answered: VecDeque<(Endpoint, String)>,
    /// An endpoint that is watched, and what it had seen when that began: requests, and answers among them.
    watched: Option<(Endpoint, u64, u64)>,
}

impl Stage {
    pub(super) async fn open(given: &Given) -> Result<Self, PlayError> {
        let starts_at_ms = given.starts_at.unix_millis();
        let builder = MockServer::builder().config(config(&given.server)).virtual_clock(starts_at_ms);
        let builder = if witness::is_present() { builder.remember_secrets() } else { builder };
        let redis = match given.server.sessions {
            Sessions::Embedded => None,
            Sessions::Redis => {
                let folder = tempfile::tempdir()?;
                Some((RedisServer::start(folder.path())?, folder))
            }
        };
        let builder = match &redis {
            Some((redis, _)) => builder.sessions(redis.address()),
            None => builder,
        };
        let server = builder.start().await.map_err(|error| PlayError::Server(error.to_string()))?;
        let control = server.control();
        let now_ms = SWITCHED_ON_MS;
        Ok(Self {
            server,
            control,
            starts_at_ms,
            now_ms,
            shift_ms: 0,
            redis,
            looked_at: 0,
            unanswered: BTreeSet::new(),
            answered: VecDeque::new(),
            watched: None,
        })
    }

    /// The server, with a clock that runs and a sign-in page for people.
    pub(super) fn leave_running(self) -> MockServer {
        self.control.show_sign_in_page();
        // Refused only for a time after the year 9999, and none is set.
        let _ = self.control.set_clock(ClockChange::Virtual { is_virtual: false, now_ms: None });
        self.server
    }

    pub(super) fn control(&self) -> &Control {
        &self.control
    }

    pub(super) fn url(&self) -> &str {
        self.server.issuer()
    }

    /// What a right calendar shows now, in milliseconds since 1970.
    pub(super) fn wall_ms(&self) -> u64 {
        self.starts_at_ms + (self.now_ms - SWITCHED_ON_MS)
    }

    pub(super) fn set_time(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        self.set_clock();
    }

    fn set_clock(&self) {
        let now_ms = self.wall_ms().saturating_add_signed(self.shift_ms);
        // Refused only after the year 9999.
        let _ = self.control.set_clock(ClockChange::Virtual { is_virtual: true, now_ms: Some(now_ms) });
    }

    /// The person who signs in from now on.
    pub(super) fn script(&self, person: &str) {
        self.control.script_sign_in(person);
    }

    /// Starts counting from zero.
    pub(super) fn forget(&mut self) {
        self.control.reset_observations();
        self.looked_at = 0;
        self.unanswered.clear();
        self.answered.clear();
    }

    pub(super) fn observations(&self) -> Observations {
        self.control.observations()
    }

    /// Requests that wait inside the server, for a release or for its clock.
    pub(super) fn resting(&self) -> u32 {
        let seen = self.observations();
        u32::try_from(seen.held + seen.sleeping).unwrap_or(u32::MAX)
    }

    /// Requests that the server works on.
    pub(super) fn working(&self) -> u64 {
        self.observations().in_flight
    }

    /// When a request that sleeps in the server wakes.
    pub(super) fn next_wake(&self) -> Option<u64> {
        let at_ms = self.control.next_wake_ms()?;
        let now_ms = self.wall_ms().saturating_add_signed(self.shift_ms);
        Some(self.now_ms + at_ms.saturating_sub(now_ms))
    }

    /// Looks from now on for a request to this endpoint.
    pub(super) fn watch_for(&mut self, endpoint: Endpoint) {
        let (requests, answers) = self.traffic(endpoint);
        self.watched = Some((endpoint, requests, answers));
    }

    /// Whether a request to the watched endpoint came since, and rests in the server.
    pub(super) fn holds_the_watched(&self) -> bool {
        let came = |(endpoint, requests, _): (Endpoint, u64, u64)| self.traffic(endpoint).0 > requests;
        self.watched.is_some_and(came) && self.observations().held > 0
    }

    /// Whether a request to the watched endpoint was answered since.
    pub(super) fn answered_the_watched(&self) -> bool {
        self.watched.is_some_and(|(endpoint, _, answers)| self.traffic(endpoint).1 > answers)
    }

    /// How many requests an endpoint got, and how many of them it answered.
    fn traffic(&self, endpoint: Endpoint) -> (u64, u64) {
        let seen = self.observations();
        let requests = seen.requests.get(&endpoint);
        requests.map_or((0, 0), |requests| (requests.total, requests.by_status.values().sum()))
    }

    /// Requests by endpoint.
    pub(super) fn requests(&self) -> BTreeMap<String, u64> {
        let requests = self.observations().requests;
        requests.into_iter().map(|(endpoint, requests)| (endpoint.name().to_owned(), requests.total)).collect()
    }

    /// The next request that was answered, with its status.
    pub(super) fn next_answer(&mut self) -> Option<(Endpoint, String)> {
        if self.answered.is_empty() {
            self.read_journal();
        }
        self.answered.pop_front()
    }

    fn read_journal(&mut self) {
        let journal = self.control.requests();
        self.unanswered.extend(self.looked_at..journal.len());
        self.looked_at = journal.len();
        let answered = &mut self.answered;
        self.unanswered.retain(|place| match journal.get(*place).map(|record| (record.endpoint, &record.status)) {
            Some((endpoint, Some(status))) => {
                answered.push_back((endpoint, status.clone()));
                false
            }
            Some((_, None)) => true,
            None => false,
        });
    }

    /// Carries out a step of the server's.
    pub(super) fn step(&mut self, step: &ServerStep) -> Result<(), PlayError> {
        let control = &self.control;
        let done: Result<(), Refused> = match step {
            ServerStep::ChangeSecret(change) => {
                control.secret(SecretChange::Change { keep_old: change.keep_old, nodes: change.nodes.clone() })
            }
            ServerStep::AcceptOldSecret(on) => control.secret(SecretChange::AcceptOldAgain { nodes: on.nodes.clone() }),
            ServerStep::RotateJwks(rotate) => {
                control.secret(SecretChange::RotateJwks { keep_old: rotate.keep_old, nodes: rotate.nodes.clone() })
            }
            ServerStep::RestoreJwks(on) => control.secret(SecretChange::RestoreJwks { nodes: on.nodes.clone() }),
            ServerStep::Nodes(nodes) => control.set_nodes(*nodes),
            ServerStep::Redis(step) => {
                control.fail_with_the_store(step.failing, step.person.as_deref());
                match (&mut self.redis, step.state) {
                    (Some((redis, _)), RedisState::Killed) => redis.kill()?,
                    (Some((redis, _)), RedisState::Started) => redis.start_again()?,
                    (None, _) => {}
                }
                Ok(())
            }
            ServerStep::SessionStore(change) => {
                control.session_store(change);
                Ok(())
            }
            ServerStep::RejectAll(RejectAll { status, legacy: true }) => {
                control.set_fault(Fault::reject_all_legacy(*status))
            }
            ServerStep::RejectAll(RejectAll { legacy: false, .. }) => control.set_fault(Fault::reject_all()),
            ServerStep::Fault(fault) => match Fault::try_from(fault.settings.clone()) {
                Ok(settings) => control.set_named_fault(&fault.name, settings),
                Err(message) => return Err(PlayError::Server(message)),
            },
            ServerStep::ClearFaults(ClearFaults { name: Some(name) }) => match control.clear_fault(name) {
                true => Ok(()),
                false => return Err(PlayError::Server(format!("there is no fault `{name}` to clear"))),
            },
            ServerStep::ClearFaults(ClearFaults { name: None }) => {
                control.clear_faults();
                Ok(())
            }
            ServerStep::WipeSessions => {
                control.wipe_sessions();
                Ok(())
            }
            ServerStep::RevokeSessions(revoke) => {
                control.revoke_sessions(&revoke.person, revoke.device_keys);
                Ok(())
            }
            ServerStep::Release(release) => {
                match release.count {
                    Some(count) => control.release_oldest(count.into()),
                    None => control.release(),
                };
                Ok(())
            }
            ServerStep::Clock(shift) => {
                self.shift_ms += shift.millis();
                self.set_clock();
                Ok(())
            }
        };
        done.map_err(|refused| PlayError::Server(refused.to_string()))
    }
}

fn config(server: &Server) -> Config {
    Config {
        access_token_lifetime: millis(server.access_tokens_live.0) / 1000,
        rotation: match server.rotation {
            Rotation::Strict => mainstay_mock_server::Rotation::Strict,
            Rotation::Grace => mainstay_mock_server::Rotation::Grace,
            Rotation::UntilUsed => mainstay_mock_server::Rotation::UntilUsed,
            Rotation::Off => mainstay_mock_server::Rotation::Off,
        },
        grace_seconds: millis(server.grace.0) / 1000,
        refresh_tokens: match server.refresh_tokens {
            RefreshTokens::Opaque => mainstay_mock_server::RefreshTokens::Opaque,
            RefreshTokens::Signed => mainstay_mock_server::RefreshTokens::Signed,
        },
        algorithm: match server.signed_with {
            SignedWith::Secret => Algorithm::Hs256,
            SignedWith::KeySet => Algorithm::Es256,
        },
        id_token_on_refresh: server.id_token_on_refresh,
        rejection: rejection(&server.rejection),
        ..Config::default()
    }
}

fn rejection(rejection: &Rejection) -> mainstay_mock_server::Rejection {
    match rejection.style {
        RejectionStyle::Standard => mainstay_mock_server::Rejection::Standard,
        RejectionStyle::Legacy => mainstay_mock_server::Rejection::Legacy {
            status: rejection.status,
            content_type: rejection.content_type.clone(),
            body: rejection.body.clone(),
        },
    }
}
