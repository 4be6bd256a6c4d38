//! Which accounts there are, which of them this process has opened, and which one the app works with.
//!
//! The accounts' own records are what is true. The [index](super::index) saves reading them, and is made anew from them
//! where it is behind: it is written after the record in every case, and the folder's names tell which records it lacks.

use std::{
    cmp::Reverse,
    sync::{Arc, Mutex, Weak},
};

use mainstay_core::{Answer, IssuerPacing, Policy, Session as Core, SignedOutReason, State};

use super::{
    account::{Account, Deployment, SessionState, lock},
    index::{self, Entry, Found, Index},
    record::SessionRecord,
    survey::{Survey, read_entry, record_of, survey},
    task::Task,
};
use crate::{
    Error, Identity,
    error::Failure,
    profile::Probe,
    vault::{AccountKey, Outcome, Resident, Vault, VaultError},
};

/// The accounts that this process has opened, and the one that the app works with.
pub(super) struct Roster {
    deployment: Arc<Deployment>,
    scopes: Vec<String>,
    opened: Mutex<Vec<Arc<Account>>>,
}

/// The account that the app works with.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Active {
    /// Nobody could read yet who it is.
    #[default]
    Unknown,
    Nobody,
    Account(AccountKey),
}

/// An account where somebody is signed in, for a list to choose from.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountInfo {
    /// Which: for [`Client::switch_account`](crate::Client::switch_account) and the like.
    pub id: AccountKey,
    /// Whose it is; `None` while the vault is locked, or where nothing ever proved it.
    pub identity: Option<Identity>,
    /// What the server calls the person (the claims `name`, `preferred_username` or `email`), if it does.
    pub name: Option<String>,
    /// Where its session stands; `None` as long as this process has not opened it.
    pub state: Option<State>,
    /// When somebody signed in to it or switched to it last, in milliseconds of wall time; zero if nobody knows.
    pub last_used: u64,
    /// Whether it is the one that this process works with.
    pub is_active: bool,
}

impl AccountInfo {
    /// What to call it in a list: the person's name, or else the subject.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.name.as_deref().or(self.identity.as_ref().and_then(|identity| identity.subject.as_deref()))
    }
}

impl Roster {
    /// Opens what the survey found.
    pub(super) fn new(deployment: &Arc<Deployment>, scopes: &[String], survey: Survey) -> Arc<Self> {
        let roster =
            Arc::new(Self { deployment: Arc::clone(deployment), scopes: scopes.to_vec(), opened: Mutex::default() });
        let is_known = survey.is_known;
        roster.take_up(survey);
        if !is_known && let Some(first) = roster.opened().first() {
            let look_again = look_again(Arc::downgrade(&roster), first.board.subscribe());
            deployment.server.host.spawn.spawn("mainstay-roster", Box::pin(look_again));
        }
        roster
    }

    fn take_up(&self, survey: Survey) {
        for (key, record) in survey.opens {
            self.account_at(key, record);
        }
        self.deployment.stamped(survey.latest);
        if survey.is_known {
            *lock(&self.deployment.active) = survey.active.map_or(Active::Nobody, Active::Account);
        }
        if let Some(repaired) = survey.repaired {
            self.change_index(move |index| {
                index.complete(repaired.entries());
                index.retain(|key| repaired.of(key).is_some());
                if let Some(active) = repaired.active {
                    index.choose(active, repaired.chosen_at);
                }
            });
        }
    }

    pub(super) const fn deployment(&self) -> &Arc<Deployment> {
        &self.deployment
    }

    /// The accounts that this process has opened, removed ones excepted.
    pub(super) fn opened(&self) -> Vec<Arc<Account>> {
        let mut accounts = lock(&self.opened).clone();
        accounts.retain(|account| !is_removed(account));
        accounts
    }

    /// The account that the app works with. As long as nobody could read which, the first that is not signed out.
    pub(super) fn active(&self) -> Option<Arc<Account>> {
        let active = *lock(&self.deployment.active);
        let mut opened = self.opened().into_iter();
        match active {
            Active::Nobody => None,
            Active::Account(key) => opened.find(|account| account.key == key),
            Active::Unknown => {
                let first = opened.next();
                opened.find(|account| first.as_ref().is_some_and(|it| is_out(it)) && !is_out(account)).or(first)
            }
        }
    }

    /// Whether whoever worked here last signed out, or their account was removed. Then a browser may still know them.
    pub(super) async fn somebody_left(&self) -> bool {
        if let Some(account) = self.active() {
            account.opened().await;
            let state = account.board.borrow().state;
            return matches!(state, State::SignedOut { reason } if reason != SignedOutReason::NeverSignedIn);
        }
        let residents = self.deployment.vault.residents().await.unwrap_or_default();
        residents.iter().any(|resident| resident.was_signed_out)
    }

    /// Every account in which somebody is signed in, those of other processes included, the last used first.
    pub(super) async fn list(&self) -> Result<Vec<AccountInfo>, VaultError> {
        let vault = &self.deployment.vault;
        let residents = vault.residents().await?;
        let index = match Index::find(vault).await {
            Found::Index(index) => index,
            Found::Nothing | Found::Closed => Index::default(),
        };
        let opened = self.opened();
        let active = self.active().map(|account| account.key);
        let mut list = Vec::new();
        for account in opened.iter().filter(|account| !is_out(account)) {
            let noted = index.of(account.key);
            let identity = lock(&account.identity).clone();
            let name = lock(&account.name).clone();
            list.push(AccountInfo {
                id: account.key,
                identity: identity.or_else(|| noted.as_ref().and_then(|entry| entry.identity.clone())),
                name: name.or_else(|| noted.as_ref().and_then(|entry| entry.name.clone())),
                state: Some(account.board.borrow().state),
                last_used: account.last_used().max(noted.map_or(0, |entry| entry.last_used)),
                is_active: active == Some(account.key),
            });
        }
        let mut lacks = Vec::new();
        for resident in residents.iter().filter(|resident| resident.has_credentials) {
            let key = resident.account;
            if lock(&self.opened).iter().any(|account| account.key == key && !is_removed(account))
                || is_void(vault, resident).await
            {
                continue;
            }
            let entry = match index.of(key) {
                Some(entry) => entry,
                None => match read_entry(vault, key, 0).await {
                    Some(entry) => {
                        lacks.push(entry.clone());
                        entry
                    }
                    None => Entry { key, identity: None, name: None, last_used: 0 },
                },
            };
            let Entry { identity, name, last_used, .. } = entry;
            list.push(AccountInfo { id: key, identity, name, state: None, last_used, is_active: false });
        }
        if !lacks.is_empty() && !index.is_cut {
            self.change_index(move |index| index.complete(lacks));
        }
        list.sort_by_key(|info| (Reverse(info.last_used), info.id));
        Ok(list)
    }

    /// Opens an account, if it is not open yet.
    ///
    /// # Errors
    /// [`Error::SignInRequired`] if nobody is signed in there.
    pub(super) async fn open(&self, key: AccountKey) -> Result<Arc<Account>, Error> {
        if let Some(account) = self.opened().into_iter().find(|account| account.key == key) {
            return Ok(account);
        }
        let residents = self.deployment.vault.residents().await.map_err(Failure::from)?;
        if !residents.iter().any(|resident| resident.account == key && resident.has_credentials) {
            return Err(Error::SignInRequired);
        }
        Ok(self.open_or_make(key).await)
    }

    /// Opens every account that is here, for what concerns all of them.
    pub(super) async fn open_all(&self) -> Result<Vec<Arc<Account>>, VaultError> {
        for resident in self.deployment.vault.residents().await? {
            if resident.has_credentials {
                self.open_or_make(resident.account).await;
            }
        }
        Ok(self.opened())
    }

    /// The account of whoever has just signed in: theirs, if they have one here, else one of their own. A signed-out one of
    /// somebody else stays theirs.
    pub(super) async fn account_for(&self, identity: &Identity) -> Result<Arc<Account>, VaultError> {
        if identity.subject.is_none() {
            return Ok(self.account_at(AccountKey::from_bytes(self.deployment.server.draw()), None));
        }
        if let Some(known) = self.account_of(identity) {
            return Ok(known);
        }
        let vault = &self.deployment.vault;
        let noted = match Index::find(vault).await {
            Found::Index(index) => index.account_of(identity),
            Found::Nothing | Found::Closed => None,
        };
        let key = match noted {
            Some(key) => key,
            None => match vault.account_of(identity).await? {
                Some(key) => key,
                None => AccountKey::from_bytes(self.deployment.server.draw()),
            },
        };
        let account = self.open_or_make(key).await;
        account.opened().await;
        Ok(account)
    }

    /// The opened account of this person, if they are signed in.
    pub(super) fn account_of(&self, identity: &Identity) -> Option<Arc<Account>> {
        let is_theirs = |account: &Arc<Account>| lock(&account.identity).as_ref() == Some(identity);
        lock(&self.opened).iter().find(|account| is_theirs(account)).filter(|_| identity.subject.is_some()).cloned()
    }

    pub(super) async fn open_or_make(&self, key: AccountKey) -> Arc<Account> {
        let is_open = lock(&self.opened).iter().any(|account| account.key == key);
        let record = if is_open { None } else { record_of(&self.deployment.vault, key).await };
        self.account_at(key, record)
    }

    fn account_at(&self, key: AccountKey, record: Option<SessionRecord>) -> Arc<Account> {
        let mut opened = lock(&self.opened);
        if let Some(known) = opened.iter().find(|account| account.key == key) {
            return Arc::clone(known);
        }
        let server = &self.deployment.server;
        let policy = Policy {
            can_probe: server.profile.probe != Probe::None,
            fresh_connections: server.host.transport.can_open_fresh_connections(),
            can_reauthenticate: self.deployment.provider.is_some(),
            has_status: false,
        };
        let (core, effects) = Core::start(policy, server.line.now());
        let state = SessionState {
            state: core.state(),
            unsaved: false,
            generation: None,
            prompting: false,
            answer: Answer::Wait { until: None },
            next: core.next(&IssuerPacing::default()),
        };
        let (account, messages) = Account::new(key, Arc::clone(&self.deployment), self.scopes.clone(), record, state);
        opened.push(Arc::clone(&account));
        drop(opened);
        Task::start(&account, messages, (core, effects));
        account
    }

    // ---- the account that the app works with -------------------------------------------------------------------

    /// Nobody, if it was this one.
    pub(super) async fn remove(&self, key: AccountKey) {
        {
            let mut active = lock(&self.deployment.active);
            if *active == Active::Account(key) {
                *active = Active::Nobody;
            }
        }
        index::change(&self.deployment, move |index| {
            index.forget(key);
            index.active = index.active.filter(|active| *active != key);
        })
        .await;
    }

    fn change_index(&self, change: impl FnOnce(&mut Index) + crate::host::MaybeSend + 'static) {
        let deployment = Arc::clone(&self.deployment);
        let work = async move { index::change(&deployment, change).await };
        self.deployment.server.host.spawn.spawn("mainstay-index", Box::pin(work));
    }
}

/// Reads who is here once the vault can be opened, if the app has not said meanwhile whom it works with.
async fn look_again(roster: Weak<Roster>, mut board: tokio::sync::watch::Receiver<SessionState>) {
    let is_open = |board: &SessionState| !matches!(board.state, State::Starting | State::Locked { .. });
    if board.wait_for(is_open).await.is_err() {
        return;
    }
    let Some(roster) = roster.upgrade() else { return };
    let Ok(survey) = survey(&roster.deployment.vault).await else { return };
    if survey.active.is_some() && *lock(&roster.deployment.active) == Active::Unknown {
        roster.take_up(survey);
    }
}

/// Whether what is there was written before a sign-out that was cut short.
async fn is_void(vault: &Vault, resident: &Resident) -> bool {
    resident.was_signed_out
        && vault.glance(resident.account).await.is_ok_and(|seen| seen.generation.is_none())
        && matches!(vault.load_once(resident.account).await, Outcome::Empty)
}

impl Account {
    /// Makes it the one that the app works with, here and at the next start; other processes keep theirs.
    pub(super) async fn choose(self: &Arc<Self>) {
        *lock(&self.deployment.active) = Active::Account(self.key);
        let account = Arc::clone(self);
        index::change(&self.deployment, move |index| {
            index.choose(account.key, account.last_used().max(index.chosen_at.saturating_add(1)));
            account.note_in(index);
        })
        .await;
    }

    /// Notes who is signed in here, if somebody is.
    pub(super) fn note_in(&self, index: &mut Index) {
        if !is_out(self) {
            let (identity, name) = (lock(&self.identity).clone(), lock(&self.name).clone());
            index.put(Entry { key: self.key, identity, name, last_used: self.last_used() });
        }
    }
}

fn is_out(account: &Account) -> bool {
    matches!(account.board.borrow().state, State::SignedOut { .. })
}

fn is_removed(account: &Account) -> bool {
    let removed = State::SignedOut { reason: SignedOutReason::AccountRemoved };
    account.board.borrow().state == removed
}
