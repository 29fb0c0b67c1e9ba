//! The rules of a Responses stream, as far as a sparse server can be held to them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Faults, ROOM, is_json, kind, text};

/// Most items that are remembered.
const MOST_ITEMS: usize = 1_024;

/// What is known of one life of a response; agents that work in steps live several.
#[derive(Default)]
pub(super) struct Responses {
    id: String,
    number: Option<u64>,
    ended: bool,
    items: BTreeMap<String, Item>,
    pub(super) room: Option<usize>,
}

/// An item that has been announced, or of which pieces have come.
#[derive(Default)]
struct Item {
    id: String,
    text: String,
    arguments: String,
    announced: bool,
    done: bool,
}

impl Responses {
    pub(super) fn frame(&mut self, frame: &Value, faults: &mut Faults) {
        let kind = text(frame, "type");
        if kind == "response.created" {
            *self = Self { room: self.room, number: None, ..Self::default() };
        }
        self.numbered(frame, faults);
        // What has no type (MLflow's trace, errors of servers) has no place in the order of events.
        if self.ended && !kind.is_empty() {
            faults.note(kind::AFTER_END, &format!("{kind} after the end"));
        }
        match kind {
            "response.output_item.added" => self.added(frame),
            "response.output_text.delta" | "response.refusal.delta" => self.piece(frame, faults, false),
            "response.function_call_arguments.delta" => self.piece(frame, faults, true),
            "response.output_text.done" => self.whole(frame, text(frame, "text"), false, faults),
            "response.function_call_arguments.done" => self.whole(frame, text(frame, "arguments"), true, faults),
            "response.output_item.done" => self.item_done(frame, faults),
            "response.completed" | "response.incomplete" | "response.failed" => self.over(frame, faults),
            _ => {}
        }
        let id = frame.get("response").map_or("", |response| text(response, "id"));
        if !id.is_empty() && !self.id.is_empty() && id != self.id {
            faults.note(kind::ID, &format!("the response was {} and is {id}", self.id));
        }
        if self.id.is_empty() {
            id.clone_into(&mut self.id);
        }
    }

    pub(super) fn end(&self, faults: &mut Faults) {
        if let Some((_, item)) = self.items.iter().find(|(_, item)| item.announced && !item.done) {
            faults.note(kind::OPEN, &format!("the item {} was announced and never done", item.id));
        }
    }

    /// A server may leave the numbers out, begin anew, or say a frame twice; it may not leave one out.
    fn numbered(&mut self, frame: &Value, faults: &mut Faults) {
        let Some(number) = frame.get("sequence_number").and_then(Value::as_u64) else { return };
        if let Some(last) = self.number
            && number != last
            && number != last + 1
            && number != 0
        {
            faults.note(kind::SEQUENCE, &format!("frame {number} after frame {last}"));
        }
        self.number = Some(number);
    }

    /// What a frame is about: its place in the output, or the id of the item where no places are given.
    fn key(frame: &Value) -> String {
        match frame.get("output_index").and_then(Value::as_u64) {
            Some(place) => place.to_string(),
            None => {
                let id = frame.get("item").map_or_else(|| text(frame, "item_id"), |item| text(item, "id"));
                format!("#{id}")
            }
        }
    }

    fn item(&mut self, frame: &Value) -> Option<&mut Item> {
        let key = Self::key(frame);
        if !self.items.contains_key(&key) && self.items.len() >= MOST_ITEMS {
            return None;
        }
        Some(self.items.entry(key).or_default())
    }

    fn added(&mut self, frame: &Value) {
        let id = frame.get("item").map_or("", |item| text(item, "id")).to_owned();
        if let Some(item) = self.item(frame) {
            item.announced = true;
            item.id = id;
        }
    }

    fn piece(&mut self, frame: &Value, faults: &mut Faults, arguments: bool) {
        let delta = text(frame, "delta");
        let room = self.room.unwrap_or(ROOM).saturating_sub(delta.len());
        self.room = Some(room);
        let Some(item) = self.item(frame) else { return };
        item.named(text(frame, "item_id"), faults);
        if room > 0 {
            let so_far = if arguments { &mut item.arguments } else { &mut item.text };
            so_far.push_str(delta);
        }
    }

    fn whole(&mut self, frame: &Value, whole: &str, arguments: bool, faults: &mut Faults) {
        let full = self.room == Some(0);
        let Some(item) = self.item(frame) else { return };
        item.named(text(frame, "item_id"), faults);
        if full {
            return;
        }
        // Of several parts each has its own whole; together they are what has come so far.
        let (so_far, what) = if arguments { (&item.arguments, "arguments") } else { (&item.text, "text") };
        if !so_far.is_empty() && !so_far.ends_with(whole) {
            faults.note(kind::SUM, &format!("the pieces say {so_far:?}, the whole {what} is {whole:?}"));
        }
        if arguments {
            is_json("a call", whole, faults);
        }
    }

    fn item_done(&mut self, frame: &Value, faults: &mut Faults) {
        let full = self.room == Some(0);
        let Some(done) = frame.get("item") else { return };
        let Some(item) = self.item(frame) else { return };
        item.named(text(done, "id"), faults);
        item.done = true;
        let said: String = parts(done).collect();
        if !full && !item.text.is_empty() && text(done, "type") == "message" && item.text != said {
            faults.note(kind::SUM, &format!("the pieces say {:?}, the whole text is {said:?}", item.text));
        }
        if text(done, "type") == "function_call" {
            let arguments = text(done, "arguments");
            if !full && !item.arguments.is_empty() && item.arguments != arguments {
                faults.note(
                    kind::SUM,
                    &format!("the pieces say {:?}, the whole arguments are {arguments:?}", item.arguments),
                );
            }
            is_json(text(done, "name"), arguments, faults);
        }
        // Without places an id may come again: a server that has one id for all of its messages.
        if frame.get("output_index").is_none() {
            item.text.clear();
            item.arguments.clear();
        }
    }

    fn over(&mut self, frame: &Value, faults: &mut Faults) {
        self.ended = true;
        // Items that the final response holds are done, said or not.
        let output = frame.get("response").and_then(|response| response.get("output")).and_then(Value::as_array);
        for done in output.into_iter().flatten() {
            let id = text(done, "id");
            for item in self.items.values_mut().filter(|item| item.id == id) {
                item.done = true;
            }
        }
        if text(frame, "type") == "response.completed" {
            self.end(faults);
        }
    }
}

impl Item {
    /// Notes the id that a frame calls it by.
    fn named(&mut self, id: &str, faults: &mut Faults) {
        if !id.is_empty() && !self.id.is_empty() && self.id != id {
            faults.note(kind::ID, &format!("the item was {} and is {id}", self.id));
        }
        if self.id.is_empty() {
            id.clone_into(&mut self.id);
        }
    }
}

/// The texts of a message.
fn parts(item: &Value) -> impl Iterator<Item = &str> {
    let content = item.get("content").and_then(Value::as_array).into_iter().flatten();
    content.map(|part| if part.get("refusal").is_some() { text(part, "refusal") } else { text(part, "text") })
}
