//! The command line.

use std::path::PathBuf;

use clap::{Args as Group, Parser, Subcommand};
use clap_complete::Shell;

/// Signs in on the command line, looks at what Mainstay stores on a device, and says what a server offers.
///
/// `vault` is made for whoever helps people: it needs no network, tells no secret, and may be used while the app runs.
#[derive(Parser)]
#[command(name = "mainstay", version, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lets a person sign in, in a browser or with another device.
    ///
    /// The session is kept in a vault of its own, for `token`, `curl-config`, `status` and `logout`. Whoever signed in before
    /// under this name is signed in still, unless it is somebody else now.
    ///
    /// The exit status of these is 0 when it is done, 1 when it is refused or was given up, 2 when the command makes no sense,
    /// 3 when it cannot be done now, and 4 when a person has to sign in first.
    Login(Login),
    /// Prints a good access token, renewed if need be; many at once renew it once.
    Token(Kept),
    /// Prints what curl needs to send the token, for `curl --config -`: so it stands in no argument list.
    ///
    /// For example `mainstay curl-config | curl --config - https://api.example.com/me`. Send it to no server but its own, and
    /// let curl follow no redirects (`--location`) elsewhere.
    CurlConfig(Kept),
    /// Says who is signed in, and how the session is.
    Status {
        #[command(flatten)]
        kept: Kept,

        /// For machines: one JSON document on standard output.
        #[arg(long)]
        json: bool,
    },
    /// Signs out: at once on this machine, and at the server as soon as it can be reached.
    Logout(Kept),
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

/// How to sign in.
#[derive(Group)]
pub(crate) struct Login {
    /// The authorization server's name, as its discovery document has it: `https://login.example.com`.
    pub(crate) issuer: String,

    /// What this program is registered as there.
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: String,

    /// A scope to ask for; give it once for each. `openid` and `offline_access` if none is given.
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,

    /// Where the browser is sent back to, as registered: `127.0.0.1`, `[::1]` or `localhost`, on a free port if it names none.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1/callback")]
    pub(crate) redirect_uri: String,

    /// What is known about the deployment beforehand: a profile as in docs/profile.md.
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: Option<PathBuf>,

    /// Signs in with another device: shows a code to type in there, and the same to scan.
    #[arg(long, conflicts_with_all = ["no_browser", "redirect_uri"])]
    pub(crate) device: bool,

    /// Opens no browser, and says which address to open on this machine.
    #[arg(long)]
    pub(crate) no_browser: bool,

    #[command(flatten)]
    pub(crate) kept: Kept,
}

/// Where the session is kept.
#[derive(Group)]
pub(crate) struct Kept {
    /// Which of several sessions of this person's, by a name of your choice.
    #[arg(long = "as", value_name = "NAME", default_value = "default", value_parser = plain_name, conflicts_with = "folder")]
    pub(crate) name: String,

    /// The vault's folder, in place of the person's own.
    #[arg(long)]
    pub(crate) folder: Option<PathBuf>,

    /// The vault's key is a plain file in this folder, readable by whoever can read that, and not in this machine's keyring.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) key_folder: Option<PathBuf>,
}

/// A name that is a folder's on every system.
fn plain_name(name: &str) -> Result<String, &'static str> {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let fits = !name.is_empty() && name.len() <= 40 && name.chars().all(plain);
    if fits { Ok(name.to_owned()) } else { Err("a name has up to 40 of a-z, 0-9 and -") }
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
