//! Which connection carried an answer.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use hyper_util::client::legacy::connect::HttpInfo;

use crate::host::Connection;

/// How many connections are remembered: many more than a pool keeps open.
const REMEMBERED: usize = 256;

/// Connections that answered before, by their two addresses.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    seen: VecDeque<(SocketAddr, SocketAddr)>,
    in_flight: usize,
    started: u64,
}

impl Connections {
    /// Watches one request from its start.
    pub(super) fn watch(self: &Arc<Self>) -> Watch {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let alone = state.in_flight == 0;
        state.in_flight = state.in_flight.saturating_add(1);
        state.started = state.started.wrapping_add(1);
        Watch { connections: Arc::clone(self), alone, number: state.started }
    }
}

/// One request.
pub(super) struct Watch {
    connections: Arc<Connections>,
    alone: bool,
    number: u64,
}

impl Watch {
    /// Which connection carried the answer. HTTP/2 mixes requests on one connection: which of several it was opened
    /// for is then unknown.
    pub(super) fn judge(&self, answer: &reqwest::Response) -> Connection {
        let Some(info) = answer.extensions().get::<HttpInfo>() else { return Connection::Unknown };
        let connection = (info.local_addr(), info.remote_addr());
        let mut state = self.connections.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = state.seen.iter().position(|seen| *seen == connection);
        known.and_then(|place| state.seen.remove(place));
        state.seen.push_back(connection);
        if state.seen.len() > REMEMBERED {
            state.seen.pop_front();
        }
        let shared = answer.version() == http::Version::HTTP_2 && !(self.alone && state.started == self.number);
        match known {
            _ if shared => Connection::Unknown,
            Some(_) => Connection::Reused,
            None => Connection::Fresh,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut state = self.connections.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.in_flight = state.in_flight.saturating_sub(1);
    }
}
