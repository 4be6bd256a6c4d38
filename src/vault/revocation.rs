//! What is still to be revoked at a server, however long the network is away.

use super::{
    AccountKey, Epoch, Outcome, PATIENCE, Vault, VaultError, names,
    outcome::Closed,
    payload::{self, GenerationV1, RevocableV1, RevocationV1, SecretText},
    record::{self, Header, Kind, NO_ACCOUNT, Sealed},
};
use crate::{Secret, host::FileName};

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
    /// The refresh token, or what the server calls the enrolment.
    pub token: Secret,
}

/// What can be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocable {
    /// A refresh token (RFC 7009).
    RefreshToken,
    /// A device key's enrolment.
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

    async fn read_queue(&self) -> Result<Vec<PendingRevocation>, Closed> {
        self.trim_revocations().await?;
        self.settle_parked().await?;
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
        let Some(file) = self.disk.read(name).await? else { return Ok(None) };
        let keys = self.keys_for_records().await?;
        let opened = Sealed::parse(&file)
            .and_then(|sealed| Ok(sealed.open(&keys, Kind::Revocation, NO_ACCOUNT)?))
            .and_then(|content| Ok(payload::decode::<RevocationV1>(&content)?));
        Ok(opened.ok().map(|entry| Revocation {
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
        let name = names::revocation(at, self.disk.draw());
        self.disk.replace(&name, file).await?;
        Ok(RevocationId(name))
    }

    /// Turns signed-out records into queue entries, if the vault is open. They stay where they are if it is not.
    pub(super) async fn settle_parked(&self) -> Result<(), VaultError> {
        let parked: Vec<_> = self.disk.files.list().await?;
        for name in &parked {
            let Some((at, account)) = names::parked_since(name) else { continue };
            match self.refresh_token_of(name, account).await {
                Ok(Some(revocation)) => self.enqueue(&revocation, at).await.map(drop)?,
                Ok(None) | Err(Closed::Empty) => {}
                Err(Closed::Unreadable(reason)) => tracing::warn!(name: "vault.parked.unreadable", %account, %reason),
                Err(Closed::Locked(_) | Closed::TooNew(_)) => continue,
            }
            self.disk.remove(std::slice::from_ref(name)).await?;
        }
        Ok(())
    }

    async fn refresh_token_of(&self, name: &FileName, account: AccountKey) -> Result<Option<Revocation>, Closed> {
        let file = self.disk.read(name).await?.ok_or(Closed::Empty)?;
        let sealed = Sealed::parse(&file)?;
        let content = sealed.open(&*self.keys_for_records().await?, Kind::Credentials, account)?;
        let credentials = payload::decode::<GenerationV1>(&content)?.into_credentials();
        Ok(credentials.refresh_token.map(|token| Revocation {
            what: Revocable::RefreshToken,
            issuer: credentials.identity.issuer,
            endpoint: None,
            token,
        }))
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
