//! The store in a Redis: what many servers share, and what the second founding incident lost.
//!
//! A call blocks the server for as long as Redis takes, at most a second. A real server would not do that; here a request is
//! worked on alone in any case, so that tests see one order of things.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ::redis::{Client, Cmd, Connection, FromRedisValue, RedisError, cmd, pipe};
use serde::{Serialize, de::DeserializeOwned};

use super::store::{RefreshToken, Session, SessionStore, Unreachable};

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// Hashes and sets of this server in the database.
const SESSIONS: &str = "mainstay:sessions";
const LIVE: &str = "mainstay:live";
const REFRESH_TOKENS: &str = "mainstay:refresh_tokens";
const VOID: &str = "mainstay:void";

/// A Redis, connected to when it is needed, and again after the connection was lost.
pub(crate) struct Redis {
    client: Client,
    connection: Mutex<Option<Connection>>,
}

impl Redis {
    /// A Redis by its address, `redis://host:port/database`.
    pub(crate) fn at(url: &str) -> Result<Self, RedisError> {
        Ok(Self { client: Client::open(url)?, connection: Mutex::new(None) })
    }

    /// Whether it answers.
    pub(crate) fn greet(&self) -> Result<(), RedisError> {
        cmd("PING").query(&mut self.connect()?)
    }

    fn connect(&self) -> Result<Connection, RedisError> {
        let connection = self.client.get_connection_with_timeout(PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.set_write_timeout(Some(PATIENCE))?;
        Ok(connection)
    }

    /// Does something by the connection there is, or by a new one: an old one may have been lost since it was used last.
    /// Everything that is done here may be done twice.
    fn with<T>(&self, work: impl Fn(&mut Connection) -> Result<T, RedisError>) -> Result<T, Unreachable> {
        let mut kept = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(done) = kept.as_mut().and_then(|connection| work(connection).ok()) {
            return Ok(done);
        }
        *kept = None;
        let done = self.connect().and_then(|mut connection| {
            let done = work(&mut connection)?;
            *kept = Some(connection);
            Ok(done)
        });
        done.map_err(|error| {
            tracing::warn!(name: "mock.store_unreachable", %error);
            Unreachable
        })
    }

    fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Unreachable> {
        self.with(|connection| command.query(connection))
    }

    fn read<T: DeserializeOwned>(&self, hash: &str, field: &str) -> Result<Option<T>, Unreachable> {
        let text: Option<String> = self.ask(cmd("HGET").arg(hash).arg(field))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }
}

fn json(value: &impl Serialize) -> Result<String, Unreachable> {
    serde_json::to_string(value).map_err(|_| Unreachable)
}

impl SessionStore for Redis {
    fn session(&self, sid: &str) -> Result<Option<Session>, Unreachable> {
        self.read(SESSIONS, sid)
    }

    fn sessions(&self) -> Result<Vec<(String, Session)>, Unreachable> {
        let all: Vec<(String, String)> = self.ask(cmd("HGETALL").arg(SESSIONS))?;
        let read = |(sid, text): (String, String)| Some((sid, serde_json::from_str(&text).ok()?));
        Ok(all.into_iter().filter_map(read).collect())
    }

    fn live(&self) -> Result<u64, Unreachable> {
        self.ask(cmd("SCARD").arg(LIVE))
    }

    fn put(&mut self, sid: &str, session: &Session) -> Result<(), Unreachable> {
        let text = json(session)?;
        let live = if session.revoked { "SREM" } else { "SADD" };
        self.with(|connection| {
            let mut both = pipe();
            both.atomic().cmd("HSET").arg(SESSIONS).arg(sid).arg(&text).ignore();
            both.cmd(live).arg(LIVE).arg(sid).ignore();
            both.query(connection)
        })
    }

    fn refresh_token(&self, fingerprint: &str) -> Result<Option<RefreshToken>, Unreachable> {
        self.read(REFRESH_TOKENS, fingerprint)
    }

    fn put_refresh_token(&mut self, fingerprint: &str, token: &RefreshToken) -> Result<(), Unreachable> {
        self.ask(cmd("HSET").arg(REFRESH_TOKENS).arg(fingerprint).arg(json(token)?))
    }

    fn void(&mut self, id: &str) -> Result<bool, Unreachable> {
        self.ask(cmd("SADD").arg(VOID).arg(id))
    }

    fn is_void(&self, id: &str) -> Result<bool, Unreachable> {
        self.ask(cmd("SISMEMBER").arg(VOID).arg(id))
    }

    fn wipe(&mut self) -> Result<(), Unreachable> {
        self.ask(cmd("DEL").arg(SESSIONS).arg(LIVE).arg(REFRESH_TOKENS))
    }
}
