//! Histories that broke a promise once, each as short as it could be made, and what was wrong.

use mainstay::test_support::Survivors;

use crate::{
    history::{
        Action, Asks, Browser, Deployment, Device, Head, History, KeyStore, Metadata, Person, Place, Recipe, Upheaval,
        What,
    },
    machine::Between,
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
    let history = History { deployment: DEPLOYMENT, actions };
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
