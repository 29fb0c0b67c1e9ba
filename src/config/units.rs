//! Sizes and durations as people write them.

use std::time::Duration;

/// Longest duration: far over what any deadline needs, far under what a clock can add.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Largest size.
const LARGEST: usize = 1 << 30;

/// `64KiB`, `16MiB`, `1GiB`, or bytes without a unit.
pub(super) fn size(text: &str) -> Option<usize> {
    let (number, unit) = split(text)?;
    let scale = match unit {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    usize::try_from(number).ok()?.checked_mul(scale).filter(|size| *size <= LARGEST)
}

/// `500ms`, `10s`, `2m` or `1h`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let scale = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(scale).map(Duration::from_millis).filter(|duration| *duration <= LONGEST)
}

/// `20%`: whole percents, at most all.
pub(super) fn percent(text: &str) -> Option<u32> {
    match split(text)? {
        (number, "%") => u32::try_from(number).ok().filter(|percent| *percent <= 100),
        _ => None,
    }
}

/// A whole number and what follows it.
fn split(text: &str) -> Option<(u64, &str)> {
    let (number, unit) = text.split_at_checked(text.bytes().take_while(u8::is_ascii_digit).count())?;
    Some((number.parse().ok()?, unit.trim_start_matches(' ')))
}

/// A duration as it would be written.
pub(super) fn spell(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let fits = units.into_iter().find(|(scale, _)| millis >= *scale && millis.is_multiple_of(*scale));
    match fits {
        Some((scale, unit)) => format!("{}{unit}", millis / scale),
        None => format!("{millis}ms"),
    }
}

/// A size as it would be written.
pub(super) fn spell_size(size: usize) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let fits = units.into_iter().find(|(scale, _)| size >= *scale && size.is_multiple_of(*scale));
    match fits {
        Some((scale, unit)) => format!("{}{unit}", size / scale),
        None => size.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_have_binary_units_or_none() {
        assert_eq!(size("64KiB"), Some(65_536));
        assert_eq!(size("16 MiB"), Some(16_777_216));
        assert_eq!(size("10000"), Some(10_000));
        for wrong in
            ["64KB", "64k", "-1", "1.5MiB", "", "KiB", "2GiB", "99999999999999999999", "18446744073709551615GiB"]
        {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("10s"), Some(Duration::from_secs(10)));
        assert_eq!(duration("2m"), Some(Duration::from_secs(120)));
        assert_eq!(duration("1h"), Some(Duration::from_secs(3600)));
        for wrong in ["10", "-1s", "1d", "1.5s", "s", "", "25h", "18446744073709551615h"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn percents_are_whole_and_at_most_all() {
        assert_eq!([percent("0%"), percent("20%"), percent("100 %")], [Some(0), Some(20), Some(100)]);
        for wrong in ["20", "101%", "-1%", "2.5%", "%", ""] {
            assert_eq!(percent(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_spelled_reads_back(millis in 0..=86_400_000u64, bytes in 0..=LARGEST) {
            prop_assert_eq!(duration(&spell(Duration::from_millis(millis))), Some(Duration::from_millis(millis)));
            prop_assert_eq!(size(&spell_size(bytes)), Some(bytes));
        }
    }
}
