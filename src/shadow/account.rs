//! What the store holds about a candidate, as a report and as pairs for other tools.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;

use super::funnel::Fate;
use super::moments;
use crate::compare::{Observed, Settings};
use crate::judge::{Tally, Verdict};
use crate::report::{Example, Funnel, Report};
use crate::store::{Fates, Fault, Kept, Record, Which};

/// Records that are looked through for the worst of each kind.
const LOOKED_THROUGH: u32 = 40;

/// Records that are read at a time for an export.
const AT_A_TIME: u32 = 100;

/// A report on a route, from what is kept; nothing kept is a report of nothing.
///
/// # Errors
/// When the store cannot be read.
pub fn report(
    kept: &mut dyn Kept,
    route: &str,
    [primary, candidate]: [&str; 2],
    settings: &Settings,
) -> Result<Report, Fault> {
    let settings = Settings { now: now(), ..settings.clone() };
    let counted = kept.tally(route, candidate)?;
    let tally: Tally = match &counted {
        Some(counted) => serde_json::from_str(&counted.tally).map_err(|error| Fault::new(error.to_string()))?,
        None => Tally::default(),
    };
    let mut report = Report::new(route, primary, candidate, tally, &settings);
    if let Some(counted) = counted {
        let moments = moments::read(kept, route, candidate)?;
        report = report.over(counted.since / 1_000, counted.at / 1_000).since(moments, &settings);
    }
    report.funnel = funnel(&kept.fates(route)?);
    let telling = |verdict| matches!(verdict, Verdict::Fail | Verdict::Marginal);
    let judged = report.judgement.measures.iter().filter(|judged| judged.gates && telling(judged.verdict));
    let mut records = Vec::new();
    for measure in judged.map(|judged| judged.measure.clone()).collect::<Vec<_>>() {
        records.extend(kept.records(route, candidate, &Which::Differing(measure), LOOKED_THROUGH)?);
    }
    if records.is_empty() {
        let latest = kept.records(route, candidate, &Which::Latest, LOOKED_THROUGH)?;
        records.extend(latest.into_iter().filter(|record| !record.different.is_empty()));
    }
    records.sort_by_key(|record| record.id);
    records.dedup_by_key(|record| record.id);
    Ok(report.with_examples(records.into_iter().map(example).collect()))
}

/// A pair of answers as `mlflow.genai.evaluate` loads them: what was asked, what the candidate answered, and what the
/// primary did. What stands behind that is for `cutover replay`, which reads these lines too.
#[derive(Serialize)]
struct Pair<'a> {
    request_id: &'a str,
    inputs: Value,
    outputs: Said,
    expectations: Expected,
    dialect: &'a str,
    primary: Observed,
}

#[derive(Serialize)]
struct Said {
    response: String,
    tool_calls: Vec<Called>,
}

#[derive(Serialize)]
struct Expected {
    expected_response: String,
    expected_tool_calls: Vec<Called>,
}

#[derive(Serialize)]
struct Called {
    name: String,
    arguments: Value,
}

/// All kept pairs of a route and a candidate, each as a line of JSON, in pieces: those behind the record `after`, and
/// the last record's number; none when there are no more. Pairs of which no texts are kept are left out.
///
/// # Errors
/// When the store cannot be read.
pub fn export(
    kept: &mut dyn Kept,
    route: &str,
    candidate: &str,
    after: i64,
) -> Result<Option<(Vec<String>, i64)>, Fault> {
    let records = kept.records(route, candidate, &Which::After(after), AT_A_TIME)?;
    let Some(last) = records.last().map(|record| record.id) else { return Ok(None) };
    Ok(Some((records.iter().filter_map(pair).collect(), last)))
}

fn pair(record: &Record) -> Option<String> {
    let read = |text: &str| serde_json::from_str::<Observed>(text).ok();
    let (primary, candidate) = (read(&record.primary)?, read(&record.answer)?);
    let called = |side: &Observed| {
        let calls = side.calls().map(|(name, arguments)| {
            let arguments = serde_json::from_str(arguments).unwrap_or_else(|_| Value::String(arguments.to_owned()));
            Called { name: name.to_owned(), arguments }
        });
        calls.collect()
    };
    let pair = Pair {
        request_id: &record.request_id,
        inputs: serde_json::from_str(&record.request).ok().filter(Value::is_object)?,
        outputs: Said { response: candidate.text(), tool_calls: called(&candidate) },
        expectations: Expected { expected_response: primary.text(), expected_tool_calls: called(&primary) },
        dialect: &record.dialect,
        primary,
    };
    serde_json::to_string(&pair).ok()
}

fn funnel(fates: &[Fates]) -> Funnel {
    let of = |fate: &Fate| {
        let same = |kept: &&Fates| kept.fate == fate.name() && kept.why == fate.why();
        fates.iter().filter(same).map(|kept| kept.count).sum::<u64>()
    };
    let left_out = Fate::ALL.iter().filter(|fate| **fate != Fate::Mirrored);
    let in_words = |fate: &Fate| [fate.name(), fate.why()].join(" ").trim_end().replace('_', " ");
    Funnel {
        requests: fates.iter().map(|kept| kept.count).sum(),
        left_out: left_out.map(|fate| (in_words(fate), of(fate))).collect(),
    }
}

fn example(record: Record) -> Example {
    let read = |text: &str| serde_json::from_str(text).ok();
    Example {
        asked: asked(&record.request),
        primary: read(&record.primary),
        candidate: read(&record.answer),
        comparison: serde_json::from_str(&record.comparison).unwrap_or_default(),
        id: record.request_id,
        at: record.at / 1_000,
    }
}

/// What was asked last, in a request of whatever dialect.
pub(super) fn asked(request: &str) -> String {
    let body: Value = serde_json::from_str(request).unwrap_or_default();
    let asked = ["input", "messages", "query"].into_iter().find_map(|field| body.get(field)).cloned();
    match asked.unwrap_or_default() {
        Value::Array(items) => {
            let by_user = |item: &&Value| item.get("role").and_then(Value::as_str) == Some("user");
            items.iter().rev().find(by_user).and_then(|item| item.get("content")).map(text).unwrap_or_default()
        }
        other => text(&other),
    }
}

fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    }
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_last_is_found_in_every_dialect() {
        let last = r#"[{"role":"user","content":"first"},{"role":"assistant","content":"x"},{"role":"user","content":[{"type":"input_text","text":"second"}]}]"#;
        assert_eq!(asked(&format!(r#"{{"input":{last}}}"#)), "second");
        assert_eq!(asked(&format!(r#"{{"messages":{last}}}"#)), "second");
        assert_eq!(asked(r#"{"input":"alone"}"#), "alone");
        assert_eq!(asked(r#"{"query":"alone"}"#), "alone");
        assert_eq!(asked("nope"), "");
    }

    #[test]
    fn the_funnel_counts_every_request_once() {
        let fates = |fate: &str, why: &str, count| Fates { fate: fate.into(), why: why.into(), count };
        let funnel = funnel(&[
            fates("mirrored", "", 7),
            fates("not_sampled", "", 90),
            fates("not_eligible", "background", 2),
            fates("not_eligible", "refused", 1),
        ]);
        assert_eq!((funnel.requests, funnel.kept()), (100, 7));
        assert!(funnel.left_out.contains(&("not eligible background".into(), 2)));
    }

    #[test]
    fn pairs_without_texts_are_left_out_of_an_export() {
        let observed = Observed::default();
        let side = serde_json::to_string(&observed).unwrap();
        let whole =
            Record { request: r#"{"input":"x"}"#.into(), primary: side.clone(), answer: side, ..Record::default() };
        let line: Value = serde_json::from_str(&pair(&whole).unwrap()).unwrap();
        assert_eq!(line["inputs"]["input"], "x");
        assert!(line["outputs"]["response"].is_string() && line["expectations"]["expected_response"].is_string());
        assert_eq!(pair(&Record::default()), None);
    }
}
