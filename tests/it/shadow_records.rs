//! What is kept of mirrored exchanges, that counts outlive the process, and that clients never notice the store.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cutover::config::{self, Config};
use cutover::judge::Tally;
use cutover::report::Report;
use cutover::shadow;
use cutover::store::{Record, Store, Which};
use cutover::telemetry::Metrics;
use serde_json::{Value, json};

use crate::support::{Client, Fake, Gateway, mirrored, says};

/// A folder of one test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cutover-shadow-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("cutover.db")
    }

    /// The store, read beside the gateway that writes it.
    fn store(&self) -> Store {
        let gauges = Metrics::new().unwrap().live.store.clone();
        Store::start(&config::Store::Sqlite(self.file()), gauges).unwrap()
    }

    async fn records(&self) -> Vec<Record> {
        self.store().ask(|kept| kept.records("agent", "app", &Which::After(0), 1_000)).await.unwrap()
    }

    async fn tally(&self) -> Option<Tally> {
        let counted = self.store().ask(|kept| kept.tally("agent", "app")).await.unwrap();
        counted.map(|counted| serde_json::from_str(&counted.tally).unwrap())
    }

    /// The report on a gateway that runs with this config.
    async fn report(&self, yaml: &str) -> Report {
        let yaml = format!("listen: {{ clients: '127.0.0.1:1', admin: '127.0.0.1:2' }}\n{yaml}");
        let config = Config::parse(&yaml, Path::new("."), &|_| None).unwrap();
        let settings = config.routes[0].shadow.as_ref().unwrap().judging.clone();
        let sides = ["legacy", "app"];
        self.store().ask(move |kept| shadow::report(kept, "agent", sides, &settings)).await.unwrap()
    }

    /// Whether these words stand anywhere in the files of the store.
    fn holds(&self, words: &str) -> bool {
        let files = std::fs::read_dir(&self.0).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
        files.into_iter().any(|file| file.windows(words.len()).any(|window| window == words.as_bytes()))
    }

    async fn fates(&self) -> Vec<(String, u64)> {
        let fates = self.store().ask(|kept| kept.fates("agent")).await.unwrap();
        fates.into_iter().map(|fates| (fates.fate, fates.count)).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn config(legacy: &Fake, app: &Fake, store: &Path, more: &str) -> String {
    mirrored(legacy, app.address, store.display(), more)
}

async fn agents() -> (Fake, Fake) {
    let said = |text: &str| json!({"messages": [{"role": "assistant", "content": text, "id": "m"}]}).to_string();
    let legacy = Fake::json(200, &said("Dear Ann Lee, order 1001 ships. Write to help@shop.example.")).await;
    (legacy, Fake::json(200, &says::plain("responses", says::Act::Text)).await)
}

const ASK: &str = r#"{"model":"agent","input":"I am Ann Lee, where is order 1001?"}"#;

async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looking).await.expect("it within 20 s")
}

/// How many requests have been mirrored, and compared.
async fn mirrored_so_far(gateway: &Gateway) -> u64 {
    let text = Client::new(gateway.admin).get("/metrics").await.text();
    let line = text.lines().find(|line| line.contains(r#"fate="mirrored""#)).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

async fn ask(gateway: &Gateway, times: u64) {
    let before = mirrored_so_far(gateway).await;
    for _ in 0..times {
        assert_eq!(gateway.client().header("x-request-id", "abc").post("/v1/responses", ASK).await.status, 200);
    }
    until(async || (mirrored_so_far(gateway).await == before + times).then_some(())).await;
}

#[tokio::test]
async fn a_record_holds_what_the_privacy_mode_lets_it_hold() {
    for mode in ["full", "redacted", "scores"] {
        let (folder, (legacy, app)) = (Folder::new(mode), agents().await);
        let own = if mode == "redacted" { ", redact: [ 'ship[a-z]' ]" } else { "" };
        let more = format!("noise: 100%, record: {{ mode: {mode}{own} }}");
        let gateway = Gateway::start(&config(&legacy, &app, &folder.file(), &more)).await;
        ask(&gateway, 1).await;
        let records = until(async || Some(folder.records().await).filter(|records| records.len() == 1)).await;
        let record = &records[0];
        assert_eq!((record.request_id.as_str(), record.dialect.as_str()), ("abc", "responses"));
        let whole = format!("{record:?}");
        let readable = |text: &str| whole.contains(text);
        match mode {
            "full" => {
                assert_eq!(record.request, ASK);
                let primary: Value = serde_json::from_str(&record.primary).unwrap();
                assert_eq!(primary["items"][0]["text"], "Dear Ann Lee, order 1001 ships. Write to help@shop.example.");
            }
            "redacted" => {
                assert!(readable("where is order <number>?") && readable("Write to <email>."), "{whole}");
                assert!(readable("<redacted>") && !record.again.is_empty(), "{whole}");
                assert!(!readable("Ann Lee") && !readable("1001") && !readable("help@"), "{whole}");
            }
            _ => {
                assert!(!readable("1001") && !readable("ships") && !readable("Hello"), "{whole}");
                assert!(record.request.is_empty() && record.primary.is_empty() && record.answer.is_empty());
            }
        }
        // Nor anywhere else on the disk: not in the log before the database, not in another table.
        for (words, allowed) in
            [("Ann Lee", "full"), ("order 1001", "full"), ("help@", "full"), ("where is", "full redacted")]
        {
            assert_eq!(folder.holds(words), allowed.contains(mode), "`{words}` in the files of the store, {mode}");
        }
        let comparison: Value = serde_json::from_str(&record.comparison).unwrap();
        assert_eq!(comparison["outcome"]["outcome"], "same", "{comparison}");
    }
}

#[tokio::test]
async fn counts_and_budgets_outlive_the_process() {
    let (folder, (legacy, app)) = (Folder::new("outlive"), agents().await);
    let yaml = config(&legacy, &app, &folder.file(), "noise: 100%, budget: { requests: 8 }");
    for round in 1..=2 {
        let gateway = Gateway::start(&yaml).await;
        // What was spent before is known a moment after the start.
        until(async || folder.store().ask(|kept| kept.fates("agent")).await.ok()).await;
        ask(&gateway, 2).await;
        gateway.stop();
        gateway.stopped().await;
        let tally = folder.tally().await.unwrap();
        assert_eq!((tally.exchanges, tally.twins), (2 * round, 2 * round));
        assert_eq!(folder.fates().await, [("mirrored".to_owned(), 2 * round)]);
        // How it went is kept as well: at least the first counts, and those after the restart.
        let moments = folder.store().ask(|kept| kept.moments("agent", "app")).await.unwrap();
        assert_eq!(moments.last().map(|moment| moment.exchanges), Some(2 * round), "{moments:?}");
    }
    // Two requests and their noise in each round: the day's eight are used up.
    let gateway = Gateway::start(&yaml).await;
    until(async || {
        gateway.client().post("/v1/responses", ASK).await;
        let text = Client::new(gateway.admin).get("/metrics").await.text();
        text.lines().any(|line| line.contains(r#"fate="over_budget""#) && !line.ends_with(" 0")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_store_that_cannot_be_had_costs_no_client_and_no_count() {
    let (folder, (legacy, app)) = (Folder::new("gone"), agents().await);
    let missing = folder.0.join("not there yet");
    let gateway = Gateway::start(&config(&legacy, &app, &missing.join("cutover.db"), "record: { mode: full }")).await;
    ask(&gateway, 3).await;
    // The folder comes, and with it the store: counts have waited for it, records have not.
    std::fs::create_dir(&missing).unwrap();
    let store =
        Store::start(&config::Store::Sqlite(missing.join("cutover.db")), Metrics::new().unwrap().live.store.clone());
    let store = store.unwrap();
    let tally = until(async || store.ask(|kept| kept.tally("agent", "app")).await.ok().flatten()).await;
    let tally: Tally = serde_json::from_str(&tally.tally).unwrap();
    assert_eq!(tally.exchanges, 3);
    let metrics = Client::new(gateway.admin).get("/metrics").await.text();
    let lost = metrics.lines().find_map(|line| line.strip_prefix("cutover_store_lost_total ")).unwrap();
    assert!(lost.parse::<u64>().unwrap() >= 3, "{lost}");
}

#[tokio::test]
async fn an_explained_difference_is_counted_apart_and_told_and_another_one_is_not() {
    let legacy = Fake::json(200, &says::plain("chat_agent", says::Act::Call)).await;
    for (city, explained) in [("Rome", 3), ("Oslo", 0)] {
        let folder = Folder::new(&format!("explained-{city}"));
        let app = Fake::json(200, &says::plain("responses", says::Act::Call).replace("Paris", city)).await;
        let known =
            "{ measure: tool_arguments, path: weather.city, value: Rome, reason: the new default, until: 2999-12-31 }";
        let over = "{ measure: tool_arguments, path: weather.*, reason: it was so, until: 2020-01-01 }";
        let yaml = config(&legacy, &app, &folder.file(), &format!("explained: [ {known}, {over} ]"));
        let gateway = Gateway::start(&yaml).await;
        ask(&gateway, 3).await;
        gateway.stop();
        gateway.stopped().await;
        let report = folder.report(&yaml).await;
        let counts = &report.tally.measures["tool_arguments"];
        assert_eq!((counts.compared, counts.explained, counts.different), (3, explained, 3 - explained), "{city}");
        let told: Vec<_> = report.explained.iter().map(|known| (known.times, known.expired)).collect();
        assert_eq!(told, [(explained, false), (0, true)], "what has expired explains nothing");
        for text in [report.terminal(false), report.markdown(), report.html()] {
            assert!(text.contains("the new default") && text.contains("2999-12-31"), "{text}");
            assert!(text.contains("expired") && text.contains("2020-01-01"), "{text}");
        }
        assert_eq!(report.judgement.measures.iter().map(|judged| judged.explained).sum::<u64>(), explained);
        // Both sides said what they took.
        assert_eq!(report.tally.cost.counted, 3);
        assert!(report.markdown().contains("## Cost") && report.html().contains("<h2>Cost</h2>"));
    }
}
