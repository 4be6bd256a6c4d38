//! Getting a server onto this machine, from its own registry, at the version that the repository names.

use std::{path::Path, process::Stdio};

use tokio::process::Command;

use super::{Kind, command_in};
use crate::Error;

/// The built Spring server, in its folder.
const SPRING_JAR: &str = "target/conformance-spring.jar";

/// Installs what is not there yet.
pub(super) async fn install(kind: Kind) -> Result<(), Error> {
    match kind {
        Kind::OidcProvider => {
            let mut npm = command_in("oidc-provider", "npm");
            npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
            run(npm).await
        }
        Kind::Spring => {
            let mut maven = command_in("spring", "mvn");
            maven.args(["--batch-mode", "--quiet", "package"]);
            run(maven).await
        }
    }
}

/// What starts it; the port and the folder follow.
pub(super) fn command(kind: Kind) -> Command {
    match kind {
        Kind::OidcProvider => {
            let mut node = command_in("oidc-provider", "node");
            node.arg("server.mjs");
            node
        }
        Kind::Spring => {
            let mut java = command_in("spring", "java");
            java.args(["-Xmx128m", "-XX:TieredStopAtLevel=1", "-jar", SPRING_JAR]);
            java
        }
    }
}

async fn run(mut command: Command) -> Result<(), Error> {
    let shown = shown(&command);
    let output = command.stdin(Stdio::null()).output().await;
    let output = output.map_err(|source| Error::Command { command: shown.clone(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    Err(Error::Failed { command: shown, output: end_of(&String::from_utf8_lossy(&text)) })
}

fn shown(command: &Command) -> String {
    let command = command.as_std();
    let program = Path::new(command.get_program()).display().to_string();
    command.get_args().fold(program, |shown, arg| format!("{shown} {}", arg.to_string_lossy()))
}

fn end_of(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
