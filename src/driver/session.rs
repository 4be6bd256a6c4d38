//! One account's session, as the app holds it.

use std::{sync::Arc, time::Duration};

use mainstay_core::{Event, Note, SignedOutReason, State};
use tokio::sync::{oneshot, watch};
use url::Url;

use super::{
    account::{Account, SessionState, lock},
    client::begin_waiting,
    device_key,
    device_sign_in::{self, DevicePrompt},
    explain,
    explain::Explanation,
    hot::AccessToken,
    message::Message,
    options::{Options, TokenRequest},
    send,
    sign_in::{self, Arrival},
    timeline_export::TimelineExport,
};
use crate::{
    Error, Identity,
    error::Failure,
    host::Browser,
    oauth::{Rejection, SignInOptions},
    vault::{AccountKey, Epoch},
};

/// A session on this device. Cheap to clone; all clones are the same session.
///
/// In a process that was forked after the client was built, every call that can fail is [`Error::Misconfigured`]: build a
/// client after forking.
#[derive(Clone)]
pub struct Session {
    account: Arc<Account>,
    options: Arc<Options>,
}

/// How long the app may go on without a server. Turning the device's clock back never extends it: what was left when the
/// session was last stored, at most a quarter of an hour before a restart, is the most that is left after it. The time
/// for which a device was off is only counted as far as its clock tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfflinePermit {
    /// What is left of it.
    pub remaining: Duration,
    /// How long ago a server last accepted this session.
    pub last_accepted: Duration,
}

impl OfflinePermit {
    /// Whether the app may go on.
    #[must_use]
    pub fn is_valid(self) -> bool {
        !self.remaining.is_zero()
    }
}

impl Session {
    pub(super) const fn new(account: Arc<Account>, options: Arc<Options>) -> Self {
        Self { account, options }
    }

    /// A good access token: at once if there is one, else as soon as there is one, within 15 s. A caller that goes away
    /// cancels nothing.
    ///
    /// # Errors
    /// [`Error::TryLater`], [`Error::SignInRequired`], [`Error::VaultLocked`], [`Error::IdentityMismatch`].
    #[inline]
    pub async fn access_token(&self) -> Result<AccessToken, Error> {
        self.account.check_process()?;
        match self.account.hot.load(&*self.account.server().host.clock) {
            Some(token) => Ok(token),
            None => self.account.token().await,
        }
    }

    /// A good access token for another audience (RFC 8707), with certain scopes, or with some life left. An account makes
    /// one such request at a time, and what the server would not give is not asked for again within an hour, unless
    /// somebody signs in meanwhile.
    ///
    /// # Errors
    /// As [`access_token`](Self::access_token). [`Error::Misconfigured`] if the server does not give such a token, or none
    /// that lives so long: the text says which. That is a matter of this audience, and the session is fine. Whether the
    /// refresh token is still good shows when the session's own token is renewed.
    pub async fn access_token_for(&self, request: &TokenRequest) -> Result<AccessToken, Error> {
        self.account.check_process()?;
        super::audience::token(&self.account, request).await
    }

    /// Sends a request with the session's token: attaches it, reads the answer, recovers if the token was rejected, and
    /// replays the request at most once. Redirects are answers, and no token goes to another origin.
    ///
    /// A 401, or a rejection that a profile rule recognises, never reaches the caller while a recovery is under way. A
    /// request that is not idempotent is replayed only after a 401 or with an `Idempotency-Key`.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] for an address that the profile does not name, else as [`access_token`](Self::access_token).
    pub async fn send(&self, request: http::Request<bytes::Bytes>) -> Result<http::Response<bytes::Bytes>, Error> {
        self.account.check_process()?;
        send::send(&self.account, request).await
    }

    /// Tells Mainstay that a server rejected `token`, for apps that send requests by themselves. `response` is the
    /// answer. Ask for [`access_token`](Self::access_token) afterwards, and replay once.
    ///
    /// Returns what the answer was taken for.
    pub fn report_rejection(
        &self,
        token: &AccessToken,
        url: &url::Url,
        response: &http::Response<bytes::Bytes>,
    ) -> Rejection {
        send::report(&self.account, token, url, response)
    }

    /// The proof that goes into the `DPoP` header of one request with `token`, for apps that send requests by themselves
    /// ([RFC 9449 section 7](https://www.rfc-editor.org/rfc/rfc9449#section-7)); `None` if the token is bound to no key, and is
    /// sent as [`AccessToken::token_type`] says. A proof is good for one request to this address, once. Tell
    /// [`report_rejection`](Self::report_rejection) of a 401, so that the server's nonce and time are in the next proof.
    #[must_use]
    pub fn dpop_proof(&self, token: &AccessToken, method: &http::Method, url: &url::Url) -> Option<http::HeaderValue> {
        send::proof(&self.account, token, method, url)
    }

    /// Which account it is the session of, for [`Client::switch_account`](super::Client::switch_account) and the like.
    #[must_use]
    pub fn account_id(&self) -> AccountKey {
        self.account.key
    }

    /// Where the session stands.
    #[must_use]
    pub fn state(&self) -> SessionState {
        *self.account.board.borrow()
    }

    /// Every state from now on, beginning with the present one: whoever comes late loses nothing.
    #[must_use]
    pub fn states(&self) -> StateStream {
        StateStream { board: self.account.board.subscribe(), latest: None }
    }

    /// Whose session it is; `None` once signed out, or before the vault was read.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        lock(&self.account.identity).clone()
    }

    /// Where the session stands, what a person may do and what happens next, in plain words. The time is true as long as
    /// nothing happens before: ask again with each new [state](Self::states), and as often as a countdown needs.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        explain::explain(&self.state(), &self.account.server().line)
    }

    /// What was seen, decided and done, oldest first; at most 512 lines, without secrets. The latest episode keeps its
    /// beginning, however long it lasts.
    #[must_use]
    pub fn timeline(&self) -> Vec<Note> {
        self.account.journal.read().notes()
    }

    /// The timeline as it grows, beginning with what there is.
    #[must_use]
    pub fn timeline_stream(&self) -> TimelineStream {
        TimelineStream { account: Arc::clone(&self.account), written: self.account.journal.watch(), seen: 0 }
    }

    /// The timeline with what happens next, to be attached to a report: [`TimelineExport::to_json`] in a documented shape, or
    /// [`TimelineExport::to_text`]. At most 200 lines; no secret and nobody's name is in it. It survives restarts, as far as
    /// it is stored with the state that it led to.
    #[must_use]
    pub fn export_timeline(&self) -> TimelineExport {
        TimelineExport::new(&self.account.journal.read(), &self.explain(), &self.account.server().line)
    }

    /// How long the app may go on without a server.
    #[must_use]
    pub fn offline_permit(&self) -> OfflinePermit {
        let last_accepted = self.account.server().line.now().since(self.account.last_accepted());
        OfflinePermit { remaining: self.options.offline_permit.saturating_sub(last_accepted), last_accepted }
    }

    /// Signs out: at once, durably, without a network. Revocation follows by itself when there is one.
    ///
    /// # Errors
    /// [`Error::TryLater`] if the disk refused: the session is then still signed in.
    pub async fn sign_out(&self) -> Result<(), Error> {
        self.end(SignedOutReason::User).await
    }

    pub(super) async fn end(&self, reason: SignedOutReason) -> Result<(), Error> {
        self.account.check_process()?;
        let (done, ended) = oneshot::channel();
        self.account.tell(Message::SignOut { reason, done });
        ended.await.unwrap_or(Err(Error::Internal("the session's task is gone")))
    }

    /// Lets the same person sign in again, in place, with their name prefilled, and makes theirs the session that the app works
    /// with ([`Client::session`](super::Client::session)). Possible in every state; nothing kept is touched before the new
    /// credentials are stored, and another person's sign-in is refused (P13), also after a sign-out: for them there is
    /// [`Client::sign_in`](super::Client::sign_in). Dropping the future gives the sign-in up.
    ///
    /// # Errors
    /// [`Error::VaultLocked`] while the vault cannot be opened: unlock it, or move it aside
    /// ([`Client::set_vault_aside`](super::Client::set_vault_aside)).
    /// [`Error::IdentityMismatch`] if somebody else signed in, [`Error::Cancelled`], [`Error::TryLater`] (also for taps
    /// in quick succession: at most 60 s), [`Error::Misconfigured`].
    pub async fn sign_in_again(&self, browser: &dyn Browser) -> Result<(), Error> {
        self.sign_in_again_with(browser, &SignInOptions::default()).await
    }

    /// The same, asking for more than usual: an authentication of a certain kind or age, because a resource server insists
    /// on it (RFC 9470; [`SignInOptions::step_up`]). The session goes on meanwhile.
    ///
    /// # Errors
    /// As [`sign_in_again`](Self::sign_in_again). [`Error::SignInRequired`] if the person did not authenticate as was asked
    /// for; [`Error::Misconfigured`] too if the server does not say how they did. The session is as before then.
    pub async fn sign_in_again_with(&self, browser: &dyn Browser, options: &SignInOptions) -> Result<(), Error> {
        let (base, options) = self.begin_again(options).await?;
        let deployment = &self.account.deployment;
        let visit = sign_in::visit(deployment, browser, &self.options.redirect_uri, &options).await?;
        self.arrive(visit, base).await
    }

    /// The same with another device (RFC 8628).
    ///
    /// # Errors
    /// As [`sign_in_again`](Self::sign_in_again). [`Error::Cancelled`] also if somebody said no, or the code expired.
    pub async fn sign_in_again_with_device(&self, prompt: &dyn DevicePrompt) -> Result<(), Error> {
        let (base, options) = self.begin_again(&SignInOptions::default()).await?;
        let visit = device_sign_in::visit(&self.account.deployment, prompt, &options.scopes).await?;
        self.arrive(visit, base).await
    }

    /// Begins a sign-in in place whose browser comes back by a link that starts the app, perhaps anew. It is finished by
    /// [`Client::finish_sign_in`](super::Client::finish_sign_in).
    ///
    /// # Errors
    /// As [`sign_in_again`](Self::sign_in_again).
    pub async fn begin_sign_in_again(&self, options: &SignInOptions) -> Result<Url, Error> {
        let (base, options) = self.begin_again(options).await?;
        begin_waiting(&self.account.deployment, &self.options, &options, Some((self.account.key, base))).await
    }

    /// Whether a person may sign in here now; the vault's epoch, and what to ask for.
    async fn begin_again(&self, options: &SignInOptions) -> Result<(Epoch, SignInOptions), Error> {
        self.account.check_process()?;
        // Whose session it is has to be known, and a vault that cannot be opened cannot keep what a sign-in brings.
        self.account.opened().await;
        let state = self.state().state;
        if let State::Locked { .. } = state {
            return Err(Error::VaultLocked);
        }
        self.tap().await?;
        let base = self.account.vault().epoch(self.account.key).await.map_err(Failure::from)?;
        let mut options = self.options.complete(options);
        let subject = || self.identity().and_then(|identity| identity.subject);
        options.login_hint = options.login_hint.or_else(subject);
        let left = matches!(state, State::SignedOut { reason } if reason != SignedOutReason::NeverSignedIn);
        options.prompt = options.prompt.or_else(|| left.then(|| "login".to_owned()));
        Ok((base, options))
    }

    /// Keeps what a visit brought, if it was this session's person. `base` is the vault's epoch when it began.
    pub(super) async fn arrive(&self, visit: sign_in::Visited, base: Epoch) -> Result<(), Error> {
        let turn = Arc::clone(&self.account.deployment.arriving).lock_owned().await;
        self.account.opened().await;
        // Compared now: somebody may have signed in here while the browser was open.
        let pinned = self.identity().filter(|identity| identity.subject.is_some());
        let is_somebody_elses = match pinned {
            Some(pinned) => pinned != visit.identity,
            None => self.was_somebody_elses(&visit.identity).await?,
        };
        if is_somebody_elses {
            sign_in::give_back(&self.account.deployment, &visit.answer).await;
            return Err(Failure::OtherIdentity.into());
        }
        Ok(Arrival::of_visit(&self.account, visit, base, turn).keep(Arc::clone(&self.account)).await?)
    }

    /// Whether the account was signed out, and is not this person's: they get one of their own ([`super::Client::sign_in`]).
    async fn was_somebody_elses(&self, visitor: &Identity) -> Result<bool, Error> {
        if !matches!(self.state().state, State::SignedOut { .. }) {
            return Ok(false);
        }
        let theirs = self.account.vault().account_of(visitor).await.map_err(Failure::from)?;
        let owner = lock(&self.account.owner).unwrap_or(self.account.key);
        Ok(theirs.is_some_and(|theirs| theirs != owner && theirs != self.account.key))
    }

    /// A person asks to try now what would be tried later by itself. Of a locked key store that asked them to unlock it, and
    /// was dismissed, this is the one way to be asked again.
    ///
    /// # Errors
    /// [`Error::TryLater`] for taps in quick succession: at most 60 s.
    pub async fn try_now(&self) -> Result<(), Error> {
        self.account.check_process()?;
        self.tap().await?;
        self.account.server().host.secrets.ask_again();
        self.account.tell_and_wait(Event::TryNow).await;
        Ok(())
    }

    /// The person closed the sign-in prompt. It is not raised again in this episode; the state stays `SignInRequired`, a
    /// banner is what the app shows, and whoever wants to sign in still can (P9, P13). Nothing happens in other states.
    pub fn dismiss_prompt(&self) {
        self.account.tell(Message::PromptDismissed);
    }

    async fn tap(&self) -> Result<(), Error> {
        let (done, answer) = oneshot::channel();
        self.account.tell(Message::Tap(done));
        match answer.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(at)) => Err(Failure::TapLimit(at.since(self.account.server().line.now())).into()),
            Err(_gone) => Err(Error::Internal("the session's task is gone")),
        }
    }

    /// Enrols a key of this device, so that the next incident needs nobody (rung 4, RFC 7523).
    ///
    /// # Errors
    /// [`Error::Misconfigured`] if the server does not offer it, [`Error::TryLater`], [`Error::VaultLocked`].
    pub async fn enroll_device_key(&self) -> Result<(), Error> {
        self.account.check_process()?;
        Ok(device_key::enroll(&self.account).await?)
    }

    /// A hint of the host: the network came, or went.
    pub fn network_changed(&self, online: bool) {
        self.account.tell(Message::Event(Event::NetworkChanged { online }));
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("state", &self.state().state).finish_non_exhaustive()
    }
}

/// A session's states, the present one first.
#[derive(Debug)]
pub struct StateStream {
    board: watch::Receiver<SessionState>,
    latest: Option<SessionState>,
}

impl StateStream {
    /// The next state that differs from the one before; `None` when the session is gone.
    pub async fn next(&mut self) -> Option<SessionState> {
        loop {
            let state = *self.board.borrow_and_update();
            let shown = |it: &SessionState| (it.state, it.unsaved, it.generation, it.prompting);
            if self.latest.as_ref().map(shown) != Some(shown(&state)) {
                self.latest = Some(state);
                return Some(state);
            }
            self.board.changed().await.ok()?;
        }
    }
}

/// A session's timeline as it grows.
pub struct TimelineStream {
    account: Arc<Account>,
    written: watch::Receiver<u64>,
    seen: u64,
}

impl TimelineStream {
    /// The lines written since the last call; waits until there are any. `None` when the session is gone.
    pub async fn next(&mut self) -> Option<Vec<Note>> {
        loop {
            self.written.borrow_and_update();
            let (new, written) = self.account.journal.notes_after(self.seen);
            self.seen = written;
            if !new.is_empty() {
                return Some(new);
            }
            self.written.changed().await.ok()?;
        }
    }
}

impl std::fmt::Debug for TimelineStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TimelineStream").finish_non_exhaustive()
    }
}
