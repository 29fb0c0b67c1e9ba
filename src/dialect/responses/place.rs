//! Where in a request's body a value stands, so that an error can name its path.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{Error, Kind};

/// A path such as `input[2].content[0].type`. It costs nothing until an error needs its text.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    above: Option<&'p Self>,
    step: Step,
}

#[derive(Clone, Copy)]
enum Step {
    Field(&'static str),
    Index(usize),
}

impl Place<'static> {
    /// A top-level field.
    pub(super) fn top(name: &'static str) -> Self {
        Self { above: None, step: Step::Field(name) }
    }
}

impl<'p> Place<'p> {
    /// A field of the object here.
    pub(super) fn field(&'p self, name: &'static str) -> Self {
        Self { above: Some(self), step: Step::Field(name) }
    }

    /// An element of the list here.
    pub(super) fn index(&'p self, index: usize) -> Self {
        Self { above: Some(self), step: Step::Index(index) }
    }

    /// The value here as `T`.
    pub(super) fn read<'a, T: Deserialize<'a>>(&self, value: &'a RawValue, wanted: &str) -> Result<T, Error> {
        serde_json::from_str(value.get()).map_err(|_| self.wrong(wanted))
    }

    /// The elements of the list here.
    pub(super) fn list<'a>(&self, value: &'a RawValue) -> Result<Vec<&'a RawValue>, Error> {
        self.read(value, "a list")
    }

    /// The field `name` of the object here as `T`, if it is given.
    pub(super) fn optional<'a, T: Deserialize<'a>>(
        &self,
        name: &'static str,
        value: Option<&'a RawValue>,
        wanted: &str,
    ) -> Result<Option<T>, Error> {
        value.map(|value| self.field(name).read(value, wanted)).transpose()
    }

    /// The field `name` of the object here as `T`; it must be given.
    pub(super) fn required<'a, T: Deserialize<'a>>(
        &self,
        name: &'static str,
        value: Option<&'a RawValue>,
        wanted: &str,
    ) -> Result<T, Error> {
        self.optional(name, value, wanted)?.ok_or_else(|| self.field(name).missing())
    }

    /// The value here is not what it must be.
    pub(super) fn wrong(&self, wanted: &str) -> Error {
        Error::new(Kind::InvalidField, format!("`{self}` must be {wanted}")).param(self.to_string())
    }

    /// There is no value here, and there must be one.
    pub(super) fn missing(&self) -> Error {
        Error::new(Kind::InvalidField, format!("`{self}` is required")).param(self.to_string())
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(above) = self.above {
            above.fmt(f)?;
        }
        match self.step {
            Step::Field(name) if self.above.is_some() => write!(f, ".{name}"),
            Step::Field(name) => f.write_str(name),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}
