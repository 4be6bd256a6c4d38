//! Random numbers that depend on the seed, the device and how many it has drawn, and on nothing else.

use std::time::Duration;

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014), one stream per device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice(u64);

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl Dice {
    /// The stream of one device.
    pub(crate) const fn of(seed: u64, device: u32) -> Self {
        Self(mixed(seed ^ mixed(device_number(device).wrapping_mul(STEP))))
    }

    pub(crate) const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mixed(self.0)
    }

    /// Uniform between zero and `width`, to the millisecond.
    pub(crate) fn up_to(&mut self, width: Duration) -> Duration {
        let millis = u64::try_from(width.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.draw() % millis.saturating_add(1).max(1))
    }

    /// True once in `times` draws.
    pub(crate) const fn one_in(&mut self, times: u64) -> bool {
        self.draw().is_multiple_of(times)
    }
}

const fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

const fn device_number(device: u32) -> u64 {
    let [a, b, c, d] = device.to_le_bytes();
    u64::from_le_bytes([a, b, c, d, 1, 0, 0, 0])
}
