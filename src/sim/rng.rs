//! A small seeded generator of our own: the same seed gives the same numbers on every machine and in every version,
//! which a crate's generator does not promise. SplitMix64, integers alone; nothing here is for secrets.

/// A stream of numbers. Fork it where two things must not depend on how many numbers the other draws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng {
    state: u64,
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Rng {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self { state: mix(seed ^ GOLDEN) }
    }

    /// The stream number `stream` below this one, as it stands now: drawing from one never moves the other.
    pub fn fork(&self, stream: u64) -> Self {
        Self { state: mix(self.state ^ mix(stream.wrapping_add(GOLDEN))) }
    }

    /// The stream of a name below this one.
    pub fn fork_named(&self, name: &str) -> Self {
        // FNV-1a: the name only has to tell streams apart.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        self.fork(hash)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// A number below `n`; 0 for `n = 0`.
    pub fn below(&mut self, n: u64) -> u64 {
        // The high half of a 128-bit product: its bias is below n / 2^64.
        let product = u128::from(self.next_u64()) * u128::from(n);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included; `low` if they are the wrong way round.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high.saturating_sub(low)).map_or(0, |span| span.saturating_add(1));
        low.saturating_add(i64::try_from(self.below(span)).unwrap_or(0))
    }

    /// True `n` times in `of`.
    pub fn chance(&mut self, n: u64, of: u64) -> bool {
        self.below(of) < n
    }

    /// One of the choices, each as likely as its weight says; the first if all weigh nothing.
    ///
    /// # Panics
    /// Where there is nothing to choose from.
    pub fn weighted<'a, T>(&mut self, choices: &'a [(u64, T)]) -> &'a T {
        let total = choices.iter().map(|(weight, _)| weight).sum();
        let mut left = self.below(total);
        for (weight, choice) in choices {
            if left < *weight {
                return choice;
            }
            left -= weight;
        }
        &choices.first().expect("a choice among at least one").1
    }

    /// One of the items, each as likely.
    ///
    /// # Panics
    /// Where there is nothing to pick from.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let at = usize::try_from(self.below(items.len() as u64)).unwrap_or(0);
        items.get(at).expect("a pick among at least one")
    }

    /// Puts the items into another order, each order as likely.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let at = usize::try_from(self.below(last as u64 + 1)).unwrap_or(0);
            items.swap(last, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_for_ever() {
        let mut rng = Rng::new(42);
        let drawn: Vec<u64> = (0..4).map(|_| rng.next_u64()).collect();
        assert_eq!(drawn, FROM_42);
    }

    const FROM_42: [u64; 4] =
        [0x57e1_faba_6510_7204, 0xf4ab_d143_feb2_4055, 0x7c81_6738_c129_03b2, 0x113e_5dec_6f8f_d8a8];

    #[test]
    fn forks_depend_on_their_number_and_not_on_what_others_draw() {
        let root = Rng::new(7);
        let mut first = root.fork(1);
        first.next_u64();
        assert_eq!(root.fork(2), Rng::new(7).fork(2));
        assert_ne!(root.fork(1), root.fork(2));
        assert_ne!(root.fork_named("a"), root.fork_named("b"));
    }

    #[test]
    fn draws_stay_in_their_bounds_and_reach_both_ends() {
        let mut rng = Rng::new(1);
        let drawn: Vec<i64> = (0..1_000).map(|_| rng.between(-3, 3)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&-3), Some(&3)));
        assert_eq!((rng.below(0), rng.between(5, 4)), (0, 5));
        assert_eq!(rng.between(i64::MAX, i64::MAX), i64::MAX);
    }

    #[test]
    fn weights_and_chances_are_kept() {
        let mut rng = Rng::new(3);
        let rare = (0..10_000).filter(|_| *rng.weighted(&[(9, false), (1, true)])).count();
        assert!((900..1_100).contains(&rare), "{rare}");
        let hits = (0..10_000).filter(|_| rng.chance(1, 4)).count();
        assert!((2_350..2_650).contains(&hits), "{hits}");
        assert!(!rng.chance(0, 5));
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<u32> = (0..50).collect();
        Rng::new(9).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
