//! Every client dialect against every backend dialect, streaming and not on either side: 200 conversations.

use crate::support::says::{self, Act, DIALECTS, TEXT, Understood};
use crate::support::{Fake, Gateway, Step, chunked, plain};

#[tokio::test]
async fn every_pair_carries_text_and_tool_calls() {
    let mut failures = Vec::new();
    let mut passed = 0;
    for backend in DIALECTS {
        for backend_streams in [false, true] {
            for act in [Act::Text, Act::Call] {
                if act == Act::Call && backend == "split_chat_messages" {
                    continue; // this dialect has no way to say it
                }
                let answer = match backend_streams {
                    true => chunked(says::frames(backend, act).concat().as_bytes(), true),
                    false => plain(200, "application/json", &says::plain(backend, act)),
                };
                let fake = Fake::start(vec![Step::Write(answer)]).await;
                let gateway = Gateway::start(&config(&fake, backend)).await;
                for client in DIALECTS {
                    for client_streams in [false, true] {
                        match converse(&gateway, client, client_streams, act).await {
                            Ok(()) => passed += 1,
                            Err(why) => failures.push(format!(
                                "{client} (stream: {client_streams}) from {backend} (stream: {backend_streams}), {act:?}: {why}"
                            )),
                        }
                    }
                }
            }
        }
    }
    println!("{passed} conversations went well");
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), failures.len() + passed, failures.join("\n"));
    assert_eq!(passed, 5 * 2 * (4 * 2 * 2 + 2));
}

/// A route to one backend, with as many names as there are legacy client dialects.
fn config(fake: &Fake, dialect: &str) -> String {
    let backend = format!("{{ url: 'http://{}/agent', dialect: {dialect}, credential: none }}", fake.address);
    format!(
        "auth: anonymous
backends: {{ only: {backend} }}
routes:
  - {{ name: openai, match: {{ model: agent, path: '/v1/*' }}, split: {{ only: 1 }}, answer: openai }}
  - {{ name: chat_agent, match: {{ model: chat_agent }}, split: {{ only: 1 }}, legacy_dialect: chat_agent }}
  - {{ name: chat_model, match: {{ model: chat_model }}, split: {{ only: 1 }}, legacy_dialect: chat_model }}
  - {{ name: split, match: {{ model: split_chat_messages }}, split: {{ only: 1 }} }}
"
    )
}

async fn converse(gateway: &Gateway, client: &str, stream: bool, act: Act) -> Result<(), String> {
    let path = match says::path(client) {
        path if path.contains("invocations") => format!("/serving-endpoints/{client}/invocations"),
        path => path.to_owned(),
    };
    let answer = gateway.client().post(&path, says::request(client, stream)).await;
    if answer.status != 200 {
        return Err(format!("status {}: {}", answer.status, answer.text()));
    }
    let seen = match stream {
        true => says::understand_stream(client, &answer),
        false => says::understand_plain(client, &answer),
    };
    let mut expected = Understood { complete: true, ..Understood::default() };
    match act {
        Act::Text => TEXT.clone_into(&mut expected.text),
        // A split client has no way to hear of a call.
        Act::Call if client == "split_chat_messages" => {}
        Act::Call => expected.calls.push(("call_7".into(), "weather".into(), "{\"city\":\"Paris\"}".into())),
    }
    if seen == expected { Ok(()) } else { Err(format!("understood {seen:?} from {}", answer.text())) }
}
