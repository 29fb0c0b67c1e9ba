//! Where conversations go: by weight, always the same, and never back.

use std::collections::HashMap;

use crate::support::says::{self, Act};
use crate::support::{Fake, Gateway};

async fn gateway(legacy: &Fake, app: &Fake, split: &str) -> Gateway {
    Gateway::start(&format!(
        "auth: anonymous
backends:
  legacy: {{ url: 'http://{}/invocations', dialect: chat_agent, credential: none }}
  app: {{ url: 'http://{}/responses', dialect: responses, credential: none }}
routes:
  - {{ name: support, match: {{ model: agent }}, split: {split} }}
",
        legacy.address, app.address
    ))
    .await
}

/// The backend that each conversation met.
async fn met(gateway: &Gateway, conversations: usize) -> HashMap<usize, String> {
    let mut met = HashMap::new();
    for n in 0..conversations {
        let body = format!(r#"{{"model":"agent","input":"hi","context":{{"conversation_id":"conversation-{n}"}}}}"#);
        let answer = gateway.client().post("/v1/responses", body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-cutover-route"), Some("support"));
        met.insert(n, answer.header("x-cutover-backend").unwrap().to_owned());
    }
    met
}

#[tokio::test]
async fn ten_thousand_requests_keep_their_shares() {
    let legacy = Fake::json(200, &says::plain("chat_agent", Act::Text)).await;
    let app = Fake::json(200, &says::plain("responses", Act::Text)).await;
    let gateway = gateway(&legacy, &app, "{ legacy: 90, app: 10 }").await;
    let mut tasks = Vec::new();
    for part in 0..8 {
        let client = gateway.client();
        tasks.push(tokio::spawn(async move {
            let mut to_app = 0;
            for n in 0..1_250 {
                // Half of them name a conversation, half are left to chance.
                let conversation = format!(r#","context":{{"conversation_id":"{part}-{n}"}}"#);
                let named = if n % 2 == 0 { conversation.as_str() } else { "" };
                let body = format!(r#"{{"model":"agent","input":"hi"{named}}}"#);
                let answer = client.post("/v1/responses", body).await;
                assert_eq!(answer.status, 200);
                to_app += u32::from(answer.header("x-cutover-backend") == Some("app"));
            }
            to_app
        }));
    }
    let mut to_app = 0;
    for task in tasks {
        to_app += task.await.unwrap();
    }
    println!("10,000 requests at 90/10: {to_app} to the app");
    // Three standard deviations: 3 * sqrt(10,000 * 0.1 * 0.9) = 90. Only the half that is left to chance varies from run to
    // run, with a deviation of 21, so a right split leaves these bounds once in tens of thousands of runs.
    assert!((910..=1_090).contains(&to_app), "{to_app} of 10,000 went to a backend of 10 %");
    assert_eq!(u32::try_from(app.seen().len()).unwrap(), to_app, "what the backend counted");
}

#[tokio::test]
async fn a_conversation_stays_where_it_is_and_a_ramp_moves_it_only_forward() {
    let legacy = Fake::json(200, &says::plain("chat_agent", Act::Text)).await;
    let app = Fake::json(200, &says::plain("responses", Act::Text)).await;
    let before = met(&gateway(&legacy, &app, "{ legacy: 90, app: 10 }").await, 300).await;
    // Another process with the same config, asked again.
    assert_eq!(before, met(&gateway(&legacy, &app, "{ app: 10, legacy: 90 }").await, 300).await);
    let after = met(&gateway(&legacy, &app, "{ legacy: 50, app: 50 }").await, 300).await;
    let moved_back = before.iter().filter(|(n, backend)| *backend == "app" && after[*n] == "legacy").count();
    let moved_on = before.iter().filter(|(n, backend)| *backend == "legacy" && after[*n] == "app").count();
    assert_eq!(moved_back, 0, "conversations that moved from app to legacy");
    assert!(moved_on > 60, "only {moved_on} of 300 conversations moved on");
    let none = met(&gateway(&legacy, &app, "{ legacy: 1, app: 0 }").await, 100).await;
    assert!(none.values().all(|backend| backend == "legacy"), "zero is none");
}

#[tokio::test]
async fn a_follow_up_goes_to_the_backend_that_made_the_answer() {
    let legacy = Fake::json(200, &says::plain("responses", Act::Text)).await;
    let app = Fake::json(200, &says::plain("responses", Act::Text)).await;
    let gateway = Gateway::start(&format!(
        "auth: anonymous
backends:
  legacy: {{ url: 'http://{}/a', dialect: responses, credential: none }}
  app: {{ url: 'http://{}/b', dialect: responses, credential: none }}
routes: [ {{ name: r, split: {{ legacy: 50, app: 50 }} }} ]
",
        legacy.address, app.address
    ))
    .await;
    for _ in 0..40 {
        let first = gateway.client().post("/v1/responses", says::request("responses", false)).await;
        let body = format!(r#"{{"model":"agent","input":"go on","previous_response_id":{}}}"#, first.json()["id"]);
        let second = gateway.client().post("/v1/responses", body).await;
        assert_eq!(second.header("x-cutover-backend"), first.header("x-cutover-backend"));
    }
}
