//! Citations of web pages: nested in Chat Completions, flat in the Responses API.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ir::{Str, json};

const URL_CITATION: &str = "url_citation";

/// What a citation says.
#[derive(Deserialize, Serialize)]
struct Page<'a> {
    #[serde(borrow)]
    url: Str<'a>,
    #[serde(borrow, default)]
    title: Str<'a>,
    #[serde(default)]
    start_index: u64,
    #[serde(default)]
    end_index: u64,
}

/// As the Responses API has it.
#[derive(Serialize)]
struct Flat<'a> {
    r#type: &'static str,
    #[serde(flatten)]
    page: Page<'a>,
}

/// As Chat Completions has it.
#[derive(Serialize)]
pub(crate) struct Nested<'a> {
    r#type: &'static str,
    url_citation: Page<'a>,
}

/// A chat annotation in the Responses API's shape; `None` for kinds that chat does not have.
pub(super) fn from_chat(raw: &RawValue) -> Option<Box<RawValue>> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow)]
        url_citation: Option<&'a RawValue>,
    }

    let page = match serde_json::from_str::<Wire<'_>>(raw.get()).ok()?.url_citation {
        Some(page) => serde_json::from_str::<Page<'_>>(page.get()).ok()?,
        None => flat(raw)?,
    };
    Some(json(&Flat { r#type: URL_CITATION, page }))
}

/// A citation for chat clients; its place moves on by `shift` characters, those of the messages before it. `None` for
/// kinds that chat does not have.
pub(crate) fn to_chat(raw: &RawValue, shift: u64) -> Option<Nested<'_>> {
    let page = flat(raw)?;
    let page = Page {
        start_index: page.start_index.saturating_add(shift),
        end_index: page.end_index.saturating_add(shift),
        ..page
    };
    Some(Nested { r#type: URL_CITATION, url_citation: page })
}

fn flat(raw: &RawValue) -> Option<Page<'_>> {
    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(borrow)]
        r#type: Str<'a>,
    }

    let kind = serde_json::from_str::<Typed<'_>>(raw.get()).ok()?.r#type;
    if kind == URL_CITATION { serde_json::from_str(raw.get()).ok() } else { None }
}
