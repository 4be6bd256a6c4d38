//! What a failed token request means for the credential: the authorization server's rows of DESIGN.md section 4.

use mainstay_core::TokenOutcome;

use super::NOTHING_SENT;
use crate::{
    error::Failure,
    host::TransportError,
    oauth::{TokenError, TokenFailure, TransientKind},
};

/// What a failed token request means (DESIGN.md section 4).
pub(super) fn outcome_of(failure: &Failure) -> TokenOutcome {
    match failure {
        Failure::Transport(error) => match error {
            TransportError::Unreachable | TransportError::Tls | TransportError::InvalidRequest => NOTHING_SENT,
            TransportError::Broken | TransportError::Timeout | TransportError::TooLarge => {
                TokenOutcome::Transient { retry_after: None, lost: true }
            }
        },
        Failure::Token(error) => outcome_of_error(error),
        Failure::ToldToWait(wait) => TokenOutcome::Transient { retry_after: Some(*wait), lost: false },
        // Discovery answered nonsense: the server is not well.
        _ => TokenOutcome::Transient { retry_after: None, lost: false },
    }
}

fn outcome_of_error(error: &TokenError) -> TokenOutcome {
    let transient = TokenOutcome::Transient { retry_after: error.retry_after, lost: error.may_have_been_granted() };
    match &error.failure {
        TokenFailure::InvalidGrant => TokenOutcome::Refused { revoked: false },
        TokenFailure::SessionRevoked { .. } => TokenOutcome::Refused { revoked: true },
        TokenFailure::Configuration(_) => TokenOutcome::Configuration,
        TokenFailure::InvalidScope => TokenOutcome::InvalidScope,
        // Whoever asks to wait is in trouble, and does not mean the credential.
        TokenFailure::Unreasoned(_) if error.retry_after.is_some() => transient,
        TokenFailure::Unreasoned(_) => TokenOutcome::Unreasoned,
        TokenFailure::Transient(TransientKind::Malformed(_)) if matches!(error.status, 200..=299) => {
            TokenOutcome::Malformed
        }
        TokenFailure::Transient(_) | TokenFailure::UseDpopNonce { .. } | TokenFailure::InvalidDpopProof => transient,
    }
}
