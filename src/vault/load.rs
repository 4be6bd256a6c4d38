//! Reading an account.

use std::time::Duration;

use mainstay_core::Generation;
use zeroize::Zeroizing;

use super::{
    AccountKey, Epoch, Fingerprint, Outcome, UnreadableReason, Vault,
    names::{Of, Single},
    outcome::Closed,
    payload::{self, IntentV1},
    reading::{Opened, Reading},
    shelf::Shelf,
};
use crate::{Credentials, host::FileName};

/// How often an unreadable account is read before it is believed to be unreadable.
const TRIES: u8 = 3;

/// What is stored for a signed-in account.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The current generation.
    pub credentials: Credentials,
    /// Older generations that are still kept, because no successor was accepted yet; the newest first.
    pub previous: Vec<Credentials>,
    /// A refresh that was begun and whose end nobody saw: its refresh token may have been spent.
    pub intent: Option<Intent>,
    /// The state that the driver saved last.
    pub session: Option<Vec<u8>>,
    /// Fingerprints of the tokens that the session was imported with, if it was.
    pub imported: Vec<Fingerprint>,
    /// The account's epoch.
    pub epoch: Epoch,
    /// Files that could not be read although the account could: the credentials above may not be the newest.
    pub damaged: Vec<Damage>,
}

/// A refresh under way, or cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The generation whose refresh token was about to be spent: the current one.
    pub generation: Generation,
    /// The fingerprint of that token.
    pub fingerprint: Fingerprint,
}

/// A file that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: FileName,
    /// What is wrong with it.
    pub reason: UnreadableReason,
}

impl Vault {
    /// Reads an account. What is unreadable is tried three times, up to half a second in all, on the host's clock.
    pub async fn load(&self, account: AccountKey) -> Outcome<Stored> {
        for _ in 1..TRIES {
            match self.load_once(account).await {
                Outcome::Unreadable(reason) => tracing::info!(name: "vault.load.again", %account, %reason),
                outcome => return outcome,
            }
            let pause = Duration::from_millis(50).saturating_add(Duration::from_millis(self.disk.draw() % 200));
            self.clock.sleep_until(self.clock.monotonic().saturating_add(pause)).await;
        }
        self.load_once(account).await
    }

    /// Reads an account, once.
    pub async fn load_once(&self, account: AccountKey) -> Outcome<Stored> {
        self.load_shelf(account).await.into()
    }

    async fn load_shelf(&self, account: AccountKey) -> Result<Stored, Closed> {
        let more = [Single::Intent, Single::Session].map(|single| Of(account).single(single));
        let (mut shelf, mut reading) = self.shelf_and_more(account, &more).await?;
        if shelf.void {
            self.finish_sign_out(account, shelf.epoch).await;
        }
        let generation = shelf.newest()?.credentials.generation;
        let intent = load_intent(&mut reading, &mut shelf).await?;
        let session = load_noting(&mut reading, Single::Session, &mut shelf).await?;
        let mut generations = shelf.generations.into_iter().map(|book| book.credentials);
        Ok(Stored {
            credentials: generations.next().ok_or(Closed::Empty)?,
            previous: generations.collect(),
            intent: intent.filter(|intent| intent.generation == generation),
            session: session.map(|session| session.to_vec()),
            imported: shelf.repeated.imported.into_iter().map(Fingerprint).collect(),
            epoch: shelf.epoch,
            damaged: shelf.damaged,
        })
    }

    /// Destroys what a sign-out left behind when it was cut short.
    async fn finish_sign_out(&self, account: AccountKey, epoch: Epoch) {
        if let Err(error) = self.destroy_void(account, epoch).await {
            tracing::warn!(name: "vault.sign_out.leftover", %account, %error);
        }
    }

    /// A record that an account has one of, and the epoch it was written in.
    pub(super) async fn load_record(
        &self,
        account: AccountKey,
        single: Single,
    ) -> Result<(Epoch, Zeroizing<Vec<u8>>), Closed> {
        let opened = self.open_record(account, &Of(account).single(single), single.kind()).await?;
        opened.map(|Opened { epoch, content, .. }| (epoch, content)).ok_or(Closed::Empty)
    }
}

async fn load_intent(reading: &mut Reading<'_>, shelf: &mut Shelf) -> Result<Option<Intent>, Closed> {
    let damages = shelf.damaged.len();
    let content = load_noting(reading, Single::Intent, shelf).await?;
    if shelf.damaged.len() > damages {
        return damaged_intent(reading, shelf).await;
    }
    let intent = content.and_then(|content| payload::decode::<IntentV1>(&content).ok());
    Ok(intent.map(|intent| Intent { generation: intent.generation, fingerprint: Fingerprint(intent.fingerprint) }))
}

/// An intent that cannot be read may be one for the current refresh token: careful is to say that it is.
async fn damaged_intent(reading: &mut Reading<'_>, shelf: &Shelf) -> Result<Option<Intent>, Closed> {
    let keys = reading.keys().await?;
    let credentials = &shelf.newest()?.credentials;
    Ok(credentials
        .refresh_token
        .as_ref()
        .map(|token| Intent { generation: credentials.generation, fingerprint: keys.fingerprinter.fingerprint(token) }))
}

/// A record beside the generations; one that cannot be read is noted, and costs nothing else.
async fn load_noting(
    reading: &mut Reading<'_>,
    single: Single,
    shelf: &mut Shelf,
) -> Result<Option<Zeroizing<Vec<u8>>>, Closed> {
    let file = Of(reading.account).single(single);
    match reading.open(&file, single.kind()).await {
        Ok(opened) => Ok(opened.filter(|it| it.epoch >= shelf.epoch).map(|it| it.content)),
        Err(Closed::Unreadable(reason)) => {
            shelf.damaged.push(Damage { file, reason });
            Ok(None)
        }
        Err(closed) => Err(closed),
    }
}
