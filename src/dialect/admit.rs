//! Whether a request fits a backend's dialect, what is left out on the way, and the table that says so beforehand.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::fitted::fitted;
use super::{BACKENDS, Dialect, Target};
use crate::error::{Error, Kind};
use crate::ir::{Carry, Dropped, Field, Request};

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
            Some(Carry::Dropped(why)) => dropped.note_because(name, why),
            None => dropped.note(name),
            Some(Carry::Refused(why)) => {
                let message = format!("`{name}` cannot be honoured by the agent behind this model: {why}");
                return Err(Error::new(Kind::UnsupportedField, message).param(name));
            }
        }
    }
    Ok(dropped)
}

/// Writes a request in the backend's dialect, with all that is left out on the way.
///
/// # Errors
/// `UnsupportedField` as [`admit`], and for what only shows while writing.
pub fn write(request: &Request<'_>, backend: &dyn Dialect, target: &Target<'_>) -> Result<(Vec<u8>, Dropped), Error> {
    let mut left_out = Dropped::default();
    let fitted = match target.drops_content {
        true => fitted(request, backend, target, &mut left_out),
        false => Cow::Borrowed(request),
    };
    let request = &*fitted;
    let mut dropped = admit(request, backend)?;
    for (name, why) in left_out.iter() {
        dropped.note_because(name, why);
    }
    for (name, _) in request.rest.iter().filter(|_| !target.alike) {
        dropped.note_because(name, "nobody here knows it, and strict servers refuse what they do not know");
    }
    for (key, _) in request.own().filter(|(key, _)| !(target.alike && backend.own_fields().contains(key))) {
        dropped.note_because(key, "messages have no such field there");
    }
    let written = backend.write_request(request, target, &mut dropped)?;
    Ok((written, dropped))
}

/// The table of what becomes of each field on the way to each backend, in Markdown: made from [`Dialect::fields`], which is
/// what [`admit`] goes by.
#[must_use]
pub fn table() -> String {
    let mut text = String::from(
        "What becomes of a request's fields, by the dialect of the backend. *as* `key`: carried under that key; *carried*: in the \
         dialect's own shape; *kept*: the gateway sees to it; *dropped*: left out and named in `x-cutover-dropped`; *refused*: \
         400, because leaving it out would change the answer.\n\nThoughts of earlier turns (ReasoningHistory), \
         fields of messages that one dialect alone has (`phase`, `attachments`) and fields that nobody knows go to a \
         backend of the client's own dialect; to any other they are dropped. In answers `phase` and `attachments` reach a \
         client of their own dialect, and of a ChatAgent a Chat Completions client that gets its `messages` as well; to any \
         other they are dropped, and named like those of requests, in a stream by the log and the counter alone. Content of messages that a backend has no place for \
         is refused, or dropped where the route says `unsupported_content: drop`.\n\n| field |",
    );
    for backend in BACKENDS {
        let _ = write!(text, " `{}` |", backend.name());
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(BACKENDS.len()));
    text.push('\n');
    for field in Field::ALL {
        let _ = write!(text, "| {field:?} |");
        for backend in BACKENDS {
            let carry = backend.fields().iter().find(|(known, _)| known == field).map(|(_, carry)| *carry);
            let _ = match carry {
                Some(Carry::Key(key)) => write!(text, " as `{key}` |"),
                Some(Carry::Typed) => write!(text, " carried |"),
                Some(Carry::Kept) => write!(text, " kept |"),
                Some(Carry::Dropped(why)) => write!(text, " *dropped*: {why} |"),
                Some(Carry::Refused(why)) => write!(text, " **refused**: {why} |"),
                None => write!(text, " *dropped* |"),
            };
        }
        text.push('\n');
    }
    text
}
