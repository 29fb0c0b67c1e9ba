//! What the counts of a route say: a verdict for each measure and one for the route, each with the rule that decided.
//!
//! # What the numbers mean
//!
//! - **Raw** is how often the candidate's answer differs from the primary's. Agents never answer twice the same, so alone
//!   it says little.
//! - **Noise** is how often the primary differs from *itself* when it is asked the same twice.
//! - **Excess** is what is left: raw minus noise. If the two are the same agent it is zero, whatever the noise.
//! - **From … to** is where the excess is, as far as the exchanges so far can tell. It holds however often one looks and
//!   whenever one stops; see [`sequence`](super::Steps). It gets narrower as exchanges come in.
//! - **Tolerated** is how much excess is put up with; the config may say otherwise.
//!
//! A measure says **fail** when the excess is over zero for certain and, at the best guess, over what is tolerated;
//! **pass** when it is not over what is tolerated for certain; **marginal** when there is a difference for certain, and it
//! seems to be a tolerated one, but that is not certain yet; and **insufficient** when it is too early to say. A route
//! fails when one of its gates does, and passes when all of them do.
//!
//! "For certain" is this: if nothing is wrong, the chance that a route *ever* fails, looked at as often as one likes, is at
//! most the `false_alarms` of the settings (5 %), all gates together: each gets an equal part of it (Bonferroni). (For what
//! must never happen, "nothing is wrong" is a fifth of what is tolerated: streams break on every network.) And if
//! something is worse than tolerated, the chance that the route ever passes is at most as much again: to pass, *every* gate has
//! to, so the one that should not have is enough to hold it, and nothing needs to be divided.
//!
//! # Why it holds
//!
//! If candidate and primary are the same agent, then of the primary's second answer and the candidate's answer either is as
//! likely as the other to be the one that differs from the first, whatever was asked before and however requests resemble
//! each other. So in a request that was asked twice, "only the candidate differs" and "only the twin differs" are a fair coin,
//! and that is all the bets of [`Steps`] need: no independence, no equal rates, no large numbers. What can be
//! seen of each side alone (errors, refusals, time) needs no second answer: there "only the candidate" and "only the primary"
//! are the coin.
//!
//! The upper end takes in one thing more: excess is never over raw. So where agents hardly ever differ, all exchanges
//! count towards a pass, not only those that were asked twice. (The two purses are averaged, so that together they still
//! are a fair bet.)
//!
//! A verdict is of the moment: just over the edge, the next exchanges may take a fail back for a while. The promise is of all
//! moments together, so whoever stops at the first fail is as safe as whoever waits.
//!
//! With changing agents the promises are these: no false alarm while there is no difference; no pass while the difference is
//! over what is tolerated all along. A candidate that was repaired deserves a new tally.

use serde::{Deserialize, Serialize};

use super::sequence::{ln_sum, number, turning_point};
use super::{Counts, Steps, Tally};
use crate::compare::{self, Basis, Gate, Measure, Settings};

/// A measure that has something to say about less than this share of the exchanges cannot hold up a pass.
const SELDOM: f64 = 0.05;

/// What must never happen happens all the same, now and then, on every network: this part of what is tolerated is not
/// held against anybody.
const UNAVOIDABLE: f64 = 0.2;

/// What a verdict may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Not over what is tolerated, for certain.
    Pass,
    /// Too early to say.
    #[default]
    Insufficient,
    /// A difference for certain, a tolerated one as it seems, but not for certain.
    Marginal,
    /// A difference for certain, and over what is tolerated.
    Fail,
}

/// What is said about a route.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// In a word.
    pub verdict: Verdict,
    /// The rule that decided, in words.
    pub rule: String,
    /// Exchanges that were compared.
    pub exchanges: u64,
    /// Of those: the primary was asked twice.
    pub twins: u64,
    /// Every measure, cheapest layer first.
    pub measures: Vec<Judged>,
}

/// What is said about a measure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Its name.
    pub measure: String,
    /// In a word.
    pub verdict: Verdict,
    /// Whether the route's verdict depends on it.
    pub gates: bool,
    /// The rule that decided, in words.
    pub rule: String,
    /// Exchanges in which there was something to compare.
    pub compared: u64,
    /// Of those: neither side had any of it.
    pub absent: u64,
    /// Of the exchanges: the primary was asked twice.
    pub twins: u64,
    /// Differences that were explained.
    pub explained: u64,
    /// Share of exchanges in which the two differ, or the candidate is the worse one.
    pub raw: f64,
    /// Share of exchanges in which the primary differs from itself, or is the worse one; none if that is not known.
    pub noise: Option<f64>,
    /// What of the differences is not noise; none if that is not known.
    pub excess: Option<f64>,
    /// Where the excess is, for certain.
    pub interval: [f64; 2],
    /// How much excess is tolerated.
    pub tolerated: f64,
    /// About how many more exchanges it takes until this can be decided, if they go on like this.
    pub more: Option<u64>,
}

/// Judges a route by what was counted.
#[must_use]
pub fn judge(tally: &Tally, settings: &Settings) -> Judgement {
    // What a model is asked about counts on routes that say so.
    let asked = |measure: &&dyn Measure| {
        let name = measure.name();
        tally.measures.contains_key(name) || settings.gates.iter().any(|(gate, _)| gate == name)
    };
    let opinions = compare::OPINIONS.iter().map(|opinion| *opinion as &dyn Measure).filter(asked);
    let measures: Vec<_> = compare::ALL.iter().copied().chain(opinions).collect();
    let alpha = level(settings);
    let nothing = Counts::default();
    let judged = |measure: &&dyn Measure| {
        let counts = tally.measures.get(measure.name()).unwrap_or(&nothing);
        Evidence::of(measure.basis(), counts).judged(
            *measure,
            counts,
            settings.gate(*measure),
            alpha,
            settings.false_alarms,
        )
    };
    let measures: Vec<_> = measures.iter().map(judged).collect();
    let (verdict, rule) = together(&measures, tally.exchanges);
    Judgement { verdict, rule, exchanges: tally.exchanges, twins: tally.twins, measures }
}

/// The part of the false alarms that each test of each gate gets.
pub(super) fn level(settings: &Settings) -> f64 {
    let gates = compare::measures().filter(|measure| settings.gate(*measure).gates);
    // A measure without a better direction is tested in both.
    let tests: u32 = gates.map(|measure| if measure.basis() == Basis::Shifted { 2 } else { 1 }).sum();
    settings.false_alarms / f64::from(tests.max(1))
}

/// The route's verdict.
fn together(measures: &[Judged], exchanges: u64) -> (Verdict, String) {
    let gates: Vec<_> = measures.iter().filter(|judged| judged.gates).collect();
    let with = |verdict| gates.iter().filter(move |judged| judged.verdict == verdict).copied();
    let names = |judged: &[&Judged]| judged.iter().map(|judged| judged.measure.as_str()).collect::<Vec<_>>().join(", ");
    let failed: Vec<_> = with(Verdict::Fail).collect();
    if let Some(worst) = failed.iter().max_by(|a, b| a.over().total_cmp(&b.over())) {
        let which = match failed.len() {
            1 => format!("{} fails", worst.measure),
            _ => format!("{} fail, {} the worst", names(&failed), worst.measure),
        };
        return (Verdict::Fail, format!("{which}: {}", worst.rule));
    }
    if exchanges == 0 {
        return (Verdict::Insufficient, "nothing has been compared yet".to_owned());
    }
    let marginal: Vec<_> = with(Verdict::Marginal).collect();
    if let Some(first) = marginal.first() {
        return (Verdict::Marginal, format!("{}: {}", names(&marginal), first.rule));
    }
    let open: Vec<_> = with(Verdict::Insufficient).filter(|judged| !judged.is_seldom(exchanges)).collect();
    let longest = open.iter().max_by_key(|judged| judged.more.unwrap_or(u64::MAX));
    if let Some(longest) = longest {
        return (Verdict::Insufficient, format!("{}: {}", names(&open), longest.rule));
    }
    let passed = with(Verdict::Pass).count();
    (
        Verdict::Pass,
        format!("all {passed} gates that have something to judge are within what is tolerated, for certain"),
    )
}

impl Verdict {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Insufficient => "insufficient",
            Self::Marginal => "marginal",
            Self::Fail => "fail",
        }
    }
}

impl Judged {
    /// How far over what is tolerated.
    fn over(&self) -> f64 {
        self.excess.unwrap_or(0.0) - self.tolerated
    }

    fn is_seldom(&self, exchanges: u64) -> bool {
        number(self.compared) < SELDOM * number(exchanges)
    }
}

/// What the counts of a measure can be held to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence {
    basis: Basis,
    /// All exchanges: the two differ, or not.
    raw: Steps,
    /// Up: only the candidate; down: only the primary, or its twin.
    paired: Steps,
    noise: Option<f64>,
}

impl Evidence {
    pub(super) fn of(basis: Basis, counts: &Counts) -> Self {
        let raw = Steps::share(counts.compared, counts.different);
        let paired = match basis {
            Basis::Noise => Steps::new(counts.twins, counts.only_candidate, counts.only_twin),
            Basis::Worse | Basis::Shifted => Steps::new(counts.compared, counts.different, counts.reverse),
            Basis::Never => raw,
        };
        let share = |part: u64, whole: u64| (whole > 0).then(|| number(part) / number(whole));
        let noise = match basis {
            Basis::Noise => share(counts.noise, counts.twins),
            Basis::Worse | Basis::Shifted => share(counts.reverse, counts.compared),
            Basis::Never => Some(0.0),
        };
        Self { basis, raw, paired, noise }
    }

    pub(super) fn excess(&self) -> Option<f64> {
        (self.raw.count() > 0.0).then_some(())?;
        Some(self.raw.mean() - self.noise?)
    }

    /// As many times as much of everything.
    fn times(&self, factor: f64) -> Self {
        Self { raw: self.raw.times(factor), paired: self.paired.times(factor), ..*self }
    }

    /// The purse that was staked on an excess under `m`.
    fn purse_under(&self, m: f64) -> f64 {
        match self.basis {
            Basis::Noise => {
                let half = f64::ln(0.5);
                ln_sum(&[self.paired.purse_under(m) + half, self.raw.purse_under(m) + half])
            }
            _ => self.paired.purse_under(m),
        }
    }

    fn upper(&self, alpha: f64) -> f64 {
        turning_point(1.0, self.paired.mean().min(self.raw.mean()), |m| self.purse_under(m) >= -alpha.ln())
    }

    /// `alpha` is for saying that something is wrong, `pass` for saying that nothing is.
    pub(super) fn verdict(&self, gate: Gate, alpha: f64, pass: f64) -> Verdict {
        let tolerated = gate.tolerated;
        let (refuted, cleared) = (-alpha.ln(), -pass.ln());
        let excess = self.excess();
        let (differs, within, over) = match self.basis {
            Basis::Never => (
                self.paired.purse_over(tolerated * UNAVOIDABLE) >= refuted,
                self.purse_under(tolerated) >= cleared,
                self.raw.mean() > tolerated,
            ),
            Basis::Shifted => (
                self.paired.purse_over(0.0) >= refuted || self.paired.purse_under(0.0) >= refuted,
                self.paired.purse_under(tolerated) >= cleared && self.paired.purse_over(-tolerated) >= cleared,
                excess.is_some_and(|excess| excess.abs() > tolerated),
            ),
            Basis::Noise | Basis::Worse => (
                self.paired.purse_over(0.0) >= refuted,
                self.purse_under(tolerated) >= cleared,
                excess.is_some_and(|excess| excess > tolerated),
            ),
        };
        match (differs, within, over) {
            (true, _, true) => Verdict::Fail,
            (_, true, _) => Verdict::Pass,
            (true, false, false) => Verdict::Marginal,
            (false, false, _) => Verdict::Insufficient,
        }
    }

    /// Where the excess is, for certain.
    pub(super) fn interval(&self, alpha: f64, pass: f64) -> [f64; 2] {
        let upper = if self.basis == Basis::Shifted { self.paired.upper(pass) } else { self.upper(pass) };
        [self.paired.lower(alpha).min(upper), upper]
    }

    /// How many more exchanges it takes at this rate until there is a verdict.
    fn more(&self, gate: Gate, alpha: f64, pass: f64) -> Option<u64> {
        const FACTORS: i32 = 80;
        let now = self.raw.count().max(1.0);
        let decided = (1..=FACTORS)
            .map(|step| 1.2_f64.powi(step))
            .find(|factor| matches!(self.times(*factor).verdict(gate, alpha, pass), Verdict::Pass | Verdict::Fail));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "rounded up from a positive number"
        )]
        decided.map(|factor| (now * (factor - 1.0)).ceil() as u64)
    }

    fn judged(&self, measure: &dyn Measure, counts: &Counts, gate: Gate, alpha: f64, pass: f64) -> Judged {
        let verdict = self.verdict(gate, alpha, pass);
        let open = matches!(verdict, Verdict::Insufficient | Verdict::Marginal) && counts.compared > 0;
        let more = open.then(|| self.more(gate, alpha, pass)).flatten();
        let interval = self.interval(alpha, pass);
        let excess = self.excess().map(|excess| excess.clamp(interval[0], interval[1]));
        let mut judged = Judged {
            measure: measure.name().to_owned(),
            verdict,
            gates: gate.gates,
            rule: String::new(),
            compared: counts.compared,
            absent: counts.absent,
            twins: counts.twins,
            explained: counts.explained,
            raw: self.raw.mean(),
            noise: self.noise,
            excess,
            interval,
            tolerated: gate.tolerated,
            more,
        };
        judged.rule = self.rule(&judged);
        judged
    }

    fn rule(&self, judged: &Judged) -> String {
        let [from, to] = judged.interval.map(percent);
        let (tolerated, excess) = (percent(judged.tolerated), judged.excess.map_or_else(String::new, percent));
        let wait = || match judged.more {
            Some(more) => {
                let asked_less = self.basis == Basis::Noise && judged.twins * 2 < judged.compared;
                let hint = if asked_less { ", fewer if the primary is asked twice more often" } else { "" };
                format!("about {} more exchanges at this rate{hint}", rounded(more))
            }
            None => "it will take very many more exchanges".to_owned(),
        };
        match (judged.verdict, self.basis) {
            (Verdict::Fail, Basis::Never) => {
                format!("it happens in over {from} of the exchanges for certain; {tolerated} are tolerated")
            }
            (Verdict::Fail, _) => format!(
                "beyond the noise it differs in {excess} of the exchanges, in over {from} for certain; {tolerated} are tolerated"
            ),
            (Verdict::Pass, _) => format!("at most {to} beyond the noise for certain; {tolerated} are tolerated"),
            (Verdict::Marginal, _) => format!(
                "a difference for certain, of about {excess} beyond the noise; that it is within the tolerated {tolerated} is \
                 not certain yet: {}",
                wait()
            ),
            (Verdict::Insufficient, _) if judged.compared == 0 => "nothing to compare yet".to_owned(),
            (Verdict::Insufficient, Basis::Noise) if judged.twins == 0 && judged.raw > 0.0 => format!(
                "it differs in {} of the exchanges, and without asking the primary twice nobody can tell whether that is \
                 noise",
                percent(judged.raw)
            ),
            (Verdict::Insufficient, _) => {
                format!("between {from} and {to} beyond the noise; {tolerated} are tolerated: {}", wait())
            }
        }
    }
}

/// `3.2 %`; more digits for what is small.
#[must_use]
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent.abs() {
        size if !(0.005..99.95).contains(&size) => format!("{percent:.0} %"),
        size if size < 1.0 => format!("{percent:.2} %"),
        _ => format!("{percent:.1} %"),
    }
}

/// Two digits are enough for a guess.
fn rounded(number: u64) -> u64 {
    let digits = number.checked_ilog10().unwrap_or(0);
    let unit = 10_u64.pow(digits.saturating_sub(1));
    number.div_ceil(unit) * unit
}

#[cfg(test)]
mod tests;
