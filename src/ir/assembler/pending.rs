//! The calls that are being put together, found without a search by their slot, by their id and by what they wait for.

use std::collections::{BTreeSet, HashMap};

use super::growing::Growing;
use crate::ir::legal;

/// What is done with tool calls.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// Hold calls back until it is clear whether the agent ran them itself: a client must never run a tool a second
    /// time. False for clients that want to see the agent's own calls as they happen.
    pub hold: bool,
    /// Tools that the client declared: calls of these are for the client and need no holding back.
    pub declared: Vec<String>,
}

/// A call that is being put together.
#[derive(Debug, Default)]
pub(super) struct Pending {
    slot: Option<u32>,
    pub(super) call_id: String,
    pub(super) name: String,
    /// The client declared this tool.
    declared: bool,
    arguments: Growing,
    /// How much of the arguments has been emitted.
    sent: usize,
    /// Its place in the answer, once it has been started.
    pub(super) index: Option<usize>,
    /// Nothing more will come.
    pub(super) whole: bool,
    closed: bool,
}

impl Pending {
    pub(super) fn arguments(&self) -> &str {
        self.arguments.text()
    }

    /// Whether the arguments are whole, as far as they tell.
    pub(super) fn has_json(&mut self) -> bool {
        self.arguments.is_json()
    }

    /// Nothing says that it is in pieces.
    pub(super) fn may_be_whole(&mut self) -> bool {
        self.arguments().is_empty() || self.has_json()
    }

    /// What has not been emitted of the arguments yet.
    pub(super) fn news(&mut self) -> String {
        let news = self.arguments().get(self.sent..).unwrap_or_default().to_owned();
        self.sent = self.arguments().len();
        news
    }

    /// Known, and free to be shown before anything else is known.
    fn is_ready(&self, hold: bool) -> bool {
        let known = !self.name.is_empty() && (self.whole || !self.call_id.is_empty());
        known && (!hold || (!self.whole && self.declared))
    }
}

/// All calls of an answer, in the order in which they came.
#[derive(Default)]
pub(super) struct Queue {
    config: Calls,
    /// Every declared name by itself and by its stand-in; made when the first call comes.
    declared: Option<HashMap<String, String>>,
    calls: Vec<Pending>,
    /// Those that are not closed.
    live: BTreeSet<usize>,
    /// Those of which more may come, by slot.
    growing: HashMap<u32, usize>,
    /// Those that are not closed, by id.
    by_id: HashMap<String, BTreeSet<usize>>,
    /// How many calls of an id are whole or closed.
    settled: HashMap<String, usize>,
    /// Those that have not been started and may be.
    ready: BTreeSet<usize>,
    /// Those that may be started once something else comes: whole calls of tools that the client declared.
    releasable: BTreeSet<usize>,
}

impl Queue {
    pub(super) fn new(config: Calls) -> Self {
        Self { config, ..Self::default() }
    }

    pub(super) fn holds(&self) -> bool {
        self.config.hold
    }

    pub(super) fn get(&mut self, place: usize) -> Option<&mut Pending> {
        self.calls.get_mut(place)
    }

    /// The place of a slot's call, and whether that is a new one.
    pub(super) fn slot(&mut self, slot: u32) -> (usize, bool) {
        match self.growing.get(&slot) {
            Some(place) => (*place, false),
            None => (self.push(Some(slot)), true),
        }
    }

    /// The call that a whole one completes: that of its slot, or the first of its id.
    pub(super) fn begun(&self, slot: Option<u32>, call_id: &str) -> Option<usize> {
        let by_slot = slot.and_then(|slot| self.growing.get(&slot)).copied();
        let by_id = self.by_id.get(call_id).and_then(BTreeSet::first).copied();
        by_slot.into_iter().chain(by_id).min()
    }

    pub(super) fn push(&mut self, slot: Option<u32>) -> usize {
        let place = self.calls.len();
        self.calls.push(Pending { slot, ..Pending::default() });
        self.live.insert(place);
        if let Some(slot) = slot {
            self.growing.insert(slot, place);
        }
        place
    }

    /// Takes in what is newly known of a call that has not been started; what is known already stays (names that repeat or
    /// turn empty are not news).
    pub(super) fn name(&mut self, place: usize, call_id: Option<&str>, name: Option<&str>) {
        let Some(call) = self.calls.get_mut(place).filter(|call| call.index.is_none()) else { return };
        if let Some(call_id) = call_id.filter(|id| !id.is_empty() && *id != call.call_id) {
            unlist(&mut self.by_id, &call.call_id, place);
            call_id.clone_into(&mut call.call_id);
            self.by_id.entry(call_id.to_owned()).or_default().insert(place);
        }
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            let declared = self.declared.get_or_insert_with(|| names(&self.config.declared)).get(name);
            declared.map_or(name, String::as_str).clone_into(&mut call.name);
            call.declared = declared.is_some();
        }
        self.sort(place);
    }

    /// More arguments of a call; a closed one has all that the client will get.
    pub(super) fn extend(&mut self, place: usize, delta: &str) {
        if let Some(call) = self.calls.get_mut(place).filter(|call| !call.closed) {
            call.arguments.push_str(delta);
        }
    }

    /// All arguments of a call.
    pub(super) fn complete(&mut self, place: usize, arguments: &str) {
        if let Some(call) = self.calls.get_mut(place)
            && let Some(rest) = arguments.strip_prefix(call.arguments.text()).filter(|_| !call.closed)
        {
            call.arguments.push_str(rest);
        }
        self.end(place);
    }

    /// Nothing more will come of a call.
    pub(super) fn end(&mut self, place: usize) {
        let Some(call) = self.calls.get_mut(place).filter(|call| !call.whole) else { return };
        call.whole = true;
        let newly = !call.closed && !call.call_id.is_empty();
        if let Some(slot) = call.slot {
            self.growing.remove(&slot);
        }
        if newly {
            *self.settled.entry(call.call_id.clone()).or_default() += 1;
        }
        self.sort(place);
    }

    /// A call is shown from now on, under this id.
    pub(super) fn start(&mut self, place: usize, index: usize, call_id: String) {
        self.ready.remove(&place);
        self.releasable.remove(&place);
        let Some(call) = self.calls.get_mut(place) else { return };
        call.index = Some(index);
        if call.call_id.is_empty() {
            self.by_id.entry(call_id.clone()).or_default().insert(place);
            if call.whole {
                *self.settled.entry(call_id.clone()).or_default() += 1;
            }
            call.call_id = call_id;
        }
    }

    /// All of a call has been shown.
    pub(super) fn close(&mut self, place: usize) {
        self.live.remove(&place);
        let Some(call) = self.calls.get_mut(place) else { return };
        call.closed = true;
        call.arguments = Growing::default();
        unlist(&mut self.by_id, &call.call_id, place);
        if !call.whole {
            *self.settled.entry(call.call_id.clone()).or_default() += 1;
        }
    }

    /// Whether a call of this id is known in whole, shown or still held.
    pub(super) fn is_settled(&self, call_id: &str) -> bool {
        self.settled.contains_key(call_id)
    }

    /// The calls of this id have been answered: another one is another call.
    pub(super) fn answered(&mut self, call_id: &str) {
        self.settled.remove(call_id);
    }

    /// Takes the first call of this id out that has not been started.
    pub(super) fn take_held(&mut self, call_id: &str) -> Option<Pending> {
        let places = self.by_id.get(call_id)?;
        let place = *places.iter().find(|place| self.calls.get(**place).is_some_and(|call| call.index.is_none()))?;
        self.live.remove(&place);
        self.ready.remove(&place);
        self.releasable.remove(&place);
        unlist(&mut self.by_id, call_id, place);
        let call = std::mem::take(self.calls.get_mut(place)?);
        if call.whole {
            let left = self.settled.get_mut(call_id).map_or(0, |count| {
                *count = count.saturating_sub(1);
                *count
            });
            if left == 0 {
                self.settled.remove(call_id);
            }
        } else if let Some(slot) = call.slot {
            self.growing.remove(&slot);
        }
        if place + 1 == self.calls.len() {
            self.calls.pop();
        }
        Some(call)
    }

    /// The next call to start, if one may be. Those who want to see calls as they happen see them in order.
    pub(super) fn next(&self) -> Option<usize> {
        if self.config.hold {
            return self.ready.first().copied();
        }
        self.live.first().copied().filter(|place| self.ready.contains(place))
    }

    /// The next call that something else sets free.
    pub(super) fn next_released(&self) -> Option<usize> {
        self.releasable.first().copied()
    }

    /// Whether there is an unfinished call behind this one.
    pub(super) fn is_followed(&self, place: usize) -> bool {
        self.live.last().is_some_and(|last| *last > place)
    }

    /// Whether a call is not closed.
    pub(super) fn is_live(&self, place: usize) -> bool {
        self.live.contains(&place)
    }

    /// All that are not closed, in order.
    pub(super) fn live(&self) -> Vec<usize> {
        self.live.iter().copied().collect()
    }

    /// Whether a call is the last that came.
    pub(super) fn is_last(&self, place: usize) -> bool {
        place + 1 == self.calls.len()
    }

    /// Puts a call that has not been started where it belongs.
    fn sort(&mut self, place: usize) {
        let Some(call) = self.calls.get(place).filter(|call| call.index.is_none()) else { return };
        let (ready, releasable) = (call.is_ready(self.config.hold), call.whole && call.declared);
        for (set, belongs) in [(&mut self.ready, ready), (&mut self.releasable, releasable)] {
            match belongs {
                true => set.insert(place),
                false => set.remove(&place),
            };
        }
    }
}

/// The declared names by themselves and by their stand-ins.
fn names(declared: &[String]) -> HashMap<String, String> {
    let stand_ins = declared.iter().rev().map(|name| (legal::tool_name(name).into_string(), name.clone()));
    let names = declared.iter().map(|name| (name.clone(), name.clone()));
    stand_ins.chain(names).collect()
}

fn unlist(places: &mut HashMap<String, BTreeSet<usize>>, call_id: &str, place: usize) {
    if let Some(listed) = places.get_mut(call_id) {
        listed.remove(&place);
        if listed.is_empty() {
            places.remove(call_id);
        }
    }
}
