//! Talking to one deployment: its metadata, its endpoints, and one way to send a request.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::{Either, select};
use http::Method;
use url::Url;

use super::{
    dpop::{Nonces, Presented},
    keys::KnownKeys,
    time_line::TimeLine,
};
use crate::{
    Error, Identity,
    error::Failure,
    host::{Clock, ConnectionWish, Host, Inbound, Lane, Outbound, TransportError},
    oauth::{
        Answer, DpopKey, Endpoint, Issuer, MAX_BODY, MalformedAnswer, OAuthClient, SecretRequest, ServerMetadata,
        TokenAnswer, TokenError, TokenFailure, protected_request,
    },
    profile::{Probe, Profile},
};

/// One deployment as seen from this device. Shared by all accounts of the issuer.
pub(super) struct Server {
    pub(super) issuer: Issuer,
    pub(super) client: OAuthClient,
    pub(super) profile: Profile,
    pub(super) host: Host,
    pub(super) line: Arc<TimeLine>,
    metadata: Mutex<Option<Arc<ServerMetadata>>>,
    pub(super) keys: KnownKeys,
    pub(super) nonces: Nonces,
}

impl Server {
    pub(super) fn new(issuer: Issuer, client: OAuthClient, profile: Profile, host: Host, line: Arc<TimeLine>) -> Self {
        Self {
            issuer,
            client,
            profile,
            host,
            line,
            metadata: Mutex::new(None),
            keys: KnownKeys::default(),
            nonces: Nonces::default(),
        }
    }

    /// Whether the tasks that a call would wait for exist in this process.
    #[inline]
    pub(super) fn check_process(&self) -> Result<(), Error> {
        if self.host.spawn.runs_here() { Ok(()) } else { Err(Error::Misconfigured("created before fork".to_owned())) }
    }

    /// Sends one request, for at most the profile's timeout on the injected clock.
    pub(super) async fn send(&self, outbound: Outbound) -> Result<Inbound, TransportError> {
        let sending = self.host.transport.send(outbound);
        let answer = within(&*self.host.clock, self.profile.request_timeout(), sending).await;
        let inbound = answer.unwrap_or(Err(TransportError::Timeout))?;
        self.line.learn(Answer::new(&inbound.response, inbound.from_cache).server_time_ms());
        Ok(inbound)
    }

    /// Sends a request of our own.
    pub(super) async fn ask(&self, request: SecretRequest) -> Result<Inbound, TransportError> {
        self.ask_on(ConnectionWish::Any, request).await
    }

    pub(super) async fn ask_on(
        &self,
        connection: ConnectionWish,
        request: SecretRequest,
    ) -> Result<Inbound, TransportError> {
        let request = request.into_request();
        self.send(Outbound { request, connection, lane: Lane::Own, body_limit: MAX_BODY }).await
    }

    /// What the server says about itself; asked once, and again only on [`rediscover`](Self::rediscover).
    pub(super) async fn metadata(&self) -> Result<Arc<ServerMetadata>, Failure> {
        if let Some(known) = self.known_metadata() {
            return Ok(known);
        }
        self.rediscover().await.map(|(metadata, _changed)| metadata)
    }

    pub(super) fn known_metadata(&self) -> Option<Arc<ServerMetadata>> {
        self.metadata.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the discovery document again; also tells whether anything differs from before.
    pub(super) async fn rediscover(&self) -> Result<(Arc<ServerMetadata>, bool), Failure> {
        let mut latest = Failure::Internal("an issuer without a place for its metadata");
        for url in self.issuer.discovery_urls() {
            let inbound = self.ask(ServerMetadata::request(&url)).await?;
            let answer = Answer::new(&inbound.response, inbound.from_cache);
            match ServerMetadata::read(&answer, &self.issuer) {
                Ok(found) => {
                    let found = Arc::new(found);
                    let mut known = self.metadata.lock().unwrap_or_else(PoisonError::into_inner);
                    let changed = known.as_ref() != Some(&found);
                    *known = Some(Arc::clone(&found));
                    return Ok((found, changed));
                }
                // Not there: the next place may have it. Anything else is this server's word.
                Err(reason @ MalformedAnswer::Status(404)) => latest = reason.into(),
                Err(reason) => return Err(answer.retry_after().map_or(reason.into(), Failure::ToldToWait)),
            }
        }
        Err(latest)
    }

    /// Where the probe goes, and whether its answer must name the subject; `None` if there is no probe.
    pub(super) async fn probe_endpoint(&self) -> Option<(Endpoint, bool)> {
        match &self.profile.probe {
            Probe::None => None,
            Probe::Userinfo => {
                let metadata = self.metadata().await.ok()?;
                metadata.userinfo_endpoint.clone().map(|endpoint| (endpoint, true))
            }
            Probe::WhoAmI(url) => Some((Endpoint::parse(url).ok()?, true)),
            Probe::Protected(url) => Some((Endpoint::parse(url).ok()?, false)),
        }
    }

    /// Whether a token may be sent to this address: the issuer's origin, or one that the profile names.
    pub(super) fn is_ours(&self, url: &Url) -> bool {
        let Ok(endpoint) = Endpoint::from_url(url.clone()) else { return false };
        let origin = endpoint.url().origin();
        let issuer = Url::parse(self.issuer.as_str()).map(|issuer| issuer.origin());
        let named = self.profile.resource_origins.iter().filter_map(|text| Url::parse(text).ok());
        issuer.is_ok_and(|issuer| issuer == origin) || named.into_iter().any(|url| url.origin() == origin)
    }

    /// Asks the token endpoint. `Err` is [`Failure::Transport`] or [`Failure::Token`], or discovery failed.
    ///
    /// Where nothing is at the endpoint, it may have moved, or the document that named it was wrong: the document is read
    /// again, and another endpoint asked once. Nothing was spent at an address where nobody is.
    pub(super) async fn tokens(
        &self,
        key: Option<&DpopKey>,
        request: impl Fn(&Endpoint) -> Result<SecretRequest, crate::oauth::RequestError>,
    ) -> Result<TokenAnswer, Failure> {
        let metadata = self.metadata().await?;
        let asked = self.tokens_at(&metadata.token_endpoint, key, &request).await;
        if !asked.as_ref().is_err_and(is_not_there) {
            return asked;
        }
        match self.rediscover().await {
            Ok((found, _changed)) if found.token_endpoint != metadata.token_endpoint => {
                self.tokens_at(&found.token_endpoint, key, &request).await
            }
            _ => asked,
        }
    }

    /// Once more if the server takes exception to the proof alone (RFC 9449 sections 5 and 8): then it has spent nothing, and has
    /// said what would help.
    async fn tokens_at(
        &self,
        endpoint: &Endpoint,
        key: Option<&DpopKey>,
        request: &impl Fn(&Endpoint) -> Result<SecretRequest, crate::oauth::RequestError>,
    ) -> Result<TokenAnswer, Failure> {
        let asked = self.tokens_once(endpoint, key, request(endpoint)?).await;
        match &asked {
            Err(Failure::Token(TokenError {
                failure: TokenFailure::UseDpopNonce { nonce: Some(_) } | TokenFailure::InvalidDpopProof,
                ..
            })) if key.is_some() => self.tokens_once(endpoint, key, request(endpoint)?).await,
            _ => asked,
        }
    }

    async fn tokens_once(
        &self,
        endpoint: &Endpoint,
        key: Option<&DpopKey>,
        request: SecretRequest,
    ) -> Result<TokenAnswer, Failure> {
        let inbound = self.ask_for_tokens(key, request).await?;
        let answer = Answer::new(&inbound.response, inbound.from_cache);
        let rules = &self.profile.rejection_rules;
        TokenAnswer::read(&answer)
            .map_err(|error: TokenError| error.with_reason(&answer, endpoint.url().path(), rules).into())
    }

    /// Asks the probe.
    pub(super) async fn probe(
        &self,
        endpoint: &Endpoint,
        presented: Presented<'_>,
        pinned: &Identity,
        connection: ConnectionWish,
    ) -> Result<(crate::oauth::Probe, Inbound), Failure> {
        let inbound = self.get_with(endpoint, presented, connection).await?;
        let found = self.weigh(&Answer::new(&inbound.response, inbound.from_cache), endpoint, pinned);
        Ok((found, inbound))
    }

    /// A GET that carries an access token.
    pub(super) async fn get_with(
        &self,
        endpoint: &Endpoint,
        presented: Presented<'_>,
        connection: ConnectionWish,
    ) -> Result<Inbound, Failure> {
        let request = || protected_request(Method::GET, endpoint, presented.token_type(), presented.token);
        self.ask_with(connection, presented, &Method::GET, request).await
    }

    /// What an answer of a protected endpoint says about the token and about whose it is.
    pub(super) fn weigh(&self, answer: &Answer<'_>, endpoint: &Endpoint, pinned: &Identity) -> crate::oauth::Probe {
        let Profile { rejection_rules, identity, .. } = &self.profile;
        crate::oauth::Probe::read(answer, endpoint, rejection_rules, pinned, identity)
    }

    /// Whether a GET of this address asks who the token's person is.
    pub(super) fn asks_who(&self, url: &Url) -> bool {
        let same = |known: &Url| known.origin() == url.origin() && known.path() == url.path();
        match &self.profile.probe {
            Probe::WhoAmI(known) => Url::parse(known).is_ok_and(|known| same(&known)),
            Probe::Userinfo => {
                let metadata = self.known_metadata();
                metadata.and_then(|it| it.userinfo_endpoint.clone()).is_some_and(|known| same(known.url()))
            }
            Probe::None | Probe::Protected(_) => false,
        }
    }

    /// Draws random bytes.
    pub(super) fn draw<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.host.entropy.fill(&mut bytes);
        bytes
    }
}

/// Whether nobody was there to read a token request: nothing is at the address, or what is there points elsewhere.
fn is_not_there(failure: &Failure) -> bool {
    matches!(failure, Failure::Token(error) if error.error.is_none() && matches!(error.status, 300..=399 | 404 | 405 | 410))
}

/// Waits for `future`, but not longer than `limit` on the injected clock; `None` if it took too long.
pub(super) async fn within<T>(clock: &dyn Clock, limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    let deadline = clock.monotonic().saturating_add(limit);
    match select(Box::pin(future), clock.sleep_until(deadline)).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(((), _)) => None,
    }
}
