//! What came of a run: all of it as JSON, tables for reading, plots, and the goals with their figures.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::results::Results;

mod chart;
mod goals;
mod tables;

/// Between these lines of a file stands its table.
const BEGIN: &str = "<!-- loadtest: begin -->";
const END: &str = "<!-- loadtest: end -->";

/// Writes everything into a folder, and the goals into the table of a file.
pub fn write(results: &Results, folder: &Path, readme: Option<&Path>) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("results.json"), serde_json::to_string_pretty(results)? + "\n")?;
    fs::write(folder.join("README.md"), markdown(results))?;
    for (name, svg) in chart::all(results) {
        fs::write(folder.join(name), svg)?;
    }
    let Some(readme) = readme else { return Ok(()) };
    let text = fs::read_to_string(readme)?;
    let (before, rest) = text.split_once(BEGIN).context("the file has no place for the table")?;
    let (_, after) = rest.split_once(END).context("the table of the file has no end")?;
    let table = goals::table(results);
    fs::write(readme, format!("{before}{BEGIN}\n{}\n{table}{END}{after}", how(results)))?;
    Ok(())
}

/// Writes the report of a run again, beside its results.
pub fn again(results: &Path, readme: Option<&Path>) -> anyhow::Result<()> {
    let text = fs::read(results)?;
    write(&serde_json::from_slice(&text)?, results.parent().unwrap_or(Path::new(".")), readme)
}

/// The whole report.
pub fn markdown(results: &Results) -> String {
    let mut text = format!("# What it costs\n\n{}\n\n", how(results));
    text.push_str("Absolute figures are this machine's and this hour's; ratios within the run are what counts.\n\n");
    text.push_str("## Goals\n\n");
    text.push_str(&goals::table(results));
    text.push_str("\n## Who ran\n\n");
    for (name, version) in &results.versions {
        let _ = writeln!(text, "- {name}: {version}");
    }
    for (name, why) in &results.left_out {
        let _ = writeln!(text, "- left out: {name}: {why}");
    }
    text.push_str(&tables::all(results));
    text.push_str("\n## Plots\n\n");
    for (name, _) in chart::all(results) {
        let _ = writeln!(text, "![{name}]({name})");
    }
    text
}

/// How it was measured, in a sentence.
fn how(results: &Results) -> String {
    let Results { date, machine, rounds, seconds, .. } = results;
    format!(
        "Measured on {date} on {machine}: the program under test on a core of its own, upstream and client on the other, \
         {rounds} rounds in turn of {seconds} s each, medians (smallest to largest)."
    )
}
