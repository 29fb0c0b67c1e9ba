//! Plots: bars, drawn as SVG without anybody's help.

use std::fmt::Write as _;

use crate::results::{Cell, Figure, Results, Sample};

struct Chart {
    file: &'static str,
    title: &'static str,
    work: &'static str,
    of: fn(&Sample) -> f64,
}

static CHARTS: &[Chart] = &[
    Chart {
        file: "plain.svg",
        title: "Processor time for a plain answer, µs (log scale)",
        work: "plain",
        of: Sample::cpu_per_answer,
    },
    Chart {
        file: "large.svg",
        title: "Processor time for an answer to 128 KiB of history, µs (log scale)",
        work: "large",
        of: Sample::cpu_per_answer,
    },
    Chart {
        file: "events.svg",
        title: "Processor time for an event, 200 streams at 50 events/s, µs (log scale)",
        work: "events",
        of: Sample::cpu_per_event,
    },
    Chart {
        file: "flat.svg",
        title: "Processor time for an event of streams as fast as they come, µs (log scale)",
        work: "flat",
        of: Sample::cpu_per_event,
    },
];

const WIDTH: f64 = 960.0;
const LABELS: f64 = 420.0;
const ROW: f64 = 24.0;
const TOP: f64 = 44.0;

/// The plots of all works that were measured, with the names of their files.
pub(super) fn all(results: &Results) -> Vec<(&'static str, String)> {
    let bars = |chart: &Chart| -> Vec<(&Cell, Figure)> {
        let cells = results.cells.iter().filter(|cell| cell.work == chart.work && cell.program != "direct");
        cells.filter_map(|cell| Some((cell, cell.figure(chart.of).filter(|figure| figure.median > 0.0)?))).collect()
    };
    let drawn = CHARTS.iter().map(|chart| (chart, bars(chart))).filter(|(_, bars)| !bars.is_empty());
    drawn.map(|(chart, bars)| (chart.file, draw(chart.title, &bars))).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a few rows")]
fn draw(title: &str, bars: &[(&Cell, Figure)]) -> String {
    let most = bars.iter().map(|(_, figure)| figure.range.1).fold(f64::MIN_POSITIVE, f64::max);
    let least = bars.iter().map(|(_, figure)| figure.range.0).fold(most, f64::min).max(most / 1e6) / 2.0;
    let place = |value: f64| {
        let share = (value.max(least) / least).ln() / (most / least).ln();
        LABELS + share * (WIDTH - LABELS - 90.0)
    };
    let height = TOP + ROW * bars.len() as f64 + 12.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<text x=\"12\" y=\"26\" font-size=\"16\">{title}</text>\n"
    );
    for (row, (cell, figure)) in bars.iter().enumerate() {
        let y = TOP + ROW * row as f64;
        let colour = if cell.program == "Cutover" { "#1f6feb" } else { "#9aa4af" };
        let label = format!("{}: {}", cell.program, cell.task);
        let (end, low, high) = (place(figure.median), place(figure.range.0), place(figure.range.1));
        let middle = y + ROW / 2.0;
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{label}</text>\n\
             <rect x=\"{LABELS}\" y=\"{}\" width=\"{:.1}\" height=\"{}\" fill=\"{colour}\"/>\n\
             <line x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{middle}\" y2=\"{middle}\" stroke=\"#000\"/>\n\
             <text x=\"{:.1}\" y=\"{}\">{:.2}</text>\n",
            LABELS - 8.0,
            y + 16.0,
            y + 3.0,
            end - LABELS,
            ROW - 6.0,
            high.max(end) + 6.0,
            y + 16.0,
            figure.median,
        );
    }
    svg.push_str("</svg>\n");
    svg
}
