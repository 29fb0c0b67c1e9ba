//! Two numbers side by side, different when one is several times the other.

use super::finding::{Differences, Finding};

/// Compares `left` and `right` in `unit`. `floor` is added to both, so that small numbers are not several times each
/// other for nothing.
pub(super) fn compare(mut differences: Differences<'_>, left: f64, right: f64, floor: f64, unit: &str) -> Finding {
    let ratio = (right.max(0.0) + floor) / (left.max(0.0) + floor);
    let most = differences.ratio();
    if ratio > most || ratio * most < 1.0 {
        differences.note("", &format!("{left:.0}{unit}"), &format!("{right:.0}{unit}"));
    }
    let finding = differences.finding().with_values(left, right);
    if ratio < 1.0 { finding.reversed() } else { finding }
}
