//! Which keys a table certainly does not hold: a Bloom filter (Bloom 1970; double hashing by Kirsch and Mitzenmacher 2006).

use serde::{Deserialize, Serialize};

/// Bits a key and bits asked: of keys that are not there, about one in a hundred is looked for in vain.
const BITS: usize = 10;
const PROBES: u32 = 6;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Filter {
    bits: Vec<u8>,
}

impl Filter {
    pub(super) fn of(hashes: &[u64]) -> Self {
        let mut bits = vec![0; (hashes.len() * BITS).div_ceil(8).max(1)];
        let size = bits.len() as u64 * 8;
        for hash in hashes {
            for bit in places(*hash, size) {
                bits[bit / 8] |= 1 << (bit % 8);
            }
        }
        Self { bits }
    }

    pub(super) fn may_hold(&self, hash: u64) -> bool {
        let size = self.bits.len() as u64 * 8;
        places(hash, size).all(|bit| self.bits.get(bit / 8).is_some_and(|byte| byte & (1 << (bit % 8)) != 0))
    }
}

fn places(hash: u64, size: u64) -> impl Iterator<Item = usize> {
    let (first, step) = (hash as u32, (hash >> 32) as u32 | 1);
    (0..PROBES).map(move |n| {
        let at = first.wrapping_add(step.wrapping_mul(n));
        // Into 0..size without a division.
        ((u64::from(at) * size) >> 32) as usize
    })
}

/// The hash of a key: FNV-1a, its bits mixed once more, since keys differ in their last digits alone. Stored: never change it.
pub(super) fn hash(key: &[u8]) -> u64 {
    let fnv = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (fnv ^ (fnv >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(from: u32, count: u32) -> Vec<u64> {
        (from..from + count).map(|n| hash(format!("kH-{n:09}\0\u{1}").as_bytes())).collect()
    }

    #[test]
    fn what_is_there_is_never_denied_and_little_else_is_supposed() {
        let held = hashes(0, 50_000);
        let filter = Filter::of(&held);
        assert!(held.iter().all(|hash| filter.may_hold(*hash)));
        let supposed = hashes(50_000, 50_000).into_iter().filter(|hash| filter.may_hold(*hash)).count();
        assert!(supposed < 1_000, "{supposed} of 50000");
    }

    #[test]
    fn a_filter_of_nothing_denies_all() {
        assert!(hashes(0, 100).into_iter().all(|hash| !Filter::of(&[]).may_hold(hash)));
    }
}
