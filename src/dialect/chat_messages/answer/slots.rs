//! Tells the pieces of parallel tool calls apart, though servers leave out indexes and ids or give all calls the same.

use std::collections::HashMap;

/// The calls of a stream so far, found without a search however many there are.
#[derive(Default)]
pub(super) struct Slots {
    calls: Vec<Slot>,
    /// The last call of an index.
    by_index: HashMap<i64, usize>,
    /// The last call of an id.
    by_id: HashMap<String, usize>,
    /// The call of an index and an id.
    by_both: HashMap<(i64, String), usize>,
}

struct Slot {
    has_id: bool,
    named: bool,
}

impl Slots {
    /// The slot of a piece by what it says of its call: `index` and `id` (empty if it has none), and whether it names a
    /// function. What contradicts all calls so far is a new one.
    pub(super) fn find(&mut self, index: Option<i64>, id: &str, named: bool) -> u32 {
        let place = self.known(index, id, named).unwrap_or_else(|| {
            self.calls.push(Slot { has_id: false, named: false });
            let place = self.calls.len() - 1;
            index.map(|index| self.by_index.insert(index, place));
            place
        });
        if let Some(slot) = self.calls.get_mut(place) {
            slot.named |= named;
            if !slot.has_id && !id.is_empty() {
                slot.has_id = true;
                let last = self.by_id.entry(id.to_owned()).or_default();
                *last = place.max(*last);
                index.map(|index| self.by_both.insert((index, id.to_owned()), place));
            }
        }
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    fn known(&self, index: Option<i64>, id: &str, named: bool) -> Option<usize> {
        match (index, id) {
            (Some(index), "") => self.by_index.get(&index).copied(),
            (Some(index), _) => {
                let last = || self.by_index.get(&index).copied().filter(|place| !self.has_id(*place));
                self.by_both.get(&(index, id.to_owned())).copied().or_else(last)
            }
            (None, "") => self.calls.len().checked_sub(1).filter(|_| !(named && self.last_is_named())),
            (None, _) => self.by_id.get(id).copied(),
        }
    }

    fn has_id(&self, place: usize) -> bool {
        self.calls.get(place).is_some_and(|slot| slot.has_id)
    }

    fn last_is_named(&self) -> bool {
        self.calls.last().is_some_and(|slot| slot.named)
    }
}
