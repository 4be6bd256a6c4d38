//! Seeded mutations of the core: take one protection away, and the promise that it stands for is seen broken.

use mainstay_core::mutants::{Mutant, with};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{
    World,
    history::{History, histories},
    promises::{Broken, Promise},
};

const SEED: u64 = 20_250_217;
const EVENTS: usize = 200;
/// Histories within which a mutation must be caught; the same for all of them.
const HISTORIES: usize = 400;

/// A test per mutation, with the promise that it must be seen to break, and others that it may break first.
macro_rules! caught {
    ($($test:ident: $mutant:ident breaks $promise:ident $(or $other:ident)*;)+) => {
        $(#[test]
        fn $test() {
            is_caught(Mutant::$mutant, Promise::$promise, &[$(Promise::$other),*]);
        })+

        const CAUGHT: &[Mutant] = &[$(Mutant::$mutant),+];
    };
}

caught! {
    a_vault_that_is_never_moved_aside: NeverMovesAside breaks P1;
    an_empty_shelf_that_is_read_for_ever: ReadsAnEmptyShelfForEver breaks P1 or P12;
    credentials_that_a_no_destroys: DestroysOnInvalidGrant breaks P2;
    a_generation_that_goes_before_its_successor_was_accepted: DropsBeforeAcceptance breaks P2;
    a_generation_that_goes_before_its_successor_was_stored: DropsBeforeStored breaks P2;
    a_limit_of_one_day: LimitOfADay breaks P2;
    own_credentials_that_are_taken_for_foreign: DisownsWhatWasProven breaks P2;
    the_last_credentials_that_are_taken_for_foreign: DisownsTheLast breaks P2;
    a_sign_in_that_risks_what_was_kept: SignInDestroysKept breaks P2;
    a_refusal_that_signs_out: RefusalSignsOut breaks P3;
    an_empty_shelf_that_signs_out: EmptyShelfSignsOut breaks P3;
    a_limit_that_signs_out: LimitSignsOut breaks P3;
    a_503_that_shows_a_sign_in_screen: TroubleAsksAPerson breaks P4;
    a_full_disk_that_shows_a_sign_in_screen: FullDiskAsksAPerson breaks P4;
    a_locked_key_store_that_shows_a_sign_in_screen: LockedAsksAPerson breaks P4;
    a_refusal_without_a_reason_that_is_believed_at_once: OneUnreasonedNoIsEnough breaks P4;
    a_rejected_token_that_is_handed_out: HandsOutRejected breaks P5;
    an_unverified_token_that_is_handed_out: HandsOutUnverified breaks P5;
    a_budget_that_is_not_counted: BudgetNotCounted breaks P7;
    calls_without_a_gap: IgnoresTheGap breaks P7;
    a_retry_after_that_is_not_obeyed: IgnoresRetryAfter breaks P7;
    a_first_attempt_without_a_spread: SkipsTheSpread breaks P7 or P12;
    re_tests_without_a_pause: RetestsWithoutPause breaks P7;
    a_second_prompt_in_one_episode: PromptsAgain breaks P9;
    a_prompt_while_holding: PromptsWhileHolding breaks P9;
    a_prompt_that_nobody_withdraws: LeavesThePrompt breaks P9;
    holding_without_a_way_out: HoldsForGood breaks P12;
    a_locked_vault_without_a_way_out: LockedForGood breaks P12;
    waiting_for_a_person_without_a_re_test: WaitsForAPersonOnly breaks P12;
    a_quarantine_without_a_way_out: QuarantinedForGood breaks P12;
    a_use_that_is_said_and_gone: SaysMoreThanItDoes breaks P12;
    a_renewal_that_is_said_too_early: SaysItTooEarly breaks P12;
    an_attempt_without_an_end: AttemptsNeverEnd breaks P12;
    a_sign_in_that_is_refused_while_holding: HoldingRefusesSignIn breaks P13;
    a_sign_in_that_is_refused_while_locked: LockedRefusesSignIn breaks P13;
    a_countdown_of_ten_minutes: LongCountdown breaks P13;
}

#[test]
fn every_mutation_has_a_test() {
    let without: Vec<_> = Mutant::ALL.iter().filter(|mutant| !CAUGHT.contains(mutant)).collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn without_a_mutation_nothing_is_caught() {
    let broken = first_broken(|history| World::play(history, SEED).1, |broken| panic!("{broken:?}"));
    assert!(broken.is_none(), "{broken:?}");
}

fn is_caught(mutant: Mutant, promise: Promise, others: &[Promise]) {
    let named = |broken: &Broken| broken.promise == promise;
    let play = |history: &History| with(mutant, || World::play(history, SEED).1);
    let caught = first_broken(play, |broken| {
        assert!(named(broken) || others.contains(&broken.promise), "{mutant:?} breaks another promise: {broken:?}");
        named(broken)
    });
    let number = caught.unwrap_or_else(|| panic!("{mutant:?} is not caught in {HISTORIES} histories"));
    println!("{mutant:?} breaks {promise:?}, seen in history {number}");
}

/// The number of the first history of the seed that breaks a promise in the way that is looked for.
fn first_broken(play: impl Fn(&History) -> Result<(), Broken>, is_wanted: impl Fn(&Broken) -> bool) -> Option<usize> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&SEED.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let strategy = histories(EVENTS);
    (1..=HISTORIES).find(|_| {
        let history = strategy.new_tree(&mut runner).expect("histories need no retries").current();
        play(&history).is_err_and(|broken| is_wanted(&broken))
    })
}
