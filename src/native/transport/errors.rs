//! What reqwest's errors mean for us.

use std::{error::Error, io};

use crate::host::TransportError;

/// Sorts an error by what it says about the way to the server.
pub(super) fn explain(error: &reqwest::Error) -> TransportError {
    if error.is_builder() {
        TransportError::InvalidRequest
    } else if is_tls(error) {
        TransportError::Tls
    } else if error.is_connect() {
        TransportError::Unreachable
    } else {
        TransportError::Broken
    }
}

/// Whether rustls is anywhere among the causes. An I/O error hides its own cause one level deeper.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    let hidden = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.is::<rustls::Error>() || hidden.is_some_and(|hidden| is_tls(hidden)) || error.source().is_some_and(is_tls)
}
