//! What the world knows for certain, to hold the core's decisions against. None of it comes from the core.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use mainstay_core::{
    Code, Effect, Event, Generation, HoldCause, IdentityProof, NewGeneration, Opened, Outcome, ProbeOutcome,
    RejectionClass, State, Timestamp, TokenOutcome,
};

use super::step::Step;

/// What the session asked for last, and nobody has answered.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub attempt: u32,
    pub generation: Option<u64>,
    pub by_person: bool,
    pub overdue_at: Timestamp,
}

/// What was issued under a generation's number.
#[derive(Clone, Copy, Debug)]
pub struct Issued {
    pub expires_at: Option<Timestamp>,
    pub has_refresh_token: bool,
    pub identity: IdentityProof,
    pub foreign: bool,
}

/// What goes back to what was stored last when the process dies.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memories {
    /// Real time since when a person is needed.
    pub person_needed_since: Option<u64>,
    /// Silent re-authentication was refused, and no credentials came since.
    pub reauthentication_refused: bool,
    pub revoked: bool,
}

/// DESIGN.md section 6: the first automatic attempt after a rejection waits a random time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Spread {
    #[default]
    NotNeeded,
    Owed,
    Until(Timestamp),
}

#[derive(Debug, Default)]
pub struct Ledger {
    pub issued: BTreeMap<u64, Issued>,
    /// Generations whose access token came with an earlier one. Whatever is known about access tokens below goes by the
    /// first generation that held them.
    first: BTreeMap<u64, u64>,
    /// Access tokens that a server rejected, and none accepted since.
    pub rejected: BTreeSet<u64>,
    /// Those of them that the session must remember, so that it hands none of them out.
    pub withheld: BTreeSet<u64>,
    /// Access tokens that a server accepted.
    pub accepted: BTreeSet<u64>,
    /// Access tokens of which the probe told the session that they are nobody else's.
    pub vouched: BTreeSet<u64>,
    /// The same, by whenever the answer came: the vault knows them.
    pub proven: BTreeSet<u64>,
    /// Access tokens of which the probe named somebody else.
    pub disowned: BTreeSet<u64>,
    /// Generations whose refresh token the authorization server refused, with a reason or six times without.
    pub refused: BTreeSet<u64>,
    pub memories: Memories,
    /// Real times of refusals without a reason, since anything else was heard.
    unreasoned: VecDeque<u64>,
    /// Prompts since a token was accepted.
    pub prompts: u32,
    pub asked: Option<Asked>,
    /// The random wait before the first automatic call of this episode.
    spread: Spread,
    /// Such a call was made before that wait was over.
    pub called_without_spread: bool,
    /// Times of automatic probes, and of new credentials.
    pub probes: VecDeque<Timestamp>,
    pub arrivals: VecDeque<Timestamp>,
    pub calls: VecDeque<Timestamp>,
}

impl Ledger {
    /// What an event taught, before anything is done about it. Returns whether a person asked for what follows.
    pub fn learn(&mut self, step: &Step) -> bool {
        let by_person = self.asked.is_some_and(|asked| asked.by_person);
        self.learn_event(step);
        self.forget_asked(step);
        self.learn_spread(step);
        if !matches!(step.after.state, State::Starting | State::Locked { .. }) {
            // Two generations are remembered: the newest, and the last one known to be good.
            let remembered = [step.after.generation, step.after.previous];
            let remembered = remembered.map(|kept| kept.map(|kept| self.token(kept.number())));
            self.withheld.retain(|token| remembered.contains(&Some(*token)));
        }
        if step.before.in_episode && !step.after.in_episode {
            (self.memories.reauthentication_refused, self.memories.revoked) = (false, false);
        }
        match step.after.state {
            State::SignInRequired { .. } => {
                self.memories.person_needed_since = self.memories.person_needed_since.or(Some(step.real))
            }
            State::Starting | State::Locked { .. } | State::SignedOut { .. } => {}
            _ => self.memories.person_needed_since = None,
        }
        let answers = matches!(step.event, Event::AttemptEnded { .. } | Event::Tick);
        matches!(step.event, Event::TryNow) || (by_person && self.asked.is_none() && answers)
    }

    /// When an episode begins with a rejection, its first automatic call owes a random wait. What brings that wait forward
    /// draws anew: a call that waits, a network that came back, a healthy server. A person need not wait.
    fn learn_spread(&mut self, step: &Step) {
        // Elsewhere whatever is asked has a time of its own: a token's deadline, an hourly schedule with jitter.
        let elsewhere = !matches!(step.after.state, State::Recovering { .. } | State::Holding { .. });
        let begins = !step.before.in_episode && step.after.in_episode && matches!(step.event, Event::Rejected(_));
        let drawn = step.effects.iter().find_map(|effect| match effect {
            Effect::Note(note) if note.code == Code::StepSpread => note.until,
            _ => None,
        });
        let hurried = matches!(
            step.event,
            Event::CallWaiting | Event::NetworkChanged { .. } | Event::StatusRead { .. } | Event::TryNow
        );
        // Asked once more without its scopes, or with new metadata, a request that was in flight is the same request.
        use TokenOutcome::{Configuration, InvalidScope};
        let again = matches!(
            step.event,
            Event::AttemptEnded {
                outcome: Outcome::Refresh(InvalidScope | Configuration) | Outcome::Rediscovered { .. },
                ..
            }
        );
        let by_person = matches!(step.event, Event::TryNow) && !matches!(step.before.state, State::SignedIn { .. });
        // What is asked about credentials that came meanwhile, by a late answer or another process, is about those.
        let newer = step.before.generation != step.after.generation;
        self.spread = match (self.spread, drawn) {
            _ if !step.after.in_episode || by_person || again || elsewhere || newer => Spread::NotNeeded,
            (_, Some(until)) => Spread::Until(until),
            _ if begins => Spread::Owed,
            (Spread::Until(_), None) if hurried => Spread::NotNeeded,
            (spread, None) => spread,
        };
    }

    /// The same access token under a newer number.
    pub fn extended(&mut self, of: u64, number: u64) {
        let issued = Issued { has_refresh_token: true, ..self.issued[&of] };
        self.issued.insert(number, issued);
        self.first.insert(number, self.token(of));
    }

    /// The access token of a generation, by the first that held it.
    pub fn token(&self, number: u64) -> u64 {
        self.first.get(&number).copied().unwrap_or(number)
    }

    /// The vault does not say that this generation's access token is an older one's.
    pub fn found_anew(&mut self, number: u64) {
        let Some(token) = self.first.remove(&number) else { return };
        for set in [&mut self.rejected, &mut self.accepted, &mut self.vouched, &mut self.proven] {
            if set.contains(&token) {
                set.insert(number);
            }
        }
    }

    fn share_token(&self, held: u64, other: Generation) -> bool {
        self.token(held) == self.token(other.number())
    }

    /// The process died.
    pub fn restarted(&mut self, clock_jumped: bool) {
        (self.asked, self.spread) = (None, Spread::NotNeeded);
        if clock_jumped {
            self.probes.clear();
            self.calls.clear();
            self.arrivals.clear();
            // Nobody knows any more how long a token lives.
            self.issued.values_mut().for_each(|issued| issued.expires_at = None);
        }
    }

    /// The process died before it could store what it had just learned.
    pub fn memory_not_kept(&mut self) {
        self.withheld.clear();
        // Nor does it know any more what was accepted last.
        self.rejected.extend(&self.accepted);
    }

    /// The vault came back without what the session remembered.
    pub fn memory_lost(&mut self) {
        (self.prompts, self.memories) = (0, Memories::default());
        self.withheld.clear();
    }

    fn learn_event(&mut self, step: &Step) {
        let held = step.before.generation.map(Generation::number);
        match step.event {
            Event::Rejected(rejection) if rejection.own_audience && blames_the_token(rejection.class) => {
                let known = [step.before.generation, step.before.previous].into_iter().flatten();
                let known = known.map(Generation::number).any(|held| self.share_token(held, rejection.generation));
                if known && listens(step.before.state) {
                    self.reject(self.token(rejection.generation.number()), rejection.class, held);
                }
            }
            Event::Accepted { generation } if held.is_some_and(|held| self.share_token(held, *generation)) => {
                self.accepted.insert(self.token(generation.number()));
                self.prompts = 0;
            }
            Event::SignedIn(new) | Event::GenerationFound(new) => self.arrived(*new, step),
            Event::AttemptEnded { attempt, outcome } => self.learn_outcome(*attempt, outcome, step),
            // Whoever signs in next begins anew.
            Event::VaultOpened(Opened::MovedAside | Opened::Empty | Opened::SignedOut(_)) => self.prompts = 0,
            Event::SignOut(_) => {
                let (issued, first) = (std::mem::take(&mut self.issued), std::mem::take(&mut self.first));
                *self = Self { issued, first, ..Self::default() };
            }
            _ => {}
        }
    }

    fn reject(&mut self, token: u64, class: RejectionClass, held: Option<u64>) {
        self.rejected.insert(token);
        self.withheld.insert(token);
        let own = held.is_some_and(|held| self.token(held) == token);
        self.memories.revoked |= class == RejectionClass::SessionRevoked && own;
    }

    fn arrived(&mut self, new: NewGeneration, step: &Step) {
        self.arrivals.push_back(step.now);
        self.unreasoned.clear();
        if step.before.generation.is_none_or(|held| held < new.generation) {
            (self.memories.reauthentication_refused, self.memories.revoked) = (false, false);
        }
    }

    fn learn_outcome(&mut self, attempt: u32, outcome: &Outcome, step: &Step) {
        let asked = self.asked.filter(|asked| asked.attempt == attempt);
        if let Outcome::Refresh(TokenOutcome::Renewed(new) | TokenOutcome::Adopted(new))
        | Outcome::Reauthentication(TokenOutcome::Renewed(new) | TokenOutcome::Adopted(new)) = outcome
            && step.before.generation.is_none_or(|held| held < new.generation)
        {
            self.arrivals.push_back(step.now);
            self.unreasoned.clear();
        }
        let Some(asked) = asked else { return };
        match (outcome, asked.generation) {
            (Outcome::Probe(found), Some(number)) => self.learn_probe(number, *found, step),
            (Outcome::Refresh(found), Some(number)) => match found {
                TokenOutcome::Refused { revoked } => {
                    self.refused.insert(number);
                    self.memories.revoked |= revoked;
                }
                TokenOutcome::InvalidScope => {
                    self.refused.insert(number);
                }
                TokenOutcome::Unreasoned => self.refused_without_reason(Some(number), step.real),
                TokenOutcome::Transient { .. } | TokenOutcome::Malformed => self.unreasoned.clear(),
                _ => {}
            },
            (Outcome::Reauthentication(found), _) => match found {
                TokenOutcome::Refused { revoked } => {
                    self.memories.reauthentication_refused = true;
                    self.memories.revoked |= revoked;
                }
                TokenOutcome::InvalidScope => self.memories.reauthentication_refused = true,
                TokenOutcome::Unreasoned => self.refused_without_reason(None, step.real),
                _ => {}
            },
            _ => {}
        }
    }

    fn refused_without_reason(&mut self, refresh_of: Option<u64>, real: u64) {
        self.unreasoned.push_back(real);
        let span = real - self.unreasoned[0];
        if self.unreasoned.len() >= 6 && span >= 30 * 60_000 {
            match refresh_of {
                Some(number) => {
                    self.refused.insert(number);
                }
                None => self.memories.reauthentication_refused = true,
            }
        }
    }

    fn learn_probe(&mut self, number: u64, found: ProbeOutcome, step: &Step) {
        let token = self.token(number);
        match found {
            ProbeOutcome::Accepted { .. } => {
                self.accepted.insert(token);
                self.vouched.insert(token);
                self.rejected.remove(&token);
                self.withheld.remove(&token);
                self.prompts = 0;
            }
            ProbeOutcome::Rejected(class) if blames_the_token(class) => {
                self.reject(token, class, step.before.generation.map(Generation::number));
                if !listens(step.before.state) {
                    self.withheld.remove(&token);
                }
            }
            ProbeOutcome::Foreign => {
                self.disowned.insert(token);
            }
            ProbeOutcome::Rejected(_) | ProbeOutcome::Silent => {}
        }
    }

    /// When the session stops waiting for an answer.
    fn forget_asked(&mut self, step: &Step) {
        let newer = |new: &NewGeneration| step.before.generation.is_none_or(|held| held < new.generation);
        let over = match step.event {
            Event::AttemptEnded { attempt, .. } => {
                self.asked.is_some_and(|asked| asked.attempt == *attempt)
                    || step.before.generation != step.after.generation
            }
            Event::SignedIn(new) | Event::GenerationFound(new) => newer(new),
            Event::Tick => self.asked.is_some_and(|asked| asked.overdue_at <= step.now),
            Event::ForeignIdentity(_) => !matches!(step.before.state, State::Quarantined { .. }),
            Event::SignOut(_) => true,
            _ => false,
        };
        if over {
            self.asked = None;
        }
    }

    /// Something was really asked for.
    pub fn learn_effect(&mut self, effect: &Effect, now: Timestamp, by_person: bool) {
        let (attempt, generation, seconds) = match *effect {
            Effect::Probe { attempt, generation, .. } => (attempt, Some(generation.number()), 30),
            Effect::Refresh { attempt, generation, .. } => (attempt, Some(generation.number()), 90),
            Effect::Reauthenticate { attempt } => (attempt, None, 90),
            Effect::Rediscover { attempt } => (attempt, None, 30),
            Effect::Prompt { .. } => {
                self.prompts += 1;
                return;
            }
            _ => return,
        };
        let overdue_at = now.plus(Duration::from_secs(seconds));
        self.asked = Some(Asked { attempt, generation, by_person, overdue_at });
        match effect {
            _ if by_person => {}
            Effect::Probe { .. } => self.probes.push_back(now),
            Effect::Refresh { .. } | Effect::Reauthenticate { .. } => {
                self.calls.push_back(now);
                self.called_without_spread |= match std::mem::take(&mut self.spread) {
                    Spread::NotNeeded => false,
                    Spread::Owed => true,
                    Spread::Until(at) => now < at,
                };
            }
            _ => {}
        }
        let an_hour_ago = Timestamp::from_millis(now.as_millis().saturating_sub(3_600_000));
        for times in [&mut self.probes, &mut self.arrivals, &mut self.calls] {
            while times.front().is_some_and(|at| *at < an_hour_ago) {
                times.pop_front();
            }
        }
    }
}

/// In quarantine, and while nodes disagree, the app's own calls prove nothing.
fn listens(state: State) -> bool {
    !matches!(state, State::Quarantined { .. } | State::Holding { cause: HoldCause::Flapping, .. })
}

/// DESIGN.md section 4: a 403, a step-up or a nonce is never a session matter.
pub fn blames_the_token(class: RejectionClass) -> bool {
    !matches!(class, RejectionClass::Forbidden | RejectionClass::StepUp | RejectionClass::UseDpopNonce)
}
