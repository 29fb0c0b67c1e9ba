//! `cutover replay` from its command line: every kind of line, broken ones, marks and names, a rate, and going on after an
//! interruption.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Fake, Gateway, Step, folder, plain, says};

/// A folder with a config and a recording, and what is behind the config.
struct Bench {
    folder: PathBuf,
    legacy: Fake,
    app: Fake,
}

impl Bench {
    /// Both agents say the same.
    async fn new(name: &str, shadow: &str) -> Self {
        Self::with(name, shadow, Fake::json(200, &says::plain("responses", says::Act::Text)).await).await
    }

    async fn with(name: &str, shadow: &str, app: Fake) -> Self {
        let bench = Self {
            folder: folder(&format!("replay-{name}")),
            legacy: Fake::json(200, &says::plain("chat_agent", says::Act::Text)).await,
            app,
        };
        std::fs::write(bench.config(), bench.yaml(shadow)).unwrap();
        bench
    }

    fn yaml(&self, shadow: &str) -> String {
        format!(
            "listen: {{ clients: '127.0.0.1:0', admin: '127.0.0.1:0' }}
auth: anonymous
backends:
  legacy: {{ url: 'http://{}/invocations', dialect: chat_agent, credential: none }}
  app: {{ url: 'http://{}/responses', dialect: responses, credential: none }}
routes:
  - name: agent
    match: {{ model: agent }}
    split: {{ legacy: 1 }}
    shadow: {{ to: app, sample: 100%, record: {{ mode: full }}, limits: {{ per_second: 1000 }}, {shadow} }}
store: 'sqlite:{}'
",
            self.legacy.address,
            self.app.address,
            self.folder.join("cutover.db").display()
        )
    }

    fn config(&self) -> PathBuf {
        self.folder.join("cutover.yaml")
    }

    /// Writes the recording.
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, file: &Path, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
        command.arg("replay").arg(file).args(["--route", "agent", "--form", "json", "--config"]).arg(self.config());
        command.args(more).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    async fn run(&self, file: &Path, more: &[&str]) -> Ran {
        ended(self.command(file, more).spawn().unwrap()).await
    }

    /// How often the candidate was asked each question.
    fn asked(&self) -> BTreeMap<String, usize> {
        let mut asked = BTreeMap::new();
        for seen in self.app.seen() {
            *asked.entry(seen.json()["input"][0]["content"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        asked
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// What became of a run.
struct Ran {
    code: Option<i32>,
    report: Value,
    said: String,
}

async fn ended(child: Child) -> Ran {
    // The fakes live in this thread.
    let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    Ran { code: output.status.code(), report, said }
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap().success());
}

/// How many exchanges, and in how many of them a measure differs.
fn differing(report: &Value, measure: &str) -> (u64, u64) {
    let count = |value: &Value| value.as_u64().unwrap();
    (count(&report["tally"]["exchanges"]), count(&report["tally"]["measures"][measure]["different"]))
}

/// A file of lines.
fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.flat_map(|line| [line, "\n".to_owned()]).collect()
}

/// A recording of many requests.
fn many(count: usize) -> String {
    lines((0..count).map(|number| json!({"input": format!("question {number}")}).to_string()))
}

#[tokio::test]
async fn every_kind_of_line_is_read_and_broken_ones_are_passed_over() {
    let bench = Bench::new("kinds", "side_effects: none").await;
    let recorded = says::plain("chat_agent", says::Act::Text);
    let lines = [
        json!({"input": "bare"}).to_string(),
        json!({"messages": [{"role": "user", "content": "chat"}]}).to_string(),
        "{ broken".to_owned(),
        json!({"dataframe_records": [{"query": "wrapped"}]}).to_string(),
        String::new(),
        json!({"request": {"input": "row"}, "response": recorded, "status_code": 200, "databricks_request_id": "r-1"})
            .to_string(),
        json!({"request": "{\"input\":\"failed\"}", "response": null, "status_code": 503}).to_string(),
        json!({"inputs": {"input": "pair"}, "outputs": {"response": "?"}, "expectations": {"expected_response": "Other"}})
            .to_string(),
        json!({"foo": 1}).to_string(),
        json!({"input": "goes on", "previous_response_id": "resp_1"}).to_string(),
    ];
    let file = bench.file("requests.jsonl", &lines.join("\n"));
    let Ran { code, report, said } = bench.run(&file, &[]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("requests.jsonl:3: is not a JSON object"), "{said}");
    assert!(said.contains("requests.jsonl:9: the request has none of `input`"), "{said}");
    assert!(said.contains("9 lines: 6 compared, 1 not sent (state_elsewhere), 2 broken (lines 3, 9)"), "{said}");
    assert_eq!(report["funnel"]["requests"], 9);
    assert_eq!(report["funnel"]["left_out"], json!([["not sent: state elsewhere", 1], ["broken lines", 2]]));
    // One says something else than was recorded; where a failure was recorded there is no text to compare.
    assert_eq!(differing(&report, "text_words"), (6, 1));
    assert_eq!(report["tally"]["measures"]["outcome"]["reverse"], 1);
    assert_eq!(bench.asked().len(), 6);
    // Only where no answer was recorded.
    assert_eq!(bench.legacy.seen().len(), 3);
    assert!(!bench.folder.join("requests.jsonl.agent.progress").exists());
    let both = bench.run(&file, &["--ask-primary"]).await;
    assert_eq!(differing(&both.report, "text_words"), (6, 0));
    assert_eq!(bench.legacy.seen().len(), 9);
}

#[tokio::test]
async fn a_table_is_read_as_csv() {
    let bench = Bench::new("csv", "side_effects: none").await;
    let table = "databricks_request_id,status_code,request,response,execution_duration_ms
r-1,200,\"{\"\"input\"\": \"\"one,\ntwo\"\"}\",\"{\"\"messages\"\":[{\"\"role\"\":\"\"assistant\"\",\"\"content\"\":\"\"Hello there, wörld\"\"}]}\",12
r-2,200,\"{\"\"input\"\": \"\"three\"\"}\",null,
r-3,200,,,
";
    let table = table.replace("one,\n", "one,\\n");
    let Ran { code, report, said } = bench.run(&bench.file("payload.csv", &table), &[]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("payload.csv:4: has nothing in the column `request`"), "{said}");
    assert_eq!(differing(&report, "text_exact"), (2, 0));
    let ids: BTreeSet<_> = bench.app.seen().iter().filter_map(|seen| seen.header("x-request-id")).collect();
    assert_eq!(ids.into_iter().collect::<Vec<_>>(), ["replay:r-1", "replay:r-2"]);
    let nothing = bench.run(&bench.file("other.csv", "a,b\n1,2\n"), &[]).await;
    assert_eq!(nothing.code, Some(2));
    assert!(nothing.said.contains("the table has no column `request`; there are: a, b"), "{}", nothing.said);
}

#[tokio::test]
async fn what_a_report_exports_can_be_replayed() {
    let bench = Bench::new("export", "side_effects: none").await;
    {
        let gateway = Gateway::start(&std::fs::read_to_string(bench.config()).unwrap()).await;
        for number in 0..4 {
            for (path, field) in [("/v1/responses", "input"), ("/v1/chat/completions", "messages")] {
                let said = json!([{"role": "user", "content": format!("question {number}")}]);
                let answer = gateway.client().post(path, json!({"model": "agent", field: said}).to_string()).await;
                assert_eq!(answer.status, 200);
            }
        }
        gateway.stop();
        gateway.stopped().await;
    }
    let (asked, file) = (bench.legacy.seen().len(), bench.folder.join("pairs.jsonl"));
    let exported = Command::new(env!("CARGO_BIN_EXE_cutover"))
        .args(["report", "agent", "--form", "json", "--export"])
        .arg(&file)
        .arg("--config")
        .arg(bench.config())
        .output()
        .unwrap();
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let lines = std::fs::read_to_string(&file).unwrap();
    assert_eq!(lines.lines().count(), 8, "{lines}");
    let Ran { code, report, said } = bench.run(&file, &[]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("8 lines: 8 compared"), "{said}");
    assert_eq!(differing(&report, "text_exact"), (8, 0));
    // Against what was recorded.
    assert_eq!(bench.legacy.seen().len(), asked);
}

#[tokio::test]
async fn marks_and_names_are_found_inside_a_wrapping() {
    let shadow = "side_effects: marked, safe: { body: { custom_inputs.mode: read } }";
    let bench = Bench::new("wrapped", shadow).await;
    let row = |mode: &str| json!({"query": "hi", "custom_inputs": {"mode": mode, "thread_id": "live-7"}});
    let requests = [
        json!({"dataframe_records": [row("read")]}),
        json!({"dataframe_records": [row("write")]}),
        json!({"inputs": row("read")}),
        json!({"input": "hi", "custom_inputs": {"mode": "read", "thread_id": "live-7"}}),
        json!({"input": "hi"}),
    ];
    let lines = lines(requests.iter().map(ToString::to_string));
    let Ran { code, report, said } = bench.run(&bench.file("requests.jsonl", &lines), &[]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("5 lines: 3 compared, 2 not sent (unmarked)"), "{said}");
    assert_eq!(report["tally"]["exchanges"], 3);
    assert_eq!(bench.app.seen().len(), 3);
    for copy in bench.app.seen() {
        assert_eq!(copy.json()["custom_inputs"]["thread_id"], "replay:live-7", "{}", copy.body);
        assert!(!copy.body.contains("\"live-7"), "{}", copy.body);
    }
}

#[tokio::test]
async fn a_rate_is_kept() {
    let bench = Bench::new("rate", "side_effects: none").await;
    let begun = Instant::now();
    let ran = bench.run(&bench.file("requests.jsonl", &many(11)), &["--rate", "10"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    assert!(begun.elapsed() >= Duration::from_secs(1), "11 requests in {:?}", begun.elapsed());
}

/// A candidate that takes its time, so that there is a half-way.
async fn slow() -> Fake {
    let answer = plain(200, "application/json", &says::plain("responses", says::Act::Text));
    Fake::start(vec![Step::Wait(Duration::from_millis(100)), Step::Write(answer)]).await
}

async fn until_asked(bench: &Bench, times: usize) {
    let asked = async {
        while bench.app.seen().len() < times {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asked).await.expect("the candidate was asked within 20 s");
}

#[tokio::test]
async fn after_an_interruption_no_line_is_sent_twice_and_none_is_left_out() {
    let bench = Bench::with("interrupted", "side_effects: none", slow().await).await;
    let file = bench.file("requests.jsonl", &format!("{}nope\n", many(60)));
    for round in 1..=2 {
        let child = bench.command(&file, &["--rate", "25"]).spawn().unwrap();
        until_asked(&bench, round * 15).await;
        signal(&child, if round == 1 { "TERM" } else { "INT" });
        let Ran { code, report, said } = ended(child).await;
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("interrupted; the same command goes on from here"), "{said}");
        let (compared, asked) = (report["tally"]["exchanges"].as_u64().unwrap(), bench.app.seen().len());
        assert!(compared < 60 && compared == asked as u64, "{compared} compared, {asked} asked: {said}");
    }
    let Ran { code, report, said } = bench.run(&file, &["--rate", "100"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("going on after ") && said.contains("61 lines: 60 compared, 1 broken (lines 61)"), "{said}");
    assert_eq!(report["tally"]["exchanges"], 60);
    let asked = bench.asked();
    assert!(asked.len() == 60 && asked.values().all(|times| *times == 1), "{asked:?}");
}

#[tokio::test]
async fn after_a_crash_every_line_counts_once_and_what_is_asked_again_has_the_same_key() {
    let bench = Bench::with("crashed", "side_effects: none", slow().await).await;
    let file = bench.file("requests.jsonl", &many(60));
    let mut child = bench.command(&file, &["--rate", "12"]).spawn().unwrap();
    // It is written down from time to time how far it has come.
    until_asked(&bench, 36).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let Ran { code, report, said } = bench.run(&file, &["--rate", "1000"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("going on after ") && said.contains("60 lines: 60 compared"), "{said}");
    assert_eq!(report["tally"]["exchanges"], 60);
    assert_eq!(bench.asked().len(), 60);
    let mut keys = BTreeMap::<String, Vec<String>>::new();
    for seen in bench.app.seen() {
        keys.entry(seen.header("idempotency-key").unwrap()).or_default().push(seen.body);
    }
    assert_eq!(keys.len(), 60);
    assert!(keys.values().all(|bodies| bodies.iter().all(|body| *body == bodies[0])));
    // Not everything was asked again.
    assert!(bench.app.seen().len() < 90, "{} were asked", bench.app.seen().len());
}

#[tokio::test]
async fn what_cannot_be_is_said_before_anything_is_sent() {
    let bench = Bench::new("wrong", "side_effects: none").await;
    let file = bench.file("requests.jsonl", &many(1));
    for (more, says) in [
        (&["--route", "nope"][..], "no such route; there are: agent"),
        (&["--rate", "0"][..], "0 is not in 1..=100000"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
        command.arg("replay").arg(&file).arg("--config").arg(bench.config()).args(more);
        if !more.contains(&"--route") {
            command.args(["--route", "agent"]);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(says), "{said}");
    }
    let missing = bench.run(&bench.folder.join("none.jsonl"), &[]).await;
    assert_eq!(missing.code, Some(2));
    assert!(missing.said.contains("none.jsonl: No such file"), "{}", missing.said);
    assert!(bench.app.seen().is_empty());
}
