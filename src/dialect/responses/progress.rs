//! How far a backend's stream has come: the part being said, the calls being put together, the tokens of past steps.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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
    /// How many bytes of its arguments have been said.
    said: usize,
    output_index: Option<u64>,
    id: String,
}

/// The calls that are not finished, by their number among all calls of the stream; found without a search.
#[derive(Default)]
pub(super) struct Calls {
    open: BTreeMap<u32, Slot>,
    by_index: BTreeSet<(u64, u32)>,
    by_id: HashMap<String, BTreeSet<u32>>,
    begun: u32,
}

impl Calls {
    /// A new call; its number.
    pub(super) fn open(&mut self, output_index: Option<u64>, id: &str) -> u32 {
        let number = self.begun;
        self.begun += 1;
        self.open.insert(number, Slot { said: 0, output_index, id: id.to_owned() });
        output_index.map(|index| self.by_index.insert((index, number)));
        if !id.is_empty() {
            self.by_id.entry(id.to_owned()).or_default().insert(number);
        }
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
        let known = self.number(output_index, id);
        let said = known.and_then(|number| self.open.get(&number)).map_or(0, |slot| slot.said);
        let news = rest(said);
        if news.is_empty() {
            return (self.begun, news);
        }
        let number = known.unwrap_or_else(|| self.open(output_index, id));
        if let Some(slot) = self.open.get_mut(&number) {
            slot.said += news.len();
        }
        (number, news)
    }

    /// Forgets a call that came in whole; its slot, if pieces of it came before.
    pub(super) fn close(&mut self, output_index: Option<u64>, id: &str) -> Option<u32> {
        let number = self.number(output_index, id)?;
        let slot = self.open.remove(&number)?;
        slot.output_index.map(|index| self.by_index.remove(&(index, number)));
        if let Some(numbers) = self.by_id.get_mut(&slot.id) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.by_id.remove(&slot.id);
            }
        }
        Some(number)
    }

    /// Forgets all of them: another step begins.
    pub(super) fn forget(&mut self) {
        self.open.clear();
        self.by_index.clear();
        self.by_id.clear();
    }

    /// By index, because ids may be shared or differ between events; by id; or the only one there is.
    fn number(&self, output_index: Option<u64>, id: &str) -> Option<u32> {
        if let Some(index) = output_index {
            return self.by_index.range((index, 0)..=(index, u32::MAX)).next().map(|(_, number)| *number);
        }
        let by_id = self.by_id.get(id).and_then(BTreeSet::first).copied();
        by_id.or_else(|| self.open.keys().next().copied().filter(|_| self.open.len() == 1))
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
