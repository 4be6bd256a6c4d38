//! `docs/vault-format.md` says what is true.

use super::{
    record::{self, Header, Kind, Sealed},
    *,
};

const DOCUMENT: &str = include_str!("../../../docs/vault-format.md");

/// The record of the document's test vector.
fn vector() -> Vec<u8> {
    let keys = Keys::derive(*b"installation-id.", &keys::Key::new([0x42; 32]));
    let header = Header { kind: Kind::Session, account: till(), generation: 0, epoch: Epoch::new(1) };
    record::seal(&keys, &header, *b"a nonce of 24 bytes.....", b"hello").unwrap()
}

/// The bytes of the document's first block of hexadecimal lines.
fn documented() -> Vec<u8> {
    let block = DOCUMENT.split("```hex\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let digits: String = block.split_whitespace().collect();
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn the_test_vector_is_what_is_written() {
    let lines: Vec<String> =
        vector().chunks(16).map(|line| line.iter().map(|b| format!("{b:02x}")).collect()).collect();
    assert_eq!(documented(), vector(), "the vector is now\n{}", lines.join("\n"));
}

#[test]
fn the_test_vector_opens() {
    let keys = Keys::derive(*b"installation-id.", &keys::Key::new([0x42; 32]));
    let file = documented();
    assert_eq!(*Sealed::parse(&file).unwrap().open(&keys, Kind::Session, till()).unwrap(), b"hello");
}

/// Every file that a busy till leaves is of a form that the document names.
#[tokio::test]
async fn every_file_of_a_busy_till_is_in_the_document() {
    let machine = Machine::signed_in(1).await;
    let vault = machine.process();
    rotate(&vault).await.unwrap();
    let guard = vault.lock_account(till()).await.unwrap();
    drop(vault.begin_rotation(guard, generation(2), Spends::RefreshToken).await.unwrap());
    vault.save_session(till(), Epoch::default(), b"state").await.unwrap();
    vault.store_device_key(till(), Epoch::default(), &Secret::from_text("key")).await.unwrap();
    let mut seen = machine.files.contents();
    vault.set_aside(till(), UnreadableReason::Damaged).await.unwrap();
    seen.extend(machine.files.contents());
    vault.first_save(till(), &credentials(3), Epoch::default()).await.unwrap();
    vault.sign_out(till()).await.unwrap();
    seen.extend(machine.files.contents());

    let forms = [
        "vault.install",
        "vault.canary",
        ".current",
        ".kept-",
        ".intent",
        ".session",
        ".device",
        ".epoch",
        ".new-",
        "revoke-",
        "aside-",
    ];
    for form in forms {
        assert!(DOCUMENT.contains(form), "{form} is not in the document");
    }
    for name in seen.keys() {
        assert!(forms.iter().any(|form| name.as_str().contains(form)), "{} is new", name.as_str());
    }
}
