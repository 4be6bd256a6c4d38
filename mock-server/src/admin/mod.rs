//! Operating the server, and doing right what the incidents did wrong.

mod alarms;
mod desk;
pub(crate) mod http;
mod operations;

pub use alarms::{Alarm, Alarms};
pub(crate) use desk::Desk;
pub use operations::{DryRun, KeyChange, Operation, OperationState};
