//! A client's answers to what the agent asked, as the agent wants them: decisions on its own tool calls.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::asked::{About, Asked};
use crate::error::{Error, Kind};
use crate::ir::{CallOutput, Item, Request, json};

/// Words that a person, or a client on a person's behalf, decides with.
const APPROVALS: &[&str] = &["approve", "approved", "yes", "true"];
const REJECTIONS: &[&str] = &["reject", "rejected", "deny", "denied", "no", "false"];

/// `input.resume`: the agent goes on from where it asked.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Resume {
    /// Decisions on the calls that it asked about, in the order in which it did.
    Decisions {
        /// One for each.
        decisions: Vec<Decision>,
    },
    /// The answer to a question of its own making.
    Answer(Box<RawValue>),
}

/// Whether the agent may make a call of its own.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Decision {
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edited_action: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_id: Option<String>,
}

/// The answers that a request ends with, in the order in which the calls were made; none if it ends otherwise.
pub(super) fn answers<'r, 'a>(request: &'r Request<'a>) -> Vec<(Asked<'r>, &'r CallOutput<'a>)> {
    let tail = request.items.iter().rev().take_while(|item| matches!(item, Item::Call(_) | Item::CallOutput(_)));
    let mut found: Vec<_> = tail
        .filter_map(|item| match item {
            Item::CallOutput(output) => Some((Asked::parse(&output.call_id)?, output)),
            _ => None,
        })
        .collect();
    found.reverse();
    if found.len() > 1 {
        let mut made = HashMap::new();
        for (place, item) in request.items.iter().enumerate() {
            if let Item::Call(call) = item {
                made.entry(&*call.call_id).or_insert(place);
            }
        }
        found.sort_by_key(|(_, output)| made.get(&*output.call_id));
    }
    found
}

/// What the agent goes on with, if the request answers it.
///
/// # Errors
/// `InvalidField` for an output that decides nothing: it is never taken for an approval.
pub(super) fn resume(request: &Request<'_>) -> Result<Option<Resume>, Error> {
    let answers = answers(request);
    let Some((first, output)) = answers.first() else { return Ok(None) };
    if first.about == About::Anything {
        let text = output.text().into_string();
        return Ok(Some(Resume::Answer(RawValue::from_string(text.clone()).unwrap_or_else(|_| json(&text)))));
    }
    let decisions = answers.iter().map(|(asked, output)| decide(asked, &output.text())).collect::<Result<_, _>>()?;
    Ok(Some(Resume::Decisions { decisions }))
}

fn decide(asked: &Asked<'_>, text: &str) -> Result<Decision, Error> {
    let word = text.trim().to_ascii_lowercase();
    let known = |words: &[&str]| words.contains(&word.as_str());
    let plain = |r#type: &str| Decision { r#type: r#type.to_owned(), ..Decision::default() };
    let mut decision = if known(APPROVALS) {
        plain("approve")
    } else if known(REJECTIONS) {
        plain("reject")
    } else {
        serde_json::from_str(text).map_err(|_| undecided(asked))?
    };
    decision.call_id = match asked.about {
        About::Call(id) => Some(id.to_owned()),
        About::Place(_) | About::Anything => None,
    };
    Ok(decision)
}

fn undecided(asked: &Asked<'_>) -> Error {
    let message = format!(
        "the agent asks whether it may make the call `{asked}` itself; as its output write `approve`, `reject` or \
         `{{\"type\":\"reject\",\"message\":\"why\"}}`"
    );
    Error::new(Kind::InvalidField, message).param("output")
}
