//! What comes for another item while a call is still open: it waits until the call is closed.

use super::{Assembler, Emit, Open};
use crate::ir::Fragment;

impl Assembler {
    /// Gives a fragment back if its turn has come. A call whose arguments are whole is closed for it; while they are not,
    /// what belongs to other items waits, because items come strictly one after another.
    pub(super) fn defer<'a>(&mut self, fragment: Fragment<'a>, emit: &mut dyn Emit) -> Option<Fragment<'a>> {
        let ends = match &fragment {
            Fragment::CallOutput { call_id, .. } => Some(&**call_id),
            Fragment::Annotation { .. }
            | Fragment::Message { .. }
            | Fragment::Opaque { .. }
            | Fragment::Own { .. }
            | Fragment::Reasoning { .. }
            | Fragment::Refusal { .. }
            | Fragment::Text { .. }
            | Fragment::Thought { .. } => None,
            _ => return Some(fragment),
        };
        self.settle(ends, emit);
        if !matches!(self.open, Some(Open::Call { .. })) {
            return Some(fragment);
        }
        self.deferred.push(fragment.into_owned());
        None
    }

    /// The call is closed: what has waited comes.
    pub(super) fn resume(&mut self, emit: &mut dyn Emit) {
        for fragment in std::mem::take(&mut self.deferred) {
            if let Some(fragment) = self.defer(fragment, emit) {
                self.take(fragment, emit);
            }
        }
    }
}
