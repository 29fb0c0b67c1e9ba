//! How a verdict came about: what was known of a measure at earlier moments, and what each day brought.

use serde::{Deserialize, Serialize};

use super::verdict::{Evidence, level};
use super::{Counts, Tally, Verdict, judge};
use crate::compare::{Settings, named};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Most days that are told.
const MOST_DAYS: usize = 60;

/// The counts of a route as they were at a moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moment {
    /// When, in seconds since 1970.
    pub at: i64,
    /// All that had been counted by then.
    pub tally: Tally,
}

/// A moment in the history of a measure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Exchanges that had been compared.
    pub exchanges: u64,
    /// Where the excess was, for certain.
    pub interval: [f64; 2],
    /// What it was at the best guess.
    pub excess: Option<f64>,
    /// What was said of the measure.
    pub verdict: Verdict,
}

/// What one day (of UTC) brought, by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Day {
    /// When it began, in seconds since 1970.
    pub at: i64,
    /// Exchanges that were compared on it.
    pub exchanges: u64,
    /// The measures that decide and had something to compare.
    pub measures: Vec<DayOf>,
}

/// What one day brought for one measure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DayOf {
    /// Its name.
    pub measure: String,
    /// Share of exchanges in which the two differ, or the candidate is the worse one.
    pub raw: f64,
    /// Share of exchanges in which the primary differs from itself, or is the worse one; none if that is not known.
    pub noise: Option<f64>,
}

impl Day {
    /// Raw disagreement and noise of a measure on this day.
    #[must_use]
    pub fn of(&self, measure: &str) -> (Option<f64>, Option<f64>) {
        let found = self.measures.iter().find(|day| day.measure == measure);
        (found.map(|day| day.raw), found.and_then(|day| day.noise))
    }
}

/// What was known of a measure at these moments.
#[must_use]
pub fn history<'a>(measure: &str, moments: impl Iterator<Item = &'a Tally>, settings: &Settings) -> Vec<Point> {
    let Some(measure) = named(measure) else { return Vec::new() };
    let (alpha, pass, nothing) = (level(settings), settings.false_alarms, Counts::default());
    let point = |tally: &Tally| {
        let counts = tally.measures.get(measure.name()).unwrap_or(&nothing);
        let evidence = Evidence::of(measure.basis(), counts);
        let [from, to] = evidence.interval(alpha, pass);
        Point {
            exchanges: tally.exchanges,
            interval: [from, to],
            excess: evidence.excess().map(|excess| excess.clamp(from, to)),
            verdict: evidence.verdict(settings.gate(measure), alpha, pass),
        }
    };
    moments.filter(|tally| tally.exchanges > 0).map(point).collect()
}

/// What each day brought, oldest first, from the counts at these moments, oldest first. The counts go back to `since`, in
/// seconds since 1970: where moments of the first days have been let go of, what is left of them is not told.
#[must_use]
pub fn by_day(moments: &[Moment], since: i64, settings: &Settings) -> Vec<Day> {
    let mut ends: Vec<&Moment> = Vec::new();
    for moment in moments {
        match ends.last_mut() {
            Some(last) if last.at.div_euclid(DAY) == moment.at.div_euclid(DAY) => *last = moment,
            _ => ends.push(moment),
        }
    }
    let nothing = Moment::default();
    let whole = ends.first().is_some_and(|first| first.at.div_euclid(DAY) == since.div_euclid(DAY));
    let before = whole.then_some(&nothing).into_iter().chain(ends.iter().copied());
    let days = ends.iter().skip(usize::from(!whole)).zip(before);
    let days = days.map(|(end, before)| day(end, &before.tally, settings)).filter(|day| day.exchanges > 0);
    let mut days: Vec<_> = days.collect();
    days.drain(..days.len().saturating_sub(MOST_DAYS));
    days
}

fn day(end: &Moment, before: &Tally, settings: &Settings) -> Day {
    let tally = end.tally.less(before);
    let judged = judge(&tally, settings).measures.into_iter();
    let measures = judged
        .filter(|judged| judged.gates && judged.compared > judged.absent)
        .map(|judged| DayOf { measure: judged.measure, raw: judged.raw, noise: judged.noise })
        .collect();
    Day { at: end.at.div_euclid(DAY) * DAY, exchanges: tally.exchanges, measures }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(at: i64, exchanges: u64, different: u64) -> Moment {
        let counts = Counts { compared: exchanges, different, ..Counts::default() };
        let measures = [("outcome".to_owned(), counts)].into();
        Moment { at, tally: Tally { exchanges, measures, ..Tally::default() } }
    }

    #[test]
    fn a_day_is_what_came_between_its_end_and_the_end_of_the_day_before() {
        let noon = 20_000 * DAY + DAY / 2;
        let moments = [
            moment(noon, 100, 0),
            moment(noon + 60, 200, 10),
            moment(noon + DAY, 250, 10),
            moment(noon + 3 * DAY, 350, 60),
        ];
        let settings = Settings::default();
        let seen = |days: &[Day]| -> Vec<(i64, u64, f64)> {
            days.iter().map(|day| (day.at / DAY - 20_000, day.exchanges, day.measures[0].raw)).collect()
        };
        let days = by_day(&moments, noon - 5, &settings);
        assert_eq!(seen(&days), [(0, 200, 0.05), (1, 50, 0.0), (3, 100, 0.5)]);
        // The first moment is not of the first day: what came before it was not all of its day.
        assert_eq!(seen(&by_day(&moments, noon - 5 * DAY, &settings)), [(1, 50, 0.0), (3, 100, 0.5)]);
        assert_eq!(by_day(&[], noon, &settings), []);
    }

    #[test]
    fn a_point_says_what_was_said_then() {
        let moments = [moment(0, 5, 0), moment(0, 2_000, 0), moment(0, 2_500, 400)];
        let points = history("outcome", moments.iter().map(|moment| &moment.tally), &Settings::default());
        let verdicts: Vec<_> = points.iter().map(|point| point.verdict).collect();
        assert_eq!(verdicts, [Verdict::Insufficient, Verdict::Pass, Verdict::Fail]);
        assert!(points[0].interval[1] > points[1].interval[1] && points[2].interval[0] > 0.1);
    }
}
