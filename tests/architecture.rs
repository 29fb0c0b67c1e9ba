//! Holds the structure to its rules: one-way dependencies, small files, a sentence at the top of each.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::too_many_lines,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test that cannot go on says so by panicking, and shows what it saw"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What each room may use. A room that is not listed here does not exist yet; an arrow that is not listed is not meant.
const ARROWS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    // The demo's agents are small servers that speak two of the dialects.
    ("cli", &["app", "auth", "config", "dialect", "gateway", "ir", "server", "telemetry"]),
    ("app", &["admin", "config", "gateway", "server", "store", "telemetry"]),
    ("admin", &["server", "telemetry"]),
    (
        "gateway",
        &[
            "auth",
            "config",
            "credential",
            "dialect",
            "error",
            "ir",
            "net",
            "route",
            "server",
            "sse",
            "telemetry",
            "upstream",
        ],
    ),
    ("server", &["config"]),
    ("store", &["config", "telemetry"]),
    ("upstream", &["config", "credential", "dialect", "error", "net", "telemetry"]),
    ("route", &["auth", "config", "dialect", "error", "ir"]),
    ("auth", &["config", "error", "net"]),
    ("credential", &["auth", "config", "error", "net"]),
    ("net", &["config"]),
    // Off the request path: how answers are compared, and what follows from it.
    ("report", &["compare", "judge"]),
    ("judge", &["compare"]),
    ("compare", &["error", "ir", "sse"]),
    ("config", &["compare", "dialect"]),
    ("dialect", &["error", "ir", "sse"]),
    ("telemetry", &["error"]),
    ("ir", &["error"]),
    ("sse", &[]),
    ("error", &[]),
];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] =
    &["common", "handler", "helper", "helpers", "manager", "misc", "models", "types", "util", "utils"];

/// Most lines of a file without its tests, and of the file in the middle.
const MOST_LINES: usize = 400;
const MEDIAN_LINES: usize = 200;

fn sources() -> Vec<(PathBuf, String)> {
    below("src", 30)
}

/// The gateway and the load tests.
fn all_sources() -> impl Iterator<Item = (PathBuf, String)> {
    sources().into_iter().chain(below("loadtest/src", 20))
}

/// The sources in a folder, which are more than that.
fn below(folder: &str, least: usize) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > least, "the sources were not found");
    files.sort();
    files
        .into_iter()
        .map(|path| (path.strip_prefix(&root).unwrap().to_owned(), fs::read_to_string(path).unwrap()))
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The room a file is in: its first folder, or its own name at the top.
fn room(path: &Path) -> String {
    let first = path.iter().next().unwrap().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

fn is_test(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == "tests" || stem == "testing") || path.iter().any(|part| part == "tests")
}

/// The file up to its tests.
fn without_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod tests {").next().unwrap()
}

/// Rooms named by `crate::room` (and `cutover::room` in main), in code and not in comments.
fn used(text: &str) -> BTreeSet<String> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut rooms = BTreeSet::new();
    for path in ["crate::", "cutover::"] {
        for (place, _) in code.match_indices(path) {
            let rest = &code[place + path.len()..];
            let names: Vec<&str> = match rest.strip_prefix('{') {
                Some(list) => list.split('}').next().unwrap().split(',').map(str::trim).collect(),
                None => vec![rest],
            };
            for name in names {
                let end = name.find(|letter: char| !letter.is_ascii_lowercase() && letter != '_').unwrap_or(name.len());
                rooms.insert(name[..end].to_owned());
            }
        }
    }
    rooms.remove("");
    rooms
}

#[test]
fn dependencies_point_one_way() {
    let allowed: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let room = room(&path);
        if room == "lib" {
            continue;
        }
        let Some(may) = allowed.get(room.as_str()) else {
            wrong.push(format!("{}: the room `{room}` is not in the table", path.display()));
            continue;
        };
        for used in used(without_tests(&text)) {
            if used != room && !may.contains(&used.as_str()) {
                wrong.push(format!("{}: `{room}` may not use `{used}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_has_no_cycle() {
    let mut left: Vec<_> = ARROWS.to_vec();
    while !left.is_empty() {
        let names: BTreeSet<&str> = left.iter().map(|(room, _)| *room).collect();
        let before = left.len();
        left.retain(|(_, uses)| uses.iter().any(|used| names.contains(used)));
        assert!(left.len() < before, "a cycle among {names:?}");
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for (path, text) in all_sources() {
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! ") && first.len() > 20, "{} begins with {first:?}", path.display());
    }
}

#[test]
fn files_stay_small() {
    let mut lengths: Vec<_> = all_sources()
        .filter(|(path, _)| !is_test(path))
        .map(|(path, text)| (without_tests(&text).lines().count(), path))
        .collect();
    lengths.sort();
    let (most, path) = lengths.last().unwrap();
    assert!(*most <= MOST_LINES, "{} has {most} lines without its tests", path.display());
    let (median, _) = lengths[lengths.len() / 2];
    assert!(median <= MEDIAN_LINES, "half of the files have more than {median} lines");
}

#[test]
fn names_say_something() {
    for (path, _) in all_sources() {
        for part in &path {
            let name = part.to_string_lossy();
            let name = name.trim_end_matches(".rs");
            assert!(!EMPTY_NAMES.contains(&name), "{}: `{name}` says nothing", path.display());
        }
    }
}

#[test]
fn the_request_path_builds_no_value_trees() {
    for (path, text) in sources() {
        let on_the_path = ["ir", "dialect", "gateway", "route", "upstream", "auth"].contains(&room(&path).as_str());
        if on_the_path && !is_test(&path) {
            let code = without_tests(&text);
            assert!(!code.contains("serde_json::Value") && !code.contains("serde_json::json!"), "{}", path.display());
        }
    }
}

#[test]
fn the_project_stands_alone() {
    // Written so that this file does not name them itself.
    let outside = [concat!("..", "/shared"), concat!("/wo", "rk/"), concat!("/fa", "rm/")];
    for (path, text) in all_sources() {
        for name in outside {
            assert!(!text.contains(name), "{} names {name}", path.display());
        }
    }
}
