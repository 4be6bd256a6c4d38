//! `mainstay-mock`: the mock server as a program.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
};

use clap::{ArgAction, Parser};
use mainstay_mock_server::{
    Config, INTROSPECTION_CLIENT, MockServer, OPERATORS, Rejection, Rotation, secret_fingerprint,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

/// A real authorization server and a small point-of-sale API that break on command.
///
/// Signs people in (ada, grace and linus, PIN 1234), issues tokens, sells coffee; and does on /control what brought real
/// servers down: changes its secret, rejects everything, answers late, wrongly or not at all. / is a page for
/// people, /openapi.json describes everything else.
#[derive(Parser)]
#[command(name = "mainstay-mock", version, max_term_width = 110)]
struct Options {
    /// The address to listen on; port 0 takes a free one. /control answers loopback only, whatever the address.
    #[arg(long, env = "MAINSTAY_MOCK_LISTEN", default_value = "127.0.0.1:8400", value_name = "ADDRESS")]
    listen: SocketAddr,

    /// What the server calls itself, where clients reach it by another name than its address, as in an emulator.
    #[arg(long, env = "MAINSTAY_MOCK_ISSUER", value_name = "URL")]
    issuer: Option<String>,

    /// The secret that signs access tokens (HS256). The server does not start without one, nor with an empty one.
    /// Prefer the environment variable: other people on this machine can read a program's arguments.
    #[arg(long, env = "MAINSTAY_MOCK_SECRET", hide_env_values = true, value_name = "SECRET")]
    secret: Option<SecretString>,

    /// Remembers the secret's fingerprint in this file. From then on the server does not start with another secret, unless a
    /// key operation announced it.
    #[arg(long, env = "MAINSTAY_MOCK_KEY_MEMORY", value_name = "FILE")]
    key_memory: Option<PathBuf>,

    /// The secret before the announced one; what it signed stays good for the overlap.
    #[arg(long, env = "MAINSTAY_MOCK_RETIRED_SECRET", hide_env_values = true, value_name = "SECRET")]
    retired_secret: Option<SecretString>,

    /// Prints the secret's fingerprint, as a key operation announces it, and ends.
    #[arg(long)]
    fingerprint: bool,

    /// Signs with a secret made for this run only.
    #[arg(long, conflicts_with = "secret")]
    generate_secret: bool,

    /// The token that opens /control, in the header X-Mainstay-Control. Made and printed when absent.
    #[arg(long, env = "MAINSTAY_MOCK_CONTROL_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    control_token: Option<SecretString>,

    /// A file with any part of the configuration as JSON, as PUT /control/config takes it.
    #[arg(long, env = "MAINSTAY_MOCK_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// What happens to a refresh token that was used: strict, grace, until-used or off.
    #[arg(long, value_name = "PROFILE", value_parser = rotation)]
    rotation: Option<Rotation>,

    /// Lifetime of access tokens, in seconds.
    #[arg(long, value_name = "SECONDS")]
    access_token_lifetime: Option<u64>,

    /// The POS API rejects tokens with this status and "Token invalid", without WWW-Authenticate.
    #[arg(long, value_name = "STATUS")]
    legacy_status: Option<u16>,

    /// This person signs in by script: GET /authorize answers at once, without a page.
    #[arg(long, value_name = "NAME")]
    scripted_person: Option<String>,

    /// Keeps sessions in this Redis instead of in the server. It must answer at the start.
    #[arg(long, env = "MAINSTAY_MOCK_SESSIONS", value_name = "redis://HOST:PORT")]
    sessions: Option<String>,

    /// Starts with a clock that stands still at this moment, in milliseconds since 1970.
    #[arg(long, value_name = "MILLISECONDS")]
    virtual_clock: Option<u64>,

    /// Prints one line of JSON with the addresses and tokens instead of a greeting.
    #[arg(long, action = ArgAction::SetTrue)]
    json: bool,
}

fn rotation(text: &str) -> Result<Rotation, String> {
    serde_json::from_value(text.into()).map_err(|_| "one of strict, grace, until-used, off".to_owned())
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do if standard error is gone too.
            let _ = writeln!(io::stderr(), "mainstay-mock: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    if let (true, Some(secret)) = (options.fingerprint, &options.secret) {
        writeln!(io::stdout(), "{}", secret_fingerprint(secret.expose_secret()))?;
        return Ok(());
    }
    let mut builder = MockServer::builder().address(options.listen).config(configuration(&options)?);
    builder = match (options.secret, options.generate_secret) {
        (Some(secret), _) => builder.secret(secret),
        (None, true) => builder.generate_secret(),
        (None, false) => {
            return Err("the signing secret is missing: set MAINSTAY_MOCK_SECRET or --secret, \
                        or ask for one with --generate-secret"
                .into());
        }
    };
    let control_token_is_ours = options.control_token.is_none();
    if let Some(token) = options.control_token {
        builder = builder.control_token(token);
    }
    if let Some(issuer) = options.issuer {
        builder = builder.issuer(issuer);
    }
    if let Some(person) = options.scripted_person {
        builder = builder.scripted_person(person);
    }
    if let Some(file) = options.key_memory {
        builder = builder.key_memory(file);
    }
    if let Some(secret) = options.retired_secret {
        builder = builder.retired_secret(secret);
    }
    if let Some(redis) = options.sessions {
        builder = builder.sessions(redis);
    }
    if let Some(now_ms) = options.virtual_clock {
        builder = builder.virtual_clock(now_ms);
    }
    let server = builder.start().await?;
    greet(&server, control_token_is_ours, options.json)?;
    tokio::signal::ctrl_c().await?;
    Ok(())
}

fn configuration(options: &Options) -> Result<Config, Box<dyn std::error::Error>> {
    let mut config = Config::default();
    if let Some(path) = &options.config {
        let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let patch: Map<String, Value> =
            serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        config = config.patched(patch).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if let Some(rotation) = options.rotation {
        config.rotation = rotation;
    }
    if let Some(seconds) = options.access_token_lifetime {
        config.access_token_lifetime = seconds;
    }
    if let Some(status) = options.legacy_status {
        config.rejection = Rejection::legacy(status);
    }
    Ok(config)
}

/// Says where everything is. Tokens made for this run are shown, as nobody else knows them; given ones are not repeated.
fn greet(server: &MockServer, show_control_token: bool, as_json: bool) -> io::Result<()> {
    let control = show_control_token.then(|| server.control_token());
    let admin: BTreeMap<_, _> = OPERATORS.into_iter().map(|name| (name, server.admin_token(name))).collect();
    let fragment = control.map_or_else(String::new, |token| format!("#control={token}"));
    let page = format!("{}{fragment}", server.url());
    let mut out = io::stdout().lock();
    if as_json {
        let line = json!({
            "url": server.url(), "issuer": server.issuer(), "page": page, "control_token": control,
            "admin_tokens": admin,
            "introspection": { "client_id": INTROSPECTION_CLIENT, "client_secret": server.introspection_secret() },
        });
        writeln!(out, "{line}")?;
    } else {
        writeln!(out, "mainstay-mock is up.\n")?;
        writeln!(out, "  issuer      {}", server.issuer())?;
        writeln!(out, "  page        {page}")?;
        writeln!(out, "  /control    X-Mainstay-Control: {}", control.unwrap_or("(as given)"))?;
        for (name, token) in admin {
            writeln!(out, "  /admin      X-Mainstay-Admin: {}  ({name} operator)", token.unwrap_or_default())?;
        }
        writeln!(out, "  /introspect {INTROSPECTION_CLIENT}:{}", server.introspection_secret())?;
        writeln!(out, "\nCtrl-C stops it.")?;
    }
    out.flush()
}
