//! Tells the pieces of parallel tool calls apart, though servers leave out indexes and ids or give all calls the same.

/// The calls of a stream so far.
#[derive(Default)]
pub(super) struct Slots(Vec<Slot>);

struct Slot {
    index: Option<i64>,
    id: String,
    named: bool,
}

impl Slots {
    /// The slot of a piece by what it says of its call: `index` and `id` (empty if it has none), and whether it names a
    /// function. What contradicts all calls so far is a new one.
    pub(super) fn find(&mut self, index: Option<i64>, id: &str, named: bool) -> u32 {
        let same_id = |slot: &Slot| slot.id.is_empty() || slot.id == id;
        let known = match (index, id) {
            (Some(_), "") => self.0.iter().rposition(|slot| slot.index == index),
            (Some(_), _) => self.0.iter().rposition(|slot| slot.index == index && same_id(slot)),
            (None, "") => self.0.len().checked_sub(1).filter(|_| !(named && self.last_is_named())),
            (None, _) => self.0.iter().rposition(|slot| slot.id == id),
        };
        let place = known.unwrap_or_else(|| {
            self.0.push(Slot { index, id: String::new(), named: false });
            self.0.len() - 1
        });
        if let Some(slot) = self.0.get_mut(place) {
            if slot.id.is_empty() {
                id.clone_into(&mut slot.id);
            }
            slot.named |= named;
        }
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    fn last_is_named(&self) -> bool {
        self.0.last().is_some_and(|slot| slot.named)
    }
}
