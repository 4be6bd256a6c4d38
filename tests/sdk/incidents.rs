//! A server's mistake, as other libraries and apps met it.

use std::time::Duration;

use mainstay::{Error, HoldCause, State, host::Clock};
use mainstay_mock_server::{Endpoint, Fault, RefreshTokens, Rejection, Scope};

use crate::till::{
    A_WHILE, Setup, TOKEN_LIFE, Till, codes, generation, is_signed_in, needs_a_person, noted, prompts_raised,
};

/// Nothing that was issued so far is good any more: access tokens and refresh tokens alike.
fn void_everything(till: &Till) {
    till.control().change_secret(false);
}

fn signed_refresh_tokens() -> Setup {
    Setup::new().server(|server| {
        server.config(mainstay_mock_server::Config {
            refresh_tokens: RefreshTokens::Signed,
            ..mainstay_mock_server::Config::default()
        })
    })
}

/// A1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn void_tokens_cost_at_most_one_prompt_and_nothing_the_app_keeps() {
    let (till, session) = signed_refresh_tokens().signed_in().await;
    till.assert_sells(&session).await;
    till.pass(A_WHILE).await;
    let (before, first) = (till.keepsake().await, generation(&session));

    void_everything(&till);
    assert_eq!(till.call(&session).await.unwrap_err(), Error::SignInRequired);
    till.pass(Duration::from_secs(600)).await;

    assert!(needs_a_person(&session), "{:?}", codes(&session));
    assert_eq!(prompts_raised(&session), 1);
    assert_eq!(till.keepsake().await, before);

    let app_data = till.app_data().await;
    till.sign_in_again(&session, "ada").await.unwrap();
    till.assert_sells(&session).await;
    assert!(generation(&session) > first);
    assert_eq!(till.app_data().await, app_data);
    assert_eq!(prompts_raised(&session), 1);
}

/// A1: the incident's own words, without any standard.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_says_token_invalid_in_its_own_way_is_understood_by_a_rule() {
    for status in [200, 400, 403, 500] {
        let rule = serde_json::json!({
            "name": "token-invalid", "status": status, "path": "/api/*", "body_contains": "Token invalid",
        });
        let setup = signed_refresh_tokens().profile(move |profile| {
            profile.rejection_rules = vec![serde_json::from_value(rule).unwrap()];
        });
        let (till, session) = setup.signed_in().await;
        till.control().reconfigure(|config| config.rejection = Rejection::legacy(status)).unwrap();
        till.pass(A_WHILE).await;
        let before = till.keepsake().await;

        void_everything(&till);
        assert_eq!(till.call(&session).await.unwrap_err(), Error::SignInRequired, "{status}");
        assert_eq!(till.keepsake().await, before, "{status}");
        till.sign_in_again(&session, "ada").await.unwrap();
        till.assert_sells(&session).await;
    }
}

/// A2
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_void_token_on_disk_brings_the_prompt_within_the_time_an_app_needs_to_start() {
    for asleep in [A_WHILE, TOKEN_LIFE * 2] {
        let (mut till, _session) = signed_refresh_tokens().signed_in().await;
        till.kill().await;
        void_everything(&till);
        till.pass(asleep).await;

        let started = till.clock.monotonic();
        till.restart_unsettled().await;
        let session = till.client.session().unwrap();
        let answer = till.call(&session).await;

        assert_eq!(answer.unwrap_err(), Error::SignInRequired, "{:?}", codes(&session));
        assert!(till.clock.monotonic() - started <= Duration::from_secs(15));
        assert_eq!(till.total(Endpoint::Refresh), 1);
        till.sign_in_again(&session, "ada").await.unwrap();
        till.assert_sells(&session).await;
    }
}

/// A3
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_carries_no_old_credential() {
    let (till, session) = signed_refresh_tokens().signed_in().await;
    till.pass(A_WHILE).await;
    let access_token = session.access_token().await.unwrap().expose().to_owned();
    void_everything(&till);
    assert_eq!(till.call(&session).await.unwrap_err(), Error::SignInRequired);
    let refresh = till.wire.sent().into_iter().find(|sent| sent.carries("grant_type=refresh_token")).unwrap();
    let form: Vec<_> = url::form_urlencoded::parse(&refresh.body).into_owned().collect();
    let (_, refresh_token) = form.into_iter().find(|(name, _)| name == "refresh_token").unwrap();

    till.wire.forget();
    let browser = till.browser();
    till.control().script_sign_in("ada");
    till.wait_for(session.sign_in_again(&browser)).await.unwrap();

    let carries_old = |text: &str| text.contains(&access_token) || text.contains(&refresh_token);
    assert!(browser.visited().iter().all(|url| !carries_old(url.as_str())));
    let sign_in = till.wire.sent().into_iter().find(|sent| sent.carries("grant_type=authorization_code")).unwrap();
    assert_eq!(sign_in.authorization, None);
    assert!(!sign_in.carries(&access_token) && !sign_in.carries(&refresh_token));
}

/// A4
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_sign_in_every_consumer_uses_the_new_token_at_its_next_call() {
    let (till, session) = signed_refresh_tokens().signed_in().await;
    till.pass(A_WHILE).await;
    let (other_process, _process) = till.second_process().await;
    let elsewhere = other_process.session().unwrap();
    let old = session.access_token().await.unwrap();
    assert_eq!(till.wait_for(elsewhere.access_token()).await.unwrap().expose(), old.expose());

    void_everything(&till);
    assert_eq!(till.call(&session).await.unwrap_err(), Error::SignInRequired);
    let (worker, mut states) = (till.client.session().unwrap(), session.states());
    till.sign_in_again(&session, "ada").await.unwrap();

    let new = session.access_token().await.unwrap();
    assert!(new.generation() > old.generation());
    assert_eq!(worker.access_token().await.unwrap().expose(), new.expose());
    assert_eq!(states.next().await.unwrap().generation, Some(new.generation()));
    let asked = till.token_requests();
    till.assert_sells(&elsewhere).await;
    assert_eq!(till.wait_for(elsewhere.access_token()).await.unwrap().expose(), new.expose());
    assert_eq!(till.token_requests(), asked, "the other process only had to read");
}

/// A6
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_says_no_for_three_minutes_costs_no_sign_in() {
    let gateways = [
        Fault::reject_all(),
        Fault::reject_all().at([Endpoint::Me, Endpoint::Catalogue, Endpoint::Userinfo, Endpoint::Refresh]),
        Fault::json(401, r#"{"error":"Token invalid"}"#).at(Scope::all()),
    ];
    for gateway in gateways {
        let (till, session) = Till::signed_in().await;
        till.assert_sells(&session).await;
        till.pass(A_WHILE).await;

        till.control().set_fault(gateway.clone()).unwrap();
        let refused = till.call(&session).await.unwrap_err();
        assert!(matches!(refused, Error::TryLater { .. }), "{refused} {:?}", codes(&session));
        till.pass(Duration::from_secs(180)).await;
        assert!(!needs_a_person(&session), "{gateway:?} {:?}", codes(&session));
        till.control().clear_faults();
        till.pass(Duration::from_secs(300)).await;

        assert!(is_signed_in(&session), "{gateway:?} {:?} {:?}", session.state(), codes(&session));
        till.assert_sells(&session).await;
        assert_eq!((till.prompts(), prompts_raised(&session)), (1, 0));
    }
}

/// A6: the hotfix accepts the old key again, hours later, and nobody signs in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hotfix_that_accepts_old_tokens_again_ends_the_prompt_by_itself() {
    let (till, session) = signed_refresh_tokens().signed_in().await;
    till.pass(A_WHILE).await;
    void_everything(&till);
    assert_eq!(till.call(&session).await.unwrap_err(), Error::SignInRequired);
    till.pass(Duration::from_secs(3 * 3600)).await;
    assert!(needs_a_person(&session));

    till.control().accept_old_secret_again();
    till.pass(Duration::from_secs(3600 + 600)).await;

    assert!(is_signed_in(&session), "{:?} {:?}", session.state(), codes(&session));
    till.assert_sells(&session).await;
    assert_eq!(till.prompts(), 1);
}

/// A11
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_token_that_is_rejected_too_is_replayed_once_and_then_held() {
    let (till, session) = Till::signed_in().await;
    till.pass(A_WHILE).await;
    till.control().set_fault(Fault::reject_all().at([Endpoint::Sales, Endpoint::Me])).unwrap();

    let answer = till.wait_for(session.send(till.sale(Some("till-7-1")))).await;

    assert!(matches!(answer, Err(Error::TryLater { cause: Some(HoldCause::FreshTokensRejected), .. })), "{answer:?}");
    assert_eq!(till.total(Endpoint::Sales), 2);
    assert!(matches!(session.state().state, State::Holding { cause: HoldCause::FreshTokensRejected, .. }));
    assert_eq!((noted(&session, "rung.refresh"), prompts_raised(&session)), (1, 0));
}
