//! Messages: pieces and wholes of them become one item each, in which nothing is said twice.

use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_128;

use super::{Assembler, Emit, Open};
use crate::ir::{Event, Json, Output, Piece};

impl Assembler {
    pub(super) fn text(&mut self, item: Option<&str>, delta: &str, emit: &mut dyn Emit) {
        if delta.is_empty() {
            return;
        }
        self.release(emit);
        if self.refuses() {
            self.supersede(emit);
        }
        let index = self.open_message(item, emit);
        if let Some(Output { piece: Piece::Message { text, .. }, .. }) = self.answer.items.get_mut(index) {
            text.push_str(delta);
            emit.event(&Event::Text { index, delta }, &self.answer);
        }
    }

    pub(super) fn refusal(&mut self, item: Option<&str>, delta: &str, emit: &mut dyn Emit) {
        if delta.is_empty() {
            return;
        }
        self.release(emit);
        let index = self.open_message(item, emit);
        if let Some(Output { piece: Piece::Message { refusal, .. }, .. }) = self.answer.items.get_mut(index) {
            refusal.push_str(delta);
            emit.event(&Event::Refusal { index, delta }, &self.answer);
        }
    }

    /// Whether the open message has begun to refuse: what is said after that is another message, so that in every message
    /// the text stands before the refusal.
    fn refuses(&self) -> bool {
        let Some(Open::Message { index, .. }) = self.open else { return false };
        let message = self.answer.items.get(index).map(|item| &item.piece);
        matches!(message, Some(Piece::Message { refusal, .. }) if !refusal.is_empty())
    }

    pub(super) fn annotation(&mut self, annotation: &RawValue, emit: &mut dyn Emit) {
        if self.refuses() {
            return;
        }
        let Some(Open::Message { index, .. }) = self.open else { return };
        let Some(Output { piece: Piece::Message { annotations, .. }, .. }) = self.answer.items.get_mut(index) else {
            return;
        };
        if !self.cited.insert(xxh3_128(annotation.get().as_bytes())) {
            return;
        }
        annotations.push(annotation.to_owned());
        emit.event(&Event::Annotation { index, annotation }, &self.answer);
    }

    /// A message in whole: emits what the deltas had not said yet and closes it. Says nothing if it had been said before.
    pub(super) fn message(
        &mut self,
        item: Option<&str>,
        whole: &str,
        refused: &str,
        annotations: Vec<Json<'_>>,
        emit: &mut dyn Emit,
    ) {
        self.release(emit);
        let known = self.said(item, whole, refused);
        if known.is_none() {
            if self.was_said(item, whole) {
                self.early = None;
                return;
            }
            self.close(true, emit);
            self.open_message(item, emit);
        }
        let open = match &self.open {
            Some(Open::Message { item, .. }) => item.clone(),
            _ => None,
        };
        self.attach(item);
        let (text, refusal) = known.unwrap_or((0, 0));
        self.text(open.as_deref(), whole.get(text..).unwrap_or_default(), emit);
        for annotation in annotations {
            self.annotation(&annotation, emit);
        }
        self.refusal(open.as_deref(), refused.get(refusal..).unwrap_or_default(), emit);
        self.close(true, emit);
    }

    /// How much of a whole message's text and refusal the open message has said; `None` if that is another message.
    fn said(&self, item: Option<&str>, whole: &str, refused: &str) -> Option<(usize, usize)> {
        let Some(Open::Message { index, item: open }) = &self.open else { return None };
        let Some(Piece::Message { text, refusal, .. }) = self.answer.items.get(*index).map(|item| &item.piece) else {
            return None;
        };
        // Streamed text wins over a whole that says otherwise: the client has read it already.
        let rest = |whole: &str, said: &str| if whole.starts_with(said) { said.len() } else { whole.len() };
        let same = item.is_some() && item == open.as_deref();
        (same || whole.starts_with(text.as_str())).then(|| (rest(whole, text), rest(refused, refusal)))
    }

    /// Whether a whole message is one that was streamed already and closed because something else began.
    fn was_said(&mut self, item: Option<&str>, whole: &str) -> bool {
        let Some(item) = item else { return false };
        let Some(index) = self.superseded.remove(item) else { return false };
        let text = self.answer.items.get(index).and_then(|item| item.piece.text());
        text.is_some_and(|text| whole.starts_with(text))
    }

    /// The open message, or a new one; a new name means a new message.
    fn open_message(&mut self, item: Option<&str>, emit: &mut dyn Emit) -> usize {
        if let Some(Open::Message { index, item: open }) = &self.open
            && (item.is_none() || open.is_none() || open.as_deref() == item)
        {
            return *index;
        }
        self.supersede(emit);
        let piece = Piece::Message { text: String::new(), refusal: String::new(), annotations: Vec::new() };
        let own = self.early_of(item);
        let index = self.begin(piece, own, emit);
        self.open = Some(Open::Message { index, item: item.map(str::to_owned) });
        self.cited.clear();
        index
    }
}
