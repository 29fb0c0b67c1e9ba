//! The report for a terminal of a hundred columns.

use std::fmt::Write as _;

use super::figures::{day, grouped, moment, time, times};
use super::marked::{self, Run};
use super::{Example, Report, example};
use crate::compare::Tokens;
use crate::judge::{Judged, Verdict, percent};

/// Most lines of each side of an example.
const LINES: usize = 14;

pub(super) fn write(report: &Report, colours: bool) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = sections(report, Paint(colours), &mut out);
    out
}

fn sections(report: &Report, paint: Paint, out: &mut String) -> std::fmt::Result {
    let judgement = &report.judgement;
    let verdict = judgement.verdict;
    writeln!(
        out,
        "{} {}  {} → {}",
        paint.verdict(verdict, &verdict.name().to_uppercase()),
        paint.bold(&report.route),
        report.primary,
        report.candidate
    )?;
    writeln!(out, "{}", judgement.rule)?;
    let period =
        report.period.map_or_else(String::new, |[first, last]| format!(", {} to {}", moment(first), moment(last)));
    writeln!(
        out,
        "{} exchanges compared{period}; in {} of them {} was asked twice",
        grouped(judgement.exchanges),
        grouped(judgement.twins),
        report.primary
    )?;
    measures(report, paint, out)?;
    latency(report, out)?;
    course(report, out)?;
    funnel(report, out)?;
    explained(report, out)?;
    for example in &report.worst {
        self::example(report, example, paint, out)?;
    }
    Ok(())
}

fn measures(report: &Report, paint: Paint, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "\n{}",
        paint.bold(
            "measure           verdict        raw     noise    excess   for certain between   tolerated        n"
        )
    )?;
    for judged in report.ranked() {
        let mark = if judged.gates { ' ' } else { '·' };
        let figure = |share: Option<f64>| share.map_or_else(|| "?".to_owned(), percent);
        let (verdict, between) = match judged.compared {
            0 => ("no data".to_owned(), String::new()),
            all if all == judged.absent => ("nothing".to_owned(), String::new()),
            _ => (judged.verdict.name().to_owned(), judged.interval.map(percent).join(" and ")),
        };
        let painted =
            paint.verdict(if judged.gates { judged.verdict } else { Verdict::Insufficient }, &format!("{verdict:<12}"));
        writeln!(
            out,
            "{mark}{:<16} {painted} {:>7} {:>9} {:>9}   {between:<20} {:>10} {:>8}",
            judged.measure,
            percent(judged.raw),
            figure(judged.noise),
            figure(judged.excess),
            percent(judged.tolerated),
            grouped(judged.compared),
        )?;
        for (path, times) in report.paths(judged).into_iter().take(3) {
            writeln!(out, "    {} × {}", grouped(times), one_line(path, 80))?;
        }
    }
    writeln!(
        out,
        " · is shown and does not decide; raw: candidate unlike primary; noise: primary unlike itself; excess: raw − noise"
    )
}

fn latency(report: &Report, out: &mut String) -> std::fmt::Result {
    let mut first = true;
    for (measure, title, unit) in super::NUMERIC {
        let Some(counts) = report.tally.measures.get(*measure).filter(|counts| counts.primary.count() > 0) else {
            continue;
        };
        if std::mem::take(&mut first) {
            writeln!(out, "\n{:<24} {:>24}   {:>24}", "", report.primary, report.candidate)?;
            writeln!(out, "{:<24} {:>8}{:>8}{:>8}   {:>8}{:>8}{:>8}", "", "p50", "p95", "p99", "p50", "p95", "p99")?;
        }
        let figures = |spread: &crate::judge::Spread| {
            [0.5, 0.95, 0.99].map(|share| {
                let value = spread.quantile(share).unwrap_or(0.0);
                format!("{:>8}", if *unit == "ms" { time(value) } else { format!("{value:.0}") })
            })
        };
        writeln!(out, "{title:<24} {}   {}", figures(&counts.primary).concat(), figures(&counts.candidate).concat())?;
    }
    Ok(())
}

/// What it costs, since when the verdict stands, and each day by itself.
fn course(report: &Report, out: &mut String) -> std::fmt::Result {
    let cost = &report.tally.cost;
    if cost.counted > 0 {
        let both = |tokens: Tokens| format!("{} in, {} out", grouped(tokens.input), grouped(tokens.output));
        writeln!(
            out,
            "\ntokens of {} exchanges: {} {}; {} {}; {} as many",
            grouped(cost.counted),
            report.primary,
            both(cost.primary),
            report.candidate,
            both(cost.candidate),
            times(cost)
        )?;
    }
    if let (Some(exchanges), Some(judged)) = (report.settled(), report.deciding()) {
        writeln!(
            out,
            "\n{}: {} since exchange {} at the latest",
            judged.measure,
            judged.verdict.name(),
            grouped(exchanges)
        )?;
    }
    // A day alone is told above.
    if report.days.len() < 2 {
        return Ok(());
    }
    writeln!(out, "\nday by day: how often the two differed, and {} from itself", report.primary)?;
    for one in &report.days {
        write!(out, "  {} {:>9} exchanges", day(one.at), grouped(one.exchanges))?;
        for judged in report.telling() {
            let (raw, noise) = one.of(&judged.measure);
            let figure = |share: Option<f64>| share.map_or_else(|| "?".to_owned(), percent);
            write!(out, "   {} {} / {}", judged.measure, figure(raw), figure(noise))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn funnel(report: &Report, out: &mut String) -> std::fmt::Result {
    let funnel = &report.funnel;
    if funnel.requests == 0 {
        return Ok(());
    }
    let others = if funnel.kept() < funnel.requests { "; the others were not, because" } else { "" };
    writeln!(
        out,
        "\n{} requests, of which {} were mirrored{others}",
        grouped(funnel.requests),
        grouped(funnel.kept())
    )?;
    for (reason, times) in funnel.left_out.iter().filter(|(_, times)| *times > 0) {
        writeln!(out, "  {:>10}  {reason}", grouped(*times))?;
    }
    Ok(())
}

fn explained(report: &Report, out: &mut String) -> std::fmt::Result {
    if report.explained.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nknown and explained, counted apart:")?;
    for known in &report.explained {
        let until = if known.expired {
            format!("expired on {}, counts again", day(known.until - 1))
        } else {
            format!("until {}", day(known.until - 1))
        };
        writeln!(out, "  {:>6} × {} {}: {} ({until})", grouped(known.times), known.measure, known.path, known.reason)?;
    }
    Ok(())
}

fn example(report: &Report, example: &Example, paint: Paint, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "\n{} {}  {}",
        paint.bold(&example.measures(&report.judgement).join(", ")),
        example.id,
        moment(example.at)
    )?;
    if !example.asked.is_empty() {
        writeln!(out, "  asked: {}", one_line(&example.asked, 90))?;
    }
    for [measure, place, left, right] in example.telling(&report.judgement) {
        let or_nothing = |text: &str| if text.is_empty() { "nothing".to_owned() } else { one_line(text, 60) };
        let label = format!("{measure} {}", one_line(place, 60));
        writeln!(out, "  {}: {} → {}", label.trim_end(), or_nothing(left), or_nothing(right))?;
    }
    let (Some(primary), Some(candidate)) = (&example.primary, &example.candidate) else {
        for (measure, finding) in example.comparison.findings().filter(|(_, finding)| !finding.differences.is_empty()) {
            for difference in &finding.differences {
                let line = format!("{}: {} | {}", difference.path, difference.left, difference.right);
                writeln!(out, "  {measure} {}", one_line(&line, 200))?;
            }
        }
        return Ok(());
    };
    let (left, right) =
        marked::compare(&harmless(&example::readable(primary)), &harmless(&example::readable(candidate)));
    side(&report.primary, &left, paint.with("31"), out)?;
    side(&report.candidate, &right, paint.with("32"), out)
}

fn side(name: &str, runs: &[Run], mark: impl Fn(&str) -> String, out: &mut String) -> std::fmt::Result {
    writeln!(out, "  {name}:")?;
    let text: String = runs.iter().map(|run| if run.marked { mark(&run.text) } else { run.text.clone() }).collect();
    for line in text.lines().take(LINES) {
        writeln!(out, "    {line}")?;
    }
    if text.lines().count() > LINES {
        writeln!(out, "    …")?;
    }
    Ok(())
}

/// Without control characters: no answer may write anywhere on the terminal but where it is shown.
fn harmless(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() && letter != '\n' { ' ' } else { letter }).collect()
}

fn one_line(text: &str, most: usize) -> String {
    let mut line: String = harmless(text).split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(most) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// Colours, where there are any.
#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    /// Marked text keeps its mark over line ends.
    fn with(self, code: &'static str) -> impl Fn(&str) -> String {
        move |text| match self.0 {
            true => {
                text.split('\n').map(|line| format!("\u{1b}[{code};1m{line}\u{1b}[0m")).collect::<Vec<_>>().join("\n")
            }
            false => text
                .split('\n')
                .map(|line| if line.trim().is_empty() { line.to_owned() } else { format!("[{line}]") })
                .collect::<Vec<_>>()
                .join("\n"),
        }
    }

    fn bold(self, text: &str) -> String {
        if self.0 { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn verdict(self, verdict: Verdict, text: &str) -> String {
        let code = match verdict {
            Verdict::Fail => "31;1",
            Verdict::Marginal => "33;1",
            Verdict::Pass => "32;1",
            Verdict::Insufficient => "2",
        };
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

impl Report {
    /// Where a measure sees most differences.
    pub(super) fn paths(&self, judged: &Judged) -> Vec<(&str, u64)> {
        let Some(counts) = self.tally.measures.get(&judged.measure) else { return Vec::new() };
        let mut paths: Vec<_> = counts.paths.iter().map(|(path, times)| (path.as_str(), *times)).collect();
        paths.retain(|(path, _)| !super::SAYS_NOTHING.contains(path));
        paths.sort_by_key(|(path, times)| (std::cmp::Reverse(*times), *path));
        paths
    }
}
