//! One prompt for each account and episode, whichever of the processes that share it raises it (P9).
//!
//! The decision core knows what its own process asked for. Whether another one has asked already is found out here, before
//! the app sees `prompting`: the [turn](PromptTurn) to show the prompt is held as long as it stands, and with it goes a note of
//! the latest prompt. A process that dies while it shows one leaves it to the next.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::future::{Either, select};
use mainstay_core::Timestamp;
use tokio::sync::oneshot;

use super::Task;
use crate::{
    driver::{account::Account, message::Message, server::within},
    vault::{PromptFate, PromptTurn, RaisedPrompt},
};

/// How long whoever only notes the end of an episode waits for the turn: while another process shows a prompt, that one
/// will note it.
const PATIENCE: Duration = Duration::from_secs(2);

/// What this process does about the account's prompt.
#[derive(Default)]
pub(super) struct Prompt {
    /// Which wish is the latest: an answer to an earlier one comes too late.
    wish: u32,
    /// The prompt is wanted, and it is not known yet whether this process may show it. Dropped, it is wanted no more.
    wanted: Option<oneshot::Sender<()>>,
    shown: Option<Shown>,
    /// There was a wish in this episode.
    wished: bool,
}

/// The prompt that stands. Without a turn where nobody could say whose it is: then everybody's.
struct Shown {
    since: Timestamp,
    turn: Option<PromptTurn>,
}

/// Whether this process may show the prompt, and if so, for how long nobody else does.
pub(in crate::driver) struct PromptAnswer {
    wish: u32,
    shown: Option<Shown>,
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
        (self.prompt.wanted, self.prompt.wished) = (Some(wanted), true);
        let wish = Wish { number: self.prompt.wish, at: account.server().line.now(), restored };
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

    pub(super) fn prompt_decided(&mut self, account: &Arc<Account>, PromptAnswer { wish, shown }: PromptAnswer) {
        if wish != self.prompt.wish || self.prompt.wanted.take().is_none() {
            return shown.into_iter().for_each(|shown| self.close_prompt(account, shown));
        }
        if shown.is_some() {
            tracing::info!(name: "session.prompt", account = %account.key);
        }
        self.prompt.shown = shown;
        self.persist(account);
        self.publish(account);
    }

    /// It is no longer needed, or a person closed it. Whether one was shown.
    pub(super) fn take_prompt_down(&mut self, account: &Arc<Account>) -> bool {
        self.prompt.wanted = None;
        let shown = self.prompt.shown.take();
        let was_shown = shown.is_some();
        shown.into_iter().for_each(|shown| self.close_prompt(account, shown));
        was_shown
    }

    fn close_prompt(&self, account: &Arc<Account>, Shown { since, turn }: Shown) {
        let Some(turn) = turn else { return };
        let closing = Arc::clone(account);
        let seen = RaisedPrompt { fate: PromptFate::Seen, at: since };
        let raised = if self.core.in_episode() { seen } else { over(account) };
        let close = async move { note(&closing, &turn, raised).await };
        account.server().host.spawn.spawn("mainstay-prompt", Box::pin(close));
    }

    /// The episode is over: what was dismissed in it may be asked for in the next one, by any process.
    pub(super) fn episode_is_over(&mut self, account: &Arc<Account>) {
        if !std::mem::take(&mut self.prompt.wished) {
            return;
        }
        let (ending, raised) = (Arc::clone(account), over(account));
        let end = async move {
            let turn = within(&*ending.server().host.clock, PATIENCE, ending.vault().prompt_turn(ending.key)).await;
            if let Some(Ok(turn)) = turn {
                note(&ending, &turn, raised).await;
            }
        };
        account.server().host.spawn.spawn("mainstay-prompt", Box::pin(end));
    }
}

fn over(account: &Account) -> RaisedPrompt {
    RaisedPrompt { fate: PromptFate::Over, at: account.server().line.now() }
}

async fn note(account: &Account, turn: &PromptTurn, raised: RaisedPrompt) {
    if let Err(error) = account.vault().note_prompt(turn, raised).await {
        tracing::warn!(name: "session.prompt_not_noted", account = %account.key, %error);
    }
}

/// The wish to show a prompt.
struct Wish {
    number: u32,
    at: Timestamp,
    restored: Option<bool>,
}

impl Wish {
    /// An episode that has had its prompt gets none more. Nor does one that another process has seen the end of.
    async fn decide(self, account: &Account, turn: Option<PromptTurn>) -> PromptAnswer {
        let before = match &turn {
            Some(turn) => account.vault().raised_prompt(turn).await,
            None => None,
        };
        let shows = match before {
            Some(RaisedPrompt { fate: PromptFate::Open, .. }) => true,
            // Something was accepted here since, so it was another episode's.
            Some(RaisedPrompt { fate: PromptFate::Seen, at }) => {
                account.last_proven() > at && self.restored != Some(false)
            }
            Some(RaisedPrompt { fate: PromptFate::Over, at }) => self.at >= at && self.restored.unwrap_or(true),
            None => self.restored.unwrap_or(true),
        };
        let since = account.server().line.now();
        if let (true, Some(turn)) = (shows, &turn) {
            note(account, turn, RaisedPrompt { fate: PromptFate::Open, at: since }).await;
        }
        PromptAnswer { wish: self.number, shown: shows.then_some(Shown { since, turn }) }
    }
}
