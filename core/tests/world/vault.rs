//! One account's vault: what is on the disk, and survives.

use std::collections::BTreeMap;

use mainstay_core::{
    Generation, IdentityProof, NewGeneration, Opened, Permission, Restored, SignedOutReason, Snapshot, Target,
    Timestamp,
};

/// One generation on disk.
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    /// On the session's time line; `None` without an access token.
    pub expires_at: Option<Timestamp>,
    pub has_refresh_token: bool,
    pub identity: IdentityProof,
}

#[derive(Debug, Default)]
pub struct Vault {
    pub generations: BTreeMap<u64, Stored>,
    pub snapshot: Option<Snapshot>,
    pub intent: Option<u64>,
    /// Raised by every sign-out, needs no key.
    pub epoch: u32,
    pub signed_out: Option<SignedOutReason>,
    /// Somebody was signed in once.
    pub known: bool,
    /// The highest number ever given.
    pub last_number: u64,
}

impl Vault {
    pub fn newest(&self) -> Option<u64> {
        self.generations.keys().next_back().copied()
    }

    pub fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub fn store(&mut self, number: u64, stored: Stored) {
        self.generations.insert(number, stored);
        (self.known, self.signed_out) = (true, None);
    }

    pub fn sign_out(&mut self, reason: SignedOutReason) {
        self.epoch += 1;
        self.signed_out = Some(reason);
        self.intent = None;
    }

    pub fn destroy(&mut self, target: Target) {
        match target {
            Target::Everything | Target::KeptCredentials => self.generations.clear(),
            Target::Generation(generation) => {
                self.generations.remove(&generation.number());
            }
            Target::Before(generation) => self.generations.retain(|number, _| *number >= generation.number()),
        }
    }

    pub fn move_aside(&mut self) {
        self.generations.clear();
        (self.snapshot, self.intent, self.known) = (None, None, true);
    }

    /// What a start finds here.
    pub fn open(&self, now: Timestamp, with_snapshot: bool, gap_is_certain: bool) -> Opened {
        if let Some(reason) = self.signed_out {
            return Opened::SignedOut(reason);
        }
        let Some((number, stored)) = self.generations.iter().next_back() else {
            return if self.known { Opened::NothingKept } else { Opened::Empty };
        };
        let older = self.generations.keys().rev().nth(1);
        let generation = |number: u64| Generation::new(number).unwrap();
        Opened::Value(Box::new(Restored {
            snapshot: self.snapshot.clone().filter(|_| with_snapshot),
            credentials: NewGeneration {
                generation: generation(*number),
                lives_for: stored.expires_at.map(|at| at.since(now)),
                has_refresh_token: stored.has_refresh_token,
                saved: true,
                identity: stored.identity,
            },
            previous: older.map(|number| generation(*number)),
            intent: self.intent.map(generation),
            gap_is_certain,
        }))
    }
}

/// Whether a sign-out for this reason, and nothing else, allows everything to go.
pub fn permission_of(reason: SignedOutReason) -> Option<Permission> {
    match reason {
        SignedOutReason::User | SignedOutReason::App => Some(Permission::SignOut),
        SignedOutReason::AccountRemoved => Some(Permission::AccountRemoved),
        SignedOutReason::Reset => Some(Permission::Reset),
        SignedOutReason::OtherProcess | SignedOutReason::NeverSignedIn => None,
    }
}
