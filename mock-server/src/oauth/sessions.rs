//! Sessions and their refresh tokens.

use std::collections::{BTreeMap, HashMap, HashSet};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::fingerprint;

/// What began with one sign-in and lives by refreshing.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) person: String,
    pub(crate) client_id: String,
    pub(crate) scope: String,
    /// The `aud` of its access tokens.
    pub(crate) audience: String,
    /// When the person, or the device key, proved who they are. Seconds since 1970.
    pub(crate) auth_time: u64,
    pub(crate) revoked: bool,
    /// The key that signed the last access token, and when that token expires (seconds since 1970).
    pub(crate) last_access: Option<(String, u64)>,
    /// The key that signed the last refresh token, where they are signed.
    pub(crate) last_refresh_key: Option<String>,
}

/// One session as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionInfo {
    /// Its id, as in the `sid` of its tokens.
    pub sid: String,
    /// Whose it is.
    pub sub: String,
    /// The client that signed in.
    pub client_id: String,
    /// What was granted.
    pub scope: String,
    /// When it began, in seconds since 1970 on the server's clock.
    pub auth_time: u64,
    /// Whether it was ended by the server.
    pub revoked: bool,
}

/// One refresh token, known by its fingerprint.
pub(crate) struct RefreshToken {
    pub(crate) sid: String,
    pub(crate) client_id: String,
    pub(crate) spent: Option<Spent>,
}

/// What became of a refresh token that was used.
pub(crate) struct Spent {
    pub(crate) at_ms: u64,
    pub(crate) successor: SecretString,
    pub(crate) successor_fingerprint: String,
}

/// All sessions. Losing it voids refresh tokens; access tokens are signed, and outlive it.
#[derive(Default)]
pub(crate) struct SessionStore {
    sessions: BTreeMap<String, Session>,
    refresh_tokens: HashMap<String, RefreshToken>,
    /// Sessions whose access tokens are void too. Survives the store.
    ended: HashSet<String>,
    revoked_tokens: HashSet<String>,
}

impl SessionStore {
    pub(crate) fn open(&mut self, sid: String, session: Session) {
        self.sessions.insert(sid, session);
    }

    pub(crate) fn get(&self, sid: &str) -> Option<&Session> {
        self.sessions.get(sid)
    }

    pub(crate) fn get_mut(&mut self, sid: &str) -> Option<&mut Session> {
        self.sessions.get_mut(sid)
    }

    pub(crate) fn live(&self) -> u64 {
        u64::try_from(self.sessions.values().filter(|session| !session.revoked).count()).unwrap_or(u64::MAX)
    }

    /// How many live sessions would lose a token that still works if the key `kid` were accepted no more.
    pub(crate) fn depending_on(&self, kid: &str, now_s: u64) -> u64 {
        let depends = |session: &&Session| {
            let access = session.last_access.as_ref().is_some_and(|(key, expires_s)| key == kid && *expires_s > now_s);
            !session.revoked && (access || session.last_refresh_key.as_deref() == Some(kid))
        };
        u64::try_from(self.sessions.values().filter(depends).count()).unwrap_or(u64::MAX)
    }

    /// Ends a session with everything that was issued in it; whether there was one.
    pub(crate) fn revoke(&mut self, sid: &str) -> bool {
        self.ended.insert(sid.to_owned());
        self.sessions.get_mut(sid).is_some_and(|session| !std::mem::replace(&mut session.revoked, true))
    }

    /// Ends every session of a person; how many there were.
    pub(crate) fn revoke_person(&mut self, person: &str) -> u64 {
        let theirs = self.sessions.iter().filter(|(_, session)| session.person == person && !session.revoked);
        let sids: Vec<_> = theirs.map(|(sid, _)| sid.clone()).collect();
        sids.iter().map(|sid| u64::from(self.revoke(sid))).sum()
    }

    /// Loses every session and refresh token.
    pub(crate) fn wipe(&mut self) {
        self.sessions.clear();
        self.refresh_tokens.clear();
    }

    pub(crate) fn revoke_token(&mut self, jti: &str) -> bool {
        self.revoked_tokens.insert(jti.to_owned())
    }

    /// Whether an access token's own id or its session was revoked.
    pub(crate) fn is_revoked(&self, jti: &str, sid: &str) -> bool {
        self.revoked_tokens.contains(jti) || self.ended.contains(sid)
    }

    pub(crate) fn remember_refresh_token(&mut self, token: &str, sid: &str, client_id: &str) {
        let (sid, client_id) = (sid.to_owned(), client_id.to_owned());
        self.refresh_tokens.insert(fingerprint(token), RefreshToken { sid, client_id, spent: None });
    }

    pub(crate) fn refresh_token(&self, fingerprint: &str) -> Option<&RefreshToken> {
        self.refresh_tokens.get(fingerprint)
    }

    pub(crate) fn spend(&mut self, fingerprint: &str, spent: Spent) {
        if let Some(token) = self.refresh_tokens.get_mut(fingerprint) {
            token.spent = Some(spent);
        }
    }

    pub(crate) fn infos(&self) -> Vec<SessionInfo> {
        let info = |(sid, session): (&String, &Session)| SessionInfo {
            sid: sid.clone(),
            sub: session.person.clone(),
            client_id: session.client_id.clone(),
            scope: session.scope.clone(),
            auth_time: session.auth_time,
            revoked: session.revoked,
        };
        self.sessions.iter().map(info).collect()
    }
}
