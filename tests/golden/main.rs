//! Golden tests: every recorded answer and request, and what becomes of it, side by side in one file.
//!
//! `recorded/` holds what real servers said (and an emulator where nothing real can be had, see its README). A change of
//! a dialect is a readable difference in `answers/` and `requests/`. After a change that is meant:
//! `CUTOVER_GOLDEN=write cargo test --test golden`.

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

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use cutover::dialect::{self, Ask, Dialect, Legacy, Responses, Shape, Surface, Target, Transcoder};
use cutover::ir::{Answer, Assembler, Body, Calls, Event, Fragment, Request};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The dialect that a recorded server speaks.
fn spoken_by(server: &str) -> &'static dyn Dialect {
    let name = match server {
        "app" | "long-running" => "responses",
        "durable" => "durable",
        server if server.ends_with("chat-agent") => "chat_agent",
        server if server.ends_with("chat-model") => "chat_model",
        server if server.ends_with("responses-agent") => "responses",
        server if server.ends_with("split-agent") => "split_chat_messages",
        other => panic!("what does {other} speak?"),
    };
    dialect::named(name).unwrap()
}

/// Recorded files with this ending, as (server, case, text).
fn recorded(ending: &str) -> Vec<(String, String, String)> {
    let mut cases = Vec::new();
    for server in
        fs::read_dir(root().join("recorded")).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_dir())
    {
        for file in fs::read_dir(server.path()).unwrap().map(Result::unwrap) {
            let name = file.file_name().into_string().unwrap();
            if let Some(case) = name.strip_suffix(ending) {
                let text = fs::read_to_string(file.path()).unwrap();
                cases.push((server.file_name().into_string().unwrap(), case.to_owned(), text));
            }
        }
    }
    assert!(cases.len() > 100, "only {} recordings were found", cases.len());
    cases.sort();
    cases
}

/// What a client of a dialect asks for.
fn ask(client: &dyn Dialect) -> Ask {
    let openai = matches!(client.name(), "responses" | "chat_completions");
    Ask {
        surface: if openai { Surface::OpenAi } else { Surface::Invocations },
        model: "agent".to_owned(),
        include_usage: true,
        shape: if client.name() == "chat_completions" { Shape::Both(Legacy::ChatAgent) } else { Shape::OpenAi },
        show_agents_calls: !openai,
        echo: if client.name() == "responses" { Responses::echo(&Request::default()) } else { String::new() },
        ..Ask::default()
    }
}

fn assembler(ask: &Ask) -> Assembler {
    let calls = Calls { hold: !ask.show_agents_calls, declared: vec!["get_weather".to_owned()] };
    Assembler::new("seed".to_owned(), 1_700_000_000, calls, 1 << 20)
}

/// What a client gets of a stream, fed in pieces of `step` bytes.
fn restream(server: &dyn Dialect, client: &dyn Dialect, body: &str, step: usize) -> String {
    let ask = ask(client);
    let mut transcoder = Transcoder::new(server.reader(), assembler(&ask), Some(client.writer(&ask)), 1 << 20);
    transcoder.start();
    for piece in body.as_bytes().chunks(step) {
        transcoder.push(piece);
    }
    transcoder.end();
    String::from_utf8(transcoder.out().to_vec()).unwrap()
}

/// What a client gets of a plain answer.
fn rewrite(server: &dyn Dialect, client: &dyn Dialect, body: &str) -> String {
    let ask = ask(client);
    let mut assembler = assembler(&ask);
    let mut emit = |_: &Event<'_>, _: &Answer| {};
    server.read_answer(body.as_bytes(), &mut |fragment: Fragment<'_>| assembler.push(fragment, &mut emit));
    let answer = assembler.into_answer();
    if let Some(error) = &answer.failure {
        return format!("{} {}", error.status(), String::from_utf8_lossy(&ask.surface.write_error(error)));
    }
    if let Some(status) = answer.waiting.as_ref().filter(|_| client.name() != "responses") {
        return format!("nothing but its status: {status}");
    }
    assert!(answer.finish.is_some() || answer.waiting.is_some(), "an answer without an end: {body}");
    let mut out = Vec::new();
    client.write_answer(&answer, &ask, &mut out);
    String::from_utf8(out).unwrap()
}

/// Compares with the golden file, or writes it.
fn hold(wrong: &mut Vec<String>, seen: &mut BTreeSet<PathBuf>, path: PathBuf, text: &str) {
    seen.insert(path.clone());
    if std::env::var_os("CUTOVER_GOLDEN").is_some_and(|value| value == "write") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    } else if fs::read_to_string(&path).unwrap_or_default() != text {
        wrong.push(format!("{} is not what comes out now:\n{text}", path.display()));
    }
}

/// No golden file is left over from a recording that is gone.
fn no_leftovers(folder: &str, seen: &BTreeSet<PathBuf>) {
    for server in fs::read_dir(root().join(folder)).unwrap().map(Result::unwrap) {
        for file in fs::read_dir(server.path()).unwrap().map(Result::unwrap) {
            assert!(seen.contains(&file.path()), "{} belongs to no recording", file.path().display());
        }
    }
}

#[test]
fn every_recorded_answer_becomes_what_the_golden_files_say() {
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    for (server, case, text) in recorded(".response") {
        let dialect = spoken_by(&server);
        let (head, body) = text.split_once("\n\n").unwrap();
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut golden = format!("# {server}/{case}: what the server said, and what each client gets\n\n{text}\n");
        if status == 200 {
            for client in dialect::ALL {
                let got = match head.contains("event-stream") {
                    true => restream(dialect, *client, body, body.len().max(1)),
                    false => rewrite(dialect, *client, body),
                };
                writeln!(golden, "\n--- {}\n{got}", client.name()).unwrap();
            }
        } else {
            let error = dialect.read_error(http::StatusCode::from_u16(status).unwrap(), None, body.as_bytes());
            for surface in [Surface::OpenAi, Surface::Invocations] {
                let told = String::from_utf8(surface.write_error(&error)).unwrap();
                writeln!(golden, "\n--- error on {surface:?}: {}\n{told}", error.status()).unwrap();
            }
        }
        hold(&mut wrong, &mut seen, root().join(format!("answers/{server}/{case}.txt")), &golden);
    }
    assert!(wrong.is_empty(), "{} golden files differ; the first:\n{}", wrong.len(), wrong[0]);
    no_leftovers("answers", &seen);
}

#[test]
fn chunking_changes_no_recorded_stream() {
    for (server, case, text) in recorded(".response") {
        let (head, body) = text.split_once("\n\n").unwrap();
        if head.contains("event-stream") {
            for client in dialect::ALL {
                let whole = restream(spoken_by(&server), *client, body, body.len().max(1));
                for step in [1, 7, 64] {
                    assert_eq!(restream(spoken_by(&server), *client, body, step), whole, "{server}/{case} by {step}");
                }
            }
        }
    }
}

#[test]
fn every_recorded_request_becomes_what_the_golden_files_say() {
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    for (server, case, text) in recorded(".request.json") {
        let client = spoken_by(&server);
        if !dialect::ALL.iter().any(|known| known.name() == client.name()) {
            continue; // No client speaks so.
        }
        let mut golden = format!("# {server}/{case}: what the client sent, and what each backend gets\n\n{text}\n");
        match Body::parse(text.as_bytes()).and_then(|body| client.read_request(&body).map(drop)) {
            Err(error) => writeln!(golden, "\n--- refused: {:?} {:?}\n{error}", error.kind(), error.field()).unwrap(),
            Ok(()) => {
                let body = Body::parse(text.as_bytes()).unwrap();
                let request = client.read_request(&body).unwrap();
                for backend in dialect::BACKENDS {
                    let alike = backend.name() == client.name();
                    let stream = request.stream || backend.always_streams();
                    let target = Target { stream, alike, number: 1, ..Target::default() };
                    match dialect::write(&request, *backend, &target) {
                        Ok((sent, dropped)) => {
                            let (sent, dropped) = (String::from_utf8(sent).unwrap(), dropped.names().join(","));
                            writeln!(golden, "\n--- {} (dropped: {dropped})\n{sent}", backend.name()).unwrap();
                        }
                        Err(error) => {
                            writeln!(golden, "\n--- {} refused: {:?}\n{error}", backend.name(), error.field()).unwrap();
                        }
                    }
                }
            }
        }
        hold(&mut wrong, &mut seen, root().join(format!("requests/{server}/{case}.txt")), &golden);
    }
    assert!(wrong.is_empty(), "{} golden files differ; the first:\n{}", wrong.len(), wrong[0]);
    no_leftovers("requests", &seen);
}

#[test]
fn the_table_in_the_docs_is_what_the_dialects_go_by() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dialect/FIELDS.md");
    let mut wrong = Vec::new();
    hold(&mut wrong, &mut BTreeSet::new(), path, &dialect::table());
    assert!(wrong.is_empty(), "{}", wrong[0]);
}
