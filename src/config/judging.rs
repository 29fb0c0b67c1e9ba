//! `compare`, `explained`, `gates` and `false_alarms` of a shadow: when two answers are the same, which differences are
//! known and meant, and how much of the others is tolerated.

use std::time::{SystemTime, UNIX_EPOCH};

use super::date;
use super::nearest::nearest;
use super::node::{Fields, Node};
use super::shadow::share;
use super::split::WHOLE;
use crate::compare::{self, Explained, Gate, Measure, Path, Settings};

/// The keys of a shadow that are read here.
pub(super) const KEYS: [&str; 4] = ["compare", "explained", "gates", "false_alarms"];

const MEASURES: &str = "measures with what is tolerated, such as `{ tool_arguments: 2%, text_dates: off }`";

const IGNORE: &str =
    "measures with paths, such as `{ tool_arguments: [ search.request_id ], custom_outputs: [ trace ] }`";

const EXPLAINED: &str =
    "a list such as `[ { measure: tool_arguments, path: search.limit, reason: the new default, until: 2027-03-31 } ]`";

/// Longest reason; reasons are told in every report.
const LONGEST_REASON: usize = 200;

/// Most explained differences and ignored paths of a route each.
const MOST: usize = 100;

/// Reads how the answers of a route are compared and judged.
pub(super) fn read(fields: &Fields<'_>) -> Option<Settings> {
    let default = Settings::default();
    let compared = fields.or("compare", default.clone(), compared);
    let explained = fields.or("explained", Vec::new(), explained);
    let gates = fields.or("gates", Vec::new(), gates);
    let false_alarms = fields.or("false_alarms", default.false_alarms, |node| {
        let chance = part(node)?;
        if chance > 0.0 && chance <= 0.5 {
            Some(chance)
        } else {
            node.problem("must be over 0% and at most 50%; write `5%`, say")
        }
    });
    Some(Settings { explained: explained?, gates: gates?, false_alarms: false_alarms?, ..compared? })
}

fn compared(node: &Node<'_>) -> Option<Settings> {
    let fields = node.fields(&["ignore", "tolerance", "ratio", "similarity", "closeness"])?;
    let default = Settings::default();
    let ignore = fields.or("ignore", Vec::new(), ignore);
    let tolerance = fields.or("tolerance", default.tolerance, part);
    let similarity = fields.or("similarity", default.similarity, part);
    let closeness = fields.or("closeness", default.closeness, part);
    let ratio = fields.or("ratio", default.ratio, |node| {
        node.parsed("a number over 1 such as `1.5`, at most 100", |text| {
            text.parse().ok().filter(|ratio: &f64| *ratio > 1.0 && *ratio <= 100.0)
        })
    });
    Some(Settings {
        ignore: ignore?,
        tolerance: tolerance?,
        ratio: ratio?,
        similarity: similarity?,
        closeness: closeness?,
        ..default
    })
}

fn ignore(node: &Node<'_>) -> Option<Vec<(String, Path)>> {
    let entries = node.entries(IGNORE)?.into_iter().map(|(name, node)| {
        let measure = measure(&node, &name);
        let paths = node.texts("a path such as `search.request_id`, or a list of them");
        let named = measure?.name();
        Some(paths?.into_iter().map(move |path| (named.to_owned(), Path::new(path))))
    });
    let read: Vec<_> =
        entries.collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
    if read.len() > MOST { node.problem(format!("has {} paths; {MOST} is the most", read.len())) } else { Some(read) }
}

fn explained(node: &Node<'_>) -> Option<Vec<Explained>> {
    let items = node.items(EXPLAINED)?;
    if items.len() > MOST {
        return node.problem(format!("has {} differences; {MOST} is the most", items.len()));
    }
    items.iter().map(one_explained).collect::<Vec<_>>().into_iter().collect()
}

fn one_explained(node: &Node<'_>) -> Option<Explained> {
    let fields = node.fields(&["measure", "path", "value", "reason", "until"])?;
    let named = fields.required("measure", "the name of a measure such as `tool_arguments`");
    let named = named.and_then(|node| measure(node, node.text("the name of a measure")?.value.as_str()));
    let text = |node: &Node<'_>, wanted: &str| Some(node.text(wanted)?.value.to_string());
    let path = fields.required("path", "where it is seen, such as `search.limit`; `**` for anywhere");
    let path = path.and_then(|node| text(node, "a path such as `search.limit`"));
    let value = fields.or("value", None, |node| text(node, "what the candidate has there").map(Some));
    let reason = fields.required("reason", "why the difference is meant").and_then(|node| {
        let reason = text(node, "a reason")?;
        let letters = reason.chars().count();
        if letters <= LONGEST_REASON {
            Some(reason)
        } else {
            node.problem(format!("has {letters} letters; {LONGEST_REASON} are the most"))
        }
    });
    let until = fields.required("until", "the last day on which it is meant, such as `2027-03-31`");
    let until = until.and_then(|node| {
        let until = node.parsed("a date such as `2027-03-31`", date::seconds)?;
        if until <= now() {
            node.warn("has passed, so this difference counts again; remove it, or give it another date");
        }
        Some(until)
    });
    Some(Explained {
        measure: named?.name().to_owned(),
        path: Path::new(path?),
        value: value?,
        reason: reason?,
        until: until?,
    })
}

fn gates(node: &Node<'_>) -> Option<Vec<(String, Gate)>> {
    let entries = node.entries(MEASURES)?.into_iter().map(|(name, node)| {
        let measure = measure(&node, &name)?;
        let own = measure.gate();
        let text = node.text("`off`, or what is tolerated, such as `2%`")?;
        if text.value.as_str() == "off" {
            return Some((name, Gate::shown(own.tolerated)));
        }
        let tolerated = part(&node)?;
        if tolerated <= 0.0 || tolerated >= 1.0 {
            return node.problem(format!(
                "nothing is ever certain to be 0 %, and everything to be at most 100 %; write `{}`, say, or `off` if it is \
                 not to decide",
                percent(own.tolerated)
            ));
        }
        Some((name, Gate::at(tolerated)))
    });
    entries.collect::<Vec<_>>().into_iter().collect()
}

/// A measure by its name.
fn measure(node: &Node<'_>, name: &str) -> Option<&'static dyn Measure> {
    compare::named(name).or_else(|| {
        let names: Vec<_> = compare::measures().map(Measure::name).collect();
        let hint = match nearest(name, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("write one of {}", names.join(", ")),
        };
        node.problem(format!("there is no measure of this name; {hint}"))
    })
}

fn part(node: &Node<'_>) -> Option<f64> {
    Some(f64::from(share(node)?) / f64::from(WHOLE))
}

/// A share as it would be written.
pub(super) fn percent(share: f64) -> String {
    format!("{}%", (share * 1e4).round() / 1e2)
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// What a plan says of it: which measures decide, and what differs from their own gates.
pub(super) fn plan(settings: &Settings) -> Vec<String> {
    let decide = compare::measures().filter(|measure| settings.gate(*measure).gates).count();
    let mut lines = vec![format!("{} measures, of which {decide} decide", compare::ALL.len())];
    for (name, gate) in &settings.gates {
        lines.push(match gate.gates {
            true => format!("{name} beyond the noise in at most {}", percent(gate.tolerated)),
            false => format!("{name} does not decide"),
        });
    }
    for known in &settings.explained {
        lines.push(format!("{} {} is explained: {}", known.measure, known.path, known.reason));
    }
    lines
}
