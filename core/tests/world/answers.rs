//! What comes of what a session asked for.

use std::{collections::BTreeSet, time::Duration};

use mainstay_core::{
    Event, Generation, IdentityProof, NewGeneration, Opened, Outcome, ProbeOutcome, State, TokenOutcome,
};

use super::{Asked, Pending, World, history, history::Token, promises::Broken, server::Said, vault::Stored};

impl World {
    /// An answer arrives, if it does.
    pub(super) fn answer(&mut self, number: usize, pending: Pending) -> Result<(), Broken> {
        let event = match pending.asked {
            Asked::Open => self.open(number).map(Event::VaultOpened),
            Asked::SetAside => {
                let account = &mut self.accounts[number];
                if !matches!(account.session.state(), State::Starting | State::Locked { .. }) {
                    // Somebody signed in meanwhile: what is there now is new.
                    return Ok(());
                }
                account.opening = history::Vault::Fine;
                account.vault.move_aside();
                // A sign-out needs no key to be seen.
                let signed_out = account.vault.signed_out.map(Opened::SignedOut);
                Some(Event::VaultOpened(signed_out.unwrap_or(Opened::MovedAside)))
            }
            Asked::Probe { attempt, generation } => {
                let outcome = Outcome::Probe(self.probe(number, generation));
                Some(Event::AttemptEnded { attempt, outcome })
            }
            Asked::Refresh { attempt, generation, with_scope } => {
                let outcome = self.refresh(number, generation, with_scope, pending.epoch);
                outcome.map(|found| Event::AttemptEnded { attempt, outcome: Outcome::Refresh(found) })
            }
            Asked::Reauthenticate { attempt } => {
                let outcome = self.reauthenticate(number, pending.epoch);
                outcome.map(|found| Event::AttemptEnded { attempt, outcome: Outcome::Reauthentication(found) })
            }
            Asked::Rediscover { attempt } => {
                let changed = matches!(self.servers.token, Token::Misconfigured { rediscovery_helps: true });
                if changed {
                    self.servers.misconfigured = false;
                }
                Some(Event::AttemptEnded { attempt, outcome: Outcome::Rediscovered { changed } })
            }
            Asked::Status => {
                let healthy = match self.servers.token {
                    Token::Well => Some(true),
                    Token::Anything => None,
                    _ => Some(false),
                };
                self.network.then_some(Event::StatusRead { healthy, spread: None })
            }
            Asked::Save { generation } => self.save(number, generation),
        };
        event.map_or(Ok(()), |event| self.tell(number, event))
    }

    fn open(&mut self, number: usize) -> Option<Opened> {
        use history::Vault as V;
        let now = self.now();
        let account = &mut self.accounts[number];
        let (opened, next) = match account.opening {
            V::Fine => (Some(account.vault.open(now, true, !account.uncertain)), V::Fine),
            V::WithoutSnapshot => {
                account.vault.snapshot = None;
                account.ledger.memory_lost();
                let proven = |stored: &Stored| stored.identity != IdentityProof::Unverified;
                let of_proven = account.vault.generations.iter().filter(|(_, stored)| proven(stored));
                let of_proven: BTreeSet<_> = of_proven.map(|(number, _)| account.ledger.token(*number)).collect();
                account.ledger.vouched.retain(|token| of_proven.contains(token));
                if let Some(newest) = account.vault.newest() {
                    account.ledger.found_anew(newest);
                }
                (Some(account.vault.open(now, false, !account.uncertain)), V::Fine)
            }
            V::Locked { times, reason } => {
                let next = if times > 1 { V::Locked { times: times - 1, reason } } else { V::Fine };
                (Some(Opened::Locked(reason)), next)
            }
            V::Unreadable { times: history::FOR_GOOD } => (Some(Opened::Unreadable), account.opening),
            V::Unreadable { times } => {
                (Some(Opened::Unreadable), if times > 1 { V::Unreadable { times: times - 1 } } else { V::Fine })
            }
            V::Hangs => (None, V::Fine),
        };
        account.opening = next;
        opened
    }

    fn probe(&mut self, number: usize, generation: Generation) -> ProbeOutcome {
        if !self.network {
            return ProbeOutcome::Silent;
        }
        let on_fresh_connection = self.accounts[number].policy.fresh_connections;
        match self.servers.answer_probe((number, generation.number()), self.real, &mut self.chance) {
            Said::Yes => {
                let account = &mut self.accounts[number];
                account.ledger.proven.insert(account.ledger.token(generation.number()));
                // A write that fails, or a crash, loses the proof.
                if let Some(stored) = account.vault.generations.get_mut(&generation.number())
                    && stored.identity == IdentityProof::Unverified
                    && self.chance.below(8) != 0
                {
                    stored.identity = IdentityProof::Verified;
                }
                ProbeOutcome::Accepted { on_fresh_connection }
            }
            Said::No(class) => ProbeOutcome::Rejected(class),
            Said::Nothing => ProbeOutcome::Silent,
            Said::SomebodyElse => ProbeOutcome::Foreign,
        }
    }

    // ---- token requests ------------------------------------------------------------------------------------------

    /// A refresh, as the driver does it: under the lock, after another look into the vault. `None` if no answer comes.
    fn refresh(&mut self, number: usize, of: Generation, with_scope: bool, epoch: u32) -> Option<TokenOutcome> {
        let account = &self.accounts[number];
        if account.vault.epoch != epoch {
            return Some(TokenOutcome::Transient { retry_after: None, lost: false });
        }
        if self.lock_held {
            return Some(TokenOutcome::LockBusy);
        }
        if let Some(newest) = account.vault.newest().filter(|newest| *newest > of.number()) {
            return Some(TokenOutcome::Adopted(self.found(number, newest)));
        }
        if self.disk_full {
            return Some(TokenOutcome::StorageFull);
        }
        let key = (number, of.number());
        let grant_lives = self.servers.is_refreshable(key);
        let mood = self.token_mood(with_scope);
        let found = match mood {
            Token::Well | Token::MixesUp | Token::Cached if !grant_lives => {
                Some(TokenOutcome::Refused { revoked: false })
            }
            Token::Well => {
                self.servers.spend(key);
                let proof = self.tokens.proof;
                Some(TokenOutcome::Renewed(self.issue(number, proof, false)))
            }
            Token::MixesUp => {
                self.servers.spend(key);
                Some(TokenOutcome::Renewed(self.issue(number, IdentityProof::Unverified, true)))
            }
            Token::Loses | Token::Malformed | Token::NamesAnother => {
                self.servers.spend(key);
                self.unhappy(mood)
            }
            // A proxy's own 5xx: behind it the server may have acted.
            Token::Down { retry_after } if self.network && self.chance.below(2) == 0 => {
                if self.chance.below(3) == 0 {
                    self.servers.spend(key);
                }
                let retry_after = retry_after.map(|seconds| Duration::from_secs(seconds.into()));
                return Some(TokenOutcome::Transient { retry_after, lost: true });
            }
            _ => self.unhappy(mood),
        };
        // The intent stays open where nobody knows what the server made of the request.
        let unknown = matches!(mood, Token::Loses | Token::Malformed | Token::Hangs | Token::NamesAnother);
        if !unknown {
            self.accounts[number].vault.intent = None;
        }
        found
    }

    fn reauthenticate(&mut self, number: usize, epoch: u32) -> Option<TokenOutcome> {
        if self.accounts[number].vault.epoch != epoch || !self.accounts[number].policy.can_reauthenticate {
            return Some(TokenOutcome::Refused { revoked: false });
        }
        match self.token_mood(true) {
            Token::Well | Token::MixesUp | Token::Cached => {
                Some(TokenOutcome::Renewed(self.issue(number, IdentityProof::Verified, false)))
            }
            Token::RefusesScopes { .. } => Some(TokenOutcome::InvalidScope),
            mood => self.unhappy(mood),
        }
    }

    /// The mood of this one answer, network and configuration included.
    fn token_mood(&mut self, with_scope: bool) -> Token {
        if !self.network {
            return Token::Hangs;
        }
        match self.servers.token_mood(&mut self.chance) {
            Token::Misconfigured { .. } if !self.servers.misconfigured => Token::Well,
            Token::RefusesScopes { all: false } if !with_scope => Token::Well,
            mood => mood,
        }
    }

    fn unhappy(&mut self, mood: Token) -> Option<TokenOutcome> {
        use TokenOutcome as T;
        if !self.network {
            return Some(T::Unreachable);
        }
        match mood {
            Token::Refuses { revoked } => Some(T::Refused { revoked }),
            Token::Down { retry_after } => {
                let retry_after = retry_after.map(|seconds| Duration::from_secs(seconds.into()));
                Some(T::Transient { retry_after, lost: false })
            }
            Token::Loses => Some(T::Transient { retry_after: None, lost: true }),
            Token::Unreasoned => Some(T::Unreasoned),
            Token::Misconfigured { .. } => Some(T::Configuration),
            Token::RefusesScopes { .. } => Some(T::InvalidScope),
            Token::Malformed | Token::Cached => Some(T::Malformed),
            Token::NamesAnother => Some(T::Foreign),
            Token::Hangs | Token::Well | Token::MixesUp | Token::Anything => None,
        }
    }

    /// What the vault says about a generation that another process stored.
    pub(super) fn found(&self, number: usize, generation: u64) -> NewGeneration {
        let stored = self.accounts[number].vault.generations[&generation];
        NewGeneration {
            generation: Generation::new(generation).unwrap(),
            lives_for: stored.expires_at.map(|at| at.since(self.now())),
            has_refresh_token: stored.has_refresh_token,
            saved: true,
            identity: stored.identity,
        }
    }

    fn save(&mut self, number: usize, generation: Generation) -> Option<Event> {
        let account = &mut self.accounts[number];
        let (unsaved, stored) = account.unsaved.filter(|_| !self.disk_full)?;
        if unsaved != generation.number() || account.vault.signed_out.is_some() {
            return None;
        }
        account.unsaved = None;
        account.vault.store(unsaved, stored);
        Some(Event::Saved { generation })
    }

    /// What the server makes of requests whose sender died.
    pub(super) fn requests_that_left(&mut self, number: usize) {
        for pending in std::mem::take(&mut self.accounts[number].pending) {
            if let Asked::Refresh { generation, .. } = pending.asked
                && self.network
                && self.servers.token == Token::Well
                && self.chance.below(2) == 0
            {
                self.servers.spend((number, generation.number()));
            }
        }
    }
}
