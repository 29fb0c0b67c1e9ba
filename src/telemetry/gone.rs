//! Routes and backends that are gone, whose series are still shown: until their last numbers have been scraped.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is gone, as (route, backend).
#[derive(Default)]
pub(super) struct Gone(Mutex<BTreeSet<(String, String)>>);

impl Gone {
    pub(super) fn add(&self, route: &str, backend: &str) {
        self.pairs().insert((route.to_owned(), backend.to_owned()));
    }

    pub(super) fn is_back(&self, route: &str, backend: &str) {
        self.pairs().remove(&(route.to_owned(), backend.to_owned()));
    }

    pub(super) fn retain(&self, mut keep: impl FnMut(&str, &str) -> bool) {
        self.pairs().retain(|(route, backend)| keep(route, backend));
    }

    fn pairs(&self) -> MutexGuard<'_, BTreeSet<(String, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
