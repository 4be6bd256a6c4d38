//! What a reader of the disk finds: which credentials are there, and whether any went that had to stay (P2, P8).

use std::{collections::BTreeMap, sync::Arc};

use mainstay::{
    host::memory::MemoryLock,
    test_support::{FaultyFiles, SeededEntropy, Survivors, VirtualClock},
    vault::{AccountKey, Outcome, Stored, Vault, VaultHost},
};

use crate::{
    book::{Book, Promise},
    machine::Keys,
};

/// Older generations that are kept although no newer one was accepted (docs/adr/0006).
const MOST_KEPT_OLDER: usize = 3;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    access: Vec<String>,
}

#[derive(Clone, Debug)]
struct Shelf {
    subject: Option<String>,
    kept: BTreeMap<u64, Kept>,
}

/// What was there when somebody last looked.
#[derive(Default)]
pub struct Seen(BTreeMap<AccountKey, Shelf>);

impl Seen {
    /// Looks at a copy of the disk, and holds what it finds against what was there before.
    pub async fn look(
        &mut self,
        files: &FaultyFiles,
        survivors: Survivors,
        keys: &Keys,
        clock: &VirtualClock,
        book: &std::sync::Mutex<Book>,
        limit_passed: impl Fn(&str) -> bool,
    ) {
        let vault = Vault::new(VaultHost {
            files: Arc::new(files.reopen(survivors)),
            secrets: Arc::new(keys.inside.clone()),
            lock: Arc::new(MemoryLock::new()),
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SeededEntropy::new(1)),
        });
        let mut now = BTreeMap::new();
        for resident in vault.residents().await.unwrap_or_default() {
            let key = resident.account;
            match vault.load_once(key).await {
                Outcome::Value(stored) => {
                    now.insert(key, shelf(&stored));
                }
                Outcome::Empty => {}
                other => {
                    let how = format!("the vault cannot be opened: {}", kind(&other));
                    book.lock().unwrap().break_promise(Promise::P8, how);
                    return;
                }
            }
        }
        for Shelf { subject, kept } in now.values() {
            book.lock().unwrap().tell(format!("  on disk of {subject:?}: {kept:?}"));
        }
        for (key, before) in &self.0 {
            let mut book = book.lock().unwrap();
            let subject = before.subject.clone().unwrap_or_default();
            let ended = book.signed_out.contains(&subject) || (before.subject.is_none() && !book.signed_out.is_empty());
            match now.get(key) {
                _ if ended => {}
                None if limit_passed(&subject) => {}
                None => book.break_promise(Promise::P8, format!("the credentials of {subject} are gone")),
                Some(after) => compare(&mut book, before, after, limit_passed(&subject)),
            }
        }
        self.0 = now;
    }
}

fn compare(book: &mut Book, before: &Shelf, after: &Shelf, limit_passed: bool) {
    let newest = |shelf: &Shelf| shelf.kept.keys().next_back().copied().unwrap_or_default();
    let disowned = before
        .kept
        .range(newest(after) + 1..)
        .all(|(_, kept)| kept.access.iter().any(|token| book.foreign.contains(token)));
    if newest(after) < newest(before) && !limit_passed && !disowned {
        let how = format!("generation {} was stored, and {} is the newest now", newest(before), newest(after));
        return book.break_promise(Promise::P8, how);
    }
    for (number, kept) in &before.kept {
        if after.kept.contains_key(number) {
            continue;
        }
        // A later generation may have come, been accepted and gone again since somebody last looked; and one that only adds
        // a token for another audience shares its own with the one before.
        let issued = kept.access.iter().filter_map(|token| issued(token)).min().unwrap_or_default();
        let theirs = |asker: &String| before.subject.as_ref().is_none_or(|subject| subject == asker);
        let mut accepted = book.accepted.iter().filter(|(_, asker)| theirs(asker)).map(|(token, _)| token);
        let later = |token: &String| crate::disk::issued(token).is_some_and(|at| at > issued);
        let shared = after
            .kept
            .range(number + 1..)
            .any(|(_, kept)| kept.access.iter().any(|token| book.accepted.contains_key(token)));
        let superseded = newest(after) > *number && (shared || accepted.any(later));
        let foreign = kept.access.iter().any(|token| book.foreign.contains(token));
        let bound = after.kept.range(number + 1..).count() > MOST_KEPT_OLDER;
        if !superseded && !foreign && !bound && !limit_passed {
            let how = format!("generation {number} was destroyed, and none after it was ever accepted");
            return book.break_promise(Promise::P2, how);
        }
    }
}

/// Access tokens are numbered as they are issued.
fn issued(token: &str) -> Option<u64> {
    token.rsplit_once('-')?.1.parse().ok()
}

fn shelf(stored: &Stored) -> Shelf {
    let all = stored.previous.iter().chain([&stored.credentials]);
    let kept = |credentials: &mainstay::Credentials| Kept {
        access: credentials.access_tokens.iter().map(|token| token.token.expose_text().to_owned()).collect(),
    };
    let subject = all.clone().find_map(|credentials| credentials.identity.subject.clone());
    Shelf { subject, kept: all.map(|credentials| (credentials.generation.number(), kept(credentials))).collect() }
}

fn kind(outcome: &Outcome<Stored>) -> String {
    match outcome {
        Outcome::Value(_) => "it can".to_owned(),
        Outcome::Empty => "it is empty".to_owned(),
        Outcome::Locked(reason) => reason.to_string(),
        Outcome::Unreadable(reason) => reason.to_string(),
        Outcome::TooNew { version } => format!("version {version}"),
    }
}
