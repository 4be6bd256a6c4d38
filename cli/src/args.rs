//! The command line.

use std::path::PathBuf;

use clap::{Args as Group, Parser, Subcommand};
use clap_complete::Shell;

/// Looks at what Mainstay stores on a device, and puts back what was set aside.
///
/// Made for whoever helps people: it needs no network, tells no secret, and may be used while the app runs.
#[derive(Parser)]
#[command(name = "mainstay", version, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// What is in a vault, whether it is whole, and putting back what was set aside.
    ///
    /// The exit status is 0 when nothing is wrong, 1 when something is, 2 when there is nothing to look at or the command makes
    /// no sense, and 3 when nothing wrong was found but not everything could be opened: no key was given, the key store is
    /// locked, or a newer release wrote the vault.
    #[command(arg_required_else_help = true)]
    Vault {
        #[command(subcommand)]
        command: VaultCommand,

        /// For machines: one JSON document on standard output.
        #[arg(long, global = true)]
        json: bool,
    },
    /// Says what an authorization server offers, what becomes of its devices on bad days, and a profile to paste.
    ///
    /// Reads what the server publishes; signs nobody in. The exit status is 0 when everything that the server says it offers
    /// works, 1 when something does not, 2 when it cannot be reached or is no authorization server.
    #[command(arg_required_else_help = true)]
    Doctor {
        /// The server's issuer, as in `https://id.example.com`, letter by letter.
        issuer: String,

        /// For machines: one JSON document on standard output.
        #[arg(long)]
        json: bool,
    },
    /// Prints the completions of a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Subcommand)]
pub(crate) enum VaultCommand {
    /// Says how a vault is: whether it opens, whose sessions are in it, what was set aside.
    ///
    /// Changes nothing and takes no lock. Without a key it says what files say of themselves.
    Status(Look),
    /// Checks every file of a vault: its checksum, its seal and its content.
    ///
    /// Changes nothing and takes no lock. Without a key only checksums are checked, and the exit status is 3.
    Verify(Look),
    /// Prints everything that a bug report needs and nobody else's business, as one JSON document.
    ///
    /// It has states, generations, ages, files and the timeline. Accounts, subjects, tenants and issuers have pseudonyms
    /// that only this vault's key can make; without the key they are drawn anew each time.
    Export {
        #[command(flatten)]
        look: Look,

        /// Required. There is no other export: a vault's secrets leave a device in no form.
        #[arg(long)]
        redacted: bool,
    },
    /// Puts a file that was set aside back, with everything that was set aside in the same moment.
    ///
    /// Asks nobody for a key. Refused where somebody signed in, or out, since: then nothing is moved. The app reads it at
    /// its next start.
    Restore {
        /// The vault's folder.
        folder: PathBuf,

        /// The file's name, as `mainstay vault status` prints it.
        name: String,
    },
}

/// Where to look, and where the key is.
#[derive(Group)]
pub(crate) struct Look {
    /// The vault's folder.
    pub(crate) folder: PathBuf,

    /// The key is in this machine's keyring, as for an app that uses `native::desktop`.
    #[arg(long, conflicts_with = "key_folder")]
    pub(crate) keyring: bool,

    /// The key is a plain file in this folder, as for an app that uses `native::unprotected`.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) key_folder: Option<PathBuf>,
}
