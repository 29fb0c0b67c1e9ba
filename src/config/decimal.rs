//! Numbers as JSON writes them, brought to one spelling so that equal numbers have equal texts.

use std::borrow::Cow;

/// Most zeros that a number is written out with; one that needs more keeps its exponent.
const MOST_ZEROS: usize = 40;

/// The one spelling of a number: `7`, `7.0`, `70e-1` and `0.7E1` are all `7`. `None` for what is no JSON number.
pub(super) fn normal(text: &str) -> Option<Cow<'_, str>> {
    // Nearly all numbers are plain ones.
    if is_plain(text) {
        return Some(Cow::Borrowed(text));
    }
    let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    if !is_digits(whole) || !is_digits(fraction) || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    let magnitude = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if !is_digits(magnitude) {
        return None;
    }
    let digits = [whole, fraction].concat();
    let digits = digits.trim_start_matches('0');
    let kept = digits.trim_end_matches('0');
    if kept.is_empty() {
        return Some(Cow::Borrowed("0"));
    }
    let cut = i64::try_from(digits.len() - kept.len()).ok()?;
    // An exponent beyond all numbers is none that anybody means.
    let exponent = exponent.parse::<i64>().ok()?.checked_sub(i64::try_from(fraction.len()).ok()?)?.checked_add(cut)?;
    Some(Cow::Owned(format!("{}{}", if negative { "-" } else { "" }, spell(kept, exponent))))
}

/// Digits and a power of ten, written out where that is short.
fn spell(digits: &str, exponent: i64) -> String {
    let zeros = usize::try_from(exponent.unsigned_abs()).unwrap_or(usize::MAX);
    if exponent >= 0 && zeros <= MOST_ZEROS {
        return format!("{digits}{:0<zeros$}", "");
    }
    if exponent < 0 && zeros <= MOST_ZEROS {
        let padded = format!("{digits:0>width$}", width = zeros + 1);
        if let Some((whole, fraction)) = padded.split_at_checked(padded.len() - zeros) {
            return format!("{whole}.{fraction}");
        }
    }
    format!("{digits}e{exponent}")
}

fn is_plain(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    is_digits(digits) && (digits == text && digits == "0" || !digits.starts_with('0'))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_numbers_have_one_spelling() {
        for (text, one) in [
            ("7", "7"),
            ("7.0", "7"),
            ("7e0", "7"),
            ("70e-1", "7"),
            ("0.7E+1", "7"),
            ("-7.50", "-7.5"),
            ("0.05", "0.05"),
            ("5e-2", "0.05"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("0e99999", "0"),
            ("100", "100"),
            ("1e2", "100"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("1e100", "1e100"),
            ("1000e97", "1e100"),
            ("1e-100", "1e-100"),
        ] {
            assert_eq!(normal(text).as_deref(), Some(one), "{text}");
        }
        for text in ["", "-", "+7", "07", ".5", "5.", "1e", "1e+", "0x10", "NaN", "7 ", "1e99999999999999999999"] {
            assert_eq!(normal(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn numbers_that_are_equal_and_only_those_are_spelled_alike(one in -999i32..999, other in -999i32..999, zeros in 0usize..5) {
            let spelled = |number: i32| normal(&format!("{number}e-2")).unwrap().into_owned();
            prop_assert_eq!(spelled(one) == spelled(other), one == other);
            let longer = if one == 0 { "0.00e7".to_owned() } else { format!("{}{:0<zeros$}e-{}", one, "", zeros + 2) };
            prop_assert_eq!(normal(&longer).unwrap(), spelled(one));
        }
    }
}
