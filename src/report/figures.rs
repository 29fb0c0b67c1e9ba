//! Numbers and dates as people read them.

use crate::compare::Tokens;
use crate::judge::Cost;

/// `12,345`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `2.3 s`, `340 ms`.
pub(super) fn time(milliseconds: f64) -> String {
    match milliseconds {
        long if long >= 9_950.0 => format!("{:.0} s", long / 1e3),
        medium if medium >= 995.0 => format!("{:.1} s", medium / 1e3),
        short => format!("{short:.0} ms"),
    }
}

/// How many times as many tokens the candidate takes: `1.25 times`.
pub(super) fn times(cost: &Cost) -> String {
    let all = |tokens: Tokens| precise(tokens.input.saturating_add(tokens.output));
    match all(cost.primary) {
        none if none <= 0.0 => "? times".to_owned(),
        primary => format!("{:.2} times", all(cost.candidate) / primary),
    }
}

/// Tokens of one answer and its request.
pub(super) fn per_answer(tokens: Tokens, counted: u64) -> String {
    format!("{:.0}", precise(tokens.input.saturating_add(tokens.output)) / precise(counted.max(1)))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn precise(count: u64) -> f64 {
    count as f64
}

/// `2026-11-20 14:05 UTC`.
pub(super) fn moment(seconds: i64) -> String {
    let of_day = seconds.rem_euclid(86_400);
    format!("{} {:02}:{:02} UTC", day(seconds), of_day / 3_600, of_day % 3_600 / 60)
}

/// `2026-11-20`, by the Gregorian calendar.
pub(super) fn day(seconds: i64) -> String {
    // Years that begin in March, so that the odd day is the last one; eras of 400 years.
    let days = seconds.div_euclid(86_400) + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", year + era * 400 + later)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_dates_read_well() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.4, 340.0, 996.0, 2_340.0, 12_000.0].map(time), ["0 ms", "340 ms", "1.0 s", "2.3 s", "12 s"]);
        assert_eq!([0, 951_825_600, 1_795_234_145].map(day), ["1970-01-01", "2000-02-29", "2026-11-21"]);
        assert_eq!(moment(1_795_234_145), "2026-11-21 04:09 UTC");
    }
}
