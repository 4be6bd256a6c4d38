//! Why a server could not be brought up.

/// What keeps the run from beginning.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is missing or cannot be started.
    #[error("cannot run `{command}`: {source}")]
    Command {
        /// As a person would type it.
        command: String,
        /// Why.
        source: std::io::Error,
    },
    /// A program ended with an error.
    #[error("`{command}` failed: {output}")]
    Failed {
        /// As a person would type it.
        command: String,
        /// The end of what it wrote.
        output: String,
    },
    /// A file of the server's cannot be read or written.
    #[error("{file}: {source}")]
    File {
        /// Which.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// The server's store is not what this version of it writes.
    #[error("the server's store cannot be read: {0}")]
    Store(#[from] serde_json::Error),
    /// The server ended before it was ready.
    #[error("{server} ended before it was ready: {output}")]
    NotReady {
        /// Its name.
        server: &'static str,
        /// The end of what it wrote.
        output: String,
    },
    /// The device under test could not be set up.
    #[error("the till cannot be set up: {0}")]
    Till(String),
}
