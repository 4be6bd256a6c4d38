//! One task per account: it owns the decision core, feeds it events, and sees to its effects.

mod effects;
mod elsewhere;
mod ending;
mod prompting;
mod recording;

use std::sync::{Arc, Weak};

use futures_util::future::{Either, select};
use mainstay_core::{Answer, Code, Effect, Event, ForeignBy, Opened, Outcome, Rejection, Session, State, Timestamp};
use tokio::sync::mpsc;

use super::{
    account::{Account, SessionState, lock},
    attempts,
    hot::Published,
    index,
    message::{Brought, Loaded, Message},
    send,
};
use crate::{
    host::Clock,
    vault::{Epoch, Rotation},
};

/// The task's own state. Nobody else decides anything for this account.
pub(super) struct Task {
    core: Session,
    messages: mpsc::UnboundedReceiver<Message>,
    /// Handles keep an account alive; its task does not.
    account: Weak<Account>,
    clock: Arc<dyn Clock>,
    /// A rotation whose commit failed; it holds the credential's lock until it succeeds.
    unsaved: Option<Rotation>,
    /// A record being written, and whether a newer one waits.
    saving: Arc<attempts::Saver>,
    /// A record that is stored as soon as the refresh before it has its intent on disk.
    owes_record: bool,
    /// When the record was stored last.
    recorded_at: Timestamp,
    prompt: prompting::Prompt,
}

pub(super) use prompting::PromptAnswer;

impl Task {
    /// Starts the task of an account whose vault is about to be read.
    pub(super) fn start(
        account: &Arc<Account>,
        messages: mpsc::UnboundedReceiver<Message>,
        (core, effects): (Session, Vec<Effect>),
    ) {
        let clock = Arc::clone(&account.server().host.clock);
        let saving = Arc::default();
        let mut task = Self {
            core,
            messages,
            account: Arc::downgrade(account),
            clock,
            unsaved: None,
            saving,
            owes_record: false,
            recorded_at: account.server().line.now(),
            prompt: Default::default(),
        };
        let first = Arc::clone(account);
        let running = async move {
            for effect in effects {
                task.perform(&first, effect);
            }
            task.publish(&first);
            drop(first);
            task.run().await;
        };
        account.server().host.spawn.spawn("mainstay-account", Box::pin(running));
    }

    async fn run(mut self) {
        loop {
            let wake = self
                .account
                .upgrade()
                .and_then(|account| self.wake_at().map(|at| account.server().line.to_monotonic(at)));
            let message = match wake {
                Some(at) => match select(Box::pin(self.messages.recv()), self.clock.sleep_until(at)).await {
                    Either::Left((message, _)) => message,
                    Either::Right(((), _)) => Some(Message::Event(Event::Tick)),
                },
                None => self.messages.recv().await,
            };
            let (Some(message), Some(account)) = (message, self.account.upgrade()) else { return };
            self.handle(&account, message).await;
        }
    }

    fn wake_at(&self) -> Option<Timestamp> {
        [self.core.wake_at(), self.record_due_at()].into_iter().flatten().min()
    }

    async fn handle(&mut self, account: &Arc<Account>, message: Message) {
        match message {
            Message::Event(Event::Tick) => {
                self.step(account, Event::Tick);
                if self.record_due_at().is_some_and(|at| at <= account.server().line.now()) {
                    self.persist(account);
                }
            }
            Message::Event(event) => self.step(account, event),
            Message::Rejected(rejection) => self.rejected(account, rejection),
            Message::Told(event, done) => {
                self.step(account, event);
                let _nobody_waits = done.send(());
            }
            Message::Ended { attempt, outcome, brought } => self.ended(account, attempt, outcome, brought),
            Message::Opened { opened, loaded, epoch } => {
                self.opened(account, opened, loaded, epoch);
                // Another process may have done something since the vault was read.
                account.deployment.looks.send_replace(());
            }
            Message::SignedIn { epoch, credentials, .. } if epoch < account.vault_epoch() => {
                // A sign-out has won. Dropping `done` tells the caller that this task is through with it.
                self.give_back(account, &credentials, None);
            }
            Message::SignedIn { event, credentials, name, epoch, done } => {
                account.set_vault_epoch(epoch);
                account.set_last_accepted(account.server().line.now());
                let is_sign_in = matches!(event, Event::SignedIn(_));
                if is_sign_in {
                    account.set_last_used(account.deployment.stamp());
                    *lock(&account.name) = name;
                }
                self.take_up(account, *credentials, event);
                if is_sign_in {
                    account.audiences.forget_refusals();
                    note_in_index(account);
                }
                let _nobody_waits = done.send(());
            }
            Message::Used => self.persist(account),
            Message::SignOut { reason, done } => {
                let result = self.sign_out(account, reason).await;
                let _nobody_waits = done.send(result);
            }
            Message::Tap(answer) => {
                let _nobody_waits = answer.send(self.core.tap(account.server().line.now()));
            }
            Message::CanReauthenticate(can) => {
                self.core.set_can_reauthenticate(can);
                self.publish(account);
            }
            Message::Abilities { can_probe, has_status } => {
                self.core.set_server_abilities(can_probe, has_status);
                self.publish(account);
            }
            Message::Saved(generation) => {
                self.unsaved = None;
                self.step(account, Event::Saved { generation });
            }
            Message::StillUnsaved { rotation, epoch } if epoch == account.vault_epoch() => {
                self.unsaved = Some(rotation)
            }
            Message::StillUnsaved { .. } | Message::LostToOthers => {}
            Message::SignedOutElsewhere => self.signed_out_elsewhere(account).await,
            Message::Imported => self.persist(account),
            Message::PromptDismissed => {
                if self.take_prompt_down(account) {
                    tracing::info!(name: "session.prompt_dismissed", account = %account.key);
                    self.persist(account);
                    self.publish(account);
                }
            }
            Message::Prompt(answer) => self.prompt_decided(account, answer),
            Message::Elsewhere(found) => self.elsewhere(account, found).await,
            Message::RefreshPrepared if self.owes_record => self.persist(account),
            Message::RefreshPrepared => {}
        }
    }

    fn rejected(&mut self, account: &Arc<Account>, rejection: Rejection) {
        let withdrawn = send::withdraws(&rejection);
        self.decide(account, Event::Rejected(rejection));
        if withdrawn {
            account.hot.withdrawal_dealt_with();
        }
        self.publish(account);
    }

    /// One step of the core, then its effects, then what the app sees. In this order a token is never seen before the
    /// effects that withdraw it.
    fn step(&mut self, account: &Arc<Account>, event: Event) {
        self.decide(account, event);
        self.publish(account);
    }

    fn decide(&mut self, account: &Arc<Account>, event: Event) {
        let now = account.server().line.now();
        let (before, was_in_episode) = (self.core.state(), self.core.in_episode());
        tracing::debug!(name: "session.event", account = %account.key, ?event);
        let effects = {
            let mut pacing = lock(&account.deployment.pacing);
            self.core.step(&mut pacing, event, now, u64::from_le_bytes(account.server().draw()))
        };
        let after = self.core.state();
        if before != after {
            tracing::info!(name: "session.state", account = %account.key, from = before.name(), to = after.name(),
                code = after.code().map_or("", Code::as_str));
            if let State::Quarantined { .. } = before {
                account.traces.leave_quarantine(now);
            }
        }
        for effect in &effects {
            match effect {
                Effect::Prompt { .. } => self.want_prompt(account, None),
                Effect::WithdrawPrompt => {
                    self.take_prompt_down(account);
                }
                _ => {}
            }
        }
        if was_in_episode && !self.core.in_episode() {
            self.episode_is_over(account);
        }
        self.write_timeline(account, &effects, before, now);
        let refreshes = effects.iter().any(|effect| matches!(effect, Effect::Refresh { .. }));
        for effect in effects {
            match effect {
                // Both want the account's files, and somebody waits for the refresh.
                Effect::Persist if refreshes => self.owes_record = true,
                effect => self.perform(account, effect),
            }
        }
    }

    fn ended(&mut self, account: &Arc<Account>, attempt: u32, outcome: Outcome, brought: Option<Box<Brought>>) {
        let owed = std::mem::take(&mut self.owes_record);
        let event = Event::AttemptEnded { attempt, outcome };
        match brought.filter(|brought| brought.epoch >= account.vault_epoch()) {
            Some(brought) => {
                self.unsaved = brought.unsaved;
                self.take_up(account, brought.credentials, event);
            }
            None => self.step(account, event),
        }
        if owed && !self.owes_record {
            self.persist(account);
        }
    }

    /// Takes up new credentials, whoever brought them. If another account received the very same token, one of the
    /// two is somebody else's: neither hands anything out (P5).
    fn take_up(&mut self, account: &Arc<Account>, credentials: crate::Credentials, event: Event) {
        let shared = account.is_shared(&credentials);
        self.keep(account, credentials);
        self.step(account, event);
        if shared {
            self.step(account, Event::ForeignIdentity(ForeignBy::SharedToken));
        }
    }

    fn keep(&self, account: &Arc<Account>, credentials: crate::Credentials) {
        let mut pinned = lock(&account.identity);
        let names_somebody = credentials.identity.subject.is_some();
        let is_news = names_somebody && pinned.as_ref().is_some_and(|pinned| pinned.subject.is_none());
        if names_somebody || pinned.is_none() {
            *pinned = Some(credentials.identity.clone());
        }
        drop(pinned);
        if is_news {
            note_in_index(account);
        }
        let mut kept = lock(&account.kept);
        kept.retain(|known| known.generation != credentials.generation);
        kept.push(credentials);
    }

    /// Takes over what the vault held, unless a sign-out or a newer reading came first.
    fn opened(&mut self, account: &Arc<Account>, opened: Opened, loaded: Option<Box<Loaded>>, epoch: Option<Epoch>) {
        let waiting = matches!(self.core.state(), State::Starting | State::Locked { .. });
        if !waiting || epoch.is_some_and(|epoch| epoch < account.vault_epoch()) {
            return;
        }
        if let Some(epoch) = epoch {
            account.set_vault_epoch(epoch);
        }
        let mut prompting = None;
        if let Some(loaded) = loaded {
            if let Some(newest) = loaded.kept.last() {
                account.is_shared(newest);
            }
            account.set_last_accepted(loaded.last_accepted.unwrap_or_default());
            account.set_last_proven(loaded.last_accepted.unwrap_or_default());
            *lock(&account.kept) = loaded.kept;
            *lock(&account.identity) = Some(loaded.identity);
            account.knows_as_imported(loaded.imported);
            prompting = Some(loaded.prompting);
            *lock(&account.name) = loaded.name;
            *lock(&account.owner) = loaded.owner;
            account.set_last_used(loaded.last_used);
            *lock(&account.id_token_key) = loaded.id_token_key;
            self.core.set_can_reauthenticate(loaded.has_device_key || account.deployment.provider.is_some());
        }
        self.decide(account, Event::VaultOpened(opened));
        // A prompt was stored with a state that may not be the one that is restored.
        let needs_a_person = matches!(self.core.state(), State::SignInRequired { .. });
        if prompting.is_some() && needs_a_person && !self.prompt.is_open() {
            self.want_prompt(account, prompting);
        }
        self.publish(account);
    }

    // ---- what the app sees -------------------------------------------------------------------------------------

    fn publish(&self, account: &Account) {
        let line = &account.server().line;
        let answer = self.core.answer(line.now());
        let epoch = account.hot.epoch();
        let mut announced = false;
        match answer {
            Answer::Token(generation) => {
                let published = account.credentials(generation).and_then(|credentials| {
                    let token = credentials.access_tokens.into_iter().next()?;
                    Some(Published {
                        epoch,
                        generation,
                        deadline: line.to_monotonic(token.expires_at),
                        token: token.token,
                        token_type: token.token_type,
                        audience: None,
                    })
                });
                let known = published.as_ref().is_some_and(|it| account.hot.holds(epoch, generation, it.deadline));
                if !known {
                    account.hot.publish(published);
                    announced = true;
                }
            }
            _ => account.hot.publish(None),
        }
        let state = SessionState {
            state: self.core.state(),
            unsaved: self.core.is_unsaved(),
            generation: self.core.generation(),
            prompting: self.prompt.is_shown(),
            answer,
            next: self.core.next(&lock(&account.deployment.pacing)),
        };
        // Whoever waits must also hear of a token that was held back by a rejection since dealt with.
        account.board.send_if_modified(|board| std::mem::replace(board, state) != state || announced);
    }
}

/// Notes who is signed in, beside the account's own record.
fn note_in_index(account: &Arc<Account>) {
    let noting = Arc::clone(account);
    let note = async move { index::change(&noting.deployment, |index| noting.note_in(index)).await };
    account.server().host.spawn.spawn("mainstay-index", Box::pin(note));
}
