//! What the driver stores beside an account's credentials.

use mainstay_core::{IssuerPacing, Note, Snapshot, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    journal::{Journal, Span},
    time_line::ClockRecord,
};
use crate::{Identity, vault::AccountKey};

/// The version that this release writes.
pub(super) const VERSION: u16 = 1;

/// A session's memory on disk. Holds no credential, but a person's name: it is sealed like everything else. On sign-out: removed. On SignInRequired and in quarantine: kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SessionRecord {
    /// Sign-out, SignInRequired and quarantine: kept.
    pub(super) version: u16,
    /// The decision core's memory. Each field says what becomes of it on sign-out, in SignInRequired and in quarantine.
    pub(super) snapshot: Snapshot,
    /// Where the time line stood. Sign-out, SignInRequired and quarantine: kept, as it is the device's.
    pub(super) clock: ClockRecord,
    /// What the issuer's accounts share. Sign-out, SignInRequired and quarantine: kept, as it is the device's.
    pub(super) pacing: IssuerPacing,
    /// When a server last accepted the session: what an offline permit counts from. Sign-out, SignInRequired and
    /// quarantine: kept.
    pub(super) last_accepted: Timestamp,
    /// Whom the account is pinned to: newer credentials may name nobody. On SignInRequired and in quarantine: kept.
    /// Sign-out: removed.
    #[serde(default)]
    pub(super) identity: Option<Identity>,
    /// Keyed fingerprints of tokens whose import turned out to be this session, so that importing them again does so
    /// too. Sign-out: removed. SignInRequired and quarantine: kept.
    #[serde(default)]
    pub(super) same_as: Vec<u64>,
    /// Whether the sign-in prompt was raised and not dismissed yet. In quarantine: never. Sign-out: no more.
    /// SignInRequired: raised, until it is dismissed.
    #[serde(default)]
    pub(super) prompting: bool,
    /// What the server calls the person, for a list to choose from. On sign-out: removed, like the identity.
    /// SignInRequired and quarantine: kept.
    #[serde(default)]
    pub(super) name: Option<String>,
    /// Whose account it is while it is signed out, so that nobody else gets it: the key that this person's account has,
    /// which names them to nobody without the vault's key. On sign-out: kept, in the record that says so.
    /// SignInRequired and quarantine: kept.
    #[serde(default)]
    pub(super) owner: Option<AccountKey>,
    /// When somebody signed in here or switched to it last, in milliseconds of wall time. On sign-out: kept.
    /// SignInRequired and quarantine: kept.
    #[serde(default)]
    pub(super) last_used: u64,
    /// The name of the key that signed the latest ID token: no secret. On sign-out: removed, like the identity. On
    /// SignInRequired and in quarantine: kept.
    #[serde(default)]
    pub(super) id_token_key: Option<String>,
    /// What is kept of the timeline: codes, times and numbers. On sign-out: kept, in the record that says so. On
    /// SignInRequired and in quarantine: kept.
    pub(super) notes: Vec<Note>,
    /// How many lines there ever were. Goes with the lines. Sign-out, SignInRequired and quarantine: kept.
    #[serde(default)]
    pub(super) notes_written: u64,
    /// The latest episodes. Each says itself what becomes of it. Sign-out: ended, and kept. SignInRequired and
    /// quarantine: kept.
    #[serde(default)]
    pub(super) episodes: Vec<Span>,
}

impl SessionRecord {
    /// What was stored, if this release understands it. If not, the credentials still are: the session starts afresh.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let record: Self = serde_json::from_slice(bytes).ok()?;
        (record.version == VERSION).then_some(record)
    }

    pub(super) fn into_journal(self) -> Journal {
        Journal::resume(self.notes, self.notes_written, self.episodes)
    }

    pub(super) fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}
