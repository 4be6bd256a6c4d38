//! Starting apps in processes of their own, and talking to them.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::app::{SETUP, Setup};

/// A running app. Killed with its handle.
pub struct Running {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Running {
    /// Starts this very program again, as an app, with variables of its own; an empty one is removed.
    pub fn new(setup: &Setup, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "app::as_an_app", "--nocapture", "--test-threads=1"]);
        command.env(SETUP, serde_json::to_string(setup).unwrap());
        for (name, value) in variables {
            if value.is_empty() {
                command.env_remove(name);
            } else {
                command.env(name, value);
            }
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let commands = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, commands, answers }
    }

    pub fn tell(&mut self, command: &str) {
        // An app that was killed hears nothing.
        let _dead = writeln!(self.commands, "{command}").and_then(|()| self.commands.flush());
    }

    /// What it says next; `None` when it is dead.
    pub fn hear(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.answers.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(answer) = line.strip_prefix("@ ") {
                return Some(answer.trim_end().to_owned());
            }
        }
    }

    pub fn ask(&mut self, command: &str) -> String {
        self.tell(command);
        self.hear().unwrap_or_else(|| panic!("the app {} died at {command}", self.id()))
    }

    /// kill -9, and nothing of it is left.
    pub fn kill(mut self) {
        signal(self.id(), "KILL");
        self.child.wait().unwrap();
    }

    /// The process, for signals.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

/// Sends a signal by its name, as `kill` does.
pub fn signal(process: u32, name: &str) {
    assert!(Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap().success());
}

impl Drop for Running {
    fn drop(&mut self) {
        let _dead_already = self.child.kill();
        let _dead_already = self.child.wait();
    }
}
