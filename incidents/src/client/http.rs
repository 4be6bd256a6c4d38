//! Plain HTTP over hyper: no cookies, no redirects, no retries, one connection per request.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use mainstay::host::{BoxFuture, Connection, Inbound, Outbound, Transport, TransportError};

pub(super) struct Http(Client<HttpConnector, Full<Bytes>>);

impl Http {
    pub(super) fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http())
    }
}

impl Transport for Http {
    fn send(&self, outbound: Outbound) -> BoxFuture<'_, Result<Inbound, TransportError>> {
        Box::pin(async move {
            let sent = self.0.request(outbound.request.map(Full::new)).await;
            let answer =
                sent.map_err(
                    |error| {
                        if error.is_connect() { TransportError::Unreachable } else { TransportError::Broken }
                    },
                )?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, outbound.body_limit).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() { TransportError::TooLarge } else { TransportError::Broken }
            })?;
            let response = http::Response::from_parts(head, body.to_bytes());
            Ok(Inbound { response, connection: Connection::Fresh, from_cache: false })
        })
    }

    fn can_open_fresh_connections(&self) -> bool {
        true
    }
}
