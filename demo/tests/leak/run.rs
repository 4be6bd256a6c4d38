//! One run of the demo, and everything that it left behind.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    NAIVE,
    scanner::{Finding, Scanner, Secret},
};

/// The folder that stands in for the operating system's keyring: a vault's key lies there in the clear, as it must.
pub const KEYS: &str = "vault/keys/";

/// Something that was written.
pub struct Place {
    pub name: String,
    pub content: Vec<u8>,
}

pub struct Run {
    pub secrets: Vec<Secret>,
    pub places: Vec<Place>,
}

impl Run {
    /// Plays to the end with every log at its loudest, and lets one secret out if `leak` says where.
    pub fn of(args: &[&str], leak: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let inside = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        let (witness, temporary, working) = (inside("witness"), inside("temporary"), inside("working"));
        let mut demo = Command::new(env!("CARGO_BIN_EXE_mainstay-demo"));
        demo.args(args).env("RUST_LOG", "trace").env("MAINSTAY_WITNESS", &witness).env("TMPDIR", &temporary);
        demo.env("RUST_BACKTRACE", "1").current_dir(&working).stdin(Stdio::null());
        if let Some(leak) = leak {
            demo.env("MAINSTAY_WITNESS_LEAK", leak);
        }
        let output = demo.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

        let secrets = secrets(&fs::read_to_string(witness.join("secrets")).unwrap());
        let place = |name: &str, content| Place { name: name.to_owned(), content };
        let mut places = vec![place("standard output", output.stdout), place("standard error", output.stderr)];
        for (name, path) in [
            ("disks", witness.join("disks")),
            ("seen", witness.join("seen")),
            ("temporary folder", temporary),
            ("working folder", working),
        ] {
            collect(name, &path, &mut places);
        }
        Self { secrets, places }
    }

    pub fn text(&self, place: &str) -> &str {
        let place = self.places.iter().find(|it| it.name == place).unwrap();
        std::str::from_utf8(&place.content).unwrap()
    }

    /// Every secret that was found, in contents and in names of files, wherever it may be.
    pub fn all_findings(&self) -> Vec<Finding> {
        let scanner = Scanner::of(&self.secrets);
        let search = |place: &Place| {
            let mut found = scanner.search(&place.name, place.name.as_bytes());
            found.extend(scanner.search(&place.name, &place.content));
            found
        };
        self.places.iter().flat_map(search).collect()
    }

    /// Those that should not have been: the naive till's file is what it is for, and the keyring holds keys, and nothing
    /// but the keys that were drawn for it.
    pub fn leaks(&self) -> Vec<Finding> {
        let is_where_it_belongs =
            |found: &Finding| found.place.ends_with(NAIVE) || (found.place.contains(KEYS) && found.kind == "client");
        self.all_findings().into_iter().filter(|found| !is_where_it_belongs(found)).collect()
    }
}

fn secrets(lines: &str) -> Vec<Secret> {
    let secret = |line: &str| {
        let (digits, kind) = line.split_once(' ').unwrap();
        let digit = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        Secret { kind: kind.to_owned(), bytes: (0..digits.len()).step_by(2).map(digit).collect() }
    };
    lines.lines().map(secret).collect()
}

fn collect(name: &str, path: &Path, places: &mut Vec<Place>) {
    for entry in fs::read_dir(path).into_iter().flatten() {
        let entry = entry.unwrap();
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            collect(&name, &entry.path(), places);
        } else {
            places.push(Place { name, content: fs::read(entry.path()).unwrap() });
        }
    }
}
