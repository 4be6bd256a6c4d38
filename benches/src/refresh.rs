//! A refresh, from a call that finds its token expired to the new token in its hands, against a bare POST of the same
//! refresh and one `fsync` of the answer.

use std::{
    fs::File,
    io::Write,
    path::PathBuf,
    time::{Duration, Instant},
};

use mainstay::driver::AccessToken;
use mainstay_mock_server::{Endpoint, Fault, MockServer};
use std::sync::{Arc, OnceLock};
use url::Url;

use crate::{
    Compared, LeapingClock, Outcome, Pairs, Till,
    till::{CLIENT_ID, plain_client},
};

/// The verifier and challenge of RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT_URI: &str = "http://127.0.0.1/callback";

/// Longer than an access token lives here.
const LIFETIME: Duration = Duration::from_secs(1000);

/// How far away the token endpoint is.
#[derive(Clone, Copy, Debug)]
pub enum Wire {
    /// In this process, over loopback: nothing hides what we add.
    Loopback,
    /// The same, with an answer that takes this much longer, as over a real network.
    Far(Duration),
}

/// Times `rounds` refreshes of each kind.
///
/// # Errors
/// Whatever fails.
pub async fn time_refresh(wire: Wire, rounds: u32) -> Outcome<Compared> {
    let clock = OnceLock::new();
    let till = Till::signed_in(MockServer::builder(), |host| {
        let clock = clock.get_or_init(|| LeapingClock::new(Arc::clone(&host.clock)));
        host.clock = Arc::new(clock.clone());
    });
    let till = till.await?;
    let clock = clock.into_inner().ok_or("the session has no clock")?;
    let folder = tempfile::tempdir()?;
    let mut bare = Bare::signed_in(&till.server, folder.path().join("tokens.json")).await?;
    if let Wire::Far(by) = wire {
        till.server.control().set_fault(Fault::slow(by).at(Endpoint::Refresh))?;
    }
    let mut pairs = Pairs::default();
    for round in 0..rounds {
        if round % 2 == 0 {
            let floor = bare.refresh().await?;
            pairs.push(floor, refresh(&till, &clock).await?);
        } else {
            let ours = refresh(&till, &clock).await?;
            pairs.push(bare.refresh().await?, ours);
        }
    }
    Ok(pairs.compared())
}

/// Lets the token expire and asks for another.
async fn refresh(till: &Till, clock: &LeapingClock) -> Outcome<Duration> {
    let before = till.session.access_token().await?;
    till.server.control().advance(LIFETIME);
    clock.leap(LIFETIME);
    let start = Instant::now();
    let after = till.session.access_token().await?;
    let time = start.elapsed();
    come_to_rest(till, &before, &after).await?;
    Ok(time)
}

/// The app goes on with the new token, the server accepts it, and the old generation is dropped.
async fn come_to_rest(till: &Till, before: &AccessToken, after: &AccessToken) -> Outcome<()> {
    if after.generation() != before.generation().next() {
        return Err("the session handed out something else than the next generation".into());
    }
    let url = till.server.url().join("/api/catalogue")?;
    let answer = till.session.send(http::Request::get(url.as_str()).body(bytes::Bytes::new())?).await?;
    if !answer.status().is_success() {
        return Err("the server did not accept the new token".into());
    }
    till.activity.quiescent().await;
    Ok(())
}

/// What a refresh cannot do without: the request, and one `fsync` of what it brought.
struct Bare {
    client: reqwest::Client,
    token_endpoint: Url,
    refresh_token: String,
    file: PathBuf,
}

impl Bare {
    /// Signs in by hand, so that both have a refresh token of their own.
    async fn signed_in(server: &MockServer, file: PathBuf) -> Outcome<Self> {
        let client = plain_client()?;
        let mut authorize = server.url().join("/authorize")?;
        authorize.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", CLIENT_ID),
            ("redirect_uri", REDIRECT_URI),
            ("scope", "openid offline_access pos"),
            ("state", "state"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        let redirect = client.get(authorize).send().await?;
        let location = redirect.headers().get(http::header::LOCATION).ok_or("the sign-in did not redirect")?;
        let callback = Url::parse(location.to_str()?)?;
        let code = callback.query_pairs().find(|(name, _)| name == "code").ok_or("the sign-in brought no code")?.1;
        let exchange = [
            ("grant_type", "authorization_code"),
            ("client_id", CLIENT_ID),
            ("redirect_uri", REDIRECT_URI),
            ("code", &*code),
            ("code_verifier", VERIFIER),
        ];
        let token_endpoint = server.url().join("/token")?;
        let mut bare = Self { client, token_endpoint, refresh_token: String::new(), file };
        bare.refresh_token = refresh_token_in(&bare.post(&exchange).await?)?;
        Ok(bare)
    }

    async fn refresh(&mut self) -> Outcome<Duration> {
        let refresh_token = std::mem::take(&mut self.refresh_token);
        let start = Instant::now();
        let answer = self
            .post(&[("grant_type", "refresh_token"), ("client_id", CLIENT_ID), ("refresh_token", &refresh_token)])
            .await?;
        self.refresh_token = refresh_token_in(&answer)?;
        let mut file = File::create(&self.file)?;
        file.write_all(&answer)?;
        file.sync_all()?;
        Ok(start.elapsed())
    }

    async fn post(&self, parameters: &[(&str, &str)]) -> Outcome<Vec<u8>> {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let request = self.client.post(self.token_endpoint.clone());
        let form_type = "application/x-www-form-urlencoded";
        let answer = request.header(http::header::CONTENT_TYPE, form_type).body(form).send().await?;
        Ok(answer.error_for_status()?.bytes().await?.to_vec())
    }
}

fn refresh_token_in(answer: &[u8]) -> Outcome<String> {
    let answer: serde_json::Value = serde_json::from_slice(answer)?;
    let token = answer.get("refresh_token").and_then(serde_json::Value::as_str);
    Ok(token.ok_or("the answer has no refresh token")?.to_owned())
}
