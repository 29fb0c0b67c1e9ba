//! Strings and JSON values that borrow from the body or frame they were read from.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::OnceLock;

use memchr::{memchr, memmem};
use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON value kept as its text: carried without being understood, checked to be well-formed.
pub type Json<'a> = Cow<'a, RawValue>;

/// An owned [`Json`] of anything that serialises; `null` for what cannot (a map with keys that are no strings).
pub fn json<T: Serialize + ?Sized>(value: &T) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// A JSON string, borrowed when it holds no escapes. (serde borrows `Cow<str>` only when told to, never inside `Option`.)
#[derive(Clone)]
pub struct Str<'a>(Text<'a>);

#[derive(Clone)]
enum Text<'a> {
    Plain(Cow<'a, str>),
    /// One with escapes, as it was written; it is read when somebody looks, and most are only written again.
    Json {
        raw: &'a RawValue,
        read: OnceLock<Box<str>>,
    },
}

impl<'a> Str<'a> {
    /// The string that a value is; `None` if it is none.
    #[must_use]
    pub fn of(value: &'a RawValue) -> Option<Self> {
        let text = value.get().strip_prefix('"')?.strip_suffix('"')?;
        let Some(first) = memchr(b'\\', text.as_bytes()) else { return Some(text.into()) };
        // Halves of surrogate pairs are no text, so these have to be read now.
        if memmem::find(text.as_bytes().get(first..)?, b"\\u").is_some() {
            return serde_json::from_str(value.get()).ok();
        }
        Some(Self(Text::Json { raw: value, read: OnceLock::new() }))
    }

    /// The same string, borrowed.
    #[must_use]
    pub fn borrowed(&self) -> Str<'_> {
        match &self.0 {
            Text::Plain(text) => Str::from(&**text),
            Text::Json { raw, .. } => Str(Text::Json { raw, read: OnceLock::new() }),
        }
    }

    /// Whether it holds nothing; a string with escapes holds something.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(&self.0, Text::Plain(text) if text.is_empty())
    }

    /// The same string, owning its bytes.
    #[must_use]
    pub fn into_owned(self) -> Str<'static> {
        Str::from(self.into_string())
    }

    /// Appends; what was borrowed is copied once.
    pub fn push_str(&mut self, more: &str) {
        let mut text = std::mem::take(self).into_string();
        text.push_str(more);
        *self = text.into();
    }

    /// The bytes as a `String`.
    #[must_use]
    pub fn into_string(self) -> String {
        match self.0 {
            Text::Plain(text) => text.into_owned(),
            Text::Json { raw, read } => read.into_inner().map_or_else(|| unescaped(raw), String::from),
        }
    }
}

/// What a string with escapes says. It has been read before, and holds none of those that may be wrong.
fn unescaped(raw: &RawValue) -> String {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

impl Deref for Str<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            Text::Plain(text) => text,
            Text::Json { raw, read } => read.get_or_init(|| unescaped(raw).into()),
        }
    }
}

impl Default for Str<'_> {
    fn default() -> Self {
        Self::from("")
    }
}

impl<'a> From<&'a str> for Str<'a> {
    fn from(text: &'a str) -> Self {
        Self(Text::Plain(Cow::Borrowed(text)))
    }
}

impl From<String> for Str<'_> {
    fn from(text: String) -> Self {
        Self(Text::Plain(Cow::Owned(text)))
    }
}

impl PartialEq for Str<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Str<'_> {}

impl PartialOrd for Str<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Str<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for Str<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl PartialEq<str> for Str<'_> {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl PartialEq<&str> for Str<'_> {
    fn eq(&self, other: &&str) -> bool {
        **self == **other
    }
}

impl fmt::Debug for Str<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for Str<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl Serialize for Str<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Text::Plain(text) => Long(text).serialize(serializer),
            Text::Json { raw, .. } => raw.serialize(serializer),
        }
    }
}

/// A string that may be long: written at once where it needs no escapes, which serde_json looks for letter by letter.
#[derive(Clone, Copy)]
pub struct Long<'a>(pub &'a str);

impl Serialize for Long<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// What is shorter is written as quickly either way.
        const SHORT: usize = 64;
        if self.0.len() < SHORT || memchr(b'\\', self.0.as_bytes()).is_some() {
            return serializer.serialize_str(self.0);
        }
        let quoted = ["\"", self.0, "\""].concat();
        match serde_json::from_str::<&RawValue>(&quoted) {
            Ok(raw) => raw.serialize(serializer),
            // It holds something that has to be escaped.
            Err(_) => serializer.serialize_str(self.0),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Str<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;

        impl<'de> Visitor<'de> for Borrow {
            type Value = Str<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Str::from(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Str::from(text.to_owned()))
            }
        }

        deserializer.deserialize_str(Borrow)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_is_no_string_is_none() {
        for json in ["1", "null", "[\"a\"]", "{\"a\":1}", "\"\\ud800\""] {
            assert_eq!(Str::of(raw(json)), None, "{json}");
        }
    }

    #[test]
    fn escapes_are_read_when_somebody_looks_and_written_as_they_came() {
        let given = r#""a\/b\n\"c\"""#;
        let text = Str::of(raw(given)).unwrap();
        assert_eq!(serde_json::to_string(&text.borrowed()).unwrap(), given);
        assert_eq!(text, "a/b\n\"c\"");
        assert_eq!(text.clone().into_string(), "a/b\n\"c\"");
        let mut longer = text;
        longer.push_str("!");
        assert_eq!(longer.into_owned(), "a/b\n\"c\"!");
    }

    proptest! {
        #[test]
        fn every_string_is_read_and_written_as_serde_json_does(
            text in "(.|[\\x00-\\x1f\"\\\\/é😀]){0,3}[a-z \"\\\\\n]{0,90}(.|\n){0,3}"
        ) {
            let json = serde_json::to_string(&text).unwrap();
            let read = Str::of(raw(&json)).unwrap();
            prop_assert_eq!(serde_json::to_string(&read.borrowed()).unwrap(), json.clone());
            prop_assert_eq!(&*read, text.as_str());
            prop_assert_eq!(serde_json::to_string(&Str::from(text.as_str())).unwrap(), json.clone());
            prop_assert_eq!(serde_json::to_string(&Long(&text)).unwrap(), json);
        }
    }
}
