//! What mirrored exchanges add up to: the counts behind a verdict, what became of requests, and what a day has cost.

use rusqlite::{OptionalExtension as _, params};

use super::Fault;
use super::sqlite::Sqlite;

/// The counts of a route and a candidate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// JSON of the counts.
    pub tally: String,
    /// When the first pair came, in milliseconds since 1970.
    pub since: i64,
    /// When the last one came.
    pub at: i64,
}

/// So many requests with one fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fates {
    /// What became of them.
    pub fate: String,
    /// Why, where the fate alone does not say it.
    pub why: String,
    /// How many.
    pub count: u64,
}

/// What a day's copies have cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// The day of UTC, counted from 1970.
    pub day: u64,
    /// Copies.
    pub requests: u64,
    /// Tokens.
    pub tokens: u64,
}

/// What is counted.
pub trait Evidence {
    /// The counts of a route and a candidate, if there are any.
    ///
    /// # Errors
    /// When they cannot be read.
    fn tally(&mut self, route: &str, candidate: &str) -> Result<Option<Counted>, Fault>;

    /// Puts these counts in the place of those that were there; when the first pair came does not change.
    ///
    /// # Errors
    /// When they cannot be kept.
    fn set_tally(&mut self, route: &str, candidate: &str, counted: &Counted) -> Result<(), Fault>;

    /// The candidates of a route that have been counted, the latest first.
    ///
    /// # Errors
    /// When they cannot be read.
    fn candidates(&mut self, route: &str) -> Result<Vec<String>, Fault>;

    /// Adds to what became of a route's requests.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn add_fates(&mut self, route: &str, more: &[Fates]) -> Result<(), Fault>;

    /// What became of a route's requests.
    ///
    /// # Errors
    /// When it cannot be read.
    fn fates(&mut self, route: &str) -> Result<Vec<Fates>, Fault>;

    /// Adds to what a day has cost; a new day begins at zero. What it has cost so far.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn spend(&mut self, route: &str, more: Day) -> Result<Day, Fault>;
}

impl Evidence for Sqlite {
    fn tally(&mut self, route: &str, candidate: &str) -> Result<Option<Counted>, Fault> {
        let sql = "SELECT tally, since, at FROM shadow_tallies WHERE route = $1 AND candidate = $2";
        let mut query = self.connection.prepare_cached(sql)?;
        let row = query.query_row(params![route, candidate], |row| {
            Ok(Counted { tally: row.get(0)?, since: row.get(1)?, at: row.get(2)? })
        });
        Ok(row.optional()?)
    }

    fn set_tally(&mut self, route: &str, candidate: &str, counted: &Counted) -> Result<(), Fault> {
        let Counted { tally, since, at } = counted;
        self.connection.execute(
            "INSERT INTO shadow_tallies (route, candidate, tally, since, at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (route, candidate) DO UPDATE SET tally = excluded.tally, at = excluded.at",
            params![route, candidate, tally, since, at],
        )?;
        Ok(())
    }

    fn candidates(&mut self, route: &str) -> Result<Vec<String>, Fault> {
        let sql = "SELECT candidate FROM shadow_tallies WHERE route = $1 ORDER BY at DESC";
        let mut query = self.connection.prepare_cached(sql)?;
        let rows = query.query_map(params![route], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn add_fates(&mut self, route: &str, more: &[Fates]) -> Result<(), Fault> {
        let mut query = self.connection.prepare_cached(
            "INSERT INTO shadow_fates (route, fate, why, count) VALUES ($1, $2, $3, $4)
             ON CONFLICT (route, fate, why) DO UPDATE SET count = count + excluded.count",
        )?;
        for Fates { fate, why, count } in more {
            query.execute(params![route, fate, why, i64::try_from(*count).unwrap_or(i64::MAX)])?;
        }
        Ok(())
    }

    fn fates(&mut self, route: &str) -> Result<Vec<Fates>, Fault> {
        let sql = "SELECT fate, why, count FROM shadow_fates WHERE route = $1 ORDER BY fate, why";
        let mut query = self.connection.prepare_cached(sql)?;
        let rows = query.query_map(params![route], |row| {
            Ok(Fates { fate: row.get(0)?, why: row.get(1)?, count: unsigned(row.get(2)?) })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn spend(&mut self, route: &str, more: Day) -> Result<Day, Fault> {
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let Day { day, requests, tokens } = more;
        // A clock that goes back a day does not open the account of the day after again.
        let row = self.connection.query_row(
            "INSERT INTO shadow_spent (route, day, requests, tokens) VALUES ($1, $2, $3, $4)
             ON CONFLICT (route) DO UPDATE SET
                 requests = CASE WHEN day < excluded.day THEN 0 ELSE requests END + excluded.requests,
                 tokens = CASE WHEN day < excluded.day THEN 0 ELSE tokens END + excluded.tokens,
                 day = max(day, excluded.day)
             RETURNING day, requests, tokens",
            params![route, signed(day), signed(requests), signed(tokens)],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
        Ok(Day { day: unsigned(row.0), requests: unsigned(row.1), tokens: unsigned(row.2) })
    }
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_adds_up_and_the_next_one_begins_at_zero() {
        let path = std::env::temp_dir().join(format!("cutover-evidence-{}.db", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let mut store = Sqlite::open(&path).unwrap();
        let day = |day, requests, tokens| Day { day, requests, tokens };
        assert_eq!(store.spend("r", day(7, 1, 10)).unwrap(), day(7, 1, 10));
        assert_eq!(store.spend("r", day(7, 2, 5)).unwrap(), day(7, 3, 15));
        assert_eq!(store.spend("r", day(8, 1, 1)).unwrap(), day(8, 1, 1));
        assert_eq!(store.spend("r", day(7, 1, 1)).unwrap(), day(8, 2, 2));
        let fates = |count| [Fates { fate: "mirrored".into(), why: String::new(), count }];
        store.add_fates("r", &fates(2)).unwrap();
        store.add_fates("r", &fates(3)).unwrap();
        assert_eq!(store.fates("r").unwrap(), fates(5));
        let counted = |tally: &str, at| Counted { tally: tally.into(), since: at, at };
        store.set_tally("r", "app", &counted("one", 1)).unwrap();
        store.set_tally("r", "app", &counted("two", 2)).unwrap();
        assert_eq!(store.tally("r", "app").unwrap().unwrap(), Counted { since: 1, ..counted("two", 2) });
        assert_eq!(
            (store.tally("r", "other").unwrap(), store.candidates("r").unwrap()),
            (None, vec!["app".to_owned()])
        );
    }
}
