//! Folds a conversation into chat turns: an assistant's words and calls in one, the tools' answers right behind it.
//!
//! Servers refuse calls that are not followed at once by all their answers, so whatever stood between moves behind
//! them, and an answer that never came is made up (a client was interrupted; the conversation must go on).

use std::collections::HashMap;

use crate::ir::{Call, CallOutput, Item, Message, Part, Reasoning, Role};

/// One chat message to be.
pub(super) enum Turn<'r, 'a> {
    /// What a tool answered; `None` if nobody knows.
    Answered(&'r Call<'a>, Option<&'r CallOutput<'a>>),
    /// What the assistant thought, said and called.
    Assistant(Assistant<'r, 'a>),
    /// A tool's answer to a call that is not in the conversation.
    Orphan(&'r CallOutput<'a>),
    /// What someone else said.
    Said(&'r Message<'a>),
}

/// An assistant's turn.
#[derive(Default)]
pub(super) struct Assistant<'r, 'a> {
    pub(super) reasoning: Vec<&'r Reasoning<'a>>,
    pub(super) said: Option<&'r Message<'a>>,
    pub(super) calls: Vec<&'r Call<'a>>,
    /// Where the calls stand in the conversation.
    places: Vec<usize>,
}

/// Folds a conversation. Items of unknown kinds have no turn.
pub(super) fn fold<'r, 'a>(items: &'r [Item<'a>]) -> Vec<Turn<'r, 'a>> {
    let mut fold = Fold { pairs: Pairs::of(items), open: None, turns: Vec::with_capacity(items.len()) };
    let leads = lead_to_calls(items);
    for (place, item) in items.iter().enumerate() {
        match item {
            Item::Message(message) if message.role == Role::Assistant => {
                if fold.open.as_ref().is_some_and(|open| open.said.is_some() || !open.calls.is_empty()) {
                    fold.close(true);
                }
                fold.open().said = Some(message);
            }
            Item::Message(message) => {
                fold.close(true);
                fold.turns.push(Turn::Said(message));
            }
            Item::Reasoning(reasoning) => {
                let goes_on = fold.open.as_ref().is_some_and(|open| open.said.is_none() && open.calls.is_empty());
                if !goes_on && !leads.get(place).copied().unwrap_or(false) {
                    fold.close(true);
                }
                fold.open().reasoning.push(reasoning);
            }
            Item::Call(call) => {
                let open = fold.open();
                open.calls.push(call);
                open.places.push(place);
            }
            Item::CallOutput(output) => {
                fold.close(true);
                if !fold.pairs.answers(place) {
                    fold.turns.push(Turn::Orphan(output));
                }
            }
            Item::Opaque { .. } => {}
        }
    }
    fold.close(false);
    fold.turns
}

/// For every place whether thoughts there lead to a call and so belong to the turn that is open.
fn lead_to_calls(items: &[Item<'_>]) -> Vec<bool> {
    let mut leads = vec![false; items.len()];
    let mut next = false;
    for (lead, item) in leads.iter_mut().zip(items).rev() {
        if !matches!(item, Item::Reasoning(_) | Item::Opaque { .. }) {
            next = matches!(item, Item::Call(_));
        }
        *lead = next;
    }
    leads
}

struct Fold<'r, 'a> {
    pairs: Pairs<'r, 'a>,
    open: Option<Assistant<'r, 'a>>,
    turns: Vec<Turn<'r, 'a>>,
}

impl<'r, 'a> Fold<'r, 'a> {
    fn open(&mut self) -> &mut Assistant<'r, 'a> {
        self.open.get_or_insert_default()
    }

    /// Ends the assistant's turn; `more` says that the conversation goes on.
    fn close(&mut self, more: bool) {
        let Some(turn) = self.open.take() else { return };
        let calls = turn.calls.clone();
        let outputs: Vec<_> = turn.places.iter().map(|place| self.pairs.output(*place)).collect();
        if !calls.is_empty() || turn.said.is_some_and(says_something) {
            self.turns.push(Turn::Assistant(turn));
        }
        // The calls of the last turn may still wait for their answers; once there is one, all must be there.
        if more || outputs.iter().any(Option::is_some) {
            self.turns.extend(calls.into_iter().zip(outputs).map(|(call, output)| Turn::Answered(call, output)));
        }
    }
}

/// Servers refuse an assistant's message that says nothing.
fn says_something(message: &Message<'_>) -> bool {
    message.parts.iter().any(|part| !matches!(part, Part::Text(text) | Part::Refusal(text) if text.is_empty()))
}

/// Which output answers which call. Agents use the same ids again in later turns, so an output belongs to the last call
/// of its id before it.
struct Pairs<'r, 'a> {
    /// By the place of the call.
    outputs: Vec<Option<&'r CallOutput<'a>>>,
    /// By the place of the output.
    paired: Vec<bool>,
}

impl<'r, 'a> Pairs<'r, 'a> {
    fn of(items: &'r [Item<'a>]) -> Self {
        let mut pairs = Self { outputs: vec![None; items.len()], paired: vec![false; items.len()] };
        let mut waiting: HashMap<&str, usize> = HashMap::new();
        for (place, item) in items.iter().enumerate() {
            match item {
                Item::Call(call) => {
                    waiting.insert(&call.call_id, place);
                }
                Item::CallOutput(output) => {
                    let slot = waiting.remove(&*output.call_id).and_then(|call| pairs.outputs.get_mut(call));
                    if let (Some(slot), Some(paired)) = (slot, pairs.paired.get_mut(place)) {
                        *slot = Some(output);
                        *paired = true;
                    }
                }
                _ => {}
            }
        }
        pairs
    }

    fn output(&self, call: usize) -> Option<&'r CallOutput<'a>> {
        self.outputs.get(call).copied().flatten()
    }

    fn answers(&self, output: usize) -> bool {
        self.paired.get(output).copied().unwrap_or(false)
    }
}
