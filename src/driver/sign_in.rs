//! A person signs in: authorization code with PKCE, then identity, then storage. Nothing kept is touched before the new
//! credentials are stored (P13).

use std::sync::Arc;

use mainstay_core::{Event, Generation, IdentityProof};
use tokio::sync::oneshot;

use super::{
    account::{Account, Deployment, Message, lock},
    attempts::stored_token,
    device_key,
    identify::{Named, identify},
    opening::summary,
    options::Options,
    provider::Browser,
    server::Server,
};
use crate::{
    Credentials, Identity,
    error::Failure,
    host::ConnectionWish,
    oauth::{
        Answer, Claims, Grant, MAX_BODY, PendingSignIn, SignInEntropy, SignInOptions, TokenAnswer, TokenType,
        protected_request, token_request, who_am_i,
    },
    vault::{Epoch, Revocable, Revocation},
};

/// What a person's visit to the authorization server brought.
pub(super) struct Visit {
    pub(super) answer: TokenAnswer,
    pub(super) identity: Identity,
}

/// Sends the person to the authorization server and takes what comes back.
pub(super) async fn visit(
    server: &Server,
    browser: &dyn Browser,
    wanted: &Options,
    login_hint: Option<String>,
) -> Result<Visit, Failure> {
    let metadata = server.metadata().await?;
    let redirect_uri = &wanted.redirect_uri;
    let options = SignInOptions { scopes: wanted.scopes.clone(), login_hint, ..SignInOptions::default() };
    let entropy = SignInEntropy { state: server.draw(), nonce: server.draw(), verifier: server.draw() };
    let now = server.line.now();
    let (pending, url) = PendingSignIn::start(&metadata, &server.client, redirect_uri, &options, &entropy, now)?;
    let callback = browser.visit(url).await?;
    let code = pending.accept(callback.as_str(), server.line.now())?.code;
    let grant = Grant::AuthorizationCode { code: &code, redirect_uri, verifier: pending.verifier().secret() };
    let answer = server.tokens(|endpoint| token_request(endpoint, &server.client, &grant, None)).await?;
    let nobody = Identity { issuer: server.issuer.as_str().to_owned(), subject: None, tenant: Vec::new() };
    let identity = match identify(server, &answer, &nobody, Some(pending.nonce())) {
        Named::Pinned(identity) => identity,
        Named::Foreign => return Err(Failure::OtherIdentity),
        Named::Nobody => who(server, &answer).await?.unwrap_or(nobody),
    };
    Ok(Visit { answer, identity })
}

/// Asks userinfo or *who am I*; `None` where neither exists.
async fn who(server: &Server, answer: &TokenAnswer) -> Result<Option<Identity>, Failure> {
    let claims = who_claims(server, &answer.access_token).await?;
    Ok(claims.map(|claims| claims.identity(server.issuer.as_str(), &server.profile.identity)).transpose()?)
}

pub(super) async fn who_claims(server: &Server, token: &crate::Secret) -> Result<Option<Claims>, Failure> {
    let Some((endpoint, true)) = server.probe_endpoint().await else { return Ok(None) };
    let request = protected_request(http::Method::GET, &endpoint, TokenType::Bearer, token)?;
    let inbound = server.send(request.into_request(), ConnectionWish::Any, MAX_BODY).await?;
    let answer = Answer::new(&inbound.response, inbound.from_cache);
    Ok(Some(who_am_i(&answer, &endpoint, &server.profile.rejection_rules)?))
}

/// Keeps what a visit brought. Runs to its end whatever becomes of the caller.
pub(super) async fn keep(account: Arc<Account>, visit: Visit, base: Epoch) -> Result<(), Failure> {
    let credentials = Credentials {
        generation: Generation::FIRST,
        identity: visit.identity,
        access_tokens: vec![stored_token(&account, &visit.answer)],
        refresh_token: visit.answer.refresh_token,
    };
    let known = credentials.identity.subject.is_some();
    let proof = if known { IdentityProof::Verified } else { IdentityProof::Unpinned };
    adopt(account, credentials, proof, base).await
}

/// Stores credentials that came from outside and tells the account's task. Runs to its end whatever becomes of the caller.
pub(super) async fn adopt(
    account: Arc<Account>,
    credentials: Credentials,
    proof: IdentityProof,
    base: Epoch,
) -> Result<(), Failure> {
    let (done, kept) = oneshot::channel();
    let spawn = Arc::clone(&account.server().host.spawn);
    let keeping = async move {
        let _caller_left = done.send(store(&account, credentials, proof, base).await);
    };
    spawn.spawn("mainstay-sign-in", Box::pin(keeping));
    kept.await.unwrap_or(Err(Failure::Internal("the sign-in's task ended early")))
}

async fn store(
    account: &Arc<Account>,
    mut credentials: Credentials,
    proof: IdentityProof,
    base: Epoch,
) -> Result<(), Failure> {
    account.opened().await;
    account.tell_abilities();
    credentials.generation = match account.vault().first_save(account.key, &credentials, base).await {
        Ok(generation) => generation,
        Err(error) => {
            revoke(&account.deployment, &credentials).await;
            return Err(error.into());
        }
    };
    let new = summary(&credentials, account.server().line.now(), true, proof);
    let (done, dealt_with) = oneshot::channel();
    account.set_vault_epoch(base);
    *lock(&account.identity) = Some(credentials.identity.clone());
    account.tell(Message::SignedIn { event: Event::SignedIn(new), credentials: Box::new(credentials), done });
    let _gone = dealt_with.await;
    let wanted = account.server().profile.enroll_device_key && lock(&account.device_key_id).is_none();
    if wanted && let Err(failure) = device_key::enroll(account).await {
        // Rung 4 is a comfort: a sign-in does not fail because of it.
        tracing::warn!(name: "device_key.not_enrolled", account = %account.key, %failure);
    }
    Ok(())
}

/// Tokens that cannot be kept are nobody's: the server shall forget them.
pub(super) async fn revoke(deployment: &Arc<Deployment>, credentials: &Credentials) {
    let Some(token) = credentials.refresh_token.clone() else { return };
    let issuer = deployment.server.issuer.as_str().to_owned();
    let revocation = Revocation { what: Revocable::RefreshToken, issuer, endpoint: None, token };
    if let Err(error) = deployment.vault.queue_revocation(&revocation).await {
        tracing::warn!(name: "revocation.not_queued", %error);
    }
    super::revocations::start(deployment);
}

/// Tokens of somebody else who signed in: the server shall forget them.
pub(super) async fn give_back(deployment: &Arc<Deployment>, visit: &Visit) {
    let credentials = Credentials {
        generation: Generation::FIRST,
        identity: visit.identity.clone(),
        access_tokens: Vec::new(),
        refresh_token: visit.answer.refresh_token.clone(),
    };
    revoke(deployment, &credentials).await;
}
