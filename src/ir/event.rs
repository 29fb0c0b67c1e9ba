//! The strict stream of an answer: what an [`Assembler`](super::Assembler) emits and every dialect writes.

use serde_json::value::RawValue;

use crate::error::Error;

/// One step of an answer.
///
/// The order is fixed: `Started`; then items strictly one after another, each `ItemStarted`, its deltas and annotations,
/// `ItemDone`; then exactly one of `Finished` and `Failed`, after which nothing comes. `index` is the item's place in
/// [`Answer::items`](super::Answer::items), where its text so far can be read. Deltas are never empty. What a call's
/// deltas add up to is its arguments, and they are JSON unless the answer was cut off by length.
#[derive(Debug)]
pub enum Event<'a> {
    /// The backend took the request; nothing has been said yet.
    Started,
    /// A new item; its id, and a call's name and call id, are known and will not change.
    ItemStarted {
        /// Its place.
        index: usize,
    },
    /// More text of the open message.
    Text {
        /// Its place.
        index: usize,
        /// What to append.
        delta: &'a str,
    },
    /// More refusal of the open message.
    Refusal {
        /// Its place.
        index: usize,
        /// What to append.
        delta: &'a str,
    },
    /// More text of the open reasoning item.
    Reasoning {
        /// Its place.
        index: usize,
        /// What to append.
        delta: &'a str,
    },
    /// More arguments of the open call.
    Arguments {
        /// Its place.
        index: usize,
        /// What to append.
        delta: &'a str,
    },
    /// An annotation of the open message.
    Annotation {
        /// Its place.
        index: usize,
        /// In the Responses API's shape.
        annotation: &'a RawValue,
    },
    /// The open item is complete (or as complete as it will be: see [`Output::complete`](super::Output::complete)).
    ItemDone {
        /// Its place.
        index: usize,
    },
    /// The answer is complete; finish reason, usage and outputs stand in the answer.
    Finished,
    /// The answer failed; it must never look complete.
    Failed(&'a Error),
}
