//! A person's machine: a folder, the program, and a browser that is a few lines.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, ChildStderr, Command, Output, Stdio},
};

use mainstay_mock_server::MockServer;
use tempfile::TempDir;
use url::Url;

pub struct Desk {
    pub server: MockServer,
    folder: TempDir,
}

pub struct Said {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().expect("it was killed"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A sign-in that waits for somebody.
pub struct Waiting {
    child: Child,
    err: BufReader<ChildStderr>,
    pub said: String,
}

impl Desk {
    /// With a server where ada signs in without being asked.
    pub async fn new() -> Self {
        let server = MockServer::builder().scripted_person("ada").generate_secret().start().await.unwrap();
        Self { server, folder: TempDir::new().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program, with its session in this folder.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mainstay"));
        command.args(words).current_dir(self.folder.path());
        for name in ["HOME", "XDG_DATA_HOME", "COLUMNS"] {
            command.env_remove(name);
        }
        command.env("HOME", self.folder.path());
        if words.first().is_some_and(|word| *word != "vault") {
            command.args(["--key-folder", "keys"]);
        }
        command
    }

    pub fn mainstay(&self, words: &[&str]) -> Said {
        self.command(words).output().unwrap().into()
    }

    /// `mainstay login` with these words, up to the line that begins with `until`.
    pub fn login(&self, words: &[&str], until: &str) -> Waiting {
        let mut command = self.command(&[&["login", self.server.issuer(), "--client-id", "cli"], words].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let err = BufReader::new(child.stderr.take().unwrap());
        let mut waiting = Waiting { child, err, said: String::new() };
        waiting.read_until(until);
        waiting
    }

    /// Signs ada in with a browser.
    pub fn sign_in(&self) {
        let login = self.login(&["--no-browser"], "http");
        let callback = go(&login.address()).location.unwrap();
        assert_eq!(go(&callback).status, 200);
        let said = login.end();
        assert_eq!((said.status, said.out.as_str()), (0, "Signed in as Ada.\n"), "{}", said.err);
    }
}

impl Waiting {
    fn read_until(&mut self, beginning: &str) {
        loop {
            let mut line = String::new();
            assert!(self.err.read_line(&mut line).unwrap() > 0, "it ended: {}", self.said);
            self.said.push_str(&line);
            if line.starts_with(beginning) {
                return;
            }
        }
    }

    /// The last line that it said.
    pub fn last(&self) -> &str {
        self.said.lines().last().unwrap()
    }

    pub fn address(&self) -> Url {
        Url::parse(self.last()).unwrap()
    }

    pub fn end(mut self) -> Said {
        self.err.read_to_string(&mut self.said).unwrap();
        let mut said: Said = self.child.wait_with_output().unwrap().into();
        said.err = self.said;
        said
    }
}

/// What a browser gets.
pub struct Page {
    pub status: u16,
    pub location: Option<Url>,
    pub body: String,
}

/// Gets a page, and follows nothing.
pub fn go(url: &Url) -> Page {
    try_go(url).expect("nobody listens")
}

pub fn try_go(url: &Url) -> Option<Page> {
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let mut stream = TcpStream::connect(host).ok()?;
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let header = |line: &str| {
        line.split_once(": ")
            .filter(|(name, _)| name.eq_ignore_ascii_case("location"))
            .map(|(_, value)| value.to_owned())
    };
    let location = head.lines().find_map(header).map(|value| Url::parse(&value).unwrap());
    Some(Page { status: head.split(' ').nth(1)?.parse().ok()?, location, body: body.to_owned() })
}
