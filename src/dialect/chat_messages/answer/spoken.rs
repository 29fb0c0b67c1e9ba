//! Reads what a message of an answer says: its content in any form, its refusal, its thoughts.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::loose::{Loose, each};
use super::wire::Said;
use crate::ir::Str;

/// The words of a message.
#[derive(Default)]
pub(super) struct Spoken<'a> {
    pub(super) text: Str<'a>,
    pub(super) refusal: Str<'a>,
    pub(super) reasoning: Str<'a>,
}

/// A part of a content that is a list.
#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, default)]
    r#type: Loose<'a>,
    #[serde(borrow, default)]
    text: Loose<'a>,
    #[serde(borrow, default)]
    refusal: Loose<'a>,
    #[serde(borrow, default)]
    thinking: Loose<'a>,
    #[serde(borrow)]
    summary: Option<&'a RawValue>,
}

impl<'a> Spoken<'a> {
    /// The words of `said`.
    pub(super) fn of(said: &Said<'a>) -> Self {
        let mut spoken = Self::default();
        append(&mut spoken.refusal, said.refusal.cloned());
        // Servers that send both mean the same by them.
        let thought = said.reasoning_content.cloned().or_else(|| said.reasoning.cloned());
        append(&mut spoken.reasoning, thought);
        match said.content {
            Some(content) if content.get().starts_with('"') => {
                spoken.text = Str::of(content).unwrap_or_default();
            }
            Some(content) => each(content, |part| spoken.part(part)),
            None => {}
        }
        spoken
    }

    /// Whether nothing is said.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.refusal.is_empty() && self.reasoning.is_empty()
    }

    fn part(&mut self, raw: &'a RawValue) {
        if raw.get().starts_with('"') {
            return append(&mut self.text, serde_json::from_str(raw.get()).ok());
        }
        let Ok(part) = serde_json::from_str::<Part<'a>>(raw.get()) else { return };
        match part.r#type.given() {
            Some("reasoning" | "thinking" | "summary_text") => {
                append(&mut self.reasoning, part.thinking.cloned().or_else(|| part.text.cloned()));
                if let Some(summary) = part.summary {
                    each(summary, |thought| self.thought(thought));
                }
            }
            Some("refusal") => append(&mut self.refusal, part.refusal.cloned()),
            _ => append(&mut self.text, part.text.cloned()),
        }
    }

    fn thought(&mut self, raw: &'a RawValue) {
        if let Ok(part) = serde_json::from_str::<Part<'a>>(raw.get()) {
            append(&mut self.reasoning, part.text.cloned());
        }
    }
}

/// Appends; a first text stays borrowed.
fn append<'a>(text: &mut Str<'a>, more: Option<Str<'a>>) {
    match more {
        Some(more) if text.is_empty() => *text = more,
        Some(more) => text.push_str(&more),
        None => {}
    }
}
