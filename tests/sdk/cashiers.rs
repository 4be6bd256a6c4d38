//! A shared till: several cashiers, one after the other and side by side, in one vault.

use std::time::Duration;

use mainstay::{Error, Session, State};

use crate::till::{TOKEN_LIFE, Till, is_signed_in};

const HOUR: Duration = Duration::from_secs(3600);

fn person(session: &Session) -> Option<String> {
    session.identity().and_then(|identity| identity.subject)
}

fn is_out(session: &Session) -> bool {
    matches!(session.state().state, State::SignedOut { .. })
}

/// H1: a whole day of shifts at one till.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cashiers_who_take_turns_leave_nothing_to_the_next() {
    let mut till = Till::new().await;
    let mut tokens = Vec::new();
    for cashier in ["ada", "grace", "ada", "edith"] {
        let session = till.sign_in(cashier).await;
        assert_eq!(person(&session).as_deref(), Some(cashier));
        let token = session.access_token().await.unwrap().expose().to_owned();
        assert!(!tokens.contains(&token), "{cashier} got somebody else's token");
        tokens.push(token);
        till.pass(TOKEN_LIFE).await;
        till.assert_sells(&session).await;
        assert_eq!(till.credential_files().await.len(), 1, "only who is here has credentials here");

        till.wait_for(session.sign_out()).await.unwrap();
        assert_eq!(person(&session), None);
        assert!(till.credential_files().await.is_empty());
        let session = till.restart().await.unwrap();
        assert!(is_out(&session), "{:?}", session.state());
        assert_eq!(person(&session), None, "a restart brings nobody back");
    }
    till.pass(HOUR).await;
    assert_eq!(till.control().observations().sessions, 0, "every one of them was revoked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cashiers_who_are_signed_in_together_are_listed_and_each_leaves_alone() {
    let mut till = Till::new().await;
    for cashier in ["ada", "grace", "edith"] {
        till.sign_in(cashier).await;
    }
    let people = |till: &Till| {
        let mut people: Vec<_> = till.client.sessions().iter().filter_map(person).collect();
        people.sort();
        people
    };
    assert_eq!(people(&till), ["ada", "edith", "grace"]);
    till.sign_in("grace").await;
    assert_eq!(people(&till), ["ada", "edith", "grace"], "somebody who signs in again is not listed twice");

    till.restart().await;
    assert_eq!(people(&till), ["ada", "edith", "grace"]);
    let of = |till: &Till, who: &str| {
        till.client.sessions().into_iter().find(|session| person(session).as_deref() == Some(who)).unwrap()
    };
    for cashier in ["ada", "edith", "grace"] {
        till.assert_sells(&of(&till, cashier)).await;
    }
    let ada = of(&till, "ada");
    till.wait_for(till.client.remove_account(ada.account_id())).await.unwrap();
    assert_eq!(person(&ada), None);
    assert_eq!(people(&till), ["edith", "grace"]);
    till.pass(TOKEN_LIFE).await;
    for cashier in ["edith", "grace"] {
        till.assert_sells(&of(&till, cashier)).await;
    }
    let current = till.restart().await.unwrap();
    assert!(is_signed_in(&current), "the current session is one that is signed in");
    assert_eq!(people(&till), ["edith", "grace"]);
    assert_eq!(till.control().observations().reuse_detections, 0);
}

/// H5, with somebody else at the same till.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_cashier_s_sign_out_without_network_is_local_at_once_and_leaves_the_others_alone() {
    let mut till = Till::new().await;
    let (ada, grace) = (till.sign_in("ada").await, till.sign_in("grace").await);
    till.wire.unplug();
    till.wait_for(ada.sign_out()).await.unwrap();
    assert_eq!(till.wait_for(ada.access_token()).await.unwrap_err(), Error::SignInRequired);
    assert!(is_signed_in(&grace));
    assert_eq!(till.control().observations().sessions, 2, "the server does not know yet");

    let current = till.restart().await.unwrap();
    assert_eq!(person(&current).as_deref(), Some("grace"));
    till.wire.repair();
    till.restart().await;
    till.pass(HOUR).await;
    assert_eq!(till.control().observations().sessions, 1);
    let current = till.client.session().unwrap();
    till.assert_sells(&current).await;
    assert_eq!(person(&current).as_deref(), Some("grace"));
}
