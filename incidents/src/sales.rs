//! The app's own sales database, `sales.jsonl`: it only ever grows.
//!
//! One row when a sale is taken, one when the server has it. The till writes the row before it tries to deliver, so that a
//! sale survives whatever becomes of the session.

use std::{
    collections::VecDeque,
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// The file's name in the app's data folder.
pub const FILE: &str = "sales.jsonl";

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Row {
    /// A sale was taken.
    Taken {
        /// Its name, and its idempotency key.
        taken: String,
        /// What it costs, in cents.
        total_cents: u32,
    },
    /// The server has it.
    Delivered {
        /// Its name.
        delivered: String,
    },
}

impl Row {
    /// The row as it stands in the file, its line end included.
    ///
    /// # Errors
    /// None that a row of ours can cause.
    pub fn line(&self) -> io::Result<String> {
        Ok(serde_json::to_string(self)? + "\n")
    }
}

/// A sale that waits for the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its name, and its idempotency key.
    pub sale: String,
    /// What it costs, in cents.
    pub total_cents: u32,
}

/// The database, and what in it waits.
#[derive(Debug)]
pub struct Sales {
    file: PathBuf,
    waiting: VecDeque<Waiting>,
}

impl Sales {
    /// Opens the database in `folder`, and makes both if they are missing.
    ///
    /// # Errors
    /// The file cannot be read, or holds a row that is none.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let file = folder.join(FILE);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let mut waiting = VecDeque::new();
        for line in text.lines() {
            match serde_json::from_str(line)? {
                Row::Taken { taken, total_cents } => waiting.push_back(Waiting { sale: taken, total_cents }),
                Row::Delivered { delivered } => waiting.retain(|sale: &Waiting| sale.sale != delivered),
            }
        }
        Ok(Self { file, waiting })
    }

    /// Takes a sale: from now on it waits.
    ///
    /// # Errors
    /// The row cannot be written. The sale was not taken.
    pub fn take(&mut self, sale: &str, total_cents: u32) -> io::Result<()> {
        self.append(&Row::Taken { taken: sale.to_owned(), total_cents })?;
        self.waiting.push_back(Waiting { sale: sale.to_owned(), total_cents });
        Ok(())
    }

    /// The sale that waits longest.
    #[must_use]
    pub fn next(&self) -> Option<Waiting> {
        self.waiting.front().cloned()
    }

    /// The server has it: it waits no more.
    ///
    /// # Errors
    /// The row cannot be written. The sale is then delivered once more, under the same idempotency key.
    pub fn delivered(&mut self, sale: &str) -> io::Result<()> {
        self.append(&Row::Delivered { delivered: sale.to_owned() })?;
        self.waiting.retain(|waiting| waiting.sale != sale);
        Ok(())
    }

    fn append(&self, row: &Row) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).create(true).open(&self.file)?;
        file.write_all(row.line()?.as_bytes())
    }
}
