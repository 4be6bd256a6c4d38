//! A person signs in: authorization code with PKCE, then identity, then storage. Nothing kept is touched before the new
//! credentials are stored (P13).

use std::sync::Arc;

use mainstay_core::{Event, Generation, IdentityProof};
use tokio::sync::{OwnedMutexGuard, oneshot};
use url::Url;

use super::{
    account::{Account, Deployment, lock},
    attempts::stored_token,
    device_key,
    dpop::Presented,
    identify::{Named, Occasion, identify},
    message::Message,
    opening::summary,
    provider::ImportedTokens,
    revocations,
    server::{Server, within},
};
use crate::{
    Credentials, Identity, Secret, StoredAccessToken,
    error::Failure,
    host::{Answers, Browser, BrowserError, ConnectionWish, SignInPage},
    oauth::{
        Answer, AuthenticationError, AuthenticationWanted, AuthorizationError, Claims, DpopKey, Grant, IdToken,
        PENDING_SIGN_IN_LIFETIME, PendingSignIn, PushedRequest, SignInEntropy, SignInOptions, TokenAnswer,
        push_request, token_request, who_am_i,
    },
    vault::{Epoch, Fingerprint, VaultError},
};

/// What a person's visit to the authorization server brought.
pub(super) struct Visited {
    pub(super) answer: TokenAnswer,
    pub(super) identity: Identity,
    /// What the server calls the person.
    pub(super) name: Option<String>,
    /// What the tokens are bound to.
    dpop_key: Option<DpopKey>,
}

/// Sends the person to the authorization server and takes what comes back.
pub(super) async fn visit(
    deployment: &Arc<Deployment>,
    browser: &dyn Browser,
    registered: &Url,
    options: &SignInOptions,
) -> Result<Visited, Failure> {
    let server = &deployment.server;
    // First, so that nobody is sent anywhere while the server is away.
    server.metadata().await?;
    let visit = browser.prepare(registered.clone()).await?;
    let (pending, url) = begin(server, visit.redirect_uri(), options).await?;
    let pending = Arc::new(pending);
    let answers: Arc<dyn Answers> = Arc::<PendingSignIn>::clone(&pending);
    let page = SignInPage::new(url, answers);
    let callback = within(&*server.host.clock, PENDING_SIGN_IN_LIFETIME, visit.open(page)).await;
    finish(deployment, &pending, &callback.unwrap_or(Err(BrowserError::Cancelled))?).await
}

impl Answers for PendingSignIn {
    fn is_answer(&self, callback: &Url) -> bool {
        self.is_answered_by(callback)
    }
}

/// Makes a sign-in and the address to open, by way of the server itself where it takes pushed requests (RFC 9126).
pub(super) async fn begin(
    server: &Server,
    redirect_uri: &Url,
    options: &SignInOptions,
) -> Result<(PendingSignIn, Url), Failure> {
    let metadata = server.metadata().await?;
    let entropy = SignInEntropy { state: server.draw(), nonce: server.draw(), verifier: server.draw() };
    let now = server.line.now();
    let (pending, url) = PendingSignIn::start(&metadata, &server.client, redirect_uri, options, &entropy, now)?;
    let url = match (&metadata.pushed_authorization_request_endpoint, &metadata.authorization_endpoint) {
        (Some(push), Some(authorize)) => {
            let inbound = server.ask(push_request(push, &server.client, &metadata, &url)?).await?;
            PushedRequest::read(&Answer::new(&inbound.response, inbound.from_cache))?.url(authorize, &server.client)
        }
        _ if metadata.requires_pushed_authorization_requests => return Err(AuthorizationError::NowhereToPush.into()),
        _ => url,
    };
    Ok((pending, url))
}

/// Takes what the browser brought back, and asks for tokens with it.
pub(super) async fn finish(
    deployment: &Arc<Deployment>,
    pending: &PendingSignIn,
    callback: &Url,
) -> Result<Visited, Failure> {
    let server = &deployment.server;
    let code = pending.accept(callback.as_str(), server.line.now())?.code;
    let (redirect_uri, verifier) = (pending.redirect_uri(), pending.verifier().secret());
    let grant = Grant::AuthorizationCode { code: &code, redirect_uri, verifier };
    let dpop_key = server.new_dpop_key(&*server.metadata().await?);
    let asked = server.tokens(dpop_key.as_ref(), |endpoint| token_request(endpoint, &server.client, &grant, None));
    let answer = asked.await?;
    if let Err(error) = authenticated(&answer, pending.wanted()) {
        give_back(deployment, &answer).await;
        return Err(error.into());
    }
    visit_of(server, answer, dpop_key, Some(pending.nonce())).await
}

/// Whether the person authenticated as they had to (RFC 9470).
fn authenticated(answer: &TokenAnswer, wanted: &AuthenticationWanted) -> Result<(), AuthenticationError> {
    if !wanted.is_anything() {
        return Ok(());
    }
    let token = answer.id_token.as_ref().and_then(|token| IdToken::read(token).ok());
    wanted.check(token.as_ref().map(IdToken::claims))
}

/// Whose tokens these are. `nonce`: what a browser's sign-in sent along.
pub(super) async fn visit_of(
    server: &Server,
    answer: TokenAnswer,
    dpop_key: Option<DpopKey>,
    nonce: Option<&str>,
) -> Result<Visited, Failure> {
    server.check_bound(answer.token_type)?;
    let presented = Presented::new(&answer.access_token, answer.token_type.as_str(), dpop_key.as_ref());
    let nobody = Identity { issuer: server.issuer.as_str().to_owned(), subject: None, tenant: Vec::new() };
    let (identity, name) = match identify(server, &answer, &nobody, Occasion::SignIn { nonce }).await {
        Named::Pinned(identity) => (identity, answer.id_token.as_ref().and_then(name_in)),
        Named::Foreign => return Err(Failure::OtherIdentity),
        Named::Refused(error) => return Err(error.into()),
        Named::Claimed(claimed) => agreed(server, &answer, presented, claimed).await?,
        Named::Nobody => match who_claims(server, presented).await? {
            Some(claims) => (claims.identity(server.issuer.as_str(), &server.profile.identity)?, name_of(&claims)),
            None => (nobody, None),
        },
    };
    Ok(Visited { answer, identity, name, dpop_key })
}

/// Whom an ID token names that nothing proved yet, if the server says the same when it is asked (OpenID Connect Core 1.0 section
/// 5.3.2), or says nothing.
async fn agreed(
    server: &Server,
    answer: &TokenAnswer,
    presented: Presented<'_>,
    claimed: Identity,
) -> Result<(Identity, Option<String>), Failure> {
    match who_claims(server, presented).await {
        Ok(Some(claims)) => {
            let named = claims.name_at(&server.profile.identity.subject);
            if named == claimed.subject { Ok((claimed, name_of(&claims))) } else { Err(Failure::OtherIdentity) }
        }
        Ok(None) | Err(_) => Ok((claimed, answer.id_token.as_ref().and_then(name_in))),
    }
}

fn name_in(token: &Secret) -> Option<String> {
    name_of(IdToken::read(token).ok()?.claims())
}

/// What a server calls the person (OpenID Connect Core 1.0 section 5.1).
pub(super) fn name_of(claims: &Claims) -> Option<String> {
    ["name", "preferred_username", "email"].into_iter().find_map(|claim| claims.name_at(claim))
}

pub(super) async fn who_claims(server: &Server, presented: Presented<'_>) -> Result<Option<Claims>, Failure> {
    let Some((endpoint, true)) = server.probe_endpoint().await else { return Ok(None) };
    let inbound = server.get_with(&endpoint, presented, ConnectionWish::Any).await?;
    let answer = Answer::new(&inbound.response, inbound.from_cache);
    Ok(Some(who_am_i(&answer, &endpoint, &server.profile.rejection_rules)?))
}

/// Credentials that came from outside: a person's sign-in, or an import.
pub(super) struct Arrival {
    credentials: Credentials,
    proof: IdentityProof,
    /// What the server calls the person.
    name: Option<String>,
    /// An import's tokens: the caller has a copy, so they are not revoked if they cannot be stored. Else none.
    imported: Vec<Secret>,
    id_token: Option<Secret>,
    /// The vault's epoch when it began: a sign-out since then wins.
    base: Epoch,
    /// One arrival at a time is stored.
    _turn: OwnedMutexGuard<()>,
}

impl Arrival {
    /// What a visit brought.
    pub(super) fn of_visit(account: &Account, visit: Visited, base: Epoch, turn: OwnedMutexGuard<()>) -> Self {
        let Visited { answer, identity, name, dpop_key } = visit;
        let tokens = vec![stored_token(account, &answer)];
        let id_token = answer.id_token;
        let mut arrival = Self { name, id_token, ..Self::new(identity, tokens, answer.refresh_token, base, turn) };
        arrival.credentials.dpop_key = dpop_key.map(|key| key.to_secret());
        arrival
    }

    /// What another library held.
    pub(super) fn of_import(
        (identity, name): (Identity, Option<String>),
        access_token: Option<StoredAccessToken>,
        given: ImportedTokens,
        base: Epoch,
        turn: OwnedMutexGuard<()>,
    ) -> Self {
        let imported = given.secrets().cloned().collect();
        let tokens = access_token.into_iter().collect();
        Self { name, imported, ..Self::new(identity, tokens, given.refresh_token, base, turn) }
    }

    fn new(
        identity: Identity,
        access_tokens: Vec<StoredAccessToken>,
        refresh_token: Option<Secret>,
        base: Epoch,
        turn: OwnedMutexGuard<()>,
    ) -> Self {
        let known = identity.subject.is_some();
        let proof = if known { IdentityProof::Verified } else { IdentityProof::Unpinned };
        let refresh_token = refresh_token.filter(|token| !token.is_empty());
        let generation = Generation::FIRST;
        let credentials = Credentials { generation, identity, access_tokens, refresh_token, dpop_key: None };
        Self { credentials, proof, name: None, imported: Vec::new(), id_token: None, base, _turn: turn }
    }

    /// Stores it and tells the account's task. Runs to its end whatever becomes of the caller.
    pub(super) async fn keep(self, account: Arc<Account>) -> Result<(), Failure> {
        let (done, kept) = oneshot::channel();
        let spawn = Arc::clone(&account.server().host.spawn);
        let keeping = async move {
            let _caller_left = done.send(self.store(&account).await);
        };
        spawn.spawn("mainstay-sign-in", Box::pin(keeping));
        kept.await.unwrap_or(Err(Failure::Internal("the sign-in's task ended early")))
    }

    async fn store(self, account: &Arc<Account>) -> Result<(), Failure> {
        let Self { mut credentials, proof, name, imported, id_token, base, _turn } = self;
        account.opened().await;
        let _writing = account.writing();
        account.tell_abilities();
        // What lives in memory only has taken its number already.
        let newest = lock(&account.kept).last().map(|kept| kept.generation.next());
        credentials.generation = newest.unwrap_or(Generation::FIRST);
        credentials.generation = match account.vault().import(account.key, &credentials, base, &imported).await {
            Ok(generation) => generation,
            Err(error) => {
                if imported.is_empty() {
                    revocations::give_back(&account.deployment, &credentials, None).await;
                }
                return Err(error.into());
            }
        };
        account.learn_signing_key(id_token.as_ref());
        let prints = fingerprints(&account.deployment, imported.iter()).await;
        account.knows_as_imported(prints);
        let event = Event::SignedIn(summary(&credentials, account.server().line.now(), true, proof));
        let (done, dealt_with) = oneshot::channel();
        account.tell(Message::SignedIn { event, credentials: Box::new(credentials), name, epoch: base, done });
        dealt_with.await.map_err(|_a_sign_out_won| Failure::Vault(VaultError::SignedOut))?;
        account.choose().await;
        let wanted = account.server().profile.enroll_device_key && lock(&account.device_key_id).is_none();
        if wanted && let Err(failure) = device_key::enroll(account).await {
            // Rung 4 is a comfort: a sign-in does not fail because of it.
            tracing::warn!(name: "device_key.not_enrolled", account = %account.key, %failure);
        }
        Ok(())
    }
}

/// Names tokens under the vault's own key, for as long as the vault lives. None if it cannot be opened now.
pub(super) async fn fingerprints(deployment: &Deployment, tokens: impl Iterator<Item = &Secret>) -> Vec<Fingerprint> {
    let fingerprinter = deployment.vault.fingerprinter().await.value();
    fingerprinter.map(|it| tokens.map(|token| it.fingerprint(token)).collect()).unwrap_or_default()
}

/// Tokens that nobody here keeps: the server shall forget them.
pub(super) async fn give_back(deployment: &Arc<Deployment>, answer: &TokenAnswer) {
    let issuer = deployment.server.issuer.as_str().to_owned();
    let credentials = Credentials {
        generation: Generation::FIRST,
        identity: Identity { issuer, subject: None, tenant: Vec::new() },
        access_tokens: Vec::new(),
        refresh_token: answer.refresh_token.clone(),
        dpop_key: None,
    };
    revocations::give_back(deployment, &credentials, None).await;
}
