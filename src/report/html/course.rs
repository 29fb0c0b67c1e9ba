//! The part of the page that is about amounts and about time: latency, cost, how certainty grew, and each day by itself.

use std::fmt::{Result, Write as _};

use super::super::figures::{day, grouped, per_answer, time, times};
use super::super::{NUMERIC, Report, plot};
use super::escape;
use crate::judge::{Verdict, percent};

pub(super) fn numbers(report: &Report, out: &mut String) -> Result {
    let counts = |measure: &str| report.tally.measures.get(measure).filter(|counts| counts.primary.count() > 0);
    if NUMERIC.iter().all(|(measure, ..)| counts(measure).is_none()) {
        return Ok(());
    }
    write!(
        out,
        "<section><h2>Latency and size</h2><p class=\"lead\">How the answers of both sides are spread; the dashed lines are \
         the medians.</p>{}<div class=\"cards\">",
        legend(report)
    )?;
    for (measure, title, unit) in NUMERIC {
        let Some(counts) = counts(measure) else { continue };
        write!(
            out,
            "<figure><figcaption>{title}</figcaption>{}<table class=\"quantiles\"><tr><th></th><th>p50</th><th>p95</th><th>p99</th></tr>",
            plot::spreads(&counts.primary, &counts.candidate, unit)
        )?;
        for (name, class, spread) in
            [(&report.primary, "primary", &counts.primary), (&report.candidate, "candidate", &counts.candidate)]
        {
            let figures = [0.5, 0.95, 0.99].map(|share| {
                let value = spread.quantile(share).unwrap_or(0.0);
                if *unit == "ms" { time(value) } else { format!("{value:.0}") }
            });
            write!(out, "<tr><th class=\"{class}\">{}</th><td>{}</td></tr>", escape(name), figures.join("</td><td>"))?;
        }
        write!(out, "</table></figure>")?;
    }
    write!(out, "</div></section>")
}

pub(super) fn cost(report: &Report, out: &mut String) -> Result {
    let cost = &report.tally.cost;
    if cost.counted == 0 {
        return Ok(());
    }
    write!(
        out,
        "<section><h2>Cost</h2><p class=\"lead\">Tokens of the {} exchanges in which both sides counted them: {} takes {} \
         as many as {}.</p><div class=\"scroll\"><table class=\"cost\"><tr><th></th><th class=\"n\">in</th><th \
         class=\"n\">out</th><th class=\"n\">together</th><th class=\"n\">an answer</th></tr>",
        grouped(cost.counted),
        escape(&report.candidate),
        times(cost),
        escape(&report.primary),
    )?;
    for (name, class, tokens) in
        [(&report.primary, "primary", cost.primary), (&report.candidate, "candidate", cost.candidate)]
    {
        write!(
            out,
            "<tr><th class=\"{class}\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td \
             class=\"n\">{}</td></tr>",
            escape(name),
            grouped(tokens.input),
            grouped(tokens.output),
            grouped(tokens.input.saturating_add(tokens.output)),
            per_answer(tokens, cost.counted)
        )?;
    }
    write!(out, "</table></div></section>")
}

pub(super) fn trend(report: &Report, out: &mut String) -> Result {
    let Some(deciding) = report.deciding() else { return Ok(()) };
    let svg = plot::trend(&report.history, deciding.tolerated);
    if svg.is_empty() {
        return Ok(());
    }
    let settled = report.settled().map_or_else(String::new, |exchanges| {
        let verdict = if deciding.verdict == Verdict::Fail { "failed" } else { "passed" };
        format!(" It has {verdict} since exchange {}, at the latest.", grouped(exchanges))
    });
    write!(
        out,
        "<section><h2>How certainty grew</h2><p class=\"lead\">Where the excess of <code>{}</code> was known to be, after so \
         many exchanges: for certain in the band, at the best guess on the line; the dashed line is what is \
         tolerated.{settled}</p><div class=\"scroll\">{svg}</div></section>",
        escape(&deciding.measure)
    )
}

pub(super) fn days(report: &Report, out: &mut String) -> Result {
    // A day alone is told above.
    if report.days.len() < 2 {
        return Ok(());
    }
    write!(
        out,
        "<section><h2>Day by day</h2><p class=\"lead\">How often the two differed on each day (of UTC), over how often {} \
         differed from itself.</p>{}<div class=\"cards\">",
        escape(&report.primary),
        legend_of_days(report)
    )?;
    for judged in report.telling() {
        let measure = judged.measure.as_str();
        write!(
            out,
            "<figure><figcaption><code>{}</code></figcaption><div class=\"scroll\">{}</div></figure>",
            escape(measure),
            plot::days(&report.days, measure)
        )?;
    }
    write!(
        out,
        "</div><details><summary>The figures</summary><div class=\"scroll\"><table class=\"days\"><tr><th>day</th>"
    )?;
    write!(out, "<th class=\"n\">exchanges</th>")?;
    for judged in report.telling() {
        let measure = escape(&judged.measure);
        write!(out, "<th class=\"n\"><code>{measure}</code></th><th class=\"n\">noise</th>")?;
    }
    write!(out, "</tr>")?;
    for one in &report.days {
        write!(out, "<tr><th>{}</th><td class=\"n\">{}</td>", day(one.at), grouped(one.exchanges))?;
        for judged in report.telling() {
            let (raw, noise) = one.of(&judged.measure);
            let figure = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), percent);
            write!(out, "<td class=\"n\">{}</td><td class=\"n\">{}</td>", figure(raw), figure(noise))?;
        }
        write!(out, "</tr>")?;
    }
    write!(out, "</table></div></details></section>")
}

fn legend(report: &Report) -> String {
    format!(
        "<p class=\"legend\"><span class=\"primary\">{}</span><span class=\"candidate\">{}</span></p>",
        escape(&report.primary),
        escape(&report.candidate)
    )
}

fn legend_of_days(report: &Report) -> String {
    format!(
        "<p class=\"legend\"><span class=\"candidate\">{1} unlike {0}</span><span class=\"primary\">{0} unlike itself</span></p>",
        escape(&report.primary),
        escape(&report.candidate)
    )
}
