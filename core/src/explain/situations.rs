//! The table: a row for every state with its reason.

use crate::{Connectivity, ForeignBy, HoldCause, LockReason, SignInReason, SignedOutReason, State};

/// Declares what a person may do: variant, stable text, sentence.
macro_rules! actions {
    ($($variant:ident = $text:literal, $sentence:literal;)+) => {
        /// Something that a person may do now, by its stable code. None of them puts anything at risk.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action { $(#[doc = $sentence] $variant,)+ }

        impl Action {
            /// Every action, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable code, for example `may.sign_in`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// One sentence for whoever does it.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)+ }
            }
        }
    };
}

actions! {
    SignIn = "may.sign_in", "Sign in, here and now; what is kept stays until that has worked.";
    TryNow = "may.try_now", "Try now, instead of waiting.";
    Unlock = "may.unlock", "Unlock the device.";
    StartAnew = "may.set_vault_aside", "Put the stored sign-in aside and sign in; it is kept, and can be brought back.";
    Update = "may.update_app", "Update the app.";
    MakeRoom = "may.make_room", "Make room on the device.";
    Connect = "may.check_connection", "Check the device's connection.";
    Repair = "may.call_service", "Call whoever runs the service.";
}

/// Declares the table: variant, stable text, three sentences, actions.
macro_rules! situations {
    ($($variant:ident = $text:literal {
        cashier: $cashier:literal,
        manager: $manager:literal,
        engineer: $engineer:literal,
        may: [$($action:ident),*],
    })+) => {
        /// A state with its reason, as it is explained, by its stable code. Codes never change once released.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Situation { $(#[doc = $engineer] $variant,)+ }

        impl Situation {
            /// Every situation, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable code, for example `explain.holding.flapping`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// One sentence for whoever stands at the till; no technical word in it, at most 80 characters.
            #[must_use]
            pub const fn cashier(self) -> &'static str {
                match self { $(Self::$variant => $cashier,)+ }
            }

            /// One sentence for whoever is responsible for the shop; at most 160 characters.
            #[must_use]
            pub const fn manager(self) -> &'static str {
                match self { $(Self::$variant => $manager,)+ }
            }

            /// One sentence for whoever repairs it; at most 200 characters.
            #[must_use]
            pub const fn engineer(self) -> &'static str {
                match self { $(Self::$variant => $engineer,)+ }
            }

            /// What a person may do now, the most helpful first. Nobody has to, unless [`needs_person`](Self::needs_person).
            #[must_use]
            pub const fn may(self) -> &'static [Action] {
                match self { $(Self::$variant => &[$(Action::$action),*],)+ }
            }
        }
    };
}

situations! {
    Starting = "explain.starting" {
        cashier: "One moment, please.",
        manager: "The app is starting.",
        engineer: "The vault is being read.",
        may: [],
    }
    LockedKeyStore = "explain.locked.key_store_locked" {
        cashier: "Please unlock the device; your sign-in and your sales are kept.",
        manager: "The device keeps the sign-in locked; it goes on by itself as soon as somebody unlocks the device.",
        engineer: "The operating system's key store is locked, so the vault's key cannot be had; nothing was changed.",
        may: [Unlock, TryNow, StartAnew],
    }
    LockedDevice = "explain.locked.device_locked" {
        cashier: "Please unlock the device; your sign-in and your sales are kept.",
        manager: "The device was not unlocked since it was switched on; it goes on by itself as soon as somebody does.",
        engineer: "The device is before its first unlock (direct boot), so the vault's key cannot be had; nothing was changed.",
        may: [Unlock, TryNow, StartAnew],
    }
    LockedNoAccess = "explain.locked.no_access" {
        cashier: "This device does not let the app read your sign-in; please tell the manager.",
        manager: "The device refuses the app its own folder; whoever looks after the device has to allow it.",
        engineer: "The operating system refuses access to the vault's folder; nothing was changed.",
        may: [TryNow, StartAnew],
    }
    LockedUnreadable = "explain.locked.unreadable" {
        cashier: "One moment, please; your sign-in is being read again.",
        manager: "The stored sign-in could not be read; it is tried again, and otherwise put aside, never thrown away.",
        engineer: "The vault could not be read; after three tries it is moved aside, kept and counted.",
        may: [TryNow, StartAnew],
    }
    LockedTooNew = "explain.locked.too_new" {
        cashier: "This app is too old for this device; please tell the manager, nothing is lost.",
        manager: "A newer version of the app stored the sign-in; update this app, and it goes on by itself.",
        engineer: "A newer release wrote the vault; this one never rewrites it.",
        may: [Update, StartAnew],
    }
    NeverSignedIn = "explain.signed_out.never_signed_in" {
        cashier: "Please sign in.",
        manager: "Nobody has signed in on this device yet.",
        engineer: "There is no account in the vault, and there never was one.",
        may: [SignIn],
    }
    SignedOutByUser = "explain.signed_out.user" {
        cashier: "You are signed out; please sign in to go on.",
        manager: "Somebody signed out at this device.",
        engineer: "A person signed out; the credentials are gone and their revocation is queued.",
        may: [SignIn],
    }
    SignedOutByApp = "explain.signed_out.app" {
        cashier: "You are signed out; please sign in to go on.",
        manager: "The app signed this device out.",
        engineer: "The app called sign-out; the credentials are gone and their revocation is queued.",
        may: [SignIn],
    }
    SignedOutElsewhere = "explain.signed_out.other_process" {
        cashier: "You are signed out; please sign in to go on.",
        manager: "Somebody signed out in another program on this device.",
        engineer: "Another process that shares the vault signed out.",
        may: [SignIn],
    }
    AccountRemoved = "explain.signed_out.account_removed" {
        cashier: "This account is no longer on this device; please sign in to go on.",
        manager: "Somebody removed this account from the device.",
        engineer: "The account was removed from the device, its credentials with it; their revocation is queued.",
        may: [SignIn],
    }
    CredentialsReset = "explain.signed_out.reset" {
        cashier: "You are signed out; please sign in to go on.",
        manager: "Somebody reset all sign-ins on this device; the app's data was not touched.",
        engineer: "The app called `reset_credentials()`; nothing but credentials was touched.",
        may: [SignIn],
    }
    Online = "explain.signed_in.online" {
        cashier: "All is well.",
        manager: "The device is signed in, and stays so by itself.",
        engineer: "The session is usable and renews itself.",
        may: [],
    }
    Offline = "explain.signed_in.offline" {
        cashier: "There is no connection; go on selling, sales are kept.",
        manager: "The service cannot be reached; the sign-in is fine, and sales are sent when there is a connection.",
        engineer: "The servers cannot be reached; no credential is in doubt.",
        may: [TryNow, Connect],
    }
    Unsaved = "explain.signed_in.unsaved" {
        cashier: "Go on selling, and please tell the manager that the device cannot store.",
        manager: "The device could not store the renewed sign-in; make room on it before it is switched off.",
        engineer: "The newest credentials live in memory only, for storing them failed; it is tried again.",
        may: [MakeRoom, TryNow],
    }
    Recovering = "explain.recovering" {
        cashier: "Go on selling; your sign-in is being checked.",
        manager: "The service refused the sign-in; Mainstay is finding out why, and nobody needs to do anything.",
        engineer: "A token was rejected; evidence is gathered and the ladder is climbed.",
        may: [TryNow, SignIn],
    }
    HoldingServerTrouble = "explain.holding.server_trouble" {
        cashier: "The service has a problem; your sign-in is fine, sales are kept.",
        manager: "The service is out of order; signing in again would not help, and it goes on by itself when it is repaired.",
        engineer: "The authorization server is down, overloaded, or answers nonsense; credentials are not in doubt.",
        may: [TryNow, Repair, SignIn],
    }
    HoldingFreshTokens = "explain.holding.fresh_tokens_rejected" {
        cashier: "The service has a problem; your sign-in is fine, sales are kept.",
        manager: "The service refuses sign-ins that it has just granted; signing in again would not help until it is repaired.",
        engineer: "The resource server rejects tokens that the authorization server has only just issued.",
        may: [TryNow, Repair, SignIn],
    }
    HoldingFlapping = "explain.holding.flapping" {
        cashier: "The service is unsteady; your sign-in is fine, sales are kept.",
        manager: "Parts of the service disagree about this sign-in; signing in again would not help until it is repaired.",
        engineer: "Some of the server's nodes accept the token and some do not; the token is kept and handed out.",
        may: [TryNow, Repair, SignIn],
    }
    HoldingConfiguration = "explain.holding.configuration" {
        cashier: "The service has a problem; your sign-in is fine, sales are kept.",
        manager: "The service refuses this app as it is set up; whoever runs the service has to repair that.",
        engineer: "The authorization server refuses the client itself (`invalid_client` and its kin): a configuration mistake.",
        may: [Repair, TryNow, SignIn],
    }
    HoldingNoNetwork = "explain.holding.no_network" {
        cashier: "There is no connection; your sign-in is fine, sales are kept.",
        manager: "The service refused the sign-in and now cannot be reached; it goes on by itself when it can.",
        engineer: "A token was rejected, and since then the server cannot be reached.",
        may: [TryNow, Connect, SignIn],
    }
    HoldingLockBusy = "explain.holding.lock_busy" {
        cashier: "Another program is busy; your sign-in is fine, sales are kept.",
        manager: "Another program on this device is renewing the sign-in; it is tried again by itself.",
        engineer: "Another process holds the credential's lock for longer than 30 seconds.",
        may: [TryNow, SignIn],
    }
    HoldingStorageFull = "explain.holding.storage_full" {
        cashier: "The device is full; please tell the manager, your sign-in is fine.",
        manager: "The device is full, so a renewed sign-in could not be kept; make room, and it goes on by itself.",
        engineer: "The next generation could not be preallocated, so the refresh token was not spent.",
        may: [MakeRoom, TryNow, SignIn],
    }
    RefreshRefused = "explain.sign_in_required.refresh_refused" {
        cashier: "Please sign in once; sales are kept.",
        manager: "The service no longer renews this sign-in; signing in once repairs it, and nothing on the device is lost.",
        engineer: "The authorization server refused the refresh token, and nothing else is left to renew with.",
        may: [SignIn, TryNow],
    }
    SessionLostByServer = "explain.sign_in_required.session_lost_by_server" {
        cashier: "The service lost your sign-in; please sign in once, sales are kept.",
        manager: "The service lost this sign-in, and probably others too; signing in once repairs it, and nothing is lost.",
        engineer: "The refresh token was refused and the signs point to the server: it lost its sessions or its keys.",
        may: [SignIn, TryNow, Repair],
    }
    SessionRevoked = "explain.sign_in_required.session_revoked" {
        cashier: "The service ended your sign-in; please sign in, sales are kept.",
        manager: "Somebody ended this sign-in at the service; signing in again is needed, and nothing on the device is lost.",
        engineer: "The server said explicitly that the session was revoked; kept refresh tokens are not presented again.",
        may: [SignIn, TryNow],
    }
    NothingToRenewWith = "explain.sign_in_required.nothing_to_renew_with" {
        cashier: "Please sign in once; sales are kept.",
        manager: "The sign-in has run out and cannot renew itself; signing in once repairs it, and nothing is lost.",
        engineer: "The access token is void or expired, and there is nothing to renew it with.",
        may: [SignIn, TryNow],
    }
    VaultMovedAside = "explain.sign_in_required.vault_moved_aside" {
        cashier: "Please sign in once; sales are kept.",
        manager: "The stored sign-in could not be read and was put aside; signing in once repairs it.",
        engineer: "The vault could not be read three times over and was moved aside, kept and counted.",
        may: [SignIn],
    }
    ForeignTokenResponse = "explain.quarantined.token_response" {
        cashier: "The service mixed up accounts; online work is stopped to protect you.",
        manager: "The service gave this device somebody else's sign-in; nothing of it was shown, please call the service.",
        engineer: "A token response named another identity than the pinned one; it was refused before anybody saw it.",
        may: [Repair, SignIn, TryNow],
    }
    ForeignProbe = "explain.quarantined.probe" {
        cashier: "The service mixed up accounts; online work is stopped to protect you.",
        manager: "The service takes this device for somebody else; nothing was shown, please call the service.",
        engineer: "The probe (userinfo or who-am-I) named another identity than the pinned one.",
        may: [Repair, SignIn, TryNow],
    }
    ForeignIdentityEcho = "explain.quarantined.identity_echo" {
        cashier: "The service mixed up accounts; online work is stopped to protect you.",
        manager: "The service answered for somebody else; the answer was not shown, please call the service.",
        engineer: "A response carried another identity's echo; its body was withheld from the app.",
        may: [Repair, SignIn, TryNow],
    }
    ForeignSharedToken = "explain.quarantined.shared_token" {
        cashier: "The service mixed up accounts; online work is stopped to protect you.",
        manager: "The service gave two people on this device the same sign-in; both are stopped, please call the service.",
        engineer: "Two accounts on this device received the same token.",
        may: [Repair, SignIn, TryNow],
    }
    ForeignOtherProcess = "explain.quarantined.other_process" {
        cashier: "The service mixed up accounts; online work is stopped to protect you.",
        manager: "Another program on this device saw the service answer for somebody else; please call the service.",
        engineer: "Another process that shares the vault found a foreign identity.",
        may: [Repair, SignIn, TryNow],
    }
}

impl Situation {
    /// The row of a state; `unsaved` where the newest credentials could not be stored yet.
    #[must_use]
    pub const fn of(state: State, unsaved: bool) -> Self {
        match state {
            State::Starting => Self::Starting,
            State::Locked { reason } => match reason {
                LockReason::KeyStoreLocked => Self::LockedKeyStore,
                LockReason::DeviceLocked => Self::LockedDevice,
                LockReason::NoAccess => Self::LockedNoAccess,
                LockReason::Unreadable => Self::LockedUnreadable,
                LockReason::TooNew => Self::LockedTooNew,
            },
            State::SignedOut { reason } => match reason {
                SignedOutReason::NeverSignedIn => Self::NeverSignedIn,
                SignedOutReason::User => Self::SignedOutByUser,
                SignedOutReason::App => Self::SignedOutByApp,
                SignedOutReason::OtherProcess => Self::SignedOutElsewhere,
                SignedOutReason::AccountRemoved => Self::AccountRemoved,
                SignedOutReason::Reset => Self::CredentialsReset,
            },
            State::SignedIn { connectivity } => match connectivity {
                _ if unsaved => Self::Unsaved,
                Connectivity::Online => Self::Online,
                Connectivity::Offline => Self::Offline,
            },
            State::Recovering { .. } => Self::Recovering,
            State::Holding { cause, .. } => match cause {
                HoldCause::ServerTrouble => Self::HoldingServerTrouble,
                HoldCause::FreshTokensRejected => Self::HoldingFreshTokens,
                HoldCause::Flapping => Self::HoldingFlapping,
                HoldCause::Configuration => Self::HoldingConfiguration,
                HoldCause::NoNetwork => Self::HoldingNoNetwork,
                HoldCause::LockBusy => Self::HoldingLockBusy,
                HoldCause::StorageFull => Self::HoldingStorageFull,
            },
            State::SignInRequired { reason, .. } => match reason {
                SignInReason::RefreshRefused => Self::RefreshRefused,
                SignInReason::SessionLostByServer => Self::SessionLostByServer,
                SignInReason::SessionRevoked => Self::SessionRevoked,
                SignInReason::NothingToRenewWith => Self::NothingToRenewWith,
                SignInReason::VaultMovedAside => Self::VaultMovedAside,
            },
            State::Quarantined { incident, .. } => match incident {
                ForeignBy::TokenResponse => Self::ForeignTokenResponse,
                ForeignBy::Probe => Self::ForeignProbe,
                ForeignBy::IdentityEcho => Self::ForeignIdentityEcho,
                ForeignBy::SharedToken => Self::ForeignSharedToken,
                ForeignBy::OtherProcess => Self::ForeignOtherProcess,
            },
        }
    }

    /// The state's stable name: the second word of the code.
    #[must_use]
    pub fn state(self) -> &'static str {
        self.as_str().split('.').nth(1).unwrap_or_default()
    }

    /// Whether it waits for a person, although it is also tried by itself where anything is kept: somebody has to sign in,
    /// or to unlock or look after the device.
    #[must_use]
    pub fn needs_person(self) -> bool {
        match self.state() {
            "signed_out" | "sign_in_required" => true,
            "locked" => self != Self::LockedUnreadable,
            _ => self == Self::HoldingStorageFull,
        }
    }
}
