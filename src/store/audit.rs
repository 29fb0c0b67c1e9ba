//! Who changed what, when, from what to what, and why.

use rusqlite::{Row, params};

use super::Fault;
use super::sqlite::Sqlite;

/// Entries that are kept; the oldest go first.
const MOST: i64 = 100_000;

/// One change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its number; a later change has a higher one. Zero before it is kept.
    pub id: i64,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Who did it.
    pub who: String,
    /// What was done, such as `weights.set`.
    pub action: String,
    /// To what: the name of a route.
    pub subject: String,
    /// What it was before; empty if nothing.
    pub before: String,
    /// What it is since; empty if nothing.
    pub after: String,
    /// Why, in the words of who did it; may be empty.
    pub why: String,
}

/// The audit trail.
pub trait Audit {
    /// Adds an entry and gives its number.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn add_entry(&mut self, entry: &Entry) -> Result<i64, Fault>;

    /// The latest entries, latest first: of one subject, or of all.
    ///
    /// # Errors
    /// When they cannot be read.
    fn entries(&mut self, subject: Option<&str>, most: u32) -> Result<Vec<Entry>, Fault>;
}

impl Audit for Sqlite {
    fn add_entry(&mut self, entry: &Entry) -> Result<i64, Fault> {
        let Entry { id: _, at, who, action, subject, before, after, why } = entry;
        let id = self.connection.query_row(
            "INSERT INTO audit (at, who, action, subject, before, after, why)
             VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
            params![at, who, action, subject, before, after, why],
            |row| row.get(0),
        )?;
        self.connection.execute("DELETE FROM audit WHERE id <= $1", params![id - MOST])?;
        Ok(id)
    }

    fn entries(&mut self, subject: Option<&str>, most: u32) -> Result<Vec<Entry>, Fault> {
        let mut query = self.connection.prepare_cached(
            "SELECT id, at, who, action, subject, before, after, why FROM audit
             WHERE $1 IS NULL OR subject = $1 ORDER BY id DESC LIMIT $2",
        )?;
        let rows = query.query_map(params![subject, most], entry)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        id: row.get(0)?,
        at: row.get(1)?,
        who: row.get(2)?,
        action: row.get(3)?,
        subject: row.get(4)?,
        before: row.get(5)?,
        after: row.get(6)?,
        why: row.get(7)?,
    })
}
