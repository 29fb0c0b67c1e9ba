//! Paths into answers, such as `search.filters.0.name`, and patterns of them.

use std::fmt;

/// A pattern of a path: `*` is any run of characters within a step, `**` any number of steps, and the end of a path need
/// not be named: `trace` is `trace.id` as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(String);

impl Path {
    /// The pattern that a text means.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether a path, or something that it lies in, fits.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let pattern: Vec<_> = self.0.split('.').collect();
        let steps: Vec<_> = path.split('.').collect();
        begins(&pattern, &steps)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn begins(pattern: &[&str], steps: &[&str]) -> bool {
    match (pattern.split_first(), steps.split_first()) {
        (None, _) => true,
        (Some((&"**", rest)), _) => (0..=steps.len()).any(|skip| begins(rest, steps.get(skip..).unwrap_or_default())),
        (Some((first, rest)), Some((step, left))) => fits(first, step) && begins(rest, left),
        (Some(_), None) => false,
    }
}

/// Whether a text fits a pattern in which `*` is any run of characters.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_lies_below_it() {
        let fits = |pattern: &str, path: &str| Path::new(pattern).matches(path);
        assert!(fits("trace", "trace") && fits("trace", "trace.id"));
        assert!(!fits("trace", "traces") && !fits("trace.id", "trace"));
        assert!(fits("search.*.name", "search.0.name") && !fits("search.*.name", "search.name"));
        assert!(fits("**.timestamp", "a.0.timestamp") && fits("**.timestamp", "timestamp"));
        assert!(fits("*_id", "request_id") && !fits("*_id", "a.request_id"));
        assert!(fits("**", "") && fits("*", "x.y"));
    }
}
