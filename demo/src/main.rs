//! `cargo demo`: what an incident does to a till, with Mainstay and without.
//!
//! The director plays the incident with real clients, a real server and real HTTP, in virtual time. This program only
//! presents what it saw, at reading pace: each line about an incident is made from an event.

mod args;
mod beats;
mod catalogue;
mod compact;
mod perform;
mod screen;
mod serve;
mod show;
mod story;
mod table;
mod words;

use std::{io::ErrorKind, process::ExitCode};

use mainstay_incidents::client;

use args::{Args, Command, Play};
use show::ShowError;

fn main() -> ExitCode {
    client::log_to_standard_error();
    let args = Args::from_command_line();
    match args.command {
        Some(Command::Client { which }) => perform::be_client(which),
        None => present(&args.play),
    }
}

fn present(play: &Play) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error),
    };
    match runtime.block_on(show::show(play)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever read along has seen enough, as `head` has.
        Err(ShowError::Screen(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => complain(&error),
    }
}

fn complain(error: &dyn std::error::Error) -> ExitCode {
    anstream::eprintln!("{}error:{} {error}", words::BAD, words::PLAIN);
    ExitCode::from(2)
}
