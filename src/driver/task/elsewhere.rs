//! What another process did to this account, as this one takes it.

use std::sync::Arc;

use mainstay_core::{Event, ForeignBy, TokenOutcome};

use super::Task;
use crate::{
    driver::{
        account::{Account, lock},
        attempts,
        watching::Elsewhere,
    },
    vault::Stored,
};

impl Task {
    /// Looks again at what was found: this process may have noticed, or done, the same meanwhile.
    pub(super) async fn elsewhere(&mut self, account: &Arc<Account>, found: Elsewhere) {
        match found {
            Elsewhere::SignedOut => {
                let epoch = account.vault().epoch(account.key).await;
                if epoch.is_ok_and(|epoch| epoch > account.vault_epoch()) {
                    self.signed_out_elsewhere(account).await;
                }
                // Somebody may have signed in there since.
                account.deployment.looks.send_replace(());
            }
            Elsewhere::Stored(stored) => self.stored_elsewhere(account, *stored),
            Elsewhere::Quarantined(by) => self.step(account, Event::ForeignIdentity(by)),
        }
    }

    /// Takes up what another process stored, unless this one knows something newer by now.
    fn stored_elsewhere(&mut self, account: &Arc<Account>, stored: Stored) {
        let newest = lock(&account.kept).last().map(|credentials| credentials.generation);
        if stored.epoch < account.vault_epoch() || Some(stored.credentials.generation) <= newest {
            return;
        }
        match attempts::adopt(account, stored.credentials) {
            (TokenOutcome::Adopted(new), Some(brought)) => {
                account.set_vault_epoch(stored.epoch);
                self.take_up(account, brought.credentials, Event::GenerationFound(new));
            }
            _ => self.step(account, Event::ForeignIdentity(ForeignBy::TokenResponse)),
        }
    }
}
