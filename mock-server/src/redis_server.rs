//! A real Redis of one's own, to be killed.

use std::{
    io::{self, BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// A `redis-server` process in a folder of the caller's, reachable by a socket in that folder. Every write is on the disk before it
/// is answered, so that what was stored is there again after a kill. Killed when dropped.
///
/// For tests of this server and of its clients: [`MockServerBuilder::sessions`](crate::MockServerBuilder::sessions) takes its
/// [`address`](Self::address).
#[derive(Debug)]
pub struct RedisServer {
    folder: PathBuf,
    process: Option<Child>,
}

impl RedisServer {
    /// Starts `redis-server` (Debian's package of that name) and waits until it accepts connections.
    ///
    /// # Errors
    /// There is no such program, or it ended instead of accepting connections.
    pub fn start(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let mut server = Self { folder: folder.into(), process: None };
        server.start_again()?;
        Ok(server)
    }

    /// The address for [`sessions`](crate::MockServerBuilder::sessions).
    #[must_use]
    pub fn address(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("redis.sock")
    }

    /// Kills the process (SIGKILL) and waits until it is gone: from then on nobody answers.
    ///
    /// # Errors
    /// The operating system's.
    pub fn kill(&mut self) -> io::Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
            process.wait()?;
        }
        Ok(())
    }

    /// Starts a process anew on what the last one stored, and waits until it accepts connections.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_again(&mut self) -> io::Result<()> {
        self.kill()?;
        let mut process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", "always", "--daemonize", "no"])
            .args(["--logfile", "", "--unixsocket"])
            .arg(self.socket())
            .arg("--dir")
            .arg(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let said = process.stdout.take().map(BufReader::new);
        self.process = Some(process);
        for line in said.into_iter().flat_map(BufRead::lines) {
            if line?.to_lowercase().contains("ready to accept connections") {
                return Ok(());
            }
        }
        self.kill()?;
        Err(io::Error::other("redis-server ended before it accepted connections"))
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // There is nobody left to tell.
        let _ = self.kill();
    }
}
