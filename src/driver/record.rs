//! What the driver stores beside an account's credentials.

use mainstay_core::{IssuerPacing, Note, Snapshot, Timestamp};
use serde::{Deserialize, Serialize};

use super::time_line::ClockRecord;
use crate::{Identity, vault::AccountKey};

/// The version that this release writes.
pub(super) const VERSION: u16 = 1;
/// How many lines of the timeline survive a restart.
const NOTES_STORED: usize = 64;

/// A session's memory on disk. Holds no credential, but a person's name: it is sealed like everything else. On sign-out: removed. On SignInRequired and in quarantine: kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SessionRecord {
    pub(super) version: u16,
    /// The decision core's memory.
    pub(super) snapshot: Snapshot,
    /// Where the time line stood.
    pub(super) clock: ClockRecord,
    /// What the issuer's accounts share.
    pub(super) pacing: IssuerPacing,
    /// When a server last accepted the session: what an offline permit counts from.
    pub(super) last_accepted: Timestamp,
    /// Whom the account is pinned to: newer credentials may name nobody. On SignInRequired and in quarantine: kept.
    #[serde(default)]
    pub(super) identity: Option<Identity>,
    /// Keyed fingerprints of tokens whose import turned out to be this session, so that importing them again does so too.
    #[serde(default)]
    pub(super) same_as: Vec<u64>,
    /// Whether the sign-in prompt was raised and not dismissed yet. In quarantine: never.
    #[serde(default)]
    pub(super) prompting: bool,
    /// What the server calls the person, for a list to choose from. On sign-out: removed, like the identity.
    #[serde(default)]
    pub(super) name: Option<String>,
    /// Whose account it is while it is signed out, so that nobody else gets it: the key that this person's account has,
    /// which names them to nobody without the vault's key. On sign-out: kept, in the record that says so.
    #[serde(default)]
    pub(super) owner: Option<AccountKey>,
    /// When somebody signed in here or switched to it last, in milliseconds of wall time. On sign-out: kept.
    #[serde(default)]
    pub(super) last_used: u64,
    /// The last lines of the timeline.
    pub(super) notes: Vec<Note>,
}

impl SessionRecord {
    /// With the version of this release, and no more lines than are kept.
    pub(super) fn trimmed(mut self) -> Self {
        self.notes.drain(..self.notes.len().saturating_sub(NOTES_STORED));
        self
    }

    /// What was stored, if this release understands it. If not, the credentials still are: the session starts afresh.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let record: Self = serde_json::from_slice(bytes).ok()?;
        (record.version == VERSION).then_some(record)
    }

    pub(super) fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}
