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
    (lefts, rights)
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
        let whole = |runs: &[Run]| runs.iter().map(|run| run.text.as_str()).collect::<String>();
        assert_eq!((whole(&left).as_str(), whole(&right).as_str()), ("the limit is 5 today", "the limit is 50 today"));
    }
}
