//! How far a backend's stream has come: the part being said, the calls being put together, the tokens of past steps.

use crate::ir::Usage;

/// What kind of thing deltas say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PartKind {
    Reasoning,
    Refusal,
    Summary,
    Text,
}

impl PartKind {
    fn is_thought(self) -> bool {
        matches!(self, Self::Reasoning | Self::Summary)
    }
}

/// The part of the open item that spoke last.
#[derive(Default)]
pub(super) struct Part {
    kind: Option<PartKind>,
    index: u64,
    said: usize,
}

impl Part {
    /// How many bytes of a part have been said.
    pub(super) fn said(&self, kind: PartKind, index: u64) -> usize {
        if self.kind == Some(kind) && self.index == index { self.said } else { 0 }
    }

    /// Whether a thought of this kind says again what the other kind has said already: an item shows its summary or the
    /// reasoning itself, whichever comes first.
    pub(super) fn repeats(&self, kind: PartKind) -> bool {
        self.kind.is_some_and(|known| known != kind && known.is_thought() && kind.is_thought())
    }

    /// Notes that a part says more; true if a thought goes on in another paragraph.
    pub(super) fn extend(&mut self, kind: PartKind, index: u64, bytes: usize) -> bool {
        let same = self.kind == Some(kind);
        let apart = same && kind.is_thought() && self.index != index;
        self.said = if same && self.index == index { self.said + bytes } else { bytes };
        self.kind = Some(kind);
        self.index = index;
        apart
    }
}

/// A call that was announced and is not finished.
struct Slot {
    /// Its number among all calls of the stream.
    number: u32,
    /// How many bytes of its arguments have been said.
    said: usize,
    output_index: Option<u64>,
    id: String,
}

/// The calls that are not finished.
#[derive(Default)]
pub(super) struct Calls {
    open: Vec<Slot>,
    begun: u32,
}

impl Calls {
    /// A new call; its number.
    pub(super) fn open(&mut self, output_index: Option<u64>, id: &str) -> u32 {
        let number = self.begun;
        self.begun += 1;
        self.open.push(Slot { number, said: 0, output_index, id: id.to_owned() });
        number
    }

    /// More arguments of a call, which is a new one if nothing announced it: `rest` makes of how many bytes have been said
    /// what is to be said now. The call's number, and that.
    pub(super) fn extend<'d>(
        &mut self,
        output_index: Option<u64>,
        id: &str,
        rest: impl FnOnce(usize) -> &'d str,
    ) -> (u32, &'d str) {
        if self.place(output_index, id).is_none() {
            self.open(output_index, id);
        }
        let slot = self.place(output_index, id).and_then(|place| self.open.get_mut(place));
        slot.map_or((self.begun, ""), |slot| {
            let news = rest(slot.said);
            slot.said += news.len();
            (slot.number, news)
        })
    }

    /// Forgets a call that came in whole; its slot, if pieces of it came before.
    pub(super) fn close(&mut self, output_index: Option<u64>, id: &str) -> Option<u32> {
        let place = self.place(output_index, id)?;
        Some(self.open.remove(place).number)
    }

    /// Forgets all of them: another step begins.
    pub(super) fn forget(&mut self) {
        self.open.clear();
    }

    /// By index, because ids may be shared or differ between events; by id; or the only one there is.
    fn place(&self, output_index: Option<u64>, id: &str) -> Option<usize> {
        if output_index.is_some() {
            return self.open.iter().position(|slot| slot.output_index == output_index);
        }
        let by_id = self.open.iter().position(|slot| !id.is_empty() && slot.id == id);
        by_id.or_else(|| (self.open.len() == 1).then_some(0))
    }
}

/// Adds up the tokens of an agent's steps: each reports its own.
#[derive(Default)]
pub(super) struct Tally {
    before: Usage,
    step: Usage,
}

impl Tally {
    /// The next step begins.
    pub(super) fn next_step(&mut self) {
        self.before = sum(self.before, std::mem::take(&mut self.step));
    }

    /// All tokens, now that the step has told its own. It may tell them twice.
    pub(super) fn step(&mut self, usage: Usage) -> Usage {
        self.step = usage;
        sum(self.before, usage)
    }
}

fn sum(a: Usage, b: Usage) -> Usage {
    Usage {
        input: a.input.saturating_add(b.input),
        output: a.output.saturating_add(b.output),
        total: a.total.saturating_add(b.total),
        cached: a.cached.saturating_add(b.cached),
        reasoning: a.reasoning.saturating_add(b.reasoning),
    }
}
