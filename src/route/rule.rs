//! Whether a request meets a rule, and what it fails by.

use std::fmt::Display;

use http::HeaderName;
use serde_json::value::RawValue;

use super::Peek;
use crate::auth::{Caller, Kind};
use crate::config::{Callers, Condition, Pattern, Rule, Wanted};
use crate::error::{self, Error};
use crate::ir::Str;

/// The first condition of a rule that a request does not meet.
#[derive(Clone, Copy, Debug)]
pub enum Miss<'t> {
    /// The model.
    Model(&'t Pattern),
    /// The path.
    Path(&'t Pattern),
    /// A header.
    Header(&'t HeaderName, &'t Condition),
    /// The caller's subject.
    Subject(&'t [Pattern]),
    /// The caller's groups.
    Group(&'t [Pattern]),
    /// The caller's scopes.
    Scope(&'t [Pattern]),
    /// A field of the body.
    Body(&'t str, &'t Condition),
}

/// The fields of a body that rules have asked for: each is looked up once, and only when a rule comes to it.
#[derive(Default)]
pub(super) struct Asked<'t, 'a> {
    fields: Vec<(&'t str, Option<&'a RawValue>)>,
}

/// What a request fails a rule by; `None` if it meets the rule. What costs least is asked first.
///
/// # Errors
/// When the rule goes by something that another reader of the request could read in another way.
pub(super) fn miss<'t, 'a>(
    rule: &'t Rule,
    peek: &Peek<'a>,
    asked: &mut Asked<'t, 'a>,
) -> Result<Option<Miss<'t>>, Error> {
    if let Some(pattern) = rule.model.as_ref().filter(|pattern| !peek.model.is_some_and(|model| pattern.matches(model)))
    {
        return Ok(Some(Miss::Model(pattern)));
    }
    if let Some(pattern) = rule.path.as_ref().filter(|pattern| !pattern.matches(peek.path)) {
        return Ok(Some(Miss::Path(pattern)));
    }
    if let Some(miss) = misses_caller(&rule.caller, peek.caller) {
        return Ok(Some(miss));
    }
    for (name, condition) in &rule.headers {
        if !header_meets(condition, header(peek, name)?) {
            return Ok(Some(Miss::Header(name, condition)));
        }
    }
    for (path, condition) in &rule.body {
        let known = asked.fields.iter().find(|(known, _)| known == path).map(|(_, value)| *value);
        let value = match known {
            Some(value) => value,
            None => {
                let value = peek.body.decisive(path)?;
                asked.fields.push((path, value));
                value
            }
        };
        if !field_meets(condition, value) {
            return Ok(Some(Miss::Body(path, condition)));
        }
    }
    Ok(None)
}

/// What a caller fails a rule by.
pub(super) fn misses_caller<'t>(callers: &'t Callers, caller: &Caller) -> Option<Miss<'t>> {
    let any = |patterns: &[Pattern], names: &[String]| {
        patterns.is_empty() || names.iter().any(|name| patterns.iter().any(|pattern| pattern.matches(name)))
    };
    // Nobody vouches for an anonymous caller's name.
    let named = caller.kind != Kind::Anonymous && callers.subjects.iter().any(|pattern| pattern.matches(&caller.name));
    if !callers.subjects.is_empty() && !named {
        Some(Miss::Subject(&callers.subjects))
    } else if !any(&callers.groups, &caller.groups) {
        Some(Miss::Group(&callers.groups))
    } else if !any(&callers.scopes, &caller.scopes) {
        Some(Miss::Scope(&callers.scopes))
    } else {
        None
    }
}

/// The one value of a header.
fn header<'a>(peek: &Peek<'a>, name: &HeaderName) -> Result<Option<&'a [u8]>, Error> {
    let mut values = peek.headers.get_all(name).iter();
    let first = values.next();
    if values.any(|value| Some(value) != first) {
        let message = format!("the header `{name}` is given more than once, with different values; send one");
        return Err(Error::new(error::Kind::InvalidField, message).param(name.as_str()));
    }
    Ok(first.map(http::HeaderValue::as_bytes))
}

fn header_meets(condition: &Condition, value: Option<&[u8]>) -> bool {
    let text = || value.and_then(|value| std::str::from_utf8(value).ok());
    match condition {
        Condition::Present => value.is_some(),
        Condition::Absent => value.is_none(),
        Condition::OneOf(texts) => text().is_some_and(|text| texts.iter().any(|wanted| wanted.is_text(text))),
    }
}

fn field_meets(condition: &Condition, value: Option<&RawValue>) -> bool {
    match condition {
        Condition::Present => value.is_some(),
        Condition::Absent => value.is_none(),
        Condition::OneOf(texts) => value.is_some_and(|value| is_one_of(texts, value.get())),
    }
}

/// Strings are compared as texts, numbers as numbers, booleans as their words; an object or a list is no text.
fn is_one_of(texts: &[Wanted], json: &str) -> bool {
    match json.as_bytes().first() {
        Some(b'"') => {
            serde_json::from_str::<Str<'_>>(json).is_ok_and(|text| texts.iter().any(|wanted| wanted.is_text(&text)))
        }
        Some(b't' | b'f') => texts.iter().any(|wanted| wanted.is_text(json)),
        Some(b'-' | b'0'..=b'9') => texts.iter().any(|wanted| wanted.is_number(json)),
        _ => false,
    }
}

impl Miss<'_> {
    /// The miss in words, with what the request has instead.
    #[must_use]
    pub fn told(&self, peek: &Peek<'_>) -> String {
        let listed = |patterns: &[Pattern]| either(patterns.iter());
        let had = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        match self {
            Self::Model(pattern) => match peek.model {
                Some(model) => format!("model is {model}, not {pattern}"),
                None => format!("no model is named, and it wants {pattern}"),
            },
            Self::Path(pattern) => format!("path is {}, not {pattern}", peek.path),
            Self::Subject(patterns) => format!("caller is {}, not {}", peek.caller.name, listed(patterns)),
            Self::Group(patterns) => {
                format!("caller's groups are {}, not {}", had(&peek.caller.groups), listed(patterns))
            }
            Self::Scope(patterns) => {
                format!("caller's scopes are {}, not {}", had(&peek.caller.scopes), listed(patterns))
            }
            Self::Header(name, condition) => {
                let value = peek.headers.get(*name).map(|value| String::from_utf8_lossy(value.as_bytes()));
                compared(&format!("header {name}"), value.as_deref(), condition)
            }
            Self::Body(path, condition) => {
                let value = peek.body.decisive(path).ok().flatten().map(RawValue::get);
                compared(&format!("body {path}"), value, condition)
            }
        }
    }
}

/// Longest value of a request that is repeated in words.
const LONGEST: usize = 80;

fn compared(what: &str, value: Option<&str>, condition: &Condition) -> String {
    let value = value.map_or_else(
        || "absent".to_owned(),
        |value| {
            let shown: String = value.chars().take(LONGEST).collect();
            if shown.len() < value.len() { format!("{shown}…") } else { shown }
        },
    );
    match condition {
        Condition::OneOf(texts) => format!("{what} is {value}, not {}", either(texts.iter())),
        _ => format!("{what} is {value}, not {condition}"),
    }
}

fn either<T: Display>(texts: impl Iterator<Item = T>) -> String {
    texts.map(|text| text.to_string()).collect::<Vec<_>>().join(" or ")
}
