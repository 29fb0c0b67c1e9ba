//! From loose fragments to strict events: one item after another, nothing twice, exactly one end.
//!
//! Everything that backends do differently and clients must not see is levelled here, once for all dialects: deltas
//! only, whole items only, or both; ids missing, shared or changing; interleaved tool calls; calls without arguments;
//! tools that the agent ran itself; a missing end.

use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_128;

use super::{Answer, Event, Finish, Fragment, Output, OwnField, Piece};
use crate::error::{Error, Kind};

mod calls;
mod defer;
mod growing;
mod messages;
mod own;
mod pending;

use calls::Shown;
use own::Early;
pub use pending::Calls;
use pending::Queue;

/// Where events go, each with the answer as it stands after it.
pub trait Emit {
    /// Takes in one event.
    fn event(&mut self, event: &Event<'_>, answer: &Answer);
}

impl<F: FnMut(&Event<'_>, &Answer)> Emit for F {
    fn event(&mut self, event: &Event<'_>, answer: &Answer) {
        self(event, answer);
    }
}

/// Builds an [`Answer`] and emits its [`Event`]s.
pub struct Assembler {
    answer: Answer,
    open: Option<Open>,
    queue: Queue,
    /// The calls that have been shown, by id.
    shown: HashMap<String, Shown>,
    /// Messages that were closed because something else began, before the backend said that they were done.
    superseded: HashMap<String, usize>,
    /// Hashes of the open message's annotations and of all items that nobody knows: said twice they are still one.
    cited: HashSet<u128>,
    opaque: HashSet<u128>,
    /// What came while a call was open; it follows when the call is closed.
    deferred: Vec<Fragment<'static>>,
    /// A field that came before the item that it belongs to.
    early: Option<Early>,
    finish: Option<Finish>,
    room: usize,
    ended: bool,
    /// Set while the answer waits for the backend's name of it: what our ids of this backend begin with.
    unnamed: Option<String>,
}

/// The item that may still grow.
enum Open {
    Message {
        index: usize,
        item: Option<String>,
    },
    Reasoning {
        index: usize,
        item: Option<String>,
    },
    /// A call; its place in the queue, if it is there.
    Call {
        index: usize,
        place: Option<usize>,
    },
}

impl Open {
    fn index(&self) -> usize {
        match self {
            Self::Message { index, .. } | Self::Reasoning { index, .. } | Self::Call { index, .. } => *index,
        }
    }
}

impl Assembler {
    /// An assembler for an answer with this `seed` and creation time (seconds), of at most `limit` bytes of content.
    #[must_use]
    pub fn new(seed: String, created: u64, calls: Calls, limit: usize) -> Self {
        Self {
            answer: Answer { seed, created, ..Answer::default() },
            open: None,
            queue: Queue::new(calls),
            shown: HashMap::new(),
            superseded: HashMap::new(),
            cited: HashSet::new(),
            opaque: HashSet::new(),
            deferred: Vec::new(),
            early: None,
            finish: None,
            room: limit,
            ended: false,
            unnamed: None,
        }
    }

    /// Names the answer after the backend's own id of it, so that it can be found again, behind `tag`. It starts when the
    /// backend has said the id, or anything else.
    #[must_use]
    pub fn named_behind(mut self, tag: String) -> Self {
        self.unnamed = Some(tag);
        self
    }

    /// The answer so far.
    #[must_use]
    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    /// The answer, when nothing more will come.
    #[must_use]
    pub fn into_answer(self) -> Answer {
        self.answer
    }

    /// The answer, which has ended, leaving an empty one in its place.
    #[must_use]
    pub fn take_answer(&mut self) -> Answer {
        std::mem::take(&mut self.answer)
    }

    /// Whether the answer has come to its end, well or not.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// The backend took the request.
    pub fn start(&mut self, emit: &mut dyn Emit) {
        if self.unnamed.is_none() {
            emit.event(&Event::Started, &self.answer);
        }
    }

    /// Starts an answer that waited for its name.
    fn start_named(&mut self, id: Option<&str>, emit: &mut dyn Emit) {
        /// Ids of ours are not longer than 64 characters, `resp_` and the tag included.
        const LONGEST: usize = 48;
        let Some(tag) = self.unnamed.take() else { return };
        let own = id.and_then(|id| id.strip_prefix("resp_"));
        let usable = |own: &&str| own.len() <= LONGEST && own.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if let Some(own) = own.filter(usable) {
            self.answer.seed = tag + own;
        }
        emit.event(&Event::Started, &self.answer);
    }

    /// Takes in one fragment. After the end nothing has any effect.
    pub fn push(&mut self, fragment: Fragment<'_>, emit: &mut dyn Emit) {
        if self.ended {
            return;
        }
        if let Fragment::Begin { id } = &fragment {
            self.start_named(id.as_deref(), emit);
        } else {
            self.start_named(None, emit);
        }
        if let Err(error) = self.take_room(&fragment) {
            return self.fail(error, emit);
        }
        if let Some(fragment) = self.defer(fragment, emit) {
            self.take(fragment, emit);
        }
    }

    fn take(&mut self, fragment: Fragment<'_>, emit: &mut dyn Emit) {
        match fragment {
            Fragment::Begin { id } => self.answer.upstream_id = id.map(super::Str::into_string),
            Fragment::Text { item, delta } => self.text(item.as_deref(), &delta, emit),
            Fragment::Refusal { item, delta } => self.refusal(item.as_deref(), &delta, emit),
            Fragment::Reasoning { item, delta } => self.reasoning(item.as_deref(), &delta, emit),
            Fragment::Annotation { annotation } => self.annotation(&annotation, emit),
            Fragment::Message { item, text, refusal, annotations } => {
                let refusal = refusal.as_deref().unwrap_or_default();
                self.message(item.as_deref(), &text, refusal, annotations, emit);
            }
            Fragment::Thought { item, text, encrypted } => {
                self.thought(item.as_deref(), &text, encrypted.map(super::Str::into_string), emit);
            }
            Fragment::CallStart { slot, call_id, name } => {
                self.name_slot(slot, call_id.as_deref(), name.as_deref());
                self.pump(emit);
            }
            Fragment::CallArguments { slot, delta } => {
                self.extend_slot(slot, &delta);
                self.pump(emit);
            }
            Fragment::Call { slot, call_id, name, arguments } => {
                self.whole_call(slot, &call_id, &name, &arguments);
                self.pump(emit);
            }
            Fragment::CallOutput { call_id, name, output } => {
                self.call_output(&call_id, name.as_deref(), output.into_string(), emit);
            }
            Fragment::Own { item, key, value } => self.own(item.as_deref(), (key, value.into_owned())),
            Fragment::Opaque { kind, raw } => {
                self.answer.unknown = self.answer.unknown.saturating_add(1);
                self.opaque(kind.into_string(), raw.into_owned(), emit);
            }
            Fragment::Unknown => self.answer.unknown = self.answer.unknown.saturating_add(1),
            Fragment::CustomOutputs(outputs) => self.answer.custom_outputs = Some(outputs.into_owned()),
            Fragment::Databricks(output) => self.answer.databricks = Some(output.into_owned()),
            Fragment::Trace(id) => self.answer.traced(id.into_string()),
            Fragment::Conversation(name) => self.answer.conversation = Some(name.into_string()),
            Fragment::Usage(usage) => self.answer.usage = Some(usage),
            Fragment::Finish(finish) => self.finish = Some(finish),
            Fragment::Waiting(status) => {
                self.answer.waiting = Some(status.into_string());
                self.ended = true;
            }
            Fragment::Done => self.done(emit),
            Fragment::Failed(error) => self.fail(error, emit),
        }
    }

    /// Ends the answer as failed.
    pub fn fail(&mut self, error: Error, emit: &mut dyn Emit) {
        if self.ended {
            return;
        }
        self.start_named(None, emit);
        self.ended = true;
        emit.event(&Event::Failed(&error), &self.answer);
        self.answer.failure = Some(error);
    }

    /// What an item or a citation takes beside its text.
    const ITEM: usize = 1024;

    /// An answer is not allowed to grow without bound.
    fn take_room(&mut self, fragment: &Fragment<'_>) -> Result<(), Error> {
        // What is kept for each fragment beside its text, ids of an ordinary length included.
        const OVERHEAD: usize = 8;
        let bytes = OVERHEAD
            + fragment.names().into_iter().flatten().map(|name| name.len().saturating_sub(64)).sum::<usize>()
            + match fragment {
                Fragment::Text { delta, .. }
                | Fragment::Refusal { delta, .. }
                | Fragment::Reasoning { delta, .. }
                | Fragment::CallArguments { delta, .. } => delta.len(),
                Fragment::Message { text, refusal, annotations, .. } => {
                    let refusal = refusal.as_deref().map_or(0, str::len);
                    text.len() + refusal + annotations.iter().map(|annotation| annotation.get().len()).sum::<usize>()
                }
                Fragment::Thought { text, encrypted, .. } => text.len() + encrypted.as_deref().map_or(0, str::len),
                Fragment::Call { arguments, .. } => arguments.len(),
                Fragment::CallOutput { output, .. } => output.len(),
                Fragment::Opaque { raw, .. } => raw.get().len(),
                Fragment::Own { value, .. } => value.get().len(),
                Fragment::Annotation { annotation } => Self::ITEM + annotation.get().len(),
                _ => 0,
            };
        self.room = self.room.checked_sub(bytes).ok_or_else(|| {
            Error::new(Kind::BackendGarbage, "the backend's answer is larger than this gateway holds")
        })?;
        Ok(())
    }

    fn reasoning(&mut self, item: Option<&str>, delta: &str, emit: &mut dyn Emit) {
        if delta.is_empty() {
            return;
        }
        let index = self.open_reasoning(item, emit);
        if let Some(Output { piece: Piece::Reasoning { text, .. }, .. }) = self.answer.items.get_mut(index) {
            text.push_str(delta);
            emit.event(&Event::Reasoning { index, delta }, &self.answer);
        }
    }

    fn thought(&mut self, item: Option<&str>, whole: &str, sealed: Option<String>, emit: &mut dyn Emit) {
        let said = match &self.open {
            Some(Open::Reasoning { index, .. }) => match self.answer.items.get(*index).map(|item| &item.piece) {
                Some(Piece::Reasoning { text, .. }) if whole.starts_with(text.as_str()) => text.len(),
                Some(Piece::Reasoning { .. }) => whole.len(),
                _ => 0,
            },
            _ => 0,
        };
        let index = self.open_reasoning(item, emit);
        if let Some(Output { piece: Piece::Reasoning { encrypted, .. }, .. }) = self.answer.items.get_mut(index) {
            *encrypted = sealed;
        }
        self.reasoning(item, whole.get(said..).unwrap_or_default(), emit);
        self.close(true, emit);
    }

    fn open_reasoning(&mut self, item: Option<&str>, emit: &mut dyn Emit) -> usize {
        if let Some(Open::Reasoning { index, item: open }) = &self.open
            && (item.is_none() || open.is_none() || open.as_deref() == item)
        {
            return *index;
        }
        self.supersede(emit);
        let index = self.begin(Piece::Reasoning { text: String::new(), encrypted: None }, None, emit);
        self.open = Some(Open::Reasoning { index, item: item.map(str::to_owned) });
        index
    }

    /// An item that nobody knows; said twice it is still one.
    fn opaque(&mut self, kind: String, raw: Box<RawValue>, emit: &mut dyn Emit) {
        if self.opaque.insert(xxh3_128(raw.get().as_bytes())) {
            self.single(Piece::Opaque { kind, raw }, None, emit);
        }
    }

    /// An item that comes in one piece.
    fn single(&mut self, piece: Piece, own: Option<OwnField>, emit: &mut dyn Emit) {
        self.supersede(emit);
        let index = self.begin(piece, own, emit);
        if let Some(item) = self.answer.items.get_mut(index) {
            item.complete = true;
        }
        emit.event(&Event::ItemDone { index }, &self.answer);
    }

    fn begin(&mut self, piece: Piece, own: Option<OwnField>, emit: &mut dyn Emit) -> usize {
        let index = self.answer.items.len();
        self.room = self.room.saturating_sub(Self::ITEM);
        self.answer.items.push(Output { piece, own, complete: false });
        emit.event(&Event::ItemStarted { index }, &self.answer);
        index
    }

    /// Closes the open item because another one begins, and remembers a message that was not said to be done.
    fn supersede(&mut self, emit: &mut dyn Emit) {
        if let Some(Open::Message { index, item: Some(item) }) = &self.open {
            self.superseded.insert(item.clone(), *index);
        }
        self.close(true, emit);
    }

    fn close(&mut self, complete: bool, emit: &mut dyn Emit) {
        let Some(open) = self.open.take() else { return };
        let index = open.index();
        if let Some(item) = self.answer.items.get_mut(index) {
            item.complete = complete;
        }
        emit.event(&Event::ItemDone { index }, &self.answer);
        if matches!(open, Open::Call { .. }) {
            self.resume(emit);
        }
    }

    fn done(&mut self, emit: &mut dyn Emit) {
        let finish = self.finish.unwrap_or(Finish::Stop);
        let cut = matches!(finish, Finish::Length | Finish::ContentFilter);
        self.flush_calls(cut, emit);
        if cut && matches!(self.open, Some(Open::Call { .. })) {
            // The call was cut off, and what is cut off is the last.
            self.deferred.clear();
        }
        self.close(!cut, emit);
        self.answer.finish = Some(finish);
        self.ended = true;
        emit.event(&Event::Finished, &self.answer);
    }
}

#[cfg(test)]
mod tests;
