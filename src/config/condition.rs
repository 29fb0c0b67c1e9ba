//! What a rule asks of one value: that it is there, that it is not, or that it is one of some texts.

use std::fmt;

use super::decimal;
use super::node::Node;
use super::pattern::Pattern;

/// What to write for a condition.
pub(super) const CHOICES: &str = "a text such as `acme` or `acme-*`, a list of them, or `{ present: true }`";

/// What is asked of a header, or of a field of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is there, whatever it is; `*` is read as this.
    Present,
    /// It is not there.
    Absent,
    /// It fits one of these.
    OneOf(Vec<Wanted>),
}

/// A text that a value is compared with, and the number that it is if it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pattern: Pattern,
    number: Option<String>,
}

impl Wanted {
    /// What a text means.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let number = decimal::normal(text).map(std::borrow::Cow::into_owned);
        Self { pattern: Pattern::new(text), number }
    }

    /// Whether a text fits: a header, a string, or the word of a boolean.
    #[must_use]
    pub fn is_text(&self, text: &str) -> bool {
        self.pattern.matches(text)
    }

    /// Whether a JSON number fits, however it is spelled: `7` is `7.0`.
    #[must_use]
    pub fn is_number(&self, number: &str) -> bool {
        decimal::normal(number).is_some_and(|number| self.takes(&number))
    }

    fn takes(&self, normal: &str) -> bool {
        match &self.pattern {
            Pattern::Exact(_) => self.number.as_deref() == Some(normal),
            Pattern::Glob(_) => self.pattern.matches(normal),
        }
    }

    fn covers(&self, other: &Self) -> bool {
        self.pattern.covers(&other.pattern) && other.number.as_deref().is_none_or(|number| self.takes(number))
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pattern.fmt(f)
    }
}

impl Condition {
    pub(super) fn read(node: &Node<'_>) -> Option<Self> {
        if node.is_map() {
            let present = node.fields(&["present"])?.required("present", "`true` or `false`")?.flag()?;
            return Some(if present { Self::Present } else { Self::Absent });
        }
        let texts = node.texts(CHOICES)?;
        let any = texts.iter().any(|text| text.bytes().all(|byte| byte == b'*'));
        Some(if any { Self::Present } else { Self::OneOf(texts.iter().map(|text| Wanted::new(text)).collect()) })
    }

    /// Whether whatever meets `other` meets this too.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Present, Self::Present | Self::OneOf(_)) | (Self::Absent, Self::Absent) => true,
            (Self::OneOf(ours), Self::OneOf(theirs)) => {
                theirs.iter().all(|theirs| ours.iter().any(|ours| ours.covers(theirs)))
            }
            _ => false,
        }
    }

    /// Something that meets both, in words, if there is anything.
    pub(super) fn meet(&self, other: &Self) -> Option<String> {
        match (self, other) {
            (Self::Absent, Self::Absent) => Some("nothing".to_owned()),
            (Self::Absent, _) | (_, Self::Absent) => None,
            (Self::Present, Self::Present) => Some("anything".to_owned()),
            (Self::Present, Self::OneOf(texts)) | (Self::OneOf(texts), Self::Present) => {
                texts.first().map(|wanted| wanted.pattern.example())
            }
            (Self::OneOf(ours), Self::OneOf(theirs)) => {
                ours.iter().find_map(|ours| theirs.iter().find_map(|theirs| ours.pattern.meet(&theirs.pattern)))
            }
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present => f.write_str("present"),
            Self::Absent => f.write_str("absent"),
            Self::OneOf(texts) => {
                let texts: Vec<_> = texts.iter().map(ToString::to_string).collect();
                f.write_str(&texts.join(" or "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_number_however_it_is_spelled_and_a_text_is_a_text() {
        let seven = Wanted::new("7");
        assert!(seven.is_number("7") && seven.is_number("7.0") && seven.is_number("0.7e1") && seven.is_text("7"));
        assert!(!seven.is_number("70") && !seven.is_text("7.0"));
        let version = Wanted::new("1.0");
        assert!(version.is_text("1.0") && !version.is_text("1") && version.is_number("1"));
        let glob = Wanted::new("4*");
        assert!(glob.is_number("42") && glob.is_number("4.2e1") && glob.is_text("4x") && !glob.is_number("24"));
        assert!(!Wanted::new("acme").is_number("7"));
    }

    #[test]
    fn a_condition_covers_what_it_cannot_miss() {
        let one_of = |texts: &[&str]| Condition::OneOf(texts.iter().map(|text| Wanted::new(text)).collect());
        for (wide, narrow, covers) in [
            (Condition::Present, one_of(&["a"]), true),
            (Condition::Present, Condition::Absent, false),
            (Condition::Absent, Condition::Absent, true),
            (one_of(&["a", "b*"]), one_of(&["bc", "a"]), true),
            (one_of(&["a", "b"]), one_of(&["a", "c"]), false),
            (one_of(&["a"]), Condition::Present, false),
            // The number 0.70e2 is 70, which `0*` does not fit.
            (one_of(&["0*"]), one_of(&["0.70e2"]), false),
            (one_of(&["7*"]), one_of(&["70"]), true),
        ] {
            assert_eq!(wide.covers(&narrow), covers, "{wide} over {narrow}");
        }
        assert_eq!(one_of(&["a", "b"]).meet(&one_of(&["b", "c"])).as_deref(), Some("b"));
        assert_eq!(one_of(&["a"]).meet(&Condition::Absent), None);
    }
}
