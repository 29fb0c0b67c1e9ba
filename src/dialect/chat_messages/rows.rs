//! Requests in the wrapping of the scoring server: the one row of a dataframe, or `inputs`.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Path;
use crate::error::Error;
use crate::ir::{Body, Str};

/// The wrappings that a scoring server takes.
const WRAPPINGS: [&str; 3] = ["dataframe_records", "dataframe_split", "inputs"];

/// A request that came wrapped.
pub(crate) struct Row<'a> {
    /// The row's fields, and those beside the wrapping (`stream`, `databricks_options`).
    pub(crate) body: Body<'a>,
    /// Where the row's fields stand, to be put before their names.
    pub(crate) place: &'static str,
}

#[derive(Deserialize)]
struct Split<'a> {
    #[serde(borrow)]
    columns: Vec<Str<'a>>,
    #[serde(borrow)]
    data: Vec<Vec<&'a RawValue>>,
}

/// The row of a wrapped request; `None` if the body is not wrapped.
pub(crate) fn unwrap<'a>(body: &Body<'a>) -> Result<Option<Row<'a>>, Error> {
    let mut wrappings = WRAPPINGS.into_iter().filter_map(|name| body.given(name).map(|value| (name, value)));
    let Some((name, value)) = wrappings.next() else { return Ok(None) };
    let path = Path::of(name);
    if let Some((other, _)) = wrappings.next() {
        return Err(path.invalid(format!("`{name}` and `{other}` are two requests; send one")));
    }
    let (mut fields, place) = match name {
        "dataframe_split" => (split(value, &path)?, "dataframe_split."),
        "inputs" => (record(value, &path)?, "inputs."),
        _ => (record(value, &path)?, "dataframe_records[0]."),
    };
    let known: HashSet<Str<'_>> = fields.iter().map(|(key, _)| key.clone()).collect();
    let beside = |key: &Str<'_>| **key != *name && **key != *"params" && !known.contains(key);
    fields.extend(body.iter().filter(|(key, _)| beside(key)).map(|(key, value)| (key.clone(), value)));
    Ok(Some(Row { body: Body::of(fields)?, place }))
}

type Fields<'a> = Vec<(Str<'a>, &'a RawValue)>;

/// An object, or a list of one.
fn record<'a>(value: &'a RawValue, path: &Path<'_>) -> Result<Fields<'a>, Error> {
    let row = if value.get().starts_with('[') {
        let rows: Vec<&'a RawValue> = path.read(value, "a list of one row")?;
        one_row(&rows, path)?
    } else {
        value
    };
    if !row.get().starts_with('{') {
        return Err(path.must_be("a row of named columns"));
    }
    Ok(Body::parse(row.get().as_bytes())?.iter().map(|(key, value)| (key.clone(), value)).collect())
}

fn split<'a>(value: &'a RawValue, path: &Path<'_>) -> Result<Fields<'a>, Error> {
    let Split { columns, data } = path.read(value, "an object with `columns` and `data`")?;
    let path = path.field("data");
    let row = one_row(&data, &path)?;
    if row.len() != columns.len() {
        let message = format!("`{path}[0]` has {} values for {} columns", row.len(), columns.len());
        return Err(path.invalid(message));
    }
    Ok(columns.into_iter().zip(row).collect())
}

fn one_row<T: Clone>(rows: &[T], path: &Path<'_>) -> Result<T, Error> {
    match rows {
        [row] => Ok(row.clone()),
        _ => Err(path.invalid(format!("`{path}` has {} rows; an agent answers one request at a time", rows.len()))),
    }
}
