//! Plain HTTP for clients that are not the SDK: no cookies, no redirects, no retries, one connection per request.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::Activity;

/// Largest answer that is read, in bytes.
const LARGEST_BODY: usize = 1024 * 1024;

/// No answer came. Why does not matter to those who use this.
#[derive(Debug, thiserror::Error)]
#[error("no answer: {0}")]
pub(crate) struct NoAnswer(String);

/// An HTTP client with a network that can be pulled.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    activity: Activity,
    network: Arc<AtomicBool>,
}

impl Http {
    pub(crate) fn new(activity: Activity) -> Self {
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        Self { client, activity, network: Arc::new(AtomicBool::new(true)) }
    }

    /// Plugs the network in, or pulls it.
    pub(crate) fn set_network(&self, on: bool) {
        self.network.store(on, SeqCst);
    }

    pub(crate) async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, NoAnswer> {
        if !self.network.load(SeqCst) {
            return Err(NoAnswer("there is no network".to_owned()));
        }
        let _in_flight = self.activity.request();
        let answer = self.client.request(request.map(Full::new)).await.map_err(|error| NoAnswer(error.to_string()))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, LARGEST_BODY).collect().await.map_err(|error| NoAnswer(error.to_string()))?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}
