//! The config file changes while it runs: seen however it is written, taken whole, and nobody is cut off.

use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use super::{ASK, backend, config};
use crate::support::says::{self, Act};
use crate::support::{Fake, Process, Step, chunked, folder, with_ports};

async fn fake() -> Fake {
    Fake::json(200, &says::plain("responses", Act::Text)).await
}

/// Waits until requests go to this backend.
async fn until(process: &Process, name: &str) -> Duration {
    let begun = Instant::now();
    while backend(process).await != name {
        assert!(begun.elapsed() < Duration::from_secs(20), "never went to {name}: {:#?}", process.lines());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    begun.elapsed()
}

#[tokio::test]
async fn a_config_map_that_kubernetes_swaps_is_seen() {
    let (legacy, app) = (fake().await, fake().await);
    let text = |split: &str| with_ports(&config(&legacy, &app, split, "store: none\n"));
    // As the kubelet lays it out: the file is a link into `..data`, which is a link to a folder with a date.
    let mount = folder("kubernetes");
    let data = |date: &str, split: &str| {
        std::fs::create_dir(mount.join(date)).unwrap();
        std::fs::write(mount.join(date).join("cutover.yaml"), text(split)).unwrap();
        symlink(date, mount.join("..data_tmp")).unwrap();
        std::fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    };
    data("..2026_11_26_01", "{ legacy: 100, app: 0 }");
    symlink("..data/cutover.yaml", mount.join("cutover.yaml")).unwrap();
    let process = Process::serve(mount.clone()).await;
    assert_eq!(backend(&process).await, "legacy");
    data("..2026_11_26_02", "{ legacy: 0, app: 100 }");
    std::fs::remove_dir_all(mount.join("..2026_11_26_01")).unwrap();
    let took = until(&process, "app").await;
    println!("followed {took:?} after the swap");
    data("..2026_11_26_03", "{ legacy: 100, app: 0 }");
    until(&process, "legacy").await;
}

#[tokio::test]
async fn every_way_of_writing_the_file_is_seen_and_a_bad_file_changes_a_gauge_and_a_line_only() {
    let (legacy, app) = (fake().await, fake().await);
    let to_legacy = config(&legacy, &app, "{ legacy: 100, app: 0 }", "");
    let to_app = config(&legacy, &app, "{ legacy: 0, app: 100 }", "");
    let process = Process::start("written", &to_legacy).await;
    let info = |text: &str| {
        let revision = cutover::auth::hex(&cutover::auth::digest(text));
        format!("cutover_config_info{{revision=\"{}\"}}", &revision[..12])
    };
    assert_eq!(process.metric("cutover_config_ok").await, Some(1.0));
    assert_eq!(process.metric(&info(&with_ports(&to_legacy))).await, Some(1.0));

    // Renamed over, as editors do.
    process.write(&to_app);
    until(&process, "app").await;
    assert_eq!(process.metric(&info(&with_ports(&to_app))).await, Some(1.0));
    assert_eq!(process.metric(&info(&with_ports(&to_legacy))).await, None);
    // In place, as `cp` does.
    std::fs::write(process.file(), with_ports(&to_legacy)).unwrap();
    until(&process, "legacy").await;

    let applied = process.metric("cutover_config_applied_timestamp_seconds").await.unwrap();
    process.write(&to_app.replace("{ legacy: 0", "{ legasy: 0"));
    let line = process.line("the config was not reloaded").await;
    assert!(line.contains("did you mean `legacy`"), "{line}");
    assert_eq!(process.metric("cutover_config_ok").await, Some(0.0));
    assert_eq!(process.metric("cutover_config_reloads_total{result=\"refused\"}").await, Some(1.0));
    assert_eq!(process.metric("cutover_config_applied_timestamp_seconds").await, Some(applied));
    assert_eq!(process.metric(&info(&with_ports(&to_legacy))).await, Some(1.0), "what is in force");
    assert_eq!(backend(&process).await, "legacy");

    // Gone, and back.
    std::fs::remove_file(process.file()).unwrap();
    process.line("cannot be read").await;
    assert_eq!(backend(&process).await, "legacy");
    process.write(&to_app);
    until(&process, "app").await;
    assert_eq!(process.metric("cutover_config_ok").await, Some(1.0));
}

#[tokio::test]
async fn what_cannot_change_while_it_runs_is_said() {
    let (legacy, app) = (fake().await, fake().await);
    let text = config(&legacy, &app, "{ legacy: 100, app: 0 }", "");
    let process = Process::start("fixed", &text).await;
    let other = format!("limits: {{ connections: 7 }}\n{text}store: none\n").replace("{ legacy: 100", "{ legacy: 1");
    std::fs::write(process.file(), format!("listen: {{ clients: '127.0.0.1:1', admin: '127.0.0.1:0' }}\n{other}"))
        .unwrap();
    process.line("the config was reloaded").await;
    for what in ["listen.clients", "limits.connections", "store"] {
        process.line(&format!("{what} cannot change while we run")).await;
    }
    assert!(!process.lines().iter().any(|line| line.contains("listen.admin cannot change")));
    assert_eq!(backend(&process).await, "legacy");
}

#[tokio::test]
async fn a_reload_that_takes_a_backend_away_lets_its_streams_finish_and_its_series_go() {
    let frames = says::frames("responses", Act::Text);
    let (first, rest) = (frames[..1].concat(), frames[1..].concat());
    let mut steps = vec![Step::Write(chunked(first.as_bytes(), false)), Step::Wait(Duration::from_millis(1_500))];
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    steps.push(Step::Write(format!("{}0\r\n\r\n", chunk(&rest)).into_bytes()));
    let (legacy, app) = (Fake::start(steps).await, fake().await);
    let text = config(&legacy, &app, "{ legacy: 100, app: 0 }", "");
    let process = Process::start("taken", &text).await;
    let ask = r#"{"model":"agent","input":"hi","stream":true}"#;
    let client = process.client();
    let stream = tokio::spawn(async move { client.post("/v1/responses", ask).await });
    while legacy.seen().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let without: Vec<_> = text.lines().filter(|line| !line.starts_with("  legacy:")).collect();
    process.write(
        &without.join("\n").replace("{ legacy: 100, app: 0 }", "{ app: 1 }").replace("name: support", "name: help"),
    );
    process.line("the config was reloaded").await;
    assert_eq!(process.client().post("/v1/responses", ASK).await.header("x-cutover-backend"), Some("app"));
    assert!(!stream.is_finished(), "the stream is still coming");
    let answer = stream.await.unwrap();
    let told = says::understand_stream("responses", &answer);
    assert!(answer.whole && told.complete && !told.error, "{}", answer.text());
    // Its last numbers are scraped once, and then it is gone.
    let series = "cutover_requests_total{backend=\"legacy\",outcome=\"complete\",route=\"support\"}";
    assert_eq!(process.metric(series).await, Some(1.0));
    assert_eq!(process.metric(series).await, None, "a stale series");
    for series in [
        r#"cutover_in_flight{backend="legacy",route="support"}"#,
        r#"cutover_breaker_state{backend="legacy"}"#,
        r#"cutover_retries_total{backend="legacy",reason="connect"}"#,
        r#"cutover_fallbacks_total{reason="connect",route="support"}"#,
        r#"cutover_split_mismatch{counted="requests",route="support"}"#,
        r#"cutover_conversations_alive{backend="legacy",route="support"}"#,
    ] {
        assert_eq!(process.metric(series).await, None, "{series}");
        let now = series.replace("legacy", "app").replace("support", "help");
        assert_eq!(process.metric(&now).await, Some(0.0), "{now}");
    }
}
