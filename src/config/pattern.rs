//! A pattern of a rule: a text as it stands, or a glob in which `*` is any run of characters.

use std::fmt;

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
        fn what_is_covered_is_matched(wide in "[ab*]{0,5}", narrow in "[ab*]{0,5}", text in "[ab]{0,6}") {
            let (wide, narrow) = (Pattern::new(wide), Pattern::new(narrow));
            prop_assert!(!(wide.covers(&narrow) && narrow.matches(&text)) || wide.matches(&text));
        }
    }
}
