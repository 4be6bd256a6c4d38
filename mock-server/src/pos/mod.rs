//! The point-of-sale API: what a till needs a token for.

mod bearer;
mod shop;

pub(crate) use bearer::{Bearer, Reason, check, check_token, note, reject, rejection, standard};
pub use shop::ANSWERED_FOR;
pub(crate) use shop::{Till, catalogue, list_sales, me, sell, shift, work_shift};
