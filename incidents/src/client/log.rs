//! The log of a client process: standard error, as much of it as `RUST_LOG` asks for.

use tracing_subscriber::EnvFilter;

/// Writes what `RUST_LOG` asks for to standard error; nothing without it. Once per process.
pub fn log_to_standard_error() {
    if std::env::var_os(EnvFilter::DEFAULT_ENV).is_some() {
        let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).with_ansi(false);
        // Fails only where somebody writes a log already.
        let _ = log.with_writer(std::io::stderr).try_init();
    }
}
