//! What would become of a request's copy, by the mirror that would be asked for it.

use schemars::JsonSchema;
use serde::Serialize;

use super::Conclusion;
use crate::gateway::course::Course;
use crate::gateway::offer;
use crate::gateway::snapshot::Snapshot;
use crate::gateway::translate::Arrived;
use crate::shadow::{Fate, Foretold, Why};

/// What becomes of the copy of a request.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Mirrored {
    /// The backend that copies go to.
    pub to: String,
    /// Whether there is one for it. Caps and pauses have their say when it is sent.
    pub copied: bool,
    /// How likely it is in the sample at all, in percent: a request that names no conversation is in it by chance.
    pub chance: Option<f64>,
    /// Its fate if there is none, as the metrics call it.
    pub fate: Option<&'static str>,
    /// Why there is none.
    pub because: Option<&'static str>,
}

impl Snapshot {
    /// What becomes of the copy of a request, if its route is mirrored. Where chance picks the backend, it is one that is
    /// not the candidate, if there is any.
    pub(super) fn mirrored(
        &self,
        course: &Course<'_>,
        arrived: &Arrived<'_>,
        concluded: &Conclusion,
    ) -> Option<Mirrored> {
        let mirror = course.mirror()?;
        let others = || concluded.backends.iter().filter(|(place, _)| *place != mirror.to());
        let by_chance = || others().find(|(_, there)| there.refused.is_none()).or_else(|| others().next());
        let goes_to = concluded.instead.or(concluded.backend).or_else(|| by_chance().map(|(place, _)| *place));
        let place = goes_to.unwrap_or_else(|| mirror.to());
        let cannot = |(known, there): &(usize, super::Explained)| *known == place && there.refused.is_some();
        let read = concluded.refused.is_none() && !concluded.backends.iter().any(cannot);
        let foretold = read.then(|| offer::foretold(mirror, course, arrived, place)).flatten();
        let refused = Foretold { fate: Some(Fate::NotEligible(Why::Refused)), chance: None };
        let Foretold { fate, chance } = foretold.unwrap_or(refused);
        Some(Mirrored {
            to: self.name_of(mirror.to()),
            copied: fate.is_none(),
            chance: chance.filter(|_| fate.is_none()),
            fate: fate.map(Fate::name),
            because: fate.map(Fate::told),
        })
    }
}
