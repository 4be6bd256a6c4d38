//! The eight states of a session, and the reasons that come with them.

use serde::{Deserialize, Serialize};

use crate::{Code, Timestamp};

/// Where a session stands. Trouble is a state, never an ending (P3).
///
/// | state | credentials | the app shows |
/// |---|---|---|
/// | `Starting` | not read yet | wait |
/// | `Locked` | kept | "unlock" |
/// | `SignedOut` | none | its sign-in screen |
/// | `SignedIn` | current | its normal screens |
/// | `Recovering` | kept | its normal screens |
/// | `Holding` | kept | a banner with the cause |
/// | `SignInRequired` | kept, sealed | one prompt, in place |
/// | `Quarantined` | own kept, foreign destroyed | online work blocked |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// The vault has not been read yet.
    Starting,
    /// The vault exists and cannot be opened now. It is tried again by itself.
    Locked {
        /// What keeps it closed.
        reason: LockReason,
    },
    /// Nobody is signed in, because somebody asked for it or nobody ever was. The only final state.
    SignedOut {
        /// Who asked for it.
        reason: SignedOutReason,
    },
    /// The session is usable, or will be with the next refresh.
    SignedIn {
        /// Whether the servers answer.
        connectivity: Connectivity,
    },
    /// A token was rejected; evidence is gathered and the ladder climbed. A matter of seconds.
    Recovering {
        /// When the token was rejected.
        since: Timestamp,
    },
    /// New credentials would not help, or cannot be had now. Everything is kept; it ends by itself.
    Holding {
        /// What is wrong.
        cause: HoldCause,
        /// When the next attempt is made.
        retry_at: Timestamp,
    },
    /// Only a person can fix it. Kept credentials are re-tested all the while, so a repaired server ends it too.
    SignInRequired {
        /// Why a person is needed.
        reason: SignInReason,
        /// Since when. After 30 days the kept credentials are destroyed, the state stays.
        since: Timestamp,
    },
    /// A foreign identity turned up. Nothing is handed out until the pinned one is proven again.
    Quarantined {
        /// How the foreign identity showed.
        incident: ForeignBy,
        /// Since when.
        since: Timestamp,
    },
}

impl State {
    /// The state's stable name, the same in every language.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Locked { .. } => "locked",
            Self::SignedOut { .. } => "signed_out",
            Self::SignedIn { .. } => "signed_in",
            Self::Recovering { .. } => "recovering",
            Self::Holding { .. } => "holding",
            Self::SignInRequired { .. } => "sign_in_required",
            Self::Quarantined { .. } => "quarantined",
        }
    }

    /// The stable code of the state's reason; `None` where the state needs none.
    #[must_use]
    pub const fn code(self) -> Option<Code> {
        match self {
            Self::Starting | Self::Recovering { .. } => None,
            Self::SignedIn { connectivity: Connectivity::Online } => None,
            Self::SignedIn { connectivity: Connectivity::Offline } => Some(Code::CauseOffline),
            Self::Locked { reason } => Some(reason.code()),
            Self::SignedOut { reason } => Some(reason.code()),
            Self::Holding { cause, .. } => Some(cause.code()),
            Self::SignInRequired { reason, .. } => Some(reason.code()),
            Self::Quarantined { incident, .. } => Some(incident.code()),
        }
    }
}

/// Gives an enum of reasons its stable codes, one line each.
macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $code:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// Every value, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> Code {
                match self { $(Self::$variant => Code::$code,)+ }
            }
        }
    };
}

/// Whether the servers answer. Without a rejection, being offline is never `Holding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connectivity {
    /// As far as is known, they do.
    Online,
    /// The last renewal found nobody, or the host says that there is no network.
    Offline,
}

reasons! {
    /// What keeps an existing vault closed.
    LockReason {
        /// The OS key store is locked.
        KeyStoreLocked => LockKeyStoreLocked,
        /// The device was not unlocked since it started.
        DeviceLocked => LockDeviceLocked,
        /// The operating system refuses access to the folder.
        NoAccess => LockNoAccess,
        /// The vault could not be read; it is tried again, then moved aside.
        Unreadable => LockUnreadable,
        /// A newer release of Mainstay wrote the vault. It is never rewritten by this one.
        TooNew => LockTooNew,
    }
}

reasons! {
    /// Why nobody is signed in.
    SignedOutReason {
        /// Nobody ever was, on this device.
        NeverSignedIn => OutNeverSignedIn,
        /// The user signed out.
        User => OutUser,
        /// The app signed the user out.
        App => OutApp,
        /// Another process that shares the vault signed out.
        OtherProcess => OutOtherProcess,
        /// The account was removed from the device.
        AccountRemoved => OutAccountRemoved,
        /// `reset_credentials()` was called.
        Reset => OutReset,
    }
}

reasons! {
    /// What is wrong while holding.
    HoldCause {
        /// The authorization server is down, overloaded, or answers nonsense.
        ServerTrouble => CauseServerTrouble,
        /// The server rejects tokens that it has only just issued.
        FreshTokensRejected => CauseFreshTokensRejected,
        /// Some of the server's nodes accept the token and some do not.
        Flapping => CauseFlapping,
        /// The server refuses the client itself: a configuration mistake, never the user's fault.
        Configuration => CauseConfiguration,
        /// A token was rejected, and now the server cannot be reached.
        NoNetwork => CauseNoNetwork,
        /// Another process holds the credential's lock.
        LockBusy => CauseLockBusy,
        /// The disk is full, so a new refresh token could not be kept.
        StorageFull => CauseStorageFull,
    }
}

reasons! {
    /// Why a person has to sign in.
    SignInReason {
        /// The authorization server refused the refresh token, and nothing else is left.
        RefreshRefused => ReasonRefreshRefused,
        /// The same, and the signs point to the server: it lost its sessions or its key.
        SessionLostByServer => ReasonSessionLostByServer,
        /// The server said that the session was revoked.
        SessionRevoked => ReasonSessionRevoked,
        /// The token was rejected and there is nothing to renew it with.
        NothingToRenewWith => ReasonNothingToRenewWith,
        /// The vault could not be read and was moved aside; the person was signed in before.
        VaultMovedAside => ReasonVaultMovedAside,
    }
}

reasons! {
    /// How a foreign identity showed.
    ForeignBy {
        /// A token response named another subject, issuer or tenant.
        TokenResponse => ForeignTokenResponse,
        /// The probe (userinfo or who-am-I) named another subject.
        Probe => ForeignProbe,
        /// A response carried another identity's echo.
        IdentityEcho => ForeignIdentityEcho,
        /// Two accounts on this device received the same token.
        SharedToken => ForeignSharedToken,
        /// Another process that shares the vault found it.
        OtherProcess => ForeignOtherProcess,
    }
}
