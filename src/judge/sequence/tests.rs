//! What the intervals promise, held against simulated experiments.

use fastrand::Rng;

use super::super::verdict::level;
use super::*;
use crate::compare::Settings;

/// One step: up, level or down, by these chances.
fn step(random: &mut Rng, up: f64, down: f64) -> i8 {
    let at = random.f64();
    if at < up {
        1
    } else if at < up + down {
        -1
    } else {
        0
    }
}

fn take(steps: &mut Steps, step: i8) {
    match step {
        1 => steps.up += 1.0,
        -1 => steps.down += 1.0,
        _ => steps.level += 1.0,
    }
}

/// In how many of `runs` the truth was outside at some moment of `length`, looked at after every step.
fn ever_outside(runs: u64, length: u32, alpha: f64, up: f64, down: f64) -> (u32, u32) {
    let (mut above, mut below) = (0, 0);
    for run in 0..runs {
        let mut random = Rng::with_seed(run);
        let mut steps = Steps::new(0, 0, 0);
        let (mut over, mut under) = (false, false);
        for _ in 0..length {
            take(&mut steps, step(&mut random, up, down));
            over |= steps.purse_over(up - down) >= -alpha.ln();
            under |= steps.purse_under(up - down) >= -alpha.ln();
        }
        above += u32::from(over);
        below += u32::from(under);
    }
    (above, below)
}

#[test]
fn the_truth_is_hardly_ever_outside_though_looked_at_after_every_step() {
    // 150 runs at 10 %: 15 are allowed on the average; 24 would be so with a chance of one in a hundred.
    const ALLOWED: u32 = 24;
    for (up, down) in [(0.0, 0.0), (0.01, 0.01), (0.03, 0.0), (0.2, 0.25), (0.5, 0.5)] {
        let (above, below) = ever_outside(150, 600, 0.1, up, down);
        assert!(above <= ALLOWED && below <= ALLOWED, "{up} up and {down} down: {above} over, {below} under");
    }
}

#[test]
fn ends_are_where_the_purses_reach_the_level() {
    let steps = Steps::new(1_000, 40, 10);
    for alpha in [0.1, 0.01] {
        let (lower, upper) = (steps.lower(alpha), steps.upper(alpha));
        assert!(lower < 0.03 && 0.03 < upper, "{lower} {upper}");
        assert!((steps.purse_over(lower) + alpha.ln()).abs() < 1e-3);
        assert!((steps.purse_under(upper) + alpha.ln()).abs() < 1e-3);
    }
    assert!(steps.lower(0.1) > steps.lower(0.01) && steps.upper(0.1) < steps.upper(0.01));
    let mirrored = Steps::new(1_000, 10, 40);
    assert!((mirrored.upper(0.05) + steps.lower(0.05)).abs() < 1e-6);
}

#[test]
fn nothing_seen_is_nothing_known() {
    assert_eq!((Steps::new(0, 0, 0).lower(0.05), Steps::new(0, 0, 0).upper(0.05)), (-1.0, 1.0));
    assert_eq!((Steps::share(0, 0).lower(0.05), Steps::share(0, 0).upper(0.05)), (0.0, 1.0));
    let (all, none) = (Steps::share(50, 50), Steps::share(50, 0));
    assert!(all.lower(0.05) > 0.85 && (all.upper(0.05) - 1.0).abs() < 1e-9);
    assert!(none.lower(0.05).abs() < 1e-9 && none.upper(0.05) < 0.15);
}

/// The first of growing numbers of exchanges at which this holds.
fn first(holds: impl Fn(u64) -> bool) -> u64 {
    (1..1_000).map(|step| step * 50).find(|all| holds(*all)).unwrap()
}

#[test]
fn rare_differences_are_found_after_hundreds_and_not_thousands() {
    // At the level of one of sixteen gates, differences that only ever go one way.
    const ALPHA: f64 = 0.05 / 16.0;
    let found = |rate: u64| first(|all| Steps::new(all, all * rate / 1_000, 0).lower(ALPHA) > 0.0);
    assert!(found(10) <= 1_100, "1 %: {}", found(10));
    assert!(found(20) <= 550, "2 %: {}", found(20));
    assert!(found(30) <= 400, "3 %: {}", found(30));
    // And of nothing at all it is soon certain that it is rare.
    let cleared = |most: f64| first(|all| Steps::new(all, 0, 0).upper(0.05) < most);
    assert!(cleared(0.01) <= 450, "{}", cleared(0.01));
    assert!(cleared(0.005) <= 900, "{}", cleared(0.005));
}

#[test]
fn ten_differences_that_only_go_one_way_are_enough_and_fewer_than_nine_can_never_be() {
    // At the level of each of eighteen gates.
    const ALPHA: f64 = 0.05 / 18.0;
    assert!((level(&Settings::default()) - ALPHA).abs() < 1e-12, "what README and these docs say of eighteen gates");
    for stakes in [&STAKES[..], &RARE[..]] {
        assert!((stakes.iter().map(|(_, weight)| weight).sum::<f64>() - 1.0).abs() < 1e-12, "a purse of 1 is spread");
    }
    let alarms = |differences: u64| Steps::new(1_000, differences, 0).purse_over(0.0) >= -ALPHA.ln();
    let needed = (1..100).find(|differences| alarms(*differences)).unwrap();
    assert_eq!(needed, 10);
    // Heads in a row are that likely; an alarm at more likely sights would break the promise.
    let least = (1..100).find(|heads| 0.5_f64.powi(*heads) <= ALPHA).unwrap();
    assert_eq!(least, 9);
}

#[test]
fn what_is_hardly_ever_to_happen_is_found_soon_where_it_does_and_hardly_ever_where_it_does_not() {
    const ALPHA: f64 = 0.05 / 18.0;
    let alarms = |steps: &Steps| steps.purse_over(0.001) >= -ALPHA.ln();
    // No bet does better on the average than the odds between what is and what is held against it: 420 here.
    let found = first(|all| alarms(&Steps::share(all, all / 100)));
    assert!(found <= 600, "1 %: {found}");
    let mut alarmed = 0;
    for run in 0..400 {
        let (mut random, mut steps, mut ever) = (Rng::with_seed(run), Steps::share(0, 0), false);
        for _ in 0..3_000 {
            take(&mut steps, step(&mut random, 0.001, 0.0));
            ever |= steps.up > 0.0 && alarms(&steps);
        }
        alarmed += u32::from(ever);
    }
    // One is expected at most.
    assert!(alarmed <= 5, "{alarmed} of 400");
}
