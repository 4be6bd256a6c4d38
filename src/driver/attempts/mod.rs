//! The attempts that the core asks for. Each runs in a task of its own and always reports back.

mod accept;
mod chores;
mod locking;
mod meaning;
mod probe;
mod reauthenticate;
mod refresh;
mod saver;

use mainstay_core::TokenOutcome;

use super::message::Brought;

pub(super) use accept::{imported_token, stored_token};
pub(super) use chores::{destroy, read_status, rediscover, save_again};
pub(super) use locking::adopt;
pub(super) use probe::{class_of, probe};
pub(super) use reauthenticate::reauthenticate;
pub(super) use refresh::{More, refresh, refresh_for};
pub(super) use saver::{Saver, save_record};

/// What a token request came to, and the credentials that it brought.
type Ended = (TokenOutcome, Option<Box<Brought>>);

/// Nothing was sent, so nothing was spent.
const NOTHING_SENT: TokenOutcome = TokenOutcome::Unreachable;
