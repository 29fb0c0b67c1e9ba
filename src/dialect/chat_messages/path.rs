//! Where in a request a value stands, for errors that name it; nothing is written down until one does.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{Error, Kind};
use crate::ir::Str;

/// A place such as `messages[2].content`.
#[derive(Clone, Copy)]
pub(crate) struct Path<'p> {
    parent: Option<&'p Self>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Field(&'p str),
    Index(usize),
}

impl<'p> Path<'p> {
    /// The place of a top-level field.
    pub(crate) fn of(field: &'p str) -> Self {
        Self { parent: None, step: Step::Field(field) }
    }

    /// The place of a field of the object that stands here.
    pub(crate) fn field<'s>(&'s self, name: &'s str) -> Path<'s> {
        Path { parent: Some(self), step: Step::Field(name) }
    }

    /// The place of an element of the list that stands here.
    pub(crate) fn index(&self, index: usize) -> Path<'_> {
        Path { parent: Some(self), step: Step::Index(index) }
    }

    /// Reads the value that stands here; `wanted` says in words what it must be.
    pub(crate) fn read<'a, T: Deserialize<'a>>(&self, value: &'a RawValue, wanted: &str) -> Result<T, Error> {
        serde_json::from_str(value.get()).map_err(|error| {
            // The cause names a line and column of this value alone; they would only mislead.
            let cause = error.to_string();
            let cause = cause.split(" at line ").next().unwrap_or_default();
            self.invalid(format!("`{self}` must be {wanted}: {cause}"))
        })
    }

    /// Reads the string that stands here.
    pub(crate) fn text<'a>(&self, value: &'a RawValue, wanted: &str) -> Result<Str<'a>, Error> {
        Str::of(value).map_or_else(|| self.read(value, wanted), Ok)
    }

    /// Nothing stands here; `wanted` says in words what should.
    pub(crate) fn missing(&self, wanted: &str) -> Error {
        self.invalid(format!("`{self}` is missing: it must be {wanted}"))
    }

    /// The value that stands here is not what it must be.
    pub(crate) fn must_be(&self, wanted: &str) -> Error {
        self.invalid(format!("`{self}` must be {wanted}"))
    }

    /// The value that stands here cannot be, with the whole reason.
    pub(crate) fn invalid(&self, message: String) -> Error {
        Error::new(Kind::InvalidField, message).param(self.to_string())
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match (self.step, self.parent) {
            (Step::Field(name), None) => f.write_str(name),
            (Step::Field(name), Some(_)) => write!(f, ".{name}"),
            (Step::Index(index), _) => write!(f, "[{index}]"),
        }
    }
}
