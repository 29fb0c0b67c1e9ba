//! The report as one page for a browser: no script, nothing from elsewhere.

use std::fmt::Write as _;

use super::figures::{day, grouped, moment};
use super::marked::{self, Run};
use super::{Example, Report, example, plot};
use crate::judge::{Judged, Verdict, percent};

mod course;

const STYLE: &str = include_str!("page.css");
const MEANING: &str = include_str!("meaning.html");

pub(super) fn write(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = page(report, &mut out);
    out
}

fn page(report: &Report, out: &mut String) -> std::fmt::Result {
    let route = escape(&report.route);
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, \
         initial-scale=1\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
         'unsafe-inline'\"><meta name=\"color-scheme\" content=\"light dark\"><title>{}: {route}</title><style>{STYLE}</style></head><body><main>",
        report.judgement.verdict.name()
    )?;
    head(report, out)?;
    measures(report, out)?;
    examples(report, out)?;
    course::numbers(report, out)?;
    course::cost(report, out)?;
    course::trend(report, out)?;
    course::days(report, out)?;
    funnel(report, out)?;
    explained(report, out)?;
    writeln!(out, "{MEANING}</main></body></html>")
}

fn head(report: &Report, out: &mut String) -> std::fmt::Result {
    let judgement = &report.judgement;
    let (primary, candidate) = (escape(&report.primary), escape(&report.candidate));
    let verdict = judgement.verdict;
    write!(
        out,
        "<header><p class=\"kicker\">Cutover report</p><h1>{4} <span class=\"sides\"><b class=\"primary\">{primary}</b> → <b \
         class=\"candidate\">{candidate}</b></span></h1></header><section class=\"verdict {0}\"><p class=\"word\">{1}</p><div><p \
         class=\"says\">{2}</p><p class=\"rule\">{3}</p></div></section>",
        verdict.name(),
        verdict.name(),
        in_words(verdict, &primary, &candidate),
        sentence(&judgement.rule),
        escape(&report.route),
    )?;
    let mut facts = vec![
        (grouped(judgement.exchanges), "exchanges compared".to_owned()),
        (grouped(judgement.twins), format!("of them with {primary} asked twice")),
    ];
    if report.funnel.requests > 0 {
        facts.push((grouped(report.funnel.requests), "requests of the route in all".to_owned()));
    }
    if let Some([first, last]) = report.period {
        let begun =
            if day(first) == day(last) { "all on this day".to_owned() } else { format!("begun {}", day(first)) };
        facts.push((day(last), format!("last exchange, {}", begun.replace('-', "\u{2011}"))));
    }
    write!(out, "<dl class=\"facts\">")?;
    for (figure, about) in facts {
        write!(out, "<div><dt>{about}</dt><dd>{figure}</dd></div>")?;
    }
    write!(out, "</dl>")
}

/// What a verdict means for the one who reads it.
fn in_words(verdict: Verdict, primary: &str, candidate: &str) -> String {
    match verdict {
        Verdict::Pass => format!("{candidate} answers as {primary} does, within what is tolerated."),
        Verdict::Fail => format!("{candidate} does not answer as {primary} does."),
        Verdict::Marginal => format!("{candidate} differs a little; whether that is tolerated is not certain yet."),
        Verdict::Insufficient => "It is too early to say.".to_owned(),
    }
}

fn measures(report: &Report, out: &mut String) -> std::fmt::Result {
    write!(
        out,
        "<section><h2>Measures</h2><p class=\"lead\">Each line shows where the excess is, for certain: how much more often {} \
         differs than {} differs from itself. Left of the dashed line is tolerated.</p><table class=\"measures\"><thead><tr><th>measure</th><th>verdict</th><th>excess, for certain</th><th class=\"n\">raw</th><th \
         class=\"n\">noise</th><th class=\"n\">excess</th><th class=\"n\">tolerated</th><th class=\"n\">n</th></tr></thead>",
        escape(&report.candidate),
        escape(&report.primary),
    )?;
    let ranked = report.ranked();
    let (live, idle): (Vec<&Judged>, Vec<&Judged>) =
        ranked.into_iter().partition(|judged| judged.compared > judged.absent);
    let (gates, shown): (Vec<&Judged>, Vec<&Judged>) = live.into_iter().partition(|judged| judged.gates);
    for (title, group) in [("These decide", gates), ("These are shown and do not decide", shown)] {
        if group.is_empty() {
            continue;
        }
        write!(out, "<tbody><tr class=\"group\"><th colspan=\"8\">{title}</th></tr>")?;
        for judged in group {
            row(report, judged, out)?;
        }
        write!(out, "</tbody>")?;
    }
    write!(out, "</table>")?;
    if !idle.is_empty() {
        let names: Vec<_> = idle.iter().map(|judged| format!("<code>{}</code>", escape(&judged.measure))).collect();
        write!(out, "<p class=\"note\">Nothing to compare on either side: {}.</p>", names.join(", "))?;
    }
    write!(out, "</section>")
}

fn row(report: &Report, judged: &Judged, out: &mut String) -> std::fmt::Result {
    let figure = |share: Option<f64>| share.map_or_else(|| "?".to_owned(), percent);
    let about = crate::compare::named(&judged.measure).map_or("", |measure| measure.about());
    let class = if judged.gates { judged.verdict.name() } else { "shown" };
    write!(out, "<tr><td class=\"name\"><code>{}</code><span>{about}</span>", escape(&judged.measure))?;
    if judged.gates && matches!(judged.verdict, Verdict::Fail | Verdict::Marginal) {
        write!(out, "<span class=\"why\">{}</span>", sentence(&judged.rule))?;
    }
    // The plot says the rest.
    if let (true, Verdict::Insufficient, Some(more)) = (judged.gates, judged.verdict, judged.more) {
        write!(out, "<span class=\"why\">About {} more exchanges at this rate.</span>", grouped(more))?;
    }
    let paths = report.paths(judged);
    if !paths.is_empty() && judged.verdict != Verdict::Pass {
        let listed: Vec<_> = paths
            .iter()
            .take(4)
            .map(|(path, times)| format!("<code>{}</code> × {}", escape(path), grouped(*times)))
            .collect();
        write!(out, "<span class=\"paths\">{}</span>", listed.join(", "))?;
    }
    if judged.explained > 0 {
        write!(out, "<span class=\"paths\">{} explained, counted apart</span>", grouped(judged.explained))?;
    }
    write!(
        out,
        "</td><td class=\"pill\"><b class=\"{class}\">{}</b></td><td class=\"plot\">{}</td><td class=\"n\" data-name=\"raw\">{}</td><td class=\"n\" \
         data-name=\"noise\">{}</td><td class=\"n\" data-name=\"excess\">{}</td><td class=\"n\" data-name=\"tolerated\">{}</td><td class=\"n\" data-name=\"n\">{}</td></tr>",
        judged.verdict.name(),
        plot::interval(judged),
        percent(judged.raw),
        figure(judged.noise),
        figure(judged.excess),
        percent(judged.tolerated),
        grouped(judged.compared)
    )
}

fn examples(report: &Report, out: &mut String) -> std::fmt::Result {
    if report.worst.is_empty() {
        return Ok(());
    }
    write!(out, "<section><h2>Worst examples</h2>")?;
    for example in &report.worst {
        self::example(report, example, out)?;
    }
    write!(out, "</section>")
}

fn example(report: &Report, example: &Example, out: &mut String) -> std::fmt::Result {
    let chips: Vec<_> = example
        .measures(&report.judgement)
        .iter()
        .map(|measure| {
            let judged = report.judgement.measures.iter().find(|judged| judged.measure == *measure);
            let class = judged.map_or("shown", |judged| if judged.gates { judged.verdict.name() } else { "shown" });
            format!("<b class=\"{class}\">{}</b>", escape(measure))
        })
        .collect();
    write!(
        out,
        "<article><p class=\"chips\">{}</p><p class=\"id\"><code>{}</code> {}</p>",
        chips.concat(),
        escape(&example.id),
        moment(example.at)
    )?;
    if !example.asked.is_empty() {
        write!(out, "<blockquote>{}</blockquote>", escape(&shortened(&example.asked)))?;
    }
    for [measure, place, left, right] in example.telling(&report.judgement) {
        let or_nothing = |text: &str| if text.is_empty() { "<i>nothing</i>".to_owned() } else { escape(text) };
        write!(
            out,
            "<p class=\"key\"><code>{}</code> <code class=\"place\">{}</code> <b class=\"primary\">{}</b> → <b \
             class=\"candidate\">{}</b></p>",
            escape(measure),
            escape(place),
            or_nothing(left),
            or_nothing(right)
        )?;
    }
    if let (Some(primary), Some(candidate)) = (&example.primary, &example.candidate) {
        let (left, right) = marked::compare(&example::readable(primary), &example::readable(candidate));
        write!(out, "<div class=\"pair\">")?;
        for (name, class, runs) in [(&report.primary, "primary", left), (&report.candidate, "candidate", right)] {
            write!(
                out,
                "<div class=\"{class}\"><h3>{}</h3><pre>{}</pre></div>",
                escape(name),
                runs.iter().map(marked).collect::<String>()
            )?;
        }
        write!(out, "</div>")?;
    }
    differences(example, out)?;
    write!(out, "</article>")
}

fn differences(example: &Example, out: &mut String) -> std::fmt::Result {
    let findings = example.comparison.findings().filter(|(_, finding)| !finding.differences.is_empty());
    let rows: Vec<String> = findings
        .flat_map(|(measure, finding)| finding.differences.iter().map(move |difference| (measure, difference)))
        .map(|(measure, difference)| {
            let explained =
                difference.explained.as_deref().map(|reason| format!(" <i>explained: {}</i>", escape(reason)));
            let or_nothing = |text: &str| if text.is_empty() { "<i>nothing</i>".to_owned() } else { escape(text) };
            format!(
                "<tr><td><code>{}</code></td><td>{}{}</td><td>{}</td><td>{}</td></tr>",
                escape(measure),
                escape(&difference.path),
                explained.unwrap_or_default(),
                or_nothing(&difference.left),
                or_nothing(&difference.right)
            )
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    write!(
        out,
        "<details><summary>{} differences by measure</summary><div class=\"scroll\"><table class=\"differences\">{}</table></div></details>",
        rows.len(),
        rows.concat()
    )
}

fn funnel(report: &Report, out: &mut String) -> std::fmt::Result {
    let funnel = &report.funnel;
    if funnel.requests == 0 {
        return Ok(());
    }
    write!(
        out,
        "<section><h2>What was not mirrored, and why</h2><p class=\"lead\">{} of {} requests were mirrored.</p><table class=\"funnel\">",
        grouped(funnel.kept()),
        grouped(funnel.requests)
    )?;
    let bar = |times: u64| {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let share = times as f64 / funnel.requests.max(1) as f64;
        format!(
            "<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\"><rect width=\"{:.2}\" height=\"10\"/></svg>",
            share * 100.0
        )
    };
    let mirrored = ("mirrored".to_owned(), funnel.kept());
    for (class, (reason, times)) in
        std::iter::once(("kept", &mirrored)).chain(funnel.left_out.iter().map(|left| ("left", left)))
    {
        if *times > 0 {
            write!(
                out,
                "<tr class=\"{class}\"><th>{}</th><td>{}</td><td class=\"n\">{}</td></tr>",
                escape(reason),
                bar(*times),
                grouped(*times)
            )?;
        }
    }
    write!(out, "</table></section>")
}

fn explained(report: &Report, out: &mut String) -> std::fmt::Result {
    if report.explained.is_empty() {
        return Ok(());
    }
    write!(
        out,
        "<section><h2>Known and explained</h2><p class=\"lead\">Counted apart until they expire.</p><div class=\"scroll\"><table class=\"known\">"
    )?;
    for known in &report.explained {
        let until = if known.expired { "expired, counts again, since" } else { "until" };
        write!(
            out,
            "<tr class=\"{}\"><td class=\"n\">{} ×</td><td><code>{} {}</code></td><td>{}</td><td>{until} {}</td></tr>",
            if known.expired { "expired" } else { "" },
            grouped(known.times),
            escape(&known.measure),
            escape(&known.path),
            escape(&known.reason),
            day(known.until - 1)
        )?;
    }
    write!(out, "</table></div></section>")
}

fn marked(run: &Run) -> String {
    let text = escape(&run.text);
    // Lines that begin so are ours.
    let text =
        text.split('\n').map(|line| if line.starts_with('▸') { format!("<em>{line}</em>") } else { line.to_owned() });
    let text = text.collect::<Vec<_>>().join("\n");
    if run.marked && !run.text.trim().is_empty() { format!("<mark>{text}</mark>") } else { text }
}

/// Rules are written to stand behind a colon.
fn sentence(rule: &str) -> String {
    let mut letters = rule.chars();
    let written = letters.next().map(|first| format!("{}{}.", escape(&first.to_string()), escape(letters.as_str())));
    written.unwrap_or_default().replace(" %", "\u{a0}%")
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(400) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Text as HTML, in elements and in attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(letter),
            control if control.is_control() => escaped.push('\u{fffd}'),
            _ => escaped.push(letter),
        }
    }
    escaped
}
