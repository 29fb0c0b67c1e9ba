//! Tools that no agent knows as functions that every agent knows: lowered in the request, raised again in the answer.
//!
//! A `custom` tool takes free text; here it is a function with one argument, `input`. A `namespace` groups tools; here each
//! of them is a function by the name of both. What was declared stands in the settings that every response repeats, so
//! nothing else has to be remembered to write the calls as the client expects them.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::place::Place;
use super::value;
use crate::error::Error;
use crate::ir::{Body, Json, Str, Tool, json};

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    description: Option<&'a RawValue>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    strict: Option<&'a RawValue>,
    #[serde(borrow)]
    format: Option<&'a RawValue>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Format<'a> {
    #[serde(borrow)]
    syntax: Option<&'a RawValue>,
    #[serde(borrow)]
    definition: Option<&'a RawValue>,
}

/// The schema of a custom tool's one argument.
#[derive(Serialize)]
struct Schema {
    r#type: &'static str,
    properties: Properties,
    required: [&'static str; 1],
    #[serde(rename = "additionalProperties")]
    additional: bool,
}

#[derive(Serialize)]
struct Properties {
    input: Input,
}

#[derive(Serialize)]
struct Input {
    r#type: &'static str,
    description: String,
}

/// The one argument of a custom tool.
#[derive(Deserialize, Serialize)]
struct Arguments<'a> {
    #[serde(borrow)]
    input: Str<'a>,
}

/// Reads `tools`; true if there are functions among them that stand for tools of other kinds.
pub(super) fn read<'a>(list: &'a RawValue, place: Place<'_>) -> Result<(Vec<Tool<'a>>, bool), Error> {
    let (mut tools, mut lowered) = (Vec::new(), false);
    for (index, raw) in place.list(list)?.into_iter().enumerate() {
        lowered |= read_tool("", raw, place.index(index), &mut tools)?;
    }
    let mut names = HashSet::new();
    for tool in tools.iter().filter(|_| lowered) {
        if let Tool::Function { name, .. } = tool
            && !names.insert(&**name)
        {
            return Err(place.wrong(&format!("a list in which no two tools are known as `{name}`")));
        }
    }
    Ok((tools, lowered))
}

/// Reads a tool into the functions that it is; true if it is no plain one.
fn read_tool<'a>(
    namespace: &str,
    raw: &'a RawValue,
    place: Place<'_>,
    tools: &mut Vec<Tool<'a>>,
) -> Result<bool, Error> {
    let fields: Fields<'a> = place.read(raw, "an object")?;
    let kind: Str<'a> = place.required("type", fields.r#type, "a string")?;
    let name = || place.required("name", fields.name, "a string");
    let tool = match &*kind {
        "function" => Tool::Function {
            name: flat_name(namespace, name()?),
            description: place.optional("description", fields.description, "a string")?,
            parameters: match fields.parameters {
                given @ Some(_) if value::object(given).is_none() => {
                    return Err(place.field("parameters").wrong("an object"));
                }
                given => given.map(Json::Borrowed),
            },
            strict: place.optional("strict", fields.strict, "true or false")?,
        },
        "custom" => Tool::Function {
            name: flat_name(namespace, name()?),
            description: place.optional("description", fields.description, "a string")?,
            parameters: Some(Json::Owned(json(&Schema::of(fields.format)))),
            strict: None,
        },
        // What is grouped twice has no name that a backend could be given.
        "namespace" if !namespace.is_empty() => {
            return Err(place.field("type").wrong("no namespace inside a namespace"));
        }
        "namespace" => {
            let (name, place) = (name()?, place.field("tools"));
            let inner = fields.tools.ok_or_else(|| place.missing())?;
            for (index, raw) in place.list(inner)?.into_iter().enumerate() {
                read_tool(&name, raw, place.index(index), tools)?;
            }
            return Ok(true);
        }
        _ => Tool::Opaque { kind: kind.clone(), raw: Json::Borrowed(raw) },
    };
    tools.push(tool);
    Ok(kind == "custom")
}

impl Schema {
    /// A grammar cannot be enforced by agents; models that are told of it keep to it.
    fn of(format: Option<&RawValue>) -> Self {
        let format = format.and_then(|raw| serde_json::from_str::<Format<'_>>(raw.get()).ok());
        let grammar = format.and_then(|format| {
            let definition = format.definition.and_then(value::string)?;
            Some(format!(", by this {} grammar:\n{definition}", value::string_or_empty(format.syntax)))
        });
        let description = format!("All that the tool is given, as plain text{}", grammar.unwrap_or_default());
        let properties = Properties { input: Input { r#type: "string", description } };
        Self { r#type: "object", properties, required: ["input"], additional: false }
    }
}

/// Whether a tool, as the client wrote it, is a custom one of this name.
pub(super) fn is_custom(raw: &RawValue, name: &str) -> bool {
    serde_json::from_str::<Fields<'_>>(raw.get()).is_ok_and(|fields| {
        value::string_or_empty(fields.r#type) == "custom" && value::string_or_empty(fields.name) == *name
    })
}

/// The name of a tool in a namespace; a tool outside of any keeps its own.
pub(super) fn flat_name<'a>(namespace: &str, name: Str<'a>) -> Str<'a> {
    if namespace.is_empty() { name } else { Str::from(format!("{namespace}__{name}")) }
}

/// The arguments that a custom tool's input is.
pub(super) fn arguments(input: &str) -> String {
    json(&Arguments { input: Str::from(input) }).get().to_owned()
}

/// The input that a custom tool's arguments are; whatever a model made of them instead is the input itself.
pub(super) fn input(arguments: &str) -> Str<'_> {
    serde_json::from_str::<Arguments<'_>>(arguments).map_or_else(|_| Str::from(arguments), |read| read.input)
}

/// How a function was declared that is no plain one.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    pub(super) custom: bool,
}

/// The functions that stand for tools of other kinds, each with its origin.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins(HashMap<String, Origin>);

impl Origins {
    /// Those among the settings that a response repeats.
    pub(super) fn of(settings: &str) -> Self {
        let mut origins = Self::default();
        if settings.contains("\"custom\"") || settings.contains("\"namespace\"") {
            let body = Body::parse(settings.as_bytes()).ok();
            origins.collect(None, body.and_then(|body| body.given("tools")));
        }
        origins
    }

    fn collect(&mut self, namespace: Option<&str>, tools: Option<&RawValue>) {
        for raw in value::list(tools) {
            let Ok(fields) = serde_json::from_str::<Fields<'_>>(raw.get()) else { continue };
            let (kind, name) = (value::string_or_empty(fields.r#type), value::string_or_empty(fields.name));
            if kind == "namespace" && namespace.is_none() {
                self.collect(Some(&name), fields.tools);
            } else if kind == "custom" || (namespace.is_some() && kind == "function") {
                let flat = flat_name(namespace.unwrap_or_default(), name.clone()).into_string();
                let namespace = namespace.map(str::to_owned);
                let origin = Origin { namespace, name: name.into_string(), custom: kind == "custom" };
                self.0.entry(flat).or_insert(origin);
            }
        }
    }

    /// What a function of this name was declared as; `None` for a plain one.
    pub(super) fn get(&self, name: &str) -> Option<&Origin> {
        self.0.get(name)
    }
}
