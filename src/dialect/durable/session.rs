//! The session that a run takes place in.

use super::asked::Asked;
use super::decision;
use crate::error::{Error, Kind};
use crate::ir::{Item, Request, Role};

use super::Target;

/// Stands for the conversation's own session in call ids, which a conversation's id may be too long for.
const OWN: &str = "k";

/// Digits of a run's number in base 36.
const DIGITS: usize = 25;

/// A session of the server, in which the agent remembers what was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    id: String,
    own: bool,
}

impl Session {
    /// The session of a request.
    ///
    /// A request that answers a question goes where the question was asked. A request that brings its own history gets
    /// a session of its own, because in the conversation's the agent would find everything twice. Any other belongs to
    /// the conversation that it names.
    ///
    /// # Errors
    /// `InvalidField` for an answer to a conversation that the request does not name.
    pub(super) fn of(request: &Request<'_>, target: &Target<'_>) -> Result<Self, Error> {
        let conversation = target.conversation.or(request.conversation_id.as_deref());
        let own = |id: &str| Self { id: id.to_owned(), own: true };
        if let Some((asked, _)) = decision::answers(request).first() {
            return match (asked.session, conversation) {
                (OWN, Some(id)) => Ok(own(id)),
                (OWN, None) => Err(nameless(asked)),
                (tag, _) => Ok(Self { id: tag.to_owned(), own: false }),
            };
        }
        Ok(match conversation {
            Some(id) if !brings_history(request) => own(id),
            _ => Self::of_run(target.number),
        })
    }

    /// A session for this run alone. It follows from the run's number, so that a request that is sent again is the same.
    pub(super) fn of_run(mut number: u128) -> Self {
        let mut digits = [b'0'; DIGITS];
        for place in digits.iter_mut().rev() {
            let digit = u32::try_from(number % 36).unwrap_or_default();
            *place = char::from_digit(digit, 36).map_or(b'0', |digit| digit as u8);
            number /= 36;
        }
        Self { id: String::from_utf8_lossy(&digits).into_owned(), own: false }
    }

    /// What the server knows it by.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// What stands for it in call ids.
    pub(super) fn tag(&self) -> &str {
        if self.own { OWN } else { &self.id }
    }
}

/// Whether this may stand for a session in a call id.
pub(super) fn is_tag(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase();
    text == OWN || (text.len() == DIGITS && text.bytes().all(digit))
}

/// Whether anything was said before that the agent said or did.
fn brings_history(request: &Request<'_>) -> bool {
    request.items.iter().any(|item| match item {
        Item::Message(message) => message.role == Role::Assistant,
        Item::Call(_) | Item::CallOutput(_) | Item::Reasoning(_) => true,
        Item::Opaque { .. } => false,
    })
}

fn nameless(asked: &Asked<'_>) -> Error {
    let message =
        format!("the call `{asked}` was made in a conversation; name that conversation in the request as before");
    Error::new(Kind::InvalidField, message).param("context.conversation_id")
}
