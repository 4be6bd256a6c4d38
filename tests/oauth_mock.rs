//! The protocol layer against a real authorization server, over real HTTP: one life of a session, message by message,
//! and what it reads out of the ways in which that server can break.
#![cfg(feature = "native")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response};
use mainstay::{
    Identity, Secret,
    oauth::{
        Answer, Assertion, AssertionClaims, ConfigurationFault, DeviceKey, Endpoint, Grant, IdToken,
        IdTokenExpectation, IdentitySource, Issuer, MalformedAnswer, OAuthClient, PendingSignIn, Probe, Rejection,
        RejectionRule, RevocationOutcome, SecretRequest, ServerMetadata, ServerStatus, SignInEntropy, SignInOptions,
        TokenAnswer, TokenError, TokenFailure, TokenKind, TokenType, TransientKind, enrollment, protected_request,
        read_revocation, revocation_request, status_request, token_request, who_am_i,
    },
};
use mainstay_core::Timestamp;
use mainstay_mock_server::{
    Body, Config, Endpoint as Place, ExpiresIn, Fault, MockServer, RefreshAnswer, Rejection as RejectionStyle,
};
use url::Url;

const NOW: Timestamp = Timestamp::from_millis(1_795_305_600_000);

/// An app that sends one message at a time.
struct App {
    http: reqwest::Client,
    server: MockServer,
    metadata: ServerMetadata,
    client: OAuthClient,
}

impl App {
    async fn new(config: Config) -> Self {
        // A second test in this process finds the provider installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let server =
            MockServer::builder().config(config).generate_secret().scripted_person("ada").start().await.unwrap();
        let issuer = Issuer::parse(server.issuer()).unwrap();
        let document = send(&http, ServerMetadata::request(&issuer.discovery_urls()[0])).await;
        let metadata = ServerMetadata::read(&Answer::new(&document, false), &issuer).unwrap();
        Self { http, server, metadata, client: OAuthClient::public("till-app") }
    }

    async fn send(&self, request: SecretRequest) -> Response<Bytes> {
        send(&self.http, request).await
    }

    /// Signs in with the browser's part played by the scripted person.
    async fn sign_in(&self) -> (TokenAnswer, PendingSignIn) {
        let options = SignInOptions {
            scopes: ["openid", "pos", "offline_access"].map(str::to_owned).to_vec(),
            ..SignInOptions::default()
        };
        let entropy = SignInEntropy { state: [1; 32], nonce: [2; 32], verifier: [3; 32] };
        let redirect_uri = Url::parse("http://127.0.0.1:7000/callback").unwrap();
        let (pending, url) =
            PendingSignIn::start(&self.metadata, &self.client, &redirect_uri, &options, &entropy, NOW).unwrap();
        let browser = self.http.get(url).send().await.unwrap();
        let callback = browser.headers()["location"].to_str().unwrap();
        // The app is killed while the browser is open (field case I1).
        let pending = PendingSignIn::from_record(&pending.to_record()).unwrap();
        let code = pending.accept(callback, NOW).unwrap().code;
        let grant = Grant::AuthorizationCode {
            code: &code,
            redirect_uri: pending.redirect_uri(),
            verifier: pending.verifier().secret(),
        };
        (self.tokens(&grant).await.unwrap(), pending)
    }

    async fn tokens(&self, grant: &Grant<'_>) -> Result<TokenAnswer, TokenError> {
        let request = token_request(&self.metadata.token_endpoint, &self.client, grant, None).unwrap();
        TokenAnswer::read(&Answer::new(&self.send(request).await, false))
    }

    async fn refresh(&self, token: &Secret) -> Result<TokenAnswer, TokenError> {
        self.tokens(&Grant::RefreshToken { token, scopes: None }).await
    }

    async fn get(&self, endpoint: &Endpoint, token: &Secret) -> Response<Bytes> {
        self.send(protected_request(Method::GET, endpoint, TokenType::Bearer, token).unwrap()).await
    }

    fn api(&self, path: &str) -> Endpoint {
        Endpoint::from_url(self.server.url().join(path).unwrap()).unwrap()
    }

    fn userinfo(&self) -> &Endpoint {
        self.metadata.userinfo_endpoint.as_ref().unwrap()
    }

    fn identity(&self, tokens: &TokenAnswer, nonce: Option<&str>) -> Identity {
        let expected = IdTokenExpectation {
            issuer: self.metadata.issuer.as_str(),
            client_id: &self.client.id,
            nonce,
            max_age: None,
            access_token: Some(&tokens.access_token),
            now: tokens.server_time_ms.map(|millis| millis / 1000),
        };
        IdToken::read(tokens.id_token.as_ref().unwrap()).unwrap().check(&expected, &[]).unwrap()
    }
}

async fn send(http: &reqwest::Client, request: SecretRequest) -> Response<Bytes> {
    let answer = http.execute(request.into_request().try_into().unwrap()).await.unwrap();
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    *response.body_mut() = answer.bytes().await.unwrap();
    response
}

fn transient(result: Result<TokenAnswer, TokenError>) -> TransientKind {
    match result.unwrap_err().failure {
        TokenFailure::Transient(kind) => kind,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_session_lives_from_sign_in_to_sign_out() {
    let app = App::new(Config::default()).await;
    let (tokens, pending) = app.sign_in().await;
    let ada = app.identity(&tokens, Some(pending.nonce()));
    let me = app.get(app.userinfo(), &tokens.access_token).await;
    let probe = Probe::read(&Answer::new(&me, false), app.userinfo(), &[], &ada, &IdentitySource::default());
    assert_eq!(probe, Probe::Accepted { named: true });

    let first = tokens.refresh_token.as_ref().unwrap();
    let renewed = app.refresh(first).await.unwrap();
    assert_eq!(app.identity(&renewed, None), ada);
    let second = renewed.refresh_token_to_keep(Some(first)).unwrap();
    assert_ne!(&second, first);
    let claims = app.get(&app.api("/api/me"), &renewed.access_token).await;
    let claims = who_am_i(&Answer::new(&claims, false), &app.api("/api/me"), &[]).unwrap();
    assert_eq!(claims.identity(app.server.issuer(), &IdentitySource::default()).unwrap(), ada);

    let endpoint = app.metadata.revocation_endpoint.as_ref().unwrap();
    let request = revocation_request(endpoint, &app.client, &second, TokenKind::RefreshToken).unwrap();
    assert_eq!(read_revocation(&Answer::new(&app.send(request).await, false)), RevocationOutcome::Done);
    assert_eq!(app.refresh(&second).await.unwrap_err().failure, TokenFailure::InvalidGrant);
    assert_eq!(app.server.control().observations().prompts["ada"], 1);
}

#[tokio::test]
async fn an_enrolled_device_comes_back_with_nobody_at_the_keyboard() {
    let app = App::new(Config::default()).await;
    let (tokens, pending) = app.sign_in().await;
    let ada = app.identity(&tokens, Some(pending.nonce()));
    let key = DeviceKey::from_bytes(&[7; 32]).unwrap();
    let endpoint = app.metadata.enrollment_endpoint.as_ref().unwrap();
    let request = enrollment::request(endpoint, TokenType::Bearer, &tokens.access_token, &key.public_jwk()).unwrap();
    let enrolled = enrollment::read(&Answer::new(&app.send(request).await, false), endpoint).unwrap();
    assert_eq!(enrolled.key_id, key.public_jwk().thumbprint());

    app.server.control().change_secret(false);
    app.server.control().wipe_sessions();
    let claims = AssertionClaims {
        issuer: &app.client.id,
        subject: ada.subject.as_deref().unwrap(),
        audience: app.server.issuer(),
        id: [9; 16],
        // A device clock that is a day behind, and what was learned about it (field case E1).
        now_ms: app.server.control().clock().now_ms - 86_400_000,
        clock_offset_ms: 86_400_000,
        lifetime: Duration::from_secs(60),
    };
    let assertion = Assertion::new(&enrolled.key_id, &claims);
    let signature = key.sign(assertion.signing_input());
    let assertion = assertion.signed(&signature);
    let grant = Grant::JwtBearer { assertion: &assertion, scopes: None };
    let renewed = app.tokens(&grant).await.unwrap();
    assert_eq!(app.identity(&renewed, None), ada);
    assert_eq!(app.tokens(&grant).await.unwrap_err().failure, TokenFailure::InvalidGrant, "an assertion is used once");

    let request =
        enrollment::removal_request(endpoint, TokenType::Bearer, &renewed.access_token, &enrolled.key_id).unwrap();
    assert!(enrollment::is_removed(&Answer::new(&app.send(request).await, false)));
    assert_eq!(app.server.control().observations().enrolments, 0);
}

#[tokio::test]
async fn a_changed_secret_is_a_rejection_in_whatever_words() {
    for style in [
        RejectionStyle::Standard,
        RejectionStyle::legacy(200),
        RejectionStyle::legacy(400),
        RejectionStyle::legacy(500),
    ] {
        let app = App::new(Config { rejection: style.clone(), ..Config::default() }).await;
        let (tokens, _) = app.sign_in().await;
        app.server.control().change_secret(false);
        let answer = app.get(&app.api("/api/catalogue"), &tokens.access_token).await;
        let rules =
            [200, 400, 500].map(|status| RejectionRule::new("mews", status, "/api/*", "Token invalid").unwrap());
        let rejection = Rejection::read(&Answer::new(&answer, false), "/api/catalogue", &rules);
        let expected = match style {
            RejectionStyle::Standard => Rejection::InvalidToken,
            RejectionStyle::Legacy { .. } => Rejection::Legacy { rule: "mews".into() },
        };
        assert_eq!(rejection, expected, "{style:?}");
        assert!(rejection.accuses_token());
    }
}

#[tokio::test]
async fn every_way_to_break_the_token_endpoint_leaves_the_credential_alone() {
    let app = App::new(Config::default()).await;
    let (tokens, _) = app.sign_in().await;
    let token = tokens.refresh_token.unwrap();
    let answer = |status, content_type: &str, body: &str| Fault::answer(status, content_type, Body::Text(body.into()));
    let malformed = TransientKind::Malformed;
    for (fault, expected) in [
        (Fault::status(503), TransientKind::Unavailable),
        (Fault::status_with_retry_after(429, "120"), TransientKind::TooManyRequests),
        (Fault::html(), malformed(MalformedAnswer::Html)),
        (Fault::cached(30), malformed(MalformedAnswer::Cached)),
        (Fault::redirect("https://elsewhere.example/token"), TransientKind::Redirect),
        (answer(200, "application/json", ""), malformed(MalformedAnswer::Empty)),
        (answer(200, "application/json", r#"{"access_token":"#), malformed(MalformedAnswer::Truncated)),
        (
            answer(200, "application/json", r#"{"access_token":""}"#),
            malformed(MalformedAnswer::Invalid("access_token")),
        ),
        (answer(200, "application/json", &"[".repeat(100_000)), malformed(MalformedAnswer::TooDeep)),
        (answer(500, "application/json", r#"{"error":"invalid_grant"}"#), TransientKind::ServerError),
        (answer(400, "application/json", r#"{"error":"temporarily_unavailable"}"#), TransientKind::Unavailable),
    ] {
        app.server.control().set_fault(fault.clone().at(Place::Refresh)).unwrap();
        assert_eq!(transient(app.refresh(&token).await), expected, "{fault:?}");
        app.server.control().clear_faults();
    }
}

#[tokio::test]
async fn a_wrong_set_up_is_told_from_a_refused_credential() {
    let app = App::new(Config::default()).await;
    let (tokens, _) = app.sign_in().await;
    let token = tokens.refresh_token.unwrap();
    app.server.control().reconfigure(|config| config.client_ids = Some(vec!["another-app".into()])).unwrap();
    let failure = app.refresh(&token).await.unwrap_err().failure;
    assert_eq!(failure, TokenFailure::Configuration(ConfigurationFault::InvalidClient));
    app.server.control().reconfigure(|config| config.client_ids = None).unwrap();
    app.server.control().wipe_sessions();
    assert_eq!(app.refresh(&token).await.unwrap_err().failure, TokenFailure::InvalidGrant);
}

#[tokio::test]
async fn an_answer_without_a_new_refresh_token_keeps_the_old_one_good() {
    for refresh_answer in [RefreshAnswer::Missing, RefreshAnswer::Same, RefreshAnswer::Empty] {
        let app = App::new(Config { refresh_answer, ..Config::default() }).await;
        let (tokens, _) = app.sign_in().await;
        let first = tokens.refresh_token.unwrap();
        let kept = app.refresh(&first).await.unwrap().refresh_token_to_keep(Some(&first)).unwrap();
        assert_eq!(kept, first, "{refresh_answer:?}");
        assert!(app.refresh(&kept).await.is_ok(), "{refresh_answer:?}");
    }
}

#[tokio::test]
async fn a_lifetime_as_an_absolute_time_counts_by_the_servers_clock() {
    let app = App::new(Config::default()).await;
    let expires = app.server.control().clock().now_ms / 1000 + 900;
    app.server.control().reconfigure(|config| config.expires_in = ExpiresIn::Raw(expires.into())).unwrap();
    let (tokens, _) = app.sign_in().await;
    let seconds = tokens.lifetime.duration.as_secs();
    assert!((30..=900).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn a_server_says_how_it_is() {
    let app = App::new(Config::default()).await;
    let endpoint = app.metadata.status_endpoint.clone().unwrap();
    assert_eq!(Some(&endpoint), app.metadata.issuer.status_url().as_ref());
    app.server
        .control()
        .reconfigure(|config| {
            config.status.healthy = false;
            config.status.spread_seconds = Some(600);
        })
        .unwrap();
    let answer = app.send(status_request(&endpoint)).await;
    let status = ServerStatus::read(&Answer::new(&answer, false)).unwrap();
    assert_eq!((status.healthy, status.spread), (false, Some(Duration::from_secs(600))));
}
