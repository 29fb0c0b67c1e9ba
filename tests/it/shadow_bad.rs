//! Candidates and stores that do their worst: no client notices, what is lost is counted, and memory stays bounded.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{Fake, Process, Step, chunked, folder, mirrored, plain, says, with_ports};

/// Most that a client may wait while a mirror is in trouble; the machine that tests run on has much else to do.
const NOTICED: Duration = Duration::from_secs(2);

/// MiB that the gateway may grow by, whatever a candidate sends: sixteen copies at a time, each bounded.
const GROWTH: u64 = 96;

fn config(legacy: &Fake, app: SocketAddr, shadow: &str) -> String {
    mirrored(legacy, app, "store/cutover.db", shadow)
}

/// A folder with a config in it, and another one for the store.
fn prepared(name: &str, yaml: &str) -> PathBuf {
    let folder = folder(name);
    std::fs::create_dir(folder.join("store")).unwrap();
    std::fs::write(folder.join("cutover.yaml"), with_ports(yaml)).unwrap();
    folder
}

/// The agent that answers clients. Its connections close behind an answer, and say so: what is told of clients here is
/// about mirrors, not about connections that close unannounced.
async fn legacy() -> Fake {
    let closing = |answer: Vec<u8>| {
        let answer = String::from_utf8(answer).unwrap();
        vec![Step::Write(answer.replacen("\r\n", "\r\nconnection: close\r\n", 1).into_bytes())]
    };
    Fake::with(move |body| match body.contains("\"stream\":true") {
        true => closing(chunked(says::frames("chat_agent", says::Act::Text).concat().as_bytes(), true)),
        false => closing(plain(200, "application/json", &says::plain("chat_agent", says::Act::Text))),
    })
    .await
}

/// Asks so many times, some at once; every answer is whole, right and in time.
async fn clients(process: &Process, times: usize, question: &str) {
    let ask = async |number: usize| {
        let stream = number.is_multiple_of(2);
        let body = json!({"model": "agent", "input": question, "stream": stream}).to_string();
        let begun = Instant::now();
        let answer = process.client().post("/v1/responses", body).await;
        let said = match stream {
            true => says::understand_stream("responses", &answer),
            false => says::understand_plain("responses", &answer),
        };
        assert!(said.complete && said.text == says::TEXT, "{}", answer.text());
        assert!(begun.elapsed() < NOTICED, "a client waited {:?}", begun.elapsed());
    };
    for number in 0..times.div_ceil(4) {
        tokio::join!(ask(number * 4), ask(number * 4 + 1), ask(number * 4 + 2), ask(number * 4 + 3));
    }
}

/// What the report says of requests, in order: all, those that were compared, and those on which the candidate failed.
fn reported(process: &Process) -> (u64, u64, u64) {
    let report = process.report();
    let number = |value: &Value| value.as_u64().unwrap();
    (
        number(&report["funnel"]["requests"]),
        number(&report["tally"]["exchanges"]),
        report["tally"]["measures"]["outcome"]["different"].as_u64().unwrap_or(0),
    )
}

/// A candidate that does this with every copy. Every client is served, every request is counted, every copy that went out
/// and came to nothing is a difference, and memory stays where it was.
async fn unnoticed(name: &str, steps: Vec<Step>, fails: bool) {
    let (legacy, app) = (legacy().await, Fake::start(steps).await);
    at(name, &legacy, app.address, fails).await;
    assert!(!app.seen().is_empty(), "{name}: the candidate was never asked");
}

async fn at(name: &str, legacy: &Fake, app: SocketAddr, fails: bool) {
    let shadow = "deadline: 1s, limits: { per_second: 10000 }";
    let mut process = Process::serve(prepared(&format!("bad-{name}"), &config(legacy, app, shadow))).await;
    clients(&process, 4, "hi").await;
    let before = process.peak_memory();
    clients(&process, 36, "hi").await;
    process.signal("TERM");
    // The last copies have a moment, and no more than that.
    let (begun, grown) = (Instant::now(), process.peak_memory() - before);
    assert_eq!(process.ended().await, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(12), "{name}: it took {:?} to stop", begun.elapsed());
    let (requests, compared, failed) = reported(&process);
    assert_eq!(requests, 40, "{name}");
    assert!(compared > 0, "{name}: nothing was compared");
    assert_eq!(failed, if fails { compared } else { 0 }, "{name}: of {compared}");
    assert!(grown < GROWTH, "{name}: it grew by {grown} MiB");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn whatever_copies_take_clients_go_first() {
    let (legacy, app) = (legacy().await, legacy().await);
    let process = Process::serve(prepared("shadow-first", &config(&legacy, app.address, ""))).await;
    clients(&process, 4, "hi").await;
    until(async || process.report()["judgement"]["exchanges"] == 4).await;
    let (copies, own) = (process.niceness("shadow"), process.niceness("cutover"));
    assert!(!copies.is_empty() && copies.iter().all(|nice| *nice == 19), "{copies:?}");
    assert!(!own.is_empty() && own.iter().all(|nice| *nice < 19), "{own:?}");
}

#[tokio::test]
async fn a_candidate_that_is_down() {
    let mut app = Fake::start(Vec::new()).await;
    app.down().await;
    at("down", &legacy().await, app.address, true).await;
}

#[tokio::test]
async fn a_candidate_that_hangs() {
    unnoticed("hung", vec![Step::Hang], true).await;
    unnoticed("hung-inside", vec![Step::Write(chunked(b"data: {}\n\n", false)), Step::Hang], true).await;
}

#[tokio::test]
async fn a_candidate_that_is_slow() {
    // A connection that closes behind an answer is said to: the next copy must not be sent on it.
    let body = says::plain("responses", says::Act::Text);
    let answer = plain(200, "application/json\r\nconnection: close", &body);
    let (head, rest) = answer.split_at(answer.len() / 2);
    let steps = vec![
        Step::Wait(Duration::from_millis(200)),
        Step::Write(head.to_vec()),
        Step::Wait(Duration::from_millis(200)),
        Step::Write(rest.to_vec()),
    ];
    unnoticed("slow", steps, false).await;
}

#[tokio::test]
async fn a_candidate_that_resets() {
    unnoticed("reset", vec![Step::Reset], true).await;
    let delta = b"data: {\"type\":\"response.output_text.delta\",\"item_id\":\"x\",\"delta\":\"Hel\"}\n\n";
    unnoticed("reset-inside", vec![Step::Write(chunked(delta, false)), Step::Reset], true).await;
}

#[tokio::test]
async fn a_candidate_that_sends_garbage() {
    let noise: Vec<u8> = (0..200_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    unnoticed("garbage", vec![Step::Write(noise.clone())], true).await;
    let body = [b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 200000\r\n\r\n", &noise[..]];
    unnoticed("garbage-json", vec![Step::Write(body.concat())], true).await;
    unnoticed("garbage-frames", vec![Step::Write(chunked(&noise, true))], true).await;
    let chunk = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\nzzz\r\n";
    unnoticed("garbage-chunks", vec![Step::Write(chunk.to_vec())], true).await;
}

fn chunk(text: &str) -> Vec<u8> {
    let text = text.repeat((64 << 10) / text.len());
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

#[tokio::test]
async fn a_candidate_that_sends_a_gigabyte() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1073741824\r\n\r\n";
    unnoticed("gigabyte", vec![Step::Write(head.to_vec()), Step::Flood(vec![b' '; 64 << 10])], true).await;
    let delta = "data: {\"type\":\"response.output_text.delta\",\"item_id\":\"x\",\"delta\":\"0123456789abcdef\"}\n\n";
    let steps = vec![Step::Write(chunked(b"", false)), Step::Flood(chunk(delta))];
    unnoticed("gigabyte-stream", steps, true).await;
    let steps = vec![Step::Write(chunked(b"", false)), Step::Flood(chunk("data: no line end "))];
    unnoticed("gigabyte-line", steps, true).await;
}

#[tokio::test]
async fn a_candidate_that_never_ends() {
    let frame = |text: &str| {
        let text = format!("{:x}\r\n{text}\r\n", text.len()).into_bytes();
        std::iter::repeat_n([Step::Write(text), Step::Wait(Duration::from_millis(50))], 200).flatten()
    };
    let delta = "data: {\"type\":\"response.output_text.delta\",\"item_id\":\"x\",\"delta\":\"on \"}\n\n";
    for (name, text) in [("endless", delta), ("endless-comments", ": still there\n\n")] {
        let steps = std::iter::once(Step::Write(chunked(b"", false))).chain(frame(text)).collect();
        unnoticed(name, steps, true).await;
    }
}

#[tokio::test]
async fn what_is_too_large_is_not_copied_and_counted() {
    let app = Fake::json(200, &says::plain("responses", says::Act::Text)).await;
    let said = says::plain("chat_agent", says::Act::Text);
    for (name, limits, question, said) in [
        ("request", "body: 8KiB", "x".repeat(100_000), said.clone()),
        ("answer", "answer: 1KiB", "long".to_owned(), said.replace("wörld", &"w".repeat(9_000))),
    ] {
        let legacy = Fake::json(200, &said).await;
        let shadow = format!("limits: {{ per_second: 10000, {limits} }}");
        let yaml = config(&legacy, app.address, &shadow);
        let mut process = Process::serve(prepared(&format!("large-{name}"), &yaml)).await;
        for _ in 0..3 {
            let body = json!({"model": "agent", "input": question}).to_string();
            assert_eq!(process.client().post("/v1/responses", body).await.status, 200);
        }
        let counter = r#"cutover_shadow_requests_total{fate="too_large",route="agent",why=""}"#;
        assert_eq!(process.metric(counter).await, Some(3.0), "{name}");
        process.signal("TERM");
        assert_eq!(process.ended().await, Some(0));
        assert_eq!(reported(&process), (3, 0, 0), "{name}");
    }
    assert!(app.seen().is_empty());
}

/// A disk of two mebibytes; unmounted with the test. Without the right to mount there is none.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        let mut command = Command::new("mount");
        let mounted = command.args(["-t", "tmpfs", "-o", "size=2m", "none"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(at.to_owned()))
    }

    fn grow(&self) {
        let grown = Command::new("mount").args(["-o", "remount,size=256m"]).arg(&self.0).status().unwrap();
        assert!(grown.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

async fn until(mut look: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !look().await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), looking).await.expect("it within 30 s");
}

#[tokio::test]
async fn a_store_on_a_full_disk_costs_records_and_no_client() {
    let (legacy, app) = (legacy().await, Fake::json(200, &says::plain("responses", says::Act::Text)).await);
    let yaml = config(&legacy, app.address, "record: { mode: full }, limits: { per_second: 10000 }");
    let folder = prepared("full-disk", &yaml);
    let disk = SmallDisk::mount(&folder.join("store"));
    // Without a disk that is full, no file may have more than a mebibyte.
    let mut command = Command::new("sh");
    let limit = if disk.is_some() { "" } else { "trap '' XFSZ; ulimit -f 2048;" };
    command.arg("-c").arg(format!("{limit} exec \"$0\" \"$@\"")).arg(env!("CARGO_BIN_EXE_cutover"));
    let mut process = Process::serve_by(command, folder).await;
    let question = "why? ".repeat(20_000);
    for _ in 0..3 {
        clients(&process, 12, &question).await;
    }
    until(async || process.metric("cutover_store_lost_total").await.is_some_and(|lost| lost > 0.0)).await;
    clients(&process, 4, "hi").await;
    if let Some(disk) = &disk {
        disk.grow();
        process.signal("TERM");
        assert_eq!(process.ended().await, Some(0));
        // The records of that time are lost; no count is.
        assert_eq!(reported(&process), (40, 40, 0));
    }
    drop((process, disk));
}

#[tokio::test]
async fn a_store_that_is_locked_costs_no_client_and_no_count() {
    let (legacy, app) = (legacy().await, Fake::json(200, &says::plain("responses", says::Act::Text)).await);
    let yaml = config(&legacy, app.address, "limits: { per_second: 10000 }");
    let mut process = Process::serve(prepared("locked", &yaml)).await;
    clients(&process, 4, "hi").await;
    let file = process.folder.join("store/cutover.db");
    until(async || file.exists()).await;
    let other = Connection::open(&file).unwrap();
    other.busy_timeout(Duration::from_secs(10)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    clients(&process, 16, "hi").await;
    // Longer than the store waits for a lock.
    until(async || process.metric("cutover_store_ok").await == Some(0.0)).await;
    clients(&process, 16, "hi").await;
    other.execute_batch("ROLLBACK").unwrap();
    until(async || process.metric("cutover_store_ok").await == Some(1.0)).await;
    clients(&process, 4, "hi").await;
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
    assert_eq!(reported(&process), (40, 40, 0));
}

#[tokio::test]
async fn a_store_that_is_gone_is_made_anew_and_no_client_notices() {
    let (legacy, app) = (legacy().await, Fake::json(200, &says::plain("responses", says::Act::Text)).await);
    let yaml = config(&legacy, app.address, "limits: { per_second: 10000 }");
    let mut process = Process::serve(prepared("gone", &yaml)).await;
    clients(&process, 8, "hi").await;
    let store = process.folder.join("store");
    std::fs::remove_dir_all(&store).unwrap();
    clients(&process, 8, "hi").await;
    process.line("the store's file is gone").await;
    std::fs::create_dir(&store).unwrap();
    clients(&process, 4, "hi").await;
    until(async || store.join("cutover.db").exists()).await;
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
    // What was in the old file is lost with it; what came since it went is not.
    let (requests, compared, failed) = reported(&process);
    assert!((4..=20).contains(&requests) && compared <= requests && failed == 0, "{requests} {compared} {failed}");
}
