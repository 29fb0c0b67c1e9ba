//! The file of a replay, line by line: JSON Lines, or a table as CSV.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use anyhow::Context as _;

use crate::dialect::Dialect;
use crate::shadow::Recorded;

/// Longest line that is read.
const LONGEST: u64 = 32 << 20;

/// A request, or what is wrong with its line, behind the line's number.
pub(super) type Line = (u64, Result<Recorded, String>);

/// Reads the lines one after another; empty ones are none.
pub(super) fn lines(path: &Path, chat: &'static dyn Dialect) -> anyhow::Result<Box<dyn Iterator<Item = Line>>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let is_table = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    if is_table { table(file, chat) } else { Ok(Box::new(json(file, chat))) }
}

fn json(file: File, chat: &'static dyn Dialect) -> impl Iterator<Item = Line> {
    let (mut reader, mut number) = (BufReader::new(file), 0);
    std::iter::from_fn(move || {
        loop {
            let mut line = Vec::new();
            let read = reader.by_ref().take(LONGEST).read_until(b'\n', &mut line);
            number += 1;
            match read {
                Ok(0) => return None,
                Err(error) => {
                    // Nothing behind it can be read either.
                    reader = BufReader::new(File::open("/dev/null").ok()?);
                    return Some((number, Err(format!("cannot be read: {error}"))));
                }
                Ok(_) if line.len() as u64 == LONGEST && !line.ends_with(b"\n") => {
                    let skipped = skip_line(&mut reader);
                    return Some((number, Err(format!("is longer than {LONGEST} bytes{skipped}"))));
                }
                Ok(_) if line.trim_ascii().is_empty() => {}
                Ok(_) => {
                    let read = std::str::from_utf8(&line).map_err(|error| format!("is not UTF-8: {error}"));
                    return Some((number, read.and_then(|line| Recorded::of_json(line.trim(), chat))));
                }
            }
        }
    })
}

/// Passes over the rest of a line.
fn skip_line(reader: &mut BufReader<File>) -> &'static str {
    loop {
        let mut rest = Vec::new();
        match reader.by_ref().take(LONGEST).read_until(b'\n', &mut rest) {
            Ok(0) | Err(_) => return "",
            Ok(_) if rest.ends_with(b"\n") => return "",
            Ok(_) => {}
        }
    }
}

fn table(file: File, chat: &'static dyn Dialect) -> anyhow::Result<Box<dyn Iterator<Item = Line>>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(BufReader::new(file));
    let columns: Vec<String> = reader.headers()?.iter().map(|name| name.trim().to_owned()).collect();
    if !columns.iter().any(|column| column.eq_ignore_ascii_case("request")) {
        anyhow::bail!("the table has no column `request`; there are: {}", columns.join(", "));
    }
    Ok(Box::new(reader.into_records().enumerate().map(move |(place, row)| {
        // The header is the first line; a value may hold line ends, so the place alone is not the line.
        let line = |row: &csv::StringRecord| row.position().map_or(place as u64 + 2, csv::Position::line);
        match row {
            Ok(row) => {
                let values: Vec<String> = row.iter().map(str::to_owned).collect();
                (line(&row), Recorded::of_row(&columns, &values, chat))
            }
            Err(error) => {
                let line = error.position().map_or(place as u64 + 2, csv::Position::line);
                (line, Err(format!("is no row of a table: {error}")))
            }
        }
    })))
}
