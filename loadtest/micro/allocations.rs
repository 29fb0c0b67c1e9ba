//! Holds every step of a request to the allocations that are written down in `expected.txt`: they do not depend on the
//! machine's mood, as times do.
//!
//! A change that has to allocate more writes it down: `UPDATE_EXPECTED=1 cargo test --test allocations`, and says why in
//! its commit.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test that cannot go on says so by panicking, and shows what it saw"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};

mod steps;

use steps::Step;

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("loadtest/micro/expected.txt")
}

/// Allocations of a step by its name, as they are written down.
fn expected() -> BTreeMap<String, u64> {
    let text = fs::read_to_string(file()).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.trim().split_once(' ').unwrap())
        .map(|(count, name)| (name.trim().to_owned(), count.parse().unwrap()))
        .collect()
}

/// How often a step allocates once it has been done before.
fn allocations(step: &mut Step) -> u64 {
    black_box((step.once)());
    allocation_counter::measure(|| {
        black_box((step.once)());
    })
    .count_total
}

/// What is wrong with a step's allocations.
fn complaint(name: &str, count: u64, expected: Option<u64>) -> Option<String> {
    match expected {
        Some(most) if count > most => Some(format!("`{name}` allocates {count} times; {most} are written down")),
        None => Some(format!("`{name}` allocates {count} times; nothing is written down")),
        _ => None,
    }
}

#[test]
fn no_step_allocates_more_often_than_is_written_down() {
    let counts: Vec<_> = steps::all().into_iter().map(|mut step| (allocations(&mut step), step.name)).collect();
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        let mut text =
            "# Allocations of each step of a request; `UPDATE_EXPECTED=1 cargo test --test allocations` writes them.\n"
                .to_owned();
        for (count, name) in &counts {
            writeln!(text, "{count:>6} {name}").unwrap();
        }
        fs::write(file(), text).unwrap();
    }
    let expected = expected();
    let complaints: Vec<_> =
        counts.iter().filter_map(|(count, name)| complaint(name, *count, expected.get(name).copied())).collect();
    assert!(
        complaints.is_empty(),
        "{}\nIf it has to be: UPDATE_EXPECTED=1 cargo test --test allocations",
        complaints.join("\n")
    );
    for (count, name) in counts {
        if expected.get(&name).is_some_and(|most| count < *most) {
            println!("`{name}` allocates only {count} times now; write it down");
        }
    }
}

#[test]
fn streams_allocate_nothing_for_an_event_in_steady_state() {
    for mut step in steps::all().into_iter().filter(|step| step.name.starts_with("stream ")) {
        let count = allocations(&mut step);
        // What a stream takes to begin and to end, and buffers that double.
        assert!(count < steps::EVENTS as u64 / 4, "`{}` allocates {count} times", step.name);
    }
}

#[test]
fn one_allocation_more_is_found() {
    for mut step in steps::all() {
        let without = allocations(&mut step);
        let mut once = step.once;
        step.once = Box::new(move || {
            let planted = black_box(Box::new(7));
            *planted + once()
        });
        let with = allocations(&mut step);
        assert!(complaint(&step.name, with, Some(without)).is_some(), "one more in `{}` is not found", step.name);
        assert_eq!(complaint(&step.name, without, Some(without)), None, "`{}` is not the same twice", step.name);
    }
}
