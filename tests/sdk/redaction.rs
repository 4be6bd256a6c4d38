//! Whatever the public API hands out can be printed (P11): each type that holds a secret is built with a known one, and no
//! way of formatting shows it. Text of a server is treated alike: it may repeat the very token that it complains about.

use std::{
    fmt::{Debug, Display},
    sync::Arc,
};

use bytes::Bytes;
use mainstay::{
    Credentials, Error, Identity, Secret, StoredAccessToken, Timestamp,
    driver::ImportedTokens,
    host::{
        Connection, ConnectionWish, FileName, Files, Inbound, Lane, Outbound, SecretStore,
        memory::{MemoryFiles, MemoryLock, MemorySecretStore},
    },
    oauth::{
        Answer, AuthorizationCode, Challenges, Claims, ClientAuth, DeviceAuthorization, DeviceKey, DevicePoll, DpopKey,
        DpopProof, Endpoint, ErrorObject, Grant, IdToken, IdTokenExpectation, Issuer, OAuthClient, PendingSignIn,
        PushedRequest, Rejection, ServerMetadata, SignInEntropy, SignInOptions, TokenAnswer, TokenError, TokenType,
        Untrusted, Verifier, protected_request, push_request, token_request,
    },
    support::{Examination, examine},
    test_support::{SeededEntropy, VirtualClock},
    vault::{
        AccountKey, Enrolment, Epoch, FileKind, InspectedFile, Inspection, PendingRevocation, Revocable, Revocation,
        Rotation, Spends, Stored, Vault, VaultHost,
    },
};
use mainstay_mock_server::Fault;
use url::Url;

use crate::till::{A_WHILE, Till};

/// Thirty-two characters, so that it is a key as well.
const CANARY: &str = "canary-Zq7xK2pW9vB4nM6tR1yL8sD3h";

/// Nothing of the secret is to be seen, in any spelling that a formatter has.
fn hides(shown: &str) -> bool {
    let bytes = format!("{:?}", CANARY.as_bytes());
    let numbers = bytes.trim_matches(['[', ']']);
    let spread: String = CANARY.bytes().map(|byte| format!("        {byte},\n")).collect();
    let hexadecimal: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    // The beginning of it is too much, too.
    let told = |spelling: &str| shown.contains(&spelling[..spelling.len() / 2]);
    ![CANARY, numbers, &spread, &hexadecimal, &hexadecimal.to_uppercase()].into_iter().any(told)
}

#[track_caller]
fn is_redacted<T: Debug + ?Sized>(value: &T) {
    for shown in [format!("{value:?}"), format!("{value:#?}"), format!("{:#?}", Some(value))] {
        assert!(hides(&shown), "{shown}");
    }
}

#[track_caller]
fn says_nothing<T: Debug + Display>(error: &T) {
    is_redacted(error);
    assert!(hides(&error.to_string()), "{error}");
}

fn secret() -> Secret {
    Secret::from_text(CANARY)
}

fn key() -> [u8; 32] {
    CANARY.as_bytes().try_into().unwrap()
}

fn response(status: u16, headers: &[(&str, &str)], body: &str) -> http::Response<Bytes> {
    let builder = http::Response::builder().status(status);
    let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    builder.body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

fn credentials() -> Credentials {
    Credentials {
        generation: mainstay::Generation::new(7).unwrap(),
        identity: Identity { issuer: "https://id.example".to_owned(), subject: Some("ada".to_owned()), tenant: vec![] },
        access_tokens: vec![StoredAccessToken {
            token: secret(),
            token_type: "Bearer".to_owned(),
            audience: None,
            scopes: vec![],
            received_at: Timestamp::from_millis(0),
            expires_at: Timestamp::from_millis(1),
        }],
        refresh_token: Some(secret()),
        dpop_key: Some(secret()),
    }
}

#[test]
fn credentials_and_keys_are_not_printed() {
    is_redacted(&secret());
    is_redacted(&credentials());
    is_redacted(&credentials().access_tokens);
    is_redacted(&ImportedTokens { access_token: Some(secret()), expires_in: None, refresh_token: Some(secret()) });
    is_redacted(&DeviceKey::from_bytes(&key()).unwrap());
    is_redacted(&DpopKey::from_bytes(&key()).unwrap());
    let (method, url) = (http::Method::GET, Url::parse("https://api.example").unwrap());
    let canary = secret();
    let access_token = Some(&canary);
    is_redacted(&DpopProof {
        method: &method,
        url: &url,
        id: [0; 16],
        now_ms: 0,
        clock_offset_ms: 0,
        access_token,
        nonce: None,
    });
    is_redacted(&IdTokenExpectation {
        issuer: "https://id.example",
        client_id: "till",
        nonce: None,
        max_age: None,
        access_token,
        now: None,
    });
    is_redacted(&SignInEntropy { state: key(), nonce: key(), verifier: key() });
    is_redacted(&Verifier::new(&key()));
    is_redacted(&AuthorizationCode { code: secret() });
    let stored = Stored {
        credentials: credentials(),
        previous: vec![credentials()],
        intent: None,
        session: None,
        imported: vec![],
        epoch: Epoch::default(),
        damaged: vec![],
    };
    is_redacted(&stored);
    is_redacted(&mainstay::vault::Outcome::Value(stored));
    let issuer = "https://id.example".to_owned();
    is_redacted(&Revocation { what: Revocable::RefreshToken, issuer, endpoint: None, token: secret() });
    is_redacted(&Enrolment { key_id: "key-1".to_owned(), access_token: secret(), refresh_token: Some(secret()) });
}

#[test]
fn requests_and_answers_are_not_printed() {
    let endpoint = Endpoint::parse("https://id.example/token").unwrap();
    let redirect_uri = Url::parse("http://127.0.0.1/callback").unwrap();
    let verifier = secret();
    let clients = [ClientAuth::None, ClientAuth::Basic(secret()), ClientAuth::Post(secret())];
    for auth in clients {
        let client = OAuthClient { id: "till".to_owned(), auth };
        is_redacted(&client);
        for grant in [
            Grant::AuthorizationCode { code: &secret(), redirect_uri: &redirect_uri, verifier: &verifier },
            Grant::RefreshToken { token: &secret(), scopes: None },
            Grant::JwtBearer { assertion: &secret(), scopes: None },
            Grant::DeviceCode { code: &secret(), verifier: &verifier },
        ] {
            is_redacted(&grant);
            let request = token_request(&endpoint, &client, &grant, None).unwrap();
            is_redacted(&request);
            let (connection, lane) = (ConnectionWish::Any, Lane::Own);
            is_redacted(&Outbound { request: request.into_request(), connection, lane, body_limit: 0 });
        }
    }
    let metadata = r#"{"issuer":"https://id.example","authorization_endpoint":"https://id.example/authorize",
        "token_endpoint":"https://id.example/token","response_types_supported":["code"]}"#;
    let metadata = response(200, &[("content-type", "application/json")], metadata);
    let issuer = Issuer::parse("https://id.example").unwrap();
    let metadata = ServerMetadata::read(&Answer::new(&metadata, false), &issuer).unwrap();
    let entropy = SignInEntropy { state: key(), nonce: key(), verifier: key() };
    let (client, options) = (OAuthClient::public("till"), SignInOptions::default());
    let now = Timestamp::from_millis(0);
    let (pending, url) = PendingSignIn::start(&metadata, &client, &redirect_uri, &options, &entropy, now).unwrap();
    for told in ["state", "nonce"] {
        let (_, value) = url.query_pairs().find(|(name, _)| name == told).unwrap();
        assert!(!format!("{pending:?}{pending:#?}").contains(&value[..20]), "{told}: {pending:?}");
    }
    is_redacted(&pending);
    is_redacted(&push_request(&endpoint, &client, &metadata, &url).unwrap());
    let pushed = response(201, &[], &format!(r#"{{"request_uri":"{CANARY}","expires_in":60}}"#));
    is_redacted(&PushedRequest::read(&Answer::new(&pushed, false)).unwrap());
    let device = format!(
        r#"{{"device_code":"{CANARY}","user_code":"AB-12","verification_uri":"https://id.example/d","interval":1}}"#
    );
    let device = DeviceAuthorization::read(&Answer::new(&response(200, &[], &device), false)).unwrap();
    assert_eq!(device.device_code, secret());
    is_redacted(&device);
    let tokens = format!(r#"{{"access_token":"{CANARY}","token_type":"Bearer"}}"#);
    is_redacted(&DevicePoll::read(&Answer::new(&response(200, &[], &tokens), false)));

    let probe = protected_request(http::Method::GET, &endpoint, TokenType::Bearer, &secret()).unwrap();
    is_redacted(&probe);
    is_redacted(&probe.into_request());

    let body = format!(
        r#"{{"access_token":"{CANARY}","refresh_token":"{CANARY}","id_token":"{CANARY}","token_type":"Bearer"}}"#
    );
    let granted = response(200, &[("set-cookie", CANARY)], &body);
    is_redacted(&Answer::new(&granted, false));
    is_redacted(&TokenAnswer::read(&Answer::new(&granted, false)).unwrap());
    let part = |text: &str| base64::engine::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, text);
    let id_token =
        format!("{}.{}.{}", part(r#"{"alg":"ES256"}"#), part(&format!(r#"{{"sub":"{CANARY}"}}"#)), part(CANARY));
    let id_token = IdToken::read(&Secret::from_text(&id_token)).unwrap();
    is_redacted(&id_token);
    assert!(!format!("{id_token:?}").contains(&part(CANARY)));
    is_redacted(&Claims::read(format!(r#"{{"sub":"{CANARY}"}}"#).as_bytes()).unwrap());
    is_redacted(&Inbound { response: granted, connection: Connection::Fresh, from_cache: false });
}

#[test]
fn errors_do_not_repeat_what_a_server_wrote() {
    for (status, body) in [
        (400, format!(r#"{{"error":"invalid_grant","error_description":"{CANARY} is no good"}}"#)),
        (400, format!(r#"{{"error":"{CANARY}","error_description":"{CANARY}"}}"#)),
        (500, format!("<html>{CANARY}</html>")),
        (200, format!(r#"{{"access_token":["{CANARY}"]}}"#)),
    ] {
        let answer = response(status, &[], &body);
        let answer = Answer::new(&answer, false);
        says_nothing(&TokenError::read(&answer));
        says_nothing(&TokenAnswer::read(&answer).unwrap_err());
        if let Ok(Some(object)) = ErrorObject::read(&answer) {
            is_redacted(&object);
            assert!(object.description.as_ref().map(Untrusted::shown).is_none_or(|shown| hides(&shown)));
        }
    }
    let challenge = format!(r#"Bearer realm="{CANARY}", error="invalid_token", error_description="{CANARY}""#);
    let rejected = response(401, &[("www-authenticate", &challenge)], CANARY);
    is_redacted(&Challenges::read(rejected.headers()));
    is_redacted(&Challenges::read(rejected.headers()).bearer_error());
    is_redacted(&Rejection::read(&Answer::new(&rejected, false), "/api", &[]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_that_keep_secrets_are_not_printed() {
    let keys = MemorySecretStore::new();
    keys.store("vault", secret()).await.unwrap();
    is_redacted(&keys);
    let files = MemoryFiles::new();
    files.create(&FileName::new("notes").unwrap(), CANARY.into()).await.unwrap();
    is_redacted(&files);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_is_not_printed() {
    let host = VaultHost {
        files: Arc::new(MemoryFiles::new()),
        secrets: Arc::new(MemorySecretStore::new()),
        lock: Arc::new(MemoryLock::new()),
        clock: Arc::new(VirtualClock::default()),
        entropy: Arc::new(SeededEntropy::new(1)),
    };
    let (vault, till) = (Vault::new(host), AccountKey::from_name("till"));
    let generation = vault.first_save(till, &credentials(), Epoch::default()).await.unwrap();
    let guard = vault.lock_account(till).await.unwrap();
    let rotation: Rotation = vault.begin_rotation(guard, generation, Spends::RefreshToken).await.unwrap();
    assert_eq!(rotation.credentials().refresh_token, Some(secret()));
    is_redacted(&rotation);
    let issuer = "https://id.example".to_owned();
    let revocation = Revocation { what: Revocable::RefreshToken, issuer, endpoint: None, token: secret() };
    vault.queue_revocation(&revocation).await.unwrap();
    let due: Vec<PendingRevocation> = vault.due_revocations().await.value().unwrap();
    assert_eq!(due[0].revocation.token, secret());
    is_redacted(&due);
    is_redacted(&vault);
}

/// What whoever helps people sees of a vault whose tokens are the canary.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shown_to_whoever_helps_is_not_the_secret() {
    let (files, keys) = (MemoryFiles::new(), MemorySecretStore::new());
    let host = || VaultHost {
        files: Arc::new(files.clone()),
        secrets: Arc::new(keys.clone()),
        lock: Arc::new(MemoryLock::new()),
        clock: Arc::new(VirtualClock::default()),
        entropy: Arc::new(SeededEntropy::new(1)),
    };
    let vault = Vault::new(host());
    vault.first_save(AccountKey::from_name("till"), &credentials(), Epoch::default()).await.unwrap();
    let inspection: Inspection = vault.inspect().await.unwrap();
    let read: Vec<&InspectedFile> = inspection.files.iter().filter(|file| file.kind == FileKind::Current).collect();
    assert_eq!(read.len(), 1);
    is_redacted(&read);
    is_redacted(&inspection);
    let examination: Examination = examine(host()).await.unwrap();
    is_redacted(&examination);
}

/// A live session, with real tokens: what an app can print while it works and while it fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_can_be_printed_at_any_time() {
    let (till, session) = Till::signed_in().await;
    let token = session.access_token().await.unwrap();
    let hides = |shown: String| {
        let signature = token.expose().rsplit('.').next().unwrap();
        assert!(!shown.contains(signature) && !shown.contains(&signature[..20]), "{shown}");
    };
    let print_all = || {
        hides(format!("{token:?} {token:#?} {session:?} {session:#?} {:?} {:#?}", till.client, till.client));
        hides(format!("{:?} {:?} {:?}", session.state(), session.explain(), session.timeline()));
        hides(format!("{:?} {:?}", session.identity(), till.machine));
    };
    print_all();
    till.pass(A_WHILE).await;
    // A server that answers with the token it was shown.
    let echo = serde_json::json!({ "error": "invalid_grant", "error_description": token.expose() }).to_string();
    till.control().set_fault(Fault::json(400, echo).at(mainstay_mock_server::Endpoint::Refresh)).unwrap();
    till.control().change_secret(false);
    let refused = till.call(&session).await.unwrap_err();
    assert_eq!(refused, Error::SignInRequired);
    hides(format!("{refused} {refused:?} {refused:#?}"));
    print_all();
}

/// The negative control: what is derived without thinking prints everything, and the checks above see it.
#[test]
fn a_type_that_prints_its_secret_is_found() {
    #[derive(Debug)]
    #[expect(dead_code, reason = "only printed")]
    struct Careless<T> {
        token: T,
    }
    let prints = |shown: String| assert!(!hides(&shown), "{shown}");
    prints(format!("{:?}", Careless { token: CANARY }));
    prints(format!("{:#?}", Careless { token: CANARY.to_owned() }));
    prints(format!("{:?}", Careless { token: CANARY.as_bytes() }));
    prints(format!("{:#?}", Careless { token: CANARY.as_bytes() }));
    prints(format!("{:?}", Careless { token: Bytes::from_static(CANARY.as_bytes()) }));
    prints(format!("{:?}", Careless { token: CANARY.split_at(20).0 }));
    let bare = http::Request::get("https://api.example").header("authorization", CANARY).body(()).unwrap();
    prints(format!("{bare:?}"));
    // And a request for tokens, once it is out of its wrapping: hence the wrapping of what is sent.
    let endpoint = Endpoint::parse("https://id.example/token").unwrap();
    let grant = Grant::RefreshToken { token: &secret(), scopes: None };
    let request = token_request(&endpoint, &OAuthClient::public("till"), &grant, None).unwrap();
    prints(format!("{:?}", request.into_request()));
}
