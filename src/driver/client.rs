//! The app's way in: a client for one deployment, and its builder.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use mainstay_core::{Opened, SignedOutReason};
use tokio::sync::{OwnedMutexGuard, oneshot};
use url::Url;

use super::{
    account::{Account, Deployment, lock},
    attempts::imported_token,
    builder::ClientBuilder,
    device_sign_in::{self, DevicePrompt},
    dpop::Presented,
    message::Message,
    options::Options,
    provider::ImportedTokens,
    roster::{AccountInfo, Roster},
    server::within,
    session::Session,
    sign_in::{self, Arrival},
    waiting::{self, WaitingSignIn},
};
use crate::{
    Credentials, Error, Identity, Secret,
    error::Failure,
    host::Browser,
    oauth::{ProtectedFailure, SignInOptions},
    vault::{AccountKey, Epoch, Fingerprint, SetAside, UnreadableReason, VaultError},
};

/// How often a program that waits for revocations looks.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Keeps the sessions of one deployment on this device. Cheap to clone; all clones are the same client.
///
/// Its tasks end when the last clone and the last [`Session`] are dropped. Everything that matters is stored by then.
#[derive(Clone)]
pub struct Client {
    roster: Arc<Roster>,
    options: Arc<Options>,
}

impl Client {
    /// Starts to describe a client of the authorization server `issuer`, registered there as `client_id`.
    #[must_use]
    pub fn builder(issuer: impl Into<String>, client_id: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(issuer.into(), client_id.into())
    }

    pub(super) fn new(roster: Arc<Roster>, options: Options) -> Self {
        Self { roster, options: Arc::new(options) }
    }

    fn deployment(&self) -> &Arc<Deployment> {
        self.roster.deployment()
    }

    /// The session that the app works with: that of the account which somebody signed in to or
    /// [switched](Self::switch_account) to last, in this process or before it started. Signed out it stays the active one, so
    /// that nobody goes on under somebody else's name; `None` if nobody ever signed in here, or the account was removed.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        self.roster.active().map(|account| self.handle(&account))
    }

    /// The sessions that this process has opened, signed-out ones included, in the order in which it did. At the start
    /// these are the active account's and those of the seven others that were used last; [`accounts`](Self::accounts)
    /// knows all.
    #[must_use]
    pub fn sessions(&self) -> Vec<Session> {
        self.roster.opened().iter().map(|account| self.handle(account)).collect()
    }

    /// The accounts of this vault in which somebody is signed in, whichever process did that, the last used first. For a
    /// shared till: who may go on here without signing in again.
    ///
    /// # Errors
    /// [`Error::VaultLocked`] or [`Error::TryLater`] if the folder cannot be listed now.
    pub async fn accounts(&self) -> Result<Vec<AccountInfo>, Error> {
        Ok(self.roster.list().await.map_err(Failure::from)?)
    }

    /// Makes an account the one that the app works with, in this process and at the next start. Nobody is signed out by
    /// it, and other processes go on with theirs.
    ///
    /// # Errors
    /// As [`open_account`](Self::open_account).
    pub async fn switch_account(&self, id: AccountKey) -> Result<Session, Error> {
        let session = self.open_account(id).await?;
        let account = self.roster.open(id).await?;
        account.set_last_used(self.deployment().stamp());
        account.tell(Message::Used);
        account.choose().await;
        Ok(session)
    }

    /// The session of an account, beside the active one. It is looked after from now on.
    ///
    /// # Errors
    /// [`Error::SignInRequired`] if nobody is signed in there any more, [`Error::VaultLocked`] or [`Error::TryLater`] if the
    /// folder cannot be listed now.
    pub async fn open_account(&self, id: AccountKey) -> Result<Session, Error> {
        self.deployment().server.check_process()?;
        Ok(self.handle(&self.roster.open(id).await?))
    }

    /// Signs an account out and forgets it on this device. If it was the active one, none is until somebody signs in or
    /// the app [switches](Self::switch_account).
    ///
    /// # Errors
    /// [`Error::TryLater`] if the disk refused: the account is then still signed in. No error if it is not here.
    pub async fn remove_account(&self, id: AccountKey) -> Result<(), Error> {
        self.deployment().server.check_process()?;
        match self.roster.open(id).await {
            Ok(account) => self.handle(&account).end(SignedOutReason::AccountRemoved).await?,
            Err(Error::SignInRequired) => {}
            Err(error) => return Err(error),
        }
        self.roster.remove(id).await;
        Ok(())
    }

    /// Lets a person sign in, in `browser` (RFC 6749 section 4.1 with PKCE, RFC 7636). Whoever signs in gets a session
    /// of their own; if they have one here already, that one is renewed. After a sign-out the server is asked to ask
    /// (`prompt=login`): else the browser's own session would bring back who has just left.
    ///
    /// Dropping the future gives the sign-in up.
    ///
    /// # Errors
    /// [`Error::Cancelled`] if the person gave up, [`Error::TryLater`] without a server, [`Error::Misconfigured`],
    /// [`Error::VaultLocked`]. Sessions that exist are not touched by any of them.
    pub async fn sign_in(&self, browser: &dyn Browser) -> Result<Session, Error> {
        self.sign_in_with(browser, &SignInOptions::default()).await
    }

    /// The same, asking for more than usual: another prompt, an authentication of a certain kind or age (RFC 9470). Without
    /// scopes the client's own are asked for.
    ///
    /// # Errors
    /// As [`sign_in`](Self::sign_in). [`Error::SignInRequired`] if the person did not authenticate as was asked for: let them
    /// try again. [`Error::Misconfigured`] too if the server does not say how they did.
    pub async fn sign_in_with(&self, browser: &dyn Browser, options: &SignInOptions) -> Result<Session, Error> {
        self.ready_for_sign_in().await?;
        let options = self.completed(options).await;
        let visit = sign_in::visit(self.deployment(), browser, &self.options.redirect_uri, &options).await?;
        self.arrive(visit).await
    }

    /// Lets a person sign in with another device (RFC 8628): for a screen without a browser or a keyboard.
    ///
    /// Dropping the future gives the sign-in up.
    ///
    /// # Errors
    /// As [`sign_in`](Self::sign_in). [`Error::Cancelled`] also if somebody said no, or the code expired.
    pub async fn sign_in_with_device(&self, prompt: &dyn DevicePrompt) -> Result<Session, Error> {
        self.ready_for_sign_in().await?;
        let visit = device_sign_in::visit(self.deployment(), prompt, &self.options.scopes).await?;
        self.arrive(visit).await
    }

    /// Begins a sign-in whose browser comes back by a link that starts the app, perhaps anew (RFC 8252 sections 7.1 and
    /// 7.2): a custom scheme, an app link. What is needed to finish it is in the vault when this returns; open the address,
    /// and give what the link brings to [`finish_sign_in`](Self::finish_sign_in), within
    /// [`PENDING_SIGN_IN_LIFETIME`](crate::oauth::PENDING_SIGN_IN_LIFETIME). Four at most wait; the oldest goes first.
    ///
    /// # Errors
    /// As [`sign_in`](Self::sign_in).
    pub async fn begin_sign_in(&self, options: &SignInOptions) -> Result<Url, Error> {
        self.ready_for_sign_in().await?;
        let options = self.completed(options).await;
        begin_waiting(self.deployment(), &self.options, &options, None).await
    }

    /// Finishes a sign-in that [`begin_sign_in`](Self::begin_sign_in) or
    /// [`Session::begin_sign_in_again`] began, in this process or in one before it. `callback` is the whole link. A sign-in is
    /// finished once: what fails after its link was recognised has to begin anew.
    ///
    /// # Errors
    /// [`Error::Cancelled`] if no sign-in waits for this link: it is too late, was used, or never was ours; or the person said
    /// no. Else as [`sign_in_with`](Self::sign_in_with), and for a sign-in in place as [`Session::sign_in_again`].
    pub async fn finish_sign_in(&self, callback: &Url) -> Result<Session, Error> {
        self.ready_for_sign_in().await?;
        let waiting = waiting::take(self.deployment(), callback).await?;
        let visit = sign_in::finish(self.deployment(), &waiting.sign_in, callback).await?;
        match waiting.renews {
            None => self.arrive(visit).await,
            Some((key, epoch)) => {
                let session = self.handle(&self.roster.open_or_make(key).await);
                session.arrive(visit, epoch).await?;
                Ok(session)
            }
        }
    }

    async fn ready_for_sign_in(&self) -> Result<(), Error> {
        self.deployment().server.check_process()?;
        Ok(self.deployment().vault.check_locks().await.map_err(Failure::from)?)
    }

    /// What the app asks for, and what goes without saying.
    async fn completed(&self, options: &SignInOptions) -> SignInOptions {
        let mut options = self.options.complete(options);
        if options.prompt.is_none() && self.roster.somebody_left().await {
            options.prompt = Some("login".to_owned());
        }
        options
    }

    /// Keeps what a visit brought, for whoever it was.
    async fn arrive(&self, visit: sign_in::Visited) -> Result<Session, Error> {
        let turn = self.turn().await;
        let found = async {
            let account = self.roster.account_for(&visit.identity).await?;
            let base = self.deployment().vault.epoch(account.key).await?;
            Ok::<_, VaultError>((account, base))
        };
        let (account, base) = match found.await {
            Ok(found) => found,
            Err(error) => {
                sign_in::give_back(self.deployment(), &visit.answer).await;
                return Err(Failure::from(error).into());
            }
        };
        Arrival::of_visit(&account, visit, base, turn).keep(Arc::clone(&account)).await?;
        Ok(self.handle(&account))
    }

    /// Adopts the tokens of an app that comes from another library. They are verified first; the same tokens again give
    /// the same session; a crash at any point leaves either the old library's tokens unspent or a session here.
    ///
    /// # Errors
    /// [`Error::SignInRequired`] if the server refuses them, [`Error::TryLater`], [`Error::VaultLocked`],
    /// [`Error::Misconfigured`] if there is neither an access nor a refresh token.
    pub async fn import_session(&self, tokens: ImportedTokens) -> Result<Session, Error> {
        self.deployment().server.check_process()?;
        let nothing = |token: &Option<Secret>| token.as_ref().is_none_or(Secret::is_empty);
        if nothing(&tokens.access_token) && nothing(&tokens.refresh_token) {
            return Err(Error::Misconfigured("an import needs an access token or a refresh token".to_owned()));
        }
        self.deployment().vault.check_locks().await.map_err(Failure::from)?;
        let turn = self.turn().await;
        for account in self.roster.open_all().await.map_err(Failure::from)? {
            account.opened().await;
        }
        let prints = sign_in::fingerprints(self.deployment(), tokens.secrets()).await;
        if let Some(known) = self.account_with(&tokens, &prints) {
            return Ok(self.handle(&known));
        }
        let (identity, name, accepted) = self.identity_of(&tokens).await?;
        if let Some(known) = self.roster.account_of(&identity) {
            // Once they have expired, nobody can ask any more whose they were.
            known.knows_as_imported(prints);
            known.tell(Message::Imported);
            return Ok(self.handle(&known));
        }
        let account = self.roster.account_for(&identity).await.map_err(Failure::from)?;
        let base = self.deployment().vault.epoch(account.key).await.map_err(Failure::from)?;
        // A token that the server has just refused is no credential; the refresh token has to prove itself.
        let access_token = imported_token(&account, &tokens).filter(|_| accepted);
        let arrival = Arrival::of_import((identity, name), access_token, tokens, base, turn);
        arrival.keep(Arc::clone(&account)).await?;
        // Not returned before the session stands: the caller may now forget its own copy.
        let session = self.handle(&account);
        session.access_token().await?;
        Ok(session)
    }

    /// Destroys every credential of this client on this device, and nothing else: the last resort of a support desk.
    /// Refresh tokens are revoked as after a sign-out. Never necessary to repair a session.
    ///
    /// # Errors
    /// [`Error::VaultLocked`] or [`Error::TryLater`] if a sign-out could not be made durable; call it again.
    pub async fn reset_credentials(&self) -> Result<(), Error> {
        for account in self.roster.open_all().await.map_err(Failure::from)? {
            self.handle(&account).end(SignedOutReason::Reset).await?;
        }
        Ok(())
    }

    /// Waits until servers were told of every sign-out, but not longer than `limit`; for a program that ends after one. Returns
    /// whether they were. What is left is told by itself as long as this client lives, or by the next one.
    pub async fn revocations_settled(&self, limit: Duration) -> bool {
        let (deployment, clock) = (self.deployment(), &*self.deployment().server.host.clock);
        let settled = async {
            while deployment.revoking.load(Ordering::Acquire) {
                clock.sleep_until(clock.monotonic().saturating_add(LOOK_AGAIN)).await;
            }
        };
        within(clock, limit, settled).await.is_some()
    }

    /// What a status display calls the place where the vault's key is, for example `memory`.
    #[must_use]
    pub fn key_store(&self) -> &'static str {
        self.deployment().vault.key_store()
    }

    /// Seals everything on this device anew under a new key, and destroys the old one: for a key that somebody may have
    /// seen, or a rule that asks for it every year. Sessions go on meanwhile, in this process and in others. Cut short, by
    /// a full disk or a crash, it is finished by the next call or the next start; until then both keys are kept.
    ///
    /// # Errors
    /// [`Error::VaultLocked`] or [`Error::TryLater`]: call it again. [`Error::Misconfigured`] if a newer release has written
    /// here: that one has to do it. Nothing is lost by any of them.
    pub async fn reseal(&self) -> Result<(), Error> {
        let (done, resealed) = oneshot::channel();
        let deployment = Arc::clone(self.deployment());
        let work = async move {
            let _caller_left = done.send(deployment.vault.reseal().await);
        };
        self.deployment().server.host.spawn.spawn("mainstay-reseal", Box::pin(work));
        let gone = || Error::Internal("the task that seals the vault anew is gone");
        Ok(resealed.await.map_err(|_gone| gone())?.map_err(Failure::from)?)
    }

    fn handle(&self, account: &Arc<Account>) -> Session {
        Session::new(Arc::clone(account), Arc::clone(&self.options))
    }

    /// Goes on with a re-seal that was cut short. If it cannot, everything opens all the same, and the next start tries.
    pub(super) fn finish_reseal(&self) {
        let deployment = Arc::clone(self.deployment());
        let work = async move {
            if let Err(error) = deployment.vault.finish_reseal().await {
                tracing::warn!(name: "vault.reseal.unfinished", %error);
            }
        };
        self.deployment().server.host.spawn.spawn("mainstay-reseal", Box::pin(work));
    }

    /// Waits for the turn to store a sign-in or an import, and until everybody whose account is open is known.
    async fn turn(&self) -> OwnedMutexGuard<()> {
        let turn = Arc::clone(&self.deployment().arriving).lock_owned().await;
        for account in self.roster.opened() {
            account.opened().await;
        }
        turn
    }

    /// The account that holds one of these very tokens already, or was once made of them.
    fn account_with(&self, tokens: &ImportedTokens, prints: &[Fingerprint]) -> Option<Arc<Account>> {
        let same = |ours: Option<&Secret>, theirs: &Option<Secret>| {
            theirs.as_ref().is_some_and(|theirs| !theirs.is_empty() && ours == Some(theirs))
        };
        let holds = |kept: &Credentials| {
            same(kept.refresh_token.as_ref(), &tokens.refresh_token)
                || same(kept.access_tokens.first().map(|token| &token.token), &tokens.access_token)
        };
        let is_it = |account: &Arc<Account>| {
            lock(&account.kept).iter().any(holds) || account.imported().iter().any(|known| prints.contains(known))
        };
        self.roster.opened().into_iter().find(is_it)
    }

    /// Whose imported tokens these are, and whether the server took the access token; one that it refused names nobody.
    async fn identity_of(&self, tokens: &ImportedTokens) -> Result<(Identity, Option<String>, bool), Error> {
        let server = &self.deployment().server;
        let nobody = Identity { issuer: server.issuer.as_str().to_owned(), subject: None, tenant: Vec::new() };
        let given = tokens.access_token.as_ref().filter(|token| !token.is_empty());
        let Some(token) = given else { return Ok((nobody, None, false)) };
        match sign_in::who_claims(server, Presented::bearer(token)).await {
            Ok(Some(claims)) => {
                let identity = claims.identity(server.issuer.as_str(), &server.profile.identity);
                Ok((identity.map_err(Failure::from)?, sign_in::name_of(&claims), true))
            }
            Ok(None) => Ok((nobody, None, true)),
            Err(Failure::Protected(ProtectedFailure::Rejected(rejection))) if rejection.accuses_token() => {
                if tokens.refresh_token.is_some() { Ok((nobody, None, false)) } else { Err(Error::SignInRequired) }
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// What was moved aside on this device because it could not be read, the oldest first, each with its reason.
    ///
    /// # Errors
    /// [`Error::VaultLocked`] or [`Error::TryLater`] if the folder cannot be listed now.
    pub async fn set_aside_list(&self) -> Result<Vec<SetAside>, Error> {
        Ok(self.deployment().vault.set_aside_list().await.map_err(Failure::from)?)
    }

    /// Puts back everything that was moved aside at the time `at` ([`SetAside::at`]), for example because its key is there
    /// again. The next start reads it. Returns how many files that was.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] if somebody signed in since, and has the place: sign out first. [`Error::Cancelled`] if
    /// the account was signed out since; [`Error::VaultLocked`], [`Error::TryLater`]. Nothing of it is lost by any of them.
    pub async fn restore(&self, at: u64) -> Result<usize, Error> {
        Ok(self.deployment().vault.restore(at).await.map_err(Failure::from)?)
    }

    /// Moves a vault that cannot be opened aside, so that people can sign in; what is in it is kept and can be restored.
    /// For a key store that stays locked for good: a locked vault opens by itself as soon as it can.
    ///
    /// # Errors
    /// [`Error::VaultLocked`] if the folder cannot be written either.
    pub async fn set_vault_aside(&self) -> Result<(), Error> {
        self.deployment().server.check_process()?;
        self.deployment().vault.set_vault_aside(UnreadableReason::KeyUnreadable).await.map_err(Failure::from)?;
        for account in self.roster.opened() {
            account.tell(Message::Opened { opened: Opened::MovedAside, loaded: None, epoch: None });
        }
        Ok(())
    }
}

/// Stores what is needed to finish a sign-in, then says which address to open.
pub(super) async fn begin_waiting(
    deployment: &Arc<Deployment>,
    client: &Options,
    options: &SignInOptions,
    renews: Option<(AccountKey, Epoch)>,
) -> Result<Url, Error> {
    let (sign_in, url) = sign_in::begin(&deployment.server, &client.redirect_uri, options).await?;
    waiting::put(deployment, WaitingSignIn { renews, sign_in }).await?;
    Ok(url)
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("issuer", &self.deployment().server.issuer.as_str()).finish_non_exhaustive()
    }
}
