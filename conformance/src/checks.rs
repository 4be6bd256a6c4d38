//! The checks, in the order of the table.

mod device_key;
mod incidents;
mod renewal;
mod sign_in;
mod sign_out;

use futures_util::future::BoxFuture;

use crate::{
    cell::{Cell, Found},
    server::{Loss, Server},
};

/// One feature, tried at a server.
#[derive(Clone, Copy)]
pub struct Check {
    /// What it is, in a few words.
    pub feature: &'static str,
    /// Where it is specified.
    pub source: &'static str,
    body: for<'a> fn(&'a mut Server) -> BoxFuture<'a, Found>,
}

/// All of them.
pub const ALL: &[Check] = &[
    check("discovery", "OpenID Connect Discovery 1.0 §4", |server| Box::pin(sign_in::discovery(server))),
    check("another issuer's metadata are refused", "OpenID Connect Discovery 1.0 §4.3", |server| {
        Box::pin(sign_in::other_issuer(server))
    }),
    check("code with PKCE, by the server's own forms", "RFC 7636", |server| Box::pin(sign_in::code(server))),
    check("a way back with somebody else's `iss` is refused", "RFC 9207 §2.4", |server| {
        Box::pin(sign_in::mix_up(server))
    }),
    check("a way back with another `state` is refused", "RFC 6749 §10.12", |server| {
        Box::pin(sign_in::forged_state(server))
    }),
    check("who signed in is pinned", "OpenID Connect Core 1.0 §3.1.3.7", |server| Box::pin(sign_in::identity(server))),
    check("refresh, with rotation", "RFC 6749 §6", |server| Box::pin(renewal::rotation(server))),
    check("many callers, one refresh", "RFC 9700 §4.14", |server| Box::pin(renewal::single_flight(server))),
    check("a stolen refresh token is replayed", "RFC 9700 §4.14.2", |server| Box::pin(renewal::reuse(server))),
    check("sign-out revokes", "RFC 7009", |server| Box::pin(sign_out::revocation(server))),
    check("introspection agrees", "RFC 7662", |server| Box::pin(sign_out::introspection(server))),
    check("restart", "", |server| Box::pin(incidents::restart(server))),
    check("outage of ten minutes", "", |server| Box::pin(incidents::outage(server))),
    check("a new signing key, the old one still published", "OpenID Connect Core 1.0 §10.1.1", |server| {
        Box::pin(incidents::rotated_keys(server))
    }),
    check("restart with other signing keys", "", |server| Box::pin(incidents::lost_keys(server))),
    check("restart with an empty store", "", |server| Box::pin(incidents::lost_store(server))),
    check("device key: a sign-in without a person", "RFC 7523 §2.1", |server| {
        Box::pin(device_key::silent_sign_in(server))
    }),
    check("device key: withdrawn at sign-out", "", |server| Box::pin(device_key::withdrawn(server))),
];

const fn check(
    feature: &'static str,
    source: &'static str,
    body: for<'a> fn(&'a mut Server) -> BoxFuture<'a, Found>,
) -> Check {
    Check { feature, source, body }
}

impl Check {
    /// Runs it with a new till. Whatever it broke is whole again afterwards.
    pub async fn run(&self, server: &mut Server) -> Cell {
        let found = (self.body)(server).await.unwrap_or_else(|wrong| Cell::Fail(wrong.0));
        match server.is_up() {
            true => found,
            false => match server.restart(Loss::Nothing).await {
                Ok(()) => found,
                Err(error) => Cell::Fail(error.to_string()),
            },
        }
    }
}
