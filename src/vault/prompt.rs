//! Which of the processes that share an account shows its sign-in prompt, and what became of the latest one.
//!
//! The lock says who shows it: it is held as long as the prompt stands, and free as soon as its holder is done or dead. The
//! file beside it says what the latest prompt was for and whether somebody has seen to it, and only the holder writes it.
//! It tells nothing of a person or a credential, and needs no key.

use mainstay_core::Timestamp;

use super::{
    AccountKey, Vault, VaultError,
    names::Of,
    record::{self, Kind},
};
use crate::host::{BoxFuture, Held};

/// What became of the prompt that was raised last for an account, by whichever process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptFate {
    /// It stands, or its process died while it stood.
    Open,
    /// Somebody has seen to it, or it was withdrawn; its episode is not over.
    Seen,
    /// Its episode is over.
    Over,
}

/// The prompt that was raised last for an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RaisedPrompt {
    /// What became of it.
    pub fate: PromptFate,
    /// When it was raised; of one whose episode is over, when that was.
    pub at: Timestamp,
}

impl RaisedPrompt {
    fn write(self) -> Vec<u8> {
        let fate = match self.fate {
            PromptFate::Open => 1,
            PromptFate::Seen => 2,
            PromptFate::Over => 3,
        };
        record::write_plain(Kind::Prompt, &[self.at.as_millis().to_be_bytes().as_slice(), &[fate]].concat())
    }

    /// What is damaged, or newer, is as good as none: then there is a prompt more, and never one too few.
    fn read(file: &[u8]) -> Option<Self> {
        let (at, fate) = record::read_plain(file, Kind::Prompt).ok()?.split_first_chunk()?;
        let fate = match fate {
            [1] => PromptFate::Open,
            [2] => PromptFate::Seen,
            [3] => PromptFate::Over,
            _ => return None,
        };
        Some(Self { fate, at: Timestamp::from_millis(u64::from_be_bytes(*at)) })
    }
}

/// The turn to show an account's prompt. No other process has it until this is dropped, or this process dies.
pub struct PromptTurn {
    account: AccountKey,
    _held: Box<dyn Held>,
}

impl std::fmt::Debug for PromptTurn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PromptTurn").field(&self.account).finish()
    }
}

impl Vault {
    /// Waits for the turn to show the account's prompt, for as long as another process shows it. Dropping the future
    /// stops waiting; it borrows nothing.
    ///
    /// # Errors
    /// [`VaultError::Lock`]: nobody can tell whether another process shows it.
    #[must_use]
    pub fn prompt_turn(&self, account: AccountKey) -> BoxFuture<'static, Result<PromptTurn, VaultError>> {
        let lock = std::sync::Arc::clone(&self.lock);
        Box::pin(async move {
            let held = lock.acquire(&Of(account).prompt_lock()).await?;
            Ok(PromptTurn { account, _held: held })
        })
    }

    /// The prompt that was raised last, if that can be read.
    pub async fn raised_prompt(&self, turn: &PromptTurn) -> Option<RaisedPrompt> {
        let file = self.disk.read(&Of(turn.account).prompt()).await.ok()??;
        RaisedPrompt::read(&file)
    }

    /// Notes that a prompt was raised, or what became of it.
    ///
    /// # Errors
    /// The file system's.
    pub async fn note_prompt(&self, turn: &PromptTurn, prompt: RaisedPrompt) -> Result<(), VaultError> {
        Ok(self.disk.replace(&Of(turn.account).prompt(), prompt.write()).await?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const RAISED: RaisedPrompt = RaisedPrompt { fate: PromptFate::Open, at: Timestamp::from_millis(1_700_000_000_123) };
    /// Frozen: as the first release that has it writes it.
    const VERSION_1: &[u8] = include_bytes!("../../tests/fixtures/prompt_v1.bin");

    #[test]
    fn the_first_format_is_read_for_ever() {
        assert_eq!(RAISED.write(), VERSION_1);
        assert_eq!(RaisedPrompt::read(VERSION_1), Some(RAISED));
        for fate in [PromptFate::Seen, PromptFate::Over] {
            let later = RaisedPrompt { fate, ..RAISED };
            assert_eq!(RaisedPrompt::read(&later.write()), Some(later));
        }
    }

    #[test]
    fn what_is_damaged_is_as_good_as_none() {
        for place in 0..VERSION_1.len() {
            let mut damaged = VERSION_1.to_vec();
            damaged[place] ^= 2;
            assert_eq!(RaisedPrompt::read(&damaged), None, "a bit in byte {place}");
            assert_eq!(RaisedPrompt::read(&VERSION_1[..place]), None, "cut after {place} bytes");
        }
    }
}
