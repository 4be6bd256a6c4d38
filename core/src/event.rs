//! What a session can be told. The driver turns answers, clicks and clock ticks into these.

use alloc::boxed::Box;
use core::time::Duration;

use crate::{ForeignBy, Generation, LockReason, SignedOutReason, Snapshot};

/// Something happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The vault was read, or could not be. Answers [`Effect::OpenVault`](crate::Effect::OpenVault).
    VaultOpened(Opened),
    /// A person signed in (or the app imported a session) as the pinned identity, and the credentials are stored.
    SignedIn(NewGeneration),
    /// A resource server rejected a token.
    Rejected(Rejection),
    /// A request on a protected path was answered 2xx by its own origin, uncached, with nobody else's name in it.
    Accepted {
        /// The generation whose access token was accepted.
        generation: Generation,
    },
    /// An attempt that the core asked for has ended.
    AttemptEnded {
        /// The number that came with the effect. Late answers are recognised by it.
        attempt: u32,
        /// What came of it.
        outcome: Outcome,
    },
    /// Another process stored newer credentials for this account.
    GenerationFound(NewGeneration),
    /// The same credentials under a newer generation, with one more access token for another audience. The session's own
    /// access token is the one it was, and so is all that is known about it.
    Extended(NewGeneration),
    /// Credentials that could not be stored before are stored now.
    Saved {
        /// Their generation.
        generation: Generation,
    },
    /// A call of the app waits for a token.
    CallWaiting,
    /// A call needs a token with more life left than the present one has.
    RenewEarly,
    /// A person asked to try now. Already within the limits of [`Session::tap`](crate::Session::tap).
    TryNow,
    /// The host says that the network is there, or gone. A hint.
    NetworkChanged {
        /// Whether there is a network.
        online: bool,
    },
    /// The server's status document or a header was read.
    StatusRead {
        /// Whether the server calls itself healthy; `None` if only a header was seen.
        healthy: Option<bool>,
        /// Over how long devices shall spread their first attempt.
        spread: Option<Duration>,
    },
    /// Something about another account on this device or about the server's keys.
    Signal(Signal),
    /// A foreign identity turned up outside of an attempt.
    ForeignIdentity(ForeignBy),
    /// The account ends on this device: its user, its app, or another process asked for it.
    SignOut(SignedOutReason),
    /// Time has passed: [`Session::wake_at`](crate::Session::wake_at) has been reached.
    Tick,
}

/// What was in the vault. Nothing flattens these.
#[derive(Clone, Debug, PartialEq)]
pub enum Opened {
    /// There is a session.
    Value(Box<Restored>),
    /// There never was one. The only outcome that means "never signed in" (P10).
    Empty,
    /// There was a sign-out, and its reason is known.
    SignedOut(SignedOutReason),
    /// There was a session, and its kept credentials were destroyed by the limit of 30 days.
    NothingKept,
    /// It exists and cannot be opened now.
    Locked(LockReason),
    /// It could not be read this time.
    Unreadable,
    /// It could not be read three times and was moved aside just now; storage is writable. After the next restart it is
    /// [`NothingKept`](Self::NothingKept), until somebody signs in.
    MovedAside,
}

/// A session as the vault kept it.
#[derive(Clone, Debug, PartialEq)]
pub struct Restored {
    /// The core's own memory, if it was stored and could be read.
    pub snapshot: Option<Snapshot>,
    /// The newest stored generation. The vault is right where it and the snapshot differ.
    pub credentials: NewGeneration,
    /// The generation before, if it is still kept.
    pub previous: Option<Generation>,
    /// A refresh was begun with this generation's refresh token, and nobody knows how it ended.
    pub intent: Option<Generation>,
    /// Whether the time since the snapshot is certain (same boot, or confirmed by a server's `Date`). Uncertain time never
    /// counts towards destroying anything.
    pub gap_is_certain: bool,
}

/// Newly stored credentials, without the secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewGeneration {
    /// Their generation.
    pub generation: Generation,
    /// How long the access token lives, already between floor and ceiling; `None` if there is none.
    pub lives_for: Option<Duration>,
    /// Whether there is a refresh token.
    pub has_refresh_token: bool,
    /// Whether they are durably stored. If not, they live in memory and storing is retried.
    pub saved: bool,
    /// What is known about whose they are.
    pub identity: IdentityProof,
}

/// What is known about whose credentials these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityProof {
    /// An ID token or the probe named the pinned identity.
    Verified,
    /// The profile says that a refresh keeps its identity. Refresh only.
    Inherited,
    /// Nothing named anybody yet: the probe is asked before the token is handed out. If it names the pinned identity,
    /// that is stored with the generation.
    Unverified,
    /// The account has no proven subject at all; nothing can be compared.
    Unpinned,
}

/// A resource server's "no".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The generation whose access token was rejected.
    pub generation: Generation,
    /// Whether the token was for the session's own audience.
    pub own_audience: bool,
    /// How the server said it.
    pub class: RejectionClass,
    /// Whether the transport knows which connection carried it. Unknown never counts as a flap.
    pub connection_known: bool,
}

/// How a resource server said "no", by the table in DESIGN.md section 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectionClass {
    /// 401 `invalid_token`.
    InvalidToken,
    /// 401 without an error code.
    Unauthorized,
    /// A profile rule matched.
    Legacy,
    /// An explicit "session revoked".
    SessionRevoked,
    /// 401 `use_dpop_nonce`; the driver sends it once more with the nonce.
    UseDpopNonce,
    /// 401 `invalid_dpop_proof`, also after a retry with the server's own time.
    InvalidDpopProof,
    /// 403, or `insufficient_scope`.
    Forbidden,
    /// 401 `insufficient_user_authentication`.
    StepUp,
}

/// Something that points to the server or to this account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Another account on this device was rejected.
    NeighbourRejected,
    /// Another account on this device was accepted.
    NeighbourAccepted,
    /// The key that signed the ID token vanished from the server's JWKS.
    KeyVanished,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Of a probe.
    Probe(ProbeOutcome),
    /// Of a refresh.
    Refresh(TokenOutcome),
    /// Of a silent re-authentication.
    Reauthentication(TokenOutcome),
    /// Of reading the server's metadata again.
    Rediscovered {
        /// Whether anything differs from before.
        changed: bool,
    },
}

/// What a probe found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeOutcome {
    /// 2xx from its own origin, uncached, parseable, naming the pinned subject if it names one.
    Accepted {
        /// Whether it is certain that a new connection carried it.
        on_fresh_connection: bool,
    },
    /// The token was rejected.
    Rejected(RejectionClass),
    /// Anything else: no evidence.
    Silent,
    /// It named somebody else.
    Foreign,
}

/// What a token request found, be it a refresh or a silent re-authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenOutcome {
    /// New credentials.
    Renewed(NewGeneration),
    /// Under the lock, the vault turned out to hold newer ones; no request, or a refused one, was made.
    Adopted(NewGeneration),
    /// `invalid_grant`, `access_denied`, or the provider declined. For this credential, in this episode, that is final.
    Refused {
        /// Whether the answer said that the session was revoked.
        revoked: bool,
    },
    /// `invalid_client`, `unauthorized_client`, `unsupported_grant_type`.
    Configuration,
    /// `invalid_scope`.
    InvalidScope,
    /// 5xx, 429, HTML and the like: the server was reached and is not well.
    Transient {
        /// The server's `Retry-After`, clamped to an hour.
        retry_after: Option<Duration>,
        /// Whether the server may have acted on the request all the same: it left, and no answer came, or one that may be a
        /// proxy's own (5xx). An RFC 6749 error object, or a status that turns a request away, is a definite answer.
        lost: bool,
    },
    /// No way to the server.
    Unreachable,
    /// An answer that is no RFC 6749 error object and has no reason: an empty 400, a bare 403 or 404.
    Unreasoned,
    /// A malformed or cached token response.
    Malformed,
    /// Another process held the credential's lock for 30 seconds.
    LockBusy,
    /// The next generation could not be preallocated; nothing was sent.
    StorageFull,
    /// The response named somebody else.
    Foreign,
}
