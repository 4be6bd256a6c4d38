//! Counts.

use super::{Counts, Director, Happening, PlayError, Seen, Snapshot, check::check};
use crate::format::Expect;

impl Director<'_> {
    /// Looks whether what is expected now is so.
    pub(super) async fn expect(&mut self, expect: &Expect) -> Result<(), PlayError> {
        let seen = self.measure().await?;
        self.compare(expect, &seen);
        Ok(())
    }

    pub(super) fn compare(&mut self, expect: &Expect, seen: &Seen) {
        for failure in check(expect, seen) {
            self.tell(Happening::Failed(failure.clone()));
            self.failures.push(failure);
        }
    }

    pub(super) async fn measure(&mut self) -> Result<Seen, PlayError> {
        let counts = if self.client.is_some() { self.client_counts().await? } else { Counts::default() };
        let account = &self.account;
        let observed = self.stage.observations();
        let now = Snapshot::of(&self.folders.app_data)?;
        let (seconds_not_selling, seconds_lost) = account.ledger.seconds(self.now_ms);
        let (sales, sales_delivered_once) = account.ledger.sales(&observed.sales);
        let asked = observed.prompts_in_all().saturating_sub(account.unasked_sign_ins);
        Ok(Seen {
            state: account.state.clone(),
            visited: account.visited.clone(),
            prompts: account.prompts.max(asked),
            requests: self.stage.requests(),
            generations: account.past.generations + counts.generations.saturating_sub(account.base.generations),
            credentials_destroyed: account.past.destroyed + counts.destroyed.saturating_sub(account.base.destroyed),
            app_data_identical: account.before.as_ref().is_some_and(|before| before.is_kept_in(&now)),
            asked_to_clear_app_data: account.asked_to_clear,
            foreign_bytes: account.foreign_bytes,
            session_survives_restart: true,
            seconds_not_selling,
            seconds_lost,
            kills: account.kills,
            reuse_detections: observed.reuse_detections,
            sales,
            sales_delivered_once,
        })
    }
}
