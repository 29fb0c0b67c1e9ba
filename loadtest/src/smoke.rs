//! A run of seconds that needs no foreign program and shows that everything here works: no errors, and events that count.

use std::path::PathBuf;

use crate::clock::MILLISECOND;
use crate::compare::{self, Plan};
use crate::mirror;

/// Runs it.
pub fn run(cutover: PathBuf) -> anyhow::Result<()> {
    let plan = Plan {
        here: crate::here(cutover.clone())?,
        scratch: std::env::temp_dir().join(format!("loadtest-smoke-{}", std::process::id())),
        works: ["plain", "latency", "events", "flat"].map(str::to_owned).to_vec(),
        programs: ["direct", "hyper floor", "Cutover"].map(str::to_owned).to_vec(),
        rounds: 1,
        time: 50 * MILLISECOND,
        smoke: Some((8, 20)),
    };
    let results = compare::run(&plan, &mut |_| {})?;
    std::fs::remove_dir_all(&plan.scratch)?;
    anyhow::ensure!(results.left_out.is_empty(), "left out: {:?}", results.left_out);
    for cell in &results.cells {
        let streams = ["events", "flat"].contains(&cell.work.as_str());
        for sample in &cell.rounds {
            let counted = if streams { sample.events } else { sample.answers };
            anyhow::ensure!(counted > 0 && sample.errors == 0, "{cell:?}");
        }
    }
    crate::report::markdown(&results);
    crate::tell(&format!("smoke: {} measurements, no errors", results.cells.len()));
    mirror::smoke(cutover)
}
