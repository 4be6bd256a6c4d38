//! Instructions, counted by valgrind: the same number on every run of the same binary, however busy the machine is.
//!
//! `cargo xtask bench` runs this and puts the counts into `docs/performance.md`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macros write items of their own; a benchmark that fails should say where"
)]

use std::{hint::black_box, sync::OnceLock};

use gungraun::{library_benchmark, library_benchmark_group, main};
use mainstay_benches::{Evening, HotPath};
use tokio::runtime::Runtime;

/// Calls, or transitions, that are counted together: enough that entering the benchmark does not matter.
const CALLS: u32 = 1000;

fn warm() -> HotPath {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let warm = RUNTIME.get_or_init(|| Runtime::new().unwrap()).block_on(HotPath::standing_still()).unwrap();
    // The first call of all resolves symbols and makes the thread's slot for `ArcSwap`.
    black_box((warm.floor(), warm.access_token()));
    warm
}

fn evening() -> Evening {
    let mut evening = Evening::begin();
    (0..CALLS).for_each(|_| evening.step());
    evening
}

#[library_benchmark(setup = warm)]
#[bench::calls()]
fn floor(warm: HotPath) -> HotPath {
    for _ in 0..CALLS {
        black_box(warm.floor());
    }
    warm
}

#[library_benchmark(setup = warm)]
#[bench::calls()]
fn access_token(warm: HotPath) -> HotPath {
    for _ in 0..CALLS {
        black_box(warm.access_token());
    }
    warm
}

#[library_benchmark(setup = evening)]
#[bench::calls()]
fn transition(mut evening: Evening) -> Evening {
    for _ in 0..CALLS {
        evening.step();
    }
    evening
}

library_benchmark_group!(name = instructions, benchmarks = [floor, access_token, transition]);
main!(library_benchmark_groups = instructions);
