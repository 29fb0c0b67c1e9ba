//! Reads a message's `content`: a string, or a list of parts.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Path;
use super::lines::misplaced;
use crate::error::Error;
use crate::ir::{Part, Str};

const WANTED: &str = "a string or a list of parts";

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    image_url: Option<&'a RawValue>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    #[serde(borrow)]
    input_audio: Option<&'a RawValue>,
    #[serde(borrow)]
    file: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ImageUrl<'a> {
    #[serde(borrow)]
    url: Str<'a>,
    #[serde(borrow)]
    detail: Option<Str<'a>>,
}

/// Reads a content; `path` is its place.
pub(super) fn read<'a>(content: &'a RawValue, path: &Path<'_>) -> Result<Vec<Part<'a>>, Error> {
    match content.get().as_bytes().first() {
        Some(b'"') => Ok(vec![Part::Text(path.text(content, WANTED)?)]),
        Some(b'[') => {
            let parts: Vec<&'a RawValue> = path.read(content, WANTED)?;
            parts.into_iter().enumerate().map(|(index, raw)| part(raw, &path.index(index))).collect()
        }
        _ => Err(path.must_be(WANTED)),
    }
}

fn part<'a>(raw: &'a RawValue, path: &Path<'_>) -> Result<Part<'a>, Error> {
    if raw.get().starts_with('"') {
        return Ok(Part::Text(path.text(raw, "a part")?));
    }
    let wire: Wire<'a> = path.read(raw, "a part object")?;
    let kind: Str<'a> = match (wire.r#type, wire.text) {
        (Some(kind), _) => path.field("type").text(kind, "a string")?,
        (None, Some(_)) => "text".into(),
        (None, None) => return Err(path.field("type").must_be("the kind of the part, such as `text`")),
    };
    match &*kind {
        "text" | "input_text" | "output_text" => Ok(Part::Text(string(wire.text, &path.field("text"))?)),
        "refusal" => Ok(Part::Refusal(string(wire.refusal, &path.field("refusal"))?)),
        "image_url" | "input_image" => image(&wire, &path.field("image_url")),
        "input_audio" => Ok(Part::Audio(Cow::Borrowed(object(wire.input_audio, &path.field("input_audio"))?))),
        "file" => Ok(Part::File(Cow::Borrowed(object(wire.file, &path.field("file"))?))),
        _ => Ok(Part::Opaque { kind, raw: Cow::Borrowed(raw) }),
    }
}

/// An image's URL stands in an object here, and as a string in the Responses API.
fn image<'a>(wire: &Wire<'a>, path: &Path<'_>) -> Result<Part<'a>, Error> {
    let wanted = "an object with a `url`";
    let image = wire.image_url.ok_or_else(|| path.must_be(wanted))?;
    if image.get().starts_with('"') {
        let detail = wire.detail.map(|detail| path.read(detail, "an image whose `detail` is a string")).transpose()?;
        return Ok(Part::Image { url: path.read(image, wanted)?, detail });
    }
    let ImageUrl { url, detail } = path.read(image, wanted)?;
    Ok(Part::Image { url, detail })
}

fn string<'a>(value: Option<&'a RawValue>, path: &Path<'_>) -> Result<Str<'a>, Error> {
    value.map_or_else(|| Err(path.must_be("a string")), |value| path.text(value, "a string"))
}

fn object<'a>(value: Option<&'a RawValue>, path: &Path<'_>) -> Result<&'a RawValue, Error> {
    value.filter(|value| value.get().starts_with('{')).ok_or_else(|| path.must_be("an object"))
}

/// A part as it is written.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum PartLine<'r> {
    /// A part of a kind that every server knows.
    Known(Known<'r>),
    /// Another, as it came.
    Opaque(&'r RawValue),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Known<'r> {
    /// A file.
    File { file: FileLine<'r> },
    /// An image.
    ImageUrl { image_url: ImageLine<'r> },
    /// Audio.
    InputAudio { input_audio: &'r RawValue },
    /// Text.
    Text { text: &'r str },
}

#[derive(Serialize)]
pub(super) struct ImageLine<'r> {
    url: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'r str>,
}

/// A file's own fields; the Responses API keeps them beside others.
#[derive(Deserialize, Serialize)]
pub(super) struct FileLine<'r> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    filename: Option<&'r RawValue>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    file_data: Option<&'r RawValue>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    file_id: Option<&'r RawValue>,
    #[serde(borrow, skip_serializing)]
    file_url: Option<&'r RawValue>,
}

/// Whether a user's message has a place for a part; `opaque` says whether unknown kinds may pass.
pub(crate) fn has_place(part: &Part<'_>, opaque: bool) -> bool {
    PartLine::of(part, opaque).is_ok()
}

impl<'r> PartLine<'r> {
    /// A part of a message; `opaque` says whether unknown kinds may pass.
    pub(super) fn of(part: &'r Part<'_>, opaque: bool) -> Result<Self, Error> {
        Ok(Self::Known(match part {
            Part::Text(text) | Part::Refusal(text) => Known::Text { text },
            Part::Image { url, detail } => Known::ImageUrl { image_url: ImageLine { url, detail: detail.as_deref() } },
            Part::Audio(raw) => Known::InputAudio { input_audio: raw },
            Part::File(raw) => match serde_json::from_str::<FileLine<'r>>(raw.get()) {
                Ok(file) if file.file_url.is_none() => Known::File { file },
                _ => return Err(misplaced("file_url", "it takes files by their content only")),
            },
            Part::Opaque { raw, .. } if opaque => return Ok(Self::Opaque(raw)),
            Part::Opaque { kind, .. } => return Err(misplaced(kind, "it knows no such part of a message")),
        }))
    }
}
