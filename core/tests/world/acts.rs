//! What happens in a history.

use std::time::Duration;

use mainstay_core::{
    Answer, Event, ForeignBy, Generation, IdentityProof, Rejection, RejectionClass, SignedOutReason, State,
};

use super::{
    World,
    history::{Action, Host, Other, Person, Token},
    promises::{Broken, Promise},
    server::Said,
};

impl World {
    pub(super) fn act(&mut self, number: usize, action: Action) -> Result<(), Broken> {
        match action {
            Action::Wait(millis) => self.pass(millis),
            Action::Calls { calls, connection_known } => self.calls(number, calls, connection_known),
            Action::Rejected { class, own_audience, older } => self.rejected(number, class, own_audience, older),
            Action::AcceptedLate => self.accepted_late(number),
            Action::RenewEarly => self.tell(number, Event::RenewEarly),
            Action::AnotherAudience => self.another_audience(number),
            Action::AuthorizationServer(mood) => {
                self.servers.set_token(mood);
                Ok(())
            }
            Action::ResourceServer(mood) => {
                self.servers.set_resource(mood);
                Ok(())
            }
            Action::Server(upheaval) => {
                self.servers.change(upheaval);
                Ok(())
            }
            Action::Person(person) => self.person(number, person),
            Action::OtherProcess(other) => self.other_process(number, other),
            Action::Host(host) => self.host(number, host),
            Action::Status { healthy, spread } => {
                let spread = spread.map(|seconds| Duration::from_secs(seconds.into()));
                self.tell(number, Event::StatusRead { healthy, spread })
            }
            Action::Signal(signal) => self.tell(number, Event::Signal(signal)),
            Action::Echo(by) => self.tell(number, Event::ForeignIdentity(by)),
            Action::Crash(crash) => {
                match crash.in_step {
                    Some(effects) => self.dies_after = Some((effects, crash)),
                    None => self.crash(crash),
                }
                Ok(())
            }
        }
    }

    // ---- the app -------------------------------------------------------------------------------------------------

    /// The app makes calls a second apart, each with the token it is given.
    pub(super) fn calls(&mut self, number: usize, calls: u8, connection_known: bool) -> Result<(), Broken> {
        for _ in 0..calls {
            let now = self.now();
            match self.accounts[number].session.answer(now) {
                Answer::Token(generation) if self.network => self.call(number, generation, connection_known)?,
                _ => self.tell(number, Event::CallWaiting)?,
            }
            self.pass(1000)?;
        }
        Ok(())
    }

    fn call(&mut self, number: usize, generation: Generation, connection_known: bool) -> Result<(), Broken> {
        match self.servers.answer_call((number, generation.number()), self.real, &mut self.chance) {
            Said::Yes => self.tell(number, Event::Accepted { generation }),
            Said::No(class) => {
                let rejection = Rejection { generation, own_audience: true, class, connection_known };
                self.tell(number, Event::Rejected(rejection))
            }
            Said::SomebodyElse => self.tell(number, Event::ForeignIdentity(ForeignBy::IdentityEcho)),
            Said::Nothing => Ok(()),
        }
    }

    /// A refresh for another audience brings one more token, and leaves the session's own as it is.
    fn another_audience(&mut self, number: usize) -> Result<(), Broken> {
        let Some(of) = self.accounts[number].vault.newest() else { return Ok(()) };
        let newest = self.accounts[number].session.generation().is_some_and(|held| held.number() == of);
        if newest && self.may_refresh_aside(number, of) {
            self.servers.spend((number, of));
            let new = self.extend(number, of);
            return self.tell(number, Event::Extended(new));
        }
        Ok(())
    }

    /// Whether a refresh beside the session's own succeeds.
    fn may_refresh_aside(&self, number: usize, of: u64) -> bool {
        let idle = self.accounts[number].vault.intent.is_none();
        let able = self.network && !self.disk_full && !self.lock_held && idle && self.servers.token == Token::Well;
        able && self.servers.is_refreshable((number, of))
    }

    fn rejected(&mut self, number: usize, class: RejectionClass, own: bool, older: bool) -> Result<(), Broken> {
        let session = &self.accounts[number].session;
        let generation = if older { session.previous_generation() } else { session.generation() };
        let generation = generation.unwrap_or(Generation::FIRST);
        let rejection = Rejection { generation, own_audience: own, class, connection_known: true };
        self.tell(number, Event::Rejected(rejection))
    }

    /// An answer to a call that was made long ago.
    fn accepted_late(&mut self, number: usize) -> Result<(), Broken> {
        let session = &self.accounts[number].session;
        let generation = session.previous_generation().or(session.generation()).unwrap_or(Generation::FIRST);
        self.tell(number, Event::Accepted { generation })
    }

    // ---- people --------------------------------------------------------------------------------------------------

    fn person(&mut self, number: usize, person: Person) -> Result<(), Broken> {
        match person {
            Person::SignsIn(proof) => self.sign_in(number, proof),
            Person::Taps => self.tap(number),
            Person::SignsOut(reason) => {
                self.accounts[number].vault.sign_out(reason);
                self.tell(number, Event::SignOut(reason))
            }
        }
    }

    /// A person signs in. While the vault is closed this makes a new one, and moves the old one aside.
    pub(super) fn sign_in(&mut self, number: usize, proof: IdentityProof) -> Result<(), Broken> {
        if !self.network {
            return Ok(());
        }
        let account = &mut self.accounts[number];
        match account.session.state() {
            State::Starting => return Ok(()),
            State::Locked { .. } => {
                account.vault.move_aside();
                account.ledger.memory_lost();
            }
            _ => {}
        }
        if account.vault.signed_out.take().is_some() {
            // What the sign-out could not destroy any more is of an older epoch.
            account.vault.generations.clear();
        }
        let life = self.tokens.life;
        self.tokens.life = life.or(Some(3600));
        let new = self.issue(number, proof, false);
        self.tokens.life = life;
        self.tell(number, Event::SignedIn(new))
    }

    /// A tap on "try now". Its limit shows a countdown of at most 60 s (P13).
    fn tap(&mut self, number: usize) -> Result<(), Broken> {
        let now = self.now();
        match self.accounts[number].session.tap(now) {
            Ok(()) => self.tell(number, Event::TryNow),
            Err(at) if at.since(now) > Duration::from_secs(60) => {
                Err(Broken { promise: Promise::P13, how: format!("a countdown of {:?}", at.since(now)) })
            }
            Err(_) => Ok(()),
        }
    }

    // ---- everybody else --------------------------------------------------------------------------------------------

    fn other_process(&mut self, number: usize, other: Other) -> Result<(), Broken> {
        match other {
            Other::SignsOut => {
                let account = &mut self.accounts[number];
                account.vault.sign_out(SignedOutReason::OtherProcess);
                account.vault.generations.clear();
                self.tell(number, Event::SignOut(SignedOutReason::OtherProcess))
            }
            Other::FindsForeign => self.tell(number, Event::ForeignIdentity(ForeignBy::OtherProcess)),
            Other::Renews { heard } => self.other_process_renews(number, heard),
        }
    }

    fn other_process_renews(&mut self, number: usize, heard: bool) -> Result<(), Broken> {
        let Some(of) = self.accounts[number].vault.newest() else { return Ok(()) };
        if !self.may_refresh_aside(number, of) {
            return Ok(());
        }
        self.servers.spend((number, of));
        let proof = self.tokens.proof;
        let new = self.issue(number, proof, false);
        if heard { self.tell(number, Event::GenerationFound(new)) } else { Ok(()) }
    }

    fn host(&mut self, number: usize, host: Host) -> Result<(), Broken> {
        match host {
            Host::Network(online) => {
                self.network = online;
                (0..self.accounts.len()).try_for_each(|number| self.tell(number, Event::NetworkChanged { online }))
            }
            Host::Disk { full } => {
                self.disk_full = full;
                Ok(())
            }
            Host::Lock { held } => {
                self.lock_held = held;
                Ok(())
            }
            Host::DeviceKey(can) => {
                let account = &mut self.accounts[number];
                account.policy.can_reauthenticate = can;
                account.session.set_can_reauthenticate(can);
                // Said anew as soon as it is known.
                account.said = Some(account.session.next(&self.pacing));
                Ok(())
            }
        }
    }
}
