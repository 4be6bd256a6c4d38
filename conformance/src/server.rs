//! A real authorization server as a process of its own, and what can happen to it.

mod install;

use std::{
    io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::Error;

/// A server that its makers, not ours, wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// npm's `oidc-provider`.
    OidcProvider,
    /// Spring Authorization Server.
    Spring,
}

impl Kind {
    /// All of them, in the table's order.
    pub const ALL: [Self; 2] = [Self::OidcProvider, Self::Spring];

    /// Name and version, as its makers write them.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OidcProvider => "oidc-provider 9.13",
            Self::Spring => "Spring Authorization Server 1.5",
        }
    }

    /// The till's client secret. Spring gives refresh tokens to confidential clients only.
    #[must_use]
    pub const fn client_secret(self) -> Option<&'static str> {
        match self {
            Self::OidcProvider => None,
            Self::Spring => Some("pos-secret"),
        }
    }

    /// Where it says who a token belongs to (OpenID Connect Core 1.0 section 5.3).
    #[must_use]
    pub const fn userinfo(self) -> &'static str {
        match self {
            Self::OidcProvider => "/me",
            Self::Spring => "/userinfo",
        }
    }

    pub(crate) const fn token(self) -> &'static str {
        match self {
            Self::OidcProvider => "/token",
            Self::Spring => "/oauth2/token",
        }
    }

    pub(crate) const fn introspection(self) -> &'static str {
        match self {
            Self::OidcProvider => "/token/introspection",
            Self::Spring => "/oauth2/introspect",
        }
    }
}

/// What a restart finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Everything as it was.
    Nothing,
    /// Other signing keys; the old ones are gone.
    Keys,
    /// A new signing key; the old ones are still published.
    KeysRotated,
    /// No session, no grant, no token.
    Store,
    /// No token: the grants of people and their devices' keys are still there.
    Tokens,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    port: u16,
    folder: TempDir,
    process: Option<(Child, Lines<BufReader<ChildStdout>>)>,
}

impl Server {
    /// Installs what is missing, and starts it with an empty store and new keys.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn start(kind: Kind) -> Result<Self, Error> {
        install::install(kind).await?;
        let folder = tempfile::tempdir().map_err(|source| file_error(Path::new("a temporary folder"), source))?;
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let port = free.map_err(|source| file_error(Path::new("a free port"), source))?.port();
        let mut server = Self { kind, port, folder, process: None };
        server.up().await?;
        Ok(server)
    }

    /// Which one.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether its process is running.
    pub(crate) const fn is_up(&self) -> bool {
        self.process.is_some()
    }

    /// Whether a device key of this name is in its store.
    pub(crate) fn knows_device_key(&self, kid: &str) -> Result<bool, Error> {
        let path = self.path("store.json");
        let store = std::fs::read_to_string(&path).map_err(|source| file_error(&path, source))?;
        Ok(store.contains(&format!("\"DeviceKey:{kid}\"")))
    }

    /// Its issuer (RFC 8414 section 2).
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The URL of a path of its own.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.issuer())
    }

    /// Ends the process at once, as a power cut would.
    ///
    /// # Errors
    /// [`Error`] if it cannot be ended.
    pub async fn stop(&mut self) -> Result<(), Error> {
        if let Some((mut child, _)) = self.process.take() {
            child.kill().await.map_err(|source| Error::Command { command: "kill".to_owned(), source })?;
        }
        Ok(())
    }

    /// Starts it again at the same address.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn up(&mut self) -> Result<(), Error> {
        let mut command = install::command(self.kind);
        command.arg(self.port.to_string()).arg(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let shown = format!("{:?}", command.as_std());
        let mut child = command.spawn().map_err(|source| Error::Command { command: shown.clone(), source })?;
        let not_ready = |output| Error::NotReady { server: self.kind.name(), output };
        let stdout = child.stdout.take().ok_or_else(|| not_ready(String::new()))?;
        let mut lines = BufReader::new(stdout).lines();
        let mut seen = String::new();
        while let Some(line) =
            lines.next_line().await.map_err(|source| Error::Command { command: shown.clone(), source })?
        {
            if line == "ready" {
                self.process = Some((child, lines));
                return Ok(());
            }
            seen.push_str(&line);
            seen.push('\n');
        }
        Err(not_ready(seen))
    }

    /// Stops it, loses something, and starts it again.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn restart(&mut self, loss: Loss) -> Result<(), Error> {
        self.stop().await?;
        self.lose(loss)?;
        self.up().await
    }

    fn lose(&self, loss: Loss) -> Result<(), Error> {
        match (loss, self.kind) {
            (Loss::Nothing, _) => Ok(()),
            (Loss::Keys, _) => self.remove("keys.json"),
            (Loss::KeysRotated, _) => self.write("rotate", ""),
            (Loss::Store, Kind::OidcProvider) => self.remove("store.json"),
            (Loss::Store | Loss::Tokens, Kind::Spring) => self.remove("store.mv.db"),
            (Loss::Tokens, Kind::OidcProvider) => self.keep_in_store(|model| !model.ends_with("Token")),
        }
    }

    fn keep_in_store(&self, wanted: impl Fn(&str) -> bool) -> Result<(), Error> {
        let path = self.path("store.json");
        let text = std::fs::read(&path).map_err(|source| file_error(&path, source))?;
        let mut entries: Vec<(String, Value)> = serde_json::from_slice(&text)?;
        entries.retain(|(_, entry)| entry.get("model").and_then(Value::as_str).is_some_and(&wanted));
        self.write("store.json", &serde_json::to_string(&entries)?)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.path(name);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(file_error(&path, source)),
            _ => Ok(()),
        }
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.path(name);
        std::fs::write(&path, text).map_err(|source| file_error(&path, source))
    }
}

fn file_error(path: &Path, source: io::Error) -> Error {
    Error::File { file: path.display().to_string(), source }
}

/// A command that runs in the folder `servers/{name}` of this package.
fn command_in(name: &str, program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("servers").join(name));
    command
}
