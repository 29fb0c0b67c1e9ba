//! Everything changes under load, and nobody notices.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use super::config;
use crate::support::says::{self, Act};
use crate::support::{Client, Fake, Process, Step, chunked, plain};

/// How soon every new request must follow a change.
const SOON: Duration = Duration::from_secs(1);

/// Time between two changes: longer than what must be seen of each.
const PAUSE: Duration = Duration::from_millis(1_400);

/// A backend that answers plainly, or with a stream that takes a third of a second, and keeps its connections.
async fn fake() -> Fake {
    let frames = says::frames("responses", Act::Text);
    Fake::kept(move |body| {
        if !body.contains("\"stream\":true") {
            return vec![Step::Write(plain(200, "application/json", &says::plain("responses", Act::Text)))];
        }
        let mut steps = vec![Step::Write(chunked(b"", false))];
        for frame in &frames {
            steps.push(Step::Write(format!("{:x}\r\n{frame}\r\n", frame.len()).into_bytes()));
            steps.push(Step::Wait(Duration::from_millis(330) / u32::try_from(frames.len()).unwrap()));
        }
        steps.push(Step::Write(b"0\r\n\r\n".to_vec()));
        steps
    })
    .await
}

/// One answered request: when it began and ended, who answered, and what was wrong with it.
type Seen = (Instant, Instant, String, Option<String>);

/// Asks again and again until told to stop.
async fn ask(client: Client, stream: bool, stop: Arc<AtomicBool>, seen: Arc<Mutex<Vec<Seen>>>, open: Arc<AtomicUsize>) {
    let body = json!({"model": "agent", "input": "hi", "stream": stream}).to_string();
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        open.fetch_add(usize::from(stream), Ordering::Relaxed);
        let answer = client.post("/v1/responses", &body).await;
        open.fetch_sub(usize::from(stream), Ordering::Relaxed);
        let understood = |answer| match stream {
            true => says::understand_stream("responses", answer),
            false => says::understand_plain("responses", answer),
        };
        let whole = answer.status == 200 && answer.whole && understood(&answer).complete;
        let wrong = (!whole).then(|| format!("{} {}", answer.status, answer.text()));
        let backend = answer.header("x-cutover-backend").unwrap_or_default().to_owned();
        seen.lock().unwrap().push((begun, Instant::now(), backend, wrong));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_reloads_and_ten_changes_of_weights_under_load_fail_nothing_and_are_followed_within_a_second() {
    let (legacy, app) = (fake().await, fake().await);
    let text = |split: &str| config(&legacy, &app, split, "");
    let process = Process::start("load", &text("{ legacy: 100, app: 0 }")).await;
    let (stop, seen, open) = (Arc::new(AtomicBool::new(false)), Arc::default(), Arc::new(AtomicUsize::new(0)));
    let workers: Vec<_> = (0..8)
        .map(|n| {
            let (stop, seen, open) = (Arc::clone(&stop), Arc::clone(&seen), Arc::clone(&open));
            tokio::spawn(ask(process.client(), n % 2 == 0, stop, seen, open))
        })
        .collect();

    // (when it was made, who answers since, whether it was a reload, streams that were open then)
    let mut changes = Vec::new();
    let mut ends = Vec::new();
    let put = async |weights: serde_json::Value| {
        let body = json!({"weights": weights, "why": "load test"}).to_string();
        let answer = process.operator().ask("PUT", "/api/v1/routes/support/weights", body.as_bytes()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    for round in 0..13 {
        tokio::time::sleep(PAUSE).await;
        let to = if round % 2 == 0 { "app" } else { "legacy" };
        let reload = matches!(round, 2 | 5 | 10);
        let streams = open.load(Ordering::Relaxed);
        ends.push(Instant::now());
        let made = if reload {
            // The file can only be followed where nothing overrides it.
            let cleared = process.operator().ask("DELETE", "/api/v1/routes/support/weights", b"").await;
            assert_eq!(cleared.status, 200, "{}", cleared.text());
            process.write(&text(if to == "app" { "{ legacy: 0, app: 100 }" } else { "{ legacy: 100, app: 0 }" }));
            Instant::now()
        } else {
            put(json!({to: 100})).await;
            Instant::now()
        };
        changes.push((made, to, reload, streams));
    }
    tokio::time::sleep(PAUSE).await;
    ends.push(Instant::now());
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await.unwrap();
    }

    let seen = std::mem::take(&mut *seen.lock().unwrap());
    let wrong: Vec<_> = seen.iter().filter_map(|(.., wrong)| wrong.as_ref()).collect();
    let mut slowest = [Duration::ZERO; 2];
    for (place, (made, to, reload, streams)) in changes.iter().enumerate() {
        let until = ends[place + 1];
        // Who is still under way at the next change may be sent by either.
        let since: Vec<_> = seen.iter().filter(|(begun, ended, ..)| begun >= made && *ended < until).collect();
        let last_elsewhere =
            since.iter().filter(|(_, _, backend, _)| backend != to).map(|(begun, ..)| *begun - *made).max();
        let followed = last_elsewhere.unwrap_or_default();
        assert!(!since.is_empty() && followed < SOON, "change {place} to {to}: still elsewhere after {followed:?}");
        let slowest = &mut slowest[usize::from(*reload)];
        *slowest = followed.max(*slowest);
        println!("change {place} to {to} (reload: {reload}) with {streams} streams open: followed after {followed:?}");
    }
    println!(
        "{} requests, {} failed; slowest: weights {:?}, reload {:?}",
        seen.len(),
        wrong.len(),
        slowest[0],
        slowest[1]
    );
    assert!(wrong.is_empty(), "{} of {} failed: {wrong:#?}", wrong.len(), seen.len());
    assert!(seen.len() > 200, "only {} requests", seen.len());
    assert!(changes.iter().map(|(.., streams)| streams).sum::<usize>() >= 13, "the changes met hardly any streams");
    assert_eq!(process.metric("cutover_config_reloads_total{result=\"applied\"}").await, Some(3.0));
}
