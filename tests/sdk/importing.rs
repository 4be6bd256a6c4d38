//! An app comes from another library, and brings its tokens along.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use mainstay::{
    Error, Secret,
    driver::{Browser, ImportedTokens},
    host::{ConnectionWish, Lane, Outbound},
    test_support::{FaultyFiles, Survivors},
};
use mainstay_mock_server::{Endpoint, Rotation};
use sha2::{Digest, Sha256};
use url::Url;

use crate::till::{Setup, TOKEN_LIFE, Till, generation, needs_a_person};

const VERIFIER: &str = "a-verifier-of-another-library-that-is-long-enough";

/// What another library holds after ada signed in with it.
async fn another_librarys_tokens(till: &Till) -> ImportedTokens {
    till.control().script_sign_in("ada");
    let mut url = till.server.url().join("/authorize").unwrap();
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", "till-app")
        .append_pair("redirect_uri", "http://127.0.0.1/callback")
        .append_pair("scope", "openid offline_access pos")
        .append_pair("state", "a-state-of-another-library")
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256");
    let callback = till.browser().visit(url).await.unwrap();
    let code = callback.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("client_id", "till-app")
        .append_pair("redirect_uri", "http://127.0.0.1/callback")
        .append_pair("code", &code)
        .append_pair("code_verifier", VERIFIER)
        .finish();
    let answer = post(&till.server.url().join("/token").unwrap(), form).await;
    let text = |name: &str| Some(Secret::from_text(answer[name].as_str().unwrap()));
    ImportedTokens {
        access_token: text("access_token"),
        expires_in: answer["expires_in"].as_u64(),
        refresh_token: text("refresh_token"),
    }
}

async fn post(url: &Url, form: String) -> serde_json::Value {
    let request = http::Request::post(url.as_str()).header("content-type", "application/x-www-form-urlencoded");
    let request = request.body(Bytes::from(form)).unwrap();
    let outbound = Outbound { request, connection: ConnectionWish::Any, lane: Lane::App, body_limit: 100_000 };
    let answer = crate::till::network().send(outbound).await.unwrap().response;
    assert_eq!(answer.status(), 200, "{:?}", answer.body());
    serde_json::from_slice(answer.body()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imported_tokens_are_verified_and_become_a_session() {
    let till = Till::new().await;
    let tokens = another_librarys_tokens(&till).await;
    let session = till.wait_for(till.client.import_session(tokens.clone())).await.unwrap();
    assert_eq!(session.identity().unwrap().subject.as_deref(), Some("ada"));
    assert_eq!(session.access_token().await.unwrap().expose(), tokens.access_token.unwrap().expose_text());
    assert_eq!(till.total(Endpoint::Refresh), 0, "a token that lives is not spent");
    till.assert_sells(&session).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_imports_at_once_make_one_session() {
    let till = Till::new().await;
    let tokens = another_librarys_tokens(&till).await;
    let import = || till.client.import_session(tokens.clone());
    let (one, other) = till.wait_for(futures_util::future::join(import(), import())).await;
    assert_eq!(one.unwrap().state().generation, other.unwrap().state().generation);
    assert_eq!(till.client.sessions().len(), 1);
    till.assert_sells(&till.client.session().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_access_token_is_no_obstacle() {
    let till = Till::new().await;
    let tokens = another_librarys_tokens(&till).await;
    till.pass(TOKEN_LIFE * 2).await;
    let session = till.wait_for(till.client.import_session(tokens)).await.unwrap();
    till.assert_sells(&session).await;
    assert_eq!(till.total(Endpoint::Refresh), 1);
    assert_eq!(session.identity().unwrap().subject.as_deref(), Some("ada"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn either_token_alone_is_enough_and_none_is_a_mistake() {
    for keep_access in [true, false] {
        let till = Till::new().await;
        let mut tokens = another_librarys_tokens(&till).await;
        if keep_access {
            tokens.refresh_token = None;
        } else {
            tokens.access_token = None;
        }
        let session = till.wait_for(till.client.import_session(tokens)).await.unwrap();
        till.assert_sells(&session).await;
    }
    let till = Till::new().await;
    let none = ImportedTokens { access_token: None, expires_in: None, refresh_token: Some(Secret::default()) };
    let refused = till.wait_for(till.client.import_session(none)).await.unwrap_err();
    assert!(matches!(refused, Error::Misconfigured(_)), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn void_tokens_ask_for_a_person_and_a_lost_network_for_patience() {
    let till = Till::new().await;
    let tokens = another_librarys_tokens(&till).await;
    till.wire.unplug();
    let later = till.wait_for(till.client.import_session(tokens.clone())).await.unwrap_err();
    assert!(matches!(later, Error::TryLater { .. }), "{later}");
    assert!(till.client.session().is_none(), "nothing was adopted that nobody could verify");
    till.wire.repair();
    till.control().change_secret(false);
    till.control().wipe_sessions();
    let refused = till.wait_for(till.client.import_session(tokens)).await.unwrap_err();
    assert_eq!(refused, Error::SignInRequired);
    assert!(till.client.session().is_none_or(|session| needs_a_person(&session)));
}

/// Whatever the moment: the other library's tokens are unspent, or there is a session here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_may_be_killed_between_any_two_steps() {
    for expired in [false, true] {
        for survivors in [Survivors::Durable, Survivors::Everything] {
            let mut changes = 0;
            while import_cut_after(changes, expired, survivors).await {
                changes += 1;
                assert!(changes < 60, "the disk never had enough changes");
            }
            assert!(changes > 4, "an import changes the disk: {changes}");
        }
    }
}

/// Whether the cut hit the import.
async fn import_cut_after(changes: usize, expired: bool, survivors: Survivors) -> bool {
    let disk = FaultyFiles::new();
    let server = |server: mainstay_mock_server::MockServerBuilder| server.profile(Rotation::UntilUsed);
    let mut till = Setup::new().server(server).disk(disk.clone()).till().await;
    let tokens = another_librarys_tokens(&till).await;
    if expired {
        till.pass(TOKEN_LIFE * 2).await;
    }
    let before = disk.log().len();
    disk.cut_after(changes);
    let _dies = till.wait_for(till.client.import_session(tokens.clone())).await;
    till.kill().await;
    let hit = disk.log().len() >= before + changes;

    till.machine.files = std::sync::Arc::new(disk.reopen(survivors));
    till.restart().await;
    let session = till.wait_for(till.client.import_session(tokens)).await;
    let session = session.unwrap_or_else(|error| panic!("{changes} {expired} {survivors:?}: {error}"));
    till.assert_sells(&session).await;
    assert_eq!(till.client.sessions().len(), 1, "{changes} {expired} {survivors:?}");
    assert_eq!(till.control().observations().reuse_detections, 0);
    assert_eq!(till.prompts(), 1, "the other library's own");
    hit
}

/// The app starts again, and its old library's tokens are still there. They have been rotated away since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_were_rotated_since_give_the_same_session() {
    for (access, refresh) in [(true, true), (false, true), (true, false)] {
        let mut till = Till::new().await;
        let tokens = another_librarys_tokens(&till).await;
        let session = till.wait_for(till.client.import_session(tokens.clone())).await.unwrap();
        till.pass(TOKEN_LIFE * 3).await;
        till.assert_sells(&session).await;
        let (renewals, current) = (till.total(Endpoint::Refresh), generation(&session));
        assert!(renewals >= 3);

        let again = ImportedTokens {
            access_token: tokens.access_token.clone().filter(|_| access),
            refresh_token: tokens.refresh_token.clone().filter(|_| refresh),
            expires_in: None,
        };
        for restarts in [false, true] {
            if restarts {
                till.restart().await;
            }
            let same = till.wait_for(till.client.import_session(again.clone())).await.unwrap();
            assert_eq!((generation(&same), till.client.sessions().len()), (current, 1), "{access} {refresh}");
            till.assert_sells(&same).await;
        }
        assert_eq!(till.total(Endpoint::Refresh), renewals);
        assert_eq!(till.control().observations().reuse_detections, 0);
    }
}

/// Ada has signed in here already: her old tokens add nothing, now or when they have expired.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_somebody_who_is_signed_in_make_no_second_session() {
    let mut till = Till::new().await;
    let tokens = another_librarys_tokens(&till).await;
    let session = till.sign_in("ada").await;
    let before = till.credential_files().await;
    till.wait_for(till.client.import_session(tokens.clone())).await.unwrap();
    assert_eq!(till.credential_files().await, before);
    till.pass(TOKEN_LIFE * 2).await;
    till.assert_sells(&session).await;
    till.restart().await;
    let renewals = till.total(Endpoint::Refresh);
    let same = till.wait_for(till.client.import_session(tokens)).await.unwrap();
    assert_eq!((till.client.sessions().len(), till.total(Endpoint::Refresh)), (1, renewals));
    till.assert_sells(&same).await;
}

/// Whatever the moment, also long after the import itself: the same tokens give the same session, and none that has been
/// replaced is presented.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_tokens_give_the_same_session_whenever_the_process_was_killed() {
    for (survivors, at_once) in
        [(Survivors::Durable, true), (Survivors::Everything, true), (Survivors::Everything, false)]
    {
        let mut changes = 0;
        while import_and_renewals_cut_after(changes, survivors, at_once).await {
            changes += 1;
            assert!(changes < 200, "the disk never had enough changes");
        }
        assert!(changes > 20, "an import and two renewals change the disk: {changes}");
    }
}

/// Whether the cut hit the import or one of the two renewals after it. The tokens are imported again at once, or in the
/// next run but one.
async fn import_and_renewals_cut_after(changes: usize, survivors: Survivors, at_once: bool) -> bool {
    let disk = FaultyFiles::new();
    let server = |server: mainstay_mock_server::MockServerBuilder| server.profile(Rotation::UntilUsed);
    let mut till = Setup::new().server(server).disk(disk.clone()).till().await;
    let tokens = another_librarys_tokens(&till).await;
    let before = disk.log().len();
    disk.cut_after(changes);
    let imported = till.wait_for(till.client.import_session(tokens.clone())).await;
    if let Ok(session) = imported {
        for _ in 0..2 {
            till.pass(TOKEN_LIFE).await;
            let _may_be_too_late = till.call(&session).await;
        }
    }
    till.kill().await;
    let hit = disk.log().len() >= before + changes;

    till.pass(TOKEN_LIFE * 2).await;
    till.machine.files = std::sync::Arc::new(disk.reopen(survivors));
    if !at_once {
        till.restart().await;
        till.pass(TOKEN_LIFE * 2).await;
    }
    till.restart_unsettled().await;
    let session = till.wait_for(till.client.import_session(tokens)).await;
    let session = session.unwrap_or_else(|error| panic!("{changes} {survivors:?}: {error}"));
    till.assert_sells(&session).await;
    assert_eq!(till.client.sessions().len(), 1, "{changes} {survivors:?}");
    assert_eq!(till.control().observations().reuse_detections, 0, "{changes} {survivors:?}");
    assert_eq!(till.prompts(), 1, "the other library's own");
    hit
}
