//! Any file of a vault, damaged anywhere: never "nobody ever signed in", never a panic, and a person can sign in.

use super::*;

/// A till that was signed out once, is signed in again, and has one of each file.
async fn busy_till() -> (Machine, Epoch) {
    let machine = Machine::signed_in(1).await;
    let vault = machine.process();
    let epoch = vault.sign_out(till()).await.unwrap();
    vault.first_save(till(), &credentials(1), epoch).await.unwrap();
    vault.save_session(till(), epoch, b"state").await.unwrap();
    vault.store_device_key(till(), epoch, &Secret::from_text("device"), "key-1").await.unwrap();
    let guard = vault.lock_account(till()).await.unwrap();
    drop(vault.begin_rotation(guard, generation(1), Spends::RefreshToken).await.unwrap());
    (machine, epoch)
}

/// What a start makes of one damaged file, and whether somebody can sign in after that.
async fn survives(healthy: &Machine, epoch: Epoch, name: &FileName, content: Vec<u8>) -> Result<(), String> {
    let machine = healthy.reboot(Survivors::Everything);
    machine.files.put(name, content);
    let vault = machine.process();
    let outcome = vault.load_once(till()).await;
    let _whatever_it_says = (vault.load_device_key(till()).await, vault.load_session(till()).await);
    let _whatever_is_due = vault.due_revocations().await;
    match outcome {
        Outcome::Value(stored) if stored.credentials.refresh_token == Some(refresh_token(1)) => {}
        Outcome::Unreadable(reason) => drop(vault.set_aside(till(), reason).await.map_err(|it| it.to_string())?),
        outcome => return Err(format!("{outcome:?}")),
    }
    vault.first_save(till(), &credentials(1), epoch).await.map_err(|it| it.to_string())?;
    match machine.process().load_once(till()).await {
        Outcome::Value(_) => Ok(()),
        outcome => Err(format!("after a sign-in: {outcome:?}")),
    }
}

/// B6
#[tokio::test]
async fn every_file_cut_at_every_length_is_survived() {
    let (machine, epoch) = busy_till().await;
    let files = machine.files.contents();
    assert!(files.len() >= 8, "{:?}", files.keys());
    for (name, content) in files {
        // Space that is reserved means nothing, whatever is in it; trying every length of it would show nothing.
        for length in (0..content.len()).filter(|length| content.len() < 4096 || length % 1024 == 0) {
            let survived = survives(&machine, epoch, &name, content[..length].to_vec()).await;
            assert!(survived.is_ok(), "{} cut at {length}: {survived:?}", name.as_str());
        }
    }
}

/// B6
#[tokio::test]
async fn every_file_with_a_flipped_bit_anywhere_is_survived() {
    let (machine, epoch) = busy_till().await;
    for (name, content) in machine.files.contents() {
        for at in (0..content.len()).filter(|at| content.len() < 4096 || at % 1024 == 0) {
            let mut content = content.clone();
            content[at] ^= 1 << (at % 8);
            let survived = survives(&machine, epoch, &name, content).await;
            assert!(survived.is_ok(), "{} byte {at}: {survived:?}", name.as_str());
        }
    }
}

/// Negative control: a file that is gone altogether is another matter, and these tests would see it.
#[tokio::test]
async fn credentials_that_somebody_removed_are_noticed_by_these_tests() {
    let (machine, epoch) = busy_till().await;
    let name = names::Of(till()).current();
    machine.files.remove(&name).await.unwrap();
    let survived = survives(&machine, epoch, &names::Of(till()).single(names::Single::Session), Vec::new()).await;
    assert!(survived.is_err());
}
