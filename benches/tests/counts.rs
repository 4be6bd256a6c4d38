//! What can be counted is the same on every machine: it is asserted here, and reported by `cargo xtask bench`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use mainstay_benches::{Evening, HotPath, Opening, open_one_of, prepare_refresh, recover, rotate};
use mainstay_mock_server::Endpoint;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warm_access_token_allocates_nothing_and_waits_for_nothing() {
    let warm = HotPath::warm().await.unwrap();
    let allocations = warm.allocations(1000);
    assert_eq!((allocations.bytes_total, allocations.count_total), (0, 0), "{allocations:?}");
    assert!(warm.access_token().is_some());
    assert!(warm.floor());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovery_adds_two_requests_when_the_refresh_token_survives() {
    let recovery = recover().await.unwrap();
    assert_eq!(recovery.added(), 2, "{recovery:?}");
    assert_eq!(recovery.requests[&Endpoint::Refresh], 1);
    assert_eq!(recovery.key_sets(), 1, "without a credential, and counted apart");
    assert_eq!(recovery.calls(), 2, "the rejected call and its replay");
    assert_eq!(recovery.prompts, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_prepares_with_three_syncs_and_waits_for_nothing_else_to_be_stored() {
    let prepared = prepare_refresh().await.unwrap();
    assert_eq!(
        (prepared.syncs, prepared.writes),
        (3, 2),
        "the reserved space, the intent and the folder: {prepared:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_costs_five_syncs_before_its_token_is_handed_out() {
    let steps = rotate(3).await.unwrap();
    let syncs: Vec<_> = steps.iter().map(|step| step.operations.syncs).collect();
    assert_eq!(syncs, [0, 3, 2, 1, 2], "{steps:?}");
}

#[test]
fn the_evening_that_is_timed_has_renewals_and_recoveries() {
    let mut evening = Evening::begin();
    let mut states = std::collections::BTreeMap::new();
    for _ in 0..10_000 {
        evening.step();
        *states.entry(evening.state().name()).or_insert(0) += 1;
    }
    assert!(states["signed_in"] > 5000 && states["recovering"] > 100, "{states:?}");
    assert!(evening.generation().number() > 100, "{:?}", evening.generation());
}

#[tokio::test]
async fn opening_one_account_costs_the_same_however_many_there_are() {
    let alone = open_one_of(1, Opening::OneAlone).await.unwrap();
    assert_eq!((alone.syncs, alone.writes, alone.renames, alone.removals), (0, 0, 0, 0), "reading changes nothing");
    for accounts in [10, 1000] {
        assert_eq!(open_one_of(accounts, Opening::OneAlone).await.unwrap(), alone, "{accounts} accounts");
    }
}

/// The negative control: whoever reads all accounts to open one of them is noticed, by as many files as there are.
#[tokio::test]
async fn reading_all_accounts_to_open_one_shows_in_the_count() {
    let one = open_one_of(1, Opening::OneAlone).await.unwrap().reads;
    for accounts in [10, 1000] {
        let all = open_one_of(accounts, Opening::AmongAll).await.unwrap().reads;
        assert!(all > 2 * u64::from(accounts) && all > one, "{accounts} accounts: {all} reads");
    }
}
