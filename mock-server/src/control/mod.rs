//! Breaking things: the same handle for tests in this process and for `/control`.

mod handle;
pub(crate) mod http;

pub use handle::{ClockChange, Control, Released, SecretChange, SessionLoss, StoreChange};
