//! A pattern of a rule: a text as it stands, or a glob in which `*` is any run of characters.

use std::collections::HashSet;
use std::fmt;

/// Longest pattern that is held against another one for a text that fits both; what people write is far shorter.
const LONGEST_MET: usize = 256;

/// What a model or a path is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// This text and no other.
    Exact(String),
    /// Texts with these pieces between runs of anything; holds at least one `*`.
    Glob(String),
}

impl Pattern {
    /// The pattern that a text means: a glob if it has a `*`.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.contains('*') { Self::Glob(text) } else { Self::Exact(text) }
    }

    /// Whether a text fits.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == text,
            Self::Glob(glob) => glob_matches(glob, text),
        }
    }

    /// Whether everything that fits `other` fits here too.
    ///
    /// A literal piece of ours never holds a `*`, so a `*` of `other` can only fall into one of our own runs, where any
    /// text may stand in its place: comparing with the other pattern's text is enough.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.matches(other.text())
    }

    /// A text that fits.
    #[must_use]
    pub fn example(&self) -> String {
        self.text().replace('*', "")
    }

    /// A text that fits both, if there is one.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Option<String> {
        let (ours, theirs): (Vec<char>, Vec<char>) = (self.text().chars().collect(), other.text().chars().collect());
        if ours.len().max(theirs.len()) > LONGEST_MET {
            return None;
        }
        let mut text = String::new();
        meet(&ours, &theirs, &mut HashSet::new(), &mut text).then_some(text)
    }

    fn text(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Glob(text) => text,
        }
    }
}

/// Pieces between stars are found from left to right, each at its first place; only the two ends are tied down.
fn glob_matches(glob: &str, text: &str) -> bool {
    let Some((head, rest)) = glob.split_once('*') else { return glob == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*') {
        match text.split_once(piece) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    text.ends_with(tail)
}

/// Writes a text that fits what is left of both patterns. What `failed` once is not tried again, which bounds the work by
/// the product of the lengths, and the depth by their sum.
fn meet(ours: &[char], theirs: &[char], failed: &mut HashSet<(usize, usize)>, text: &mut String) -> bool {
    if !failed.insert((ours.len(), theirs.len())) {
        return false;
    }
    let (first, second) = (ours.split_first(), theirs.split_first());
    // A star that is nothing makes the shortest text.
    if let Some(('*', rest)) = first
        && meet(rest, theirs, failed, text)
    {
        return true;
    }
    if let Some(('*', rest)) = second
        && meet(ours, rest, failed, text)
    {
        return true;
    }
    let (letter, ours, theirs) = match (first, second) {
        (None, None) => return true,
        (Some(('*', _)), Some((letter, rest))) if *letter != '*' => (*letter, ours, rest),
        (Some((letter, rest)), Some(('*', _))) if *letter != '*' => (*letter, rest, theirs),
        (Some((one, rest)), Some((other, others))) if one == other && *one != '*' => (*one, rest, others),
        _ => return false,
    };
    text.push(letter);
    meet(ours, theirs, failed, text) || {
        text.pop();
        false
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_is_any_run_of_characters_even_none() {
        for (pattern, text, fits) in [
            ("support", "support", true),
            ("support", "support-2", false),
            ("support*", "support", true),
            ("support*", "support-2", true),
            ("*-agent", "support-agent", true),
            ("*-agent", "support-agents", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("*", "", true),
            ("**", "anything", true),
            ("é*ß", "é—ß", true),
            ("", "", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), fits, "{pattern} on {text}");
        }
    }

    #[test]
    fn a_pattern_covers_what_it_cannot_miss() {
        for (wide, narrow, covers) in [
            ("*", "support-*", true),
            ("support-*", "support-agent", true),
            ("support-*", "support-*-eu", true),
            ("support-*-eu", "support-*", false),
            ("support-agent", "support-*", false),
            ("*a*", "*", false),
        ] {
            assert_eq!(Pattern::new(wide).covers(&Pattern::new(narrow)), covers, "{wide} over {narrow}");
        }
    }

    /// The definition of a glob, slow and plainly right.
    fn slowly(glob: &[char], text: &[char]) -> bool {
        match glob.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skip| slowly(rest, &text[skip..])),
            Some((first, rest)) => text.split_first().is_some_and(|(head, tail)| head == first && slowly(rest, tail)),
        }
    }

    proptest! {
        #[test]
        fn globs_match_as_defined(glob in "[ab*]{0,6}", text in "[ab]{0,8}") {
            let (chars, letters): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
            prop_assert_eq!(Pattern::new(glob).matches(&text), slowly(&chars, &letters));
        }

        #[test]
        fn patterns_meet_where_a_text_fits_both(one in "[ab*]{0,5}", other in "[ab*]{0,5}", text in "[ab]{0,6}") {
            let (one, other) = (Pattern::new(one), Pattern::new(other));
            let met = one.meet(&other);
            prop_assert!(met.is_some() || !(one.matches(&text) && other.matches(&text)));
            if let Some(text) = met {
                prop_assert!(one.matches(&text) && other.matches(&text), "{}", text);
            }
            prop_assert!(one.matches(&one.example()));
        }

        #[test]
        fn what_is_covered_is_matched(wide in "[ab*]{0,5}", narrow in "[ab*]{0,5}", text in "[ab]{0,6}") {
            let (wide, narrow) = (Pattern::new(wide), Pattern::new(narrow));
            prop_assert!(!(wide.covers(&narrow) && narrow.matches(&text)) || wide.matches(&text));
        }
    }
}
