//! A device with two accounts, its vaults, its servers and its people, against which the core is played.
//!
//! The world performs every effect, sometimes late, sometimes never; it dies in the middle of a step and comes back with
//! what its vault kept, and with a clock that may lie. What it knows for certain ([`ledger`]) is independent of what the
//! core believes, and every step is held against the promises ([`promises`]).

pub mod chance;
pub mod coverage;
pub mod history;
pub mod issuer;
pub mod ledger;
pub mod promises;
pub mod server;
pub mod step;
pub mod vault;

mod acts;
mod answers;
mod finish;
#[cfg(feature = "mutants")]
mod mutants;

use std::collections::BTreeSet;

use mainstay_core::{
    Code, Effect, Event, Generation, IssuerPacing, NewGeneration, Next, Outcome, Policy, Session, Target, Timestamp,
    TokenOutcome,
};

use self::{
    chance::Chance,
    coverage::Coverage,
    history::{ACCOUNTS, Crash, History, Tokens},
    issuer::Issuer,
    ledger::{Issued, Ledger, Memories},
    promises::{Broken, Promise},
    server::{Grant, Servers},
    step::{Step, View},
    vault::{Stored, Vault},
};

/// What a session asked for, on its way.
#[derive(Clone, Copy, Debug)]
struct Pending {
    due: u64,
    epoch: u32,
    asked: Asked,
}

#[derive(Clone, Copy, Debug)]
enum Asked {
    Open,
    SetAside,
    Probe { attempt: u32, generation: Generation },
    Refresh { attempt: u32, generation: Generation, with_scope: bool },
    Reauthenticate { attempt: u32 },
    Rediscover { attempt: u32 },
    Status,
    Save { generation: Generation },
}

/// One account on the device.
#[derive(Debug)]
pub struct Account {
    session: Session,
    policy: Policy,
    vault: Vault,
    /// How the vault behaves at the present start.
    opening: history::Vault,
    pending: Vec<Pending>,
    ledger: Ledger,
    /// Credentials that live in memory only.
    unsaved: Option<(u64, Stored)>,
    /// Generations whose refresh token a foreign successor has spent.
    spent: BTreeSet<u64>,
    /// The clock lied since the snapshot was taken.
    uncertain: bool,
    /// What the stored memory knows: since when a person was needed, and what was refused.
    stored: Memories,
    stored_generation: Option<Generation>,
    /// What the session said last, to happen next.
    said: Option<Next>,
}

pub struct World {
    accounts: Vec<Account>,
    tokens: Tokens,
    servers: Servers,
    pacing: IssuerPacing,
    stored_pacing: IssuerPacing,
    issuer: Issuer,
    chance: Chance,
    /// Real time in milliseconds, and how far the session's time line is off.
    real: u64,
    offset: i64,
    network: bool,
    disk_full: bool,
    lock_held: bool,
    /// Dies after so many effects of the next step.
    dies_after: Option<(u8, Crash)>,
    pub coverage: Coverage,
    /// Every step in words, where somebody wants to read it.
    story: Option<Vec<String>>,
}

const START: u64 = 1_700_000_000_000;

impl World {
    /// A device that starts with one account signed in, and one that never was.
    pub fn new(history: &History, seed: u64) -> Self {
        let real = START;
        let account = |_| Account {
            session: Session::start(history.policy, Timestamp::from_millis(real)).0,
            policy: history.policy,
            vault: Vault::default(),
            opening: history::Vault::Fine,
            pending: vec![Pending { due: real, epoch: 0, asked: Asked::Open }],
            ledger: Ledger::default(),
            unsaved: None,
            spent: BTreeSet::new(),
            uncertain: false,
            stored: Memories::default(),
            stored_generation: None,
            said: None,
        };
        let mut world = Self {
            accounts: (0..ACCOUNTS).map(account).collect(),
            tokens: history.tokens,
            servers: Servers::default(),
            pacing: IssuerPacing::default(),
            stored_pacing: IssuerPacing::default(),
            issuer: Issuer::default(),
            chance: Chance::new(seed | 1),
            real,
            offset: 0,
            network: true,
            disk_full: false,
            lock_held: false,
            dies_after: None,
            coverage: Coverage::default(),
            story: None,
        };
        let proof = history.tokens.proof;
        world.issue(0, proof, false);
        world
    }

    /// Plays a history to its end, and then lets everything be repaired.
    pub fn play(history: &History, seed: u64) -> (Coverage, Result<(), Broken>) {
        let mut world = Self::new(history, seed);
        let played = world.act_out(history);
        (world.coverage, played)
    }

    /// The same, told step by step.
    pub fn tell_story(history: &History, seed: u64) -> String {
        let mut world = Self { story: Some(Vec::new()), ..Self::new(history, seed) };
        let _ = world.act_out(history);
        world.story.unwrap_or_default().join("\n")
    }

    fn act_out(&mut self, history: &History) -> Result<(), Broken> {
        self.pass(1000)?;
        for (account, action) in &history.actions {
            self.act(*account, *action)?;
            self.pass(1)?;
        }
        self.finish()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.real.saturating_add_signed(self.offset))
    }

    // ---- time --------------------------------------------------------------------------------------------------

    /// Lets real time pass: whatever is due happens in its order.
    fn pass(&mut self, millis: u64) -> Result<(), Broken> {
        let end = self.real + millis;
        let (mut at, mut times) = (0, 0);
        while let Some((due, account, what)) = self.next_due().filter(|(due, ..)| *due <= end) {
            self.real = self.real.max(due);
            times = if self.real == at { times + 1 } else { 0 };
            at = self.real;
            if times > 200 {
                let state = self.accounts[account].session.state();
                return Err(Broken {
                    promise: Promise::P7,
                    how: format!("something is due again and again in {state:?}"),
                });
            }
            match what {
                Some(index) => {
                    let pending = self.accounts[account].pending.swap_remove(index);
                    self.answer(account, pending)?;
                }
                None => self.tell(account, Event::Tick)?,
            }
        }
        // A crash on the way may have taken longer.
        self.real = self.real.max(end);
        Ok(())
    }

    /// When the next thing is due, at which account, and whether it is one of its pending requests.
    fn next_due(&self) -> Option<(u64, usize, Option<usize>)> {
        let mut next: Option<(u64, usize, Option<usize>)> = None;
        for (number, account) in self.accounts.iter().enumerate() {
            let wake = account.session.wake_at().map(|at| (at.as_millis().saturating_add_signed(-self.offset), None));
            let pending = account.pending.iter().enumerate().map(|(index, pending)| (pending.due, Some(index)));
            for (due, what) in pending.chain(wake) {
                if next.is_none_or(|(soonest, ..)| due < soonest) {
                    next = Some((due, number, what));
                }
            }
        }
        next
    }

    // ---- one step ----------------------------------------------------------------------------------------------

    /// Tells a session something, holds what it makes of it against the promises, and performs it.
    fn tell(&mut self, number: usize, event: Event) -> Result<(), Broken> {
        let (now, real, entropy) = (self.now(), self.real, self.chance.word());
        let account = &mut self.accounts[number];
        let before = View::of(&account.session, &self.pacing, now);
        let effects = account.session.step(&mut self.pacing, event.clone(), now, entropy);
        let after = View::of(&account.session, &self.pacing, now);
        let policy = account.policy;
        let said = account.said.replace(after.next);
        let step = Step { policy, before, event: &event, said, effects: &effects, after, now, real };
        self.coverage.count(before.state, &event, after.state);
        if let Some(story) = &mut self.story {
            let seconds = (real - START) / 1000;
            story.push(format!("{seconds:>9} s  account {number}, {event:?}\n    did {effects:?}\n    is {after:?}"));
        }
        if let Event::AttemptEnded { attempt, outcome: Outcome::Refresh(found) | Outcome::Reauthentication(found) } =
            &event
            && let TokenOutcome::Transient { retry_after: Some(pause), .. } = found
            && account.ledger.asked.is_some_and(|asked| asked.attempt == *attempt)
        {
            self.issuer.told_to_wait(now, *pause);
        }
        let by_person = account.ledger.learn(&step);
        let verdict = promises::check(&step, account);
        // A token that nobody rejected is renewed at its own time in an open episode as in none.
        let renews = effects.iter().any(|it| matches!(it, Effect::Note(note) if note.code == Code::StepRenewal))
            && effects.iter().any(|effect| matches!(effect, Effect::Refresh { .. }));
        let good = |number| !account.ledger.withheld.contains(&account.ledger.token(number));
        let in_peace = renews && after.generation.map(Generation::number).is_some_and(good);
        let counts = !by_person && (before.failing || (after.in_episode && !in_peace));
        self.perform(number, &effects, by_person, counts);
        let verdict = verdict.and_then(|()| promises::check_load(&effects, &self.accounts[number], &self.issuer));
        verdict.map_err(|broken| Broken {
            how: format!("{}\n  in {before:?}\n  told {event:?}\n  did {effects:?}\n  now {after:?}", broken.how),
            ..broken
        })?;
        if let Some((_, crash)) = self.dies_after.take_if(|(left, _)| *left == 0) {
            self.crash(crash);
        }
        Ok(())
    }

    /// Does what the session wants done, up to the moment of a crash.
    fn perform(&mut self, number: usize, effects: &[Effect], by_person: bool, counts: bool) {
        for effect in effects {
            if let Some((left, _)) = &mut self.dies_after {
                if *left == 0 {
                    if let Effect::Persist = effect {
                        self.accounts[number].ledger.memory_not_kept();
                    }
                    self.issuer.call_not_made(number);
                    return;
                }
                *left -= 1;
            }
            let now = self.now();
            self.accounts[number].ledger.learn_effect(effect, now, by_person);
            if let Effect::Refresh { .. } | Effect::Reauthenticate { .. } = effect {
                self.issuer.learn(number, now, counts);
            }
            if let Some(asked) = self.begin(number, effect) {
                let due = self.real + self.delay(asked);
                let account = &mut self.accounts[number];
                account.pending.push(Pending { due, epoch: account.vault.epoch, asked });
            }
        }
    }

    /// A server whose metadata are asked for again is seldom a quick one; some answers come when nobody remembers.
    fn delay(&mut self, asked: Asked) -> u64 {
        match asked {
            Asked::Rediscover { .. } if self.chance.below(4) == 0 => self.chance.below(10_000_000),
            _ => self.chance.delay(),
        }
    }

    /// Does at once what can be done at once; the rest is on its way.
    fn begin(&mut self, number: usize, effect: &Effect) -> Option<Asked> {
        let account = &mut self.accounts[number];
        match *effect {
            Effect::OpenVault => return Some(Asked::Open),
            Effect::SetVaultAside => return Some(Asked::SetAside),
            Effect::Probe { attempt, generation, .. } => return Some(Asked::Probe { attempt, generation }),
            Effect::Refresh { attempt, generation, with_scope } => {
                if !self.disk_full {
                    account.vault.intent = Some(generation.number());
                }
                return Some(Asked::Refresh { attempt, generation, with_scope });
            }
            Effect::Reauthenticate { attempt } => return Some(Asked::Reauthenticate { attempt }),
            Effect::Rediscover { attempt } => return Some(Asked::Rediscover { attempt }),
            Effect::ReadStatus => return Some(Asked::Status),
            Effect::Save { generation } => return Some(Asked::Save { generation }),
            Effect::Persist => {
                account.vault.snapshot = Some(account.session.snapshot());
                account.uncertain = false;
                account.stored = account.ledger.memories;
                account.stored_generation = account.session.generation();
                self.stored_pacing = self.pacing;
            }
            Effect::Destroy { target, .. } => {
                if let (Target::Generation(_), Some(kept)) = (target, account.session.generation()) {
                    account.spent.insert(kept.number());
                }
                account.vault.destroy(target);
            }
            _ => {}
        }
        None
    }

    /// The process dies. Every session of the device starts anew with what its vault kept.
    fn crash(&mut self, crash: Crash) {
        for number in 0..ACCOUNTS {
            self.requests_that_left(number);
        }
        self.real += crash.gap;
        self.offset += crash.jump;
        let jumped = crash.jump != 0;
        if jumped {
            self.issuer.begin_anew();
        }
        self.issuer.restarted();
        self.pacing = self.stored_pacing;
        (self.disk_full, self.lock_held) = (false, false);
        let now = self.now();
        for account in &mut self.accounts {
            account.ledger.memories = account.stored;
            if let Some(newest) = account.vault.newest()
                && account.stored_generation.is_none_or(|stored| stored.number() != newest)
            {
                account.ledger.found_anew(newest);
            }
            account.ledger.restarted(jumped);
            account.uncertain |= jumped;
            account.opening = crash.vault;
            if account.unsaved.take().is_some() {
                // What was learned about generations before it went with what was never stored.
                account.ledger.memory_not_kept();
            }
            account.session = Session::start(account.policy, now).0;
            account.said = None;
            account.pending = vec![Pending { due: self.real, epoch: account.vault.epoch, asked: Asked::Open }];
        }
    }

    // ---- tokens ------------------------------------------------------------------------------------------------

    /// The same access token under a newer number, with a refresh token of its own.
    fn extend(&mut self, number: usize, of: u64) -> NewGeneration {
        let now = self.now();
        let account = &mut self.accounts[number];
        let generation = account.vault.next_number();
        let grant = self.servers.grants[&(number, of)];
        self.servers.grants.insert((number, generation), Grant { refreshable: true, ..grant });
        let stored = Stored { has_refresh_token: true, ..account.vault.generations[&of] };
        account.vault.store(generation, stored);
        account.ledger.extended(of, generation);
        NewGeneration {
            generation: Generation::new(generation).unwrap(),
            lives_for: stored.expires_at.map(|at| at.since(now)),
            has_refresh_token: true,
            saved: true,
            identity: stored.identity,
        }
    }

    /// The authorization server issues tokens, and the device stores them if its disk lets it.
    fn issue(&mut self, number: usize, identity: mainstay_core::IdentityProof, foreign: bool) -> NewGeneration {
        let now = self.now();
        let account = &mut self.accounts[number];
        let generation = account.vault.next_number();
        let lives_for = self.tokens.life.map(|seconds| std::time::Duration::from_secs(seconds.into()));
        // The driver reads the lifetime between a floor and a ceiling; the server knows better.
        let believed = lives_for.map(|life| now.plus(life.clamp(LEAST, MOST)));
        let life = lives_for.unwrap_or_default().as_millis() as u64;
        let refreshable = self.tokens.has_refresh_token;
        let expires_at = self.real + life;
        self.servers.grants.insert((number, generation), Grant { expires_at, refreshable, foreign, old: false });
        let stored = Stored { expires_at: believed, has_refresh_token: refreshable, identity };
        account
            .ledger
            .issued
            .insert(generation, Issued { expires_at: believed, has_refresh_token: refreshable, identity, foreign });
        if self.disk_full {
            account.unsaved = Some((generation, stored));
        } else {
            account.vault.store(generation, stored);
        }
        NewGeneration {
            generation: Generation::new(generation).unwrap(),
            lives_for,
            has_refresh_token: refreshable,
            saved: !self.disk_full,
            identity,
        }
    }
}

const LEAST: std::time::Duration = mainstay_core::pacing::LEAST_LIFE;
const MOST: std::time::Duration = mainstay_core::pacing::LONGEST_LIFE;
