//! One plain file with the tokens in it, as it should not be done.

use std::{fs, io, path::Path, path::PathBuf};

use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Tokens {
    pub(super) access_token: String,
    pub(super) refresh_token: Option<String>,
    pub(super) expires_at_ms: u64,
}

pub(super) struct TokenFile {
    file: PathBuf,
    current: Option<Tokens>,
}

impl TokenFile {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let file = folder.join("tokens.json");
        let current = fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(Self { file, current })
    }

    pub(super) fn current(&self) -> Option<&Tokens> {
        self.current.as_ref()
    }

    /// In memory at once. On disk when somebody gets round to [`write`](Self::write).
    pub(super) fn keep(&mut self, tokens: Tokens) {
        self.current = Some(tokens);
    }

    pub(super) fn write(&self) -> io::Result<()> {
        match &self.current {
            Some(tokens) => fs::write(&self.file, serde_json::to_vec(tokens)?),
            None => Ok(()),
        }
    }

    pub(super) fn forget(&mut self) {
        let _ = fs::remove_file(&self.file);
        self.current = None;
    }
}
