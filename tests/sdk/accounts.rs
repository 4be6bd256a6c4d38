//! Several people in one vault: who is here, whom the app works with, and what a crash between two writes may cost: nothing.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use mainstay::{
    AccountInfo, AccountKey, Client, Credentials, Error, Generation, Identity, Secret, Session, SignedOutReason, State,
    StoredAccessToken, Timestamp,
    host::{BoxFuture, FileError, FileName, Files},
    test_support::{FaultyFiles, Survivors, SwitchableSecretStore},
    vault::{Epoch, Vault},
};
use sha2::{Digest, Sha256};

use crate::till::{Setup, TOKEN_LIFE, Till, codes, is_signed_in};

fn index() -> FileName {
    FileName::new("vault.accounts").unwrap()
}

fn person(session: &Session) -> Option<String> {
    session.identity().and_then(|identity| identity.subject)
}

/// Whom the app works with.
fn active(client: &Client) -> Option<String> {
    client.session().as_ref().and_then(person)
}

async fn people(client: &Client) -> Vec<String> {
    let mut people: Vec<_> = client.accounts().await.unwrap().iter().map(|it| it.hint().unwrap().to_owned()).collect();
    people.sort();
    people
}

async fn account_of(client: &Client, who: &str) -> AccountInfo {
    let subject = |info: &AccountInfo| info.identity.as_ref().and_then(|identity| identity.subject.clone());
    let list = client.accounts().await.unwrap();
    let found = list.iter().find(|info| subject(info).as_deref() == Some(who));
    found.unwrap_or_else(|| panic!("{who} is not in {list:?}")).clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_names_whoever_is_signed_in_and_nobody_else() {
    let mut till = Till::new().await;
    assert_eq!(people(&till.client).await, Vec::<String>::new());
    for cashier in ["ada", "grace", "edith"] {
        till.sign_in(cashier).await;
        till.pass(std::time::Duration::from_secs(1)).await;
    }
    for restarts in [false, true] {
        if restarts {
            till.restart().await;
        }
        let list = till.client.accounts().await.unwrap();
        let hints: Vec<_> = list.iter().map(|info| info.hint().unwrap()).collect();
        assert_eq!(hints, ["Edith", "Grace", "Ada"], "the last used first");
        assert!(list.iter().all(|info| matches!(info.state, Some(State::SignedIn { .. }))), "{list:?}");
        assert_eq!(list.iter().map(|info| info.is_active).collect::<Vec<_>>(), [true, false, false]);
        assert!(list.iter().all(|info| info.last_used > 0));
    }
    let grace = till.client.open_account(account_of(&till.client, "grace").await.id).await.unwrap();
    till.wait_for(grace.sign_out()).await.unwrap();
    assert_eq!(people(&till.client).await, ["Ada", "Edith"]);
    let edith = account_of(&till.client, "edith").await.id;
    till.wait_for(till.client.remove_account(edith)).await.unwrap();
    till.settle().await;
    assert_eq!(people(&till.client).await, ["Ada"]);
    till.restart().await;
    assert_eq!(people(&till.client).await, ["Ada"]);
    assert!(till.client.session().is_none(), "the active account was removed, and nobody else is put in its place");
    assert_eq!(till.client.open_account(edith).await.err(), Some(Error::SignInRequired));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_survives_a_restart_and_signs_nobody_out() {
    let mut till = Till::new().await;
    for cashier in ["ada", "grace", "edith"] {
        till.sign_in(cashier).await;
    }
    assert_eq!(active(&till.client).as_deref(), Some("edith"));
    for cashier in ["ada", "edith", "grace", "ada"] {
        let id = account_of(&till.client, cashier).await.id;
        let session = till.client.switch_account(id).await.unwrap();
        assert_eq!(person(&session).as_deref(), Some(cashier));
        assert_eq!(active(&till.client).as_deref(), Some(cashier));
        till.restart().await;
        assert_eq!(active(&till.client).as_deref(), Some(cashier));
    }
    for session in till.client.sessions() {
        till.assert_sells(&session).await;
    }
    assert_eq!(till.client.sessions().len(), 3);
}

/// A cashier goes home. Whoever is signed in besides is not put in their place: the next sale would be on their name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_sign_out_nobody_else_becomes_the_active_one() {
    let mut till = Till::new().await;
    till.sign_in("ada").await;
    let grace = till.sign_in("grace").await;
    till.wait_for(grace.sign_out()).await.unwrap();
    till.settle().await;
    let out = State::SignedOut { reason: SignedOutReason::User };
    assert_eq!(till.client.session().unwrap().state().state, out);
    let session = till.restart().await.unwrap();
    assert_eq!(session.state().state, out);
    assert_eq!(people(&till.client).await, ["Ada"]);
    let ada = till.client.switch_account(account_of(&till.client, "ada").await.id).await.unwrap();
    till.settle().await;
    till.assert_sells(&ada).await;
}

/// 1. Two processes share a vault in which ada and grace are signed in. 2. One switches, the other must not notice.
/// 3. One lets edith sign in. The other lists her at once, and opens her session without a restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_of_another_process_is_listed_and_opened_at_once_and_a_switch_there_changes_nothing_here() {
    let mut till = Till::new().await;
    till.sign_in("ada").await;
    till.sign_in("grace").await;
    let (other, _process) = till.second_process().await;
    assert_eq!(active(&other).as_deref(), Some("grace"));

    till.client.switch_account(account_of(&till.client, "ada").await.id).await.unwrap();
    till.settle().await;
    assert_eq!((active(&till.client).as_deref(), active(&other).as_deref()), (Some("ada"), Some("grace")));
    assert!(other.sessions().iter().all(is_signed_in));

    till.sign_in("edith").await;
    let edith = account_of(&other, "edith").await;
    assert_eq!((edith.state, edith.hint()), (None, Some("Edith")));
    let session = other.open_account(edith.id).await.unwrap();
    till.settle().await;
    till.assert_sells(&session).await;
    assert_eq!(active(&other).as_deref(), Some("grace"));
    assert_eq!(till.prompts(), 3);
    till.restart().await;
    assert_eq!(active(&till.client).as_deref(), Some("edith"));
}

/// Whoever asks first, the account of one person is one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_who_signs_in_in_two_processes_has_one_account() {
    let till = Till::new().await;
    let (other, _process) = till.second_process().await;
    let here = till.sign_in("ada").await;
    till.control().script_sign_in("ada");
    let there = till.wait_for(other.sign_in(&till.browser())).await.unwrap();
    till.settle().await;
    assert_eq!(here.account_id(), there.account_id());
    assert_eq!((people(&till.client).await, people(&other).await), (vec!["Ada".to_owned()], vec!["Ada".to_owned()]));
    assert_eq!(here.state().generation, there.state().generation, "{:?}", codes(&here));
}

/// The app's device is locked at the start. Unlocked, it is with the cashier who was there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vault_that_is_unlocked_later_comes_back_with_the_active_account() {
    let keys = SwitchableSecretStore::new();
    let mut till = Setup::new().key_store(keys.clone()).till().await;
    for cashier in ["ada", "grace", "edith"] {
        till.sign_in(cashier).await;
    }
    for cashier in ["ada", "grace"] {
        till.client.switch_account(account_of(&till.client, cashier).await.id).await.unwrap();
        till.settle().await;
        keys.fail_with(mainstay::host::SecretStoreError::Locked);
        till.restart().await;
        assert!(matches!(till.client.session().unwrap().state().state, State::Locked { .. }));
        let list = till.client.accounts().await.unwrap();
        assert!(list.len() == 3 && list.iter().all(|info| info.hint().is_none()), "{list:?}");
        keys.recover();
        till.pass(std::time::Duration::from_secs(60)).await;
        assert_eq!(active(&till.client).as_deref(), Some(cashier));
        assert_eq!(people(&till.client).await, ["Ada", "Edith", "Grace"]);
    }
}

// ---- the index is not what is true ----------------------------------------------------------------------------------

/// The index as a newer release might leave it: whole, and of another version.
pub fn of_a_newer_release(mut file: Vec<u8>) -> Vec<u8> {
    let content = file.len() - 8;
    file[9] = 2;
    let digest = Sha256::digest(&file[..content]);
    file[content..].copy_from_slice(&digest[..8]);
    file
}

/// C16 and I4, for the index: whatever becomes of it, everybody is still signed in, and the app is with who it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_is_lost_damaged_stale_or_too_new_costs_nobody_anything() {
    let disk = FaultyFiles::new();
    let mut till = Setup::new().disk(disk.clone()).till().await;
    till.sign_in("ada").await;
    let stale = disk.contents()[&index()].clone();
    for cashier in ["grace", "edith"] {
        till.sign_in(cashier).await;
    }
    till.kill().await;
    let whole = disk.contents()[&index()].clone();
    let flipped = |at: usize| {
        let mut file = whole.clone();
        file[at] ^= 1;
        file
    };
    let newer = of_a_newer_release(whole.clone());
    let kinds: [(&str, Option<Vec<u8>>); 8] = [
        ("as it was", Some(whole.clone())),
        ("lost", None),
        ("empty", Some(Vec::new())),
        ("truncated", Some(whole[..whole.len() / 2].to_vec())),
        ("damaged in its header", Some(flipped(20))),
        ("damaged in its content", Some(flipped(120))),
        ("stale", Some(stale)),
        ("too new", Some(newer.clone())),
    ];
    for (kind, file) in kinds {
        let copy = disk.reopen(Survivors::Everything);
        match file {
            Some(file) => copy.put(&index(), file),
            None => copy.remove(&index()).await.unwrap(),
        }
        till.machine.files = Arc::new(copy.clone());
        till.restart().await;
        assert_eq!(active(&till.client).as_deref(), Some("edith"), "{kind}");
        assert_eq!(people(&till.client).await, ["Ada", "Edith", "Grace"], "{kind}");
        let ada = till.client.switch_account(account_of(&till.client, "ada").await.id).await.unwrap();
        till.settle().await;
        assert!(is_signed_in(&ada), "{kind}");
        let is_too_new = kind == "too new";
        assert_eq!(copy.contents()[&index()] == newer, is_too_new, "{kind}: made anew, unless it is not ours");
        till.restart().await;
        assert_eq!(people(&till.client).await, ["Ada", "Edith", "Grace"], "{kind}");
        assert_eq!(active(&till.client).as_deref(), Some("ada"), "{kind}");
        till.kill().await;
    }
}

/// What is done when the power is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    SignIn,
    Switch,
    SignOut,
    Remove,
}

/// What a cut came to.
struct Cut {
    /// Whether the power went before all was done.
    hit: bool,
    /// Whether the records were ahead of the index.
    behind: bool,
}

/// 1. Ada is signed in, and grace, but for a sign-in. 2. The power is cut after so many changes of the disk.
/// 3. Whoever was signed in before and after is listed, the one to whom it happened may be. The app is with one of the two.
async fn cut(deed: Deed, changes: usize, survivors: Survivors) -> Cut {
    let disk = FaultyFiles::new();
    let mut till = Setup::new().disk(disk.clone()).till().await;
    till.sign_in("ada").await;
    if deed != Deed::SignIn {
        till.sign_in("grace").await;
    }
    let key = |session: &Session| session.account_id().to_string();
    let known: Vec<_> = till.client.sessions().iter().map(key).collect();
    let index_before = disk.contents()[&index()].clone();
    let before = disk.log().len();
    disk.cut_after(changes);
    match deed {
        Deed::SignIn => {
            till.control().script_sign_in("grace");
            let _dies = till.wait_for(till.client.sign_in(&till.browser())).await;
        }
        Deed::Switch => {
            let ada = account_id(&till.client, "ada");
            let _dies = till.wait_for(till.client.switch_account(ada)).await;
        }
        Deed::SignOut => drop(till.wait_for(till.client.session().unwrap().sign_out()).await),
        Deed::Remove => {
            let grace = account_id(&till.client, "grace");
            let _dies = till.wait_for(till.client.remove_account(grace)).await;
        }
    }
    till.settle().await;
    till.kill().await;
    let hit = disk.log().len() >= before + changes;

    let rebooted = disk.reopen(survivors);
    let contents = rebooted.contents();
    let stale = contents.get(&index()).is_none_or(|file| *file == index_before);
    let is_current = |name: &&FileName| name.as_str().ends_with(".current");
    let now: Vec<_> = contents.keys().filter(is_current).map(|name| name.as_str()[..32].to_owned()).collect();
    let behind = stale && (now.len() != known.len() || now.iter().any(|key| !known.contains(key)));

    till.machine.files = Arc::new(rebooted);
    till.restart().await;
    let told = format!("{deed:?} {changes} {survivors:?}");
    let list = people(&till.client).await;
    assert!(list.contains(&"Ada".to_owned()), "{told}: {list:?}");
    // Before her session has a record of its own, only the credentials tell who she is.
    assert!(list.iter().all(|who| ["Ada", "Grace", "grace"].contains(&who.as_str())), "{told}: {list:?}");
    let has_grace = list.len() == 2;
    assert!(has_grace || deed != Deed::Switch, "{told}: {list:?}");
    let active = active(&till.client);
    let may_be: &[Option<&str>] = match deed {
        Deed::SignIn | Deed::Switch => &[Some("ada"), Some("grace")],
        // Signed out or removed, the account is grace's own or nobody's, and never ada's.
        Deed::SignOut | Deed::Remove => &[None, Some("grace")],
    };
    assert!(may_be.contains(&active.as_deref()), "{told}: {active:?}");
    if !hit {
        let expected = if deed == Deed::SignIn { Some("grace") } else { None };
        assert!(active.as_deref() == expected || deed == Deed::Switch, "{told}: {active:?}");
    }
    let ada = till.client.switch_account(account_of(&till.client, "ada").await.id).await.unwrap();
    till.settle().await;
    till.assert_sells(&ada).await;
    assert_eq!(till.control().observations().reuse_detections, 0, "{told}");
    Cut { hit, behind }
}

fn account_id(client: &Client, who: &str) -> AccountKey {
    client.sessions().iter().find(|session| person(session).as_deref() == Some(who)).unwrap().account_id()
}

async fn cut_everywhere(deed: Deed, least: usize) {
    let mut behind = 0;
    for survivors in [Survivors::Durable, Survivors::Everything] {
        let mut changes = 0;
        loop {
            let cut = cut(deed, changes, survivors).await;
            behind += usize::from(cut.behind);
            if !cut.hit {
                break;
            }
            changes += 1;
            assert!(changes < 100, "the disk never had enough changes");
        }
        assert!(changes >= least, "{deed:?} changes the disk: {changes}");
    }
    // The control: there were cuts after which the index alone would have told a wrong story.
    assert!(behind > 0 || deed == Deed::Switch, "{deed:?}: no cut left the index behind the records");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_cut_short_anywhere_loses_nobody() {
    cut_everywhere(Deed::SignIn, 10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_cut_short_anywhere_loses_nobody() {
    cut_everywhere(Deed::Switch, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_out_cut_short_anywhere_loses_nobody_else() {
    cut_everywhere(Deed::SignOut, 8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_cut_short_anywhere_loses_nobody_else() {
    cut_everywhere(Deed::Remove, 8).await;
}

// ---- a thousand -----------------------------------------------------------------------------------------------------

/// A disk that knows whose files were read.
#[derive(Clone)]
struct Counted {
    disk: FaultyFiles,
    read: Arc<Mutex<BTreeSet<String>>>,
}

impl Files for Counted {
    fn read(&self, name: &FileName, limit: usize) -> BoxFuture<'_, Result<Option<Vec<u8>>, FileError>> {
        if let Some((account, _)) = name.as_str().split_once('.').filter(|(account, _)| account.len() == 32) {
            self.read.lock().unwrap().insert(account.to_owned());
        }
        self.disk.read(name, limit)
    }
    fn create(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        self.disk.create(name, content)
    }
    fn overwrite(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        self.disk.overwrite(name, content)
    }
    fn sync(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.disk.sync(name)
    }
    fn rename(&self, from: &FileName, to: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.disk.rename(from, to)
    }
    fn remove(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.disk.remove(name)
    }
    fn sync_folder(&self) -> BoxFuture<'_, Result<(), FileError>> {
        self.disk.sync_folder()
    }
    fn list(&self) -> BoxFuture<'_, Result<Vec<FileName>, FileError>> {
        self.disk.list()
    }
}

/// Somebody's credentials, as an earlier run left them.
fn credentials(till: &Till, who: &str) -> Credentials {
    let now = Timestamp::from_millis(crate::till::EVENING_MS);
    Credentials {
        generation: Generation::FIRST,
        identity: Identity {
            issuer: till.server.issuer().to_owned(),
            subject: Some(who.to_owned()),
            tenant: Vec::new(),
        },
        access_tokens: vec![StoredAccessToken {
            token: Secret::from_text(&format!("access-{who}")),
            token_type: "Bearer".to_owned(),
            audience: None,
            scopes: Vec::new(),
            received_at: now,
            expires_at: now.plus(TOKEN_LIFE),
        }],
        refresh_token: Some(Secret::from_text(&format!("refresh-{who}"))),
        dpop_key: None,
    }
}

/// Of how many accounts a start reads anything: the first, which has no index, and the second.
async fn accounts_read_by_two_starts(accounts: usize) -> (usize, usize) {
    let counted = Counted { disk: FaultyFiles::new(), read: Arc::default() };
    let mut till = Setup::new().disk(counted.clone()).till().await;
    till.wire.unplug();
    let vault = Vault::new((&till.machine).into());
    for number in 0..accounts {
        let key = AccountKey::from_name(&format!("cashier-{number}"));
        let credentials = credentials(&till, &format!("cashier-{number}"));
        vault.first_save(key, &credentials, Epoch::default()).await.unwrap();
    }
    let mut reads = [0; 2];
    for count in &mut reads {
        till.kill().await;
        counted.read.lock().unwrap().clear();
        till.restart().await;
        *count = counted.read.lock().unwrap().len();
        assert!(is_signed_in(&till.client.session().unwrap()));
    }
    assert_eq!(till.client.accounts().await.unwrap().len(), accounts);
    let last = AccountKey::from_name(&format!("cashier-{}", accounts - 1));
    let session = till.client.switch_account(last).await.unwrap();
    till.settle().await;
    assert!(is_signed_in(&session));
    (reads[0], reads[1])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opening_one_of_a_thousand_accounts_does_not_read_them_all() {
    let (_, few) = accounts_read_by_two_starts(10).await;
    let (anew, many) = accounts_read_by_two_starts(1000).await;
    println!("measured: a start reads {few} of 10 accounts, {many} of 1,000, and {anew} without an index");
    assert_eq!((few, many), (8, 8));
    // The control: without an index it reads them all.
    assert_eq!(anew, 1000);
}
