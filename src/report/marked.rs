//! Two texts side by side, with the words marked that one of them alone has.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};

/// A run of a text, and whether the other text has it too.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) text: String,
    pub(super) marked: bool,
}

/// Both texts in runs.
pub(super) fn compare(left: &str, right: &str) -> (Vec<Run>, Vec<Run>) {
    let difference = TextDiff::configure().timeout(Duration::from_millis(200)).diff_words(left, right);
    let (mut lefts, mut rights) = (Vec::new(), Vec::new());
    for change in difference.iter_all_changes() {
        let text = change.value();
        match change.tag() {
            ChangeTag::Equal => {
                push(&mut lefts, text, false);
                push(&mut rights, text, false);
            }
            ChangeTag::Delete => push(&mut lefts, text, true),
            ChangeTag::Insert => push(&mut rights, text, true),
        }
    }
    (trimmed(&bridged(&lefts)), trimmed(&bridged(&rights)))
}

/// White space at the ends of a mark is not part of it, nor is the sign before our own words: a line more is not an indent
/// less.
fn trimmed(runs: &[Run]) -> Vec<Run> {
    let mut whole = Vec::new();
    for run in runs {
        let inner = if run.marked { run.text.trim_matches(is_blank) } else { "" };
        match run.text.find(inner).filter(|_| !inner.is_empty()) {
            Some(start) => {
                let (before, rest) = run.text.split_at(start);
                let (inner, after) = rest.split_at(inner.len());
                for (text, marked) in [(before, false), (inner, true), (after, false)] {
                    if !text.is_empty() {
                        push(&mut whole, text, marked);
                    }
                }
            }
            None => push(&mut whole, &run.text, false),
        }
    }
    whole
}

fn is_blank(letter: char) -> bool {
    letter.is_whitespace() || letter == '▸'
}

/// A blank between two marked words is marked with them.
fn bridged(runs: &[Run]) -> Vec<Run> {
    let between = |place: usize| {
        let marked = |place: Option<usize>| place.and_then(|place| runs.get(place)).is_some_and(|run| run.marked);
        let blank = runs.get(place).is_some_and(|run| run.text.chars().all(|letter| letter == ' '));
        blank && marked(place.checked_sub(1)) && marked(Some(place + 1))
    };
    let mut whole = Vec::new();
    for (place, run) in runs.iter().enumerate() {
        push(&mut whole, &run.text, run.marked || between(place));
    }
    whole
}

/// White space alone is never worth a mark, but does not break one either.
fn push(runs: &mut Vec<Run>, text: &str, marked: bool) {
    match runs.last_mut() {
        Some(last) if last.marked == marked => last.text.push_str(text),
        _ => runs.push(Run { text: text.to_owned(), marked }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_marked_and_nothing_is_lost() {
        let (left, right) = compare("the limit is 5 today", "the limit is 50 today");
        let marked =
            |runs: &[Run]| runs.iter().filter(|run| run.marked).map(|run| run.text.clone()).collect::<String>();
        assert_eq!((marked(&left).as_str(), marked(&right).as_str()), ("5", "50"));
        let (_, right) = compare("{\n  \"order\": 1\n}", "{\n  \"archive\": true,\n  \"order\": 1\n}");
        assert_eq!(marked(&right), "\"archive\": true,");
        let (left, right) = compare("the limit is 5 today", "the limit is 50 today");
        let whole = |runs: &[Run]| runs.iter().map(|run| run.text.as_str()).collect::<String>();
        assert_eq!((whole(&left).as_str(), whole(&right).as_str()), ("the limit is 5 today", "the limit is 50 today"));
    }
}
