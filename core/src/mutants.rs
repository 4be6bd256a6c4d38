//! Seeded mutations: mistakes that the promises' tests must find. Each takes one protection away.
//!
//! Without the feature `mutants`, which only this crate's own tests turn on, [`mutant!`] is the constant `false` and nothing
//! of this is compiled.

/// Whether a seeded mutation is on.
#[cfg(not(feature = "mutants"))]
macro_rules! mutant {
    ($name:ident) => {
        false
    };
}

/// Whether a seeded mutation is on.
#[cfg(feature = "mutants")]
macro_rules! mutant {
    ($name:ident) => {
        $crate::mutants::is_on($crate::mutants::Mutant::$name)
    };
}

#[cfg(feature = "mutants")]
pub use switch::{Mutant, with};

#[cfg(feature = "mutants")]
pub(crate) use switch::is_on;

#[cfg(feature = "mutants")]
mod switch {
    use std::cell::Cell;

    macro_rules! mutants {
        ($($name:ident = $mistake:literal;)+) => {
            /// A seeded mutation, by the mistake it makes.
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum Mutant { $(#[doc = $mistake] $name,)+ }

            impl Mutant {
                /// Every seeded mutation.
                pub const ALL: &'static [Self] = &[$(Self::$name),+];
            }
        };
    }

    mutants! {
        NeverMovesAside = "An unreadable vault is read again and again, and never moved aside.";
        ReadsAnEmptyShelfForEver = "A vault without credentials is read again and again.";
        DestroysOnInvalidGrant = "A refused refresh token is destroyed.";
        DropsBeforeAcceptance = "What was superseded goes as soon as its successor is stored.";
        DropsBeforeStored = "What was superseded goes as soon as its successor was accepted, stored or not.";
        LimitOfADay = "A person has one day to sign in, not thirty.";
        DisownsWhatWasProven = "A probe that names somebody else destroys credentials that were proven to be ours.";
        DisownsTheLast = "A probe that names somebody else destroys the last credentials.";
        SignInDestroysKept = "What was kept goes when a person signs in, before the new credentials were accepted.";
        RefusalSignsOut = "A refused refresh token signs the account out.";
        EmptyShelfSignsOut = "A known account without credentials is taken for signed out.";
        LimitSignsOut = "The limit of thirty days signs the account out.";
        TroubleAsksAPerson = "A 5xx, a timeout or HTML from the authorization server asks for a person.";
        FullDiskAsksAPerson = "A full disk asks for a person.";
        LockedAsksAPerson = "A locked key store asks for a person.";
        OneUnreasonedNoIsEnough = "A single refusal without a reason counts as a refused refresh token.";
        HandsOutRejected = "A rejected access token is handed out.";
        HandsOutUnverified = "An access token is handed out before anybody vouched for it.";
        BudgetNotCounted = "Calls to the authorization server are not counted.";
        IgnoresTheGap = "Calls to the authorization server follow each other without a gap.";
        IgnoresRetryAfter = "The server's `Retry-After` is not obeyed.";
        SkipsTheSpread = "The first automatic attempt of an episode does not wait a random time.";
        RetestsWithoutPause = "Kept credentials are asked about every second.";
        PromptsAgain = "Whenever a person is needed there is a prompt, also in the same episode.";
        PromptsWhileHolding = "There is a prompt while holding.";
        LeavesThePrompt = "A prompt that is no longer needed stays.";
        HoldsForGood = "Holding plans nothing.";
        LockedForGood = "A locked vault is not tried again.";
        WaitsForAPersonOnly = "While a person is waited for, nothing kept is asked about.";
        QuarantinedForGood = "In quarantine own credentials are not verified again.";
        SaysMoreThanItDoes = "Something is said to happen that has no use any more, and does not happen.";
        SaysItTooEarly = "Pauses are left out of what is said to happen next.";
        AttemptsNeverEnd = "An attempt without an answer is waited for.";
        HoldingRefusesSignIn = "A person who signs in while holding is turned away.";
        LockedRefusesSignIn = "A person who signs in while the vault is locked is turned away.";
        LongCountdown = "A person who tapped too often has to wait ten minutes.";
    }

    std::thread_local! {
        static ON: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    pub(crate) fn is_on(mutant: Mutant) -> bool {
        ON.get() == Some(mutant)
    }

    /// Runs `work` with one mutation on, in this thread.
    pub fn with<T>(mutant: Mutant, work: impl FnOnce() -> T) -> T {
        ON.set(Some(mutant));
        let done = work();
        ON.set(None);
        done
    }
}
