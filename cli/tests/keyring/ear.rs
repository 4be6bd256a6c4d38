//! Hears everything that is said on a desktop's session bus.

use std::{
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStdout, Stdio},
};

use crate::desktop::Desktop;

pub struct Ear {
    monitor: Child,
    heard: Lines<BufReader<ChildStdout>>,
}

impl Ear {
    /// Listens from now on.
    pub fn on(desktop: &Desktop) -> Self {
        let mut command = desktop.command("dbus-monitor");
        let mut monitor = command
            .arg("--session")
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus-monitor, of Debian's package dbus-bin");
        let mut heard = BufReader::new(monitor.stdout.take().unwrap()).lines();
        // It loses its own name once it hears everything.
        assert!(heard.any(|line| line.unwrap().contains("member=NameLost")), "the bus cannot be listened to");
        Self { monitor, heard }
    }

    /// How often somebody was made to be asked for a password.
    pub fn prompts(mut self, desktop: &Desktop) -> usize {
        const END: &str = "nothing.more.to.hear";
        let call = ["call", "--session", "--dest", "org.freedesktop.DBus", "--object-path", "/", "--method"];
        let asked = desktop.command("gdbus").args(call).args(["org.freedesktop.DBus.NameHasOwner", END]).output();
        assert!(asked.unwrap().status.success());
        let heard = self.heard.by_ref().map(Result::unwrap).take_while(|line| !line.contains(END));
        heard.filter(|line| line.contains("org.freedesktop.Secret.Prompt") && line.contains("member=Prompt")).count()
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let _dead_already = self.monitor.kill();
        let _dead_already = self.monitor.wait();
    }
}
