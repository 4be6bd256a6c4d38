//! The one table of stable codes. `docs/codes.md` and every binding are generated from it.

use alloc::{format, string::String};

/// Declares the table: variant, stable text, kind, one sentence for an engineer.
macro_rules! codes {
    ($($variant:ident = $text:literal, $sentence:literal;)+) => {
        /// A verdict, cause, reason, piece of evidence, rung or permission, by its stable code. Texts never change once released.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $(#[doc = $sentence] $variant,)+ }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable text, for example `cause.flapping`. Its first word is the code's kind.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// What it means, for an engineer.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)+ }
            }
        }
    };
}

codes! {
    EvidenceInvalidToken = "evidence.invalid_token", "The resource server answered 401 `invalid_token` (RFC 6750 section 3.1).";
    EvidenceUnauthorized = "evidence.unauthorized", "The resource server answered 401 without an error code.";
    EvidenceLegacyRejection = "evidence.legacy_rejection", "A profile rule recognised the server's own way of rejecting a token.";
    EvidenceSessionRevoked = "evidence.session_revoked", "The server said explicitly that the session was revoked.";
    EvidenceDpopNonce = "evidence.dpop_nonce", "The server asked for a DPoP nonce (RFC 9449 section 8); no episode.";
    EvidenceDpopProof = "evidence.dpop_proof", "The server refused the DPoP proof even with its own clock (RFC 9449 section 7.1).";
    EvidenceForbidden = "evidence.forbidden", "The resource server answered 403 or `insufficient_scope`: never a session matter.";
    EvidenceStepUp = "evidence.step_up", "The resource server wants a stronger sign-in (RFC 9470); the session is fine.";
    EvidenceOtherAudience = "evidence.other_audience", "Another audience than the session's own rejected its token: that audience is degraded.";
    EvidenceStaleToken = "evidence.stale_token", "The rejected token is older than the one that is held; the newer one is used.";
    EvidenceProbeAccepted = "evidence.probe_accepted", "The probe accepted the token.";
    EvidenceProbeRejected = "evidence.probe_rejected", "The probe rejected the token too.";
    EvidenceProbeSilent = "evidence.probe_silent", "The probe gave no evidence: no answer, or none that says anything about the token.";
    EvidenceAccepted = "evidence.accepted", "A request on a protected path accepted the token.";
    EvidenceRenewed = "evidence.renewed", "The authorization server issued new credentials.";
    EvidenceAdopted = "evidence.adopted", "Another process had stored newer credentials; they were adopted.";
    EvidenceInvalidGrant = "evidence.invalid_grant", "The authorization server refused this refresh token (RFC 6749 section 5.2).";
    EvidenceUnreasonedRefusal = "evidence.unreasoned_refusal", "The authorization server refused without a reason, again.";
    EvidenceConfiguration = "evidence.configuration", "The authorization server refused the client itself (`invalid_client` and its kin).";
    EvidenceInvalidScope = "evidence.invalid_scope", "The authorization server refused the scope; asked once more without.";
    EvidenceTransient = "evidence.transient", "No usable answer: network, 5xx, 429, HTML or the like. Credentials untouched.";
    EvidenceMalformed = "evidence.malformed", "The token response was malformed or came from a cache; refused.";
    EvidenceLockBusy = "evidence.lock_busy", "Another process held the credential's lock for 30 seconds.";
    EvidenceStorageFull = "evidence.storage_full", "The next generation could not be preallocated; the refresh token was not spent.";
    EvidenceReauthenticationRefused = "evidence.reauthentication_refused", "Silent re-authentication was refused or declined.";
    EvidenceNeighbourRejected = "evidence.neighbour_rejected", "Another account on this device was rejected within 60 seconds.";
    EvidenceNeighbourAccepted = "evidence.neighbour_accepted", "Another account on this device was accepted within 60 seconds.";
    EvidenceKeyVanished = "evidence.key_vanished", "The key that signed the ID token is gone from the server's JWKS.";
    EvidenceFreshRejected = "evidence.fresh_rejected", "A token younger than 120 seconds was rejected.";
    EvidenceRecovered = "evidence.server_healthy", "The server's status document was healthy twice, 30 seconds apart.";
    RungAlreadyNewer = "rung.already_newer", "Rung 1: a newer generation than the rejected one is at hand.";
    RungProbe = "rung.probe", "Rung 2: the same token on a new connection.";
    RungRefresh = "rung.refresh", "Rung 3: refresh.";
    RungReauthenticate = "rung.reauthenticate", "Rung 4: silent re-authentication, by device key or credential provider.";
    RungPerson = "rung.person", "Rung 5: a person.";
    StepSpread = "step.spread", "Waiting a random time, so that not all devices come at once.";
    StepConfirm = "step.confirm", "Asking whether the new token is accepted.";
    StepRetest = "step.retest", "Asking whether kept credentials are good again.";
    StepRenewal = "step.renewal", "Renewing an expiring token, no episode.";
    StepRediscover = "step.rediscover", "Reading the server's metadata again.";
    StepVerify = "step.verify", "Verifying own credentials in quarantine.";
    VerdictFlap = "verdict.flap", "One node of the server rejects what another accepts.";
    VerdictTokenStale = "verdict.token_stale", "The access token was void, the session was not: a refresh repaired it.";
    VerdictServerKeysChanged = "verdict.server_lost_tokens", "The signs point to the server: it no longer knows tokens that it issued.";
    VerdictSessionLost = "verdict.session_lost", "The server no longer knows this session, and did not say why; new credentials repair it.";
    VerdictAccountEnded = "verdict.account_ended", "The signs point to this account: the server ended its session.";
    VerdictServerTrouble = "verdict.server_trouble", "The server has a problem; credentials are not in doubt.";
    VerdictFreshRejected = "verdict.fresh_rejected", "New tokens are rejected too; signing in again would not help.";
    VerdictConfiguration = "verdict.configuration", "The client is not welcome as it is configured.";
    VerdictForeign = "verdict.foreign", "Somebody else's credentials or data turned up.";
    VerdictUnexplained = "verdict.unexplained", "Fewer than two independent signals, and the budget of this gathering is spent.";
    VerdictRecovered = "verdict.recovered", "The episode is over: a token was accepted.";
    CauseOffline = "cause.offline", "The servers cannot be reached; no credential is in doubt.";
    CauseServerTrouble = "cause.server_trouble", "The authorization server is down, overloaded, or answers nonsense.";
    CauseFreshTokensRejected = "cause.fresh_tokens_rejected", "The server rejects tokens that it has only just issued.";
    CauseFlapping = "cause.flapping", "Some of the server's nodes accept the token and some do not.";
    CauseConfiguration = "cause.configuration", "The server refuses the client itself; a configuration mistake.";
    CauseNoNetwork = "cause.no_network", "A token was rejected, and now the server cannot be reached.";
    CauseLockBusy = "cause.lock_busy", "Another process holds the credential's lock.";
    CauseStorageFull = "cause.storage_full", "The disk is full, so new credentials could not be kept.";
    ReasonRefreshRefused = "reason.refresh_refused", "The refresh token was refused and nothing else is left.";
    ReasonSessionLostByServer = "reason.session_lost_by_server", "The server lost its sessions or its key, and nothing else is left.";
    ReasonSessionRevoked = "reason.session_revoked", "The server said that the session was revoked.";
    ReasonNothingToRenewWith = "reason.nothing_to_renew_with", "The token was rejected and there is nothing to renew it with.";
    ReasonVaultMovedAside = "reason.vault_moved_aside", "The vault could not be read and was moved aside.";
    LockKeyStoreLocked = "lock.key_store_locked", "The operating system's key store is locked.";
    LockDeviceLocked = "lock.device_locked", "The device was not unlocked since it started.";
    LockNoAccess = "lock.no_access", "The operating system refuses access to the vault's folder.";
    LockUnreadable = "lock.unreadable", "The vault could not be read; it is tried again.";
    LockTooNew = "lock.too_new", "A newer release wrote the vault.";
    OutNeverSignedIn = "out.never_signed_in", "Nobody ever signed in on this device.";
    OutUser = "out.user", "The user signed out.";
    OutApp = "out.app", "The app signed the user out.";
    OutOtherProcess = "out.other_process", "Another process that shares the vault signed out.";
    OutAccountRemoved = "out.account_removed", "The account was removed from the device.";
    OutReset = "out.reset", "`reset_credentials()` was called.";
    ForeignTokenResponse = "foreign.token_response", "A token response named another identity.";
    ForeignProbe = "foreign.probe", "The probe named another identity.";
    ForeignIdentityEcho = "foreign.identity_echo", "A response carried another identity's echo.";
    ForeignSharedToken = "foreign.shared_token", "Two accounts on this device received the same token.";
    ForeignOtherProcess = "foreign.other_process", "Another process that shares the vault found a foreign identity.";
    DestroySignOut = "destroy.sign_out", "Allowed by a sign-out.";
    DestroyAccountRemoved = "destroy.account_removed", "Allowed by the removal of the account.";
    DestroyReset = "destroy.reset", "Allowed by `reset_credentials()`.";
    DestroyLimit = "destroy.limit_30_days", "Allowed by the announced limit of 30 days in SignInRequired.";
    DestroyForeign = "destroy.foreign", "Allowed because the credentials are somebody else's.";
    DestroySuperseded = "destroy.superseded", "Allowed because the successor was stored and accepted.";
}

impl Code {
    /// The first word of the stable text: `evidence`, `rung`, `verdict`, `cause` and so on.
    #[must_use]
    pub fn kind(self) -> &'static str {
        self.as_str().split('.').next().unwrap_or_default()
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <alloc::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let known = Self::ALL.iter().find(|code| code.as_str() == text);
        known.copied().ok_or_else(|| serde::de::Error::custom("not a code of this release"))
    }
}

/// The table as `docs/codes.md`, written by `cargo xtask codes`.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(
        "# Codes\n\nEvery verdict, cause, reason, piece of evidence, rung and permission, with its stable code.\n\
         Generated from `core/src/codes.rs` by `cargo xtask codes`; do not edit.\n",
    );
    let mut kind = "";
    for code in Code::ALL {
        if code.kind() != kind {
            kind = code.kind();
            page.push_str(&format!("\n## {kind}\n\n| code | meaning |\n|---|---|\n"));
        }
        page.push_str(&format!("| `{}` | {} |\n", code.as_str(), code.meaning()));
    }
    page
}
