//! Random numbers of a run. QuickJS seeds by the clock, and two runs of one microsecond would draw the same.

use std::cell::Cell;

/// The stream behind `Math.random`, seeded by the kernel when it is first asked: xorshift128+, which is not for secrets.
/// `crypto` draws from the kernel each time.
#[derive(Default)]
pub(crate) struct Random(Cell<Option<[u64; 2]>>);

impl Random {
    /// A number from 0 up to, not including, 1.
    ///
    /// # Errors
    /// The kernel gives no seed.
    pub(crate) fn next(&self) -> Result<f64, getrandom::Error> {
        let [mut a, b] = match self.0.get() {
            Some(state) => state,
            // The one state that the stream never leaves is all zeroes.
            None => [getrandom::u64()? | 1, getrandom::u64()?],
        };
        a ^= a << 23;
        a ^= a >> 17;
        a ^= b ^ (b >> 26);
        self.0.set(Some([b, a]));
        // The 53 upper bits are what a double holds.
        #[expect(clippy::cast_precision_loss, reason = "53 bits are held exactly")]
        let number = (a.wrapping_add(b) >> 11) as f64 / (1_u64 << 53) as f64;
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn streams_differ_and_spread_evenly() {
        let draw = || {
            let random = Random::default();
            (0..10_000).map(|_| random.next().expect("the kernel has random bytes")).collect::<Vec<f64>>()
        };
        let (one, other) = (draw(), draw());
        assert_ne!(one[..4], other[..4]);
        assert!(one.iter().all(|number| (0.0..1.0).contains(number)));
        let mean = one.iter().sum::<f64>() / 10_000.0;
        assert!((0.47..0.53).contains(&mean), "{mean}");
        let mut tenths = [0; 10];
        one.iter().for_each(|number| tenths[(number * 10.0) as usize] += 1);
        assert!(tenths.iter().all(|count| (850..1150).contains(count)), "{tenths:?}");
    }
}
