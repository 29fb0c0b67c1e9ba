//! Reading and writing the fields that are carried by key, from the same table for both ways.

use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::value::RawValue;

use super::Dialect;
use crate::error::{Error, Kind};
use crate::ir::{Body, Carry, Field, Param, Request};

/// Sorts a body's fields: those of the dialect's table (and `aliases`, further spellings of them) become parameters, the
/// codec's own (`typed`) are left to it, the others are kept as `rest`.
///
/// # Errors
/// `InvalidField` for a parameter whose value has the wrong JSON type.
pub(super) fn read<'a>(
    dialect: &dyn Dialect,
    aliases: &'static [(&'static str, Field)],
    typed: &[&str],
    body: &Body<'a>,
    request: &mut Request<'a>,
) -> Result<(), Error> {
    for (key, value) in body.iter() {
        if value.get() == "null" || typed.contains(&&**key) {
            continue;
        }
        let by_table = dialect.fields().iter().find_map(|(field, carry)| match carry {
            Carry::Key(name) if *name == &**key => Some((*field, *name)),
            _ => None,
        });
        let known =
            by_table.or_else(|| aliases.iter().find_map(|(name, field)| (*name == &**key).then_some((*field, *name))));
        match known {
            Some((field, key)) => request.params.push(checked(field, key, value)?),
            None => request.rest.push((key.clone(), value)),
        }
    }
    Ok(())
}

/// A parameter whose value has the type that its field must have.
///
/// # Errors
/// `InvalidField` if it has not.
pub(super) fn checked<'a>(field: Field, key: &'static str, value: &'a RawValue) -> Result<Param<'a>, Error> {
    let wanted = field.value();
    if wanted.admits(value) {
        return Ok(Param { field, key, value });
    }
    Err(Error::new(Kind::InvalidField, format!("`{key}` must be {}", wanted.name())).param(key))
}

/// The parameters that `dialect` carries by key, for `#[serde(flatten)]` in its request; with `rest` where alike.
pub(super) struct Carried<'r, 'a> {
    pub(super) dialect: &'static dyn Dialect,
    pub(super) request: &'r Request<'a>,
    /// Whether unknown fields pass.
    pub(super) rest: bool,
}

impl Serialize for Carried<'_, '_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (field, carry) in self.dialect.fields() {
            if let (Carry::Key(key), Some(param)) = (carry, self.request.param(*field)) {
                map.serialize_entry(key, param.value)?;
            }
        }
        for (key, value) in self.request.rest.iter().filter(|_| self.rest) {
            map.serialize_entry(&**key, value)?;
        }
        map.end()
    }
}
