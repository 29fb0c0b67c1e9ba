//! Points in time as people write them: `2027-01-31`, or `2027-01-31T18:00:00Z`.

const DAY: i64 = 86_400;

/// Seconds since 1970. A day alone means its end, so that it is the last day on which something is good.
pub(super) fn seconds(text: &str) -> Option<i64> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || day < 1 || day > length(year, month) {
        return None;
    }
    let begins = days(year, month, day) * DAY;
    let Some(time) = time else { return Some(begins + DAY) };
    let [hour, minute, second] = numbers(time.strip_suffix('Z')?, ':', [2, 2, 2])?;
    (hour < 24 && minute < 60 && second < 60).then_some(begins + hour * 3600 + minute * 60 + second)
}

fn numbers(text: &str, between: char, lengths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(between);
    let mut numbers = [0; 3];
    for (number, length) in numbers.iter_mut().zip(lengths) {
        let part = parts.next()?;
        if part.len() != length || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn length(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let since_year_one = before * 365 + before / 4 - before / 100 + before / 400;
    let in_year: i64 = (1..month).map(|month| length(year, month)).sum();
    since_year_one + in_year + day - 1 - 719_162
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_calendars_have_them() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("1970-01-01"), Some(DAY));
        assert_eq!(seconds("2000-02-29T12:00:00Z"), Some(951_825_600));
        assert_eq!(seconds("2026-11-21T04:09:05Z"), Some(1_795_234_145));
        for wrong in
            ["2026-02-29", "2026-13-01", "2026-1-1", "26-01-01", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00", ""]
        {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
