//! What is explained is what happens: held against the gateway for random rules, callers and requests.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::says::{self, Act};
use crate::support::{Client, Fake, Gateway};

const GROUPS: [&str; 3] = ["support", "qa", "ops"];
const TENANTS: [&str; 3] = ["acme", "globex", "initech"];
const MODELS: [&str; 3] = ["alpha", "alpha-eu", "beta"];
const PATHS: [&str; 4] =
    ["/v1/responses", "/v1/chat/completions", "/invocations", "/serving-endpoints/alpha-eu/invocations"];

struct Backends {
    legacy: Fake,
    app: Fake,
    llm: Fake,
}

impl Backends {
    async fn start() -> Self {
        let fake = |dialect: &str| says::plain(dialect, Act::Text);
        Self {
            legacy: Fake::json(200, &fake("chat_agent")).await,
            app: Fake::json(200, &fake("responses")).await,
            llm: Fake::json(200, &fake("chat_completions")).await,
        }
    }
}

/// A caller for each set of groups; its token is its name.
fn token(caller: usize) -> String {
    format!("dapi-explained-{caller}")
}

fn groups(caller: usize) -> Vec<&'static str> {
    GROUPS.iter().enumerate().filter(|(place, _)| caller >> place & 1 == 1).map(|(_, group)| *group).collect()
}

fn one_of<'a>(chance: &mut fastrand::Rng, words: &[&'a str]) -> &'a str {
    words[chance.usize(..words.len())]
}

/// A rule, or nothing where it would be one that the config refuses.
fn rule(chance: &mut fastrand::Rng) -> String {
    let mut parts = Vec::new();
    if chance.bool() {
        parts.push(format!("model: '{}'", one_of(chance, &["alpha", "alpha*", "*-eu", "beta", "apps/gamma"])));
    }
    if chance.u8(..4) == 0 {
        parts.push(format!("path: '{}'", one_of(chance, &["/v1/*", "/v1/responses", "*/invocations"])));
    }
    if chance.u8(..3) == 0 {
        let wanted = ["acme", "'g*'", "[ acme, initech ]", "{ present: true }", "{ present: false }"];
        parts.push(format!("header: {{ x-tenant: {} }}", one_of(chance, &wanted)));
    }
    if chance.u8(..3) == 0 {
        parts.push(format!("caller: {{ group: {} }}", one_of(chance, &GROUPS)));
    }
    if chance.u8(..3) == 0 {
        let wanted = ["acme", "[ globex, initech ]", "{ present: true }", "7", "true"];
        parts.push(format!("body: {{ custom_inputs.tenant: {} }}", one_of(chance, &wanted)));
    }
    format!("{{ {} }}", parts.join(", "))
}

fn split(chance: &mut fastrand::Rng) -> &'static str {
    one_of(
        chance,
        &[
            "{ legacy: 95, app: 5 }",
            "{ legacy: 1, app: 1, llm: 1 }",
            "{ app: 1, legacy: 0 }",
            "{ llm: 30, legacy: 70 }",
            "{ legacy: 50, app: 50 }",
        ],
    )
}

/// The config of a gateway with random routes: those that the config accepts, one after another.
fn config(backends: &Backends, chance: &mut fastrand::Rng) -> String {
    let tokens: Vec<_> = (0..8)
        .map(|caller| {
            let digest = cutover::auth::hex(&cutover::auth::digest(&token(caller)));
            format!("{{ name: c{caller}, sha256: {digest}, groups: [ everyone, {} ] }}", groups(caller).join(", "))
        })
        .collect();
    let mut text = format!(
        "auth: [ {{ pat: {{ tokens: [ {} ] }} }} ]
backends:
  legacy: {{ url: 'http://{}/invocations', dialect: chat_agent, credential: none }}
  app: {{ url: 'http://{}/responses', dialect: responses, credential: none }}
  llm: {{ url: 'http://{}/chat', dialect: chat_completions, credential: none }}
routes:
",
        tokens.join(", ").replace(",  ]", " ]"),
        backends.legacy.address,
        backends.app.address,
        backends.llm.address
    );
    let mut routes = 0;
    // A rule that takes everything leaves nothing for those behind it, so not every config gets all of its routes.
    for _ in 0..60 {
        if routes == 6 {
            break;
        }
        let more =
            ["", ", sticky: [ fingerprint ]", ", sticky: [ user ], hold: 1h", ", allow: { groups: [ qa, ops ] }"];
        let (split, rule, more) = (split(chance), rule(chance), one_of(chance, &more));
        let route = format!("  - {{ name: r{routes}, split: {split}, match: {rule}{more} }}\n");
        let longer = format!("{text}{route}");
        if cutover::config::Config::parse(&longer, std::path::Path::new("."), &|_| None).is_ok() {
            text = longer;
            routes += 1;
        }
    }
    text
}

/// A random request: path, headers, body.
fn request(chance: &mut fastrand::Rng) -> (&'static str, Vec<(&'static str, &'static str)>, String) {
    let path = one_of(chance, &PATHS);
    let headers = if chance.bool() { vec![("x-tenant", one_of(chance, &TENANTS))] } else { Vec::new() };
    let mut fields = Vec::new();
    if chance.u8(..8) > 0 {
        fields
            .push(format!(r#""model":"{}""#, one_of(chance, &["alpha", "alpha-eu", "beta", "apps/alpha", MODELS[0]])));
    }
    let said = chance.u8(..20);
    fields.push(if path == "/v1/responses" {
        format!(r#""input":"question {said}""#)
    } else {
        format!(r#""messages":[{{"role":"user","content":"question {said}"}}]"#)
    });
    if chance.bool() {
        let tenant = [r#""acme""#, r#""globex""#, "7", "7.0", "true", "null", r#""acme","tenant":"globex""#];
        fields.push(format!(r#""custom_inputs":{{"tenant":{}}}"#, one_of(chance, &tenant)));
    }
    if chance.bool() {
        fields.push(format!(r#""user":"u{}""#, chance.u8(..6)));
    }
    if chance.u8(..3) == 0 {
        fields.push(format!(r#""context":{{"conversation_id":"c{}"}}"#, chance.u8(..200)));
    }
    if chance.u8(..10) == 0 {
        fields.push(r#""n":2"#.to_owned());
    }
    chance.shuffle(&mut fields);
    (path, headers, format!("{{{}}}", fields.join(",")))
}

async fn explain(admin: &Client, path: &str, headers: &[(&str, &str)], caller: usize, body: &str) -> Value {
    // The body goes as it is: a duplicate key would not survive a tree of values.
    let names: serde_json::Map<_, _> = headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let mut all = groups(caller);
    all.push("everyone");
    let who = json!({ "name": format!("c{caller}"), "groups": all });
    let mut question = String::new();
    let _ = write!(question, r#"{{"path":"{path}","headers":{},"caller":{who},"body":{body}}}"#, json!(names));
    let answer = admin.post("/api/v1/explain", question).await;
    assert_eq!(answer.status, 200, "{body}: {}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_thousand_random_requests_go_where_they_were_explained_to_go() {
    const CONFIGS: u64 = 20;
    const REQUESTS: usize = 50;
    let backends = Backends::start().await;
    let (mut by_key, mut by_chance, mut held, mut refused) = (0, 0, 0, 0);
    for seed in 0..CONFIGS {
        let mut chance = fastrand::Rng::with_seed(seed);
        let text = config(&backends, &mut chance);
        let gateway = Gateway::start(&text).await;
        let admin = Client::new(gateway.admin);
        for _ in 0..REQUESTS {
            let (path, headers, body) = request(&mut chance);
            let caller = chance.usize(..8);
            let said = explain(&admin, path, &headers, caller, &body).await;
            let client = gateway.client().header("authorization", &format!("Bearer {}", token(caller)));
            let client = headers.iter().fold(client, |client, (name, value)| client.header(name, value));
            let answer = client.post(path, &body).await;
            let about =
                format!("seed {seed}: {path} {headers:?} {body} of c{caller}\n{text}\n{said:#}\n{}", answer.text());
            let explained = said["refused"]["status"].as_u64();
            let chance_refuses = |said: &Value| {
                let backends = said["backends"].as_array().unwrap();
                backends.iter().any(|backend| !backend["refused"].is_null())
            };
            match said["decided_by"].as_str() {
                Some("chance") => {
                    by_chance += 1;
                    let met = answer.header("x-cutover-backend").unwrap_or_default().to_owned();
                    let there = said["backends"].as_array().unwrap().iter().find(|backend| backend["backend"] == met);
                    let there = there.unwrap_or_else(|| panic!("{about}"));
                    let expected = there["refused"]["status"].as_u64().unwrap_or(200);
                    assert_eq!(u64::from(answer.status), expected, "{about}");
                    assert!(explained.is_none() || chance_refuses(&said), "{about}");
                }
                Some(by) => {
                    by_key += usize::from(by == "key");
                    held += usize::from(by == "hold");
                    assert_eq!(answer.header("x-cutover-backend"), said["backend"].as_str(), "{about}");
                    assert_eq!(u64::from(answer.status), explained.unwrap_or(200), "{about}");
                }
                None => {
                    refused += 1;
                    assert_eq!(Some(u64::from(answer.status)), explained, "{about}");
                    assert_eq!(answer.header("x-cutover-backend"), None, "{about}");
                }
            }
            if said["decided_by"].is_string() {
                assert_eq!(answer.header("x-cutover-route"), said["route"].as_str(), "{about}");
                assert_eq!(
                    dropped(&said, answer.header("x-cutover-backend")),
                    answer.header("x-cutover-dropped").unwrap_or_default(),
                    "{about}"
                );
            }
        }
    }
    println!("{by_key} by key, {by_chance} by chance, {held} held, {refused} refused");
    assert!(by_key > 100 && by_chance > 100 && held > 20 && refused > 50, "the requests are of all kinds");
}

/// What was said to be left out at a backend; nothing where it refuses.
fn dropped(said: &Value, backend: Option<&str>) -> String {
    let backends = said["backends"].as_array().unwrap();
    let there = backends.iter().find(|explained| explained["backend"].as_str() == backend).unwrap();
    let names = there["dropped"].as_array().unwrap().iter().map(|dropped| dropped["field"].as_str().unwrap());
    names.collect::<Vec<_>>().join(",")
}

#[tokio::test]
async fn to_explain_changes_nothing() {
    let backends = Backends::start().await;
    let gateway = Gateway::start(&format!(
        "auth: anonymous
backends:
  legacy: {{ url: 'http://{}/invocations', dialect: chat_agent, credential: none }}
  app: {{ url: 'http://{}/responses', dialect: responses, credential: none }}
routes: [ {{ name: r, split: {{ legacy: 1, app: 1 }}, hold: 1h }} ]
",
        backends.legacy.address, backends.app.address
    ))
    .await;
    let admin = Client::new(gateway.admin);
    for n in 0..20 {
        let body = format!(r#"{{"input":"hi","context":{{"conversation_id":"c{n}"}}}}"#);
        let said = explain(&admin, "/v1/responses", &[], 0, &body).await;
        assert_eq!((said["decided_by"].as_str(), &said["held"]), (Some("key"), &Value::Null));
    }
    assert!(backends.legacy.seen().is_empty() && backends.app.seen().is_empty());
    let metrics = admin.get("/metrics").await.text();
    assert!(metrics.contains(r#"cutover_conversations_alive{backend="legacy",route="r"} 0"#), "{metrics}");
    assert!(metrics.contains(r#"cutover_split_picked_total{backend="legacy",counted="conversations",route="r"} 0"#));
}

/// A route to `legacy` whose mirror is `app`.
fn mirrored(backends: &Backends, split: &str, shadow: &str) -> String {
    format!(
        "auth: anonymous
backends:
  legacy: {{ url: 'http://{}/invocations', dialect: chat_agent, credential: none }}
  app: {{ url: 'http://{}/responses', dialect: responses, credential: none }}
routes: [ {{ name: r, split: {split}, shadow: {{ to: app, limits: {{ per_second: 10000, body: 2KiB }}, {shadow} }} }} ]
",
        backends.legacy.address, backends.app.address
    )
}

/// How many requests met which fate, once as many have met one.
async fn fates(admin: &Client, requests: u64) -> std::collections::BTreeMap<String, u64> {
    for _ in 0..2_000 {
        let metrics = admin.get("/metrics").await.text();
        let lines = metrics.lines().filter_map(|line| line.strip_prefix("cutover_shadow_requests_total{fate=\""));
        let mut fates = std::collections::BTreeMap::new();
        for line in lines {
            let count: u64 = line.rsplit_once(' ').unwrap().1.parse().unwrap();
            *fates.entry(line.split('"').next().unwrap().to_owned()).or_default() += count;
        }
        if fates.values().sum::<u64>() == requests {
            fates.retain(|_, count| *count > 0);
            return fates;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the requests met no fate")
}

#[tokio::test]
async fn what_is_said_of_the_mirror_is_what_becomes_of_the_copy() {
    let backends = Backends::start().await;
    let safe =
        "sample: 100%, side_effects: marked, safe: { header: { x-tenant: acme }, body: { custom_inputs.mode: read } }";
    let gateway = Gateway::start(&mirrored(&backends, "{ legacy: 1, app: 0 }", safe)).await;
    let admin = Client::new(gateway.admin);
    let marked = r#""context":{"conversation_id":"c"},"custom_inputs":{"mode":"read"}"#;
    let ask = |fields: &str| format!(r#"{{"input":"hi",{fields}}}"#);
    let acme: &[(&str, &str)] = &[("x-tenant", "acme")];
    let wrapped = format!(r#"{{"inputs":{{"query":"hi","history":[],{marked}}}}}"#);
    let cases = [
        (acme, "/v1/responses", ask(marked), None),
        (&[], "/v1/responses", ask(marked), Some("unmarked")),
        (acme, "/v1/responses", ask(&marked.replace("read", "write")), Some("unmarked")),
        (acme, "/v1/responses", ask(&format!(r#"{marked},"conversation":"c""#)), Some("not_eligible")),
        (acme, "/v1/responses", ask(marked).replace("hi", &"hi".repeat(2_000)), Some("too_large")),
        (acme, "/v1/responses", ask(marked).replace(r#""input":"hi""#, r#""input":7"#), Some("not_eligible")),
        // A mark inside the wrapping of a served model counts as one outside does.
        (acme, "/invocations", wrapped, None),
    ];
    let mut expected = std::collections::BTreeMap::new();
    for (headers, path, body, fate) in &cases {
        let said = explain(&admin, path, headers, 0, body).await;
        let mirror = &said["mirror"];
        assert_eq!((&mirror["to"], &mirror["copied"]), (&json!("app"), &json!(fate.is_none())), "{body}: {said:#}");
        assert_eq!(
            (&mirror["fate"], mirror["because"].is_string()),
            (&json!(fate), fate.is_some()),
            "{body}: {said:#}"
        );
        assert!(mirror["chance"].is_null() || fate.is_none(), "{body}: {said:#}");
        *expected.entry(fate.unwrap_or("mirrored").to_owned()).or_default() += 1;
    }
    // To say it has counted nothing and sent nothing.
    assert!(fates(&admin, 0).await.is_empty() && backends.app.seen().is_empty());
    for (headers, path, body, _) in &cases {
        let client = headers.iter().fold(gateway.client(), |client, (name, value)| client.header(name, value));
        client.post(path, body).await;
    }
    assert_eq!(fates(&admin, cases.len() as u64).await, expected);
    assert_eq!(backends.app.seen().len(), 2);
}

#[tokio::test]
async fn a_request_of_no_conversation_is_said_to_be_mirrored_by_chance() {
    let backends = Backends::start().await;
    let gateway =
        Gateway::start(&mirrored(&backends, "{ legacy: 9, app: 1 }", "sample: 30%, side_effects: none")).await;
    let admin = Client::new(gateway.admin);
    for _ in 0..20 {
        let said = explain(&admin, "/v1/responses", &[], 0, r#"{"input":"hi"}"#).await;
        let mirror = json!({ "to": "app", "copied": true, "chance": 30.0, "fate": null, "because": null });
        assert_eq!((&said["decided_by"], &said["mirror"]), (&json!("chance"), &mirror));
    }
    let gateway =
        Gateway::start(&mirrored(&backends, "{ legacy: 0, app: 1 }", "sample: 30%, side_effects: none")).await;
    let said = explain(&Client::new(gateway.admin), "/v1/responses", &[], 0, r#"{"input":"hi"}"#).await;
    assert_eq!(said["mirror"]["because"], "the candidate answers it itself", "{said:#}");
}
