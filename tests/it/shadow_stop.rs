//! When the gateway stops, every request that came is in the report, whatever its copy was waiting for.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Fake, Process, Step, mirrored, plain, says};

const TEXT: &str = r#"{"model":"agent","input":"hi"}"#;

fn config(legacy: &Fake, app: &Fake, shadow: &str) -> String {
    mirrored(legacy, app.address, "cutover.db", shadow)
}

async fn legacy() -> Fake {
    Fake::json(200, &says::plain("chat_agent", says::Act::Text)).await
}

/// A candidate that takes its time.
async fn slow(wait: Duration) -> Fake {
    let answer = plain(200, "application/json", &says::plain("responses", says::Act::Text));
    Fake::start(vec![Step::Wait(wait), Step::Write(answer)]).await
}

async fn ask(process: &Process, times: usize) {
    for _ in 0..times {
        assert_eq!(process.client().post("/v1/responses", TEXT).await.status, 200);
    }
}

/// What the report says when the gateway has stopped: requests, those that were compared, and those that were shed.
fn reported(process: &Process) -> (u64, u64, u64) {
    let report = process.report();
    let shed = report["funnel"]["left_out"].as_array().unwrap().iter().find(|left| left[0] == "shed").unwrap();
    let number = |value: &Value| value.as_u64().unwrap();
    (number(&report["funnel"]["requests"]), number(&report["tally"]["exchanges"]), number(&shed[1]))
}

#[tokio::test]
async fn what_still_waits_is_sent_if_there_is_time() {
    let (legacy, app) = (legacy().await, slow(Duration::from_millis(40)).await);
    let limits = "limits: { concurrency: 2, per_second: 10000 }";
    let mut process = Process::start("stop-drains", &config(&legacy, &app, limits)).await;
    ask(&process, 60).await;
    assert!(app.seen().len() < 60, "nothing waited when it stopped");
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
    assert_eq!(reported(&process), (60, 60, 0));
}

#[tokio::test]
async fn what_gets_no_turn_before_the_end_is_counted_as_shed() {
    let (legacy, app) = (legacy().await, Fake::start(vec![Step::Hang]).await);
    let limits = "limits: { concurrency: 2, per_second: 10000 }";
    let mut process = Process::start("stop-sheds", &config(&legacy, &app, limits)).await;
    ask(&process, 40).await;
    // A mirror that has been replaced still has copies to send: they count as well.
    process.write(&config(&legacy, &app, &format!("{limits}, noise: 1%")));
    process.line("the config was reloaded").await;
    ask(&process, 20).await;
    let begun = Instant::now();
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(15), "it took {:?} to stop", begun.elapsed());
    assert_eq!(reported(&process), (60, 0, 60));
}

/// A gateway that gets no time for a while, as on a machine with too much to do.
async fn stands_still(name: &str, app: &Fake, deadline: &str) -> Process {
    let legacy = legacy().await;
    let mut process = Process::start(name, &config(&legacy, app, &format!("deadline: {deadline}"))).await;
    ask(&process, 1).await;
    while app.seen().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    process.signal("STOP");
    tokio::time::sleep(Duration::from_millis(900)).await;
    process.signal("CONT");
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
    process
}

#[tokio::test]
async fn a_candidate_is_not_late_because_the_gateway_was() {
    let app = slow(Duration::from_millis(60)).await;
    let process = stands_still("stop-late", &app, "10s").await;
    assert_eq!(reported(&process), (1, 1, 0));
    let times = process.report()["tally"]["measures"]["total_time"].clone();
    assert!(times["different"].as_u64().unwrap_or(0) == 0, "{times}");
}

#[tokio::test]
async fn a_deadline_that_ran_out_while_the_gateway_stood_still_is_not_the_candidates_failure() {
    let app = Fake::start(vec![Step::Hang]).await;
    let process = stands_still("stop-deadline", &app, "400ms").await;
    assert_eq!(reported(&process), (1, 0, 1));
}

#[tokio::test]
async fn a_second_signal_ends_the_wait_and_loses_no_count() {
    let (legacy, app) = (legacy().await, Fake::start(vec![Step::Hang]).await);
    let mut process = Process::start("stop-now", &config(&legacy, &app, "limits: { per_second: 10000 }")).await;
    ask(&process, 30).await;
    let begun = Instant::now();
    process.signal("TERM");
    process.line("stopping").await;
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(4), "it took {:?} to stop", begun.elapsed());
    assert_eq!(reported(&process), (30, 0, 30));
}
