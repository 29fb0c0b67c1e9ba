//! Tool calls on their way out: one at a time, whole arguments, and the agent's own kept apart from the client's.

use super::pending::Pending;
use super::{Assembler, Emit, Open};
use crate::ir::{AgentCall, Event, Output, Piece};

/// The calls of one id that have been shown.
#[derive(Default)]
pub(super) struct Shown {
    name: String,
    /// Those that count as the client's, by their place in the answer.
    clients: Vec<usize>,
}

impl Assembler {
    /// More is known of the call of a slot.
    pub(super) fn name_slot(&mut self, slot: u32, call_id: Option<&str>, name: Option<&str>) {
        let place = self.slot(slot);
        self.queue.name(place, call_id, name);
    }

    /// More arguments of the call of a slot.
    pub(super) fn extend_slot(&mut self, slot: u32, delta: &str) {
        let place = self.slot(slot);
        self.queue.extend(place, delta);
    }

    /// The place of a slot's call, new if there is none that still grows.
    fn slot(&mut self, slot: u32) -> usize {
        let (place, new) = self.queue.slot(slot);
        if new {
            self.room = self.room.saturating_sub(Self::ITEM);
        }
        place
    }

    /// A call in whole: completes the pieces that came before, or is new.
    pub(super) fn whole_call(&mut self, slot: Option<u32>, call_id: &str, name: &str, arguments: &str) {
        // Agents repeat whole messages; a call that is known in whole, shown or still held, is no second one.
        if self.queue.is_settled(call_id) {
            return;
        }
        let place = self.queue.begun(slot, call_id).unwrap_or_else(|| {
            self.room = self.room.saturating_sub(Self::ITEM);
            self.queue.push(None)
        });
        self.queue.name(place, Some(call_id), Some(name));
        self.queue.complete(place, arguments);
    }

    /// Emits what can be emitted: more of the open call, then the calls that are free to go.
    pub(super) fn pump(&mut self, emit: &mut dyn Emit) {
        while let Some(place) = self.open_call().or_else(|| self.queue.next()) {
            if !self.advance(place, false, emit) {
                return;
            }
        }
    }

    /// Something other than a call came: whole calls of declared tools cannot get an output any more.
    pub(super) fn release(&mut self, emit: &mut dyn Emit) {
        if let Some(place) = self.open_call()
            && self.queue.get(place).is_some_and(|call| call.whole || call.has_json())
        {
            self.advance(place, true, emit);
        }
        while let Some(place) = self.queue.next_released() {
            if !self.advance(place, true, emit) {
                return;
            }
        }
    }

    /// Closes the open call if its arguments are whole or if this is the output of it.
    pub(super) fn settle(&mut self, output_of: Option<&str>, emit: &mut dyn Emit) {
        let Some(place) = self.open_call() else { return };
        let Some(call) = self.queue.get(place) else { return };
        let answered = output_of.is_some_and(|call_id| call_id == call.call_id);
        if answered || call.whole || call.has_json() {
            if answered {
                self.queue.end(place);
            }
            self.advance(place, true, emit);
        }
    }

    /// The answer ends: every call that is still held is for the client. If it was cut off, the last one may be in pieces.
    pub(super) fn flush_calls(&mut self, cut: bool, emit: &mut dyn Emit) {
        for place in self.open_call().into_iter().chain(self.queue.live()) {
            if !self.queue.is_live(place) {
                continue;
            }
            let last = self.queue.is_last(place);
            let Some(call) = self.queue.get(place) else { continue };
            if !cut || (!last && call.may_be_whole()) {
                self.queue.end(place);
            }
            self.advance(place, true, emit);
        }
    }

    /// The agent ran a tool itself: its call, if it was held back, and what the tool said.
    pub(super) fn call_output(&mut self, call_id: &str, name: Option<&str>, output: String, emit: &mut dyn Emit) {
        let held = self.queue.take_held(call_id);
        let shown = self.shown.get_mut(call_id).filter(|_| held.is_none());
        let called = held.as_ref().map(|call| &call.name).or(shown.as_ref().map(|shown| &shown.name));
        let known = name.or(called.map(String::as_str)).filter(|name| !name.is_empty());
        let name = known.unwrap_or("tool").to_owned();
        if let Some(shown) = shown.filter(|_| !self.queue.holds()) {
            for index in shown.clients.drain(..) {
                if let Some(Output { piece: Piece::Call { by, .. }, .. }) = self.answer.items.get_mut(index) {
                    *by = AgentCall::Agent;
                }
            }
            self.queue.answered(call_id);
        }
        if let Some(call) = held {
            let called = if call.name.is_empty() { &name } else { &call.name };
            self.agents_call(&call.call_id, called, call.arguments(), emit);
        }
        let own = self.early_of(Some(call_id));
        self.single(Piece::CallOutput { call_id: call_id.to_owned(), name, output }, own, emit);
    }

    /// A call that the agent ran itself, in one go.
    fn agents_call(&mut self, call_id: &str, name: &str, arguments: &str, emit: &mut dyn Emit) {
        self.supersede(emit);
        let index = self.start_call(None, call_id, name, AgentCall::Agent, emit);
        self.extend_call(index, if arguments.is_empty() { "{}" } else { arguments }, emit);
        self.close(true, emit);
    }

    /// The place of the open call in the queue.
    fn open_call(&self) -> Option<usize> {
        match self.open {
            Some(Open::Call { place, .. }) => place,
            _ => None,
        }
    }

    /// Moves one call on; true when it has been closed and so is out of the way of the next one.
    fn advance(&mut self, place: usize, released: bool, emit: &mut dyn Emit) -> bool {
        let followed = self.queue.is_followed(place);
        let Some(index) = self.started(place, emit) else { return false };
        let Some(call) = self.queue.get(place) else { return false };
        let ends = call.whole || ((followed || released) && call.has_json());
        if ends && call.arguments().is_empty() {
            self.queue.extend(place, "{}");
        }
        let news = self.queue.get(place).map(Pending::news).unwrap_or_default();
        if ends {
            self.queue.close(place);
        }
        self.extend_call(index, &news, emit);
        if ends {
            self.close(true, emit);
        }
        ends
    }

    /// The place of a call in the answer, in which it is started if it can be: it has a name, and no other call is half
    /// said. Pieces that nobody ever names are no call: there is nothing to run.
    fn started(&mut self, place: usize, emit: &mut dyn Emit) -> Option<usize> {
        let call = self.queue.get(place)?;
        if call.index.is_some() {
            return call.index;
        }
        if call.name.is_empty() || matches!(self.open, Some(Open::Call { .. })) {
            return None;
        }
        let (name, mut call_id) = (call.name.clone(), call.call_id.clone());
        self.supersede(emit);
        if call_id.is_empty() {
            call_id = format!("call_{}{}", self.answer.seed, self.answer.items.len());
        }
        let index = self.start_call(Some(place), &call_id, &name, AgentCall::Client, emit);
        self.queue.start(place, index, call_id);
        Some(index)
    }

    fn start_call(
        &mut self,
        place: Option<usize>,
        call_id: &str,
        name: &str,
        by: AgentCall,
        emit: &mut dyn Emit,
    ) -> usize {
        let piece = Piece::Call { call_id: call_id.to_owned(), name: name.to_owned(), arguments: String::new(), by };
        let index = self.begin(piece, None, emit);
        self.open = Some(Open::Call { index, place });
        let shown = self.shown.entry(call_id.to_owned()).or_default();
        if shown.name.is_empty() {
            name.clone_into(&mut shown.name);
        }
        if by == AgentCall::Client {
            shown.clients.push(index);
        }
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
