//! The server's public keys, read once for all accounts of the issuer: they prove ID tokens, and one that has vanished is
//! evidence.

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, header};
use mainstay_core::{Event, Signal, Timestamp};

use super::{
    account::{Account, lock},
    message::Message,
    server::{Server, within},
};
use crate::oauth::{Answer, Endpoint, IdToken, KeySet, MalformedAnswer, SignatureError, jwks_request, signing_key};

/// Least time between two readings of the server's keys, whoever asks and whatever came of it.
const PAUSE: Duration = Duration::from_secs(60);
/// How long keys are good if the server does not say. A token of a key that is not among them has them read again anyway.
const FRESH: Duration = Duration::from_secs(3600);
/// However long the server says: a key that was withdrawn because somebody stole it must be gone within a day.
const LONGEST_FRESH: Duration = Duration::from_secs(24 * 3600);
/// How long new credentials wait for the keys before they are stored without their proof. It is short because whoever waits
/// may hold the only copy of a refresh token.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest entity tag that is sent back, in bytes.
const LONGEST_TAG: usize = 1024;

/// The server's keys, as an HTTP cache would keep them (RFC 9111).
#[derive(Default)]
pub(super) struct KnownKeys(tokio::sync::Mutex<Reading>);

#[derive(Default)]
struct Reading {
    /// Where they were read: another address has other keys.
    endpoint: Option<Endpoint>,
    keys: Option<Arc<KeySet>>,
    tag: Option<HeaderValue>,
    fresh_until: Timestamp,
    /// When the server last said that these are its keys.
    confirmed_at: Option<Timestamp>,
    /// When it was asked last, whatever came of it.
    asked_at: Option<Timestamp>,
}

impl Reading {
    /// Reads the keys, unless that was tried within [`PAUSE`]. What was known stays if nothing comes of it.
    async fn renew(&mut self, server: &Server, endpoint: &Endpoint) {
        let asked_at = server.line.now();
        if self.asked_at.is_some_and(|before| asked_at.since(before) < PAUSE) {
            return;
        }
        // Before anything can go wrong, so that whoever gives up meanwhile has asked as well.
        self.asked_at = Some(asked_at);
        let known = self.keys.as_ref().and(self.tag.as_ref());
        let Ok(inbound) = server.ask(jwks_request(endpoint, known)).await else { return };
        let answer = Answer::new(&inbound.response, inbound.from_cache);
        match KeySet::read(&answer) {
            Ok(keys) => self.keys = Some(Arc::new(keys)),
            Err(MalformedAnswer::Status(304)) if known.is_some() => {}
            Err(error) => {
                tracing::debug!(name: "jwks.unreadable", %error);
                return;
            }
        }
        let now = server.line.now();
        let tag = answer.headers().get(header::ETAG).filter(|tag| tag.len() <= LONGEST_TAG);
        self.tag = tag.cloned().or(self.tag.take().filter(|_| answer.status() == 304));
        self.fresh_until = now.plus(answer.fresh_for().unwrap_or(FRESH).clamp(PAUSE, LONGEST_FRESH));
        self.confirmed_at = Some(now);
    }
}

/// How new the keys have to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    /// As HTTP lets a cache use them.
    Fresh,
    /// Confirmed by the server within [`PAUSE`].
    JustRead,
}

/// The server's keys; `None` if it publishes none, or they cannot be had. Whoever else asks waits for the same answer.
async fn keys(server: &Server, age: Age) -> Option<Arc<KeySet>> {
    let endpoint = server.known_metadata()?.jwks_uri.clone()?;
    let mut reading = server.keys.0.lock().await;
    if reading.endpoint.as_ref() != Some(&endpoint) {
        *reading = Reading { endpoint: Some(endpoint.clone()), ..Reading::default() };
    }
    let is_good = |reading: &Reading| match age {
        Age::Fresh => server.line.now() < reading.fresh_until,
        Age::JustRead => reading.confirmed_at.is_some_and(|at| server.line.now().since(at) < PAUSE),
    };
    if !is_good(&reading) {
        reading.renew(server, &endpoint).await;
    }
    if is_good(&reading) { reading.keys.clone() } else { None }
}

/// Has the keys at hand before something is spent that must be stored quickly afterwards.
pub(super) async fn prepare(server: &Server) {
    let _in_time = within(&*server.host.clock, PATIENCE, keys(server, Age::Fresh)).await;
}

/// Whether the server signed an ID token. `Ok(false)` if that cannot be told now: its keys cannot be had, or it has none of this
/// name, or none that can be checked with here.
pub(super) async fn verify(server: &Server, token: &IdToken) -> Result<bool, SignatureError> {
    let mut found = Ok(false);
    // A key that is not known, and one that another has come in place of, under its name: both end with newer keys.
    for age in [Age::Fresh, Age::JustRead] {
        let asked = within(&*server.host.clock, PATIENCE, keys(server, age)).await;
        let Some(keys) = asked.flatten() else { break };
        found = match token.verify(&keys) {
            Ok(()) => return Ok(true),
            Err(SignatureError::Wrong) => Err(SignatureError::Wrong),
            Err(SignatureError::UnknownKey | SignatureError::Unsupported) => Ok(false),
        };
    }
    found
}

/// Reads the server's keys, once a minute at most, and signals if one that signed this session's tokens is certainly gone.
/// No token leaves with the request, and it is no token request.
pub(super) async fn look(account: Arc<Account>) {
    let of_access = lock(&account.kept).last().and_then(|kept| signing_key(&kept.access_tokens.first()?.token));
    let of_id_token = lock(&account.id_token_key).clone();
    let names: Vec<String> = of_access.into_iter().chain(of_id_token).collect();
    if names.is_empty() {
        return;
    }
    let Some(keys) = keys(account.server(), Age::JustRead).await else { return };
    if names.iter().any(|name| keys.lacks(name)) {
        account.tell(Message::Event(Event::Signal(Signal::KeyVanished)));
    }
}
