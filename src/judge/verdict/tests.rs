//! What the verdicts promise, held against simulated cutovers.

use fastrand::Rng;

use super::*;

/// A measure in a simulated cutover: how often primary and candidate differ, the primary and its twin, both of one request.
struct Simulated {
    evidence: Evidence,
    noise: f64,
    /// Added to how often the candidate differs.
    worse: f64,
}

impl Simulated {
    fn new(basis: Basis, noise: f64, worse: f64) -> Self {
        Self { evidence: Evidence::of(basis, &Counts::default()), noise, worse }
    }

    /// One exchange; requests are more or less prone to noise, so that what the two sides do hangs together. True if
    /// the purse may have grown.
    fn exchange(&mut self, random: &mut Rng, twin: bool) -> bool {
        let prone = random.f64() * 2.0;
        let chance = (self.noise * prone).min(1.0);
        let candidate = random.f64() < (chance + self.worse).min(1.0);
        let other = random.f64() < chance;
        let (raw, paired) = (&mut self.evidence.raw, &mut self.evidence.paired);
        let step = if candidate { &mut raw.up } else { &mut raw.level };
        *step += 1.0;
        if !twin && self.evidence.basis == Basis::Noise {
            return false;
        }
        match (candidate, other) {
            (true, false) => paired.up += 1.0,
            (false, true) => paired.down += 1.0,
            _ => paired.level += 1.0,
        }
        let seen = paired.count() + 1.0;
        let before = self.evidence.noise.unwrap_or(0.0);
        self.evidence.noise = Some(before + (f64::from(u8::from(other)) - before) / seen);
        candidate != other
    }
}

/// Gates of a route whose agents differ from themselves as agents do.
fn gates(worse: f64) -> Vec<(Simulated, Gate)> {
    let noise = |noise, tolerated| (Simulated::new(Basis::Noise, noise, worse), Gate::at(tolerated));
    let side = |rate, tolerated| (Simulated::new(Basis::Worse, rate, worse), Gate::at(tolerated));
    vec![
        side(0.01, 0.005),
        side(0.25, 0.10),
        side(0.15, 0.10),
        side(0.002, 0.005),
        noise(0.0, 0.01),
        noise(0.02, 0.01),
        noise(0.05, 0.01),
        noise(0.01, 0.05),
        noise(0.0, 0.02),
        noise(0.03, 0.02),
        noise(0.08, 0.02),
        noise(0.5, 0.10),
        noise(0.9, 0.10),
    ]
}

const CUTOVERS: u64 = 200;
const EXCHANGES: u32 = 5_000;
const LEVEL: f64 = 0.05;

/// One-sided test of two shares as it stands in books, at a level for each look.
fn fixed_horizon_alarm(evidence: &Evidence, critical: f64) -> bool {
    let steps = evidence.paired;
    let moved = steps.up + steps.down;
    // Below this the books say not to use it.
    moved >= 10.0 && (steps.up - steps.down) / moved.sqrt() > critical
}

#[test]
#[expect(clippy::print_stdout, reason = "both counts are worth seeing")]
fn two_hundred_cutovers_without_a_difference_looked_at_after_each_of_5000_exchanges_hardly_ever_alarm() {
    let (mut false_alarms, mut by_the_book) = (0, 0);
    for cutover in 0..CUTOVERS {
        let mut random = Rng::with_seed(cutover);
        let mut gates = gates(0.0);
        #[expect(clippy::cast_precision_loss, reason = "a dozen")]
        let alpha = LEVEL / gates.len() as f64;
        let (mut alarmed, mut book) = (false, false);
        for _ in 0..EXCHANGES {
            let twin = random.f64() < 0.3;
            for (simulated, gate) in &mut gates {
                // Without a step up or down the purse that refutes "no difference" stays what it is.
                if simulated.exchange(&mut random, twin) {
                    alarmed |= simulated.evidence.verdict(*gate, alpha, LEVEL) == Verdict::Fail;
                    // The quantile of the normal distribution at 5 % shared by 13 gates.
                    book |= fixed_horizon_alarm(&simulated.evidence, 2.665);
                }
            }
        }
        false_alarms += u32::from(alarmed);
        by_the_book += u32::from(book);
    }
    println!(
        "{CUTOVERS} cutovers without a difference, looked at after each of {EXCHANGES} exchanges: {false_alarms} false alarms, \
         {by_the_book} by a test for one look"
    );
    let promised = LEVEL * f64::from(u32::try_from(CUTOVERS).unwrap());
    assert!(f64::from(false_alarms) <= promised, "{false_alarms} false alarms; {promised} are promised");
    assert!(f64::from(by_the_book) > 4.0 * promised, "a test for one look alarmed {by_the_book} times only");
}
