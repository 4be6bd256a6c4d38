//! The app's way in: a client for one deployment, and its builder.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use mainstay_core::{Answer, Opened, Policy, Session as Core, State};
use tokio::sync::{OwnedMutexGuard, oneshot};
use url::Url;

use super::{
    account::{Account, Deployment, Message, SessionState, lock},
    attempts::imported_token,
    options::Options,
    provider::{Browser, CredentialProvider, ImportedTokens},
    record::SessionRecord,
    revocations,
    server::Server,
    session::Session,
    sign_in::{self, Arrival},
    task::Task,
    time_line::TimeLine,
    watching,
};
use crate::{
    Credentials, Error, Identity, Secret,
    error::Failure,
    host::Host,
    oauth::{Issuer, OAuthClient, ProtectedFailure},
    profile::{Probe, Profile},
    vault::{AccountKey, Fingerprint, Fingerprinter, Outcome, SetAside, UnreadableReason, Vault},
};

/// How long an app may go on without a server unless it says otherwise: a week.
const OFFLINE_PERMIT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Keeps the sessions of one deployment on this device. Cheap to clone; all clones are the same client.
///
/// Its tasks end when the last clone and the last [`Session`] are dropped. Everything that matters is stored by then.
#[derive(Clone)]
pub struct Client {
    deployment: Arc<Deployment>,
    accounts: Arc<Mutex<Vec<Arc<Account>>>>,
    options: Arc<Options>,
}

impl Client {
    /// Starts to describe a client of the authorization server `issuer`, registered there as `client_id`.
    #[must_use]
    pub fn builder(issuer: impl Into<String>, client_id: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            issuer: issuer.into(),
            client: OAuthClient::public(client_id),
            redirect_uri: "http://127.0.0.1/callback".to_owned(),
            scopes: vec!["openid".to_owned(), "offline_access".to_owned()],
            profile: Profile::default(),
            provider: None,
            host: None,
            offline_permit: OFFLINE_PERMIT,
        }
    }

    /// The sessions known on this device, signed out ones included, in a stable order. Several people may be signed in at
    /// once: an app switches between them by using another one.
    #[must_use]
    pub fn sessions(&self) -> Vec<Session> {
        lock(&self.accounts).iter().map(|account| self.handle(account)).collect()
    }

    /// The current session: the first that is not signed out, else the first; `None` if nobody ever signed in here.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        let accounts = lock(&self.accounts);
        let signed_in = |account: &&Arc<Account>| !matches!(account.board.borrow().state, State::SignedOut { .. });
        accounts.iter().find(signed_in).or_else(|| accounts.first()).map(|account| self.handle(account))
    }

    /// Lets a person sign in, in `browser` (RFC 6749 section 4.1 with PKCE, RFC 7636). Whoever signs in gets a session
    /// of their own; if they have one here already, that one is renewed.
    ///
    /// # Errors
    /// [`Error::Cancelled`] if the person gave up, [`Error::TryLater`] without a server, [`Error::Misconfigured`],
    /// [`Error::VaultLocked`]. Sessions that exist are not touched by any of them.
    pub async fn sign_in(&self, browser: &dyn Browser) -> Result<Session, Error> {
        self.deployment.server.check_process()?;
        self.deployment.vault.check_locks().await.map_err(Failure::from)?;
        let visit = sign_in::visit(&self.deployment.server, browser, &self.options, None).await?;
        let turn = self.turn().await;
        let account = match self.account_of(&visit.identity) {
            Some(account) => account,
            None => self.account_at(self.vacant_key(), None),
        };
        let base = self.deployment.vault.epoch(account.key).await.map_err(Failure::from)?;
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
        self.deployment.server.check_process()?;
        let nothing = |token: &Option<Secret>| token.as_ref().is_none_or(Secret::is_empty);
        if nothing(&tokens.access_token) && nothing(&tokens.refresh_token) {
            return Err(Error::Misconfigured("an import needs an access token or a refresh token".to_owned()));
        }
        self.deployment.vault.check_locks().await.map_err(Failure::from)?;
        let turn = self.turn().await;
        let prints = sign_in::fingerprints(&self.deployment, tokens.secrets()).await;
        if let Some(known) = self.account_with(&tokens, &prints) {
            return Ok(self.handle(&known));
        }
        let (identity, accepted) = self.identity_of(&tokens).await?;
        if let Some(known) = self.account_of(&identity) {
            // Once they have expired, nobody can ask any more whose they were.
            known.knows_as_imported(prints);
            known.tell(Message::Imported);
            return Ok(self.handle(&known));
        }
        let account = self.account_at(self.vacant_key(), None);
        let base = self.deployment.vault.epoch(account.key).await.map_err(Failure::from)?;
        // A token that the server has just refused is no credential; the refresh token has to prove itself.
        let access_token = imported_token(&account, &tokens).filter(|_| accepted);
        let arrival = Arrival::of_import(identity, access_token, tokens, base, turn);
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
        for session in self.sessions() {
            session.end(mainstay_core::SignedOutReason::Reset).await?;
        }
        Ok(())
    }

    /// What a status display calls the place where the vault's key is, for example `memory`.
    #[must_use]
    pub fn key_store(&self) -> &'static str {
        self.deployment.vault.key_store()
    }

    /// Seals everything on this device anew under a new key, and destroys the old one: for a key that somebody may have
    /// seen, or a rule that asks for it every year. Sessions go on meanwhile, in this process and in others. Cut short, by
    /// a full disk or a crash, it is finished by the next call or the next start; until then both keys are kept.
    ///
    /// # Errors
    /// [`Error::VaultLocked`] or [`Error::TryLater`]: call it again. Nothing is lost by it.
    pub async fn reseal(&self) -> Result<(), Error> {
        let (done, resealed) = oneshot::channel();
        let deployment = Arc::clone(&self.deployment);
        let work = async move {
            let _caller_left = done.send(deployment.vault.reseal().await);
        };
        self.deployment.server.host.spawn.spawn("mainstay-reseal", Box::pin(work));
        let gone = || Error::Internal("the task that seals the vault anew is gone");
        Ok(resealed.await.map_err(|_gone| gone())?.map_err(Failure::from)?)
    }

    fn handle(&self, account: &Arc<Account>) -> Session {
        Session::new(Arc::clone(account), Arc::clone(&self.options))
    }

    /// Goes on with a re-seal that was cut short. If it cannot, everything opens all the same, and the next start tries.
    fn finish_reseal(&self) {
        let deployment = Arc::clone(&self.deployment);
        let work = async move {
            if let Err(error) = deployment.vault.finish_reseal().await {
                tracing::warn!(name: "vault.reseal.unfinished", %error);
            }
        };
        self.deployment.server.host.spawn.spawn("mainstay-reseal", Box::pin(work));
    }

    fn account_of(&self, identity: &Identity) -> Option<Arc<Account>> {
        let accounts = lock(&self.accounts);
        let is_theirs = |account: &&Arc<Account>| lock(&account.identity).as_ref() == Some(identity);
        accounts.iter().find(is_theirs).filter(|_| identity.subject.is_some()).cloned()
    }

    /// Waits for the turn to store a sign-in or an import, and until every account is known.
    async fn turn(&self) -> OwnedMutexGuard<()> {
        let turn = Arc::clone(&self.deployment.arriving).lock_owned().await;
        let accounts = lock(&self.accounts).clone();
        for account in accounts {
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
        let accounts = lock(&self.accounts);
        let is_it = |account: &&Arc<Account>| {
            lock(&account.kept).iter().any(holds) || account.imported().iter().any(|known| prints.contains(known))
        };
        accounts.iter().find(is_it).cloned()
    }

    /// A key that no session uses: that of a signed-out one, or a new one.
    fn vacant_key(&self) -> AccountKey {
        let accounts = lock(&self.accounts);
        let vacant = accounts.iter().find(|account| matches!(account.board.borrow().state, State::SignedOut { .. }));
        vacant.map_or_else(|| AccountKey::from_bytes(self.deployment.server.draw()), |account| account.key)
    }

    fn account_at(&self, key: AccountKey, record: Option<SessionRecord>) -> Arc<Account> {
        if let Some(known) = lock(&self.accounts).iter().find(|account| account.key == key) {
            return Arc::clone(known);
        }
        let server = &self.deployment.server;
        let policy = Policy {
            can_probe: server.profile.probe != Probe::None,
            fresh_connections: server.host.transport.can_open_fresh_connections(),
            can_reauthenticate: self.deployment.provider.is_some(),
            has_status: false,
        };
        let (core, effects) = Core::start(policy, server.line.now());
        let state = SessionState {
            state: core.state(),
            unsaved: false,
            generation: None,
            prompting: false,
            answer: Answer::Wait { until: None },
        };
        let notes = record.map(|record| record.notes).unwrap_or_default();
        let scopes = self.options.scopes.clone();
        let (account, messages) = Account::new(key, Arc::clone(&self.deployment), scopes, notes, state);
        lock(&self.accounts).push(Arc::clone(&account));
        Task::start(&account, messages, (core, effects));
        account
    }

    /// Whose imported tokens these are, and whether the server took the access token; one that it refused names nobody.
    async fn identity_of(&self, tokens: &ImportedTokens) -> Result<(Identity, bool), Error> {
        let server = &self.deployment.server;
        let nobody = Identity { issuer: server.issuer.as_str().to_owned(), subject: None, tenant: Vec::new() };
        let given = tokens.access_token.as_ref().filter(|token| !token.is_empty());
        let Some(token) = given else { return Ok((nobody, false)) };
        match sign_in::who_claims(server, token).await {
            Ok(Some(claims)) => {
                let identity = claims.identity(server.issuer.as_str(), &server.profile.identity);
                Ok((identity.map_err(Failure::from)?, true))
            }
            Ok(None) => Ok((nobody, true)),
            Err(Failure::Protected(ProtectedFailure::Rejected(rejection))) if rejection.accuses_token() => {
                if tokens.refresh_token.is_some() { Ok((nobody, false)) } else { Err(Error::SignInRequired) }
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// What was moved aside on this device because it could not be read, the oldest first, each with its reason.
    ///
    /// # Errors
    /// [`Error::VaultLocked`] or [`Error::TryLater`] if the folder cannot be listed now.
    pub async fn set_aside_list(&self) -> Result<Vec<SetAside>, Error> {
        Ok(self.deployment.vault.set_aside_list().await.map_err(Failure::from)?)
    }

    /// Puts back everything that was moved aside at the time `at` ([`SetAside::at`]), for example because its key is there
    /// again. The next start reads it. Returns how many files that was.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] if somebody signed in since, and has the place: sign out first. [`Error::Cancelled`] if
    /// the account was signed out since; [`Error::VaultLocked`], [`Error::TryLater`]. Nothing of it is lost by any of them.
    pub async fn restore(&self, at: u64) -> Result<usize, Error> {
        Ok(self.deployment.vault.restore(at).await.map_err(Failure::from)?)
    }

    /// Moves a vault that cannot be opened aside, so that people can sign in; what is in it is kept and can be restored.
    /// For a key store that stays locked for good: a locked vault opens by itself as soon as it can.
    ///
    /// # Errors
    /// [`Error::VaultLocked`] if the folder cannot be written either.
    pub async fn set_vault_aside(&self) -> Result<(), Error> {
        self.deployment.server.check_process()?;
        self.deployment.vault.set_vault_aside(UnreadableReason::KeyUnreadable).await.map_err(Failure::from)?;
        for account in lock(&self.accounts).clone() {
            account.tell(Message::Opened { opened: Opened::MovedAside, loaded: None, epoch: None });
        }
        Ok(())
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("issuer", &self.deployment.server.issuer.as_str()).finish_non_exhaustive()
    }
}

/// Describes a [`Client`] before it is built.
pub struct ClientBuilder {
    issuer: String,
    client: OAuthClient,
    redirect_uri: String,
    scopes: Vec<String>,
    profile: Profile,
    provider: Option<Arc<dyn CredentialProvider>>,
    host: Option<Host>,
    offline_permit: Duration,
}

impl ClientBuilder {
    /// Where the authorization server sends the browser back to (RFC 6749 section 3.1.2). Default: `http://127.0.0.1/callback`.
    #[must_use]
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uri = uri.into();
        self
    }

    /// The scopes to ask for (RFC 6749 section 3.3). Default: `openid offline_access`.
    #[must_use]
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// What is known about the deployment beforehand.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// How this client proves itself to the authorization server (RFC 6749 section 2.3). Default: a public client.
    #[must_use]
    pub fn client_auth(mut self, auth: crate::oauth::ClientAuth) -> Self {
        self.client.auth = auth;
        self
    }

    /// Rung 4 by the app's own means.
    #[must_use]
    pub fn credential_provider(mut self, provider: Arc<dyn CredentialProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// How long the app may go on selling without a server, since one last accepted a token. The app's policy; default:
    /// 7 days.
    #[must_use]
    pub const fn offline_permit(mut self, permit: Duration) -> Self {
        self.offline_permit = permit;
        self
    }

    /// The machine, as the app supplies it.
    #[must_use]
    pub fn host(mut self, host: Host) -> Self {
        self.host = Some(host);
        self
    }

    /// Builds the client and begins to read the vault. Needs no network.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] names what is wrong; [`Error::VaultLocked`] if the vault's folder cannot be listed now.
    pub async fn build(self) -> Result<Client, Error> {
        let issuer = Issuer::parse(&self.issuer).map_err(Failure::from)?;
        let redirect_uri = Url::parse(&self.redirect_uri)
            .map_err(|_| Error::Misconfigured("the redirect URI is no URL".to_owned()))?;
        let missing = || Error::Misconfigured("a client needs a host: see `native::desktop`".to_owned());
        let host = self.host.ok_or_else(missing)?;
        let vault = Vault::new((&host).into());
        let mut known = Vec::new();
        for key in vault.accounts().await.map_err(Failure::from)? {
            let record = match vault.load_session(key).await {
                Outcome::Value(bytes) => SessionRecord::read(&bytes),
                _ => None,
            };
            known.push((key, record));
        }
        if !known.is_empty() {
            vault.check_locks().await.map_err(Failure::from)?;
        }
        let records = || known.iter().filter_map(|(_, record)| record.as_ref());
        let latest = records().max_by_key(|record| record.clock.line_ms());
        let line = Arc::new(TimeLine::resume(Arc::clone(&host.clock), latest.map(|record| &record.clock)));
        let pacing = latest.map(|record| record.pacing).unwrap_or_default();
        let fingerprints = Fingerprinter::ephemeral(&*host.entropy);
        let server = Server::new(issuer, self.client, self.profile, host, line);
        let deployment = Arc::new(Deployment::new(server, vault, pacing, self.provider, fingerprints));
        let options = Options { redirect_uri, scopes: self.scopes, offline_permit: self.offline_permit };
        let client = Client { deployment, accounts: Arc::default(), options: Arc::new(options) };
        for (key, record) in known {
            client.account_at(key, record);
        }
        revocations::start(&client.deployment);
        client.finish_reseal();
        watching::start(&client.deployment);
        Ok(client)
    }
}
