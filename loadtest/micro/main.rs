//! What the steps of a request cost by themselves, in time and in allocations: authenticate, peek, translate, re-frame.
//!
//! `cargo bench --bench micro`. Times are this machine's and this hour's; allocations are the same everywhere. For tools that
//! count from outside, `only NAME TIMES` does one step as often as it says and nothing else: `loadtest/micro/instructions`.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark that cannot go on says so by panicking, and prints"
)]

use divan::{AllocProfiler, Bencher, black_box};

mod callers;
mod steps;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "names"] => names().iter().for_each(|name| println!("{name}")),
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
