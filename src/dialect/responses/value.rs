//! Reading single values as loosely as they come, for requests and answers alike; nothing here fails.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ir::{Json, Str, json};

/// A content or summary part, as far as its text goes.
#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
}

/// A citation as strict clients need it: all five fields.
#[derive(Deserialize, serde::Serialize)]
struct UrlCitation<'a> {
    #[serde(borrow)]
    r#type: Str<'a>,
    #[serde(borrow)]
    url: Str<'a>,
    #[serde(borrow, default)]
    title: Option<Str<'a>>,
    #[serde(default)]
    start_index: Option<u64>,
    #[serde(default)]
    end_index: Option<u64>,
}

/// The value if it is a string.
pub(super) fn string(value: &RawValue) -> Option<Str<'_>> {
    Str::of(value)
}

/// The value if it is a string; empty if it is anything else or absent.
pub(super) fn string_or_empty(value: Option<&RawValue>) -> Str<'_> {
    value.and_then(string).unwrap_or_default()
}

/// The value if it is an object.
pub(super) fn object(value: Option<&RawValue>) -> Option<&RawValue> {
    value.filter(|value| value.get().starts_with('{'))
}

/// The elements of the value if it is a list.
pub(super) fn list(value: Option<&RawValue>) -> Vec<&RawValue> {
    value.and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default()
}

/// A call's arguments: some agents send the object itself instead of its text.
pub(super) fn arguments(value: Option<&RawValue>) -> Str<'_> {
    text_or_json(value)
}

/// What a tool said: a string, text parts, or any JSON.
pub(super) fn tool_output(value: Option<&RawValue>) -> Str<'_> {
    let parts = texts(value);
    if parts.is_empty() { text_or_json(value) } else { join(parts, "\n") }
}

/// What can be read of a reasoning item: its summary, or the reasoning itself where there is no summary.
pub(super) fn thought<'a>(summary: Option<&'a RawValue>, content: Option<&'a RawValue>) -> Str<'a> {
    let summary = join(texts(summary), "\n\n");
    if summary.is_empty() { join(texts(content), "\n\n") } else { summary }
}

/// An annotation; a web citation without its title or place gets empty ones, because clients refuse it otherwise.
pub(super) fn annotation(raw: &RawValue) -> Json<'_> {
    match serde_json::from_str::<UrlCitation<'_>>(raw.get()) {
        Ok(mut cited)
            if cited.r#type == "url_citation"
                && (cited.title.is_none() || cited.start_index.is_none() || cited.end_index.is_none()) =>
        {
            cited.title.get_or_insert_default();
            cited.start_index.get_or_insert_default();
            cited.end_index.get_or_insert_default();
            Json::Owned(json(&cited))
        }
        _ => Json::Borrowed(raw),
    }
}

/// Texts joined; borrowed if there is but one.
pub(super) fn join<'a>(mut texts: Vec<Str<'a>>, separator: &str) -> Str<'a> {
    match texts.len() {
        0 | 1 => texts.pop().unwrap_or_default(),
        _ => Str::from(texts.iter().map(|text| &**text).collect::<Vec<_>>().join(separator)),
    }
}

/// The texts of a list of parts; a plain string counts as one.
fn texts(value: Option<&RawValue>) -> Vec<Str<'_>> {
    if let Some(text) = value.and_then(string) {
        return vec![text];
    }
    let parts = list(value).into_iter();
    parts.filter_map(|part| serde_json::from_str::<Part<'_>>(part.get()).ok()?.text.and_then(string)).collect()
}

fn text_or_json(value: Option<&RawValue>) -> Str<'_> {
    match value {
        None => Str::default(),
        Some(value) => string(value).unwrap_or_else(|| Str::from(value.get())),
    }
}
