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
    held: fn(&Results) -> Option<Held>,
}

/// A figure beside its anchor's in the same run.
struct Held {
    /// What the goal is about.
    figure: Figure,
    /// What it was made of: ours and the anchor's, and in which unit.
    made_of: Option<(Figure, Figure, &'static str)>,
}

const fn at_most(what: &'static str, most: f64, unit: &'static str, held: fn(&Results) -> Option<Held>) -> Goal {
    Goal { what, wanted: Wanted::AtMost(most), unit, held }
}

const fn at_least(what: &'static str, least: f64, unit: &'static str, held: fn(&Results) -> Option<Held>) -> Goal {
    Goal { what, wanted: Wanted::AtLeast(least), unit, held }
}

const FLOOR: &str = "hyper floor";
const NGINX: &str = "× nginx";
const HYPER: &str = "× bare hyper";
const US: &str = "Cutover";
const TRANSLATED: Option<&str> = Some(CHAT_TO_RESPONSES.name);
const AGENT_SERVER: Option<&str> = Some(REFRAMED.name);

/// A measure of a sample, and its unit.
type Measure = (fn(&Sample) -> f64, &'static str);

const CPU: Measure = (Sample::cpu_per_answer, "µs");
const CPU_EVENT: Measure = (Sample::cpu_per_event, "µs");
const EVENTS: Measure = (Sample::events_per_second, "/s");
const P50: Measure = (|sample| sample.latency.p50, "µs");
const P99: Measure = (|sample| sample.latency.p99, "µs");
const EVENT_P99: Measure = (|sample| sample.event.p99, "µs");

static GOALS: &[Goal] = &[
    at_most("pass-through: CPU per request", 1.10, HYPER, |run| against(run, "plain", None, FLOOR, CPU)),
    at_most("pass-through: CPU per request", 1.30, NGINX, |run| against(run, "plain", None, "nginx", CPU)),
    at_most("key, route, Chat ↔ Responses: CPU per request", 1.35, HYPER, |run| {
        against(run, "plain", TRANSLATED, FLOOR, CPU)
    }),
    at_most("128 KiB of history translated: CPU per request", 1.6, NGINX, |run| {
        against(run, "large", TRANSLATED, "nginx", CPU)
    }),
    at_most("200 streams at 50 events/s, re-framed: CPU per event", 1.15, NGINX, |run| {
        against(run, "events", AGENT_SERVER, "nginx", CPU_EVENT)
    }),
    at_least("streams flat out, passed through: events/s", 0.5, NGINX, |run| {
        against(run, "flat", None, "nginx", EVENTS)
    }),
    at_least("streams flat out, re-framed: events/s", 8.0, "× TensorZero", |run| {
        against(run, "flat", AGENT_SERVER, "TensorZero", EVENTS)
    }),
    at_most("latency added at 2,000 requests/s, p50", 1.15, NGINX, |run| added_against(run, "latency", None, P50)),
    at_most("latency added at 2,000 requests/s, p99", 1.15, NGINX, |run| added_against(run, "latency", None, P99)),
    at_most("time added per event at 200 streams, p99", 1.5, NGINX, |run| {
        added_against(run, "events", AGENT_SERVER, EVENT_P99)
    }),
    at_least("answers per core, translated", 400.0, "× LiteLLM", |run| per_core(run, "LiteLLM")),
    at_least("answers per core, translated", 12.0, "× TensorZero", |run| per_core(run, "TensorZero")),
    at_most("100 % mirrored: CPU per request", 1.9, "× not mirrored", |run| mirrored(run, CPU)),
    at_most("100 % mirrored: p99 of the client", 1.1, "× not mirrored", |run| mirrored(run, P99)),
    at_most("memory of an idle gateway", 25.0, "MiB", |run| idle(run.cell("plain", US, None)?).map(alone)),
    at_most("memory of an open silent stream", 24.0, "KiB", |run| {
        let cell = run.cell("silent", US, AGENT_SERVER)?;
        cell.figure(|sample| sample.memory_per_stream(cell.idle)).map(alone)
    }),
    at_most("CPU per request, 64 → 4,096 connections", 1.25, "×", |run| {
        ratio(run.cell("crowd", US, None)?, run.cell("plain", US, None)?, CPU)
    }),
];

fn alone(figure: Figure) -> Held {
    Held { figure, made_of: None }
}

/// A cell's figure for another's, round by round.
fn ratio(ours: &Cell, anchor: &Cell, (of, unit): Measure) -> Option<Held> {
    let made_of = ours.figure(of).zip(anchor.figure(of)).map(|(ours, anchor)| (ours, anchor, unit));
    Some(Held { figure: ours.against(anchor, of)?, made_of })
}

fn against(run: &Results, work: &str, task: Option<&str>, anchor: &str, measure: Measure) -> Option<Held> {
    ratio(run.cell(work, US, task)?, run.cell(work, anchor, None)?, measure)
}

/// What is added to the way without a peer, for what nginx adds in the same round.
fn added_against(run: &Results, work: &str, task: Option<&str>, (of, unit): Measure) -> Option<Held> {
    let direct = run.cell(work, "direct", None)?;
    let (ours, anchor) = (run.cell(work, US, task)?, run.cell(work, "nginx", None)?);
    let rounds = ours.rounds.iter().zip(&anchor.rounds).zip(&direct.rounds);
    let ratios = rounds.map(|((ours, anchor), direct)| (of(ours) - of(direct)) / (of(anchor) - of(direct)));
    // What an anchor adds can be lost in the noise; the ratio says nothing then.
    let added_by_anchor = added(anchor, Some(direct), of).filter(|anchor| anchor.range.0 > 0.0)?;
    let made_of = added(ours, Some(direct), of).map(|ours| (ours, added_by_anchor, unit));
    Some(Held { figure: Figure::of(ratios)?, made_of })
}

/// What a mirror costs, if the copies were really made.
fn mirrored(run: &Results, measure: Measure) -> Option<Held> {
    let with = run.cell("mirror", US, Some(MIRROR_100.name))?;
    with.figure(Sample::mirrored).filter(|share| share.median > 0.9)?;
    ratio(with, run.cell("mirror", US, TRANSLATED)?, measure)
}

/// How many answers a core gives for one of the anchor's: by the time that each takes, for both had one core.
fn per_core(run: &Results, anchor: &str) -> Option<Held> {
    let (ours, anchor) = (run.cell("plain", US, TRANSLATED)?, run.cell("plain", anchor, None)?);
    let (of, unit) = CPU;
    let made_of = ours.figure(of).zip(anchor.figure(of)).map(|(ours, anchor)| (ours, anchor, unit));
    Some(Held { figure: anchor.against(ours, of)?, made_of })
}

fn idle(cell: &Cell) -> Option<Figure> {
    Figure::of([f64::from(u32::try_from(cell.idle).ok()?) / 1024.0].into_iter())
}

/// The table of goals.
pub(super) fn table(results: &Results) -> String {
    let mut text = "| work | goal | figure | of ours | and the anchor's | |\n|---|--:|--:|--:|--:|---|\n".to_owned();
    for goal in GOALS {
        let Goal { what, unit, .. } = goal;
        let held = (goal.held)(results);
        let (wanted, met) = match goal.wanted {
            Wanted::AtMost(most) => (format!("≤ {most} {unit}"), held.as_ref().map(|held| held.figure.median <= most)),
            Wanted::AtLeast(least) => {
                (format!("≥ {least} {unit}"), held.as_ref().map(|held| held.figure.median >= least))
            }
        };
        let none = || "–".to_owned();
        let figure = held.as_ref().map_or_else(none, |held| shown(held.figure, 2));
        let made_of = held.and_then(|held| held.made_of).map(|(ours, anchor, unit)| {
            [ours, anchor].map(|figure| format!("{:.*} {unit}", usize::from(figure.median < 1e4) * 2, figure.median))
        });
        let [ours, anchor] = made_of.unwrap_or_else(|| [none(), none()]);
        let met = match met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "not measured",
        };
        let _ = writeln!(text, "| {what} | {wanted} | {figure} | {ours} | {anchor} | {met} |");
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
            table.contains(
                "| pass-through: CPU per request | ≤ 1.1 × bare hyper | 1.10 (1.00 to 2.00) | 2000000 µs | 2000000 µs | met |"
            ),
            "{table}"
        );
        assert!(
            table.contains("| pass-through: CPU per request | ≤ 1.3 × nginx | – | – | – | not measured |"),
            "{table}"
        );
    }
}
