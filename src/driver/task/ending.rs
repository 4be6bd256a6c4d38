//! What goes, and when: destroying what the core allows, and signing out.

use std::sync::Arc;

use mainstay_core::{Event, SignedOutReason, Target};

use super::{
    super::{
        account::{Account, lock},
        attempts, index, revocations,
    },
    Task,
};
use crate::{Error, error::Failure};

impl Task {
    pub(super) fn destroy(&mut self, account: &Arc<Account>, target: Target) {
        let writing = account.writing();
        let mut kept = lock(&account.kept);
        match target {
            Target::Everything | Target::KeptCredentials => kept.clear(),
            Target::Generation(generation) => kept.retain(|credentials| credentials.generation != generation),
            Target::Before(generation) => kept.retain(|credentials| credentials.generation >= generation),
        }
        drop(kept);
        if target != Target::Everything {
            let clear = attempts::destroy(Arc::clone(account), target, writing);
            account.server().host.spawn.spawn("mainstay-destroy", Box::pin(clear));
        }
    }

    /// Durable first, then visible. What of it fails leaves the account signed in.
    pub(super) async fn sign_out(&mut self, account: &Arc<Account>, reason: SignedOutReason) -> Result<(), Error> {
        account.hot.raise_epoch();
        let enrolled_as = lock(&account.device_key_id).clone();
        let unsaved = self.core.is_unsaved().then(|| lock(&account.kept).last().cloned()).flatten();
        match account.vault().sign_out(account.key).await {
            Ok(epoch) => account.set_vault_epoch(epoch),
            Err(error) => {
                self.publish(account);
                return Err(Failure::from(error).into());
            }
        }
        if let Some(credentials) = unsaved {
            self.give_back(account, &credentials, enrolled_as);
        }
        self.leave_nothing(account).await;
        self.step(account, Event::SignOut(reason));
        let (deployment, key) = (Arc::clone(&account.deployment), account.key);
        let forget = async move { index::change(&deployment, |index| index.forget(key)).await };
        account.server().host.spawn.spawn("mainstay-index", Box::pin(forget));
        revocations::start(&account.deployment);
        Ok(())
    }

    pub(super) async fn signed_out_elsewhere(&mut self, account: &Arc<Account>) {
        account.hot.raise_epoch();
        if let Ok(epoch) = account.vault().epoch(account.key).await {
            account.set_vault_epoch(epoch);
        }
        self.leave_nothing(account).await;
        self.step(account, Event::SignOut(SignedOutReason::OtherProcess));
    }

    /// Nothing of a signed-out account stays in memory, but for whose it is, which names nobody.
    async fn leave_nothing(&mut self, account: &Account) {
        self.unsaved = None;
        lock(&account.kept).clear();
        let identity = lock(&account.identity).take();
        *lock(&account.name) = None;
        if let Some(identity) = identity
            && let Ok(owner) = account.vault().account_of(&identity).await
        {
            *lock(&account.owner) = owner;
        }
        account.forget_imported();
        account.forget_dpop_key();
        *lock(&account.device_key_id) = None;
        *lock(&account.id_token_key) = None;
        account.audiences.forget_refusals();
        self.core.set_can_reauthenticate(account.deployment.provider.is_some());
    }

    /// Tokens that a sign-out overtook are nobody's: the server shall forget them.
    pub(super) fn give_back(
        &self,
        account: &Arc<Account>,
        credentials: &crate::Credentials,
        enrolled_as: Option<String>,
    ) {
        let (deployment, credentials) = (Arc::clone(&account.deployment), credentials.clone());
        let give = async move { revocations::give_back(&deployment, &credentials, enrolled_as.as_deref()).await };
        account.server().host.spawn.spawn("mainstay-give-back", Box::pin(give));
    }
}
