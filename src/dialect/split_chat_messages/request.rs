//! Reads and writes a question with its history, bare or in the wrapping of a scoring server.

use serde::Serialize;

use super::SplitChatMessages;
use crate::dialect::Target;
use crate::dialect::chat_messages::{self, Extras, Line, Path};
use crate::dialect::params::Carried;
use crate::error::{Error, Kind};
use crate::ir::{Body, Dropped, Item, Message, Request, Role, Str};

/// Fields that are read here and are no parameters.
const TYPED: &[&str] = &[
    "client_request_id",
    "context",
    "custom_inputs",
    "databricks_options",
    "history",
    "model",
    "params",
    "query",
    "stream",
];

/// Reads a client's request.
pub(super) fn read<'a>(body: &Body<'a>) -> Result<Request<'a>, Error> {
    let row = if body.given("query").is_none() { chat_messages::unwrap(body)? } else { None };
    let (body, place) = row.as_ref().map_or((body, ""), |row| (&row.body, row.place));
    let mut request = chat_messages::envelope(body)?;
    let (query, history) = (format!("{place}query"), format!("{place}history"));
    if let Some(said) = body.given("history") {
        request.items = chat_messages::read_history(said, &Path::of(&history))?;
    }
    let path = Path::of(&query);
    let question = body.given("query").ok_or_else(|| path.missing("the question, a string"))?;
    let question: Str<'a> = path.read(question, "the question, a string")?;
    request.items.push(Item::Message(Message::text(Role::User, question)));
    chat_messages::read_params(&SplitChatMessages, TYPED, body, &mut request)?;
    Ok(request)
}

/// A request. A dataframe of one row is the only form that the open-source scoring server takes.
#[derive(Serialize)]
struct Wire<'r, 'a> {
    dataframe_records: [Row<'r, 'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(flatten)]
    extras: Extras<'r>,
}

/// Its lines have a role and a content only: the server refuses every other key there. Columns that nobody knows are
/// the agent's own, and go back to where they were.
#[derive(Serialize)]
struct Row<'r, 'a> {
    query: Str<'a>,
    history: Vec<Line<'r, 'a>>,
    #[serde(flatten)]
    columns: Carried<'r, 'a>,
}

/// The body of a request.
pub(super) fn write(request: &Request<'_>, target: &Target<'_>, dropped: &mut Dropped) -> Result<Vec<u8>, Error> {
    chat_messages::refuse_opaque(request, dropped)?;
    chat_messages::note_rest(request, target, dropped);
    chat_messages::encode(&Wire {
        dataframe_records: [split(request, target, dropped)?],
        stream: target.stream.then_some(true),
        extras: Extras::recorded(request),
    })
}

/// The last thing that the user said is the question, and what was said before it is the history.
fn split<'r, 'a>(request: &'r Request<'a>, target: &Target<'_>, dropped: &mut Dropped) -> Result<Row<'r, 'a>, Error> {
    let messages: Vec<&Message<'a>> = request.items.iter().filter_map(message).collect();
    let Some(question) = messages.iter().rposition(|message| message.role == Role::User) else {
        let message = "the agent behind this model answers a question: send a message of the user";
        return Err(Error::new(Kind::InvalidField, message).param("messages"));
    };
    if question + 1 < messages.len() {
        // What the assistant said since has no place before the question, and none after it.
        dropped.note("messages");
    }
    let columns = Carried { dialect: &SplitChatMessages, request, rest: target.alike };
    let mut row = Row { query: Str::default(), history: chat_messages::system_lines(request), columns };
    for (place, message) in messages.into_iter().take(question + 1).enumerate() {
        chat_messages::text_only(&message.parts, "a message")?;
        if message.name.is_some() {
            dropped.note("name");
        }
        let text = message.joined("\n");
        if place == question {
            row.query = text;
        } else if !text.is_empty() {
            row.history.push(Line::plain(chat_messages::role_name(message), text));
        }
    }
    Ok(row)
}

fn message<'r, 'a>(item: &'r Item<'a>) -> Option<&'r Message<'a>> {
    match item {
        Item::Message(message) => Some(message),
        _ => None,
    }
}
