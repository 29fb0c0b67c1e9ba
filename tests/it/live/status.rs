//! `cutover status`: what is served now and how it goes, at a glance.

use serde_json::{Value, json};

use super::{ASK, backend, config, cutover};
use crate::support::says::{self, Act};
use crate::support::{Client, Fake, Process};

#[tokio::test]
async fn the_status_shows_weights_traffic_and_what_was_set_for_now() {
    let legacy = Fake::json(200, &says::plain("responses", Act::Text)).await;
    let app = Fake::json(500, "{}").await;
    let process = Process::start("status", &config(&legacy, &app, "{ legacy: 100, app: 0 }", "")).await;
    for _ in 0..5 {
        assert_eq!(backend(&process).await, "legacy");
    }
    let (code, _, err) = cutover(&process, &["weights", "set", "support", "app=100", "--why", "try it"]).await;
    assert_eq!(code, 0, "{err}");
    // Too few for its breaker to open.
    for _ in 0..3 {
        let status = process.client().post("/v1/responses", ASK).await.status;
        assert!(status >= 500, "{status}");
    }

    let (code, out, err) = cutover(&process, &["status", "--json"]).await;
    assert_eq!((code, err.as_str()), (0, ""));
    let status: Value = serde_json::from_str(&out).unwrap();
    let route = &status["routes"][0];
    assert_eq!((route["name"].as_str(), route["overridden"]["why"].as_str()), (Some("support"), Some("try it")));
    let arm = |place: usize, field: &str| route["backends"][place][field].as_f64();
    assert_eq!(
        ["weight", "file", "observed", "requests", "failed"].map(|field| arm(0, field)),
        [0.0, 100.0, 62.5, 5.0, 0.0].map(Some)
    );
    assert_eq!(
        ["weight", "file", "observed", "requests", "failed"].map(|field| arm(1, field)),
        [100.0, 0.0, 37.5, 3.0, 3.0].map(Some)
    );
    // Since the weights were set, all three went to the app by chance.
    let picked = |place: usize| &route["backends"][place]["picked"];
    assert_eq!((&picked(0)["requests"], &picked(1)["requests"]), (&json!(0), &json!(3)));
    assert_eq!((&picked(1)["requests_percent"], &picked(1)["conversations_percent"]), (&json!(100.0), &Value::Null));
    assert_eq!((&route["split"][1]["seen"], &route["split"][1]["mismatch"]), (&json!(3), &json!(false)));
    assert_eq!(status["backends"][0]["breaker"], "closed");
    assert_eq!(status["store"]["ok"], true);

    let (code, out, _) = cutover(&process, &["status"]).await;
    assert_eq!(code, 0);
    for part in [
        "support   legacy         0 %     100 %    62.5 %         5       0 %       0 %         0",
        "set by local",
        "try it",
        "weights clear support",
    ] {
        assert!(out.contains(part), "{part} is missing in:\n{out}");
    }
    assert!(!out.contains('\u{1b}'), "colours are for terminals: {out:?}");

    process.write("routes: nonsense");
    process.line("the config was not reloaded").await;
    let (_, out, _) = cutover(&process, &["status"]).await;
    assert!(out.contains("CONFIG  the file was refused"), "{out}");
}

#[tokio::test]
async fn the_status_shows_who_has_conversations_and_that_they_do_not_go_where_the_weights_say() {
    let agent = Fake::json(200, &says::plain("responses", Act::Text)).await;
    let process = Process::start("mismatch", &config(&agent, &agent, "{ legacy: 1, app: 1 }", "")).await;
    let admin = Client::new(process.admin);
    let ask = |n: u32| format!(r#"{{"model":"agent","input":"hi","context":{{"conversation_id":"c{n}"}}}}"#);
    // Nobody but those whose key leads to the app, and one other.
    let (mut at_app, mut at_legacy) = (0, 0);
    for n in 0..1_000 {
        let said = admin.post("/api/v1/explain", format!(r#"{{"body":{}}}"#, ask(n))).await.json();
        let goes_to_app = said["backend"] == "app";
        if goes_to_app || at_legacy == 0 {
            assert_eq!(process.client().post("/v1/responses", &ask(n)).await.status, 200);
            *(if goes_to_app { &mut at_app } else { &mut at_legacy }) += 1;
        }
        if at_app == 60 {
            break;
        }
    }
    let (_, out, _) = cutover(&process, &["status", "--json"]).await;
    let status: Value = serde_json::from_str(&out).unwrap();
    let route = &status["routes"][0];
    let alive = |place: usize| route["backends"][place]["alive"].as_u64();
    assert_eq!((alive(0), alive(1), &route["alive_elsewhere"]), (Some(at_legacy), Some(60), &json!(0)));
    let looked = &route["split"][0];
    assert_eq!((&looked["counted"], &looked["seen"]), (&json!("conversations"), &json!(at_legacy + 60)));
    assert!(looked["mismatch"] == true && looked["evidence"].as_f64().unwrap() >= 1_000.0, "{looked}");
    assert_eq!(route["split"][1]["mismatch"], false);

    let (_, out, _) = cutover(&process, &["status"]).await;
    assert!(out.contains("MISMATCH of 61 conversations: legacy 1.6 %, not 50 %; app 98.4 %, not 50 %"), "{out}");
    let line = out.lines().find(|line| line.contains(" app ")).unwrap();
    assert!(line.ends_with("  98.4 %        60"), "{out}");
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_said_with_what_to_look_at() {
    let legacy = Fake::json(200, "{}").await;
    let mut process = Process::start("gone", &config(&legacy, &legacy, "{ legacy: 1 }", "store: none\n")).await;
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
    let (code, out, err) = cutover(&process, &["status"]).await;
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("is the gateway running") && err.contains("--admin"), "{err}");
}
