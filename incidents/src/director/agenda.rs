//! What is due, and when.

use std::collections::BTreeSet;

/// Something that is due. The order of the variants is the order within one moment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// A step of the file, by its place there.
    Step(usize),
    /// The network comes back after the sales that were queued without it.
    NetworkReturns,
    /// The app that was killed is started again.
    StartsAgain,
    /// The till's next sale.
    Sale,
    /// The person does what the prompt asks for.
    PersonAnswers {
        /// Whether it asks to clear the app's data.
        clear_app_data: bool,
    },
    /// An expectation of the file, by its place there.
    Expectation(usize),
    /// It is over.
    End,
}

/// Everything that is due, in order.
#[derive(Debug, Default)]
pub(super) struct Agenda(BTreeSet<(u64, Due)>);

impl Agenda {
    pub(super) fn add(&mut self, at_ms: u64, due: Due) {
        self.0.insert((at_ms, due));
    }

    pub(super) fn next_at(&self) -> Option<u64> {
        self.0.first().map(|(at_ms, _)| *at_ms)
    }

    /// Takes the first thing that is due at `now_ms`.
    pub(super) fn take_due(&mut self, now_ms: u64) -> Option<Due> {
        if self.next_at()? > now_ms {
            return None;
        }
        self.0.pop_first().map(|(_, due)| due)
    }

    /// Whether the person is about to do something.
    pub(super) fn person_is_busy(&self) -> bool {
        self.0.iter().any(|(_, due)| matches!(due, Due::PersonAnswers { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_one_moment_the_file_comes_first_and_expectations_last() {
        let mut agenda = Agenda::default();
        for due in [Due::End, Due::Expectation(0), Due::Sale, Due::Step(1), Due::Step(0)] {
            agenda.add(5, due);
        }
        agenda.add(4, Due::Expectation(1));
        assert_eq!(agenda.take_due(3), None);
        let order: Vec<Due> = std::iter::from_fn(|| agenda.take_due(5)).collect();
        let expected = [Due::Expectation(1), Due::Step(0), Due::Step(1), Due::Sale, Due::Expectation(0), Due::End];
        assert_eq!(order, expected);
    }
}
