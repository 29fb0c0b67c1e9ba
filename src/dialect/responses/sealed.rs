//! Encrypted reasoning on its way to the client and back.
//!
//! The server that encrypted it checks that it comes back under the id under which it was sent, and the client knows
//! another id: ours. To the client the encrypted text is opaque, so the id travels in it.

use serde::Serialize;
use serde_json::value::RawValue;

use super::value;
use crate::ir::{Str, json};

/// What our own sealed texts begin with.
const MARK: &str = "cutover:";

/// The encrypted text of the item `id` for a client.
pub(super) fn seal<'a>(id: &str, encrypted: Str<'a>) -> Str<'a> {
    if id.is_empty() || id.contains(':') { encrypted } else { Str::from(format!("{MARK}{id}:{encrypted}")) }
}

/// The reasoning item as its server knows it; `None` if it never went through here.
pub(super) fn open(
    encrypted: Option<&RawValue>,
    summary: Option<&RawValue>,
    content: Option<&RawValue>,
) -> Option<Box<RawValue>> {
    #[derive(Serialize)]
    struct Item<'a> {
        r#type: &'static str,
        id: &'a str,
        summary: Summary<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<&'a RawValue>,
        encrypted_content: &'a str,
    }

    #[derive(Serialize)]
    #[serde(untagged)]
    enum Summary<'a> {
        Given(&'a RawValue),
        None([(); 0]),
    }

    let encrypted = encrypted.and_then(value::string)?;
    let (id, encrypted_content) = encrypted.strip_prefix(MARK)?.split_once(':')?;
    let summary = summary.map_or(Summary::None([]), Summary::Given);
    Some(json(&Item { r#type: "reasoning", id, summary, content, encrypted_content }))
}
