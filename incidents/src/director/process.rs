//! The client process, as the director holds it.

use std::{
    collections::VecDeque,
    ffi::OsString,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
};

use mainstay_mock_server::Control;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command as Spawn},
    sync::mpsc::{self, UnboundedReceiver},
};

use super::PlayError;
use crate::{
    protocol::{Command, LineError, Order, Told, read_line, write_line},
    witness,
};

/// How a client process is started. Whatever speaks the protocol on its standard input and output will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments. No secret is ever among them.
    pub args: Vec<OsString>,
}

impl ClientCommand {
    /// A program without arguments.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), args: Vec::new() }
    }

    /// The same with one argument more.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }
}

/// How much of a client's log is kept for the case that it dies.
const LAST_WORDS: usize = 12;

type Log = Arc<Mutex<VecDeque<String>>>;

/// A running client. Killed when dropped.
pub(super) struct Client {
    child: Child,
    input: ChildStdin,
    events: UnboundedReceiver<Result<Told, LineError>>,
    next_id: u64,
    log: Log,
}

impl Client {
    pub(super) fn spawn(command: &ClientCommand, server: &Control) -> Result<Self, PlayError> {
        let name = command.program.display().to_string();
        let mut spawn = Spawn::new(&command.program);
        witness::of_client(&mut spawn, server);
        let mut child = spawn
            .args(&command.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // The server is on this machine, whatever proxy stands between the machine and the rest of the world.
            .env("NO_PROXY", "127.0.0.1")
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| PlayError::Client(format!("{name} cannot be started: {error}")))?;
        let (Some(input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(PlayError::Client(format!("{name} has no standard streams")));
        };
        let log = Log::default();
        tokio::spawn(keep_last_words(BufReader::new(errors), Arc::clone(&log)));
        Ok(Self { child, input, events: listen(output), next_id: 1, log })
    }

    /// Sends an order and tells its number.
    pub(super) async fn order(&mut self, command: Command) -> Result<u64, PlayError> {
        let id = self.next_id;
        self.next_id += 1;
        match write_line(&mut self.input, &Order { id, command }).await {
            Ok(()) => Ok(id),
            Err(error) => Err(self.died(&error.to_string())),
        }
    }

    pub(super) async fn event(&mut self) -> Result<Told, PlayError> {
        match self.events.recv().await {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(PlayError::Client(error.to_string())),
            None => Err(self.died("it closed its output")),
        }
    }

    /// Kills it, without a word.
    pub(super) async fn kill(mut self) {
        // Only fails if it is dead already.
        let _ = self.child.kill().await;
    }

    fn died(&mut self, why: &str) -> PlayError {
        let status = match self.child.try_wait() {
            Ok(Some(status)) => status.to_string(),
            _ => "still running".to_owned(),
        };
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let words: Vec<&str> = log.iter().map(String::as_str).collect();
        PlayError::Client(format!("{why} ({status})\n{}", words.join("\n")))
    }
}

fn listen(output: ChildStdout) -> UnboundedReceiver<Result<Told, LineError>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut output = BufReader::new(output);
        loop {
            let line = read_line::<Told>(&mut output).await;
            let Some(line) = line.transpose() else { return };
            let last = line.is_err();
            if sender.send(line).is_err() || last {
                return;
            }
        }
    });
    receiver
}

async fn keep_last_words(mut errors: BufReader<tokio::process::ChildStderr>, log: Log) {
    // Passed on where somebody asked for logs; kept in any case, in case the client dies.
    let pass_on = std::env::var_os("RUST_LOG").is_some();
    let mut line = Vec::new();
    while (&mut errors).take(64 * 1024).read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        if pass_on {
            eprintln!("{text}");
        }
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() == LAST_WORDS {
            log.pop_front();
        }
        log.push_back(text);
        drop(log);
        line.clear();
    }
}
