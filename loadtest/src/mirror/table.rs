//! The table of a run: ratios to the same program without a mirror in the same round, the middle one of all rounds.

use std::fmt::Write as _;

use super::{Row, Seen};

/// All rows as Markdown.
pub(super) fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "| program | mirror's target | p99 plain | p99 streams | next request, p99 | slowest | answered | copies |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let without = rows.iter().find(|other| other.program.name == row.program.name && other.target.is_none());
        let again = row.target.is_none() && without.is_some_and(|without| !std::ptr::eq(row, without));
        let ratio = |of: fn(&Seen) -> f64| {
            let before = without.map_or(&[][..], |row| &row.rounds);
            let ratios = row.rounds.iter().zip(before).map(|(now, before)| of(now) / of(before));
            middle(ratios.collect())
        };
        let value = |of: fn(&Seen) -> f64| middle(row.rounds.iter().map(of).collect());
        let cell = |of: fn(&Seen) -> f64| match value(of) {
            // Nothing came back.
            0.0 => "none".to_owned(),
            micros => format!("{:.2}x ({:.2} ms)", ratio(of), micros / 1e3),
        };
        let _ = writeln!(
            text,
            "| {} | {}{} | {} | {} | {} | {:.2} ms | {:.0} % | {:.0} |",
            row.program.name,
            row.told(),
            if again { ", again" } else { "" },
            cell(|seen| seen.plain),
            cell(|seen| seen.streams),
            cell(|seen| seen.next),
            value(|seen| seen.longest) / 1e3,
            value(|seen| seen.answered) * 100.0,
            value(|seen| f64::from(u32::try_from(seen.copies).unwrap_or(u32::MAX))),
        );
    }
    text
}

/// The one in the middle; zero of none.
fn middle(mut values: Vec<f64>) -> f64 {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::super::start::PROGRAMS;
    use super::super::{Seen, Target};
    use super::*;

    #[test]
    fn ratios_are_of_the_same_round() {
        let seen = |plain: f64| Seen { plain, streams: 50_000.0, ..Seen::default() };
        let row = |target, rounds: &[f64]| Row {
            program: &PROGRAMS[0],
            target,
            rounds: rounds.iter().copied().map(seen).collect(),
        };
        let rows = [
            row(None, &[100.0, 200.0, 300.0]),
            row(Some(Target::Hung), &[110.0, 220.0, 600.0]),
            row(None, &[100.0, 210.0, 330.0]),
        ];
        let text = markdown(&rows);
        assert!(text.contains("| Cutover | hung | 1.10x (0.22 ms) | 1.00x (50.00 ms) | none |"), "{text}");
        assert!(text.contains("| Cutover | no mirror, again | 1.05x (0.21 ms) |"), "{text}");
    }
}
