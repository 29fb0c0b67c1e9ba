//! Pairs of answers to one request, as far as the route's privacy mode lets them be kept.

use rusqlite::{Row, params};

use super::Fault;
use super::sqlite::Sqlite;

/// One mirrored exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Its number; a later one has a higher one. Zero before it is kept.
    pub id: i64,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The route.
    pub route: String,
    /// The backend that got the copy.
    pub candidate: String,
    /// The live request's id.
    pub request_id: String,
    /// The measures by which the answers differ.
    pub different: Vec<String>,
    /// The dialect that the request is in.
    pub dialect: String,
    /// The request's body; empty where only scores are kept, like the answers below.
    pub request: String,
    /// JSON of the primary's answer.
    pub primary: String,
    /// JSON of the candidate's answer.
    pub answer: String,
    /// JSON of the primary's second answer; empty where it was asked once.
    pub again: String,
    /// JSON of what each measure found.
    pub comparison: String,
}

/// Which records are read, and in which order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The latest, latest first.
    Latest,
    /// The latest that differ by this measure, latest first.
    Differing(String),
    /// Those behind this number, in their order: for reading all of them in pieces.
    After(i64),
}

/// The records.
pub trait Records {
    /// Adds a record and gives its number.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn add_record(&mut self, record: &Record) -> Result<i64, Fault>;

    /// Records of a route and a candidate.
    ///
    /// # Errors
    /// When they cannot be read.
    fn records(&mut self, route: &str, candidate: &str, which: &Which, most: u32) -> Result<Vec<Record>, Fault>;

    /// Removes a route's records from before a time, and the oldest of those that take more than so many bytes in all.
    /// How many there were.
    ///
    /// # Errors
    /// When they cannot be removed.
    fn prune_records(&mut self, route: &str, before: i64, most_bytes: i64) -> Result<usize, Fault>;
}

impl Records for Sqlite {
    fn add_record(&mut self, record: &Record) -> Result<i64, Fault> {
        let Record { at, route, candidate, request_id, dialect, request, primary, answer, again, comparison, .. } =
            record;
        let different: String = record.different.iter().flat_map(|measure| [" ", measure, " "]).collect();
        let texts = [request, primary, answer, again, comparison];
        let bytes: usize = texts.into_iter().map(String::len).sum();
        let mut query = self.connection.prepare_cached(
            "INSERT INTO shadow_records (at, route, candidate, request_id, different, bytes, dialect, request,
                                         primary_answer, candidate_answer, again_answer, comparison)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id",
        )?;
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let row = params![
            at, route, candidate, request_id, different, bytes, dialect, request, primary, answer, again, comparison
        ];
        Ok(query.query_row(row, |row| row.get(0))?)
    }

    fn records(&mut self, route: &str, candidate: &str, which: &Which, most: u32) -> Result<Vec<Record>, Fault> {
        let (filter, order, given) = match which {
            Which::Latest => ("$3 = ''", "DESC", String::new()),
            Which::Differing(measure) => ("instr(different, $3) > 0", "DESC", format!(" {measure} ")),
            Which::After(id) => ("id > CAST($3 AS INTEGER)", "ASC", id.to_string()),
        };
        let mut query = self.connection.prepare_cached(&format!(
            "SELECT id, at, route, candidate, request_id, different, dialect, request, primary_answer, candidate_answer,
                    again_answer, comparison
             FROM shadow_records WHERE route = $1 AND candidate = $2 AND {filter} ORDER BY id {order} LIMIT $4"
        ))?;
        let rows = query.query_map(params![route, candidate, given, most], record)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn prune_records(&mut self, route: &str, before: i64, most_bytes: i64) -> Result<usize, Fault> {
        let old = "DELETE FROM shadow_records WHERE route = $1 AND at < $2";
        let old = self.connection.execute(old, params![route, before])?;
        let many = self.connection.execute(
            "DELETE FROM shadow_records WHERE route = $1 AND id <= (
                 SELECT id FROM (
                     SELECT id, sum(bytes) OVER (ORDER BY id DESC) AS newer FROM shadow_records WHERE route = $1
                 ) WHERE newer > $2 ORDER BY id DESC LIMIT 1)",
            params![route, most_bytes],
        )?;
        Ok(old + many)
    }
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let different: String = row.get(5)?;
    Ok(Record {
        id: row.get(0)?,
        at: row.get(1)?,
        route: row.get(2)?,
        candidate: row.get(3)?,
        request_id: row.get(4)?,
        different: different.split_whitespace().map(str::to_owned).collect(),
        dialect: row.get(6)?,
        request: row.get(7)?,
        primary: row.get(8)?,
        answer: row.get(9)?,
        again: row.get(10)?,
        comparison: row.get(11)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(name: &str) -> Sqlite {
        let path = std::env::temp_dir().join(format!("cutover-records-{}-{name}.db", std::process::id()));
        for file in [path.clone(), path.with_extension("db-wal"), path.with_extension("db-shm")] {
            let _ = std::fs::remove_file(file);
        }
        Sqlite::open(&path).unwrap()
    }

    fn record(at: i64, route: &str, different: &[&str], bytes: usize) -> Record {
        Record {
            at,
            route: route.into(),
            candidate: "app".into(),
            different: different.iter().map(|measure| (*measure).to_owned()).collect(),
            request: "x".repeat(bytes),
            ..Record::default()
        }
    }

    fn times(store: &mut Sqlite, route: &str, which: &Which) -> Vec<i64> {
        store.records(route, "app", which, 100).unwrap().iter().map(|record| record.at).collect()
    }

    #[test]
    fn records_are_found_by_what_differs_and_read_in_pieces() {
        let mut store = store("found");
        for (at, different) in [(1, &["text", "text_numbers"][..]), (2, &[]), (3, &["text_numbers"]), (4, &["order"])] {
            store.add_record(&record(at, "r", different, 1)).unwrap();
        }
        store.add_record(&record(5, "other", &["text"], 1)).unwrap();
        assert_eq!(times(&mut store, "r", &Which::Latest), [4, 3, 2, 1]);
        assert_eq!(times(&mut store, "r", &Which::Differing("text".into())), [1]);
        assert_eq!(times(&mut store, "r", &Which::Differing("text_numbers".into())), [3, 1]);
        let first = store.records("r", "app", &Which::After(0), 2).unwrap();
        assert_eq!((first.len(), first[0].different.clone()), (2, vec!["text".to_owned(), "text_numbers".to_owned()]));
        assert_eq!(times(&mut store, "r", &Which::After(first[1].id)), [3, 4]);
    }

    #[test]
    fn the_oldest_go_first_by_age_and_by_size() {
        let mut store = store("oldest");
        for at in 1..=6 {
            store.add_record(&record(at, "r", &[], 100)).unwrap();
            store.add_record(&record(at, "other", &[], 100)).unwrap();
        }
        assert_eq!(store.prune_records("r", 3, 1_000).unwrap(), 2);
        assert_eq!(times(&mut store, "r", &Which::Latest), [6, 5, 4, 3]);
        assert_eq!(store.prune_records("r", 0, 250).unwrap(), 2);
        assert_eq!(times(&mut store, "r", &Which::Latest), [6, 5]);
        assert_eq!(store.prune_records("r", 0, 250).unwrap(), 0);
        assert_eq!(times(&mut store, "other", &Which::Latest).len(), 6);
    }
}
