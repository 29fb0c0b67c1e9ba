//! How much of two kinds of things happened lately: counted by many at once without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bits of each of the two counts; what is left of 64 is the number of the slice.
const BITS: u32 = 20;

/// Most of one kind in one slice; more are not counted.
const MOST: u64 = (1 << BITS) - 1;

/// Slices of a window.
const SLICES: u64 = 10;

/// Two counts over the last stretch of time, in slices that are forgotten one after another.
///
/// Time is given by whoever uses it, as what has passed since a moment of their choice.
#[derive(Debug, Default)]
pub(super) struct Window {
    slices: [AtomicU64; 10],
}

impl Window {
    /// Counts something that happened now; `span` is the length of the whole window.
    pub(super) fn add(&self, span: Duration, now: Duration, first: u64, second: u64) {
        let number = number(span, now);
        let Some(slice) = self.slices.get(usize::try_from(number % SLICES).unwrap_or_default()) else { return };
        let counted = |packed: u64| {
            let (known, one, other) = unpack(packed);
            let (one, other) = if known == tag(number) { (one, other) } else { (0, 0) };
            Some(pack(tag(number), one + first, other + second))
        };
        // Never refused: the closure always has a new value.
        let _ = slice.fetch_update(Ordering::Relaxed, Ordering::Relaxed, counted);
    }

    /// The two counts of the window that ends now.
    pub(super) fn sum(&self, span: Duration, now: Duration) -> (u64, u64) {
        let newest = number(span, now);
        let oldest = newest.saturating_sub(SLICES - 1);
        self.over(oldest, newest)
    }

    /// The two counts of the slice that is now.
    pub(super) fn latest(&self, span: Duration, now: Duration) -> (u64, u64) {
        let number = number(span, now);
        self.over(number, number)
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        for slice in &self.slices {
            slice.store(0, Ordering::Relaxed);
        }
    }

    fn over(&self, oldest: u64, newest: u64) -> (u64, u64) {
        let mut sum = (0, 0);
        for number in oldest..=newest {
            let slice = self.slices.get(usize::try_from(number % SLICES).unwrap_or_default());
            let (known, one, other) = unpack(slice.map_or(0, |slice| slice.load(Ordering::Relaxed)));
            if known == tag(number) {
                sum = (sum.0 + one, sum.1 + other);
            }
        }
        sum
    }
}

/// The number of the slice that a moment is in.
fn number(span: Duration, now: Duration) -> u64 {
    let width = (span.as_millis() / u128::from(SLICES)).max(1);
    u64::try_from(now.as_millis() / width).unwrap_or(u64::MAX)
}

/// What stands for a slice's number in its 64 bits; never what an empty slice has.
fn tag(number: u64) -> u64 {
    (number + 1) & (u64::MAX >> (2 * BITS))
}

fn pack(tag: u64, first: u64, second: u64) -> u64 {
    (tag << (2 * BITS)) | (first.min(MOST) << BITS) | second.min(MOST)
}

fn unpack(packed: u64) -> (u64, u64, u64) {
    (packed >> (2 * BITS), (packed >> BITS) & MOST, packed & MOST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SPAN: Duration = Duration::from_secs(10);

    #[test]
    fn what_is_long_ago_is_forgotten() {
        let window = Window::default();
        let at = Duration::from_millis;
        window.add(SPAN, at(500), 3, 1);
        window.add(SPAN, at(1_500), 2, 0);
        assert_eq!(window.sum(SPAN, at(1_500)), (5, 1));
        assert_eq!(window.latest(SPAN, at(1_500)), (2, 0));
        assert_eq!(window.sum(SPAN, at(10_500)), (2, 0));
        assert_eq!(window.sum(SPAN, at(60_000)), (0, 0));
        window.clear();
        assert_eq!(window.sum(SPAN, at(1_500)), (0, 0));
    }

    #[test]
    fn threads_lose_no_count() {
        let window = Window::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1_000).for_each(|_| window.add(SPAN, Duration::ZERO, 1, 2)));
            }
        });
        assert_eq!(window.sum(SPAN, Duration::ZERO), (4_000, 8_000));
    }

    proptest! {
        #[test]
        fn it_counts_as_a_list_of_moments_would(steps in proptest::collection::vec((0u64..3_000, 0u64..5, 0u64..5), 1..60)) {
            let (window, mut now, mut all) = (Window::default(), 0, Vec::new());
            for (wait, first, second) in steps {
                now += wait;
                window.add(SPAN, Duration::from_millis(now), first, second);
                all.push((now, first, second));
                let since = (now / 1_000).saturating_sub(9) * 1_000;
                let recent = all.iter().filter(|(at, ..)| *at >= since);
                let wanted = recent.fold((0, 0), |sum, (_, first, second)| (sum.0 + first, sum.1 + second));
                prop_assert_eq!(window.sum(SPAN, Duration::from_millis(now)), wanted);
            }
        }
    }
}
