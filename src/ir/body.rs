//! A request body read no further than its top-level fields: all that routing needs, and where every dialect starts.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Str;
use crate::error::{Error, Kind};

/// JSON may nest this deep and no deeper (serde_json's own limit, held here for the parts that are skipped too).
const DEPTH: usize = 128;

/// Fields that decide where a request goes. A second spelling of one (`Model`) is refused: one parser on the way would
/// read it and another would not (GHSA-4gph-2hhr-5mwg).
const STEERING: &[&str] = &["model", "stream", "input", "messages", "query"];

/// The top-level fields of a JSON object, in order, each with its value's text.
#[derive(Clone, Debug)]
pub struct Body<'a> {
    fields: Vec<(Str<'a>, &'a RawValue)>,
}

impl<'a> Body<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// `MalformedBody` for what is not UTF-8, not JSON, not an object, nested too deep, or names a field twice;
    /// `InvalidField` for a steering field in another case.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let malformed = |message: String| Error::new(Kind::MalformedBody, message);
        let text = std::str::from_utf8(bytes)
            .map_err(|error| malformed(format!("the body is not valid UTF-8 at byte {}", error.valid_up_to())))?;
        if depth(text.as_bytes()) > DEPTH {
            return Err(malformed(format!("the body is nested more than {DEPTH} levels deep")));
        }
        let fields = serde_json::from_str::<Fields<'a>>(text).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => malformed(format!("the body must be a JSON object: {error}")),
            _ => malformed(format!("the body is not valid JSON: {error}")),
        })?;
        Self::of(fields.0)
    }

    /// A body of these fields, for requests that come wrapped (in a dataframe's row).
    ///
    /// # Errors
    /// `MalformedBody` and `InvalidField` as [`Body::parse`].
    pub fn of(fields: Vec<(Str<'a>, &'a RawValue)>) -> Result<Self, Error> {
        let body = Self { fields };
        body.refuse_doubles()?;
        Ok(body)
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
    }

    /// The value of a field, unless it is absent or `null`.
    #[must_use]
    pub fn given(&self, name: &str) -> Option<&'a RawValue> {
        self.get(name).filter(|value| value.get() != "null")
    }

    /// A field read as `T`; `None` when absent or `null`.
    ///
    /// # Errors
    /// `InvalidField` naming the field when its value has another type.
    pub fn read<T: Deserialize<'a>>(&self, name: &str, wanted: &str) -> Result<Option<T>, Error> {
        self.given(name)
            .map(|value| {
                serde_json::from_str(value.get()).map_err(|error| {
                    Error::new(Kind::InvalidField, format!("`{name}` must be {wanted}: {error}")).param(name)
                })
            })
            .transpose()
    }

    /// The value at a dotted path (`custom_inputs.thread_id`) if it is a non-empty string, a number or a boolean.
    #[must_use]
    pub fn scalar_at(&self, path: &str) -> Option<Str<'a>> {
        let (first, mut rest) = step(path);
        let mut value = self.given(first)?;
        while let Some(path) = rest {
            let (name, next) = step(path);
            rest = next;
            let inner = serde_json::from_str::<Fields<'a>>(value.get()).ok()?;
            value = inner.0.iter().rev().find(|(key, _)| *key == *name).map(|(_, value)| *value)?;
        }
        match value.get().as_bytes().first()? {
            b'"' => Str::of(value).filter(|text| !text.is_empty()),
            b'{' | b'[' | b'n' => None,
            _ => Some(Str::from(value.get())),
        }
    }

    /// The value at a dotted path, for whoever decides by it; `None` when absent or `null`. Whoever reads the body after
    /// us must find the same value, so nothing that parsers read in different ways is let through.
    ///
    /// # Errors
    /// `MalformedBody` if an object on the way names the next step twice; `InvalidField` if it has it in other letters.
    pub fn decisive(&self, path: &str) -> Result<Option<&'a RawValue>, Error> {
        let mut value: Option<&'a RawValue> = None;
        let mut end = 0;
        for step in path.split('.') {
            end += step.len();
            let place = path.get(..end).unwrap_or(path);
            let found = match value {
                None => only(&self.fields, step, place)?,
                Some(outer) => match serde_json::from_str::<Fields<'a>>(outer.get()) {
                    Ok(inner) => only(&inner.0, step, place)?,
                    Err(_) => None,
                },
            };
            let Some(found) = found.filter(|value| value.get() != "null") else { return Ok(None) };
            value = Some(found);
            end += 1;
        }
        Ok(value)
    }

    /// All fields in the order of the body.
    pub fn iter(&self) -> impl Iterator<Item = (&Str<'a>, &'a RawValue)> {
        self.fields.iter().map(|(key, value)| (key, *value))
    }

    fn refuse_doubles(&self) -> Result<(), Error> {
        /// So few are compared with each other sooner than hashed.
        const FEW: usize = 24;
        let few = self.fields.len() <= FEW;
        let mut names = HashSet::with_capacity(if few { 0 } else { self.fields.len() });
        for (place, (key, _)) in self.fields.iter().enumerate() {
            let known = match few {
                true => self.fields.iter().take(place).any(|(before, _)| *before == *key),
                false => !names.insert(&**key),
            };
            if known {
                return Err(Error::new(Kind::MalformedBody, format!("`{key}` is given twice")).param(&**key));
            }
            let twin = STEERING.iter().find(|name| name.eq_ignore_ascii_case(key) && *key != **name);
            if let Some(name) = twin {
                let message = format!("`{key}` is not a field; write `{name}` in lower case");
                return Err(Error::new(Kind::InvalidField, message).param(&**key));
            }
        }
        Ok(())
    }
}

/// The first step of a dotted path, and the rest if there is more.
fn step(path: &str) -> (&str, Option<&str>) {
    let dot = memchr::memchr(b'.', path.as_bytes());
    dot.and_then(|dot| Some((path.get(..dot)?, path.get(dot + 1..)))).unwrap_or((path, None))
}

/// The one value of a field that something is decided by; `place` is its path.
fn only<'a>(fields: &[(Str<'a>, &'a RawValue)], name: &str, place: &str) -> Result<Option<&'a RawValue>, Error> {
    let mut found = None;
    for (key, value) in fields {
        if *key == *name {
            if found.replace(*value).is_some() {
                return Err(Error::new(Kind::MalformedBody, format!("`{place}` is given twice")).param(place));
            }
        } else if folded(key).eq(folded(name)) {
            let message = format!("`{key}` is not a field; write `{place}` in these letters");
            return Err(Error::new(Kind::InvalidField, message).param(place));
        }
    }
    Ok(found)
}

/// The letters of a name without their case, also of those beyond ASCII that some parsers take for ASCII ones.
fn folded(name: &str) -> impl Iterator<Item = char> {
    name.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

/// The deepest nesting of arrays and objects, or more where that is not too deep either; strings are skipped, so brackets
/// in them do not count.
fn depth(bytes: &[u8]) -> usize {
    // Most bodies have too few brackets in all to be nested too deep.
    let brackets = memchr::memchr2_iter(b'{', b'[', bytes).take(DEPTH + 1).count();
    if brackets <= DEPTH {
        return brackets;
    }
    let (mut now, mut most) = (0_usize, 0_usize);
    let mut position = 0;
    while let Some(byte) = bytes.get(position) {
        match byte {
            b'{' | b'[' => {
                now += 1;
                most = most.max(now);
            }
            b'}' | b']' => now = now.saturating_sub(1),
            b'"' => position = string_end(bytes, position + 1),
            _ => {}
        }
        position += 1;
    }
    most
}

/// Where the string that begins at `position` ends (its closing quote, or the end of the bytes).
fn string_end(bytes: &[u8], mut position: usize) -> usize {
    while let Some(offset) = memchr::memchr2(b'"', b'\\', bytes.get(position..).unwrap_or_default()) {
        position += offset;
        if bytes.get(position) == Some(&b'"') {
            return position;
        }
        position += 2;
    }
    bytes.len()
}

/// An object's fields in order, doubles included.
#[derive(Debug)]
pub struct Fields<'a>(pub Vec<(Str<'a>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(8);
                while let Some(entry) = map.next_entry()? {
                    fields.push(entry);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &str) -> (Kind, Option<String>) {
        let error = Body::parse(body.as_bytes()).unwrap_err();
        (error.kind(), error.field().map(str::to_owned))
    }

    #[test]
    fn what_is_no_json_object_is_refused() {
        for body in ["", "nope", "[1]", "\"x\"", "{\"a\":}", "{\"a\":1", "{} {}"] {
            assert_eq!(refusal(body).0, Kind::MalformedBody, "{body}");
        }
        let error = Body::parse(b"{\"a\":\"\xff\"}").unwrap_err();
        assert_eq!(error.message(), "the body is not valid UTF-8 at byte 6");
    }

    #[test]
    fn nesting_is_limited_even_in_fields_that_nobody_reads() {
        let nested = |levels: usize| format!("{{\"x\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(Body::parse(nested(127).as_bytes()).is_ok());
        assert_eq!(refusal(&nested(128)).0, Kind::MalformedBody);
        assert_eq!(refusal(&"[".repeat(1_000_000)).0, Kind::MalformedBody);
        assert!(Body::parse(format!("{{\"x\":\"\\\"{}\"}}", "[".repeat(500)).as_bytes()).is_ok());
    }

    #[test]
    fn doubles_and_other_cases_are_refused_by_name() {
        assert_eq!(refusal(r#"{"model":"a","model":"b"}"#), (Kind::MalformedBody, Some("model".into())));
        assert_eq!(refusal(r#"{"mod\u0065l":"a","model":"b"}"#), (Kind::MalformedBody, Some("model".into())));
        assert_eq!(refusal(r#"{"Model":"a"}"#), (Kind::InvalidField, Some("Model".into())));
    }

    #[test]
    fn a_body_of_given_fields_is_held_to_the_same_rules() {
        let value: &RawValue = serde_json::from_str("1").unwrap();
        assert!(Body::of(vec![("a".into(), value), ("b".into(), value)]).is_ok());
        let error = Body::of(vec![("a".into(), value), ("a".into(), value)]).unwrap_err();
        assert_eq!((error.kind(), error.field()), (Kind::MalformedBody, Some("a")));
    }

    #[test]
    fn what_is_decided_by_is_there_once_and_in_one_spelling() {
        let found = |body: &'static str, path: &str| {
            let body = Body::parse(body.as_bytes()).unwrap();
            let value = body.decisive(path).map(|value| value.map(|value| value.get().to_owned()));
            value.map_err(|error| (error.kind(), error.message().to_owned()))
        };
        let value = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(found(r#"{"a":{"b":{"c":7}}}"#, "a.b.c"), value("7"));
        assert_eq!(found(r#"{"a":{"\u0062":"x"}}"#, "a.b"), value(r#""x""#));
        assert_eq!(found(r#"{"a":{"b":{}}}"#, "a.b"), value("{}"));
        for nothing in ["{}", r#"{"a":null}"#, r#"{"a":{"b":null}}"#, r#"{"a":[{"b":1}]}"#, r#"{"a":"b"}"#] {
            assert_eq!(found(nothing, "a.b"), Ok(None), "{nothing}");
        }
        let twice = Err((Kind::MalformedBody, "`a.b` is given twice".to_owned()));
        assert_eq!(found(r#"{"a":{"b":1,"b":1}}"#, "a.b"), twice);
        assert_eq!(found(r#"{"a":{"b":1,"\u0062":2}}"#, "a.b"), twice);
        for twin in [r#"{"a":{"B":1}}"#, r#"{"a":{"b":1,"B":2}}"#, r#"{"A":{"b":1}}"#] {
            assert_eq!(found(twin, "a.b").unwrap_err().0, Kind::InvalidField, "{twin}");
        }
        // Go's parser takes the Kelvin sign for a k, and the long s for an s.
        assert_eq!(found("{\"\u{212a}\":1}", "k").unwrap_err().0, Kind::InvalidField);
        assert_eq!(found("{\"u\u{17f}er\":1}", "user").unwrap_err().0, Kind::InvalidField);
        assert_eq!(found(r#"{"ab":1,"b":{"a":2}}"#, "a"), Ok(None));
    }

    #[test]
    fn scalars_are_found_by_path() {
        let text = r#"{"a":{"b":"x","n":7,"e":"","o":{}},"s":"top"}"#;
        let body = Body::parse(text.as_bytes()).unwrap();
        let found = |path: &str| body.scalar_at(path).map(Str::into_string);
        assert_eq!(found("a.b").as_deref(), Some("x"));
        assert_eq!(found("a.n").as_deref(), Some("7"));
        assert_eq!(found("s").as_deref(), Some("top"));
        for path in ["a.e", "a.o", "a", "a.b.c", "missing", "s.x"] {
            assert_eq!(found(path), None, "{path}");
        }
    }
}
