//! Weights that are set while the gateway runs: percent by backend, as people write them.

use std::fmt;

use super::nearest::nearest;
use super::split::{PERCENT, WHOLE};
use super::{Backend, Share};

/// Weights of a route's backends; they sum to 100 %, and a backend that is not named gets nothing. None at all stands for a
/// route that is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weights(Vec<(String, u32)>);

impl Weights {
    /// Weights by percent, for a route with `known` backends. What is wrong is said all at once, with what to write instead.
    ///
    /// # Errors
    /// When a weight is no percentage, a backend is unknown or named twice, or they do not sum to 100 %.
    pub fn new<'a>(percents: impl IntoIterator<Item = (&'a str, f64)>, known: &[&str]) -> Result<Self, Vec<String>> {
        let (mut problems, mut weights) = (Vec::new(), Self(Vec::new()));
        for (name, percent) in percents {
            if weights.0.iter().any(|(named, _)| named == name) {
                problems.push(format!("`{name}` is named twice"));
            }
            match basis_points(name, percent) {
                Ok(points) => weights.0.push((name.to_owned(), points)),
                Err(problem) => problems.push(problem),
            }
        }
        problems.extend(weights.unknown(known));
        if problems.is_empty() {
            problems.extend(weights.check_sum(known));
        }
        if problems.is_empty() { Ok(weights) } else { Err(problems) }
    }

    fn check_sum(&self, known: &[&str]) -> Option<String> {
        let sum: u32 = self.0.iter().map(|(_, points)| *points).sum();
        let unnamed: Vec<_> = known.iter().filter(|name| self.0.iter().all(|(named, _)| named != *name)).collect();
        match (sum, unnamed.as_slice()) {
            (WHOLE, _) => None,
            (0, _) => Some("every weight is zero; give at least one backend a weight".to_owned()),
            (1..WHOLE, [rest]) => {
                let whole = format!("{self} {rest}={}", spell(WHOLE - sum));
                Some(format!("the weights sum to {} %, not 100; did you mean `{whole}`?", spell(sum)))
            }
            _ => Some(format!("the weights sum to {} %; they are percentages and must sum to 100", spell(sum))),
        }
    }

    /// Weights as they are written: `legacy=95 app=5`.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let pairs = text.split_whitespace().map(|pair| parse_pair(pair).map_err(|problem| vec![problem]));
        let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
        let names: Vec<_> = pairs.iter().map(|(name, _)| *name).collect();
        Self::new(pairs.iter().copied(), &names)
    }

    /// The weights of a split.
    #[must_use]
    pub fn of(split: &[Share], backends: &[Backend]) -> Self {
        Self(split.iter().map(|share| (name(share, backends).to_owned(), share.basis_points)).collect())
    }

    /// What is wrong with these weights for a route with `known` backends: names that it does not have.
    #[must_use]
    pub fn unknown(&self, known: &[&str]) -> Vec<String> {
        let unknown = self.0.iter().filter(|(name, _)| !known.contains(&name.as_str()));
        unknown
            .map(|(name, _)| {
                let meant = nearest(name, known.iter().copied());
                let hint = meant.map(|meant| format!(" (did you mean `{meant}`?)")).unwrap_or_default();
                format!("the route has no backend `{name}`; it has {}{hint}", known.join(", "))
            })
            .collect()
    }

    /// The same without those that are zero, of which it does not matter whether they are there.
    #[must_use]
    pub fn over_zero(&self) -> Self {
        Self(self.0.iter().filter(|(_, points)| *points > 0).cloned().collect())
    }

    /// A split with these weights in place of its own.
    #[must_use]
    pub fn over(&self, split: &[Share], backends: &[Backend]) -> Vec<Share> {
        let share = |share: &Share| {
            let own = self.0.iter().find(|(known, _)| known == name(share, backends));
            let basis_points = own.map_or(0, |(_, points)| *points);
            Share { backend: share.backend, basis_points, part: basis_points.into() }
        };
        split.iter().map(share).collect()
    }

    /// Backends with their basis points.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        self.0.iter().map(|(name, points)| (name.as_str(), *points))
    }
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, points)) in self.0.iter().enumerate() {
            let gap = if place == 0 { "" } else { " " };
            write!(f, "{gap}{name}={}", spell(*points))?;
        }
        Ok(())
    }
}

/// `legacy=95`, `legacy=95%` or `legacy=0.5`.
///
/// # Errors
/// What is wrong with it.
pub fn parse_pair(pair: &str) -> Result<(&str, f64), String> {
    let wanted = || format!("`{pair}` is not BACKEND=PERCENT, such as `app=5`");
    let (name, percent) = pair.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(wanted)?;
    let percent: f64 = percent.strip_suffix('%').unwrap_or(percent).parse().map_err(|_| wanted())?;
    if percent.is_finite() { Ok((name, percent)) } else { Err(wanted()) }
}

/// A percentage in hundredths of a percent.
fn basis_points(name: &str, percent: f64) -> Result<u32, String> {
    let points = percent * f64::from(PERCENT);
    if points < 0.0 {
        return Err(format!("`{name}` has {percent} %; a weight is not negative"));
    }
    if points > f64::from(WHOLE) {
        return Err(format!("`{name}` has {percent} %; that is over 100"));
    }
    // A hundredth has no exact form in binary, so nearly is enough.
    if !points.is_finite() || (points - points.round()).abs() > 1e-6 {
        return Err(format!("`{name}` has {percent} %; weights are kept to a hundredth of a percent"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and 10,000")]
    Ok(points.round() as u32)
}

fn name<'a>(share: &Share, backends: &'a [Backend]) -> &'a str {
    backends.get(share.backend).map_or("", |backend| backend.name.as_str())
}

/// Hundredths of a percent as a percentage, without zeros at the end.
pub(super) fn spell(basis_points: u32) -> String {
    let exact = format!("{}.{:02}", basis_points / PERCENT, basis_points % PERCENT);
    exact.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn problems(text: &str) -> String {
        Weights::parse(text).expect_err(text).join("; ")
    }

    #[test]
    fn weights_are_percentages_that_sum_to_100() {
        let points = |text: &str| Weights::parse(text).unwrap().iter().map(|(_, points)| points).collect::<Vec<_>>();
        assert_eq!(points("legacy=95 app=5"), [9_500, 500]);
        assert_eq!(points("legacy=99.95% app=0.05%"), [9_995, 5]);
        assert_eq!(points("app=100"), [10_000]);
        assert_eq!(points("a=33.33 b=33.33 c=33.34"), [3_333, 3_333, 3_334]);
        for (text, told) in [
            ("legacy=0 app=0", "every weight is zero; give at least one backend a weight"),
            ("", "every weight is zero; give at least one backend a weight"),
            ("legacy=105 app=-5", "`legacy` has 105 %; that is over 100; `app` has -5 %; a weight is not negative"),
            ("legacy=95 app=15", "the weights sum to 110 %; they are percentages and must sum to 100"),
            ("app=50 app=50", "`app` is named twice"),
            ("app=0.005 legacy=99.995", "kept to a hundredth of a percent"),
            ("app", "`app` is not BACKEND=PERCENT, such as `app=5`"),
            ("=5", "`=5` is not BACKEND=PERCENT"),
            ("app=many", "`app=many` is not BACKEND=PERCENT"),
            ("app=NaN", "`app=NaN` is not BACKEND=PERCENT"),
            ("app=inf", "`app=inf` is not BACKEND=PERCENT"),
        ] {
            assert!(problems(text).contains(told), "{text}: {}", problems(text));
        }
    }

    #[test]
    fn what_was_probably_meant_is_said() {
        let set =
            |pairs: &[(&str, f64)]| Weights::new(pairs.iter().copied(), &["legacy", "app"]).unwrap_err().join("; ");
        assert_eq!(set(&[("app", 5.0)]), "the weights sum to 5 %, not 100; did you mean `app=5 legacy=95`?");
        assert_eq!(
            set(&[("legacy", 95.0), ("ap", 5.0)]),
            "the route has no backend `ap`; it has legacy, app (did you mean `app`?)"
        );
        assert_eq!(set(&[]), "every weight is zero; give at least one backend a weight");
    }

    #[test]
    fn percentages_have_no_needless_digits() {
        assert_eq!([10_000, 9_500, 50, 1, 0].map(spell), ["100", "95", "0.5", "0.01", "0"]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(points in proptest::collection::vec(0u32..=5_000, 1..20)) {
            let mut points = points;
            let sum: u32 = points.iter().take_while({
                let mut sum = 0;
                move |point| { sum += **point; sum <= WHOLE }
            }).sum();
            let kept = { let mut sum = 0; points.iter().take_while(|point| { sum += **point; sum <= WHOLE }).count() };
            points.truncate(kept);
            points.push(WHOLE - sum);
            let weights = Weights(points.iter().enumerate().map(|(place, point)| (format!("b{place}"), *point)).collect());
            prop_assert_eq!(Weights::parse(&weights.to_string()), Ok(weights));
        }

        #[test]
        fn no_text_is_weights_that_do_not_sum_to_the_whole(text in "([ab]=[-0-9.%e]{0,6} ?){0,4}") {
            if let Ok(weights) = Weights::parse(&text) {
                prop_assert_eq!(weights.iter().map(|(_, points)| points).sum::<u32>(), WHOLE);
            }
        }
    }
}
