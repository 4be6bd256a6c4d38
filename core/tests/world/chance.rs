//! The world's own dice: small, fast, and the same for the same history.

#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// xorshift64*: a random word.
    pub fn word(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        (self.word() >> 33) % limit
    }

    /// How long an answer takes, in milliseconds: mostly a moment, sometimes long, sometimes too long.
    pub fn delay(&mut self) -> u64 {
        match self.below(32) {
            0 => 200_000,
            1 | 2 => 20_000 + self.below(60_000),
            _ => 1 + self.below(2_000),
        }
    }
}
