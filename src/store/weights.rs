//! Weights that were set for now: what a route's file says is overridden until they are cleared.

use rusqlite::{OptionalExtension as _, Row, params};

use super::Fault;
use super::audit::{Audit as _, Entry};
use super::sqlite::Sqlite;

/// Weights that override those of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The route, by name: it need not be in the config any more.
    pub route: String,
    /// In percent, as people write them: `legacy=95 app=5`.
    pub weights: String,
    /// Who set them.
    pub who: String,
    /// Why.
    pub why: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The entry of the audit trail that set them.
    pub entry: i64,
}

/// Weights that are to be set, or cleared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The route.
    pub route: String,
    /// The weights as in [`Override`]; none clears them.
    pub weights: Option<String>,
    /// The weights of the file: what they change from, or to, where there is no override.
    pub file: String,
    /// Who asks.
    pub who: String,
    /// Why.
    pub why: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
}

/// The overrides.
pub trait Weights {
    /// All of them, by route.
    ///
    /// # Errors
    /// When they cannot be read.
    fn overrides(&mut self) -> Result<Vec<Override>, Fault>;

    /// Makes a change and gives its entry in the audit trail; none if it clears what is not there.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn change_weights(&mut self, change: &Change) -> Result<Option<Entry>, Fault>;
}

impl Weights for Sqlite {
    fn overrides(&mut self) -> Result<Vec<Override>, Fault> {
        let sql = "SELECT route, weights, who, why, at, entry FROM weight_overrides ORDER BY route";
        let mut query = self.connection.prepare_cached(sql)?;
        let rows = query.query_map([], read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn change_weights(&mut self, change: &Change) -> Result<Option<Entry>, Fault> {
        let Change { route, weights, file, who, why, at } = change;
        let sql = "SELECT weights FROM weight_overrides WHERE route = $1";
        let known: Option<String> = self.connection.query_row(sql, params![route], |row| row.get(0)).optional()?;
        if known.is_none() && weights.is_none() {
            return Ok(None);
        }
        let mut entry = Entry {
            id: 0,
            at: *at,
            who: who.clone(),
            action: if weights.is_some() { "weights.set" } else { "weights.clear" }.to_owned(),
            subject: route.clone(),
            before: known.unwrap_or_else(|| file.clone()),
            after: weights.clone().unwrap_or_else(|| file.clone()),
            why: why.clone(),
        };
        entry.id = self.add_entry(&entry)?;
        match weights {
            Some(weights) => self.connection.execute(
                "INSERT INTO weight_overrides (route, weights, who, why, at, entry) VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (route) DO UPDATE SET weights = excluded.weights, who = excluded.who,
                     why = excluded.why, at = excluded.at, entry = excluded.entry",
                params![route, weights, who, why, at, entry.id],
            )?,
            None => self.connection.execute("DELETE FROM weight_overrides WHERE route = $1", params![route])?,
        };
        Ok(Some(entry))
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Override> {
    Ok(Override {
        route: row.get(0)?,
        weights: row.get(1)?,
        who: row.get(2)?,
        why: row.get(3)?,
        at: row.get(4)?,
        entry: row.get(5)?,
    })
}
