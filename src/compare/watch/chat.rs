//! The rules of a Chat Completions stream.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Faults, ROOM, is_json, kind, text};

/// Most calls that are remembered.
const MOST_CALLS: usize = 1_024;

/// What is known of the stream.
#[derive(Default)]
pub(super) struct Chat {
    id: String,
    finished: bool,
    calls: BTreeMap<u64, Call>,
    room: Option<usize>,
}

#[derive(Default)]
struct Call {
    id: String,
    name: String,
    arguments: String,
}

impl Chat {
    pub(super) fn frame(&mut self, chunk: &Value, faults: &mut Faults) {
        let id = text(chunk, "id");
        if !id.is_empty() && !self.id.is_empty() && id != self.id {
            faults.note(kind::ID, &format!("the answer was {} and is {id}", self.id));
        }
        if self.id.is_empty() {
            id.clone_into(&mut self.id);
        }
        let Some(choice) = chunk.get("choices").and_then(|choices| choices.get(0)) else { return };
        let delta = choice.get("delta");
        let said = delta.is_some_and(|delta| {
            !text(delta, "content").is_empty() || delta.get("tool_calls").is_some_and(Value::is_array)
        });
        if self.finished && said {
            faults.note(kind::AFTER_END, "more was said after the finish reason");
        }
        for call in delta.and_then(|delta| delta.get("tool_calls")).and_then(Value::as_array).into_iter().flatten() {
            self.call(call, faults);
        }
        self.finished |= choice.get("finish_reason").is_some_and(|reason| !reason.is_null());
    }

    pub(super) fn end(&self, faults: &mut Faults) {
        if self.room == Some(0) {
            return;
        }
        for call in self.calls.values() {
            is_json(&call.name, &call.arguments, faults);
        }
    }

    fn call(&mut self, piece: &Value, faults: &mut Faults) {
        let place = piece.get("index").and_then(Value::as_u64).unwrap_or(0);
        if !self.calls.contains_key(&place) && self.calls.len() >= MOST_CALLS {
            return;
        }
        let function = piece.get("function").unwrap_or(&Value::Null);
        let (id, name, arguments) = (text(piece, "id"), text(function, "name"), text(function, "arguments"));
        let room = self.room.unwrap_or(ROOM).saturating_sub(arguments.len());
        self.room = Some(room);
        let call = self.calls.entry(place).or_default();
        if !id.is_empty() && !call.id.is_empty() && call.id != id {
            faults.note(kind::ID, &format!("the call was {} and is {id}", call.id));
        }
        if call.id.is_empty() {
            id.clone_into(&mut call.id);
        }
        if call.name.is_empty() {
            name.clone_into(&mut call.name);
        }
        if room > 0 {
            call.arguments.push_str(arguments);
        }
    }
}
