//! What the driver notes of all accounts, so that one of them can be opened without reading the others.

use serde::{Deserialize, Serialize};

use super::account::Deployment;
use crate::{
    Identity,
    host::MaybeSend,
    vault::{AccountKey, Outcome, Vault},
};

/// The version that this release writes.
const VERSION: u16 = 1;
/// The most accounts that are noted, the latest used ones: what is noted has to fit into one file of the vault.
const MOST: usize = 1000;

/// The accounts of a vault where somebody is signed in, and which of all accounts the app works with. Holds no
/// credential, but people's names: it is sealed like everything else. Nothing stands here alone: all of it can be made
/// anew from the accounts' own records. On SignInRequired and in quarantine: kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Index {
    /// Sign-out, SignInRequired and quarantine: kept.
    version: u16,
    /// The account that the app works with, signed out or not. On sign-out: kept; when the account is removed: none.
    /// SignInRequired and quarantine: kept.
    #[serde(default)]
    pub(super) active: Option<AccountKey>,
    /// When that was chosen, in milliseconds of wall time, and later than any choice before it. On sign-out: kept.
    /// SignInRequired and quarantine: kept.
    #[serde(default)]
    pub(super) chosen_at: u64,
    /// Whether accounts were left out because there are too many. On sign-out: kept. SignInRequired and quarantine:
    /// kept.
    #[serde(default)]
    pub(super) is_cut: bool,
    /// The issuers of the identities below, each once. On sign-out: kept, as it names nobody. SignInRequired and
    /// quarantine: kept.
    #[serde(default)]
    issuers: Vec<String>,
    /// One for each account where somebody is signed in. On sign-out: the account's own is removed. SignInRequired and
    /// quarantine: kept.
    #[serde(default)]
    accounts: Vec<StoredEntry>,
}

/// Part of [`Index`]. On sign-out: all of it goes. On SignInRequired and in quarantine: kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct StoredEntry {
    /// Sign-out: removed. SignInRequired and quarantine: kept.
    key: AccountKey,
    /// Which of the issuers; absent where nobody knows whose account it is. Sign-out: removed. SignInRequired and
    /// quarantine: kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issuer: Option<usize>,
    /// Sign-out: removed. SignInRequired and quarantine: kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// Sign-out: removed. SignInRequired and quarantine: kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tenant: Vec<(String, String)>,
    /// What the person is called, for a list to choose from. Sign-out: removed. SignInRequired and quarantine: kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// As in [`SessionRecord`](super::record::SessionRecord). Sign-out: removed. SignInRequired and quarantine: kept.
    #[serde(default)]
    last_used: u64,
}

/// What is noted of an account.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: AccountKey,
    pub(super) identity: Option<Identity>,
    pub(super) name: Option<String>,
    pub(super) last_used: u64,
}

impl Default for Index {
    fn default() -> Self {
        Self { version: VERSION, active: None, chosen_at: 0, is_cut: false, issuers: Vec::new(), accounts: Vec::new() }
    }
}

/// What is found in the place of an index.
pub(super) enum Found {
    Index(Index),
    /// Nothing, or nothing that can be read: it is made anew.
    Nothing,
    /// Not for this release to replace, or not to be read now.
    Closed,
}

impl Index {
    /// Reads it, once.
    pub(super) async fn find(vault: &Vault) -> Found {
        Self::found(vault.load_index().await)
    }

    fn found(outcome: Outcome<Vec<u8>>) -> Found {
        match outcome {
            Outcome::Value(bytes) => match serde_json::from_slice::<Self>(&bytes) {
                Ok(index) if index.version == VERSION => Found::Index(index),
                _ if version_of(&bytes).is_some_and(|version| version > VERSION) => Found::Closed,
                _ => Found::Nothing,
            },
            Outcome::Empty | Outcome::Unreadable(_) => Found::Nothing,
            Outcome::Locked(_) | Outcome::TooNew { .. } => Found::Closed,
        }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.accounts.iter().map(|entry| self.entry(entry))
    }

    pub(super) fn of(&self, key: AccountKey) -> Option<Entry> {
        self.accounts.iter().find(|entry| entry.key == key).map(|entry| self.entry(entry))
    }

    /// The account of this person, if they are signed in.
    pub(super) fn account_of(&self, identity: &Identity) -> Option<AccountKey> {
        self.entries().find(|entry| entry.identity.as_ref() == Some(identity)).map(|entry| entry.key)
    }

    fn entry(&self, stored: &StoredEntry) -> Entry {
        let issuer = stored.issuer.and_then(|place| self.issuers.get(place));
        let identity = issuer.map(|issuer| Identity {
            issuer: issuer.clone(),
            subject: stored.subject.clone(),
            tenant: stored.tenant.clone(),
        });
        Entry { key: stored.key, identity, name: stored.name.clone(), last_used: stored.last_used }
    }

    /// Adds the entries of accounts that it lacks.
    pub(super) fn complete(&mut self, entries: impl IntoIterator<Item = Entry>) {
        for entry in entries {
            if self.of(entry.key).is_none() {
                self.put(entry);
            }
        }
    }

    /// Notes an account, in place of what was noted of it.
    pub(super) fn put(&mut self, entry: Entry) {
        self.forget(entry.key);
        let issuer = entry.identity.as_ref().map(|identity| {
            self.issuers.iter().position(|known| *known == identity.issuer).unwrap_or_else(|| {
                self.issuers.push(identity.issuer.clone());
                self.issuers.len().saturating_sub(1)
            })
        });
        let (subject, tenant) = entry.identity.map(|identity| (identity.subject, identity.tenant)).unwrap_or_default();
        self.accounts.push(StoredEntry {
            key: entry.key,
            issuer,
            subject,
            tenant,
            name: entry.name,
            last_used: entry.last_used,
        });
    }

    pub(super) fn forget(&mut self, key: AccountKey) {
        self.accounts.retain(|entry| entry.key != key);
    }

    /// Forgets everybody but these.
    pub(super) fn retain(&mut self, stays: impl Fn(AccountKey) -> bool) {
        self.accounts.retain(|entry| stays(entry.key));
    }

    /// Makes an account the one that the app works with, unless a later choice was made.
    pub(super) fn choose(&mut self, key: AccountKey, at: u64) {
        if self.active.is_none() || at > self.chosen_at {
            (self.active, self.chosen_at) = (Some(key), at);
        }
    }

    fn write(mut self) -> Option<Vec<u8>> {
        self.accounts.sort_by_key(|entry| std::cmp::Reverse(entry.last_used));
        self.is_cut |= self.accounts.len() > MOST;
        self.accounts.truncate(MOST);
        serde_json::to_vec(&self).ok()
    }
}

fn version_of(bytes: &[u8]) -> Option<u16> {
    #[derive(Deserialize)]
    struct Version {
        version: u16,
    }
    serde_json::from_slice::<Version>(bytes).ok().map(|it| it.version)
}

/// Changes the index. What fails is made good by whoever reads it next: the accounts' own records tell the same.
pub(super) async fn change(deployment: &Deployment, change: impl FnOnce(&mut Index) + MaybeSend) {
    let updated = deployment.vault.update_index(|found| {
        let mut index = match Index::found(found) {
            Found::Index(index) => index,
            Found::Nothing => Index::default(),
            Found::Closed => return None,
        };
        let before = index.clone();
        change(&mut index);
        if index == before { None } else { index.write() }
    });
    if let Err(error) = updated.await {
        tracing::warn!(name: "vault.index.behind", %error);
    }
}

/// For the frozen vaults: what is noted of accounts with their people's names. The app works with the first.
#[cfg(test)]
pub(crate) fn noted(accounts: &[(AccountKey, &Identity, &str)]) -> Vec<u8> {
    let mut index = Index::default();
    for (at, (key, identity, name)) in (1..).zip(accounts) {
        let (identity, name) = (Some((*identity).clone()), Some((*name).to_owned()));
        index.put(Entry { key: *key, identity, name, last_used: 1_795_197_600_000 - at });
        index.choose(*key, 1_795_197_600_000 - at);
    }
    index.write().unwrap_or_default()
}

/// The active account, and whose the accounts are: subject and name.
#[cfg(test)]
pub(crate) type Noted = (Option<AccountKey>, Vec<(AccountKey, Option<String>, Option<String>)>);

/// The same again, as this release reads it.
#[cfg(test)]
pub(crate) fn read_noted(bytes: &[u8]) -> Option<Noted> {
    let Found::Index(index) = Index::found(Outcome::Value(bytes.to_vec())) else { return None };
    let short = |entry: Entry| (entry.key, entry.identity.and_then(|it| it.subject), entry.name);
    Some((index.active, index.entries().map(short).collect()))
}
