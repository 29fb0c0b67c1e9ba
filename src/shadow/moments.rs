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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::store::Store;
    use crate::telemetry::Metrics;

    fn tally(exchanges: u64) -> Tally {
        Tally { exchanges, ..Tally::default() }
    }

    #[test]
    fn moments_are_kept_as_counts_grow_and_at_the_end_of_each_day() {
        let path = std::env::temp_dir().join(format!("cutover-shadow-moments-{}.db", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let gauges = Metrics::new().unwrap().live.store.clone();
        let store = Store::start(&config::Store::Sqlite(path), gauges).unwrap();
        let noon = 20_000 * DAY + DAY / 2;
        let steps = [
            (0, noon, 1, noon),
            (1, noon, 100, noon + 1),
            // Not a fifth more.
            (100, noon + 1, 119, noon + 2),
            // But the end of a day, as it was when the day ended.
            (119, noon + 2, 120, noon + DAY),
            (120, noon + DAY, 142, noon + DAY + 1),
            (142, noon + DAY + 1, 143, noon + DAY + 2),
        ];
        let kept = store.ask_now(move |kept| {
            for (before, then, after, now) in steps {
                let counted = Counted { at: then, ..Counted::default() };
                let (earlier, total) = (tally(before), tally(after));
                let earlier = (before > 0).then_some((&counted, &earlier));
                keep(kept, ["r", "app"], earlier, &total, now)?;
            }
            read(kept, "r", "app")
        });
        let seen: Vec<_> = kept.unwrap().iter().map(|moment| (moment.tally.exchanges, moment.at)).collect();
        let seconds = |at: i64| at / 1_000;
        assert_eq!(
            seen,
            [(1, seconds(noon)), (100, seconds(noon + 1)), (119, seconds(noon + 2)), (143, seconds(noon + DAY + 2))]
        );
    }
}
