//! What real servers answer to a refresh, and what is made of it.

use std::{collections::BTreeSet, time::Duration};

use mainstay_mock_server::{Config, Endpoint, ExpiresIn, RefreshAnswer, Rotation};
use serde_json::{Value, json};

use crate::till::{EVENING_MS, Setup, TOKEN_LIFE, Till, generation, is_signed_in};

/// C14
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_a_new_refresh_token_keeps_the_old_one_in_memory_and_on_disk() {
    for answer in [RefreshAnswer::Missing, RefreshAnswer::Same, RefreshAnswer::Empty] {
        let (mut till, session) = Setup::new().server(|server| server.profile(Rotation::Strict)).signed_in().await;
        till.control().reconfigure(|config| config.refresh_answer = answer).unwrap();
        let first = generation(&session);

        till.pass(TOKEN_LIFE).await;
        assert!(generation(&session) > first, "{answer:?}");
        let session = till.restart().await.unwrap();
        till.pass(TOKEN_LIFE).await;
        till.assert_sells(&session).await;

        let presented = till.control().observations().refreshes_by_generation;
        assert_eq!(presented.len(), 1, "{answer:?}: always the same one");
        assert!(presented.values().all(|times| *times >= 2), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotated_refresh_token_is_presented_once() {
    let (till, _session) = Till::signed_in().await;
    till.pass(TOKEN_LIFE * 20).await;
    let seen = till.control().observations();
    assert!(seen.refreshes_by_generation.len() >= 20);
    assert!(seen.refreshes_by_generation.values().all(|times| *times == 1));
    assert_eq!(seen.reuse_detections, 0);
}

/// F4
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_lifetime_that_a_server_states_makes_a_loop() {
    let epoch = EVENING_MS / 1000 + 900;
    let shapes: [(&str, ExpiresIn); 12] = [
        ("zero", ExpiresIn::Raw(json!(0))),
        ("one", ExpiresIn::Raw(json!(1))),
        ("fifteen", ExpiresIn::Raw(json!(15))),
        ("missing", ExpiresIn::Missing),
        ("a text", ExpiresIn::Raw(json!("900"))),
        ("two to the power of 31", ExpiresIn::Raw(json!(1_u64 << 31))),
        ("an epoch", ExpiresIn::Raw(json!(epoch))),
        ("an epoch in milliseconds", ExpiresIn::Raw(json!(epoch * 1000))),
        ("negative", ExpiresIn::Raw(json!(-5))),
        ("a fraction", ExpiresIn::Raw(json!(899.5))),
        ("null", ExpiresIn::Raw(Value::Null)),
        ("a word", ExpiresIn::Raw(json!("soon"))),
    ];
    for (name, shape) in shapes {
        // The tokens themselves live for days, so that only the statement matters.
        let setup = Setup::new().server(|server| {
            let config = Config { expires_in: shape, access_token_lifetime: 900_000, ..Config::default() };
            server.config(config)
        });
        let (till, session) = setup.signed_in().await;
        let start = till.total(Endpoint::Refresh);
        till.pass(Duration::from_secs(3600)).await;

        // The floor is 30 s, and renewal comes after 70 % of it at the earliest.
        let in_an_hour = till.total(Endpoint::Refresh) - start;
        assert!(in_an_hour <= 3600 / 21, "{name}: {in_an_hour}");
        let distinct: BTreeSet<_> = till.times_of(Endpoint::Refresh).into_iter().collect();
        assert_eq!(distinct.len(), till.times_of(Endpoint::Refresh).len(), "{name}: never two in one second");
        till.assert_sells(&session).await;
        assert!(is_signed_in(&session), "{name}");
        assert_eq!(till.prompts(), 1, "{name}");
    }
}

/// F4: whoever says "for ever" is asked once a day all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_lifetime_that_a_server_states_is_believed_for_more_than_a_day() {
    for shape in [json!(1_u64 << 31), json!(EVENING_MS / 1000 + 900_000), json!(864_000), json!(f64::MAX)] {
        let setup = Setup::new().server(|server| {
            let expires_in = ExpiresIn::Raw(shape.clone());
            server.config(Config { expires_in, access_token_lifetime: 900_000, ..Config::default() })
        });
        let (till, session) = setup.signed_in().await;
        till.pass(Duration::from_secs(10 * 86_400)).await;
        let asked = till.total(Endpoint::Refresh);
        assert!((10..=15).contains(&asked) || shape == json!(f64::MAX), "{shape}: {asked}");
        till.assert_sells(&session).await;
    }
}
