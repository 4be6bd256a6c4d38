//! Many runs, side by side on as many threads as there are. Their results come in the order of asking.

use std::{
    num::NonZeroUsize,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::{Incident, Kind, Report, Setup, run};

/// One incident with one kind of client.
pub type Run<'a> = (&'a Incident, Kind);

/// Runs all of them. `progress` hears how much of which run is done, in thousandths; a run that ends says 1000.
pub fn run_all(
    runs: &[Run<'_>],
    setup: Setup,
    threads: NonZeroUsize,
    progress: &(dyn Fn(usize, u64) + Sync),
) -> Vec<Report> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Report)>> = Mutex::default();
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((incident, kind)) = runs.get(index) else { break };
            let report = run(incident, *kind, setup, &|passed, longest| progress(index, thousandths(passed, longest)));
            progress(index, 1000);
            // Nobody panics while holding it.
            done.lock().unwrap_or_else(|broken| broken.into_inner()).push((index, report));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.get() {
            scope.spawn(work);
        }
    });
    let mut done = done.into_inner().unwrap_or_else(|broken| broken.into_inner());
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, report)| report).collect()
}

fn thousandths(passed: Duration, longest: Duration) -> u64 {
    let thousandths = passed.as_millis() * 1000 / longest.as_millis().max(1);
    u64::try_from(thousandths).unwrap_or(1000).min(1000)
}
