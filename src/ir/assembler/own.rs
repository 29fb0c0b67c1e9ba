//! Fields that one dialect alone has, on their way to the item that they belong to.

use super::{Assembler, Open};
use crate::ir::OwnField;

/// A field that came before its item.
pub(super) struct Early {
    /// What its item is called; any if it is not said.
    item: Option<String>,
    own: OwnField,
}

impl Assembler {
    /// A field of the open message, or of what comes next.
    pub(super) fn own(&mut self, item: Option<&str>, own: OwnField) {
        self.early = Some(Early { item: item.map(str::to_owned), own });
        if matches!(&self.open, Some(Open::Message { item: open, .. }) if item.is_some() && item == open.as_deref()) {
            self.attach(item);
        }
    }

    /// Gives the open message what came for it. The first counts: it may have been told.
    pub(super) fn attach(&mut self, item: Option<&str>) {
        let Some(Open::Message { index, .. }) = self.open else { return };
        let early = self.early_of(item);
        if let Some(output) = self.answer.items.get_mut(index).filter(|output| output.own.is_none()) {
            output.own = early;
        }
    }

    /// What came for the item of this name. It is for the next item or for none.
    pub(super) fn early_of(&mut self, item: Option<&str>) -> Option<OwnField> {
        let early = self.early.take()?;
        (early.item.is_none() || early.item.as_deref() == item).then_some(early.own)
    }
}
