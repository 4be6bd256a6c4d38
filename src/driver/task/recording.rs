//! What is stored of a session: its memory and its timeline, together.

use std::{sync::Arc, time::Duration};

use mainstay_core::{Code, Effect, Note, Signal, SignedOutReason, State, Timestamp};

use super::{
    super::{
        account::{Account, lock},
        attempts,
        journal::LINES_STORED,
        keys,
        record::{self, SessionRecord},
    },
    Task,
};

/// How old the stored record may become while the session lasts: what the offline permit may regain over a restart with
/// the clock turned back. A till that renews its tokens stores it more often anyway.
const RECORD_AGE: Duration = Duration::from_secs(15 * 60);

impl Task {
    /// When the record is stored although nothing has changed but the time. One that waits for a refresh will do.
    pub(super) fn record_due_at(&self) -> Option<Timestamp> {
        let lasts = !self.owes_record
            && !matches!(self.core.state(), State::Starting | State::Locked { .. } | State::SignedOut { .. });
        lasts.then(|| self.recorded_at.plus(RECORD_AGE))
    }

    /// Writes the timeline, before anything of the step is stored: a process that is killed comes back with both.
    pub(super) fn write_timeline(&self, account: &Arc<Account>, effects: &[Effect], before: State, now: Timestamp) {
        let (state, generation) = (self.core.state(), self.core.generation());
        let line = |code, until| Note { at: now, code, generation, until };
        if self.core.in_episode() && account.journal.episode_is_open(true, now) {
            let look = keys::look(Arc::clone(account));
            account.server().host.spawn.spawn("mainstay-keys", Box::pin(look));
        }
        for effect in effects {
            match effect {
                Effect::Note(note) => self.noted(account, *note),
                Effect::Prompt { reason } => account.journal.note(line(reason.code(), None)),
                _ => {}
            }
        }
        if let State::Holding { cause, retry_at } = state
            && before.code() != state.code()
        {
            account.journal.note(line(cause.code(), Some(retry_at)));
        }
        account.journal.episode_is_open(self.core.in_episode(), now);
    }

    fn noted(&self, account: &Account, note: Note) {
        tracing::info!(name: "session.note", account = %account.key, code = note.code.as_str());
        match note.code {
            Code::EvidenceInvalidToken | Code::EvidenceUnauthorized | Code::EvidenceLegacyRejection => {
                account.signal_rejection(note.at);
            }
            Code::EvidenceRenewed => account.set_last_accepted(note.at),
            Code::EvidenceProbeAccepted | Code::EvidenceAccepted => {
                account.set_last_accepted(note.at);
                account.set_last_proven(note.at);
                account.signal_neighbours(Signal::NeighbourAccepted);
            }
            _ => {}
        }
        account.journal.note(note);
    }

    /// Stores the session's memory, the latest if several wait: credentials do not depend on it.
    pub(super) fn persist(&mut self, account: &Arc<Account>) {
        self.owes_record = false;
        self.recorded_at = account.server().line.now();
        // Of an account that was to be forgotten, or that nobody ever had, there is nothing to remember.
        if let State::SignedOut { reason: SignedOutReason::AccountRemoved | SignedOutReason::NeverSignedIn } =
            self.core.state()
        {
            return;
        }
        let pacing = *lock(&account.deployment.pacing);
        let clock = account.server().line.record();
        let journal = account.journal.read().shortened(LINES_STORED);
        let record = SessionRecord {
            version: record::VERSION,
            snapshot: self.core.snapshot(),
            clock,
            pacing,
            last_accepted: account.last_accepted(),
            identity: lock(&account.identity).clone(),
            same_as: account.imported().into_iter().map(|print| print.0).collect(),
            prompting: self.prompt.is_open(),
            name: lock(&account.name).clone(),
            owner: *lock(&account.owner),
            last_used: account.last_used(),
            id_token_key: lock(&account.id_token_key).clone(),
            notes: journal.notes(),
            notes_written: journal.written(),
            episodes: journal.episodes(),
        };
        if self.saving.offer(account.vault_epoch(), record.write()) {
            let save = attempts::save_record(Arc::clone(account), Arc::clone(&self.saving));
            account.server().host.spawn.spawn("mainstay-persist", Box::pin(save));
        }
    }
}
