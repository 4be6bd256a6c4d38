//! The store within the server: always in reach, and gone with it.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::store::{RefreshToken, Session, SessionStore, Unreachable};

#[derive(Default)]
pub(super) struct Embedded {
    sessions: BTreeMap<String, Session>,
    refresh_tokens: HashMap<String, RefreshToken>,
    void: HashSet<String>,
}

impl SessionStore for Embedded {
    fn session(&self, sid: &str) -> Result<Option<Session>, Unreachable> {
        Ok(self.sessions.get(sid).cloned())
    }

    fn sessions(&self) -> Result<Vec<(String, Session)>, Unreachable> {
        Ok(self.sessions.iter().map(|(sid, session)| (sid.clone(), session.clone())).collect())
    }

    fn live(&self) -> Result<u64, Unreachable> {
        Ok(u64::try_from(self.sessions.values().filter(|session| !session.revoked).count()).unwrap_or(u64::MAX))
    }

    fn put(&mut self, sid: &str, session: &Session) -> Result<(), Unreachable> {
        self.sessions.insert(sid.to_owned(), session.clone());
        Ok(())
    }

    fn refresh_token(&self, fingerprint: &str) -> Result<Option<RefreshToken>, Unreachable> {
        Ok(self.refresh_tokens.get(fingerprint).cloned())
    }

    fn put_refresh_token(&mut self, fingerprint: &str, token: &RefreshToken) -> Result<(), Unreachable> {
        self.refresh_tokens.insert(fingerprint.to_owned(), token.clone());
        Ok(())
    }

    fn void(&mut self, id: &str) -> Result<bool, Unreachable> {
        Ok(self.void.insert(id.to_owned()))
    }

    fn is_void(&self, id: &str) -> Result<bool, Unreachable> {
        Ok(self.void.contains(id))
    }

    fn wipe(&mut self) -> Result<(), Unreachable> {
        self.sessions.clear();
        self.refresh_tokens.clear();
        Ok(())
    }
}
