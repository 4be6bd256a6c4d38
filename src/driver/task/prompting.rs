//! One prompt for each account and episode, whichever of the processes that share it raises it (P9).
//!
//! The decision core knows what its own process asked for. Whether another one has asked already is found out here, before
//! the app sees `prompting`: the [turn](PromptTurn) to show the prompt is held as long as it stands, and with it goes a note of
//! the latest prompt. A process that dies while it shows one leaves it to the next.

use std::sync::{Arc, Weak};

use futures_util::future::{Either, select};
use tokio::sync::oneshot;

use super::Task;
use crate::{
    driver::{account::Account, message::Message},
    vault::{PromptTurn, RaisedPrompt, Vault},
};

/// What this process does about the account's prompt.
#[derive(Default)]
pub(super) struct Prompt {
    /// Which wish is the latest: an answer to an earlier one comes too late.
    wish: u32,
    /// The prompt is wanted, and it is not known yet whether this process may show it. Dropped, it is wanted no more.
    wanted: Option<oneshot::Sender<()>>,
    shown: Option<Shown>,
}

/// The prompt that stands. Without a turn where nobody could say whose it is: then everybody's.
struct Shown {
    raised: RaisedPrompt,
    turn: Option<PromptTurn>,
}

/// Whether this process may show the prompt, and for how long nobody else does.
pub(in crate::driver) struct PromptAnswer {
    wish: u32,
    raised: RaisedPrompt,
    turn: Option<PromptTurn>,
    shows: bool,
}

impl Prompt {
    /// Whether the app should show it.
    pub(super) const fn is_shown(&self) -> bool {
        self.shown.is_some()
    }

    /// Whether it is to be shown after a restart, if no other process has shown it by then.
    pub(super) const fn is_open(&self) -> bool {
        self.shown.is_some() || self.wanted.is_some()
    }
}

impl Task {
    /// A person is needed. `restored` says what was stored of a prompt of this process's last run.
    pub(super) fn want_prompt(&mut self, account: &Arc<Account>, restored: Option<bool>) {
        let (wanted, unwanted) = oneshot::channel();
        self.prompt.wish = self.prompt.wish.wrapping_add(1);
        self.prompt.wanted = Some(wanted);
        let wish = Wish {
            number: self.prompt.wish,
            generation: self.core.generation().map_or(0, mainstay_core::Generation::number),
            restored,
        };
        let turn = account.vault().prompt_turn(account.key);
        let waiting = async move |account: Weak<Account>| {
            let Either::Left((turn, _)) = select(turn, unwanted).await else { return };
            let Some(account) = account.upgrade() else { return };
            let turn = turn.inspect_err(|error| {
                tracing::warn!(name: "session.prompt_turn", account = %account.key, %error);
            });
            let answer = wish.decide(&account, turn.ok()).await;
            account.tell(Message::Prompt(answer));
        };
        account.server().host.spawn.spawn("mainstay-prompt", Box::pin(waiting(Arc::downgrade(account))));
    }

    pub(super) fn prompt_decided(&mut self, account: &Arc<Account>, answer: PromptAnswer) {
        let PromptAnswer { wish, raised, turn, shows } = answer;
        let is_wanted = wish == self.prompt.wish && self.prompt.wanted.is_some();
        if !is_wanted {
            return if shows {
                self.close_prompt(account, Shown { raised, turn });
            };
        }
        self.prompt.wanted = None;
        if shows {
            tracing::info!(name: "session.prompt", account = %account.key);
            self.prompt.shown = Some(Shown { raised, turn });
        }
        self.persist(account);
        self.publish(account);
    }

    /// It is no longer needed, or a person closed it. Whether one was shown.
    pub(super) fn take_prompt_down(&mut self, account: &Arc<Account>) -> bool {
        self.prompt.wanted = None;
        let shown = self.prompt.shown.take();
        let was_shown = shown.is_some();
        if let Some(shown) = shown {
            self.close_prompt(account, shown);
        }
        was_shown
    }

    fn close_prompt(&self, account: &Account, shown: Shown) {
        let Some(turn) = shown.turn else { return };
        let (deployment, raised) = (Arc::clone(&account.deployment), RaisedPrompt { open: false, ..shown.raised });
        let close = async move { note(&deployment.vault, &turn, raised).await };
        account.server().host.spawn.spawn("mainstay-prompt", Box::pin(close));
    }
}

async fn note(vault: &Vault, turn: &PromptTurn, raised: RaisedPrompt) {
    if let Err(error) = vault.note_prompt(turn, raised).await {
        tracing::warn!(name: "session.prompt_not_noted", ?turn, %error);
    }
}

/// The wish to show a prompt.
struct Wish {
    number: u32,
    generation: u64,
    restored: Option<bool>,
}

impl Wish {
    /// In an episode that has had its prompt, it is shown only if its process died before anybody saw to it. It is the same
    /// episode as long as nothing was accepted since, and no newer credentials came.
    async fn decide(self, account: &Account, turn: Option<PromptTurn>) -> PromptAnswer {
        let now = account.server().line.now();
        let new = RaisedPrompt { generation: self.generation, at: now, open: true };
        let before = match &turn {
            Some(turn) => account.vault().raised_prompt(turn).await,
            None => None,
        };
        let same = before.filter(|it| it.generation == self.generation && account.last_accepted() <= it.at);
        let shows = same.map_or(self.restored.unwrap_or(true), |raised| raised.open);
        let raised = same.unwrap_or(new);
        if let (None, true, Some(turn)) = (same, shows, &turn) {
            note(account.vault(), turn, raised).await;
        }
        PromptAnswer { wish: self.number, raised, turn: turn.filter(|_| shows), shows }
    }
}
