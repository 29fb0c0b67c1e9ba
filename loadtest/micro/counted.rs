//! The steps of a request for tools that count from outside: one step, as often as asked, and nothing else.
//!
//! `loadtest/micro/instructions` counts instructions; `cargo bench --bench counted` shows times.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark that cannot go on says so by panicking, and prints"
)]

use divan::{AllocProfiler, Bencher, black_box};

mod steps;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "names"] => names().iter().for_each(|name| println!("{name}")),
        // Nothing else, as often as it says: what is counted from outside.
        [_, "only", name, times] => {
            let mut step = named(name);
            for _ in 0..times.parse().unwrap() {
                black_box((step.once)());
            }
        }
        _ => divan::main(),
    }
}

fn names() -> Vec<String> {
    steps::all().into_iter().map(|step| step.name).collect()
}

fn named(name: &str) -> steps::Step {
    steps::all().into_iter().find(|step| step.name == name).unwrap()
}

#[divan::bench(args = names())]
fn step(bencher: Bencher<'_, '_>, name: &str) {
    let mut step = named(name);
    bencher.bench_local(|| (step.once)());
}
