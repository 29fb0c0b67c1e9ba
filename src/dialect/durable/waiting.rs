//! The calls and the messages in pieces of a run of which more is to come, found without a search.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::ir::{Fragment, Sink};

/// Most bytes of calls that are held until it is known who makes them.
const MOST: usize = 16 << 20;

/// What a call takes beside its texts.
const CALL: usize = 512;

/// A call of which it is not known yet who makes it: the agent, the agent if it may, or the client.
pub(super) struct Waiting {
    pub(super) call_id: String,
    /// The agent gave it no id; this one is ours.
    pub(super) minted: bool,
    pub(super) name: String,
    pub(super) arguments: String,
}

impl Waiting {
    pub(super) fn push(self, out: &mut dyn Sink) {
        let (call_id, name) = (self.call_id.into(), self.name.into());
        out.push(Fragment::Call { slot: None, call_id, name, arguments: self.arguments.into() });
    }

    fn bytes(&self) -> usize {
        CALL + self.call_id.len() + self.name.len() + self.arguments.len()
    }
}

type Numbers = BTreeSet<usize>;

/// Calls that wait, by their number in the order in which they were made.
#[derive(Default)]
pub(super) struct Calls {
    waiting: BTreeMap<usize, Waiting>,
    by_id: HashMap<String, Numbers>,
    /// All by their name, those with an id of ours apart.
    by_name: [HashMap<String, Numbers>; 2],
    minted: Numbers,
    made: usize,
    bytes: usize,
}

impl Calls {
    /// One more; false if there is no room for it.
    pub(super) fn add(&mut self, call: Waiting) -> bool {
        self.bytes += call.bytes();
        if self.bytes > MOST {
            return false;
        }
        let number = self.made;
        self.made += 1;
        self.by_id.entry(call.call_id.clone()).or_default().insert(number);
        if let Some(by_name) = self.by_name.get_mut(usize::from(call.minted)) {
            by_name.entry(call.name.clone()).or_default().insert(number);
        }
        if call.minted {
            self.minted.insert(number);
        }
        self.waiting.insert(number, call);
        true
    }

    /// Takes a call by its id, or else the first of its name; one that the agent gave another id is not meant.
    pub(super) fn take(&mut self, id: Option<&str>, name: Option<&str>) -> Option<Waiting> {
        let by_id = id.and_then(|id| self.by_id.get(id)).and_then(Numbers::first).copied();
        let number = by_id.or_else(|| match name {
            Some(name) => {
                let [given, minted] = &self.by_name;
                let first = |names: &HashMap<String, Numbers>| names.get(name).and_then(Numbers::first).copied();
                first(minted).into_iter().chain(first(given).filter(|_| id.is_none())).min()
            }
            None if id.is_none() => self.waiting.keys().next().copied(),
            None => self.minted.first().copied(),
        })?;
        let call = self.waiting.remove(&number)?;
        self.bytes -= call.bytes();
        self.minted.remove(&number);
        unlist(&mut self.by_id, &call.call_id, number);
        if let Some(by_name) = self.by_name.get_mut(usize::from(call.minted)) {
            unlist(by_name, &call.name, number);
        }
        Some(call)
    }

    /// All of them, in order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Waiting> + use<> {
        std::mem::take(self).waiting.into_values()
    }
}

fn unlist(numbers: &mut HashMap<String, Numbers>, key: &str, number: usize) {
    if let Some(listed) = numbers.get_mut(key) {
        listed.remove(&number);
        if listed.is_empty() {
            numbers.remove(key);
        }
    }
}

/// Messages that came in pieces and have not come in whole yet, by their number in the order in which they began.
#[derive(Default)]
pub(super) struct Messages {
    begun: BTreeMap<usize, (String, String)>,
    by_name: HashMap<String, usize>,
    number: usize,
}

impl Messages {
    /// How many of the last messages are compared with a whole one of another name.
    const NEAR: usize = 16;

    /// More of a message.
    pub(super) fn extend(&mut self, name: &str, more: &str) {
        if more.is_empty() {
            return;
        }
        let number = *self.by_name.entry(name.to_owned()).or_insert(self.number);
        if number == self.number {
            self.number += 1;
            self.begun.insert(number, (name.to_owned(), String::new()));
        }
        if let Some((_, text)) = self.begun.get_mut(&number) {
            text.push_str(more);
        }
    }

    /// What the pieces of a message were called that has come in whole now: its own name, or else that of pieces that it
    /// begins with.
    pub(super) fn take(&mut self, name: Option<&str>, text: &str) -> Option<String> {
        let by_name = name.and_then(|name| self.by_name.get(name)).copied();
        let by_text = || {
            let mut near = self.begun.iter().rev().take(Self::NEAR);
            near.rfind(|(_, (_, said))| text.starts_with(said.as_str())).map(|(number, _)| *number)
        };
        let number = by_name.or_else(by_text)?;
        let (name, _) = self.begun.remove(&number)?;
        self.by_name.remove(&name);
        Some(name)
    }
}
