//! The app's own requests: attach, classify, recover, replay once.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use mainstay_core::{Event, ForeignBy, Rejection as CoreRejection, RejectionClass};
use url::Url;

use super::{
    account::{Account, lock},
    attempts::class_of,
    dpop::{self, Part},
    hot::AccessToken,
    message::Message,
};
use crate::{
    Error, Secret,
    error::Failure,
    host::{Connection, ConnectionWish, Inbound, Lane, Outbound},
    oauth::{Answer, DPOP, Endpoint, Probe, Rejection, spread_hint},
    profile::Echoed,
};

/// The largest answer that is read for an app, in bytes: 16 MiB.
const BODY_LIMIT: usize = 16 * 1024 * 1024;
/// Makes a request that is not idempotent safe to repeat (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: &str = "idempotency-key";

pub(super) async fn send(account: &Arc<Account>, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
    let url = Url::parse(&request.uri().to_string())
        .map_err(|_| Error::Misconfigured("a request needs an absolute address".to_owned()))?;
    if !account.server().is_ours(&url) {
        return Err(Error::Misconfigured("the profile does not name this origin; no token is sent there".to_owned()));
    }
    let (response, verdict) = once(account, &request, &url).await?;
    if verdict == Verdict::Fine || !may_replay(&request, &response) {
        return Ok(response);
    }
    let (response, verdict) = once(account, &request, &url).await?;
    if verdict == Verdict::Rejected {
        // No second replay. If the session knows by now what is wrong, that is the better answer.
        account.token().await?;
    }
    Ok(response)
}

/// What an answer says about the session.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Fine,
    Rejected,
}

async fn once(
    account: &Arc<Account>,
    request: &Request<Bytes>,
    url: &Url,
) -> Result<(Response<Bytes>, Verdict), Error> {
    let token = account.token().await?;
    let mut inbound = send_once(account, request, url, &token).await?;
    if dpop::is_dpop(token.token_type()) {
        let answer = Answer::new(&inbound.response, inbound.from_cache);
        if dpop::wants_another_proof(&answer, url) {
            // Before the request was looked at (RFC 9449 section 9), so this is no replay.
            account.server().learn_nonce(url, &inbound.response);
            inbound = send_once(account, request, url, &token).await?;
        }
    }
    check_echo(account, &inbound)?;
    let rejection = look(account, &token, url, &inbound.response, inbound.from_cache, inbound.connection);
    if request.method() == Method::GET {
        weigh(account, &token, url, &inbound)?;
    }
    let verdict = if rejection.accuses_token() { Verdict::Rejected } else { Verdict::Fine };
    Ok((inbound.response, verdict))
}

async fn send_once(
    account: &Arc<Account>,
    request: &Request<Bytes>,
    url: &Url,
    token: &AccessToken,
) -> Result<Inbound, Error> {
    let mut request = attach(request, token)?;
    if let Some(proof) = proof(account, token, request.method(), url) {
        request.headers_mut().insert(DPOP, proof);
    }
    let (connection, lane) = (ConnectionWish::Any, Lane::App);
    let sent = account.server().send(Outbound { request, connection, lane, body_limit: BODY_LIMIT }).await;
    Ok(sent.map_err(Failure::from)?)
}

/// What proves that the token is ours, if it is bound to a key.
pub(super) fn proof(account: &Account, token: &AccessToken, method: &Method, url: &Url) -> Option<HeaderValue> {
    let key = account.dpop_key().filter(|_| dpop::is_dpop(token.token_type()))?;
    let secret = Secret::from_text(token.expose());
    account.server().prove(&key, method, url, (Part::Resource, Some(&secret)))
}

fn attach(request: &Request<Bytes>, token: &AccessToken) -> Result<Request<Bytes>, Error> {
    let mut attached = Request::new(request.body().clone());
    *attached.method_mut() = request.method().clone();
    *attached.uri_mut() = request.uri().clone();
    *attached.headers_mut() = request.headers().clone();
    let value = zeroize::Zeroizing::new(format!("{} {}", token.token_type(), token.expose()).into_bytes());
    // Taken over as it is, not copied, so that it is wiped with the header.
    let value = HeaderValue::from_maybe_shared(Bytes::from_owner(value));
    let mut value = value.map_err(|_| Error::Internal("the token cannot be sent"))?;
    value.set_sensitive(true);
    attached.headers_mut().insert(header::AUTHORIZATION, value);
    Ok(attached)
}

/// Reads an answer for what it says about the token, and tells the session.
fn look(
    account: &Arc<Account>,
    token: &AccessToken,
    url: &Url,
    response: &Response<Bytes>,
    from_cache: bool,
    connection: Connection,
) -> Rejection {
    account.server().learn_nonce(url, response);
    let rules = &account.server().profile.rejection_rules;
    let rejection = Rejection::read(&Answer::new(response, from_cache), url.path(), rules);
    if let Some(spread) = spread_hint(response.headers()) {
        account.tell(Message::Event(Event::StatusRead { healthy: None, spread: Some(spread) }));
    }
    if let Some(class) = class_of(&rejection) {
        let rejected = CoreRejection {
            generation: token.generation(),
            own_audience: token.audience().is_none(),
            class,
            connection_known: connection != Connection::Unknown,
        };
        if rejection.accuses_token() && token.audience().is_some() {
            let print = account.deployment.fingerprints.fingerprint(&Secret::from_text(token.expose()));
            account.audiences.reject(print, account.server().line.now());
        }
        if withdraws(&rejected) {
            account.hot.withdraw(token.generation());
            *lock(&account.rejecting_origin) = Some(url.origin());
        }
        account.tell(Message::Rejected(rejected));
    }
    rejection
}

/// Whether a rejection takes the session's own token back at once, before anybody has decided anything.
pub(super) const fn withdraws(rejection: &CoreRejection) -> bool {
    use RejectionClass as R;
    let accuses = matches!(rejection.class, R::InvalidToken | R::Unauthorized | R::Legacy | R::SessionRevoked);
    rejection.own_audience && accuses
}

pub(super) fn report(account: &Arc<Account>, token: &AccessToken, url: &Url, response: &Response<Bytes>) -> Rejection {
    look(account, token, url, response, false, Connection::Unknown)
}

/// What the answer to a GET proves: that the server took the token, or that it took it for somebody else's. A web page, an
/// empty body or a cached copy proves nothing. A *who am I* that the app asks says as much as one that Mainstay asks; other
/// paths may speak of other people.
fn weigh(account: &Arc<Account>, token: &AccessToken, url: &Url, inbound: &Inbound) -> Result<(), Error> {
    let server = account.server();
    let asks_who = server.asks_who(url);
    if !asks_who && !server.profile.is_protected(url.path()) {
        return Ok(());
    }
    let Some(pinned) = lock(&account.identity).clone() else { return Ok(()) };
    let Ok(endpoint) = Endpoint::from_url(url.clone()) else { return Ok(()) };
    match server.weigh(&Answer::new(&inbound.response, inbound.from_cache), &endpoint, &pinned) {
        Probe::Foreign if asks_who => {
            account.hot.publish(None);
            account.tell(Message::Event(Event::ForeignIdentity(ForeignBy::Probe)));
            return Err(Error::IdentityMismatch);
        }
        Probe::Accepted { named: false } if asks_who && pinned.subject.is_some() => {}
        Probe::Accepted { .. } => {
            account.set_last_accepted(server.line.now());
            account.tell(Message::Event(Event::Accepted { generation: token.generation() }));
        }
        // On a path that is not about the token's person, somebody else's name is neither acceptance nor accusation.
        Probe::Foreign | Probe::Rejected(_) | Probe::NoEvidence(_) => {}
    }
    Ok(())
}

/// A right token over a mixed-up session store passes every token check: where the server repeats whom it answers for,
/// that is compared before the body is released.
fn check_echo(account: &Arc<Account>, inbound: &Inbound) -> Result<(), Error> {
    let Some(echo) = &account.server().profile.identity_echo else { return Ok(()) };
    let pinned = lock(&account.identity).clone().and_then(|identity| identity.subject);
    let Some(pinned) = pinned else { return Ok(()) };
    match echo.read(&inbound.response) {
        Echoed::NoBody => Ok(()),
        Echoed::Subject(echoed) if echoed == pinned => Ok(()),
        Echoed::Subject(_foreign) => {
            account.hot.publish(None);
            account.tell(Message::Event(Event::ForeignIdentity(ForeignBy::IdentityEcho)));
            Err(Error::IdentityMismatch)
        }
        // Absent never equals absent; an error page may lack it, an answer with somebody's data may not.
        Echoed::Nobody if inbound.response.status().is_success() => Err(Error::IdentityMismatch),
        Echoed::Nobody => Ok(()),
    }
}

/// A 500 that says "Token invalid" may have committed: only a 401 certainly did nothing (DESIGN.md section 6).
fn may_replay(request: &Request<Bytes>, response: &Response<Bytes>) -> bool {
    let idempotent =
        matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE);
    idempotent || response.status() == http::StatusCode::UNAUTHORIZED || has_key(request.headers())
}

fn has_key(headers: &HeaderMap) -> bool {
    headers.get(IDEMPOTENCY_KEY).is_some_and(|key| !key.is_empty())
}
