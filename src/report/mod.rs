//! The state of a cutover on a page: the verdict first, then what it rests on; for a terminal, for a merge request, for a
//! browser and for programs.
//!
//! A [`Report`] is a plain value. Whoever holds the counts and the examples (the store, a replay) fills one in;
//! everything else follows from it.

use serde::{Deserialize, Serialize};

use crate::compare::{Comparison, Explained, Observed, Settings};
use crate::judge::{Day, Judged, Judgement, Moment, Point, Tally, Verdict, by_day, history, judge};

mod example;
mod figures;
mod html;
mod markdown;
mod marked;
mod plot;
mod terminal;

/// Measures that are numbers, what they are called, and their unit.
const NUMERIC: &[(&str, &str, &str)] = &[
    ("first_token", "Time to the first token", "ms"),
    ("total_time", "Time in all", "ms"),
    ("tokens", "Tokens of an answer", "tokens"),
    ("length", "Letters of an answer", "letters"),
];

/// Paths that say no more than the measure does.
const SAYS_NOTHING: &[&str] =
    &["", "citation", "date", "document", "finish_reason", "link", "name", "number", "order", "refusal", "text"];

/// Most examples of a report.
const MOST_EXAMPLES: usize = 5;

/// Everything a report tells.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// The route.
    pub route: String,
    /// The backend whose answers clients got.
    pub primary: String,
    /// The backend that is compared with it.
    pub candidate: String,
    /// When the first and the last exchange were compared, in seconds since 1970.
    pub period: Option<[i64; 2]>,
    /// What the counts say.
    pub judgement: Judgement,
    /// The counts.
    pub tally: Tally,
    /// How certainty grew: what was known of the measure that matters most, at earlier moments.
    pub history: Vec<Point>,
    /// What each day brought by itself, oldest first.
    pub days: Vec<Day>,
    /// Differences that are known and meant, expired ones too.
    pub explained: Vec<Known>,
    /// What became of all requests of the route.
    pub funnel: Funnel,
    /// Pairs of answers that differ, worst first.
    pub worst: Vec<Example>,
}

/// A difference that is known and meant, and how often it was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// The measure that sees it.
    pub measure: String,
    /// Where.
    pub path: String,
    /// Why it is meant.
    pub reason: String,
    /// Until when, in seconds since 1970.
    pub until: i64,
    /// Whether that is over, so that it counts again.
    pub expired: bool,
    /// In how many exchanges it was seen before that.
    pub times: u64,
}

/// What became of all requests of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Funnel {
    /// All requests.
    pub requests: u64,
    /// Why some of them were not compared, and how many, in the order in which that is decided.
    pub left_out: Vec<(String, u64)>,
}

/// A pair of answers that differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// The id of the request.
    pub id: String,
    /// When, in seconds since 1970.
    pub at: i64,
    /// What was asked, as far as it is kept.
    pub asked: String,
    /// The answer that the client got; none if texts are not kept.
    pub primary: Option<Observed>,
    /// The other one.
    pub candidate: Option<Observed>,
    /// What was found.
    pub comparison: Comparison,
}

impl Report {
    /// A report on a route: judges the counts, and takes the worst of the examples.
    #[must_use]
    pub fn new(route: &str, primary: &str, candidate: &str, tally: Tally, settings: &Settings) -> Self {
        let judgement = judge(&tally, settings);
        let known = |explained: &Explained| Known {
            measure: explained.measure.clone(),
            path: explained.path.to_string(),
            reason: explained.reason.clone(),
            until: explained.until,
            expired: settings.now >= explained.until,
            times: tally
                .measures
                .get(&explained.measure)
                .and_then(|counts| counts.reasons.get(&explained.reason))
                .copied()
                .unwrap_or(0),
        };
        Self {
            route: route.to_owned(),
            primary: primary.to_owned(),
            candidate: candidate.to_owned(),
            judgement,
            explained: settings.explained.iter().map(known).collect(),
            tally,
            ..Self::default()
        }
    }

    /// From when to when exchanges were compared.
    #[must_use]
    pub fn over(mut self, first: i64, last: i64) -> Self {
        self.period = Some([first, last]);
        self
    }

    /// Adds how certainty grew and what each day brought, from counts at earlier moments, oldest first.
    #[must_use]
    pub fn since(mut self, mut moments: Vec<Moment>, settings: &Settings) -> Self {
        let Some([first, last]) = self.period else { return self };
        moments.push(Moment { at: last, tally: self.tally.clone() });
        let measure = self.deciding().map(|judged| judged.measure.clone()).unwrap_or_default();
        self.history = history(&measure, moments.iter().map(|moment| &moment.tally), settings);
        self.history.dedup_by_key(|point| point.exchanges);
        self.days = by_day(&moments, first, settings);
        self
    }

    /// The measures of which each day is told: those that do not pass, or else the first that decides.
    fn telling(&self) -> Vec<&Judged> {
        let ranked = self.ranked();
        let told = |judged: &&&Judged| judged.gates && self.days.iter().any(|day| day.of(&judged.measure).0.is_some());
        let open = |judged: &&&Judged| matches!(judged.verdict, Verdict::Fail | Verdict::Marginal);
        let telling: Vec<_> = ranked.iter().filter(told).filter(open).take(4).copied().collect();
        if telling.is_empty() { ranked.iter().filter(told).take(1).copied().collect() } else { telling }
    }

    /// The measure that matters most: the first that needs looking at, or where all pass, the one that is nearest to what is
    /// tolerated.
    fn deciding(&self) -> Option<&Judged> {
        let ranked = self.ranked();
        let passes = |judged: &&&Judged| judged.gates && judged.compared > 0 && judged.verdict == Verdict::Pass;
        let first = ranked.first().filter(|first| !passes(first));
        let nearness = |judged: &Judged| judged.interval[1] / judged.tolerated.max(1e-9);
        let nearest = || ranked.iter().filter(passes).max_by(|a, b| nearness(a).total_cmp(&nearness(b)));
        first.or_else(nearest).copied()
    }

    /// How the measure that matters most came to its verdict: how many exchanges it took, where it is certain.
    fn settled(&self) -> Option<u64> {
        let last = self.history.last().filter(|last| matches!(last.verdict, Verdict::Pass | Verdict::Fail))?;
        let since = self.history.iter().rev().take_while(|point| point.verdict == last.verdict).last()?;
        Some(since.exchanges)
    }

    /// Chooses the worst of these examples.
    #[must_use]
    pub fn with_examples(mut self, mut examples: Vec<Example>) -> Self {
        examples.sort_by(|a, b| {
            let badness = |example: &Example| example.badness(&self.judgement);
            badness(b).total_cmp(&badness(a)).then_with(|| a.id.cmp(&b.id))
        });
        self.worst = example::varied(examples, &self.judgement, MOST_EXAMPLES);
        self
    }

    /// For a terminal; `colours` only where one reads it.
    #[must_use]
    pub fn terminal(&self, colours: bool) -> String {
        terminal::write(self, colours)
    }

    /// For a merge request or a wiki.
    #[must_use]
    pub fn markdown(&self) -> String {
        markdown::write(self)
    }

    /// One page that needs nothing else, for a browser.
    #[must_use]
    pub fn html(&self) -> String {
        html::write(self)
    }

    /// The measures that gate, then the others; in each group what needs looking at comes first.
    fn ranked(&self) -> Vec<&Judged> {
        let mut ranked: Vec<_> = self.judgement.measures.iter().collect();
        let rank = |verdict: Verdict| match verdict {
            Verdict::Fail => 0,
            Verdict::Marginal => 1,
            Verdict::Insufficient => 2,
            Verdict::Pass => 3,
        };
        ranked.sort_by_key(|judged| (!judged.gates, judged.compared == 0, rank(judged.verdict)));
        ranked
    }
}

impl Funnel {
    /// Requests that were compared, or are still on their way to it.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.requests.saturating_sub(self.left_out.iter().map(|(_, count)| count).sum())
    }
}
