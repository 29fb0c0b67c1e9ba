//! How the tables came to be: numbered steps, each made once, in order, and never changed after it was released.

use rusqlite::Connection;

use super::Fault;
use super::sqlite::{step, version};

/// All steps; the place in this list is a step's number, from 1.
pub(super) const STEPS: &[&str] = &[
    include_str!("migrations/0001_weights_and_audit.sql"),
    include_str!("migrations/0002_shadow.sql"),
    include_str!("migrations/0003_shadow_moments.sql"),
];

/// Makes the steps that a database has not had yet.
pub(super) fn run(connection: &mut Connection) -> Result<(), Fault> {
    let had = version(connection)?;
    if had > STEPS.len() {
        let known = STEPS.len();
        return Err(Fault::new(format!("was written by a newer cutover (tables {had}, this one knows {known})")));
    }
    for (place, sql) in STEPS.iter().enumerate().skip(had) {
        step(connection, place + 1, sql)?;
    }
    Ok(())
}
