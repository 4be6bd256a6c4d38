//! The app's own data on the device: nothing but new sales may ever change in it.

use std::{collections::BTreeMap, fs, io, path::Path};

use crate::sales::{FILE, Row};

/// What a till keeps beside the SDK, and what losing it would cost.
const SEED: [(&str, &str); 3] = [
    ("settings.json", "{\n  \"language\": \"hr\",\n  \"receipt_footer\": \"Hvala!\",\n  \"tables\": 24\n}\n"),
    ("device-id", "till-7f3a-0c52\n"),
    ("printer.json", "{ \"model\": \"TM-m30\", \"pairing\": \"b8:27:eb:5d:11:04\" }\n"),
];

/// Yesterday's sales.
const HISTORY: u32 = 3;

/// The files, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snapshot(BTreeMap<String, Vec<u8>>);

/// Fills the folder of a till that has been in use for a while.
pub(super) fn seed(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, content) in SEED {
        fs::write(folder.join(name), content)?;
    }
    let mut sales = String::new();
    for number in 1..=HISTORY {
        let name = format!("yesterday-{number}");
        sales += &Row::Taken { taken: name.clone(), total_cents: 100 * number }.line()?;
        sales += &Row::Delivered { delivered: name }.line()?;
    }
    fs::write(folder.join(FILE), sales)
}

/// What somebody who clears an app's data does to it.
pub(super) fn clear(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::create_dir_all(folder),
    }
}

impl Snapshot {
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            // A folder counts as a file without content: it has no business there either.
            let content = if entry.file_type()?.is_file() { fs::read(entry.path())? } else { Vec::new() };
            files.insert(entry.file_name().to_string_lossy().into_owned(), content);
        }
        Ok(Self(files))
    }

    /// Whether `later` is this, with whole sale rows appended at most.
    pub(super) fn is_kept_in(&self, later: &Self) -> bool {
        self.0.len() == later.0.len()
            && self.0.iter().all(|(name, content)| match later.0.get(name) {
                Some(now) if name == FILE => now.strip_prefix(content.as_slice()).is_some_and(are_rows),
                Some(now) => now == content,
                None => false,
            })
    }
}

fn are_rows(bytes: &[u8]) -> bool {
    let whole = bytes.is_empty() || bytes.ends_with(b"\n");
    let is_row = |line: &[u8]| serde_json::from_slice::<Row>(line).is_ok();
    whole && bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).all(is_row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeded() -> (tempfile::TempDir, Snapshot) {
        let folder = tempfile::tempdir().unwrap();
        seed(folder.path()).unwrap();
        let snapshot = Snapshot::of(folder.path()).unwrap();
        (folder, snapshot)
    }

    #[test]
    fn new_sales_are_the_only_change_that_counts_as_none() {
        let (folder, before) = seeded();
        let mut sales = crate::sales::Sales::open(folder.path()).unwrap();
        sales.take("sale-1", 450).unwrap();
        sales.delivered("sale-1").unwrap();
        assert!(before.is_kept_in(&Snapshot::of(folder.path()).unwrap()));
    }

    #[test]
    fn one_changed_byte_a_new_file_or_a_lost_one_is_a_change() {
        let (folder, before) = seeded();
        let changed = |before: &Snapshot| !before.is_kept_in(&Snapshot::of(folder.path()).unwrap());
        fs::write(folder.path().join("device-id"), "till-7f3a-0c53\n").unwrap();
        assert!(changed(&before));
        seed(folder.path()).unwrap();
        assert!(!changed(&before));
        fs::write(folder.path().join("new"), "").unwrap();
        assert!(changed(&before));
        fs::remove_file(folder.path().join("new")).unwrap();
        fs::remove_file(folder.path().join("printer.json")).unwrap();
        assert!(changed(&before));
    }

    #[test]
    fn rewriting_the_sales_database_is_a_change() {
        let (folder, before) = seeded();
        fs::write(folder.path().join(FILE), "").unwrap();
        assert!(!before.is_kept_in(&Snapshot::of(folder.path()).unwrap()));
        clear(folder.path()).unwrap();
        assert!(!before.is_kept_in(&Snapshot::of(folder.path()).unwrap()));
    }
}
