//! Runs every measurement and prints `docs/performance.md`'s tables. Progress goes to stderr.

use std::{process::ExitCode, time::Duration};

use mainstay_benches::{
    Compared, HotPath, Outcome, Row, Step, Wire, machine, nanoseconds_per_call, recover, rotate, table,
    time_access_token, time_one_of, time_open, time_refresh, time_save, transitions_per_second,
};

/// Calls over which allocations are counted.
const COUNTED_CALLS: u32 = 1000;
/// Refreshes of each kind over loopback, and over a slower wire.
const REFRESHES: u32 = 300;
const FAR_REFRESHES: u32 = 60;
/// Accounts opened, and records saved.
const STORED: u32 = 1000;
/// A server on the same continent.
const FAR: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let report = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(report()));
    match report {
        Ok(report) => {
            print!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn report() -> Outcome<String> {
    let mut rows = Vec::new();
    rows.extend(access_token().await?);
    rows.push(transitions());
    rows.push(recovery().await?);
    rows.push(refresh("a refresh over loopback", Wire::Loopback, REFRESHES).await?);
    rows.push(refresh("a refresh, answered 50 ms later", Wire::Far(FAR), FAR_REFRESHES).await?);
    rows.extend(stored().await?);
    eprintln!("file operations");
    let steps = rotate(REFRESHES).await?;
    Ok(format!("{}\n{}\nMeasured on {}.\n", table(&rows), operations(&steps), machine()))
}

async fn access_token() -> Outcome<[Row; 2]> {
    eprintln!("access_token()");
    let warm = HotPath::warm().await?;
    let compared = time_access_token(&warm);
    let allocated = warm.allocations(COUNTED_CALLS).bytes_total;
    let shown = |batch| format!("{:.1} ns", nanoseconds_per_call(batch));
    Ok([
        Row {
            what: "`access_token()` from a warm session",
            floor: format!("{}: `ArcSwap` load, same clock, compare", shown(compared.floor)),
            ours: shown(compared.ours),
            result: times(compared),
            goal: "≤ 1.25×",
            met: Some(compared.ratio <= 1.25),
        },
        Row {
            what: "bytes it allocates",
            floor: String::new(),
            ours: String::new(),
            result: allocated.to_string(),
            goal: "0",
            met: Some(allocated == 0),
        },
    ])
}

fn transitions() -> Row {
    eprintln!("core transitions");
    let rate = transitions_per_second();
    Row {
        what: "transitions of the decision core per second",
        floor: String::new(),
        ours: String::new(),
        result: format!("{:.1} million", rate / 1e6),
        goal: "> 1 million",
        met: Some(rate > 1e6),
    }
}

async fn recovery() -> Outcome<Row> {
    eprintln!("recovery");
    let recovery = recover().await?;
    let others = recovery.requests.iter().map(|(endpoint, count)| format!("{count} {}", endpoint.name()));
    Ok(Row {
        what: "requests with a credential that a recovery adds (secret changed, refresh token survives)",
        floor: format!("{} calls: the rejected one and its replay", recovery.calls()),
        ours: others.collect::<Vec<_>>().join(", "),
        result: recovery.added().to_string(),
        goal: "2",
        met: Some(recovery.added() <= 2),
    })
}

async fn refresh(what: &'static str, wire: Wire, rounds: u32) -> Outcome<Row> {
    eprintln!("{what}");
    let compared = time_refresh(wire, rounds).await?;
    Ok(Row {
        what,
        floor: format!("{}: bare `reqwest` POST, one `fsync`", millis(compared.floor)),
        ours: millis(compared.ours),
        result: times(compared),
        goal: "≤ 1.1×",
        met: Some(compared.ratio <= 1.1),
    })
}

async fn stored() -> Outcome<[Row; 4]> {
    eprintln!("the vault");
    let open = time_open(STORED).await?;
    let save = time_save(STORED).await?;
    let [few, many] = [time_one_of(10, STORED).await?, time_one_of(1000, STORED).await?];
    Ok([
        Row {
            what: "opening and decrypting a signed-in account",
            floor: format!("{}: two reads, two AEAD openings", millis(open.floor)),
            ours: millis(open.ours),
            result: times(open),
            goal: "≤ 1.5×",
            met: Some(open.ratio <= 1.5),
        },
        Row {
            what: "saving a record",
            floor: format!("{}: write, `fsync`, rename, `fsync` of the folder", millis(save.floor)),
            ours: millis(save.ours),
            result: times(save),
            goal: "≤ 1.2×",
            met: Some(save.ratio <= 1.2),
        },
        growth("opening one of 10 accounts", few),
        growth("opening one of 1,000 accounts", many),
    ])
}

/// That as many files are read is counted by a test. This tells what a larger folder costs besides.
fn growth(what: &'static str, compared: Compared) -> Row {
    Row {
        what,
        floor: format!("{}: opening the only one", millis(compared.floor)),
        ours: millis(compared.ours),
        result: times(compared),
        goal: "",
        met: None,
    }
}

fn operations(steps: &[Step]) -> String {
    let head = "| step of a rotation | `fsync`s | writes | renames | removals | reads | time |\n|---|---|---|---|---|---|---|\n";
    steps.iter().fold(head.to_owned(), |table, step| {
        let done = step.operations;
        let counts = [done.syncs, done.writes, done.renames, done.removals, done.reads];
        let counts = counts.map(|count| count.to_string()).join(" | ");
        table + &format!("| {} | {counts} | {} |\n", step.what, millis(step.time))
    })
}

fn times(compared: Compared) -> String {
    format!("{:.2}×", compared.ratio)
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}
