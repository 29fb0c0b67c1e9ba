//! Makes what people said unreadable before it is kept: addresses, numbers, names, and what a route's own patterns find.

use std::borrow::Cow;

use regex::Regex;
use serde_json::Value;

/// E-mail addresses.
const ADDRESS: &str = r"[\p{L}\p{N}._%+-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+";

/// A name behind a title.
const TITLED: &str = r"\b(?:Mr|Mrs|Ms|Dr|Prof|Herr|Frau)\.?\s+\p{Lu}[\p{L}'-]+(?:\s+\p{Lu}[\p{L}'-]+)*";

/// Two words and more that begin as names do. Not every name looks like one, and not everything that looks like one is:
/// who needs more writes patterns, or keeps scores alone.
const NAME: &str = r"\b\p{Lu}\p{Ll}[\p{L}'-]*(?:\s+\p{Lu}\p{Ll}[\p{L}'-]*)+";

/// Digits, with what stands between the digits of one number.
const NUMBER: &str = r"\p{N}+(?:[.,:/ -]?\p{N}+)*";

/// Fields that say what a part of a request or an answer is, not what somebody said.
const STRUCTURE: [&str; 7] = ["type", "role", "name", "finish_reason", "finish", "model", "status"];

/// What is replaced, in order, and by what.
#[derive(Clone, Debug)]
pub(super) struct Redaction {
    patterns: Vec<(Regex, &'static str)>,
}

impl Redaction {
    /// The usual patterns and a route's own, which go first. A pattern that is none has been refused by the config.
    pub(super) fn new(own: &[String]) -> Self {
        let usual = [(ADDRESS, "<email>"), (TITLED, "<name>"), (NAME, "<name>"), (NUMBER, "<number>")];
        let own = own.iter().map(|pattern| (pattern.as_str(), "<redacted>"));
        let patterns = own.chain(usual).filter_map(|(pattern, word)| Some((Regex::new(pattern).ok()?, word)));
        Self { patterns: patterns.collect() }
    }

    /// A text without what is found in it.
    pub(super) fn text(&self, text: &str) -> String {
        let mut text = Cow::Borrowed(text);
        for (pattern, word) in &self.patterns {
            if let Cow::Owned(changed) = pattern.replace_all(&text, *word) {
                text = Cow::Owned(changed);
            }
        }
        text.into_owned()
    }

    /// A JSON document without it: every text and number; what says what a part is stays.
    pub(super) fn json(&self, document: &[u8]) -> String {
        match serde_json::from_slice::<Value>(document) {
            Ok(mut value) => {
                self.value(&mut value);
                value.to_string()
            }
            Err(_) => self.text(&String::from_utf8_lossy(document)),
        }
    }

    fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Number(_) => *value = Value::String("<number>".to_owned()),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(fields) => {
                let said =
                    fields.iter_mut().filter(|(key, value)| !(STRUCTURE.contains(&key.as_str()) && value.is_string()));
                said.for_each(|(_, value)| self.value(value));
            }
            Value::Null | Value::Bool(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn people_and_their_numbers_are_gone_and_the_rest_is_readable() {
        let redaction = Redaction::new(&["ORD-[A-Z]+".to_owned()]);
        for (said, kept) in [
            ("Write to ann.lee+x@mail.example.com, please", "Write to <email>, please"),
            ("Order 1001 of Ann Lee ships on 2026-11-26", "Order <number> of <name> ships on <number>"),
            ("Ask Dr. Müller for ORD-XYZ", "Ask <name> for <redacted>"),
            ("It costs 1,234.50 or 12 500", "It costs <number> or <number>"),
            ("where is my order?", "where is my order?"),
        ] {
            assert_eq!(redaction.text(said), kept);
        }
    }

    #[test]
    fn a_request_keeps_its_shape() {
        let body =
            br#"{"model":"gpt-4o","input":[{"type":"message","role":"user","content":"I am Ann Lee, 42"}],"n":7}"#;
        let kept = Redaction::new(&[]).json(body);
        let kept: Value = serde_json::from_str(&kept).unwrap();
        assert_eq!(kept["model"], "gpt-4o");
        assert_eq!((&kept["input"][0]["role"], &kept["n"]), (&"user".into(), &"<number>".into()));
        assert_eq!(kept["input"][0]["content"], "I am <name>, <number>");
    }

    proptest! {
        #[test]
        fn no_digit_and_no_address_is_left(said in "[a-zA-Z0-9 @.,;:/äÄ٣-]{0,60}") {
            let kept = Redaction::new(&[]).text(&said);
            prop_assert!(!kept.chars().any(char::is_numeric), "{said} became {kept}");
            prop_assert!(!kept.contains(".com@"), "{}", kept);
        }
    }
}
