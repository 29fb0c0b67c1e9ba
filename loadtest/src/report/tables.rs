//! One table for each work: what each program took for it.

use std::fmt::Write as _;

use crate::results::{Cell, Figure, Results, Sample};
use crate::work::{self, Work};

/// A column: its title, and its figure of a cell beside the one without a peer.
struct Column {
    title: &'static str,
    digits: usize,
    of: fn(&Cell, Option<&Cell>) -> Option<Figure>,
}

const fn column(title: &'static str, digits: usize, of: fn(&Cell, Option<&Cell>) -> Option<Figure>) -> Column {
    Column { title, digits, of }
}

const ANSWERS: Column = column("answers/s", 0, |cell, _| cell.figure(Sample::answers_per_second));
const CPU_ANSWER: Column = column("CPU µs/answer", 2, |cell, _| cell.figure(Sample::cpu_per_answer));
const CPU_EVENT: Column = column("CPU µs/event", 3, |cell, _| cell.figure(Sample::cpu_per_event));
const EVENTS: Column = column("events/s", 0, |cell, _| cell.figure(Sample::events_per_second));
const P50: Column = column("p50 ms", 2, |cell, _| cell.figure(|sample| sample.latency.p50 / 1e3));
const P99: Column = column("p99 ms", 2, |cell, _| cell.figure(|sample| sample.latency.p99 / 1e3));
const ADDED_P50: Column = column("added p50 µs", 0, |cell, direct| added(cell, direct, |sample| sample.latency.p50));
const ADDED_P99: Column = column("added p99 µs", 0, |cell, direct| added(cell, direct, |sample| sample.latency.p99));
const FIRST_P50: Column = column("first event p50 µs", 0, |cell, _| cell.figure(|sample| sample.first_event.p50));
const EVENT_P50: Column = column("added to an event p50 µs", 0, |cell, direct| added(cell, direct, |it| it.event.p50));
const EVENT_P99: Column = column("added to an event p99 µs", 0, |cell, direct| added(cell, direct, |it| it.event.p99));
const IDLE: Column = column("idle MiB", 1, |cell, _| megabytes(cell));
const STREAM: Column =
    column("KiB/open stream", 1, |cell, _| cell.figure(|sample| sample.memory_per_stream(cell.idle)));
const OPEN: Column =
    column("open", 0, |cell, _| cell.figure(|sample| f64::from(u32::try_from(sample.open).unwrap_or(0))));
const COPIES: Column = column("copies/answer", 2, |cell, _| cell.figure(Sample::mirrored));
const MEMORY: Column =
    column("MiB", 0, |cell, _| cell.figure(|sample| f64::from(u32::try_from(sample.memory).unwrap_or(0)) / 1024.0));

/// What is added to the way without a peer, in the same round.
pub(super) fn added(cell: &Cell, direct: Option<&Cell>, of: impl Fn(&Sample) -> f64) -> Option<Figure> {
    Figure::of(cell.rounds.iter().zip(&direct?.rounds).map(|(this, direct)| of(this) - of(direct)))
}

fn megabytes(cell: &Cell) -> Option<Figure> {
    (cell.idle > 0).then(|| Figure::of([f64::from(u32::try_from(cell.idle).unwrap_or(0)) / 1024.0].into_iter()))?
}

fn columns(work: &Work) -> &'static [Column] {
    match work.name {
        "latency" => &[ADDED_P50, ADDED_P99, CPU_ANSWER],
        "mirror" => &[ADDED_P50, ADDED_P99, CPU_ANSWER, COPIES],
        "events" => &[EVENT_P50, EVENT_P99, CPU_EVENT, FIRST_P50],
        "flat" => &[EVENTS, CPU_EVENT],
        "silent" => &[IDLE, STREAM, OPEN],
        _ => &[ANSWERS, CPU_ANSWER, P50, P99, MEMORY],
    }
}

/// The tables of all works that were measured.
pub(super) fn all(results: &Results) -> String {
    let mut text = String::new();
    for work in work::ALL {
        let cells: Vec<&Cell> = results.cells.iter().filter(|cell| cell.work == work.name).collect();
        if !cells.is_empty() {
            let _ = writeln!(text, "\n## {}\n", work.title);
            table(work, &cells, results.cell(work.name, "direct", None), &mut text);
        }
    }
    text
}

fn table(work: &Work, cells: &[&Cell], direct: Option<&Cell>, text: &mut String) {
    let columns = columns(work);
    text.push_str("| program | what it does |");
    for column in columns {
        let _ = write!(text, " {} |", column.title);
    }
    text.push_str(" errors |\n|---|---|");
    text.push_str(&"--:|".repeat(columns.len() + 1));
    text.push('\n');
    for cell in cells {
        let _ = write!(text, "| {} | {} |", cell.program, cell.task);
        for column in columns {
            let figure = (column.of)(cell, direct).map_or("–".to_owned(), |figure| shown(figure, column.digits));
            let _ = write!(text, " {figure} |");
        }
        let _ = writeln!(text, " {} |", cell.errors());
    }
}

/// A figure with its range.
pub(super) fn shown(figure: Figure, digits: usize) -> String {
    let Figure { median, range: (low, high) } = figure;
    if low.to_bits() == high.to_bits() {
        return format!("{median:.digits$}");
    }
    format!("{median:.digits$} ({low:.digits$} to {high:.digits$})")
}
