//! What the decision core asks for, done.

use std::sync::Arc;

use mainstay_core::Effect;

use super::Task;
use crate::driver::{account::Account, attempts, opening};

impl Task {
    pub(super) fn perform(&mut self, account: &Arc<Account>, effect: Effect) {
        let spawn = |name, future| account.server().host.spawn.spawn(name, future);
        match effect {
            Effect::OpenVault => spawn("mainstay-open", Box::pin(opening::open(Arc::clone(account)))),
            Effect::SetVaultAside => spawn("mainstay-set-aside", Box::pin(opening::set_aside(Arc::clone(account)))),
            Effect::Probe { attempt, generation, purpose } => {
                spawn("mainstay-probe", Box::pin(attempts::probe(Arc::clone(account), attempt, generation, purpose)));
            }
            Effect::Refresh { attempt, generation, with_scope } => {
                let unsaved = self.unsaved.take();
                let refresh = attempts::refresh(Arc::clone(account), attempt, generation, with_scope, unsaved);
                spawn("mainstay-refresh", Box::pin(refresh));
            }
            Effect::Reauthenticate { attempt } => {
                let unsaved = self.unsaved.take();
                let reauthenticate = attempts::reauthenticate(Arc::clone(account), attempt, unsaved);
                spawn("mainstay-reauthenticate", Box::pin(reauthenticate));
            }
            Effect::Rediscover { attempt } => {
                spawn("mainstay-rediscover", Box::pin(attempts::rediscover(Arc::clone(account), attempt)));
            }
            Effect::ReadStatus => spawn("mainstay-status", Box::pin(attempts::read_status(Arc::clone(account)))),
            Effect::Save { generation } => {
                if let Some(rotation) = self.unsaved.take() {
                    let save = attempts::save_again(Arc::clone(account), generation, rotation);
                    spawn("mainstay-save", Box::pin(save));
                }
            }
            Effect::Destroy { target, allowed_by } => {
                tracing::info!(name: "credentials.destroyed", account = %account.key, ?target,
                    allowed_by = allowed_by.code().as_str());
                self.destroy(account, target);
            }
            // The vault queues the newest refresh token itself, at the moment when the sign-out becomes durable.
            Effect::QueueRevocation { .. } => {}
            // Told to the app once it is known that no other process has.
            Effect::Prompt { reason } => {
                tracing::info!(name: "session.person_needed", account = %account.key, reason = reason.code().as_str());
            }
            Effect::WithdrawPrompt => tracing::info!(name: "session.prompt_withdrawn", account = %account.key),
            Effect::Alarm(code) => tracing::error!(name: "session.alarm", account = %account.key, code = code.as_str()),
            Effect::Notice(code) => {
                tracing::info!(name: "session.notice", account = %account.key, code = code.as_str())
            }
            Effect::Persist => self.persist(account),
            // Written already.
            Effect::Note(_) => {}
        }
    }
}
