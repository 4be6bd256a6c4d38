//! One task per account: it owns the decision core, feeds it events, and sees to its effects.

use std::sync::{Arc, Weak};

use futures_util::future::{Either, select};
use mainstay_core::{
    Answer, Code, Effect, Event, ForeignBy, Note, Outcome, Rejection, Session, Signal, SignedOutReason, Target,
};
use tokio::sync::mpsc;

use super::{
    account::{Account, Brought, Message, SessionState, lock},
    attempts, device_key,
    hot::Published,
    opening,
    record::SessionRecord,
    revocations, send,
};
use crate::{Error, error::Failure, host::Clock, vault::Rotation};

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
}

impl Task {
    /// Starts the task of an account whose vault is about to be read.
    pub(super) fn start(
        account: &Arc<Account>,
        messages: mpsc::UnboundedReceiver<Message>,
        (core, effects): (Session, Vec<Effect>),
    ) {
        let clock = Arc::clone(&account.server().host.clock);
        let saving = Arc::default();
        let mut task = Self { core, messages, account: Arc::downgrade(account), clock, unsaved: None, saving };
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
                .and_then(|account| self.core.wake_at().map(|at| account.server().line.to_monotonic(at)));
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

    async fn handle(&mut self, account: &Arc<Account>, message: Message) {
        match message {
            Message::Event(event) => self.step(account, event),
            Message::Rejected(rejection) => self.rejected(account, rejection),
            Message::Told(event, done) => {
                self.step(account, event);
                let _nobody_waits = done.send(());
            }
            Message::Ended { attempt, outcome, brought } => self.ended(account, attempt, outcome, brought),
            Message::SignedIn { event, credentials, done } => {
                let shared = account.is_shared(&credentials);
                account.set_last_accepted(account.server().line.now());
                self.keep(account, *credentials);
                self.step(account, event);
                if shared {
                    self.step(account, Event::ForeignIdentity(ForeignBy::SharedToken));
                }
                let _nobody_waits = done.send(());
            }
            Message::SignOut { reason, done } => {
                let result = self.sign_out(account, reason).await;
                let _nobody_waits = done.send(result);
            }
            Message::Tap(answer) => {
                let _nobody_waits = answer.send(self.core.tap(account.server().line.now()));
            }
            Message::CanReauthenticate(can) => self.core.set_can_reauthenticate(can),
            Message::Abilities { can_probe, has_status } => self.core.set_server_abilities(can_probe, has_status),
            Message::Saved(generation) => {
                self.unsaved = None;
                self.step(account, Event::Saved { generation });
            }
            Message::StillUnsaved(rotation) => self.unsaved = Some(rotation),
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
        let before = self.core.state();
        tracing::debug!(name: "session.event", account = %account.key, ?event);
        let effects = {
            let mut pacing = lock(&account.deployment.pacing);
            self.core.step(&mut pacing, event, now, u64::from_le_bytes(account.server().draw()))
        };
        let after = self.core.state();
        if before != after {
            tracing::info!(name: "session.state", account = %account.key, from = before.name(), to = after.name(),
                code = after.code().map_or("", Code::as_str));
        }
        for effect in effects {
            self.perform(account, effect);
        }
    }

    fn ended(&mut self, account: &Arc<Account>, attempt: u32, outcome: Outcome, brought: Option<Box<Brought>>) {
        let mut shared = false;
        if let Some(brought) = brought {
            shared = account.is_shared(&brought.credentials);
            self.unsaved = brought.unsaved;
            self.keep(account, brought.credentials);
        }
        self.step(account, Event::AttemptEnded { attempt, outcome });
        if shared {
            self.step(account, Event::ForeignIdentity(ForeignBy::SharedToken));
        }
    }

    fn keep(&self, account: &Account, credentials: crate::Credentials) {
        if credentials.identity.subject.is_some() {
            *lock(&account.identity) = Some(credentials.identity.clone());
        }
        let mut kept = lock(&account.kept);
        kept.retain(|known| known.generation != credentials.generation);
        kept.push(credentials);
    }

    // ---- effects -----------------------------------------------------------------------------------------------

    fn perform(&mut self, account: &Arc<Account>, effect: Effect) {
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
            Effect::Prompt { reason } => {
                account.note(Note {
                    at: account.server().line.now(),
                    code: reason.code(),
                    generation: self.core.generation(),
                    until: None,
                });
                tracing::info!(name: "session.prompt", account = %account.key, reason = reason.code().as_str());
            }
            Effect::WithdrawPrompt => tracing::info!(name: "session.prompt_withdrawn", account = %account.key),
            Effect::Alarm(code) => tracing::error!(name: "session.alarm", account = %account.key, code = code.as_str()),
            Effect::Notice(code) => {
                tracing::info!(name: "session.notice", account = %account.key, code = code.as_str())
            }
            Effect::Persist => self.persist(account),
            Effect::Note(note) => {
                tracing::info!(name: "session.note", account = %account.key, code = note.code.as_str());
                match note.code {
                    Code::EvidenceInvalidToken | Code::EvidenceUnauthorized | Code::EvidenceLegacyRejection => {
                        account.signal_neighbours(Signal::NeighbourRejected);
                    }
                    Code::EvidenceRenewed => account.set_last_accepted(note.at),
                    Code::EvidenceProbeAccepted | Code::EvidenceAccepted => {
                        account.set_last_accepted(note.at);
                        account.signal_neighbours(Signal::NeighbourAccepted);
                    }
                    _ => {}
                }
                account.note(note);
            }
        }
    }

    /// Stores the session's memory, the latest if several wait: credentials do not depend on it.
    fn persist(&self, account: &Arc<Account>) {
        let pacing = *lock(&account.deployment.pacing);
        let clock = account.server().line.record();
        let record = SessionRecord::new(self.core.snapshot(), clock, pacing, account.last_accepted(), account.notes());
        if self.saving.offer(record.write()) {
            let save = attempts::save_record(Arc::clone(account), Arc::clone(&self.saving));
            account.server().host.spawn.spawn("mainstay-persist", Box::pin(save));
        }
    }

    fn destroy(&mut self, account: &Arc<Account>, target: Target) {
        let mut kept = lock(&account.kept);
        match target {
            Target::Everything | Target::KeptCredentials => kept.clear(),
            Target::Generation(generation) => kept.retain(|credentials| credentials.generation != generation),
            Target::Before(generation) => kept.retain(|credentials| credentials.generation >= generation),
        }
        drop(kept);
        if target != Target::Everything {
            let clear = attempts::destroy(Arc::clone(account), target);
            account.server().host.spawn.spawn("mainstay-destroy", Box::pin(clear));
        }
    }

    /// Durable first, then visible. What of it fails leaves the account signed in.
    async fn sign_out(&mut self, account: &Arc<Account>, reason: SignedOutReason) -> Result<(), Error> {
        account.hot.raise_epoch();
        if let Some(revocation) = device_key::withdrawal(account)
            && let Err(error) = account.vault().queue_revocation(&revocation).await
        {
            tracing::warn!(name: "session.enrolment_not_queued", account = %account.key, %error);
        }
        self.unsaved = None;
        match account.vault().sign_out(account.key).await {
            Ok(epoch) => account.set_vault_epoch(epoch),
            Err(error) => {
                self.publish(account);
                return Err(Failure::from(error).into());
            }
        }
        *lock(&account.device_key_id) = None;
        self.core.set_can_reauthenticate(account.deployment.provider.is_some());
        self.step(account, Event::SignOut(reason));
        *lock(&account.identity) = None;
        revocations::start(&account.deployment);
        Ok(())
    }

    // ---- what the app sees -------------------------------------------------------------------------------------

    fn publish(&self, account: &Account) {
        let line = &account.server().line;
        let answer = self.core.answer(line.now());
        let epoch = account.hot.epoch();
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
                }
            }
            _ => account.hot.publish(None),
        }
        let state = SessionState {
            state: self.core.state(),
            unsaved: self.core.is_unsaved(),
            generation: self.core.generation(),
            answer,
        };
        account.board.send_if_modified(|board| std::mem::replace(board, state) != state);
    }
}
