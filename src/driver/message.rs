//! What an account's task is told, and with what.

use mainstay_core::{Event, Generation, Opened, Outcome, Rejection, SignedOutReason, Timestamp};
use tokio::sync::oneshot;

use super::{task::PromptAnswer, watching::Elsewhere};
use crate::{
    Credentials, Error, Identity,
    vault::{AccountKey, Epoch, Fingerprint, Rotation},
};

/// What an account's task can be told.
pub(super) enum Message {
    /// Something happened.
    Event(Event),
    /// A server rejected a token, which [`Hot::withdraw`] has taken back already if it was the session's own.
    Rejected(Rejection),
    /// The same; the sender wants to know when it was dealt with.
    Told(Event, oneshot::Sender<()>),
    /// The vault was read; what was in it, if there was a session.
    Opened { opened: Opened, loaded: Option<Box<Loaded>>, epoch: Option<Epoch> },
    /// An attempt ended, perhaps with new credentials.
    Ended { attempt: u32, outcome: Outcome, brought: Option<Box<Brought>> },
    /// A person signed in, or a session was imported, and the credentials are stored.
    SignedIn {
        event: Event,
        credentials: Box<Credentials>,
        name: Option<String>,
        epoch: Epoch,
        done: oneshot::Sender<()>,
    },
    /// The app works with this account now.
    Used,
    /// Sign out, durably.
    SignOut { reason: SignedOutReason, done: oneshot::Sender<Result<(), Error>> },
    /// A person's tap: may it count?
    Tap(oneshot::Sender<Result<(), Timestamp>>),
    /// Rung 4 exists now, or no longer.
    CanReauthenticate(bool),
    /// The server's metadata are known: whether there is a probe, and a status document.
    Abilities { can_probe: bool, has_status: bool },
    /// Credentials were stored that could not be before.
    Saved(Generation),
    /// An import turned out to be this session.
    Imported,
    /// A person closed the sign-in prompt.
    PromptDismissed,
    /// Whether this process may show the sign-in prompt that it wants to.
    Prompt(PromptAnswer),
    /// A refresh has its intent on disk, and its request leaves now.
    RefreshPrepared,
    /// They still could not.
    StillUnsaved { rotation: Rotation, epoch: Epoch },
    /// They never can be: another generation is current, or the account was signed out.
    LostToOthers,
    /// Another process that shares the vault signed out.
    SignedOutElsewhere,
    /// The vault's folder tells what another process did.
    Elsewhere(Elsewhere),
}

/// What the vault held.
pub(super) struct Loaded {
    pub(super) kept: Vec<Credentials>,
    pub(super) identity: Identity,
    pub(super) has_device_key: bool,
    pub(super) last_accepted: Option<Timestamp>,
    pub(super) imported: Vec<Fingerprint>,
    pub(super) prompting: bool,
    pub(super) name: Option<String>,
    pub(super) owner: Option<AccountKey>,
    pub(super) last_used: u64,
    pub(super) id_token_key: Option<String>,
}

/// What an attempt brought.
pub(super) struct Brought {
    /// The vault's epoch under which it was stored: what was stored before a sign-out is nobody's.
    pub(super) epoch: Epoch,
    pub(super) credentials: Credentials,
    /// The rotation that could not be committed yet; it holds the credential's lock.
    pub(super) unsaved: Option<Rotation>,
}
