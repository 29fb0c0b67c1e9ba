//! The table of a run: ratios to the same program without a mirror, measured right before and right after.

use std::fmt::Write as _;

use super::{Row, Target};
use crate::load::Outcome;

/// All rows as Markdown.
pub(super) fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "| program | mirror's target | p99 plain | p99 streams | next request, p99 | slowest | answered | copies |\n\
         |---|---|--:|--:|--:|--:|--:|--:|\n",
    );
    for row in rows {
        let _ = writeln!(text, "{}", line(row));
    }
    text
}

/// One row.
pub(super) fn line(row: &Row) -> String {
    let Row { program, target, with, without } = row;
    let cell = |with: &Outcome, without: &Outcome| match with.p99_of_slices() {
        // Nothing came back.
        0.0 => "none".to_owned(),
        micros => format!("{:.2}x ({:.2} ms)", micros / without.p99_of_slices(), micros / 1e3),
    };
    format!(
        "| {} | {} | {} | {} | {} | {:.2} ms | {:.0} % | {} |",
        program.name,
        target.map_or("no mirror either", Target::name),
        cell(&with.plain, &without.plain),
        cell(&with.streams, &without.streams),
        cell(&with.next, &without.next),
        with.next.longest() / 1e3,
        with.answered() * 100.0,
        with.copies,
    )
}

#[cfg(test)]
mod tests {
    use super::super::Seen;
    use super::super::start::PROGRAMS;
    use super::*;

    /// A hundred answers, all of them that late.
    fn seen(micros: u64) -> Seen {
        let mut seen = Seen::new().unwrap();
        for _ in 0..100 {
            seen.plain.answered(micros * 1_000);
        }
        seen.plain.cut();
        seen
    }

    #[test]
    fn ratios_are_to_no_mirror() {
        let row = Row { program: &PROGRAMS[0], target: Some(Target::Hung), with: seen(220), without: seen(200) };
        let text = line(&row);
        assert!(text.starts_with("| Cutover | hung | 1.10x (0.22 ms) | none | none |"), "{text}");
    }
}
