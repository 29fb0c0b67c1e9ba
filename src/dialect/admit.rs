//! Whether a request fits a backend's dialect: what is refused, what is dropped and named.

use super::Dialect;
use crate::error::{Error, Kind};
use crate::ir::{Carry, Dropped, Request};

/// Holds a request against the table of the backend's dialect.
///
/// # Errors
/// `UnsupportedField` for the first field that would change the answer if it were left out.
pub fn admit(request: &Request<'_>, backend: &dyn Dialect) -> Result<Dropped, Error> {
    let mut dropped = Dropped::default();
    let given = request.params.iter().filter(|param| !param.is_default()).map(|param| (param.field, param.key));
    for (field, name) in given.chain(request.features()) {
        let carry = backend.fields().iter().find(|(known, _)| *known == field).map(|(_, carry)| *carry);
        match carry {
            Some(Carry::Key(_) | Carry::Typed | Carry::Kept) => {}
            Some(Carry::Dropped(_)) | None => dropped.note(name),
            Some(Carry::Refused(why)) => {
                let message = format!("`{name}` cannot be honoured by the agent behind this model: {why}");
                return Err(Error::new(Kind::UnsupportedField, message).param(name));
            }
        }
    }
    Ok(dropped)
}
