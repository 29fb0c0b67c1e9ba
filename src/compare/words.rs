//! Texts as words: what is left when case, punctuation, white space and marks of emphasis are gone.

use std::cmp::Ordering;

use super::{Differences, Finding, Observed, Settings, both_spoke};

/// Most words of a text that are counted.
const MOST: usize = 4_000;

/// How much of a text is shown around the place where it differs.
const CONTEXT: usize = 60;

/// Compares two texts as `read` reads them, to the letter.
pub(super) fn compare(
    measure: &'static str,
    read: fn(&str) -> String,
    [left, right]: [&Observed; 2],
    settings: &Settings,
) -> Finding {
    if !both_spoke(left, right) {
        return Finding::not_applicable();
    }
    let (left, right) = (left.text(), right.text());
    let (before, now) = (read(&left), read(&right));
    let mut differences = Differences::new(measure, settings);
    if before != now {
        let (before, now) = around_difference(&before, &now);
        differences.note("text", before, now);
    }
    differences.finding_or_absent(left.is_empty() && right.is_empty())
}

/// The text's words, in lower case, with one space between them.
#[must_use]
pub(super) fn normal(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for word in text.split(|letter: char| !is_of_word(letter)).filter(|word| !word.is_empty()) {
        if !normal.is_empty() {
            normal.push(' ');
        }
        normal.extend(word.chars().flat_map(char::to_lowercase));
    }
    normal
}

/// `1.50` and `1,50` stay apart from `150`: a point between digits is no punctuation, so both become words of their own.
fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric()
}

/// The share of words that two normal texts have in common, whatever their order: Dice's coefficient of the two bags of
/// words.
#[must_use]
pub(super) fn shared(left: &str, right: &str) -> f64 {
    let sorted = |text: &str| {
        let mut words: Vec<String> =
            text.split(' ').filter(|word| !word.is_empty()).take(MOST).map(str::to_owned).collect();
        words.sort_unstable();
        words
    };
    let (left, right) = (sorted(left), sorted(right));
    let all = left.len() + right.len();
    if all == 0 {
        return 1.0;
    }
    let (mut ours, mut theirs, mut common) = (left.iter().peekable(), right.iter().peekable(), 0_usize);
    while let (Some(our), Some(their)) = (ours.peek(), theirs.peek()) {
        match our.cmp(their) {
            Ordering::Less => drop(ours.next()),
            Ordering::Greater => drop(theirs.next()),
            Ordering::Equal => {
                common += 1;
                ours.next();
                theirs.next();
            }
        }
    }
    let share = |part: usize| f64::from(u32::try_from(part).unwrap_or(u32::MAX));
    2.0 * share(common) / share(all)
}

/// Both texts around the first place where they differ.
#[must_use]
pub(super) fn around_difference<'a>(left: &'a str, right: &'a str) -> (&'a str, &'a str) {
    let alike = left.bytes().zip(right.bytes()).take_while(|(left, right)| left == right).count();
    let from = alike.saturating_sub(CONTEXT);
    (window(left, from, alike + CONTEXT), window(right, from, alike + CONTEXT))
}

fn window(text: &str, from: usize, to: usize) -> &str {
    let boundary =
        |place: usize| (0..=place.min(text.len())).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0);
    text.get(boundary(from)..boundary(to)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_punctuation_and_emphasis_do_not_matter() {
        assert_eq!(normal("**Hello**,  World!\n"), "hello world");
        assert_eq!(normal("I can’t"), normal("i can't"));
        assert_eq!(normal("Ärger"), "ärger");
    }

    #[test]
    fn the_same_words_in_another_order_are_all_shared() {
        assert!((shared("a b c d", "d c b a") - 1.0).abs() < 1e-9);
        assert!((shared("a a b", "a b b") - 2.0 / 3.0).abs() < 1e-9);
        assert!(shared("a b", "c d") < 1e-9);
        assert!((shared("", "") - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_place_of_the_difference_is_shown_whole_letters_only() {
        let (left, right) = (format!("{}x", "ä".repeat(100)), format!("{}y", "ä".repeat(100)));
        let (left, right) = around_difference(&left, &right);
        assert!(left.ends_with('x') && right.ends_with('y') && left.len() < 70);
        assert_eq!(around_difference("äa", "äö"), ("äa", "äö"));
    }
}
