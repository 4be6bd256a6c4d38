//! Histories that broke a promise once, each as short as it could be made, and what was wrong.

use mainstay::test_support::Survivors;

use crate::{
    history::{
        Action, Asks, Browser, Call, Date, Deployment, Device, Head, History, IdToken, KeyStore, Metadata, Owner,
        Person, Place, Recipe, Tokens, Upheaval, What,
    },
    machine::Between,
    server::GOOD,
    world::World,
};

const DEPLOYMENT: Deployment = Deployment {
    asks: Asks::WhoAmI,
    inherits: false,
    echoes: false,
    fresh_connections: true,
    provider: false,
    life: 900,
};

#[track_caller]
fn holds(actions: Vec<Action>) {
    holds_in(DEPLOYMENT, actions);
}

#[track_caller]
fn holds_in(deployment: Deployment, actions: Vec<Action>) {
    let history = History { deployment, actions };
    let (_, played, story) = World::play_and_tell(&history, Between::NOTHING, true);
    assert!(played.is_ok(), "{played:?}\n{}", story.join("\n"));
}

/// P10. Thirty days in `SignInRequired` are over and the credentials destroyed, as announced. The device starts again with a
/// locked key store, which keeps the session's record closed: that looked like "nobody ever signed in here".
#[test]
fn a_locked_record_of_a_session_without_credentials_is_not_nobody() {
    holds(vec![
        Action::Server(Upheaval::GrantsLost),
        Action::Wait(1000),
        Action::Device(Device::Killed { gap: 40 * 24 * 3600 }),
        Action::Wait(60),
        Action::Device(Device::KeyStore(KeyStore::Locked)),
        Action::Device(Device::Killed { gap: 5 }),
        Action::Wait(60),
    ]);
}

/// P12, P13. A discovery document named a token endpoint where nothing is. It was believed until the next start: the
/// session held on, and not even a person's sign-in got through.
#[test]
fn a_wrong_address_for_tokens_is_asked_for_again() {
    let recipe = Recipe { what: What::Metadata(Metadata::TokensElsewhere), head: Head::PLAIN, delay: 0 };
    holds(vec![
        Action::Answer { at: Place::Discovery, times: Some(1), recipe },
        Action::Device(Device::Killed { gap: 1 }),
        Action::Wait(3600),
        Action::Person { who: 0, act: Person::SignsIn { fair: true, browser: Browser::Right } },
        Action::Wait(60),
    ]);
}

/// P7. A refusal without a reason that names a time to wait was counted as a refusal, and the time not kept.
#[test]
fn a_refusal_that_asks_to_wait_is_waited_for() {
    let head = Head { retry_after: Some("3600"), ..Head::PLAIN };
    let recipe = Recipe { what: What::Refusal { status: 403, code: "invalid_request" }, head, delay: 0 };
    holds(vec![Action::Answer { at: Place::Refresh, times: None, recipe }, Action::Wait(1000), Action::Wait(3000)]);
}

/// What power failures leave, in the same history as a vault that cannot be opened for a while.
#[test]
fn a_power_failure_in_the_middle_of_a_lost_session_store_loses_nobody() {
    holds(vec![
        Action::Server(Upheaval::GrantsLost),
        Action::Device(Device::Power {
            changes: 21,
            torn: true,
            within: 1873,
            survivors: Survivors::Contents,
            gap: 60,
        }),
        Action::Device(Device::KeyStore(KeyStore::Slow)),
        Action::Device(Device::Killed { gap: 38 }),
    ]);
}

/// P5. By the server's own, odd `Date` an ID token had expired, so it was taken for none, and the profile lets a refresh keep
/// its identity: the token of somebody else whom it named was handed out.
#[test]
fn an_expired_id_token_that_names_somebody_else_is_an_accusation() {
    let tokens = Tokens { owner: Owner::Asker, id_token: IdToken::OtherSubject, ..GOOD };
    let head = Head { date: Date::Off(900_000_000), ..Head::PLAIN };
    let recipe = Recipe { what: What::Tokens(tokens), head, delay: 0 };
    let deployment = Deployment { asks: Asks::Protected, inherits: true, life: 3600, ..DEPLOYMENT };
    let call = Action::App { who: 0, call: Call::Token, gives_up: false };
    holds_in(deployment, vec![Action::Answer { at: Place::Refresh, times: None, recipe }, Action::Wait(3698), call]);
}

/// P10. Thirty days in `SignInRequired` are over for one of two people. At the next start only the other was there.
#[test]
fn whoever_has_to_sign_in_after_thirty_days_is_not_nobody_beside_somebody_else() {
    holds(vec![
        Action::Server(Upheaval::GrantsLost),
        Action::Person { who: 1, act: Person::SignsIn { fair: true, browser: Browser::Right } },
        Action::Wait(5837),
        Action::Device(Device::Killed { gap: 40 * 24 * 3600 }),
        Action::Device(Device::Killed { gap: 20 }),
        Action::Wait(60),
    ]);
}

/// P9. Two processes ask the same person in one episode. The one that showed its prompt takes up tokens that the other one's
/// re-test brought; they are void as well, and the other one asked again.
#[test]
fn a_prompt_that_is_withdrawn_for_void_tokens_moves_to_no_other_process() {
    let recipe = Recipe { what: What::Refusal { status: 403, code: "invalid_grant" }, head: Head::PLAIN, delay: 0 };
    let deployment = Deployment { asks: Asks::Userinfo, life: 3600, ..DEPLOYMENT };
    holds_in(
        deployment,
        vec![
            Action::Server(Upheaval::GrantsLost),
            Action::Device(Device::SecondProcess(true)),
            Action::Person { who: 0, act: Person::TriesNow },
            Action::Server(Upheaval::Restored),
            Action::Server(Upheaval::NewTokensVoid),
            Action::Answer { at: Place::Refresh, times: Some(2), recipe },
            Action::Wait(6961),
        ],
    );
}
