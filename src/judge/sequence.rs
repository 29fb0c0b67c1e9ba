//! Confidence sequences: intervals for a mean that hold at every moment at once, however often one looks.
//!
//! # What they promise
//!
//! An ordinary 95 % interval is right in 95 of 100 experiments if one looks once, at a time fixed before. Whoever looks
//! after every request and stops at the first bad sight sees one in most experiments. These intervals are made for
//! looking: the chance that the truth is *ever* outside, at any of all moments, is at most `alpha`. There is no
//! smallest number of requests, no time to wait for, and no assumption of a bell curve: the promise is exact from the first
//! request on.
//!
//! # How
//!
//! By betting. To be convinced that a mean is over `m`, start with a purse of 1 and stake, on every observation, a fixed
//! part of it on "over `m`", at odds that are fair if the mean is `m`. If the mean is `m` or less nobody can expect to gain,
//! and by Ville's inequality (1939) the chance of ever holding 20 times the purse is at most one in 20. So a purse of 20
//! refutes `m` at `alpha` = 0.05. The lower end of the interval is the largest `m` that is refuted.
//!
//! The purse at a stake `λ` is `∏(1 + λ(X − m))`. If the mean of each observation, given those before it, is at most `m`, its
//! expectation never grows, so that Ville's inequality holds for it: that is the whole proof, and it asks for no independence
//! and no equal distributions. An average of such purses, with weights that are fixed before, is one again. So the purse is
//! spread over a grid of stakes that stay what they are, and the best stake of the grid, which depends on how rare
//! differences are, wins by itself. Such a purse is a function of three counts alone: nothing else has to be kept, and the
//! counts of several replicas may be added.
//!
//! This is the "capital process" and "diversified Kelly" betting of Ian Waudby-Smith and Aaditya Ramdas, *Estimating means of
//! bounded random variables by betting*, Journal of the Royal Statistical Society B 86 (2024), 1–27 (arXiv 2010.09686).
//! Closed formulas for the same purpose are the empirical-Bernstein boundaries of Steven R. Howard, Aaditya Ramdas, Jon
//! McAuliffe and Jasjeet Sekhon, *Time-uniform, nonparametric, nonasymptotic confidence sequences*, Annals of Statistics 49
//! (2021), 1055–1080 (arXiv 1810.08240).
//!
//! # What it costs
//!
//! Where the two sides are alike, "only the candidate differs" and "only the other one differs" are a fair coin. `k` times heads
//! in a row have a chance of `2^-k`, and no test that keeps its promise can alarm sooner. At `alpha` = 0.05 / 18 (the gates
//! together) that is after 9 differences, whatever one bets; the stakes here do with 10. So a regression that only ever goes one
//! way and strikes in 1 % of the exchanges takes some 1,000 of them, in 2 % some 500, in 3 % some 340; and twice as many where
//! only every second exchange says how much the primary differs from itself.

/// Which parts of the purse are staked, and how the purse is spread over them. Large stakes find rare events that only
/// ever go one way; small ones find small shifts among many that go both ways.
const STAKES: [(f64, f64); 14] = [
    (0.98, 0.35),
    (0.90, 0.13),
    (0.75, 0.08),
    (0.60, 0.05),
    (0.45, 0.04),
    (0.35, 0.04),
    (0.25, 0.04),
    (0.18, 0.05),
    (0.12, 0.05),
    (0.08, 0.05),
    (0.05, 0.04),
    (0.03, 0.03),
    (0.015, 0.025),
    (0.005, 0.025),
];

/// The same for bets on how often something happens that is hardly ever to happen at all. There a stake is lost by nearly every
/// observation and pays a thousandfold, so small ones find most.
const RARE: [(f64, f64); 8] = [
    (0.90, 0.10),
    (0.30, 0.10),
    (0.10, 0.15),
    (0.05, 0.15),
    (0.025, 0.15),
    (0.012, 0.15),
    (0.006, 0.10),
    (0.003, 0.10),
];

/// Observations that are each -1, 0 or 1, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Steps {
    /// Ones.
    pub up: f64,
    /// Zeros.
    pub level: f64,
    /// Minus ones.
    pub down: f64,
    /// Whether there can be minus ones at all.
    pub both_ways: bool,
}

impl Steps {
    /// Of `all` observations these went up and these down.
    #[must_use]
    pub fn new(all: u64, up: u64, down: u64) -> Self {
        let level = all.saturating_sub(up).saturating_sub(down);
        Self { up: number(up), level: number(level), down: number(down), both_ways: true }
    }

    /// Of `all` observations these went up, and none can go down.
    #[must_use]
    pub fn share(all: u64, up: u64) -> Self {
        Self { both_ways: false, ..Self::new(all, up, 0) }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> f64 {
        self.up + self.level + self.down
    }

    /// Their mean; zero without any.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.count() > 0.0 { (self.up - self.down) / self.count() } else { 0.0 }
    }

    /// As many times as many of each.
    #[must_use]
    pub fn times(&self, factor: f64) -> Self {
        Self { up: self.up * factor, level: self.level * factor, down: self.down * factor, ..*self }
    }

    /// What has become of a purse of 1 that was staked on a mean over `m`, as its logarithm.
    #[must_use]
    pub fn purse_over(&self, m: f64) -> f64 {
        match self.both_ways {
            true => purse(&STAKES, self.up, self.level, self.down, m, -1.0),
            false => purse(&RARE, self.up, self.level, self.down, m, 0.0),
        }
    }

    /// What has become of a purse of 1 that was staked on a mean under `m`, as its logarithm.
    #[must_use]
    pub fn purse_under(&self, m: f64) -> f64 {
        // The same bet in a mirror, where no observation is under -1.
        purse(&STAKES, self.down, self.level, self.up, -m, -1.0)
    }

    /// The mean is over this, with the chance of `alpha` of ever being wrong.
    #[must_use]
    pub fn lower(&self, alpha: f64) -> f64 {
        let least = if self.both_ways { -1.0 } else { 0.0 };
        turning_point(least, self.mean(), |m| self.purse_over(m) >= -alpha.ln())
    }

    /// The mean is under this, with the chance of `alpha` of ever being wrong.
    #[must_use]
    pub fn upper(&self, alpha: f64) -> f64 {
        turning_point(1.0, self.mean(), |m| self.purse_under(m) >= -alpha.ln())
    }
}

/// The place between `far` (where `refuted` holds, if anywhere) and `near` (where it does not) at which that changes;
/// `far` itself if nothing is refuted.
#[must_use]
pub(super) fn turning_point(far: f64, near: f64, refuted: impl Fn(f64) -> bool) -> f64 {
    let (mut far, mut near) = (far, near);
    let edge = far + (near - far) * 1e-9;
    if !refuted(edge) {
        return far;
    }
    for _ in 0..40 {
        let middle = f64::midpoint(far, near);
        if refuted(middle) { far = middle } else { near = middle }
    }
    far
}

/// The logarithm of a purse that bets on a mean over `m` of observations of at least `least`.
///
/// A stake `f` is the part that is lost by the worst observation, so it wins `f · (x − m) / (m − least)` by any other.
fn purse<const N: usize>(stakes: &[(f64, f64); N], up: f64, level: f64, down: f64, m: f64, least: f64) -> f64 {
    let room = m - least;
    if room <= 0.0 {
        // A mean under the least that can be is refuted by anything, and by nothing.
        return if up + level + down > 0.0 && room < 0.0 { f64::INFINITY } else { 0.0 };
    }
    let won = |times: f64, outcome: f64, stake: f64| match times > 0.0 {
        true => times * (stake * (outcome - m) / room).ln_1p(),
        false => 0.0,
    };
    let purses = stakes
        .map(|(stake, weight)| won(up, 1.0, stake) + won(level, 0.0, stake) + won(down, -1.0, stake) + f64::ln(weight));
    ln_sum(&purses)
}

/// The logarithm of the sum of what these are the logarithms of.
#[must_use]
pub(super) fn ln_sum(logarithms: &[f64]) -> f64 {
    let most = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !most.is_finite() {
        return most;
    }
    most + logarithms.iter().map(|one| (one - most).exp()).sum::<f64>().ln()
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
