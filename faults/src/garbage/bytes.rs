/// Changes bytes.
pub struct Bytes(u64);

impl Bytes {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// SplitMix64: of a seed, it makes the same numbers everywhere and for ever.
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to one below the end; 0 if that is the end.
    pub fn below(&mut self, end: usize) -> usize {
        (self.number() % end.max(1) as u64) as usize
    }

    /// One to three changes, some of them by what hurts in such a place.
    pub fn changed(&mut self, bytes: &[u8], pieces: &[&str]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(3) {
            let place = self.below(bytes.len());
            let end = bytes.len().min(place + 1 + self.below(8));
            match self.below(8) {
                0 if !bytes.is_empty() => bytes[place] ^= 1 << self.below(8),
                1 if !bytes.is_empty() => bytes[place] = self.number() as u8,
                2 => drop(bytes.drain(place..end)),
                3 => bytes.truncate(place),
                4 => bytes.extend_from_within(place..end),
                5 => {
                    let times = 1 + self.below(2000);
                    let piece = bytes[place..end].repeat(times);
                    drop(bytes.splice(place..place, piece));
                }
                _ => {
                    let piece = pieces[self.below(pieces.len())].bytes();
                    drop(bytes.splice(place..place, piece));
                }
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_changes_and_another_makes_others() {
        let made = |seed| {
            let mut bytes = Bytes::new(seed);
            let made = (0..100).map(|_| bytes.changed(b"{\"name\":\"lamp\"}", &["[", "\\u0000"]));
            made.collect::<Vec<_>>()
        };
        assert_eq!(made(7), made(7));
        assert_ne!(made(7), made(8));
    }
}
