//! What a rotation asks of the disk, step by step.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use mainstay::{
    Credentials, Generation, Identity, Secret, StoredAccessToken, Timestamp,
    vault::{AccountKey, Epoch, Outcome as Read, Spends, Vault, VaultHost},
};

use crate::{CountedFiles, Operations, Outcome, pairs::median, till::native_host};

/// One step of a rotation.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// When it comes.
    pub what: &'static str,
    /// What it asks of the disk, every time.
    pub operations: Operations,
    /// The median time it takes.
    pub time: Duration,
}

/// The steps in their order.
const STEPS: [&str; 5] = [
    "before: take the lock, read what another process may have stored",
    "before: reserve space, write the intent",
    "after the answer: store the next generation",
    "later: drop the previous generation, once the new one was accepted",
    "later: the session's own record",
];

/// Rotates `rounds` times on a real disk and looks at each step.
///
/// # Errors
/// Whatever the vault says.
pub async fn rotate(rounds: u32) -> Outcome<Vec<Step>> {
    let folder = tempfile::tempdir()?;
    let mut host = native_host(folder.path())?;
    let files = CountedFiles::new(Arc::clone(&host.files));
    host.files = Arc::new(files.clone());
    let vault = Vault::new(VaultHost::from(&host));
    let till = AccountKey::from_name("till");
    vault.first_save(till, &credentials(Generation::FIRST), Epoch::default()).await?;
    vault.save_session(till, Epoch::default(), RECORD).await?;

    let mut watch = Watch { files, steps: vec![Vec::new(); STEPS.len()] };
    for _ in 0..rounds {
        let (guard, stored) = watch
            .step(0, async {
                let guard = vault.lock_account(till).await?;
                match vault.load(till).await {
                    Read::Value(stored) => Ok((guard, stored)),
                    other => Err(format!("the vault is not readable: {other:?}").into()),
                }
            })
            .await?;
        let generation = stored.credentials.generation;
        let begin = async { Ok(vault.begin_rotation(guard, generation, Spends::RefreshToken).await?) };
        let rotation = watch.step(1, begin).await?;
        let next = credentials(rotation.next());
        watch.step(2, async { Ok(vault.commit(&rotation, &next).await?) }).await?;
        watch.step(3, async { Ok(vault.drop_superseded(till, next.generation).await?) }).await?;
        watch.step(4, async { Ok(vault.save_session(till, Epoch::default(), RECORD).await?) }).await?;
    }
    watch.steps()
}

/// As long as a session's record is after a busy day.
pub(crate) const RECORD: &[u8] = &[b'r'; 4096];

/// What a real server issues, in size.
pub(crate) fn credentials(generation: Generation) -> Credentials {
    Credentials {
        generation,
        identity: Identity {
            issuer: "https://login.example".to_owned(),
            subject: Some("ada".to_owned()),
            tenant: Vec::new(),
        },
        access_tokens: vec![StoredAccessToken {
            token: Secret::new(vec![b'a'; 900]),
            token_type: "Bearer".to_owned(),
            audience: None,
            scopes: vec!["pos".to_owned()],
            received_at: Timestamp::from_millis(1000),
            expires_at: Timestamp::from_millis(901_000),
        }],
        refresh_token: Some(Secret::new(vec![b'r'; 64])),
        dpop_key: None,
    }
}

/// Times and counts each step.
struct Watch {
    files: CountedFiles,
    steps: Vec<Vec<(Operations, Duration)>>,
}

impl Watch {
    async fn step<T>(&mut self, step: usize, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let before = self.files.done();
        let start = Instant::now();
        let outcome = work.await?;
        let time = start.elapsed();
        if let Some(seen) = self.steps.get_mut(step) {
            seen.push((self.files.done() - before, time));
        }
        Ok(outcome)
    }

    /// The last round's counts: the first round finds less to do.
    fn steps(self) -> Outcome<Vec<Step>> {
        let steps = STEPS.iter().zip(&self.steps).map(|(what, seen)| {
            let (operations, _) = *seen.last().ok_or("nothing was rotated")?;
            Ok(Step { what, operations, time: median(seen.iter().map(|(_, time)| *time)) })
        });
        steps.collect()
    }
}
