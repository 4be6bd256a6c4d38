//! `mainstay`: signs in on the command line, looks at what Mainstay stores on a device, and puts back what was set aside.
//!
//! Everything that is true of a vault is found out by the SDK ([`mainstay::support`]), and everything about a session is
//! done by it; this program presents it. docs/cli.md describes it.

mod args;
mod doctor;
mod document;
mod export;
mod place;
mod restore;
mod screen;
mod session;
mod status;
mod trouble;
mod verdict;
mod verify;
mod words;

use std::{
    io::{self, ErrorKind, Write},
    process::ExitCode,
};

use args::{Args, Command, VaultCommand};
use clap::{CommandFactory, Parser};
use screen::Screen;
use trouble::Trouble;
use verdict::Health;

fn main() -> ExitCode {
    let command = Args::parse().command;
    let json = match &command {
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Args::command(), "mainstay", &mut io::stdout());
            return ExitCode::SUCCESS;
        }
        Command::Vault { json, .. } | Command::Doctor { json, .. } | Command::Status { json, .. } => *json,
        Command::Login(_) | Command::Token(_) | Command::CurlConfig(_) | Command::Logout(_) => false,
    };
    let health = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime.block_on(run(command)),
        Err(error) => Err(Trouble::Runtime(error)),
    };
    match health {
        Ok(health) => health.exit_code(),
        // Whoever read along has seen enough, as `head` has.
        Err(Trouble::Screen(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(trouble) => complain(&trouble, json),
    }
}

async fn run(command: Command) -> Result<Health, Trouble> {
    let mut screen = Screen::new();
    match command {
        Command::Vault { command, json } => return look(&mut screen, command, json).await,
        Command::Doctor { issuer, json } => return doctor::show(&mut screen, &issuer, json).await,
        Command::Login(login) => session::login(&mut screen, &login).await?,
        Command::Token(kept) => session::token(&kept).await?,
        Command::CurlConfig(kept) => session::curl_config(&kept).await?,
        Command::Status { kept, json } => session::status(&mut screen, &kept, json).await?,
        Command::Logout(kept) => session::logout(&mut screen, &kept).await?,
        Command::Completions { .. } => {}
    }
    Ok(Health::Fine)
}

async fn look(screen: &mut Screen, command: VaultCommand, json: bool) -> Result<Health, Trouble> {
    match command {
        VaultCommand::Status(look) => status::show(screen, &look, json).await,
        VaultCommand::Verify(look) => verify::show(screen, &look, json).await,
        VaultCommand::Export { look, redacted } => export::show(screen, &look, redacted).await,
        VaultCommand::Restore { folder, name } => restore::show(screen, &folder, &name, json).await,
    }
}

/// What is wrong, and what to do about it.
fn complain(trouble: &Trouble, json: bool) -> ExitCode {
    if json {
        // Nothing is left to do if standard output is gone too.
        let _gone = writeln!(io::stdout(), "{}", screen::ascii(&trouble.document()));
    }
    let _gone = Screen::on_standard_error().trouble(trouble);
    trouble.exit_code()
}
