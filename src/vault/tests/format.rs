//! `docs/vault-format.md` says what is true.

use super::{
    record::{self, Header, Kind, Sealed},
    *,
};

const DOCUMENT: &str = include_str!("../../../docs/vault-format.md");

/// The record of the document's test vector.
fn vector() -> Vec<u8> {
    let keys = Keys::derive(*b"installation-id.", 0, &keys::Key::new([0x42; 32]));
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
    let keys = Keys::derive(*b"installation-id.", 0, &keys::Key::new([0x42; 32]));
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
    vault.store_device_key(till(), Epoch::default(), &Secret::from_text("key"), "key-1").await.unwrap();
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

/// What the first release seals. These texts never change: a till that was updated reads what it wrote before.
const FROZEN_CREDENTIALS: &str = r#"{"generation":3,"issuer":"https://login.example","subject":"ada","tenant":[["shop","7"]],"access_tokens":[{"token":"Y2FuYXJ5LTdmM2EtYWNjZXNzLTM","token_type":"Bearer","audience":null,"scopes":["sell"],"received_at":1000,"expires_at":901000}],"refresh_token":"Y2FuYXJ5LTdmM2EtcmVmcmVzaC0z","kept":[2]}"#;
const FROZEN_INTENT: &str = r#"{"generation":3,"fingerprint":81985529216486895}"#;
const FROZEN_REVOCATION: &str = r#"{"what":"refresh_token","issuer":"https://login.example","endpoint":null,"token":"Y2FuYXJ5LTdmM2EtcmVmcmVzaC0z"}"#;

fn written(payload: &impl serde::Serialize) -> String {
    String::from_utf8(payload::encode(payload).unwrap().to_vec()).unwrap()
}

#[test]
fn contents_of_the_first_release_are_read_and_written_as_they_were() {
    let read: payload::GenerationV1 = payload::decode(FROZEN_CREDENTIALS.as_bytes()).unwrap();
    assert_eq!(read.kept, [generation(2)]);
    assert_eq!(written(&read), FROZEN_CREDENTIALS);
    let (found, expected) = (read.into_credentials(), credentials(3));
    assert_eq!((found.generation, &found.identity), (expected.generation, &expected.identity));
    assert_eq!(found.refresh_token, expected.refresh_token);
    assert_eq!(found.access_tokens[0].token, expected.access_tokens[0].token);
    assert_eq!(found.access_tokens[0].expires_at, expected.access_tokens[0].expires_at);
    assert_eq!(
        written(&payload::GenerationV1::new(&found, generation(3), vec![generation(2)], payload::Repeated::default())),
        FROZEN_CREDENTIALS
    );

    let intent: payload::IntentV1 = payload::decode(FROZEN_INTENT.as_bytes()).unwrap();
    assert_eq!((intent.generation, intent.fingerprint), (generation(3), 0x0123_4567_89ab_cdef));
    assert_eq!(written(&intent), FROZEN_INTENT);

    let revocation: payload::RevocationV1 = payload::decode(FROZEN_REVOCATION.as_bytes()).unwrap();
    assert_eq!(written(&revocation), FROZEN_REVOCATION);
}

#[test]
fn a_field_that_a_newer_release_added_is_passed_over_and_one_that_is_missing_is_not_made_up() {
    let newer = FROZEN_CREDENTIALS.replacen('{', r#"{"of_tomorrow":{"a":[1]},"#, 1);
    assert_eq!(written(&payload::decode::<payload::GenerationV1>(newer.as_bytes()).unwrap()), FROZEN_CREDENTIALS);
    for field in ["generation", "issuer", "access_tokens"] {
        let without = FROZEN_CREDENTIALS.replace(&format!("\"{field}\":"), "\"something\":");
        assert!(payload::decode::<payload::GenerationV1>(without.as_bytes()).is_err(), "{field}");
    }
}
