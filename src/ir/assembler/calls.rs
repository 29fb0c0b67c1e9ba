//! Tool calls on their way out: one at a time, whole arguments, and the agent's own kept apart from the client's.

use super::{Assembler, Emit, Open};
use crate::ir::{AgentCall, Event, Output, Piece, legal};

/// What is done with tool calls.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// Hold calls back until it is clear whether the agent ran them itself: a client must never run a tool a second
    /// time. False for clients that want to see the agent's own calls as they happen.
    pub hold: bool,
    /// Tools that the client declared: calls of these are for the client and need no holding back.
    pub declared: Vec<String>,
}

impl Calls {
    /// The name under which the client declared the tool that a backend calls `name`.
    fn declared_as(&self, name: &str) -> Option<&str> {
        let declared = || self.declared.iter().map(String::as_str);
        declared().find(|known| *known == name).or_else(|| declared().find(|known| legal::tool_name(known) == *name))
    }
}

/// A call that is being put together.
#[derive(Debug, Default)]
pub(super) struct Pending {
    slot: Option<u32>,
    pub(super) call_id: String,
    pub(super) name: String,
    pub(super) arguments: String,
    /// How much of the arguments has been emitted.
    sent: usize,
    /// Its place in the answer, once it has been started.
    pub(super) index: Option<usize>,
    /// Nothing more will come.
    whole: bool,
    pub(super) closed: bool,
}

impl Pending {
    /// Takes in what is newly known; what is known already stays (names that repeat or turn empty are not news).
    pub(super) fn name_it(&mut self, call_id: Option<&str>, name: Option<&str>) {
        if self.index.is_some() {
            return;
        }
        if let Some(call_id) = call_id.filter(|id| !id.is_empty()) {
            call_id.clone_into(&mut self.call_id);
        }
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            name.clone_into(&mut self.name);
        }
    }

    /// Nothing says that it is in pieces.
    fn may_be_whole(&self) -> bool {
        self.arguments.is_empty() || self.arguments_are_json()
    }

    fn arguments_are_json(&self) -> bool {
        serde_json::from_str::<serde::de::IgnoredAny>(&self.arguments).is_ok()
    }
}

impl Assembler {
    /// More is known of the call of a slot.
    pub(super) fn name_slot(&mut self, slot: u32, call_id: Option<&str>, name: Option<&str>) {
        let place = self.slot(slot);
        if let Some(call) = self.pending.get_mut(place) {
            call.name_it(call_id, name.map(|name| self.calls.declared_as(name).unwrap_or(name)));
        }
    }

    /// More arguments of the call of a slot.
    pub(super) fn extend_slot(&mut self, slot: u32, delta: &str) {
        let place = self.slot(slot);
        if let Some(call) = self.pending.get_mut(place) {
            call.arguments.push_str(delta);
        }
    }

    /// The place of a slot's call, new if there is none that still grows.
    fn slot(&mut self, slot: u32) -> usize {
        self.pending.iter().position(|call| call.slot == Some(slot) && !call.whole).unwrap_or_else(|| {
            self.pending.push(Pending { slot: Some(slot), ..Pending::default() });
            self.room = self.room.saturating_sub(Self::ITEM);
            self.pending.len() - 1
        })
    }

    /// A call in whole: completes the pieces that came before, or is new.
    pub(super) fn whole_call(&mut self, slot: Option<u32>, call_id: &str, name: &str, arguments: &str) {
        let same_id = |call: &Pending| !call_id.is_empty() && call.call_id == call_id;
        // Agents repeat whole messages; a call that is known in whole, shown or still held, is no second one.
        if self.pending.iter().any(|call| (call.closed || call.whole) && same_id(call)) {
            return;
        }
        let known =
            self.pending.iter_mut().find(|call| !call.whole && (slot.is_some() && call.slot == slot || same_id(call)));
        if let Some(call) = known {
            call.name_it(Some(call_id), Some(self.calls.declared_as(name).unwrap_or(name)));
            if arguments.starts_with(&call.arguments) {
                arguments.clone_into(&mut call.arguments);
            }
            call.whole = true;
        } else {
            let mut call = Pending { slot, whole: true, arguments: arguments.to_owned(), ..Pending::default() };
            call.name_it(Some(call_id), Some(self.calls.declared_as(name).unwrap_or(name)));
            self.room = self.room.saturating_sub(Self::ITEM);
            self.pending.push(call);
        }
    }

    /// Emits what can be emitted: the first unfinished call that is free to go, then the next.
    pub(super) fn pump(&mut self, emit: &mut dyn Emit) {
        for place in 0..self.pending.len() {
            if !self.advance(place, false, emit) {
                return;
            }
        }
    }

    /// Something other than a call came: whole calls of declared tools cannot get an output any more.
    pub(super) fn release(&mut self, emit: &mut dyn Emit) {
        if self.pending.iter().all(|call| call.closed) {
            return;
        }
        for place in 0..self.pending.len() {
            let free = self.pending.get(place).is_some_and(|call| {
                (call.whole && self.is_declared(&call.name)) || (call.index.is_some() && call.arguments_are_json())
            });
            if free {
                self.advance(place, true, emit);
            }
        }
    }

    /// Closes the open call, the item at `index`, if its arguments are whole or if this is the output of it.
    pub(super) fn settle(&mut self, index: usize, output_of: Option<&str>, emit: &mut dyn Emit) {
        let Some(place) = self.pending.iter().position(|call| call.index == Some(index)) else { return };
        let Some(call) = self.pending.get_mut(place) else { return };
        call.whole |= output_of.is_some_and(|call_id| call_id == call.call_id);
        if call.whole || call.arguments_are_json() {
            self.advance(place, true, emit);
        }
    }

    /// The answer ends: every call that is still held is for the client. If it was cut off, the last one may be in pieces.
    pub(super) fn flush_calls(&mut self, cut: bool, emit: &mut dyn Emit) {
        for place in 0..self.pending.len() {
            let last = place + 1 == self.pending.len();
            if let Some(call) = self.pending.get_mut(place) {
                call.whole |= !cut || (!last && call.may_be_whole());
            }
            self.advance(place, true, emit);
        }
    }

    /// The agent ran a tool itself: its call, if it was held back, and what the tool said.
    pub(super) fn call_output(&mut self, call_id: &str, name: Option<&str>, output: String, emit: &mut dyn Emit) {
        let held = self.pending.iter().position(|call| !call.closed && call.index.is_none() && call.call_id == call_id);
        let mut tool = name.map(str::to_owned);
        if let Some(place) = held {
            let call = self.pending.remove(place);
            tool = tool.or_else(|| Some(call.name.clone()));
            self.agents_call(&call, emit);
        } else {
            for item in &mut self.answer.items {
                if let Piece::Call { call_id: id, name, by, .. } = &mut item.piece {
                    if id == call_id && !self.calls.hold {
                        *by = AgentCall::Agent;
                    }
                    if id == call_id {
                        tool = tool.or_else(|| Some(name.clone()));
                    }
                }
            }
        }
        let name = tool.unwrap_or_else(|| "tool".to_owned());
        self.single(Piece::CallOutput { call_id: call_id.to_owned(), name, output }, emit);
    }

    /// A call that the agent ran itself, in one go.
    pub(super) fn agents_call(&mut self, call: &Pending, emit: &mut dyn Emit) {
        self.supersede(emit);
        let index = self.start_call(&call.call_id, &call.name, AgentCall::Agent, emit);
        self.extend_call(index, if call.arguments.is_empty() { "{}" } else { &call.arguments }, emit);
        self.close(true, emit);
    }

    /// Moves one call on; true when it is out of the way of the next one.
    fn advance(&mut self, place: usize, released: bool, emit: &mut dyn Emit) -> bool {
        let others_wait = self.pending.iter().skip(place + 1).any(|call| !call.closed);
        let Some(call) = self.pending.get(place) else { return true };
        if call.closed {
            return true;
        }
        let index = match call.index {
            Some(index) => index,
            None if !self.may_start(call, released) => return self.calls.hold,
            None => {
                let (call_id, name) = (self.known_id(place), call.name.clone());
                self.supersede(emit);
                let index = self.start_call(&call_id, &name, AgentCall::Client, emit);
                if let Some(call) = self.pending.get_mut(place) {
                    call.call_id = call_id;
                    call.index = Some(index);
                }
                index
            }
        };
        let Some(call) = self.pending.get_mut(place) else { return true };
        let ends = call.whole || ((others_wait || released) && call.arguments_are_json());
        if ends && call.arguments.is_empty() {
            call.arguments.push_str("{}");
        }
        let news = call.arguments.get(call.sent..).unwrap_or_default().to_owned();
        call.sent = call.arguments.len();
        call.closed = ends;
        self.extend_call(index, &news, emit);
        if ends {
            self.close(true, emit);
        }
        ends
    }

    /// Whether a call may be shown: it has a name and an id, no other item is half said, and it is for the client. Pieces
    /// that nobody ever names are no call: there is nothing to run.
    fn may_start(&self, call: &Pending, released: bool) -> bool {
        let known = !call.name.is_empty() && (released || call.whole || !call.call_id.is_empty());
        let busy = matches!(self.open, Some(Open::Call { .. }));
        let free = released || !self.calls.hold || (!call.whole && self.is_declared(&call.name));
        known && free && !busy
    }

    fn is_declared(&self, name: &str) -> bool {
        self.calls.declared.iter().any(|declared| declared == name)
    }

    /// The backend's call id, or one of ours where it gave none.
    fn known_id(&self, place: usize) -> String {
        match self.pending.get(place).map(|call| call.call_id.as_str()) {
            Some(id) if !id.is_empty() => id.to_owned(),
            _ => format!("call_{}{}", self.answer.seed, self.answer.items.len()),
        }
    }

    fn start_call(&mut self, call_id: &str, name: &str, by: AgentCall, emit: &mut dyn Emit) -> usize {
        let (call_id, name) = (call_id.to_owned(), name.to_owned());
        let index = self.begin(Piece::Call { call_id, name, arguments: String::new(), by }, emit);
        self.open = Some(Open::Call { index });
        index
    }

    fn extend_call(&mut self, index: usize, delta: &str, emit: &mut dyn Emit) {
        if delta.is_empty() {
            return;
        }
        if let Some(Output { piece: Piece::Call { arguments, .. }, .. }) = self.answer.items.get_mut(index) {
            arguments.push_str(delta);
            emit.event(&Event::Arguments { index, delta }, &self.answer);
        }
    }
}
