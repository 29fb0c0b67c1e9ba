//! Weights that are set for now: in force at once, over the file until cleared, kept over restarts, never by mistake.

use serde_json::{Value, json};

use super::{backend, config, cutover};
use crate::support::says::{self, Act};
use crate::support::{Fake, Process};

const PATH: &str = "/api/v1/routes/support/weights";

async fn fake() -> Fake {
    Fake::json(200, &says::plain("responses", Act::Text)).await
}

#[tokio::test]
async fn weights_set_for_now_are_in_force_at_once_and_over_a_restart_until_they_are_cleared() {
    let (legacy, app) = (fake().await, fake().await);
    let mut process = Process::start("weights", &config(&legacy, &app, "{ legacy: 100, app: 0 }", "")).await;
    assert_eq!(backend(&process).await, "legacy");

    let set = ["weights", "set", "support", "app=100", "--why", "the old one is down"];
    let (code, out, err) = cutover(&process, &set).await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("legacy=100") && out.contains("app=100") && out.contains("weights clear support"), "{out}");
    assert_eq!(backend(&process).await, "app", "the first request after the command");
    let line = process.line("override the file until they are cleared").await;
    for part in ["\"route\":\"support\"", "\"who\":\"local\"", "the old one is down", "legacy=0 app=100"] {
        assert!(line.contains(part), "{part} is missing in {line}");
    }
    assert_eq!(process.metric("cutover_weights_overridden{route=\"support\"}").await, Some(1.0));
    assert_eq!(process.metric("cutover_weight{backend=\"app\",route=\"support\"}").await, Some(1.0));

    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
    let folder = process.leave();
    let process = Process::serve(folder).await;
    process.line("weights that were set for now override the file").await;
    assert_eq!(backend(&process).await, "app", "after a restart");
    assert_eq!(process.metric("cutover_weights_overridden{route=\"support\"}").await, Some(1.0));

    let (code, out, _) = cutover(&process, &["weights", "clear", "support", "--why", "it is up again"]).await;
    assert!(code == 0 && out.contains("as in the file"), "{out}");
    assert_eq!(backend(&process).await, "legacy");
    assert_eq!(process.metric("cutover_weights_overridden{route=\"support\"}").await, Some(0.0));
    let (code, out, err) = cutover(&process, &["weights", "clear", "support"]).await;
    assert!(code == 0 && out.contains("nothing was set"), "{out}{err}");

    let (code, out, _) = cutover(&process, &["weights", "history", "support"]).await;
    let lines: Vec<_> = out.lines().collect();
    assert_eq!((code, lines.len()), (0, 2), "{out}");
    assert!(
        lines[0].contains("legacy=0 app=100 -> legacy=100 app=0 (as in the file)  by local: it is up again"),
        "{out}"
    );
    assert!(lines[1].contains("Z  support  legacy=100 app=0 -> legacy=0 app=100  by local: the old one"), "{out}");
    let (_, out, _) = cutover(&process, &["weights", "history", "--json"]).await;
    let history: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(history["entries"][1]["action"], "weights.set");
}

#[tokio::test]
async fn weights_that_cannot_be_are_refused_with_what_to_write() {
    let (legacy, app) = (fake().await, fake().await);
    let process = Process::start("refused", &config(&legacy, &app, "{ legacy: 95, app: 5 }", "")).await;
    for (weights, status, told) in [
        (json!({"legacy": 0, "app": 0}), 400, "every weight is zero"),
        (json!({}), 400, "every weight is zero"),
        (
            json!({"legacy": 105, "app": -5}),
            400,
            "`app` has -5 %; a weight is not negative; `legacy` has 105 %; that is over 100",
        ),
        (json!({"legacy": 60, "app": 60}), 400, "sum to 120 %"),
        (json!({"app": 5}), 400, "did you mean `app=5 legacy=95`?"),
        (
            json!({"legacy": 95, "ap": 5}),
            400,
            "the route has no backend `ap`; it has legacy, app (did you mean `app`?)",
        ),
        (json!({"legacy": 99.999, "app": 0.001}), 400, "hundredth of a percent"),
        (json!({"legacy": "95"}), 400, ""),
    ] {
        let answer = process.operator().ask("PUT", PATH, json!({"weights": weights}).to_string().as_bytes()).await;
        let error = answer.json()["error"].clone();
        assert_eq!(answer.status, status, "{weights}: {error}");
        assert!(error["message"].as_str().unwrap().contains(told), "{weights}: {error}");
        assert!(error["param"].as_str().unwrap().starts_with("weights"), "{weights}: {error}");
    }
    let body = json!({"weights": {"legacy": 100}}).to_string();
    let answer = process.operator().ask("PUT", "/api/v1/routes/suport/weights", body.as_bytes()).await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("did you mean `support`?"), "{}", answer.text());
    for (arguments, code, told) in [
        (["weights", "set", "support", "app"], 2, "`app` is not BACKEND=PERCENT"),
        (["weights", "set", "support", "app=lots"], 2, "`app=lots` is not BACKEND=PERCENT"),
        (["weights", "set", "suport", "app=100"], 1, "did you mean `support`?"),
        (["weights", "set", "support", "app=50"], 1, "did you mean `app=50 legacy=50`?"),
    ] {
        let (exit, _, err) = cutover(&process, &arguments).await;
        assert!(exit == code && err.contains(told), "{arguments:?}: {exit} {err}");
    }
    assert_eq!(process.metric("cutover_weights_overridden{route=\"support\"}").await, Some(0.0));
    let (_, out, _) = cutover(&process, &["weights", "history"]).await;
    assert_eq!(out, "No weights have been set.\n");
}

#[tokio::test]
async fn weights_that_do_not_fit_the_config_any_more_are_kept_aside_and_said() {
    let (legacy, app) = (fake().await, fake().await);
    let both = config(&legacy, &app, "{ legacy: 100, app: 0 }", "");
    let process = Process::start("aside", &both).await;
    assert_eq!(cutover(&process, &["weights", "set", "support", "app=100"]).await.0, 0);
    assert_eq!(backend(&process).await, "app");

    // The backend leaves the route.
    process.write(&both.replace("{ legacy: 100, app: 0 }", "{ legacy: 100 }"));
    let line = process.line("not in force, and kept aside").await;
    assert!(line.contains("no backend `app`"), "{line}");
    process.line("the config was reloaded").await;
    assert_eq!(backend(&process).await, "legacy");
    assert_eq!(process.metric("cutover_overrides_aside").await, Some(1.0));
    assert_eq!(process.metric("cutover_weights_overridden{route=\"support\"}").await, Some(0.0));
    assert_eq!(process.metric("cutover_weight{backend=\"app\",route=\"support\"}").await, None, "a stale series");

    // The route leaves the config.
    process.write(&both.replace("name: support", "name: help"));
    process.line("the config has no route `support`").await;
    assert_eq!(process.metric("cutover_weight{backend=\"legacy\",route=\"support\"}").await, None, "a stale series");
    assert_eq!(process.metric("cutover_weights_overridden{route=\"support\"}").await, None, "a stale series");

    // Both come back.
    process.write(&both);
    process.line("the weights that were set for now are in force again").await;
    assert_eq!(backend(&process).await, "app");

    // What was set for a route that is gone can be cleared.
    process.write(&both.replace("name: support", "name: help2"));
    process.line_after(process.lines().len(), "the config was reloaded").await;
    let (code, out, err) = cutover(&process, &["weights", "clear", "support"]).await;
    assert!(code == 0 && out.contains("no such route"), "{out}{err}");
    assert_eq!(process.metric("cutover_overrides_aside").await, Some(0.0));
}

#[tokio::test]
async fn a_store_that_is_gone_stops_no_traffic_and_refuses_what_must_be_kept() {
    let (legacy, app) = (fake().await, fake().await);
    let more = "store: sqlite:nowhere/cutover.db\n";
    let process = Process::start("store", &config(&legacy, &app, "{ legacy: 100, app: 0 }", more)).await;
    assert_eq!(backend(&process).await, "legacy");
    assert_eq!(process.metric("cutover_store_ok").await, Some(0.0));
    let set = ["weights", "set", "support", "app=100"];
    let (code, _, err) = cutover(&process, &set).await;
    assert!(code == 1 && err.contains("nothing was changed") && err.contains("folder does not exist"), "{err}");
    assert_eq!(backend(&process).await, "legacy");
    // At three in the morning, with a full disk, traffic moves all the same.
    let (code, _, err) = cutover(&process, &["weights", "set", "support", "app=100", "--unkept"]).await;
    assert!(code == 0 && err.contains("until the next start only"), "{err}");
    assert_eq!(backend(&process).await, "app");

    std::fs::create_dir(process.folder.join("nowhere")).unwrap();
    process.line("the store is back").await;
    let (code, _, err) = cutover(&process, &["weights", "set", "support", "legacy=100"]).await;
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(process.metric("cutover_store_ok").await, Some(1.0));
}
