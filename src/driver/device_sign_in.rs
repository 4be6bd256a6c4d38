//! Signing in on another device (RFC 8628): a shop screen shows a code, somebody types it in on their phone.

use std::{sync::Arc, time::Duration};

use futures_util::future::{Either, select};
use qrcodegen::{QrCode, QrCodeEcc};
use url::Url;

use super::{
    account::Deployment,
    server::Server,
    sign_in::{Visited, visit_of},
};
use crate::{
    error::Failure,
    host::{BoxFuture, BrowserError, MaybeSendSync},
    oauth::{
        Answer, DeviceAuthorization, DevicePacing, DevicePoll, DpopKey, Grant, TokenAnswer, TokenError, TokenFailure,
        Verifier, device_authorization_request, token_request,
    },
};

/// Shows a person where to sign in with another device.
pub trait DevicePrompt: MaybeSendSync {
    /// Shows this code, in place of one that was shown before.
    fn show(&self, code: &DeviceCode);

    /// The code expired, and nobody used it. Completes with whether another one is to be shown: at once for a screen that always
    /// shows one, or when somebody asks for it. Default: no, and the sign-in is [`Cancelled`](crate::Error::Cancelled).
    fn wants_another(&self) -> BoxFuture<'_, bool> {
        Box::pin(std::future::ready(false))
    }

    /// Completes when the person gives up. Default: never. Dropping the sign-in's future does the same.
    fn cancelled(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}

/// What a person needs in order to sign in with another device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCode {
    /// What to type in, or to compare where a QR code was scanned (RFC 8628 section 5.4).
    pub user_code: String,
    /// Where.
    pub verification_uri: Url,
    /// The same with the code in it, if the server has it.
    pub verification_uri_complete: Option<Url>,
    /// How long the code is good, from now.
    pub lifetime: Duration,
    /// What a phone's camera takes to the page: the address with the code in it, or else without. `None` if it is too long.
    pub qr: Option<QrMatrix>,
}

impl DeviceCode {
    fn new(authorization: &DeviceAuthorization) -> Self {
        let DeviceAuthorization { user_code, verification_uri, verification_uri_complete, lifetime, .. } =
            authorization;
        let scanned = verification_uri_complete.as_ref().unwrap_or(verification_uri);
        Self {
            user_code: user_code.clone(),
            verification_uri: verification_uri.clone(),
            verification_uri_complete: verification_uri_complete.clone(),
            lifetime: *lifetime,
            qr: QrMatrix::new(scanned.as_str()),
        }
    }
}

/// A QR code (ISO/IEC 18004) as dark and light squares, without the four light ones that belong around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QrMatrix {
    size: usize,
    dark: Vec<bool>,
}

impl QrMatrix {
    /// `None` if the text is too long for one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
        let places = 0..code.size();
        let dark = places.clone().flat_map(|y| places.clone().map(move |x| (x, y)));
        Some(Self {
            size: usize::try_from(code.size()).ok()?,
            dark: dark.map(|(x, y)| code.get_module(x, y)).collect(),
        })
    }

    /// How many squares a side has.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Whether a square is dark; `x` goes to the right and `y` down. Whatever is outside is light.
    #[must_use]
    pub fn is_dark(&self, x: usize, y: usize) -> bool {
        x < self.size && self.dark.get(y.saturating_mul(self.size).saturating_add(x)).copied().unwrap_or_default()
    }

    /// All squares, row by row.
    #[must_use]
    pub fn squares(&self) -> &[bool] {
        &self.dark
    }
}

/// Shows codes until somebody approves one, and asks for tokens meanwhile, no faster than the server allows.
pub(super) async fn visit(
    deployment: &Arc<Deployment>,
    prompt: &dyn DevicePrompt,
    scopes: &[String],
) -> Result<Visited, Failure> {
    match select(Box::pin(approved(&deployment.server, prompt, scopes)), prompt.cancelled()).await {
        Either::Left((visit, _)) => visit,
        Either::Right(((), _)) => Err(BrowserError::Cancelled.into()),
    }
}

async fn approved(server: &Server, prompt: &dyn DevicePrompt, scopes: &[String]) -> Result<Visited, Failure> {
    let missing = || Failure::Misconfigured("the server offers no sign-in by another device".to_owned());
    let metadata = server.metadata().await?;
    let endpoint = metadata.device_authorization_endpoint.as_ref().ok_or_else(missing)?;
    let dpop_key = server.new_dpop_key(&metadata);
    loop {
        // A verifier for each code, as for each visit of a browser.
        let verifier = Verifier::new(&server.draw());
        let inbound = server.ask(device_authorization_request(endpoint, &server.client, scopes, &verifier)?).await?;
        let authorization = DeviceAuthorization::read(&Answer::new(&inbound.response, inbound.from_cache))?;
        prompt.show(&DeviceCode::new(&authorization));
        if let Some(answer) = poll(server, dpop_key.as_ref(), &authorization, &verifier).await? {
            return visit_of(server, answer, dpop_key, None).await;
        }
        if !prompt.wants_another().await {
            return Err(BrowserError::Cancelled.into());
        }
    }
}

/// `None`: the code expired.
async fn poll(
    server: &Server,
    dpop_key: Option<&DpopKey>,
    authorization: &DeviceAuthorization,
    verifier: &Verifier,
) -> Result<Option<TokenAnswer>, Failure> {
    let clock = &*server.host.clock;
    let expires = clock.monotonic().saturating_add(authorization.lifetime);
    let mut pacing = DevicePacing::new(authorization);
    let mut wait = pacing.wait();
    loop {
        let next = clock.monotonic().saturating_add(wait);
        // Nobody is asked about a code that is not good any more.
        clock.sleep_until(next.min(expires)).await;
        if next >= expires {
            return Ok(None);
        }
        let poll = ask(server, dpop_key, authorization, verifier).await?;
        wait = pacing.after(&poll);
        match poll {
            DevicePoll::Granted(answer) => return Ok(Some(*answer)),
            DevicePoll::Pending | DevicePoll::SlowDown | DevicePoll::Trouble(_) => {}
            DevicePoll::Expired => return Ok(None),
            DevicePoll::Denied => return Err(BrowserError::Cancelled.into()),
            DevicePoll::Failed(error) => return Err(error.into()),
        }
    }
}

/// Once more with what the server says about a proof, as for any other grant.
async fn ask(
    server: &Server,
    dpop_key: Option<&DpopKey>,
    authorization: &DeviceAuthorization,
    verifier: &Verifier,
) -> Result<DevicePoll, Failure> {
    let poll = ask_once(server, dpop_key, authorization, verifier).await?;
    match &poll {
        DevicePoll::Failed(TokenError {
            failure: TokenFailure::UseDpopNonce { nonce: Some(_) } | TokenFailure::InvalidDpopProof,
            ..
        }) if dpop_key.is_some() => ask_once(server, dpop_key, authorization, verifier).await,
        _ => Ok(poll),
    }
}

async fn ask_once(
    server: &Server,
    dpop_key: Option<&DpopKey>,
    authorization: &DeviceAuthorization,
    verifier: &Verifier,
) -> Result<DevicePoll, Failure> {
    let grant = Grant::DeviceCode { code: &authorization.device_code, verifier: verifier.secret() };
    let metadata = server.metadata().await?;
    let request = token_request(&metadata.token_endpoint, &server.client, &grant, None)?;
    Ok(match server.ask_for_tokens(dpop_key, request).await {
        Ok(inbound) => DevicePoll::read(&Answer::new(&inbound.response, inbound.from_cache)),
        // The network is away, and the code goes on being good.
        Err(_) => DevicePoll::Trouble(None),
    })
}
