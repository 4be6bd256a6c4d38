//! What the measurements were made on.

use std::{fs, process::Command, thread};

/// The machine in one line: cores, processor, system and compiler. Without a name or a date.
#[must_use]
pub fn machine() -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
    let model = model.map_or(std::env::consts::ARCH, |(_, model)| model);
    format!("{cores} cores ({model}), {}, {}", std::env::consts::OS, compiler())
}

fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    // Without the commit and its date.
    let words: Vec<_> = String::from_utf8_lossy(&output).split_whitespace().take(2).map(str::to_owned).collect();
    words.join(" ")
}
