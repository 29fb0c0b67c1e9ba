//! The goals, each as a ratio within the run, with the anchor that it is held against.

use std::fmt::Write as _;

use super::tables::{added, shown};
use crate::results::{Cell, Figure, Results, Sample};
use crate::work::{CHAT_TO_RESPONSES, MIRROR_100, REFRAMED};

enum Wanted {
    AtMost(f64),
    AtLeast(f64),
}

struct Goal {
    what: &'static str,
    wanted: Wanted,
    unit: &'static str,
    figure: fn(&Results) -> Option<Figure>,
}

const fn at_most(what: &'static str, most: f64, unit: &'static str, figure: fn(&Results) -> Option<Figure>) -> Goal {
    Goal { what, wanted: Wanted::AtMost(most), unit, figure }
}

const fn at_least(what: &'static str, least: f64, unit: &'static str, figure: fn(&Results) -> Option<Figure>) -> Goal {
    Goal { what, wanted: Wanted::AtLeast(least), unit, figure }
}

const FLOOR: &str = "hyper floor";
const NGINX: &str = "× nginx";
const HYPER: &str = "× bare hyper";
const US: &str = "Cutover";
const TRANSLATED: Option<&str> = Some(CHAT_TO_RESPONSES.name);
const AGENT_SERVER: Option<&str> = Some(REFRAMED.name);

static GOALS: &[Goal] = &[
    at_most("pass-through: CPU per request", 1.10, HYPER, |run| {
        against(run, "plain", None, FLOOR, Sample::cpu_per_answer)
    }),
    at_most("pass-through: CPU per request", 1.30, NGINX, |run| {
        against(run, "plain", None, "nginx", Sample::cpu_per_answer)
    }),
    at_most("key, route, Chat ↔ Responses: CPU per request", 1.35, HYPER, |run| {
        against(run, "plain", TRANSLATED, FLOOR, Sample::cpu_per_answer)
    }),
    at_most("128 KiB of history translated: CPU per request", 1.6, NGINX, |run| {
        against(run, "large", TRANSLATED, "nginx", Sample::cpu_per_answer)
    }),
    at_most("200 streams at 50 events/s, re-framed: CPU per event", 1.15, NGINX, |run| {
        against(run, "events", AGENT_SERVER, "nginx", Sample::cpu_per_event)
    }),
    at_least("streams flat out, passed through: events/s", 0.5, NGINX, |run| {
        against(run, "flat", None, "nginx", Sample::events_per_second)
    }),
    at_least("streams flat out, re-framed: events/s", 8.0, "× TensorZero", |run| {
        against(run, "flat", AGENT_SERVER, "TensorZero", Sample::events_per_second)
    }),
    at_most("latency added at 2,000 requests/s, p50", 1.15, NGINX, |run| {
        added_against(run, "latency", None, |it| it.latency.p50)
    }),
    at_most("latency added at 2,000 requests/s, p99", 1.15, NGINX, |run| {
        added_against(run, "latency", None, |it| it.latency.p99)
    }),
    at_most("time added per event at 200 streams, p99", 1.5, NGINX, |run| {
        added_against(run, "events", AGENT_SERVER, |it| it.event.p99)
    }),
    at_least("answers per core, translated", 400.0, "× LiteLLM", |run| per_core(run, "LiteLLM")),
    at_least("answers per core, translated", 12.0, "× TensorZero", |run| per_core(run, "TensorZero")),
    at_most("100 % mirrored: CPU per request", 1.9, "× not mirrored", |run| mirrored(run, Sample::cpu_per_answer)),
    at_most("100 % mirrored: p99 of the client", 1.1, "× not mirrored", |run| mirrored(run, |it| it.latency.p99)),
    at_most("memory of an idle gateway", 25.0, "MiB", |run| idle(run.cell("plain", US, None)?)),
    at_most("memory of an open silent stream", 24.0, "KiB", |run| {
        let cell = run.cell("silent", US, AGENT_SERVER)?;
        cell.figure(|sample| sample.memory_per_stream(cell.idle))
    }),
    at_most("CPU per request, 64 → 4,096 connections", 1.25, "×", |run| {
        run.cell("crowd", US, None)?.against(run.cell("plain", US, None)?, Sample::cpu_per_answer)
    }),
];

fn against(run: &Results, work: &str, task: Option<&str>, anchor: &str, of: fn(&Sample) -> f64) -> Option<Figure> {
    run.cell(work, US, task)?.against(run.cell(work, anchor, None)?, of)
}

/// What is added to the way without a peer, for what nginx adds in the same round.
fn added_against(run: &Results, work: &str, task: Option<&str>, of: fn(&Sample) -> f64) -> Option<Figure> {
    let direct = run.cell(work, "direct", None)?;
    let (ours, anchors) = (run.cell(work, US, task)?, run.cell(work, "nginx", None)?);
    let rounds = ours.rounds.iter().zip(&anchors.rounds).zip(&direct.rounds);
    let ratios = rounds.map(|((ours, anchor), direct)| (of(ours) - of(direct)) / (of(anchor) - of(direct)));
    // What an anchor adds can be lost in the noise; the ratio says nothing then.
    added(anchors, Some(direct), of).filter(|anchor| anchor.range.0 > 0.0)?;
    Figure::of(ratios)
}

/// What a mirror costs, if the copies were really made.
fn mirrored(run: &Results, of: fn(&Sample) -> f64) -> Option<Figure> {
    let with = run.cell("mirror", US, Some(MIRROR_100.name))?;
    with.figure(Sample::mirrored).filter(|share| share.median > 0.9)?;
    with.against(run.cell("mirror", US, TRANSLATED)?, of)
}

fn per_core(run: &Results, anchor: &str) -> Option<Figure> {
    let ours = run.cell("plain", US, TRANSLATED)?;
    run.cell("plain", anchor, None)?.against(ours, Sample::cpu_per_answer)
}

fn idle(cell: &Cell) -> Option<Figure> {
    Figure::of([f64::from(u32::try_from(cell.idle).ok()?) / 1024.0].into_iter())
}

/// The table of goals.
pub(super) fn table(results: &Results) -> String {
    let mut text = "| work | goal | figure | |\n|---|--:|--:|---|\n".to_owned();
    for goal in GOALS {
        let Goal { what, unit, .. } = goal;
        let figure = (goal.figure)(results);
        let (wanted, met) = match goal.wanted {
            Wanted::AtMost(most) => (format!("≤ {most} {unit}"), figure.map(|figure| figure.median <= most)),
            Wanted::AtLeast(least) => (format!("≥ {least} {unit}"), figure.map(|figure| figure.median >= least)),
        };
        let figure = figure.map_or("–".to_owned(), |figure| shown(figure, 2));
        let met = match met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "not measured",
        };
        let _ = writeln!(text, "| {what} | {wanted} | {figure} | {met} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_held_against_its_anchor_round_by_round() {
        let cell = |program: &str, cpu: [f64; 3]| Cell {
            work: "plain".into(),
            program: program.into(),
            rounds: cpu.map(|cpu| Sample { cpu, answers: 1, ..Sample::default() }).to_vec(),
            ..Cell::default()
        };
        let cells = vec![cell("hyper floor", [1.0, 2.0, 4.0]), cell("Cutover", [1.1, 2.0, 8.0])];
        let table = table(&Results { cells, ..Results::default() });
        assert!(
            table.contains("| pass-through: CPU per request | ≤ 1.1 × bare hyper | 1.10 (1.00 to 2.00) | met |"),
            "{table}"
        );
        assert!(table.contains("| pass-through: CPU per request | ≤ 1.3 × nginx | – | not measured |"), "{table}");
    }
}
