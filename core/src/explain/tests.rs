use std::{collections::BTreeSet, string::ToString, vec::Vec};

use super::*;
use crate::{Connectivity, ForeignBy, HoldCause, LockReason, SignInReason, SignedOutReason, State, Timestamp};

const AT: Timestamp = Timestamp::from_millis(0);

/// Every state with every reason.
fn states() -> Vec<State> {
    let mut states = std::vec![State::Starting, State::Recovering { since: AT }];
    states.extend([Connectivity::Online, Connectivity::Offline].map(|connectivity| State::SignedIn { connectivity }));
    states.extend(LockReason::ALL.iter().map(|&reason| State::Locked { reason }));
    states.extend(SignedOutReason::ALL.iter().map(|&reason| State::SignedOut { reason }));
    states.extend(HoldCause::ALL.iter().map(|&cause| State::Holding { cause, retry_at: AT }));
    states.extend(SignInReason::ALL.iter().map(|&reason| State::SignInRequired { reason, since: AT }));
    states.extend(ForeignBy::ALL.iter().map(|&incident| State::Quarantined { incident, since: AT }));
    states
}

/// The reason's own code and the explanation's end alike, so that nobody has to learn two names.
#[test]
fn every_state_with_every_reason_has_a_row_of_its_own() {
    let states = states();
    let mut met = BTreeSet::new();
    for state in &states {
        let situation = Situation::of(*state, false);
        assert_eq!(situation.state(), state.name(), "{situation:?}");
        if let Some(code) = state.code() {
            assert_eq!(situation.as_str().split('.').nth(2), code.as_str().split('.').nth(1), "{situation:?}");
        }
        assert!(met.insert(situation.as_str()), "{situation:?} stands for two states");
    }
    let unsaved = Situation::of(State::SignedIn { connectivity: Connectivity::Online }, true);
    met.insert(unsaved.as_str());
    let rows: BTreeSet<_> = Situation::ALL.iter().map(|situation| situation.as_str()).collect();
    assert_eq!(met, rows, "a row that nothing leads to, or one that is missing");
    assert_eq!(rows.len(), Situation::ALL.len());
}

/// What is wrong with a sentence for people, if anything.
fn faults(sentence: &str, longest: usize, jargon: &[&str]) -> Vec<&'static str> {
    let lower = sentence.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let mut faults = Vec::new();
    if sentence.chars().count() > longest {
        faults.push("too long");
    }
    let ends = sentence.matches(". ").count() + usize::from(!sentence.ends_with('.'));
    if ends != 0 || sentence.trim() != sentence || !sentence.starts_with(char::is_uppercase) {
        faults.push("not one sentence");
    }
    if has(&["clear", "reinstall", "delete", "wipe", "erase", "uninstall", "factory"]) {
        faults.push("asks for what nobody ever has to do (P1)");
    }
    if has(jargon) {
        faults.push("jargon");
    }
    faults
}

const FOR_NOBODY_AT_A_TILL: [&str; 19] = [
    "token",
    "credential",
    "session",
    "server",
    "vault",
    "refresh",
    "identity",
    "issuer",
    "401",
    "http",
    "cache",
    "generation",
    "authoriz",
    "probe",
    "quarantin",
    "revo",
    "key store",
    "node",
    "client",
];
/// A manager knows what a device and a service are.
const FOR_NO_MANAGER: [&str; 14] = [
    "token",
    "credential",
    "vault",
    "refresh",
    "issuer",
    "401",
    "http",
    "generation",
    "authoriz",
    "probe",
    "quarantin",
    "key store",
    "node",
    "client",
];

#[test]
fn every_sentence_fits_its_reader() {
    for situation in Situation::ALL {
        let found = |text, longest, jargon: &[&str]| {
            let faults = faults(text, longest, jargon);
            assert!(faults.is_empty(), "{}: {text}: {faults:?}", situation.as_str());
        };
        found(situation.cashier(), 80, &FOR_NOBODY_AT_A_TILL);
        found(situation.manager(), 160, &FOR_NO_MANAGER);
        found(situation.engineer(), 200, &[]);
    }
    for action in Action::ALL {
        assert_eq!(faults(action.sentence(), 90, &FOR_NOBODY_AT_A_TILL), [""; 0], "{action:?}");
    }
    for step in NextStep::ALL {
        assert_eq!(faults(step.template(), 90, &FOR_NOBODY_AT_A_TILL), [""; 0], "{step:?}");
        assert_eq!(step.template().contains("{wait}"), step.is_by_itself(), "{step:?}");
    }
}

/// The negative control.
#[test]
fn sentences_that_do_not_fit_are_found() {
    for (sentence, fault) in [
        ("Please clear the app's data.", "asks for what nobody ever has to do (P1)"),
        ("Your token is void.", "jargon"),
        ("It is broken. Sign in.", "not one sentence"),
        ("no capital", "not one sentence"),
        ("This sentence has so many words that no till on earth has a line that is long enough for it.", "too long"),
    ] {
        assert!(faults(sentence, 80, &FOR_NOBODY_AT_A_TILL).contains(&fault), "{sentence}");
    }
}

/// P13, as far as words go: whoever wants to sign in is told that they may, and a locked vault can be unlocked or put aside.
#[test]
fn what_a_person_may_do_is_said_wherever_they_may() {
    for state in states() {
        let situation = Situation::of(state, false);
        let (may, name) = (situation.may(), situation.as_str());
        match state {
            State::Starting | State::SignedIn { .. } => assert!(!may.contains(&Action::SignIn), "{name}"),
            State::Locked { .. } => assert!(may.contains(&Action::StartAnew), "{name}"),
            _ => assert!(may.contains(&Action::SignIn), "{name}"),
        }
        if let State::SignedOut { .. } | State::SignInRequired { .. } = state {
            assert!(situation.needs_person(), "{name}");
            assert_eq!(may.first(), Some(&Action::SignIn), "{name}");
            assert!(situation.cashier().contains("sign in"), "{name}");
        }
        if let State::Holding { .. } = state {
            assert!(!situation.cashier().contains("please sign in"), "{name}: a sign-in would not help");
        }
    }
}

#[test]
fn codes_are_unique_and_never_those_of_something_else() {
    let explained = Situation::ALL.iter().map(|it| it.as_str());
    let others = Action::ALL.iter().map(|it| it.as_str()).chain(NextStep::ALL.iter().map(|it| it.as_str()));
    let codes: Vec<_> = explained.chain(others).chain(crate::Code::ALL.iter().map(|code| code.as_str())).collect();
    let unique: BTreeSet<_> = codes.iter().collect();
    assert_eq!(unique.len(), codes.len());
}

#[test]
fn lengths_of_time_are_said_as_people_say_them() {
    for (seconds, words) in [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (260, "4 min 20 s"),
        (3600, "1 h"),
        (3661, "1 h 1 min"),
        (86_400, "1 d"),
        (2_592_000 - 3600, "29 d 23 h"),
    ] {
        assert_eq!(in_words(Duration::from_secs(seconds)), words);
    }
    assert_eq!(in_words(Duration::from_millis(1)), "1 s", "what is not over yet is not said to be");
    let next = Next { step: NextStep::Retry, at: Some(Timestamp::from_millis(260_000)) };
    assert_eq!(next.sentence(AT), "Tries again in 4 min 20 s.");
    assert_eq!(Next { step: NextStep::Person, at: None }.sentence(AT), "Waits for a person to sign in.");
}

#[test]
fn the_page_has_every_code_and_every_sentence() {
    let page = markdown();
    for situation in Situation::ALL {
        for text in [situation.as_str(), situation.cashier(), situation.manager(), situation.engineer()] {
            assert!(page.contains(text), "{text}");
        }
    }
    for step in NextStep::ALL {
        assert!(page.contains(&step.template().to_string()), "{step:?}");
    }
}
