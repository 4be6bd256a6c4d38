//! Operating the server, and doing right what the incidents did wrong.

mod alarms;
mod desk;
mod http;

pub use alarms::Alarm;
pub(crate) use desk::Desk;
pub(crate) use http::{alarms, guard, keys, sessions};
