//! What a session wants done. The driver does it, and reports back by events.

use serde::{Deserialize, Serialize};

use crate::{Code, Generation, SignInReason, Timestamp};

/// Something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Read the vault; answer with [`Event::VaultOpened`](crate::Event::VaultOpened).
    OpenVault,
    /// Move an unreadable vault aside (kept, counted, reported); answer with [`Opened::MovedAside`](crate::Opened::MovedAside).
    SetVaultAside,
    /// Ask a server whether a token is good.
    Probe {
        /// To be repeated in [`Event::AttemptEnded`](crate::Event::AttemptEnded).
        attempt: u32,
        /// Whose access token.
        generation: Generation,
        /// Why.
        purpose: ProbePurpose,
    },
    /// Present the refresh token, under the credential's lock.
    Refresh {
        /// To be repeated in [`Event::AttemptEnded`](crate::Event::AttemptEnded).
        attempt: u32,
        /// Whose refresh token.
        generation: Generation,
        /// Whether to name the scopes (RFC 6749 section 6).
        with_scope: bool,
    },
    /// Get new credentials without a person: device key first, then the app's provider.
    Reauthenticate {
        /// To be repeated in [`Event::AttemptEnded`](crate::Event::AttemptEnded).
        attempt: u32,
    },
    /// Read the server's metadata again.
    Rediscover {
        /// To be repeated in [`Event::AttemptEnded`](crate::Event::AttemptEnded).
        attempt: u32,
    },
    /// Read the server's status document; answer with [`Event::StatusRead`](crate::Event::StatusRead).
    ReadStatus,
    /// Try again to store credentials that live in memory only.
    Save {
        /// Their generation.
        generation: Generation,
    },
    /// Destroy credential bytes. There is no other way to destroy any (P2).
    Destroy {
        /// Which.
        target: Target,
        /// Which promise allows it.
        allowed_by: Permission,
    },
    /// Keep the refresh token sealed in the revocation queue and revoke it (RFC 7009), at most 7 days long.
    QueueRevocation {
        /// Whose.
        generation: Generation,
    },
    /// Ask the person to sign in, in place. At most once per account and episode (P9).
    Prompt {
        /// Why.
        reason: SignInReason,
    },
    /// The prompt is no longer needed.
    WithdrawPrompt,
    /// Tell whoever operates the server or the app: a configuration mistake.
    Alarm(Code),
    /// Tell the app: this audience is degraded, or a stronger sign-in is wanted.
    Notice(Code),
    /// Store the session's memory ([`Session::snapshot`](crate::Session::snapshot)).
    Persist,
    /// A line of the episode's timeline.
    Note(Note),
}

/// Why a probe is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbePurpose {
    /// Rung 2: the rejected token, on a new connection, to the rejecting origin.
    FreshConnection,
    /// Whether a new token is accepted, and whose it is.
    Confirm,
    /// Whether kept credentials are good again.
    Retest,
    /// Whether own credentials are right, in quarantine.
    Verify,
}

/// Which credential bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Everything of the account on this device, its device key included.
    Everything,
    /// One generation.
    Generation(Generation),
    /// Every kept generation before this one.
    Before(Generation),
    /// Every kept generation; the account stays known.
    KeptCredentials,
}

/// What P2 allows credential bytes to be destroyed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// The user's or the app's sign-out.
    SignOut,
    /// The removal of the account.
    AccountRemoved,
    /// `reset_credentials()`.
    Reset,
    /// The announced limit of 30 days in SignInRequired.
    Limit,
    /// They are somebody else's.
    Foreign,
    /// Their successor was durably stored and then accepted.
    Superseded,
}

impl Permission {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::SignOut => Code::DestroySignOut,
            Self::AccountRemoved => Code::DestroyAccountRemoved,
            Self::Reset => Code::DestroyReset,
            Self::Limit => Code::DestroyLimit,
            Self::Foreign => Code::DestroyForeign,
            Self::Superseded => Code::DestroySuperseded,
        }
    }
}

/// One line of the timeline: what was seen, decided or begun, when, and about which generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When. Sign-out, SignInRequired and quarantine: kept.
    pub at: Timestamp,
    /// What. Sign-out, SignInRequired and quarantine: kept.
    pub code: Code,
    /// About which generation, if about one. Sign-out, SignInRequired and quarantine: kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
    /// Until when, for a wait. Sign-out, SignInRequired and quarantine: kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}
