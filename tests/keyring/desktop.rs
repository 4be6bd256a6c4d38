//! A desktop session of its own: a session bus and a real gnome-keyring, with nothing of this machine's in it.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use mainstay_mock_server::MockServer;
use tempfile::TempDir;

use crate::{
    app::Setup,
    run::{Running, signal},
};

const PASSWORD: &[u8] = b"the person's login password";
const SERVICE: &str = "org.freedesktop.secrets";

/// A server that signs ada in.
pub async fn server() -> MockServer {
    let server = MockServer::builder().generate_secret().start().await.unwrap();
    server.control().script_sign_in("ada");
    server
}

/// An app on this desktop, with its key in the keyring.
pub fn on(desktop: &Desktop, server: &MockServer) -> Setup {
    Setup {
        issuer: server.issuer().to_owned(),
        folder: desktop.path("vault"),
        keys: None,
        virtual_time: None,
        without_locks: false,
        without_watch: false,
        deaf_watch: false,
        enroll_device_key: false,
        keyring_patience: 5,
    }
}

pub struct Desktop {
    folder: TempDir,
    bus: Child,
    address: String,
    keyring: Option<Child>,
}

impl Desktop {
    /// Somebody has logged in, and with that unlocked the keyring.
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        for name in ["home", "data", "run", "config"] {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        }
        let mut command = Command::new("dbus-daemon");
        command.args(["--session", "--nofork", "--nopidfile", "--print-address=1"]).stdout(Stdio::piped());
        let mut bus =
            environment(&mut command, folder.path(), "").spawn().expect("dbus-daemon, of Debian's package dbus");
        let mut address = String::new();
        BufReader::new(bus.stdout.as_mut().unwrap()).read_line(&mut address).unwrap();
        let mut desktop = Self { folder, bus, address: address.trim().to_owned(), keyring: None };
        desktop.log_in();
        desktop
    }

    /// The keyring starts, and the login's password unlocks it.
    pub fn log_in(&mut self) {
        let mut command = self.command("gnome-keyring-daemon");
        command.args(["--foreground", "--unlock", "--components=secrets"]).stdin(Stdio::piped());
        let mut keyring = command.spawn().expect("gnome-keyring-daemon, of Debian's package gnome-keyring");
        keyring.stdin.take().unwrap().write_all(PASSWORD).unwrap();
        self.keyring = Some(keyring);
        let ready = self.command("gdbus").args(["wait", "--session", "--timeout", "60", SERVICE]).status().unwrap();
        assert!(ready.success(), "the keyring did not start");
    }

    /// The keyring is killed; what it stored stays.
    pub fn kill_keyring(&mut self) {
        let mut keyring = self.keyring.take().unwrap();
        keyring.kill().unwrap();
        keyring.wait().unwrap();
    }

    /// Stops or continues the keyring: while stopped, it takes questions and answers none.
    pub fn signal_keyring(&self, name: &str) {
        signal(self.keyring.as_ref().unwrap().id(), name);
    }

    pub fn lock(&self) {
        self.secret_service("Lock", "['/org/freedesktop/secrets/collection/login']");
    }

    /// As the login does it: by the keyring's control socket.
    pub fn unlock(&self) {
        let mut control = UnixStream::connect(self.folder.path().join("run/keyring/control")).unwrap();
        let number = |number: usize| u32::try_from(number).unwrap().to_be_bytes();
        let body = [&number(1)[..], &number(PASSWORD.len()), PASSWORD].concat();
        control.write_all(&[0]).unwrap();
        control.write_all(&[&number(body.len() + 4)[..], &body].concat()).unwrap();
        let mut answer = [0; 8];
        control.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [0, 0, 0, 8, 0, 0, 0, 0], "the keyring was not unlocked");
    }

    /// How many entries of ours the keyring has.
    pub fn entries(&self) -> usize {
        self.secret_service("SearchItems", "{'service': 'mainstay'}")
            .matches("/org/freedesktop/secrets/collection")
            .count()
    }

    /// An app on this desktop.
    pub fn app(&self, setup: &Setup) -> Running {
        self.app_with(setup, &[])
    }

    /// The same app where there is no session bus.
    pub fn app_without_bus(&self, setup: &Setup) -> Running {
        let nowhere = self.folder.path().join("nowhere");
        self.app_with(setup, &[("DBUS_SESSION_BUS_ADDRESS", ""), ("XDG_RUNTIME_DIR", nowhere.to_str().unwrap())])
    }

    fn app_with(&self, setup: &Setup, more: &[(&str, &str)]) -> Running {
        let own = variables(self.folder.path(), &self.address);
        let own = own.iter().map(|(name, value)| (*name, value.as_str()));
        Running::new(setup, &own.chain(more.iter().copied()).collect::<Vec<_>>())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Every file of the vault that holds something, and of the keyring.
    pub fn everything_stored(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        for folder in ["vault", "data/keyrings"] {
            for file in std::fs::read_dir(self.path(folder)).into_iter().flatten() {
                let path = file.unwrap().path();
                found.insert(path.clone(), std::fs::read(path).unwrap());
            }
        }
        found
    }

    fn secret_service(&self, method: &str, argument: &str) -> String {
        let method = format!("org.freedesktop.Secret.Service.{method}");
        let call = ["call", "--session", "--dest", SERVICE, "--object-path", "/org/freedesktop/secrets", "--method"];
        let answer = self.command("gdbus").args(call).args([&method, argument]).output().unwrap();
        assert!(answer.status.success(), "{method}: {}", String::from_utf8_lossy(&answer.stderr));
        String::from_utf8(answer.stdout).unwrap()
    }

    /// A program of this desktop.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        environment(&mut command, self.folder.path(), &self.address);
        command
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        for child in self.keyring.iter_mut().chain([&mut self.bus]) {
            let _dead_already = child.kill();
            let _dead_already = child.wait();
        }
    }
}

/// An empty variable is removed: there is no screen to ask anybody on.
fn variables(folder: &Path, address: &str) -> Vec<(&'static str, String)> {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    vec![
        ("HOME", path("home")),
        ("XDG_DATA_HOME", path("data")),
        ("XDG_CONFIG_HOME", path("config")),
        ("XDG_RUNTIME_DIR", path("run")),
        ("DBUS_SESSION_BUS_ADDRESS", address.to_owned()),
        ("DISPLAY", String::new()),
        ("WAYLAND_DISPLAY", String::new()),
        ("GNOME_KEYRING_CONTROL", String::new()),
    ]
}

fn environment<'a>(command: &'a mut Command, folder: &Path, address: &str) -> &'a mut Command {
    for (name, value) in variables(folder, address) {
        if value.is_empty() {
            command.env_remove(name)
        } else {
            command.env(name, value)
        };
    }
    command.stderr(Stdio::null())
}
