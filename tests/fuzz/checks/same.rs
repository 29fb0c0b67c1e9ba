//! What of an answer must still be there after it has gone through a dialect.

use std::collections::HashSet;

use cutover::dialect::Dialect;
use cutover::ir::{AgentCall, Answer, Finish, Piece, Usage};
use serde_json::Value;
use serde_json::value::RawValue;

/// Holds what a client has `read` from what was `written` against the answer that it was written of; `show` says that the
/// agent's own calls were shown, `way` in which form it was written.
pub(super) fn after(answer: &Answer, client: &dyn Dialect, show: bool, read: &Answer, way: &str, written: &[u8]) {
    let name = client.name();
    let told = Told { answer, name, way, written };
    told.same("what failed", &read.failure.as_ref().map(ToString::to_string), &None);
    if !is_legal(answer) {
        return;
    }
    told.same("the words", &words(read, name), &words(answer, name));
    if name != "split_chat_messages" {
        let usage = |answer: &Answer| answer.usage.map(|usage| counts(usage, name));
        told.same("the calls", &calls(read, true), &calls(answer, show));
        told.same("the finish", &finish(read), &finish(answer));
        told.same("the usage", &usage(read), &usage(answer));
    }
    if matches!(name, "responses" | "chat_completions") {
        told.same("the thoughts", &thoughts(read), &thoughts(answer));
    }
    match name {
        "responses" => told.same("the messages", &messages(read), &messages(answer)),
        "chat_agent" => told.same("the attachments", &attachments(read, true), &attachments(answer, show)),
        _ => {}
    }
}

/// What was told of an answer, and how.
struct Told<'a> {
    answer: &'a Answer,
    name: &'a str,
    way: &'a str,
    written: &'a [u8],
}

impl Told<'_> {
    fn same<T: PartialEq + std::fmt::Debug>(&self, what: &str, got: &T, meant: &T) {
        let Self { answer, name, way, written } = self;
        assert!(
            got == meant,
            "{what} in a {way} of {name}: {got:?} of {meant:?}\n{}\n{answer:#?}",
            String::from_utf8_lossy(written)
        );
    }
}

/// Whether a call has an object as its arguments, unless it is the last thing and was cut off, and an id of its own. Of
/// other answers it is not clear what is to be the same.
fn is_legal(answer: &Answer) -> bool {
    let mut ids = HashSet::new();
    answer.items.iter().enumerate().all(|(place, item)| match &item.piece {
        Piece::Call { call_id, arguments, .. } => {
            let object = arguments.starts_with('{') && serde_json::from_str::<Value>(arguments).is_ok();
            let cut = !item.complete && place + 1 == answer.items.len();
            (object || cut) && ids.insert(call_id)
        }
        _ => true,
    })
}

/// What is said, with what is declined: dialects without a refusal say that as words.
fn words(answer: &Answer, dialect: &str) -> String {
    if matches!(dialect, "chat_completions" | "chat_model") {
        return answer.text() + &answer.refusal();
    }
    let mut words = String::new();
    for item in &answer.items {
        if let Piece::Message { text, refusal, .. } = &item.piece {
            words.push_str(text);
            words.push_str(refusal);
        }
    }
    words
}

fn messages(answer: &Answer) -> Vec<(&str, &str, usize, Option<&str>)> {
    let pieces = answer.items.iter().filter_map(|item| match &item.piece {
        Piece::Message { text, refusal, annotations } => {
            Some((text.as_str(), refusal.as_str(), annotations.len(), item.own("phase").map(RawValue::get)))
        }
        _ => None,
    });
    pieces.filter(|(text, refusal, ..)| !text.is_empty() || !refusal.is_empty()).collect()
}

/// The attachments of what was said, by the agent's own tools as well if that is shown.
fn attachments(answer: &Answer, all: bool) -> Vec<&str> {
    let said = answer.items.iter().filter(|item| match &item.piece {
        Piece::Message { text, refusal, .. } => !text.is_empty() || !refusal.is_empty(),
        Piece::CallOutput { .. } => all,
        _ => false,
    });
    said.filter_map(|item| item.own("attachments").map(RawValue::get)).collect()
}

fn calls(answer: &Answer, all: bool) -> Vec<(&str, &str, &str)> {
    let mut calls = Vec::new();
    for item in &answer.items {
        if let Piece::Call { call_id, name, arguments, by } = &item.piece
            && (all || *by == AgentCall::Client)
        {
            // A call that was cut off before its first argument has none, or an empty object.
            calls.push((call_id.as_str(), name.as_str(), if arguments.is_empty() { "{}" } else { arguments }));
        }
    }
    calls
}

fn finish(answer: &Answer) -> Option<Finish> {
    // Whether a call is the client's is told by what follows it, which a client need not be shown.
    match answer.finish() {
        Some(Finish::ToolCalls) => Some(Finish::Stop),
        other => other,
    }
}

/// All thoughts, without their line ends: what sets one apart from the next is not the same everywhere.
fn thoughts(answer: &Answer) -> String {
    let thoughts = answer.items.iter().filter_map(|item| match &item.piece {
        Piece::Reasoning { text, .. } => Some(text.as_str()),
        _ => None,
    });
    thoughts.flat_map(str::chars).filter(|letter| !matches!(letter, '\n' | '\r')).collect()
}

/// The counts that a dialect has; a count of zero is one that nobody made.
fn counts(usage: Usage, dialect: &str) -> Usage {
    match dialect {
        "responses" | "chat_completions" => usage,
        _ => Usage { cached: 0, reasoning: 0, ..usage },
    }
}
