//! The revocation queue.

use std::time::Duration;

use super::*;

fn revocation(number: u64) -> Revocation {
    Revocation {
        what: Revocable::RefreshToken,
        issuer: "https://login.example".to_owned(),
        endpoint: Some("https://login.example/revoke".to_owned()),
        token: refresh_token(number),
    }
}

#[tokio::test]
async fn a_queued_revocation_survives_a_power_cut_and_is_gone_when_finished() {
    let machine = Machine::new();
    machine.process().queue_revocation(&revocation(1)).await.unwrap();
    let vault = machine.reboot(Survivors::Durable).process();
    let queue = vault.due_revocations().await.value().unwrap();
    assert_eq!(queue[0].revocation.token, refresh_token(1));
    assert_eq!(queue[0].revocation.endpoint.as_deref(), Some("https://login.example/revoke"));
    vault.finish_revocation(&queue[0].id).await.unwrap();
    assert!(vault.due_revocations().await.value().unwrap().is_empty());
}

#[tokio::test]
async fn the_queue_holds_at_most_a_hundred_and_drops_the_oldest() {
    let machine = Machine::new();
    let vault = machine.process();
    for number in 1..=103 {
        machine.clock.advance(Duration::from_millis(5));
        vault.queue_revocation(&revocation(number)).await.unwrap();
    }
    let queue = vault.due_revocations().await.value().unwrap();
    assert_eq!(queue.len(), 100);
    assert_eq!(queue[0].revocation.token, refresh_token(4));
}

#[tokio::test]
async fn after_seven_days_a_token_is_forgotten_even_while_the_vault_is_locked() {
    let machine = Machine::signed_in(1).await;
    machine.process().queue_revocation(&revocation(9)).await.unwrap();
    machine.keyring.fail_with(crate::host::SecretStoreError::Locked);
    machine.process().sign_out(till()).await.unwrap();
    machine.clock.advance(Duration::from_secs(7 * 24 * 3600 + 1));
    let _locked = machine.process().due_revocations().await;
    let left = machine.files.contents();
    assert!(left.keys().all(|name| !name.as_str().starts_with("revoke") && !name.as_str().starts_with("parked")));
}

#[tokio::test]
async fn an_unreadable_entry_does_not_block_the_others() {
    let machine = Machine::new();
    let vault = machine.process();
    vault.queue_revocation(&revocation(1)).await.unwrap();
    machine.files.put(&names::revocation(1, 1), b"torn".to_vec());
    machine.clock.set_wall(Duration::from_millis(2));
    assert_eq!(vault.due_revocations().await.value().unwrap().len(), 1);
}
