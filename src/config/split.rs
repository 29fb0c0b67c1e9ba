//! `split`: parts as people write them, scaled to basis points.

use super::backend::Declared;
use super::nearest::nearest;
use super::node::Node;
use super::route::Share;

/// What the shares of a route sum to.
pub(super) const WHOLE: u32 = 10_000;

/// Parts are kept in millionths, so that `0.1` is what it says.
const DECIMALS: usize = 6;

/// Most backends of one route: each that has a part must get at least one of the [`WHOLE`].
const MOST_BACKENDS: usize = 100;

/// What to write under `split`.
pub(super) const CHOICES: &str = "parts by backend such as `{ legacy: 95, app: 5 }`";

const PART: &str = "a part such as `95`, `5`, `0.5` or `0`";

/// Reads a split; `backends` is none if they could not be read themselves.
pub(super) fn read(node: &Node<'_>, backends: Option<&[Declared<'_>]>) -> Option<Vec<Share>> {
    let entries = node.entries(CHOICES)?;
    if entries.len() > MOST_BACKENDS {
        return node.problem(format!("has {} backends; {MOST_BACKENDS} is the most", entries.len()));
    }
    let read: Vec<_> = entries
        .iter()
        .map(|(name, part)| {
            let number = part.parsed(PART, millionths);
            let backend = find(part, name, backends?);
            Some((backend?, number?))
        })
        .collect();
    let read = read.into_iter().collect::<Option<Vec<_>>>()?;
    let parts: Vec<u64> = read.iter().map(|(_, part)| *part).collect();
    if parts.iter().all(|part| *part == 0) {
        return node.problem("every part is zero; give at least one backend a part");
    }
    let points = basis_points(&parts);
    Some(
        read.iter().zip(points).map(|((backend, _), basis_points)| Share { backend: *backend, basis_points }).collect(),
    )
}

/// The place of a backend by its name.
pub(super) fn find(node: &Node<'_>, name: &str, backends: &[Declared<'_>]) -> Option<usize> {
    backends.iter().position(|backend| backend.name == name).or_else(|| {
        let names: Vec<_> = backends.iter().map(|backend| backend.name.as_str()).collect();
        let meant = nearest(name, names.iter().copied());
        let hint = meant.map(|meant| format!(" (did you mean `{meant}`?)")).unwrap_or_default();
        node.problem(format!("unknown backend; write one of {}{hint}", names.join(", ")))
    })
}

/// A number that is not negative, with up to [`DECIMALS`] decimals, in millionths.
fn millionths(text: &str) -> Option<u64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str, most: usize| {
        !text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(whole, 9) || !digits(decimals, DECIMALS) {
        return None;
    }
    format!("{whole}{decimals:0<DECIMALS$}").parse().ok()
}

/// Scales parts so that they sum to exactly [`WHOLE`]: largest remainder, except that a part that is there never
/// becomes zero. A part of zero stays zero. At least one part must be over zero.
fn basis_points(parts: &[u64]) -> Vec<u32> {
    let sum: u128 = parts.iter().map(|part| u128::from(*part)).sum();
    let scaled = |part: &u64| u128::from(*part) * u128::from(WHOLE);
    let down = |part: &u64| u32::try_from(scaled(part) / sum.max(1)).unwrap_or(WHOLE);
    let mut points: Vec<u32> = parts.iter().map(|part| down(part).max(u32::from(*part > 0))).collect();
    let mut given: u32 = points.iter().sum();

    // What rounding down left goes to those that lost most by it. Whoever was raised from zero to one has had theirs.
    let mut by_loss: Vec<_> = parts.iter().zip(&mut points).filter(|(part, _)| down(part) > 0).collect();
    by_loss.sort_by_key(|(part, _)| std::cmp::Reverse(scaled(part) % sum.max(1)));
    for (_, point) in by_loss.into_iter().take(usize::try_from(WHOLE.saturating_sub(given)).unwrap_or_default()) {
        *point += 1;
        given += 1;
    }
    // What raising cost is paid by the largest, one at a time.
    while given > WHOLE
        && let Some(largest) = points.iter_mut().max()
    {
        *largest -= 1;
        given -= 1;
    }
    points
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_become_hundredths_of_a_percent() {
        assert_eq!(basis_points(&[95, 5]), [9_500, 500]);
        assert_eq!(basis_points(&[1, 1, 1]), [3_334, 3_333, 3_333]);
        assert_eq!(basis_points(&[99_500_000, 500_000]), [9_950, 50]);
        assert_eq!(basis_points(&[1, 0]), [10_000, 0]);
        assert_eq!(basis_points(&[1_000_000, 1]), [9_999, 1]);
    }

    #[test]
    fn parts_are_decimal_numbers_that_are_not_negative() {
        assert_eq!(millionths("95"), Some(95_000_000));
        assert_eq!(millionths("0.5"), Some(500_000));
        assert_eq!(millionths("0.000001"), Some(1));
        assert_eq!(millionths("0"), Some(0));
        for wrong in ["-1", "5%", ".5", "5.", "1e3", "", "0.0000001", "1000000000000", ".inf", ".nan", "+5", "1.-2"] {
            assert_eq!(millionths(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn shares_sum_to_the_whole_keep_zeros_and_lose_nobody(
            parts in proptest::collection::vec(prop_oneof![Just(0u64), 1u64..100, 1u64..=999_999_999_999_999], 1..=MOST_BACKENDS),
        ) {
            prop_assume!(parts.iter().any(|part| *part > 0));
            let points = basis_points(&parts);
            prop_assert_eq!(points.iter().sum::<u32>(), WHOLE);
            for (part, point) in parts.iter().zip(&points) {
                prop_assert_eq!(*part == 0, *point == 0, "{} became {}", part, point);
            }
        }

        #[test]
        fn a_larger_part_never_gets_less(parts in proptest::collection::vec(0u64..1_000_000, 2..10)) {
            prop_assume!(parts.iter().any(|part| *part > 0));
            let points = basis_points(&parts);
            let mut pairs: Vec<_> = parts.iter().zip(&points).collect();
            pairs.sort();
            for pair in pairs.windows(2) {
                prop_assert!(pair[0].0 == pair[1].0 || pair[0].1 <= pair[1].1, "{:?}", pairs);
            }
        }
    }
}
