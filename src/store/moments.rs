//! What mirrored exchanges added up to at earlier moments: often enough to draw how it went, and never more than bounded.

use rusqlite::{OptionalExtension as _, params};

use super::Fault;
use super::sqlite::Sqlite;

/// The counts of a route and a candidate at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Pairs that had been compared.
    pub exchanges: u64,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// JSON of the counts.
    pub tally: String,
}

/// Earlier counts.
pub trait Moments {
    /// Keeps the counts of a moment; there is one for a number of exchanges.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn add_moment(&mut self, route: &str, candidate: &str, moment: &Snapshot) -> Result<(), Fault>;

    /// How many exchanges there were at the last moment that is kept, if one is.
    ///
    /// # Errors
    /// When it cannot be read.
    fn last_moment(&mut self, route: &str, candidate: &str) -> Result<Option<u64>, Fault>;

    /// All that are kept, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    fn moments(&mut self, route: &str, candidate: &str) -> Result<Vec<Snapshot>, Fault>;

    /// Lets go of those of a route that came before a time.
    ///
    /// # Errors
    /// When they cannot be removed.
    fn prune_moments(&mut self, route: &str, before: i64) -> Result<usize, Fault>;
}

impl Moments for Sqlite {
    fn add_moment(&mut self, route: &str, candidate: &str, moment: &Snapshot) -> Result<(), Fault> {
        let Snapshot { exchanges, at, tally } = moment;
        self.connection.execute(
            "INSERT OR IGNORE INTO shadow_moments (route, candidate, exchanges, at, tally) VALUES ($1, $2, $3, $4, $5)",
            params![route, candidate, i64::try_from(*exchanges).unwrap_or(i64::MAX), at, tally],
        )?;
        Ok(())
    }

    fn last_moment(&mut self, route: &str, candidate: &str) -> Result<Option<u64>, Fault> {
        let sql = "SELECT max(exchanges) FROM shadow_moments WHERE route = $1 AND candidate = $2";
        let mut query = self.connection.prepare_cached(sql)?;
        let last: Option<Option<i64>> = query.query_row(params![route, candidate], |row| row.get(0)).optional()?;
        Ok(last.flatten().and_then(|last| u64::try_from(last).ok()))
    }

    fn moments(&mut self, route: &str, candidate: &str) -> Result<Vec<Snapshot>, Fault> {
        let mut query = self.connection.prepare_cached(
            "SELECT exchanges, at, tally FROM shadow_moments WHERE route = $1 AND candidate = $2 ORDER BY exchanges",
        )?;
        let rows = query.query_map(params![route, candidate], |row| {
            let exchanges: i64 = row.get(0)?;
            Ok(Snapshot {
                exchanges: u64::try_from(exchanges).unwrap_or_default(),
                at: row.get(1)?,
                tally: row.get(2)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn prune_moments(&mut self, route: &str, before: i64) -> Result<usize, Fault> {
        let sql = "DELETE FROM shadow_moments WHERE route = $1 AND at < $2";
        Ok(self.connection.execute(sql, params![route, before])?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_kept_once_and_found_in_order() {
        let path = std::env::temp_dir().join(format!("cutover-moments-{}.db", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let mut store = Sqlite::open(&path).unwrap();
        let moment = |exchanges, at| Snapshot { exchanges, at, tally: format!("{exchanges}") };
        assert_eq!(store.last_moment("r", "app").unwrap(), None);
        for (exchanges, at) in [(1, 10), (3, 30), (3, 35), (2, 20)] {
            store.add_moment("r", "app", &moment(exchanges, at)).unwrap();
        }
        store.add_moment("other", "app", &moment(9, 1)).unwrap();
        assert_eq!(store.last_moment("r", "app").unwrap(), Some(3));
        assert_eq!(store.moments("r", "app").unwrap(), [moment(1, 10), moment(2, 20), moment(3, 30)]);
        assert_eq!(store.prune_moments("r", 20).unwrap(), 1);
        assert_eq!(store.moments("r", "app").unwrap(), [moment(2, 20), moment(3, 30)]);
    }
}
