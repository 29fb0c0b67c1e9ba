//! `GET /openapi.json`: the table of endpoints as an OpenAPI 3.1 document.

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::endpoint::Gives;
use super::reply::Refusal;
use super::{Ask, Draft, Endpoint};
use crate::error::Error;

pub(super) fn endpoint(others: &[Endpoint]) -> Endpoint {
    const SUMMARY: &str = "This document";
    // It describes itself, too; what it says of itself does not depend on what it says.
    let own = Draft::get("/openapi.json", SUMMARY).gives(|_: &Ask| Ok(Document(Value::Null)));
    let document = write(&others.iter().chain([&own]).collect::<Vec<_>>());
    Draft::get("/openapi.json", SUMMARY).gives(move |_: &Ask| Ok::<_, Error>(Document(document.clone())))
}

/// An OpenAPI document.
#[derive(serde::Serialize, schemars::JsonSchema)]
#[schemars(transparent)]
struct Document(#[schemars(with = "Map<String, Value>")] Value);

fn write(endpoints: &[&Endpoint]) -> Value {
    let generator = |settings: SchemaSettings| {
        settings.with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
    };
    let mut out = generator(SchemaSettings::draft2020_12().for_serialize()).into_generator();
    // A type that is read and written has two forms; those that are read stand where they are used.
    let inline = |settings: &mut SchemaSettings| settings.inline_subschemas = true;
    let mut into = generator(SchemaSettings::draft2020_12().for_deserialize()).with(inline).into_generator();
    let refusal = out.subschema_for::<Refusal<'_>>();
    let mut paths = Map::new();
    for endpoint in endpoints {
        let operations = paths.entry(endpoint.path.0).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(operations) = operations {
            let operation = operation(endpoint, &refusal, &mut into, &mut out);
            operations.insert(endpoint.method.as_str().to_ascii_lowercase(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Cutover's admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Roles are given by `listen.admin.auth`. Without it the address is a loopback one, and whoever \
                reaches it is an operator.",
        },
        "paths": paths,
        "components": {
            "schemas": out.take_definitions(true),
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn operation(endpoint: &Endpoint, refusal: &Schema, into: &mut SchemaGenerator, out: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    let (kind, schema) = match &endpoint.gives {
        Gives::Json(describe) => ("application/json", describe(out).to_value()),
        Gives::Text(kind) => (*kind, json!({ "type": "string" })),
    };
    let media = kind.split(';').next().unwrap_or(kind);
    responses.insert("200".into(), json!({ "description": "done", "content": { media: { "schema": schema } } }));
    if matches!(endpoint.gives, Gives::Text(_)) {
        let content = json!({ media: { "schema": { "type": "string" } } });
        responses.insert("503".into(), json!({ "description": "not now", "content": content }));
    }
    let content = json!({ "application/json": { "schema": refusal } });
    responses.insert("default".into(), json!({ "description": "refused", "content": content }));

    let mut operation = Map::new();
    operation.insert("operationId".into(), json!(name(endpoint)));
    operation.insert("summary".into(), json!(endpoint.summary));
    operation.insert("parameters".into(), parameters(endpoint));
    if let Some(describe) = endpoint.takes {
        let content = json!({ "application/json": { "schema": describe(into) } });
        operation.insert("requestBody".into(), json!({ "required": true, "content": content }));
    }
    operation.insert("responses".into(), Value::Object(responses));
    let security = endpoint.needs.map_or_else(|| json!([]), |_| json!([{ "bearer": [] }]));
    operation.insert("security".into(), security);
    if let Some(role) = endpoint.needs {
        operation.insert("x-role".into(), json!(role.name()));
    }
    Value::Object(operation)
}

/// Such as `put_api_v1_routes_route_weights`.
fn name(endpoint: &Endpoint) -> String {
    let words = endpoint.path.0.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<_> = words.collect();
    format!("{}_{}", endpoint.method.as_str().to_ascii_lowercase(), words.join("_"))
}

fn parameters(endpoint: &Endpoint) -> Value {
    let parameter = |name: &str, place: &str| {
        let about = endpoint.about.iter().find(|(known, _)| *known == name).map_or("", |(_, about)| about);
        json!({
            "name": name,
            "in": place,
            "required": place == "path",
            "description": about,
            "schema": { "type": "string" },
        })
    };
    let in_path = endpoint.path.names().map(|name| parameter(name, "path"));
    let behind = endpoint.queries.iter().map(|name| parameter(name, "query"));
    in_path.chain(behind).collect()
}
