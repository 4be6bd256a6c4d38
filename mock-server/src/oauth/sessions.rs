//! Sessions and their refresh tokens, in a store that can be out of reach.

mod embedded;
mod redis;
mod store;

use serde::{Deserialize, Serialize};

use self::embedded::Embedded;
pub(crate) use self::{
    redis::Redis,
    store::{RefreshToken, Session, SessionStore, Spent, Unreachable},
};
use crate::fingerprint;

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

/// What the server does while it cannot reach its session store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreFailure {
    /// It says so: 503 until the store is back. What is right.
    #[default]
    Closed,
    /// It takes "no answer" for "no session": 401 and `invalid_grant`.
    Denies,
    /// It goes on with the session that it had in its hands last, whoever asks: what cachetur.no did.
    Open,
}

/// The session store as the server uses it. Losing it voids refresh tokens; access tokens are signed, and outlive it.
pub(crate) struct Sessions {
    store: Box<dyn SessionStore>,
    /// Whether it was cut off by order of `/control`.
    cut_off: bool,
    /// The session that was read last: what a careless server goes on with.
    in_hand: Option<(String, Session)>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self::new(Box::new(Embedded::default()))
    }
}

type Reached<T> = Result<T, Unreachable>;

impl Sessions {
    pub(crate) fn new(store: Box<dyn SessionStore>) -> Self {
        Self { store, cut_off: false, in_hand: None }
    }

    fn store(&self) -> Reached<&dyn SessionStore> {
        if self.cut_off { Err(Unreachable) } else { Ok(&*self.store) }
    }

    fn store_mut(&mut self) -> Reached<&mut dyn SessionStore> {
        if self.cut_off { Err(Unreachable) } else { Ok(&mut *self.store) }
    }

    /// Cuts the store off, or lets the server reach it again.
    pub(crate) fn cut_off(&mut self, cut_off: bool) {
        self.cut_off = cut_off;
    }

    /// Whether the store answers.
    pub(crate) fn is_reachable(&self) -> bool {
        self.live().is_ok()
    }

    /// What a careless server goes on with while it cannot reach the store.
    pub(crate) fn in_hand(&self) -> Option<&(String, Session)> {
        self.in_hand.as_ref()
    }

    /// Puts a session into the server's hands, as if it had been read last.
    pub(crate) fn take_in_hand(&mut self, sid: String, session: Session) {
        self.in_hand = Some((sid, session));
    }

    /// Stores a session, new or changed.
    pub(crate) fn put(&mut self, sid: &str, session: &Session) -> Reached<()> {
        self.store_mut()?.put(sid, session)
    }

    pub(crate) fn get(&self, sid: &str) -> Reached<Option<Session>> {
        self.store()?.session(sid)
    }

    /// As [`get`](Self::get), and the server has it in its hands from then on.
    pub(crate) fn read(&mut self, sid: &str) -> Reached<Option<Session>> {
        let session = self.get(sid)?;
        if let Some(session) = &session {
            self.in_hand = Some((sid.to_owned(), session.clone()));
        }
        Ok(session)
    }

    pub(crate) fn live(&self) -> Reached<u64> {
        self.store()?.live()
    }

    /// How many live sessions would lose a token that still works if the key `kid` were accepted no more.
    pub(crate) fn depending_on(&self, kid: &str, now_s: u64) -> Reached<u64> {
        let depends = |(_, session): &&(String, Session)| {
            let access = session.last_access.as_ref().is_some_and(|(key, expires_s)| key == kid && *expires_s > now_s);
            !session.revoked && (access || session.last_refresh_key.as_deref() == Some(kid))
        };
        let sessions = self.store()?.sessions()?;
        Ok(u64::try_from(sessions.iter().filter(depends).count()).unwrap_or(u64::MAX))
    }

    /// Ends a session with everything that was issued in it; whether there was one.
    pub(crate) fn revoke(&mut self, sid: &str) -> Reached<bool> {
        end(self.store_mut()?, sid)
    }

    /// Ends every session of a person, also while the server is cut off; how many there were.
    pub(crate) fn revoke_person(&mut self, person: &str) -> Reached<u64> {
        let sessions = self.store.sessions()?;
        let mut ended = 0;
        for (sid, _) in sessions.iter().filter(|(_, session)| session.person == person) {
            ended += u64::from(end(&mut *self.store, sid)?);
        }
        Ok(ended)
    }

    /// Loses every session and refresh token, also while the server is cut off.
    pub(crate) fn wipe(&mut self) -> Reached<()> {
        self.store.wipe()
    }

    pub(crate) fn revoke_token(&mut self, jti: &str) -> Reached<bool> {
        self.store_mut()?.void(jti)
    }

    /// Whether an access token's own id or its session was revoked.
    pub(crate) fn is_revoked(&self, jti: &str, sid: &str) -> Reached<bool> {
        let store = self.store()?;
        Ok(store.is_void(jti)? || store.is_void(sid)?)
    }

    pub(crate) fn remember_refresh_token(&mut self, token: &str, sid: &str, client_id: &str) -> Reached<()> {
        let (sid, client_id) = (sid.to_owned(), client_id.to_owned());
        self.store_mut()?.put_refresh_token(&fingerprint(token), &RefreshToken { sid, client_id, spent: None })
    }

    pub(crate) fn refresh_token(&self, fingerprint: &str) -> Reached<Option<RefreshToken>> {
        self.store()?.refresh_token(fingerprint)
    }

    pub(crate) fn spend(&mut self, fingerprint: &str, spent: Spent) -> Reached<()> {
        let store = self.store_mut()?;
        match store.refresh_token(fingerprint)? {
            Some(token) => store.put_refresh_token(fingerprint, &RefreshToken { spent: Some(spent), ..token }),
            None => Ok(()),
        }
    }

    pub(crate) fn infos(&self) -> Reached<Vec<SessionInfo>> {
        let info = |(sid, session): (String, Session)| SessionInfo {
            sid,
            sub: session.person,
            client_id: session.client_id,
            scope: session.scope,
            auth_time: session.auth_time,
            revoked: session.revoked,
        };
        Ok(self.store()?.sessions()?.into_iter().map(info).collect())
    }

    /// A live session of this person.
    pub(crate) fn of(&self, person: &str) -> Option<(String, Session)> {
        let sessions = self.store.sessions().ok()?;
        sessions.into_iter().find(|(_, session)| session.person == person && !session.revoked)
    }
}

fn end(store: &mut dyn SessionStore, sid: &str) -> Reached<bool> {
    store.void(sid)?;
    match store.session(sid)? {
        Some(session) if !session.revoked => {
            store.put(sid, &Session { revoked: true, ..session })?;
            Ok(true)
        }
        _ => Ok(false),
    }
}
