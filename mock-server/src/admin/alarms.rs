//! An alarm when tokens are rejected in a surge: nobody at Mews saw it before the users did.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::{config::AlarmRule, observations::count};

/// An alarm for the operators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// What it is about: `rejection_surge`.
    pub name: String,
    /// When it was raised, in milliseconds since 1970 on the server's clock.
    pub since_ms: u64,
    /// Whether it still goes on.
    pub active: bool,
    /// How many tokens were rejected while it went on.
    pub rejections: u64,
    /// Why, by reason.
    pub by_reason: BTreeMap<String, u64>,
}

/// What `GET /admin/alarms` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarms {
    /// Whether one of them goes on.
    pub active: bool,
    /// Every alarm since the start, oldest first.
    pub alarms: Vec<Alarm>,
}

/// Watches rejections go by.
#[derive(Default)]
pub(crate) struct Watch {
    recent: VecDeque<(u64, String)>,
    alarms: Vec<Alarm>,
}

/// How many rejections are remembered at most, whatever the rule says.
const REMEMBERED: usize = 100_000;

impl Watch {
    pub(crate) fn rejected(&mut self, now_ms: u64, reason: &str, rule: AlarmRule) {
        self.look(now_ms, rule);
        self.recent.push_back((now_ms, reason.to_owned()));
        if self.recent.len() > REMEMBERED {
            self.recent.pop_front();
        }
        if let Some(alarm) = self.alarms.last_mut().filter(|alarm| alarm.active) {
            alarm.rejections += 1;
            count(&mut alarm.by_reason, reason);
        } else if self.recent.len() >= rule.rejections.max(1) {
            let mut by_reason = BTreeMap::new();
            self.recent.iter().for_each(|(_, reason)| count(&mut by_reason, reason));
            let rejections = by_reason.values().sum();
            tracing::warn!(name: "mock.alarm", rejections, "a surge of rejected tokens");
            let name = "rejection_surge".to_owned();
            self.alarms.push(Alarm { name, since_ms: now_ms, active: true, rejections, by_reason });
        }
    }

    /// Forgets what is too old; an alarm ends when the window holds fewer rejections than raise it.
    fn look(&mut self, now_ms: u64, rule: AlarmRule) {
        let since = now_ms.saturating_sub(rule.within_seconds.saturating_mul(1000));
        while self.recent.front().is_some_and(|(at_ms, _)| *at_ms < since) {
            self.recent.pop_front();
        }
        if let Some(alarm) = self.alarms.last_mut() {
            alarm.active = alarm.active && self.recent.len() >= rule.rejections.max(1);
        }
    }

    pub(crate) fn alarms(&mut self, now_ms: u64, rule: AlarmRule) -> Alarms {
        self.look(now_ms, rule);
        Alarms { active: self.alarms.iter().any(|alarm| alarm.active), alarms: self.alarms.clone() }
    }
}
