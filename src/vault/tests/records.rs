//! One record against a hostile world.

use super::{
    outcome::Closed,
    record::{self, Header, Kind, Sealed},
    *,
};

fn keys(byte: u8) -> Keys {
    Keys::derive([3; 16], 0, &keys::Key::new([byte; 32]))
}

fn sample() -> Vec<u8> {
    let header = Header { kind: Kind::Session, account: till(), generation: 4, epoch: Epoch::new(2) };
    record::seal(&keys(1), &header, [5; 24], b"forty-two").unwrap()
}

fn open(file: &[u8], keys: &Keys) -> Result<Vec<u8>, Closed> {
    Ok(Sealed::parse(file)?.open(keys, Kind::Session, till())?.to_vec())
}

#[test]
fn a_record_opens_to_what_was_sealed() {
    assert_eq!(open(&sample(), &keys(1)).unwrap(), b"forty-two");
    let file = sample();
    let sealed = Sealed::parse(&file).unwrap();
    assert_eq!((sealed.generation, sealed.epoch), (4, Epoch::new(2)));
}

#[test]
fn every_shorter_record_is_damaged() {
    let file = sample();
    for length in 0..file.len() {
        assert_eq!(open(&file[..length], &keys(1)), Err(Closed::Unreadable(UnreadableReason::Damaged)), "{length}");
    }
}

#[test]
fn every_flipped_bit_is_damage() {
    let file = sample();
    for bit in 0..file.len() * 8 {
        let mut file = file.clone();
        file[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(open(&file, &keys(1)), Err(Closed::Unreadable(UnreadableReason::Damaged)), "bit {bit}");
    }
}

#[test]
fn a_flipped_bit_with_a_mended_checksum_is_still_refused() {
    use sha2::{Digest, Sha256};
    let file = sample();
    for at in 10..file.len() - 8 {
        let mut file = file[..file.len() - 8].to_vec();
        file[at] ^= 1;
        let checksum = Sha256::digest(&file);
        file.extend_from_slice(&checksum[..8]);
        assert!(matches!(open(&file, &keys(1)), Err(Closed::Unreadable(_))), "byte {at}");
    }
}

#[test]
fn another_key_is_the_wrong_key() {
    assert_eq!(open(&sample(), &keys(2)), Err(Closed::Unreadable(UnreadableReason::WrongKey)));
}

#[test]
fn a_record_of_another_kind_or_account_is_misplaced() {
    let file = sample();
    let sealed = Sealed::parse(&file).unwrap();
    let kind = sealed.open(&keys(1), Kind::DeviceKey, till());
    let account = sealed.open(&keys(1), Kind::Session, AccountKey::from_name("other"));
    assert_eq!(kind, Err(UnreadableReason::Misplaced));
    assert_eq!(account, Err(UnreadableReason::Misplaced));
}

#[test]
fn random_bytes_of_any_length_are_damage() {
    let dice = SeededEntropy::new(9);
    for length in 0..512 {
        let mut bytes = vec![0; length];
        crate::host::Entropy::fill(&dice, &mut bytes);
        assert!(matches!(open(&bytes, &keys(1)), Err(Closed::Unreadable(UnreadableReason::Damaged))));
    }
}

#[test]
fn more_than_a_record_may_hold_is_refused_before_it_is_written() {
    let header = Header { kind: Kind::Session, account: till(), generation: 0, epoch: Epoch::default() };
    let sealed = record::seal(&keys(1), &header, [5; 24], &vec![0; record::LIMIT]);
    assert!(matches!(sealed, Err(VaultError::TooLarge)), "{sealed:?}");
}

#[test]
fn a_fingerprint_tells_tokens_apart_and_depends_on_the_key() {
    let (one, other) = (keys(1).fingerprinter, keys(2).fingerprinter);
    let token = refresh_token(1);
    assert_eq!(one.fingerprint(&token), one.fingerprint(&token));
    assert_ne!(one.fingerprint(&token), one.fingerprint(&refresh_token(2)));
    assert_ne!(one.fingerprint(&token), other.fingerprint(&token));
}

#[test]
fn an_account_key_is_read_back_from_its_text() {
    assert_eq!(AccountKey::parse(&till().to_string()), Some(till()));
    for text in ["", "g", &till().to_string()[1..], &till().to_string().to_uppercase()] {
        assert_eq!(AccountKey::parse(text), None, "{text}");
    }
}
