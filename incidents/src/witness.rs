//! For the search for leaks. A test that looks for secrets has to know them, and has to see the disks.
//!
//! With `MAINSTAY_WITNESS=FOLDER` in the environment, the programs that play incidents write there what they would never
//! write anywhere else: every secret of the run to `secrets`, a `kind` and hexadecimal digits on each line; the disk of each
//! device as it is in the end to `disks/`; and to `seen/` the command line and the environment of each process, which
//! everybody on the machine can read. The secrets are those of a mock server and worth nothing. The SDK knows nothing of it.
//!
//! `MAINSTAY_WITNESS_LEAK=PLACE` beside it leaks one of them there: the search is worth nothing either, unless it finds it.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use mainstay::host::Entropy;
use mainstay_mock_server::Control;

const FOLDER: &str = "MAINSTAY_WITNESS";
const LEAK: &str = "MAINSTAY_WITNESS_LEAK";

/// Keys, verifiers, states and nonces are drawn in this length; what goes into names and envelopes is not.
const SECRET_LENGTH: usize = 32;

fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// Whether anybody looks for leaks.
pub(crate) fn is_present() -> bool {
    folder().is_some()
}

fn is_leak(place: &str) -> bool {
    is_present() && std::env::var_os(LEAK).is_some_and(|wanted| wanted == place)
}

fn note<'a>(folder: &Path, secrets: impl Iterator<Item = (&'a str, &'a [u8])>) -> io::Result<()> {
    let mut lines = String::new();
    for (kind, bytes) in secrets {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        lines += &format!("{digits} {kind}\n");
    }
    fs::OpenOptions::new().create(true).append(true).open(folder.join("secrets"))?.write_all(lines.as_bytes())
}

/// The same dice. The witness notes what they give for secrets.
pub(crate) fn of_dice(dice: Arc<dyn Entropy>) -> Arc<dyn Entropy> {
    match folder() {
        Some(folder) => Arc::new(Noted { dice, folder }),
        None => dice,
    }
}

struct Noted {
    dice: Arc<dyn Entropy>,
    folder: PathBuf,
}

impl Entropy for Noted {
    fn fill(&self, buffer: &mut [u8]) {
        self.dice.fill(buffer);
        if buffer.len() == SECRET_LENGTH {
            // Every performance has the same dice: else one's secret would begin as another's nonce does.
            buffer.iter_mut().for_each(|byte| *byte ^= 0xa5);
            // A secret that cannot be noted is missed by the test, which counts them.
            let _ = note(&self.folder, std::iter::once(("client", &*buffer)));
            if is_leak("client's standard error") {
                eprintln!("a client drew {buffer:?}");
            }
        }
    }
}

/// What everybody on this machine can see of this process.
pub(crate) fn of_process() -> io::Result<()> {
    let Some(folder) = folder().map(|folder| folder.join("seen")) else { return Ok(()) };
    fs::create_dir_all(&folder)?;
    for what in ["cmdline", "environ"] {
        // Only Linux has it.
        if let Ok(content) = fs::read(Path::new("/proc/self").join(what)) {
            fs::write(folder.join(format!("{what}-{}", std::process::id())), content)?;
        }
    }
    Ok(())
}

/// How a client process is to be started, for leaks that begin there.
pub(crate) fn of_client(process: &mut tokio::process::Command, server: &Control) {
    let secrets = server.secrets();
    let Some(secret) = secrets.last().map(|secret| text(&secret.bytes)) else { return };
    if is_leak("environment") {
        process.env("TOKEN", &secret);
    }
    #[cfg(unix)]
    if is_leak("command line") {
        process.arg0(&secret);
    }
}

/// The end of a performance: what the server knows, and the device as it is now.
pub(crate) fn of_performance(name: &str, server: &Control, device: &Path) -> io::Result<()> {
    let Some(folder) = folder() else { return Ok(()) };
    of_process()?;
    let secrets = server.secrets();
    note(&folder, secrets.iter().map(|secret| (secret.kind, &*secret.bytes)))?;
    if let Some(secret) = secrets.iter().find(|secret| secret.kind == "refresh token").map(|secret| text(&secret.bytes))
    {
        leak(&secret, device)?;
    }
    let disks = folder.join("disks");
    let number = fs::read_dir(&disks).map_or(0, Iterator::count);
    copy(device, &disks.join(format!("{number:03}-{name}")))
}

fn leak(secret: &str, device: &Path) -> io::Result<()> {
    if is_leak("standard output") {
        println!("{secret}");
    }
    if is_leak("standard error") {
        eprintln!("{secret}");
    }
    let files = [
        ("vault", device.join("vault").join("notes")),
        ("app data", device.join("app").join("notes")),
        ("file name", device.join("app").join(secret)),
        ("temporary folder", std::env::temp_dir().join("notes")),
        ("working folder", PathBuf::from("notes")),
    ];
    for (place, path) in files {
        if is_leak(place) {
            fs::write(path, secret)?;
        }
    }
    Ok(())
}

fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() && !text.contains('\0') => text.to_owned(),
        _ => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
