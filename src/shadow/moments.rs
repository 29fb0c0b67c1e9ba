//! When the counts of a route are kept as those of a moment: as they grow, and at the end of each day.

use crate::judge::{Moment, Tally};
use crate::store::{Counted, Fault, Kept, Snapshot};

/// Counts are kept when there are a fifth more of them than at the last moment.
const GROWTH: u64 = 5;

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// Keeps what there is to keep, when the counts go from `before` to `total` at this time (milliseconds since 1970).
pub(super) fn keep(
    kept: &mut dyn Kept,
    [route, candidate]: [&str; 2],
    before: Option<(&Counted, &Tally)>,
    total: &Tally,
    at: i64,
) -> Result<(), Fault> {
    let snapshot = |tally: &Tally, at: i64| Snapshot {
        exchanges: tally.exchanges,
        at,
        tally: serde_json::to_string(&tally.bare()).unwrap_or_default(),
    };
    if let Some((counted, tally)) = before
        && counted.at.div_euclid(DAY) != at.div_euclid(DAY)
    {
        kept.add_moment(route, candidate, &snapshot(tally, counted.at))?;
    }
    let last = kept.last_moment(route, candidate)?.unwrap_or(0);
    if total.exchanges > last + last / GROWTH {
        kept.add_moment(route, candidate, &snapshot(total, at))?;
    }
    Ok(())
}

/// The moments of a route, oldest first; one that cannot be read is left out.
pub(super) fn read(kept: &mut dyn Kept, route: &str, candidate: &str) -> Result<Vec<Moment>, Fault> {
    let moments = kept.moments(route, candidate)?.into_iter();
    let read = |snapshot: Snapshot| {
        Some(Moment { at: snapshot.at / 1_000, tally: serde_json::from_str(&snapshot.tally).ok()? })
    };
    Ok(moments.filter_map(read).collect())
}
