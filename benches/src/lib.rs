//! Measurements, as ratios against a floor in the same run.
//!
//! A time alone says more about the machine, and about who else is using it, than about the code. So whatever is timed
//! here is timed against the least that could do the job, in batches that alternate with it ([`Pairs`]), and judged by
//! the median of their ratios. What can be counted is counted instead: requests, file operations, allocated bytes. Counts
//! are the same on every machine, so they are tests of this crate as well.
//!
//! `cargo xtask bench` runs everything and writes `docs/performance.md`.

mod evening;
mod files;
mod growth;
mod hot_path;
mod machine;
mod pairs;
mod preparation;
mod recovery;
mod refresh;
mod report;
mod rotation;
mod stored;
mod till;

pub use evening::{Evening, transitions_per_second};
pub use files::{CountedFiles, Operations};
pub use growth::{Opening, open_one_of, time_one_of};
pub use hot_path::{HotPath, nanoseconds_per_call, time_access_token};
pub use machine::machine;
pub use pairs::{Compared, Pairs};
pub use preparation::prepare_refresh;
pub use recovery::{Recovery, recover};
pub use refresh::{Wire, time_refresh};
pub use report::{Row, table};
pub use rotation::{Step, rotate};
pub use stored::{time_open, time_save};
pub use till::{LeapingClock, Outcome, Till};
