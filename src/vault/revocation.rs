//! What is still to be revoked at a server, however long the network is away.

use zeroize::Zeroizing;

use super::{
    AccountKey, Epoch, Outcome, PATIENCE, Vault, VaultError,
    names::{self, Single},
    outcome::Closed,
    payload::{self, GenerationV1, IntentV1, RevocableV1, RevocationV1, SecretText},
    reading::Opened,
    record::{self, Header, Kind, NO_ACCOUNT},
};
use crate::{
    Credentials, Secret,
    host::{FileName, Held},
    secret::append,
};

/// The most entries in the queue; the oldest go first.
const MOST: usize = 100;

/// How long an entry is kept: 7 days, in milliseconds. No refresh token outlives its sign-out longer (P2).
const OLDEST: u64 = 7 * 24 * 60 * 60 * 1000;

/// Something that a server should forget.
#[derive(Clone, Debug)]
pub struct Revocation {
    /// What it is.
    pub what: Revocable,
    /// The issuer it came from.
    pub issuer: String,
    /// Where to send it; `None`: to be discovered from the issuer.
    pub endpoint: Option<String>,
    /// The refresh token, or [`Enrolment::to_secret`].
    pub token: Secret,
}

impl Revocation {
    /// What a session leaves for its server to forget, if anything. `enrolled_as` is what the server calls its device key.
    #[must_use]
    pub fn of(credentials: &Credentials, enrolled_as: Option<&str>) -> Option<Self> {
        let access_token = credentials.access_tokens.first().map(|token| token.token.clone());
        let refresh_token = credentials.refresh_token.clone();
        let has_any = access_token.is_some() || refresh_token.is_some();
        let (what, token) = match enrolled_as.filter(|_| has_any) {
            Some(name) => {
                let access_token = access_token.unwrap_or_default();
                let enrolment = Enrolment { key_id: name.to_owned(), access_token, refresh_token };
                (Revocable::DeviceEnrolment, enrolment.to_secret())
            }
            None => (Revocable::RefreshToken, refresh_token?),
        };
        Some(Self { what, issuer: credentials.identity.issuer.clone(), endpoint: None, token })
    }
}

/// A device key that a server should forget, and what to ask it with.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// What the server calls the key.
    pub key_id: String,
    /// Says who asks, as long as it is good. Empty if there is none.
    pub access_token: Secret,
    /// Brings another one, and is revoked itself in the end.
    pub refresh_token: Option<Secret>,
}

impl Enrolment {
    /// The form in which it is queued: a line each. No token has a line break in it (RFC 6749 appendix A).
    #[must_use]
    pub fn to_secret(&self) -> Secret {
        let mut lines = Zeroizing::new(Vec::new());
        append(&mut lines, self.key_id.as_bytes());
        for token in [Some(&self.access_token), self.refresh_token.as_ref()].into_iter().flatten() {
            append(&mut lines, b"\n");
            append(&mut lines, token.expose());
        }
        Secret::new(std::mem::take(&mut *lines))
    }

    /// What [`to_secret`](Self::to_secret) made; `None` if it is something else.
    #[must_use]
    pub fn read(queued: &Secret) -> Option<Self> {
        let mut lines = queued.expose_text().split('\n');
        let (key_id, access_token) = (lines.next()?.to_owned(), Secret::from_text(lines.next()?));
        let refresh_token = lines.next().map(Secret::from_text);
        Some(Self { key_id, access_token, refresh_token })
    }
}

/// What can be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocable {
    /// A refresh token (RFC 7009).
    RefreshToken,
    /// A device key's enrolment, and then the session's refresh token, if there is one: that comes last, because its end may be
    /// the end of the access token which is to withdraw the key.
    DeviceEnrolment,
}

/// Names an entry of the queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RevocationId(FileName);

/// An entry of the queue.
#[derive(Clone, Debug)]
pub struct PendingRevocation {
    /// For [`Vault::finish_revocation`].
    pub id: RevocationId,
    /// What to revoke, and where.
    pub revocation: Revocation,
    /// When it was queued, in milliseconds of wall time.
    pub queued_at: u64,
}

impl Vault {
    /// Queues a revocation, durably and sealed. At most 100 are kept, for at most 7 days of wall time.
    ///
    /// # Errors
    /// On an error nothing is queued, and the token is only in the caller's memory.
    pub async fn queue_revocation(&self, revocation: &Revocation) -> Result<RevocationId, VaultError> {
        let id = self.enqueue(revocation, self.wall_millis()).await?;
        self.trim_revocations().await?;
        Ok(id)
    }

    /// The queue, the oldest first, without what has become too old. Refresh tokens of accounts that were signed out
    /// while the vault was locked come in here, once it is open.
    pub async fn due_revocations(&self) -> Outcome<Vec<PendingRevocation>> {
        self.read_queue().await.into()
    }

    /// Removes an entry: the server has forgotten it, or will never know it.
    ///
    /// # Errors
    /// The file system's. The entry then comes again; revoking twice does no harm (RFC 7009 section 2.2).
    pub async fn finish_revocation(&self, id: &RevocationId) -> Result<(), VaultError> {
        Ok(self.disk.remove(std::slice::from_ref(&id.0)).await?)
    }

    /// Puts another entry in the place of one, durably: its token was rotated. It is as old as that one was.
    ///
    /// # Errors
    /// The one that was there is there still.
    pub async fn replace_revocation(&self, id: &RevocationId, revocation: &Revocation) -> Result<(), VaultError> {
        self.write_entry(revocation, &id.0).await
    }

    /// Keeps other processes from working the queue off meanwhile: two that present one refresh token would be taken for thieves.
    ///
    /// # Errors
    /// [`VaultError::Lock`]: somebody does.
    pub async fn lock_revocations(&self) -> Result<Box<dyn Held>, VaultError> {
        Ok(self.lock_within(&names::revoking_lock(), PATIENCE).await?)
    }

    async fn read_queue(&self) -> Result<Vec<PendingRevocation>, Closed> {
        self.trim_revocations().await?;
        if let Some(locked) = self.settle_parked().await? {
            return Err(locked);
        }
        let mut queue = Vec::new();
        for name in self.disk.files.list().await? {
            if let Some(queued_at) = names::revocation_time(&name)
                && let Some(revocation) = self.read_entry(&name).await?
            {
                queue.push(PendingRevocation { id: RevocationId(name), revocation, queued_at });
            }
        }
        Ok(queue)
    }

    /// `None`: it is gone, or cannot be read and only blocks the queue until it is too old.
    async fn read_entry(&self, name: &FileName) -> Result<Option<Revocation>, Closed> {
        let entry = match self.open_record(NO_ACCOUNT, name, Kind::Revocation).await {
            Ok(opened) => opened.and_then(|opened| payload::decode::<RevocationV1>(&opened.content).ok()),
            Err(closed @ Closed::Locked(_)) => return Err(closed),
            // One that cannot be read is no matter; that none can be is.
            Err(_) => self.keys_for_records().await.map(|_| None)?,
        };
        Ok(entry.map(|entry| Revocation {
            what: match entry.what {
                RevocableV1::RefreshToken => Revocable::RefreshToken,
                RevocableV1::DeviceEnrolment => Revocable::DeviceEnrolment,
            },
            issuer: entry.issuer,
            endpoint: entry.endpoint,
            token: entry.token.0,
        }))
    }

    async fn enqueue(&self, revocation: &Revocation, at: u64) -> Result<RevocationId, VaultError> {
        let name = names::revocation(at, self.disk.draw());
        self.write_entry(revocation, &name).await?;
        Ok(RevocationId(name))
    }

    async fn write_entry(&self, revocation: &Revocation, name: &FileName) -> Result<(), VaultError> {
        let content = payload::encode(&RevocationV1 {
            what: match revocation.what {
                Revocable::RefreshToken => RevocableV1::RefreshToken,
                Revocable::DeviceEnrolment => RevocableV1::DeviceEnrolment,
            },
            issuer: revocation.issuer.clone(),
            endpoint: revocation.endpoint.clone(),
            token: SecretText(revocation.token.clone()),
        })?;
        self.keys_or_birth().await?;
        let _held = self.lock_within(&names::queue_lock(), PATIENCE).await?;
        let keys = self.keys_for_records().await?;
        let header = Header { kind: Kind::Revocation, account: NO_ACCOUNT, generation: 0, epoch: Epoch::default() };
        let file = record::seal(&keys, &header, self.disk.draw_bytes(), &content)?;
        Ok(self.disk.replace(name, file).await?)
    }

    /// Turns signed-out records into queue entries, if the vault is open. They stay where they are if it is not: says why.
    pub(super) async fn settle_parked(&self) -> Result<Option<Closed>, VaultError> {
        let parked: Vec<_> = self.disk.files.list().await?;
        let mut stays = None;
        for name in &parked {
            let Some((at, account)) = names::parked_since(name) else { continue };
            match self.owed_by(name, account).await {
                Ok(owed) => {
                    for revocation in owed {
                        self.enqueue(&revocation, at).await?;
                    }
                }
                Err(Closed::Empty) => {}
                Err(Closed::Unreadable(reason)) => tracing::warn!(name: "vault.parked.unreadable", %account, %reason),
                Err(locked @ Closed::Locked(_)) => {
                    stays = Some(locked);
                    continue;
                }
                Err(Closed::TooNew(_)) => continue,
            }
            self.disk.remove(std::slice::from_ref(name)).await?;
        }
        Ok(stays)
    }

    async fn owed_by(&self, parked: &FileName, account: AccountKey) -> Result<Vec<Revocation>, Closed> {
        let opened = self.open_record(account, parked, Kind::Credentials).await?.ok_or(Closed::Empty)?;
        let payload = payload::decode::<GenerationV1>(&opened.content)?;
        let enrolled_as = payload.repeated().enrolled_as;
        let mut credentials = payload.into_credentials();
        if enrolled_as.is_none() || !self.may_be_spent(account, &opened).await {
            return Ok(Revocation::of(&credentials, enrolled_as.as_deref()).into_iter().collect());
        }
        // A refresh token that may have been spent is revoked, and never presented again for another access token.
        let revoked = Revocation::of(&credentials, None);
        credentials.refresh_token = None;
        Ok(Revocation::of(&credentials, enrolled_as.as_deref()).into_iter().chain(revoked).collect())
    }

    /// Whether a refresh had begun with these credentials when they were signed out.
    async fn may_be_spent(&self, account: AccountKey, signed_out: &Opened) -> bool {
        let Ok((epoch, content)) = self.load_record(account, Single::Intent).await else { return false };
        let intent = payload::decode::<IntentV1>(&content);
        epoch == signed_out.epoch && intent.is_ok_and(|intent| intent.generation.number() == signed_out.generation)
    }

    /// Removes what is too old or too much, by name alone: this works while the vault is locked.
    async fn trim_revocations(&self) -> Result<(), VaultError> {
        let now = self.wall_millis();
        let queued_at = |name: &FileName| names::revocation_time(name).or(names::parked_since(name).map(|(at, _)| at));
        let mut queue: Vec<_> =
            self.disk.files.list().await?.into_iter().filter(|it| queued_at(it).is_some()).collect();
        queue.sort_by_key(queued_at);
        let surplus = queue.len().saturating_sub(MOST);
        let goes = |(place, name): (usize, FileName)| {
            let too_old = queued_at(&name).is_some_and(|at| now.saturating_sub(at) > OLDEST);
            (place < surplus || too_old).then_some(name)
        };
        let gone: Vec<_> = queue.into_iter().enumerate().filter_map(goes).collect();
        Ok(self.disk.remove(&gone).await?)
    }
}
