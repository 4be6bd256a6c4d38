//! Whether the server still has the key that signed a session's tokens: evidence, when an episode begins.

use std::{sync::Arc, time::Duration};

use mainstay_core::{Event, Signal, Timestamp};

use super::{
    account::{Account, lock},
    message::Message,
    server::Server,
};
use crate::oauth::{Answer, KeySet, jwks_request, signing_key};

/// Least time between two readings of the server's keys, whoever asks and whatever came of it.
const PAUSE: Duration = Duration::from_secs(60);

/// The server's keys as they were read last, for all accounts of the issuer.
#[derive(Default)]
pub(super) struct KnownKeys(tokio::sync::Mutex<Option<(Timestamp, Option<Arc<KeySet>>)>>);

/// Reads the server's keys, once a minute at most, and signals if one that signed this session's tokens is certainly gone.
/// No token leaves with the request, and it is no token request.
pub(super) async fn look(account: Arc<Account>) {
    let of_access = lock(&account.kept).last().and_then(|kept| signing_key(&kept.access_tokens.first()?.token));
    let of_id_token = lock(&account.id_token_key).clone();
    let names: Vec<String> = of_access.into_iter().chain(of_id_token).collect();
    if names.is_empty() {
        return;
    }
    let Some(keys) = read(account.server()).await else { return };
    if names.iter().any(|name| keys.lacks(name)) {
        account.tell(Message::Event(Event::Signal(Signal::KeyVanished)));
    }
}

async fn read(server: &Server) -> Option<Arc<KeySet>> {
    let endpoint = server.known_metadata()?.jwks_uri.clone()?;
    // Whoever else asks waits for the same answer.
    let mut known = server.keys.0.lock().await;
    let now = server.line.now();
    if let Some((at, keys)) = known.as_ref()
        && now.since(*at) < PAUSE
    {
        return keys.clone();
    }
    let inbound = server.ask(jwks_request(&endpoint)).await;
    let read = |inbound: crate::host::Inbound| KeySet::read(&Answer::new(&inbound.response, inbound.from_cache)).ok();
    let keys = inbound.ok().and_then(read).map(Arc::new);
    *known = Some((now, keys.clone()));
    keys
}
