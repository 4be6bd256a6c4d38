//! A busy till whose vault has any file in the place of one of its own, started.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use mainstay::vault::fuzzing::Hostile;

static HOSTILE: LazyLock<Hostile> = LazyLock::new(|| Hostile::new().expect("the frozen vault opens"));

fuzz_target!(|file: &[u8]| {
    if let Err(what) = HOSTILE.survive(file) {
        panic!("{what}");
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mutated = HOSTILE.mutate(&data[..size], seed, &mut |part| mutate(part, max_size));
    let length = mutated.len().min(max_size);
    data[..length].copy_from_slice(&mutated[..length]);
    length
});

fn mutate(mut part: Vec<u8>, max_size: usize) -> Vec<u8> {
    let size = part.len();
    part.resize(max_size.max(size), 0);
    let room = part.len();
    let size = fuzzer_mutate(&mut part, size, room);
    part.truncate(size);
    part
}
