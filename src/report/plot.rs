//! The plots of the page, drawn as SVG: what is certain of a measure, how two sides are spread, how certainty grew.

use std::fmt::Write as _;

use super::figures::{day, grouped, time};
use crate::judge::{Day, Judged, Point, Spread, percent};

/// Where an excess is, on a scale on which zero and what is tolerated stand in the same places for every measure.
pub(super) fn interval(judged: &Judged) -> String {
    const WIDTH: f64 = 260.0;
    // Twice what is tolerated to the left of zero, four times to the right.
    const SPAN: [f64; 2] = [-2.0, 4.0];
    let unit = WIDTH / (SPAN[1] - SPAN[0]);
    let at = |excess: f64| ((excess / judged.tolerated.max(1e-9)).clamp(SPAN[0], SPAN[1]) - SPAN[0]) * unit;
    let [from, to] = judged.interval;
    let (zero, tolerated) = (at(0.0), at(judged.tolerated));
    let beside = |excess: f64| excess / judged.tolerated.max(1e-9);
    let class = if judged.gates { judged.verdict.name() } else { "shown" };
    let words = format!("between {} and {}; {} are tolerated", percent(from), percent(to), percent(judged.tolerated));
    let mut svg = format!(
        r#"<svg class="interval {class}" viewBox="0 0 {WIDTH:.0} 26" role="img" aria-label="{words}"><title>{words}</title><rect class="fine" x="{zero:.1}" y="3" width="{:.1}" height="20"/><line class="zero" x1="{zero:.1}" y1="0" x2="{zero:.1}" y2="26"/><line class="tolerated" x1="{tolerated:.1}" y1="0" x2="{tolerated:.1}" y2="26"/><line class="range" x1="{:.1}" y1="13" x2="{:.1}" y2="13"/>"#,
        tolerated - zero,
        at(from),
        at(to)
    );
    // Writing to a string cannot fail.
    if beside(from) < SPAN[0] {
        let _ = write!(svg, r#"<path class="beyond" d="M7 8 L1 13 L7 18"/>"#);
    }
    if beside(to) > SPAN[1] {
        let _ = write!(
            svg,
            r#"<path class="beyond" d="M{:.0} 8 L{:.0} 13 L{:.0} 18"/>"#,
            WIDTH - 7.0,
            WIDTH - 1.0,
            WIDTH - 7.0
        );
    }
    if let Some(excess) = judged.excess {
        let _ =
            write!(svg, r#"<circle class="guess" cx="{:.1}" cy="13" r="4.5"/>"#, at(excess).clamp(5.0, WIDTH - 5.0));
    }
    svg + "</svg>"
}

/// The two sides' numbers, on a scale on which each step is so many times the one before.
pub(super) fn spreads(primary: &Spread, candidate: &Spread, unit: &str) -> String {
    const WIDTH: f64 = 460.0;
    const HEIGHT: f64 = 120.0;
    let sides = [(primary, "primary"), (candidate, "candidate")];
    let all: Vec<f64> =
        sides.iter().flat_map(|(spread, _)| [spread.quantile(0.002), spread.quantile(0.998)]).flatten().collect();
    let low = all.iter().copied().fold(f64::INFINITY, f64::min) / 1.3;
    let high = all.iter().copied().fold(0.0, f64::max) * 1.3;
    if !(low.is_finite() && high > low) {
        return String::new();
    }
    let x = |value: f64| ((value / low).ln() / (high / low).ln()).clamp(0.0, 1.0) * WIDTH;
    let mut svg = format!(r#"<svg class="spreads" viewBox="0 -18 {WIDTH:.0} {:.0}" role="img">"#, HEIGHT + 42.0);
    for tick in ticks(low, high) {
        let label = if unit == "ms" { time(tick) } else { format!("{tick:.0}") };
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{0:.1}" y1="0" x2="{0:.1}" y2="{HEIGHT:.0}"/><text class="tick" x="{0:.1}" y="{1:.0}">{label}</text>"#,
            x(tick),
            HEIGHT + 16.0
        );
    }
    let most = sides.iter().map(|(spread, _)| peak(spread)).fold(0.0, f64::max).max(1e-9);
    for (spread, class) in sides {
        let points = smooth(spread);
        let (Some(first), Some(last)) = (points.first(), points.last()) else { continue };
        let mut path = format!("M{:.1} {HEIGHT:.0}", x(first.0));
        for (value, share) in &points {
            let _ = write!(path, " L{:.1} {:.1}", x(*value), HEIGHT - share / most * (HEIGHT - 8.0));
        }
        let _ = write!(path, " L{:.1} {HEIGHT:.0}", x(last.0));
        let _ = write!(svg, r#"<path class="area {class}" d="{path}"/>"#);
    }
    for (spread, class) in sides {
        let Some(median) = spread.quantile(0.5) else { continue };
        let _ =
            write!(svg, r#"<line class="median {class}" x1="{0:.1}" y1="0" x2="{0:.1}" y2="{HEIGHT:.0}"/>"#, x(median));
    }
    svg + "</svg>"
}

/// How certainty grew: the interval of one measure over the number of exchanges.
pub(super) fn trend(points: &[Point], tolerated: f64) -> String {
    const WIDTH: f64 = 720.0;
    const HEIGHT: f64 = 180.0;
    const LEFT: f64 = 46.0;
    let Some(most) = points.last().filter(|_| points.len() > 1).map(|point| point.exchanges) else {
        return String::new();
    };
    // The first intervals say nothing and would flatten the others.
    let reach = points.iter().rev().take(points.len().div_ceil(2)).flat_map(|point| point.interval);
    let (low, high) = reach.fold((0.0_f64, tolerated), |(low, high), end| (low.min(end), high.max(end)));
    let (low, high) = (low - (high - low) * 0.08, high + (high - low) * 0.08);
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let x = |exchanges: u64| LEFT + exchanges as f64 / most.max(1) as f64 * (WIDTH - LEFT);
    let y = |excess: f64| (high - excess.clamp(low, high)) / (high - low) * HEIGHT;
    let mut svg = format!(r#"<svg class="trend" viewBox="0 -6 {WIDTH:.0} {:.0}" role="img">"#, HEIGHT + 30.0);
    for (class, excess) in [("zero", 0.0), ("tolerated", tolerated)] {
        let _ = write!(
            svg,
            r#"<line class="{class}" x1="{LEFT}" y1="{0:.1}" x2="{WIDTH:.0}" y2="{0:.1}"/><text class="tick end" x="{1:.0}" y="{2:.1}">{3}</text>"#,
            y(excess),
            LEFT - 6.0,
            y(excess) + 4.0,
            percent(excess)
        );
    }
    let upper = points.iter().map(|point| format!("{:.1} {:.1}", x(point.exchanges), y(point.interval[1])));
    let lower = points.iter().rev().map(|point| format!("{:.1} {:.1}", x(point.exchanges), y(point.interval[0])));
    let band: Vec<_> = upper.chain(lower).collect();
    let _ = write!(svg, r#"<path class="band" d="M{} Z"/>"#, band.join(" L"));
    let guesses: Vec<_> =
        points.iter().filter_map(|point| Some(format!("{:.1} {:.1}", x(point.exchanges), y(point.excess?)))).collect();
    if guesses.len() > 1 {
        let _ = write!(svg, r#"<path class="guess" d="M{}"/>"#, guesses.join(" L"));
    }
    for quarter in 1..=4 {
        let exchanges = most * quarter / 4;
        let anchor = if quarter == 4 { " end" } else { "" };
        let _ = write!(
            svg,
            r#"<text class="tick{anchor}" x="{:.1}" y="{:.0}">{}</text>"#,
            x(exchanges),
            HEIGHT + 18.0,
            grouped(exchanges)
        );
    }
    svg + "</svg>"
}

/// How often the two sides differed on each day, and the primary from itself: two bars a day.
pub(super) fn days(days: &[Day], measure: &str) -> String {
    const WIDTH: f64 = 460.0;
    const HEIGHT: f64 = 120.0;
    const LEFT: f64 = 46.0;
    let shares = days.iter().map(|day| day.of(measure));
    let most = shares.flat_map(|(raw, noise)| [raw, noise]).flatten().fold(0.0, f64::max).max(0.001) * 1.1;
    #[expect(clippy::cast_precision_loss, reason = "two months")]
    let step = (WIDTH - LEFT) / days.len().max(1) as f64;
    let (y, width) = (|share: f64| HEIGHT - share / most * HEIGHT, (step * 0.36).min(26.0));
    let mut svg = format!(r#"<svg class="days" viewBox="0 -6 {WIDTH:.0} {:.0}" role="img">"#, HEIGHT + 30.0);
    for tick in [0.0, most / 2.2, most / 1.1] {
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{LEFT}" y1="{0:.1}" x2="{WIDTH:.0}" y2="{0:.1}"/><text class="tick end" x="{1:.0}" y="{2:.1}">{3}</text>"#,
            y(tick),
            LEFT - 6.0,
            y(tick) + 4.0,
            percent(tick)
        );
    }
    let every = days.len().div_ceil(5).max(1);
    let mut middle = LEFT + step / 2.0;
    for (place, one) in days.iter().enumerate() {
        let (raw, noise) = one.of(measure);
        for (class, share, x) in [("candidate", raw, middle - width), ("primary", noise, middle)] {
            let Some(share) = share else { continue };
            let _ = write!(
                svg,
                r#"<rect class="day {class}" x="{x:.1}" y="{:.1}" width="{width:.1}" height="{:.1}"><title>{}: {}</title></rect>"#,
                y(share),
                (HEIGHT - y(share)).max(0.0),
                day(one.at),
                percent(share)
            );
        }
        if place.is_multiple_of(every) {
            let label = day(one.at);
            let _ = write!(
                svg,
                r#"<text class="tick" x="{middle:.1}" y="{:.0}">{}</text>"#,
                HEIGHT + 18.0,
                label.get(5..).unwrap_or_default()
            );
        }
        middle += step;
    }
    svg + "</svg>"
}

/// Round numbers between two bounds, not too many.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let steps: &[f64] = if high / low > 300.0 {
        &[1.0]
    } else if high / low > 12.0 {
        &[1.0, 3.0]
    } else {
        &[1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0]
    };
    let decades = (0..13).map(|decade| 10_f64.powi(decade));
    let all: Vec<f64> = decades.flat_map(|decade| steps.iter().map(move |step| step * decade)).collect();
    all.into_iter().filter(|tick| (low..=high).contains(tick)).collect()
}

/// Each bucket's share of all, with the empty ones between, averaged with its neighbours.
fn smooth(spread: &Spread) -> Vec<(f64, f64)> {
    let shares = spread.shares();
    let of = |place: usize| shares.get(place).map_or(0.0, |(_, share)| *share);
    let near = |place: usize| {
        let before = if place == 0 { 0.0 } else { of(place - 1) };
        0.25 * before + 0.5 * of(place) + 0.25 * of(place + 1)
    };
    shares.iter().enumerate().map(|(place, (value, _))| (*value, near(place))).collect()
}

fn peak(spread: &Spread) -> f64 {
    smooth(spread).iter().map(|(_, share)| *share).fold(0.0, f64::max)
}
