//! What a text mentions that must not change however it is worded: numbers, dates, links and names.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::{Differences, Finding, Observed, Settings, both_spoke};

/// Most bytes of a text that are looked at.
const MOST: usize = 256 << 10;

static LINK: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?i)\bhttps?://[^\s<>"'\])}]+|\b[\w.+-]+@[\w-]+\.[\w.-]*\w"#).ok());

static DATE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    const MONTH: &str = "jan|feb|m[aä]r|apr|ma[yi]|jun|jul|aug|sep|o[ck]t|nov|de[cz]";
    Regex::new(&format!(
        r"(?ix)
        \b(?P<y1>\d{{4}})-(?P<m1>\d{{2}})-(?P<d1>\d{{2}})
        | \b(?P<d2>\d{{1,2}})(?:\.|st|nd|rd|th)?\s+(?:of\s+)?(?P<m2>{MONTH})\p{{L}}*\.?(?:,?\s+(?P<y2>\d{{4}})\b)?
        | \b(?P<m3>{MONTH})\p{{L}}*\.?\s+(?P<d3>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<y3>\d{{4}})\b)?
        | \b(?P<d4>\d{{1,2}})\.(?P<m4>\d{{1,2}})\.(?P<y4>\d{{4}})\b
        | \b(?P<as_is>\d{{1,2}}/\d{{1,2}}/\d{{2,4}})\b
        | \b(?P<h>\d{{1,2}}):(?P<min>\d{{2}})(?::\d{{2}})?\s*(?P<half>[ap]\.?m\b)?
        "
    ))
    .ok()
});

static NUMBER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[\p{L}_]*\d(?:[\p{L}\d_]|[.,'’\u{a0}\u{202f}]\d)*").ok());

static PLACE_IN_LIST: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?m)^\s*\d{1,2}[.)]\s").ok());

static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[\p{L}][\p{L}'’-]*|[.!?:;\n•*#|-]").ok());

/// Compares what both texts mention of a kind that `path` names.
pub(super) fn compare(
    measure: &'static str,
    path: &str,
    mentioned: fn(&str) -> BTreeSet<String>,
    [left, right]: [&Observed; 2],
    settings: &Settings,
) -> Finding {
    if !both_spoke(left, right) {
        return Finding::not_applicable();
    }
    let mut differences = Differences::new(measure, settings);
    let (before, now) = (mentioned(&left.text()), mentioned(&right.text()));
    differences.sets(path, &before, &now);
    differences.finding_or_absent(before.is_empty() && now.is_empty())
}

/// The links and e-mail addresses.
#[must_use]
pub(super) fn links(text: &str) -> BTreeSet<String> {
    let tidy =
        |found: regex::Match<'_>| found.as_str().trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '`']).to_owned();
    LINK.iter().flat_map(|pattern| pattern.find_iter(bounded(text))).map(tidy).collect()
}

/// The dates as `2026-03-05` (`--03-05` without a year) and the times of day as `14:30`. What may be read in two ways
/// (`3/5/2026`) stays as it is.
#[must_use]
pub(super) fn dates(text: &str) -> BTreeSet<String> {
    let text = without(&LINK, bounded(text));
    DATE.iter().flat_map(|pattern| pattern.captures_iter(&text)).filter_map(|found| date(&found)).collect()
}

/// The numbers, and the words that hold digits (`A-113` is two words). Dates, links and the places of a list are none.
#[must_use]
pub(super) fn numbers(text: &str) -> BTreeSet<String> {
    let text = without(&PLACE_IN_LIST, &without(&DATE, &without(&LINK, bounded(text))));
    let found = NUMBER.iter().flat_map(|pattern| pattern.find_iter(&text));
    found.map(|found| signed(&text, found.start(), &number(found.as_str()))).collect()
}

/// Words with a capital where no sentence begins.
#[must_use]
pub(super) fn names(text: &str) -> BTreeSet<String> {
    let text = without(&LINK, bounded(text));
    let mut names = BTreeSet::new();
    let mut begins = true;
    for word in WORD.iter().flat_map(|pattern| pattern.find_iter(&text)) {
        let word = word.as_str();
        let is_word = word.starts_with(char::is_alphabetic);
        if is_word && !begins && word.len() > 1 && word.starts_with(char::is_uppercase) {
            names.insert(word.trim_end_matches("'s").trim_end_matches("’s").to_owned());
        }
        begins = !is_word;
    }
    names
}

fn bounded(text: &str) -> &str {
    let end = (0..=MOST.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

fn without(pattern: &LazyLock<Option<Regex>>, text: &str) -> String {
    match &**pattern {
        Some(pattern) => pattern.replace_all(text, " ").into_owned(),
        None => text.to_owned(),
    }
}

fn date(found: &Captures<'_>) -> Option<String> {
    let part = |name: &str| found.name(name).map(|part| part.as_str());
    if let Some(as_is) = part("as_is") {
        return Some(as_is.to_owned());
    }
    if let (Some(hour), Some(minute)) = (part("h"), part("min")) {
        let hour: u32 = hour.parse().ok()?;
        let hour = match part("half").map(|half| half.starts_with(['p', 'P'])) {
            Some(true) => hour % 12 + 12,
            Some(false) => hour % 12,
            None => hour,
        };
        return Some(format!("{hour:02}:{minute}"));
    }
    let any = |names: [&str; 4]| names.into_iter().find_map(part);
    let month = any(["m1", "m2", "m3", "m4"])?;
    let month: u32 = month.parse().ok().or_else(|| month_named(month))?;
    let day: u32 = any(["d1", "d2", "d3", "d4"])?.parse().ok()?;
    let year = any(["y1", "y2", "y3", "y4"]).unwrap_or("-");
    Some(format!("{year}-{month:02}-{day:02}"))
}

fn month_named(name: &str) -> Option<u32> {
    const NAMES: [&[&str]; 12] = [
        &["jan"],
        &["feb"],
        &["mar", "mär"],
        &["apr"],
        &["may", "mai"],
        &["jun"],
        &["jul"],
        &["aug"],
        &["sep"],
        &["oct", "okt"],
        &["nov"],
        &["dec", "dez"],
    ];
    let name = name.to_lowercase();
    NAMES.iter().zip(1..).find(|(names, _)| names.contains(&name.as_str())).map(|(_, month)| month)
}

/// A number in one way of writing it; a word with digits in lower case.
fn number(token: &str) -> String {
    let bare = token.trim_end_matches(|letter: char| letter.is_alphabetic() || letter == '_');
    // `5km` and `3rd` are numbers with something behind them; `order66a` is a word.
    let is_number = bare.starts_with(|letter: char| letter.is_ascii_digit())
        && !bare.contains(|letter: char| letter.is_alphabetic() || letter == '_')
        && token.chars().count() <= bare.chars().count() + 3;
    if !is_number {
        return token.to_lowercase();
    }
    let plain: String = bare.chars().filter(|letter| !matches!(letter, '\'' | '’' | '\u{a0}' | '\u{202f}')).collect();
    let decimal = match (plain.rfind('.'), plain.rfind(',')) {
        (Some(point), Some(comma)) => Some(point.max(comma)),
        (Some(point), None) => (plain.matches('.').count() == 1).then_some(point),
        // `1,234` is a thousand and more, `1,5` one and a half.
        (None, Some(comma)) => (plain.matches(',').count() == 1 && plain.len() != comma + 4).then_some(comma),
        (None, None) => None,
    };
    let digits: String = plain
        .char_indices()
        .filter_map(|(place, letter)| match letter {
            '.' | ',' => (Some(place) == decimal).then_some('.'),
            digit => Some(digit),
        })
        .collect();
    digits.parse::<f64>().map_or(digits, |number| number.to_string())
}

/// A minus sign is one where no word stands before it.
fn signed(text: &str, start: usize, number: &str) -> String {
    let mut before = text.get(..start).unwrap_or_default().chars().rev();
    let minus = matches!(before.next(), Some('-' | '−'))
        && before.next().is_none_or(|letter| letter.is_whitespace() || letter == '(');
    if minus { format!("-{number}") } else { number.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(found: BTreeSet<String>) -> Vec<String> {
        found.into_iter().collect()
    }

    #[test]
    fn the_patterns_are_patterns() {
        assert!(LINK.is_some() && DATE.is_some() && NUMBER.is_some() && PLACE_IN_LIST.is_some() && WORD.is_some());
    }

    #[test]
    fn numbers_are_the_same_however_they_are_written() {
        assert_eq!(numbers("about 1,234.50 euros"), numbers("1.234,5 Euro"));
        assert_eq!(numbers("1'234"), numbers("1,234"));
        assert_eq!(list(numbers("5km, 3rd, 20 %, -4 and 3.14")), ["-4", "20", "3", "3.14", "5"]);
        assert_eq!(list(numbers("1. first\n2) second: 7")), ["7"]);
        assert_eq!(list(numbers("order A113 of 2026-01-31 at 14:30")), ["a113"]);
        assert_eq!(list(numbers("pages 3-5")), ["3", "5"]);
    }

    #[test]
    fn dates_are_the_same_however_they_are_written() {
        let all = "2026-03-05, 5 March 2026, March 5th, 2026, 05.03.2026 and 5. März 2026";
        assert_eq!(list(dates(all)), ["2026-03-05"]);
        assert_eq!(list(dates("on 5 Mar at 2:30 pm or 14:31")), ["--03-05", "14:30", "14:31"]);
        assert_eq!(list(dates("3/5/2026")), ["3/5/2026"]);
        assert!(dates("you may 5 times").len() < 2);
    }

    #[test]
    fn links_lose_the_punctuation_behind_them() {
        assert_eq!(
            list(links("see https://a.example/x?y=1. Or (http://b.example/), or mail me@c.example!")),
            ["http://b.example/", "https://a.example/x?y=1", "me@c.example"]
        );
    }

    #[test]
    fn names_have_a_capital_where_no_sentence_begins() {
        assert_eq!(
            list(names("The store in Berlin is open. Ask for Ms Weber's desk.\n- Then leave")),
            ["Berlin", "Ms", "Weber"]
        );
    }
}
