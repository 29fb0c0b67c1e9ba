//! The report for a merge request or a wiki.

use std::fmt::Write as _;

use super::figures::{day, grouped, moment, per_answer, time, times};
use super::{Example, Report, example};
use crate::judge::percent;

pub(super) fn write(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = sections(report, &mut out);
    out
}

fn sections(report: &Report, out: &mut String) -> std::fmt::Result {
    let judgement = &report.judgement;
    writeln!(out, "# {}: {}\n", judgement.verdict.name().to_uppercase(), plain(&report.route))?;
    writeln!(out, "**{}**\n", plain(&judgement.rule))?;
    let period =
        report.period.map_or_else(String::new, |[first, last]| format!(", {} to {}", moment(first), moment(last)));
    writeln!(
        out,
        "{} exchanges compared{period}: what `{}` answered with what `{}` would have. In {} of them `{}` was asked twice.\n",
        grouped(judgement.exchanges),
        report.primary,
        report.candidate,
        grouped(judgement.twins),
        report.primary
    )?;
    measures(report, out)?;
    latency(report, out)?;
    course(report, out)?;
    apart(report, out)?;
    for example in &report.worst {
        self::example(report, example, out)?;
    }
    Ok(())
}

fn measures(report: &Report, out: &mut String) -> std::fmt::Result {
    writeln!(out, "| measure | verdict | raw | noise | excess | for certain between | tolerated | n |")?;
    writeln!(out, "|---|---|--:|--:|--:|---|--:|--:|")?;
    for judged in report.ranked() {
        let figure = |share: Option<f64>| share.map_or_else(|| "?".to_owned(), percent);
        let name = if judged.gates { format!("**{}**", judged.measure) } else { judged.measure.clone() };
        writeln!(
            out,
            "| {name} | {} | {} | {} | {} | {} | {} | {} |",
            if judged.compared == 0 { "no data" } else { judged.verdict.name() },
            percent(judged.raw),
            figure(judged.noise),
            figure(judged.excess),
            judged.interval.map(percent).join(" and "),
            percent(judged.tolerated),
            grouped(judged.compared)
        )?;
    }
    writeln!(
        out,
        "\nBold measures decide, the others are shown. Raw: the candidate differs from the primary. Noise: the primary differs from itself. Excess: raw less noise.\n"
    )?;
    Ok(())
}

/// What was not compared, and what was and does not count.
fn apart(report: &Report, out: &mut String) -> std::fmt::Result {
    if report.funnel.requests > 0 {
        let kept = grouped(report.funnel.kept());
        writeln!(
            out,
            "## What was not mirrored\n\n{kept} of {} requests were mirrored.\n",
            grouped(report.funnel.requests)
        )?;
        for (reason, times) in report.funnel.left_out.iter().filter(|(_, times)| *times > 0) {
            writeln!(out, "- {} × {}", grouped(*times), plain(reason))?;
        }
        writeln!(out)?;
    }
    if !report.explained.is_empty() {
        writeln!(out, "## Known and explained\n")?;
        for known in &report.explained {
            let until = if known.expired { "expired, counts again, since" } else { "until" };
            writeln!(
                out,
                "- {} × {}: {} ({until} {})",
                grouped(known.times),
                code(&format!("{} {}", known.measure, known.path)),
                plain(&known.reason),
                day(known.until - 1)
            )?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn latency(report: &Report, out: &mut String) -> std::fmt::Result {
    let mut first = true;
    for (measure, title, unit) in super::NUMERIC {
        let Some(counts) = report.tally.measures.get(*measure).filter(|counts| counts.primary.count() > 0) else {
            continue;
        };
        if std::mem::take(&mut first) {
            writeln!(out, "## Latency and cost\n\n| | p50 | p95 | p99 |\n|---|--:|--:|--:|")?;
        }
        for (name, spread) in [(&report.primary, &counts.primary), (&report.candidate, &counts.candidate)] {
            let figures = [0.5, 0.95, 0.99].map(|share| {
                let value = spread.quantile(share).unwrap_or(0.0);
                if *unit == "ms" { time(value) } else { format!("{value:.0}") }
            });
            writeln!(out, "| {title}, {} | {} |", plain(name), figures.join(" | "))?;
        }
    }
    if !first {
        writeln!(out)?;
    }
    Ok(())
}

/// What it costs, since when the verdict stands, and each day by itself.
fn course(report: &Report, out: &mut String) -> std::fmt::Result {
    let cost = &report.tally.cost;
    if cost.counted > 0 {
        writeln!(
            out,
            "## Cost\n\nTokens of the {} exchanges in which both sides counted them; {} takes {} as many.\n\n| | in | out | an \
             answer |\n|---|--:|--:|--:|",
            grouped(cost.counted),
            plain(&report.candidate),
            times(cost)
        )?;
        for (name, tokens) in [(&report.primary, cost.primary), (&report.candidate, cost.candidate)] {
            let each = per_answer(tokens, cost.counted);
            writeln!(out, "| {} | {} | {} | {each} |", plain(name), grouped(tokens.input), grouped(tokens.output))?;
        }
        writeln!(out)?;
    }
    if let (Some(exchanges), Some(judged)) = (report.settled(), report.deciding()) {
        writeln!(
            out,
            "`{}`: {} since exchange {} at the latest.\n",
            judged.measure,
            judged.verdict.name(),
            grouped(exchanges)
        )?;
    }
    // A day alone is told above.
    if report.days.len() < 2 {
        return Ok(());
    }
    let telling = report.telling();
    let heads: Vec<_> = telling.iter().map(|judged| judged.measure.as_str()).collect();
    writeln!(out, "## Day by day\n\n| day | exchanges | {} | noise |", heads.join(" | noise | "))?;
    writeln!(out, "|---|--:|{}", "--:|".repeat(telling.len() * 2))?;
    for one in &report.days {
        write!(out, "| {} | {} |", day(one.at), grouped(one.exchanges))?;
        for judged in &telling {
            let (raw, noise) = one.of(&judged.measure);
            let figure = |share: Option<f64>| share.map_or_else(|| "?".to_owned(), percent);
            write!(out, " {} | {} |", figure(raw), figure(noise))?;
        }
        writeln!(out)?;
    }
    writeln!(out)
}

fn example(report: &Report, example: &Example, out: &mut String) -> std::fmt::Result {
    writeln!(out, "## Example: {}\n", example.measures(&report.judgement).join(", "))?;
    writeln!(out, "Request {}, {}.\n", code(&example.id), moment(example.at))?;
    if !example.asked.is_empty() {
        writeln!(out, "> {}\n", plain(&example.asked).replace('\n', "\n> "))?;
    }
    for (measure, finding) in example.comparison.findings() {
        for difference in &finding.differences {
            let explained = difference.explained.as_deref().map(|reason| format!(" (explained: {})", plain(reason)));
            let (left, right) = (code(&difference.left), code(&difference.right));
            writeln!(out, "- {measure} {}: {left} → {right}{}", code(&difference.path), explained.unwrap_or_default())?;
        }
    }
    writeln!(out)?;
    for (name, side) in [(&report.primary, &example.primary), (&report.candidate, &example.candidate)] {
        let Some(side) = side else { continue };
        let text = example::readable(side);
        let fence = "`".repeat(longest_run(&text).max(2) + 1);
        writeln!(out, "{}:\n\n{fence}text\n{text}\n{fence}\n", plain(name))?;
    }
    Ok(())
}

/// Text in a table or a sentence, without a meaning to Markdown.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => plain.push_str("&lt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' => plain.extend(['\\', letter]),
            control if control.is_control() && control != '\n' => plain.push(' '),
            _ => plain.push(letter),
        }
    }
    plain
}

fn code(text: &str) -> String {
    if text.is_empty() {
        return "nothing".to_owned();
    }
    let fence = "`".repeat(longest_run(text) + 1);
    format!("{fence} {} {fence}", text.replace(['\n', '\r'], " "))
}

/// The longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0)
}
