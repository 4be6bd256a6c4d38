//! One JSON object per line, none of them too long.

use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longest line that is read or written, in bytes, its end included.
pub const LONGEST_LINE: usize = 64 * 1024;

/// Why a line could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The line is longer than [`LONGEST_LINE`]. The conversation cannot go on.
    #[error("a line is longer than {LONGEST_LINE} bytes")]
    TooLong,
    /// The line is not what the protocol knows. The next one may be.
    #[error("a line is not understood: {reason}")]
    NotUnderstood {
        /// The line's `id`, where it has one.
        id: Option<u64>,
        /// What is wrong with it, without its content.
        reason: String,
        /// The command or event it claims to be, if that is not a known one.
        unknown: Option<String>,
    },
    /// The other side cannot be reached.
    #[error("the line was cut: {0}")]
    Io(#[from] std::io::Error),
}

/// Reads the next line that is not empty; `None` at the end.
///
/// # Errors
/// See [`LineError`].
pub async fn read_line<T: DeserializeOwned>(input: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<T>, LineError> {
    let limit = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX);
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut *input).take(limit).read_until(b'\n', &mut line).await? == 0 {
            return Ok(None);
        }
        if line.len() >= LONGEST_LINE && line.last() != Some(&b'\n') {
            return Err(LineError::TooLong);
        }
        if !line.trim_ascii().is_empty() {
            return understand(&line).map(Some);
        }
    }
}

fn understand<T: DeserializeOwned>(line: &[u8]) -> Result<T, LineError> {
    serde_json::from_slice(line).map_err(|error| {
        let value: serde_json::Value = serde_json::from_slice(line).unwrap_or_default();
        let word = value.get("command").or_else(|| value.get("event")).and_then(serde_json::Value::as_str);
        let unknown = word.filter(|_| error.to_string().starts_with("unknown variant")).map(str::to_owned);
        LineError::NotUnderstood {
            id: value.get("id").and_then(serde_json::Value::as_u64),
            reason: reason(&error),
            unknown,
        }
    })
}

/// serde's sentence where it names nothing but our own words: a line may hold tokens.
fn reason(error: &serde_json::Error) -> String {
    let sentence = error.to_string();
    if sentence.starts_with("missing field") || sentence.starts_with("unknown variant") {
        return sentence;
    }
    let kind = if error.is_data() { "a value of the wrong kind" } else { "not JSON" };
    format!("{kind}, at column {}", error.column())
}

/// Writes `message` as one line and flushes it.
///
/// # Errors
/// See [`LineError`].
pub async fn write_line(output: &mut (impl AsyncWrite + Unpin), message: &impl Serialize) -> Result<(), LineError> {
    let mut line = serde_json::to_vec(message).map_err(std::io::Error::from)?;
    line.push(b'\n');
    if line.len() > LONGEST_LINE {
        return Err(LineError::TooLong);
    }
    output.write_all(&line).await?;
    Ok(output.flush().await?)
}
