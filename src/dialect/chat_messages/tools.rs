//! Tools, the choice among them and the form of the answer, as chat dialects read and write them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Path, history};
use crate::error::{Error, Kind};
use crate::ir::{Dropped, Format, Request, Str, Tool, ToolChoice, legal};

#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow)]
    r#type: Option<Str<'a>>,
    #[serde(borrow)]
    function: Option<&'a RawValue>,
    #[serde(borrow)]
    json_schema: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(borrow)]
    description: Option<Str<'a>>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
    strict: Option<bool>,
}

/// Reads `tools`.
pub(super) fn read<'a>(list: &'a RawValue) -> Result<Vec<Tool<'a>>, Error> {
    let path = Path::of("tools");
    let tools: Vec<&'a RawValue> = path.read(list, "a list of tools")?;
    tools.into_iter().enumerate().map(|(index, tool)| read_tool(tool, &path.index(index))).collect()
}

fn read_tool<'a>(raw: &'a RawValue, path: &Path<'_>) -> Result<Tool<'a>, Error> {
    let tool: Typed<'a> = path.read(raw, "a tool object")?;
    let kind = tool.r#type.unwrap_or_else(|| "function".into());
    if kind != "function" {
        return Ok(Tool::Opaque { kind, raw: Cow::Borrowed(raw) });
    }
    let path = path.field("function");
    let wanted = "an object with the `name` of the function";
    let function: Function<'a> = path.read(tool.function.ok_or_else(|| path.must_be(wanted))?, wanted)?;
    let place = path.field("parameters");
    let parameters = function.parameters.map(|schema| history::object(schema, &place)).transpose()?;
    Ok(Tool::Function { name: function.name, description: function.description, parameters, strict: function.strict })
}

/// Reads `tool_choice`.
pub(super) fn read_choice(raw: &RawValue) -> Result<ToolChoice<'_>, Error> {
    const WANTED: &str = "`auto`, `none`, `required` or a function";
    let path = Path::of("tool_choice");
    if raw.get().starts_with('"') {
        let mode: Str<'_> = path.read(raw, WANTED)?;
        return match &*mode {
            "auto" | "none" | "required" => Ok(ToolChoice::Mode(mode)),
            _ => Err(path.must_be(WANTED)),
        };
    }
    let choice: Typed<'_> = path.read(raw, WANTED)?;
    match (choice.r#type.as_deref(), choice.function) {
        (Some("function") | None, Some(function)) => {
            let Function { name, .. } = path.field("function").read(function, "an object with a `name`")?;
            Ok(ToolChoice::Function(name))
        }
        (Some(_), _) => Ok(ToolChoice::Opaque(Cow::Borrowed(raw))),
        (None, None) => Err(path.must_be(WANTED)),
    }
}

/// Reads `response_format`; `None` for plain text.
pub(super) fn read_format(raw: &RawValue) -> Result<Option<Format<'_>>, Error> {
    let path = Path::of("response_format");
    let format: Typed<'_> = path.read(raw, "an object with a `type`")?;
    match format.r#type.as_deref() {
        Some("text") => Ok(None),
        Some("json_object") => Ok(Some(Format::JsonObject)),
        Some("json_schema") => {
            let place = path.field("json_schema");
            let schema = format.json_schema.ok_or_else(|| place.must_be("an object"))?;
            Ok(Some(Format::JsonSchema(history::object(schema, &place)?)))
        }
        _ => Err(path.field("type").must_be("`text`, `json_object` or `json_schema`")),
    }
}

/// A tool as it is written.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum ToolLine<'r> {
    /// A function, nested as chat dialects want it.
    Function {
        /// `function`.
        r#type: &'static str,
        /// The function.
        function: FunctionLine<'r>,
    },
    /// A tool of another kind, as it came.
    Opaque(&'r RawValue),
}

#[derive(Serialize)]
pub(crate) struct FunctionLine<'r> {
    name: Str<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'r str>,
    parameters: Parameters<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

/// A schema; servers want one even where the function takes nothing.
#[derive(Serialize)]
#[serde(untagged)]
enum Parameters<'r> {
    Given(&'r RawValue),
    Nothing { r#type: &'static str, properties: Empty },
}

#[derive(Serialize)]
struct Empty {}

/// The tools of a request; those of kinds that the backend cannot know are left out and named.
pub(crate) fn tool_lines<'r>(request: &'r Request<'_>, alike: bool, dropped: &mut Dropped) -> Vec<ToolLine<'r>> {
    let mut lines = Vec::with_capacity(request.tools.len());
    for tool in &request.tools {
        match tool {
            Tool::Function { name, description, parameters, strict } => {
                let parameters = match parameters {
                    Some(schema) => Parameters::Given(schema),
                    None => Parameters::Nothing { r#type: "object", properties: Empty {} },
                };
                let name = legal::tool_name(name);
                let function = FunctionLine { name, description: description.as_deref(), parameters, strict: *strict };
                lines.push(ToolLine::Function { r#type: "function", function });
            }
            // Calls of custom tools have another shape, in which nothing comes back from here.
            Tool::Opaque { kind, raw } if alike && *kind != "custom" => lines.push(ToolLine::Opaque(raw)),
            Tool::Opaque { kind, .. } => dropped.note(kind),
        }
    }
    lines
}

/// A tool choice as it is written.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum ChoiceLine<'r> {
    /// A mode.
    Mode(&'r str),
    /// A function.
    Function {
        /// `function`.
        r#type: &'static str,
        /// Which one.
        function: Named<'r>,
    },
    /// Another shape, as it came.
    Opaque(&'r RawValue),
}

#[derive(Serialize)]
pub(crate) struct Named<'r> {
    name: Str<'r>,
}

impl<'r> ChoiceLine<'r> {
    /// The choice of a request.
    pub(crate) fn of(request: &'r Request<'_>, alike: bool) -> Result<Option<Self>, Error> {
        Ok(match &request.tool_choice {
            None => None,
            Some(ToolChoice::Mode(mode)) => Some(Self::Mode(mode)),
            Some(ToolChoice::Function(name)) => {
                Some(Self::Function { r#type: "function", function: Named { name: legal::tool_name(name) } })
            }
            Some(ToolChoice::Opaque(raw)) if alike => Some(Self::Opaque(raw)),
            Some(ToolChoice::Opaque(_)) => {
                let message =
                    "`tool_choice` cannot be honoured by the agent behind this model: it knows only functions";
                return Err(Error::new(Kind::UnsupportedField, message).param("tool_choice"));
            }
        })
    }
}
