//! Which conversations are mirrored: the same on every replica, and each of them whole or not at all.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// All of the hundredths of a percent.
const WHOLE: u64 = 10_000;

/// A share of the conversations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Hundredths of a percent.
    share: u32,
    /// Makes this sample independent of any other, and of the split.
    salt: u64,
}

impl Sample {
    /// A share for this purpose on this route.
    pub(super) fn new(share: u32, purpose: &str, route: &str) -> Self {
        Self { share, salt: xxh3_64(format!("{purpose}\0{route}").as_bytes()) }
    }

    /// How much of everything it is, in percent.
    pub(super) fn percent(self) -> f64 {
        f64::from(self.share) / 100.0
    }

    /// Whether a conversation is in it; a request that belongs to none, by chance.
    pub(super) fn has(self, key: Option<&str>) -> bool {
        let point = match key {
            Some(key) => xxh3_64_with_seed(key.as_bytes(), self.salt) % WHOLE,
            None => fastrand::u64(..WHOLE),
        };
        point < u64::from(self.share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_in_or_out_and_a_larger_share_keeps_those_that_are_in() {
        let (small, large) = (Sample::new(1_000, "shadow", "r"), Sample::new(2_000, "shadow", "r"));
        let mut seen = 0;
        for number in 0..10_000 {
            let key = format!("conversation-{number}");
            assert_eq!(small.has(Some(&key)), Sample::new(1_000, "shadow", "r").has(Some(&key)));
            assert!(large.has(Some(&key)) || !small.has(Some(&key)));
            seen += u32::from(small.has(Some(&key)));
        }
        // Five sigma of a tenth.
        assert!((850..1_150).contains(&seen), "{seen} of 10,000");
        let by_chance = (0..10_000).filter(|_| small.has(None)).count();
        assert!((850..1_150).contains(&by_chance), "{by_chance} of 10,000");
    }

    #[test]
    fn samples_for_two_purposes_have_nothing_to_do_with_each_other() {
        let (one, other) = (Sample::new(5_000, "shadow", "r"), Sample::new(5_000, "noise", "r"));
        let both = (0..10_000).filter(|number| {
            let key = number.to_string();
            one.has(Some(&key)) && other.has(Some(&key))
        });
        let both = both.count();
        assert!((2_280..2_720).contains(&both), "{both} of 10,000 in both halves");
    }

    #[test]
    fn nothing_is_nothing_and_everything_is_everything() {
        for key in [None, Some("c")] {
            assert!(!Sample::new(0, "shadow", "r").has(key) && Sample::new(10_000, "shadow", "r").has(key));
        }
    }
}
