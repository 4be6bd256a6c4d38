//! Everything is repaired, and the world watches: P12's second half, and P1.

use mainstay_core::{IdentityProof, State};

use super::{
    World,
    history::{ACCOUNTS, Crash, FOR_GOOD, Vault},
    promises::{Broken, Promise},
};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
/// Longest time that a server's hint may spread first attempts over, and an hourly schedule on top.
const PATIENCE: u64 = 32 * HOUR;

impl World {
    /// P12: from every state a cooperative server leads back to SignedIn, within a bounded time; where only a person can
    /// help, after that person has signed in. P1: the same after a restart with whatever the vault holds by then, and
    /// nobody clears anything.
    pub(super) fn finish(&mut self) -> Result<(), Broken> {
        self.repair();
        let restarts = self.chance.below(2) == 0;
        if restarts {
            // Sometimes what the vault holds can never be read again.
            let vault = if self.chance.below(8) == 0 { Vault::Unreadable { times: FOR_GOOD } } else { Vault::Fine };
            self.crash(Crash { in_step: None, gap: MINUTE, jump: 0, vault });
        }
        let promise = if restarts { Promise::P1 } else { Promise::P12 };
        for online in [false, true] {
            for number in 0..ACCOUNTS {
                self.tell(number, mainstay_core::Event::NetworkChanged { online })?;
            }
        }
        for number in 0..ACCOUNTS {
            self.heals(number, promise)?;
        }
        Ok(())
    }

    /// Servers, network, disk and locks are well, and answers come in time.
    fn repair(&mut self) {
        self.servers.repair();
        (self.network, self.disk_full, self.lock_held) = (true, false, false);
        self.dies_after = None;
        self.tokens.life = Some(self.tokens.life.unwrap_or(3600).clamp(900, 86_400));
        for account in &mut self.accounts {
            account.opening = Vault::Fine;
        }
    }

    fn heals(&mut self, number: usize, promise: Promise) -> Result<(), Broken> {
        let start = self.real;
        let mut signed_in_at = None;
        while self.real - start < PATIENCE {
            if self.is_well(number)? {
                return Ok(());
            }
            let asked = match self.accounts[number].session.state() {
                State::SignedOut { .. } => true,
                // Kept credentials had two hours to be found good again.
                State::SignInRequired { .. } => self.real - start > 2 * HOUR,
                _ => false,
            };
            if asked && signed_in_at.is_none() {
                signed_in_at = Some(self.real);
                self.sign_in(number, IdentityProof::Verified)?;
            }
            self.pass(5 * MINUTE)?;
        }
        let state = self.accounts[number].session.state();
        let signed_in = signed_in_at.map(|at| (at - start) / MINUTE);
        let how = format!("everything is well, a person signed in after {signed_in:?} min, and still {state:?}");
        Err(Broken { promise, how })
    }

    /// The app gets a token, and the server accepts it.
    fn is_well(&mut self, number: usize) -> Result<bool, Broken> {
        self.calls(number, 2, true)?;
        let account = &self.accounts[number];
        let signed_in = matches!(account.session.state(), State::SignedIn { .. });
        let accepted = account
            .session
            .generation()
            .is_some_and(|held| account.ledger.accepted.contains(&account.ledger.token(held.number())));
        Ok(signed_in && accepted && !account.session.in_episode())
    }
}
