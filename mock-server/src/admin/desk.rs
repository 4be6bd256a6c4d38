//! What the operators have on their desk.

use super::{Alarms, Operation, alarms::Watch};
use crate::config::AlarmRule;

/// Alarms and key operations.
#[derive(Default)]
pub(crate) struct Desk {
    watch: Watch,
    pub(super) operations: Vec<Operation>,
}

impl Desk {
    pub(crate) fn rejected(&mut self, now_ms: u64, reason: &str, rule: AlarmRule) {
        self.watch.rejected(now_ms, reason, rule);
    }

    pub(crate) fn alarms(&mut self, now_ms: u64, rule: AlarmRule) -> Alarms {
        self.watch.alarms(now_ms, rule)
    }
}
