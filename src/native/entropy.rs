//! The operating system's random numbers.

use crate::host::Entropy;

/// `getrandom`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    #[expect(clippy::panic, reason = "without random numbers every key would be guessable: nothing may go on")]
    fn fill(&self, buffer: &mut [u8]) {
        if let Err(error) = getrandom::fill(buffer) {
            panic!("the operating system gives no random numbers: {error}");
        }
    }
}
