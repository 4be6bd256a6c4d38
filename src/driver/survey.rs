//! Who is here, as the vault tells it: the names in the folder, the index, and the records of those it lacks.

use std::cmp::Reverse;

use mainstay_core::State;

use super::{
    index::{Entry, Found, Index},
    record::SessionRecord,
};
use crate::vault::{AccountKey, Outcome, Resident, Vault, VaultError};

/// How many accounts are opened at the start, so that their sessions are looked after: the active one and those used
/// last. A shift's cashiers; the others are opened when somebody asks for them.
const OPENED_AT_START: usize = 8;

/// What a start finds.
#[derive(Default)]
pub(super) struct Survey {
    /// Whether the index could be read, or made anew.
    pub(super) is_known: bool,
    pub(super) active: Option<AccountKey>,
    pub(super) latest: u64,
    pub(super) opens: Vec<(AccountKey, Option<SessionRecord>)>,
    /// What the index lacks.
    pub(super) repaired: Option<Index>,
}

impl Survey {
    pub(super) fn is_blank(&self) -> bool {
        self.opens.is_empty()
    }

    /// What the accounts that are opened stored last.
    pub(super) fn records(&self) -> impl Iterator<Item = &SessionRecord> {
        self.opens.iter().filter_map(|(_, record)| record.as_ref())
    }
}

/// Looks who is here: the names in the folder, the index, and the records of the few accounts that are opened.
pub(super) async fn survey(vault: &Vault) -> Result<Survey, VaultError> {
    let residents = vault.residents().await?;
    if residents.is_empty() {
        return Ok(Survey { is_known: true, ..Survey::default() });
    }
    let is_open = matches!(vault.fingerprinter().await, Outcome::Value(_));
    let found = if is_open { Index::find(vault).await } else { Found::Closed };
    if !is_open {
        // Each of them tells why, and opens by itself as soon as it can.
        let mut opens: Vec<_> = residents.iter().map(|it| (it.has_credentials, it.has_session, it.account)).collect();
        opens.sort_by_key(|(credentials, session, _)| Reverse((*credentials, *session)));
        let opens = opens.into_iter().take(OPENED_AT_START).map(|(.., account)| (account, None)).collect();
        return Ok(Survey { opens, ..Survey::default() });
    }
    let (before, is_new) = match found {
        Found::Index(index) => (index, false),
        Found::Nothing | Found::Closed => (Index::default(), true),
    };
    let mut index = before.clone();
    reconcile(vault, &residents, &mut index, is_new).await;

    let exists = |key: &AccountKey| residents.iter().any(|resident| resident.account == *key);
    let active = index.active.filter(exists);
    let mut others: Vec<_> = index.entries().filter(|entry| Some(entry.key) != active).collect();
    others.sort_by_key(|entry| Reverse(entry.last_used));
    let latest = index.entries().map(|entry| entry.last_used).fold(index.chosen_at, u64::max);
    let mut opens = Vec::new();
    for key in active.into_iter().chain(others.into_iter().map(|entry| entry.key)).take(OPENED_AT_START) {
        opens.push((key, record_of(vault, key).await));
    }
    Ok(Survey { is_known: true, active, latest, opens, repaired: (index != before).then_some(index) })
}

/// Brings the index up to what the folder says: whoever is signed out goes, whoever is missing is read. An account whose
/// kept credentials were destroyed by the limit of 30 days is not signed out: somebody has to sign in (P3, P10).
async fn reconcile(vault: &Vault, residents: &[Resident], index: &mut Index, is_new: bool) {
    let has_something = |it: &Resident| it.has_credentials || it.has_session;
    index.retain(|key| residents.iter().any(|it| it.account == key && has_something(it)));
    for resident in residents {
        let key = resident.account;
        if resident.has_credentials {
            if index.of(key).is_none() && !index.is_cut {
                let entry = read_entry(vault, key, index.chosen_at.saturating_add(1)).await;
                if let Some(entry) = entry {
                    index.choose(key, entry.last_used);
                    index.put(entry);
                }
            }
        } else if (is_new || index.of(key).is_some()) && resident.has_session {
            let record = record_of(vault, key).await;
            let is_out = |it: &SessionRecord| matches!(it.snapshot.state(), State::SignedOut { .. });
            match record.filter(|it| is_new || !is_out(it)) {
                Some(record) => {
                    index.choose(key, record.last_used);
                    if !is_out(&record) && index.of(key).is_none() {
                        let SessionRecord { identity, name, last_used, .. } = record;
                        index.put(Entry { key, identity, name, last_used });
                    }
                }
                None => index.forget(key),
            }
        }
    }
}

pub(super) async fn record_of(vault: &Vault, key: AccountKey) -> Option<SessionRecord> {
    match vault.load_session(key).await {
        Outcome::Value(bytes) => SessionRecord::read(&bytes),
        _ => None,
    }
}

/// What an account's own records say of it. Where there is none of its session yet, it was signed in to at `if_new`.
pub(super) async fn read_entry(vault: &Vault, key: AccountKey, if_new: u64) -> Option<Entry> {
    let record = record_of(vault, key).await;
    let last_used = record.as_ref().map_or(if_new, |record| record.last_used);
    let (recorded, name) = record.map(|record| (record.identity, record.name)).unwrap_or_default();
    let identity = match recorded {
        Some(identity) => identity,
        None => match vault.load_once(key).await {
            Outcome::Value(stored) => stored.credentials.identity,
            _ => return None,
        },
    };
    Some(Entry { key, identity: Some(identity), name, last_used })
}
