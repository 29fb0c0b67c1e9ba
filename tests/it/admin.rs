//! The admin API: its document is true, each role may what it may, and browsers cannot be used against it.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Answer, Client, Fake, Gateway, log};

/// What stands in paths and behind them, when a test calls every endpoint.
const VALUES: &[(&str, &str)] = &[("route", "agent"), ("backend", "only")];

const TOKENS: [&str; 3] = ["dapi-admin-viewer", "dapi-admin-operator", "dapi-admin-nobody"];

/// A gateway whose admin API asks who calls.
async fn guarded(fake: &Fake) -> Gateway {
    Gateway::start(&guarded_config(fake)).await
}

fn guarded_config(fake: &Fake) -> String {
    let digest = |token| cutover::auth::hex(&cutover::auth::digest(token));
    let [viewer, operator, nobody] = TOKENS.map(digest);
    for token in TOKENS {
        log::forbid(token);
    }
    format!(
        "listen:
  clients: '127.0.0.1:0'
  admin: {{ address: '127.0.0.1:0', auth: {{ viewer: {{ groups: [ support ] }}, operator: {{ subjects: [ boss ] }} }} }}
auth: [ {{ pat: {{ tokens: [
    {{ name: eve, sha256: {viewer}, groups: [ support ] }},
    {{ name: boss, sha256: {operator} }},
    {{ name: bob, sha256: {nobody} }} ] }} }} ]
backends: {{ only: {{ url: 'http://{}/x?key=k3y-of-url', dialect: responses, credential: {{ token: s3cret-of-backend }} }} }}
routes: [ {{ name: agent, match: {{ model: agent }}, split: {{ only: 1 }} }} ]
",
        fake.address
    )
}

fn with(admin: SocketAddr, token: &str) -> Client {
    Client::new(admin).header("authorization", &format!("Bearer {token}"))
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

async fn document(admin: &Client) -> Value {
    admin.get("/openapi.json").await.json()
}

/// Every operation of a document: method, path, description.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().unwrap().clone();
        let path = path.clone();
        methods.into_iter().map(move |(method, it)| (method.to_uppercase(), path.clone(), it)).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

/// Fails unless an answer is as the document says.
fn validate(document: &Value, operation: &Value, answer: &Answer, about: &str) {
    let responses = &operation["responses"];
    let documented = match &responses[answer.status.to_string()] {
        Value::Null => &responses["default"],
        documented => documented,
    };
    let kind = answer.header("content-type").unwrap().split(';').next().unwrap().to_owned();
    let schema = &documented["content"][&kind]["schema"];
    assert!(schema.is_object(), "{about}: {} {kind} is not documented", answer.status);
    let body = if kind == "application/json" { answer.json() } else { json!(answer.text()) };
    // References lead into the document.
    let mut whole = document.clone();
    whole.as_object_mut().unwrap().extend(schema.as_object().unwrap().clone());
    let validator = jsonschema::draft202012::new(&whole).unwrap();
    let problems: Vec<_> = validator.iter_errors(&body).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{about}: {problems:#?} in {body}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{about}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{about}");
}

/// The path of an operation with values for what stands in it.
fn filled(path: &str) -> String {
    VALUES.iter().fold(path.to_owned(), |path, (name, value)| path.replace(&format!("{{{name}}}"), value))
}

#[tokio::test]
async fn every_endpoint_answers_as_its_document_says() {
    let fake = Fake::json(200, "{}").await;
    let gateway = Gateway::to(&fake, "responses").await;
    let admin = Client::new(gateway.admin);
    let document = document(&admin).await;
    assert_eq!(document["openapi"], "3.1.0");
    let operations = operations(&document);
    assert!(operations.len() >= 7, "{operations:#?}");
    for (method, path, operation) in &operations {
        let place = filled(path);
        assert!(!place.contains('{'), "{path}: `VALUES` has no value for it");
        let body = match &operation["requestBody"] {
            Value::Null => String::new(),
            takes => takes["content"]["application/json"]["schema"]["examples"][0].to_string(),
        };
        assert_ne!(body, "null", "{method} {path}: the type of its body has no example");
        let answer = admin.ask(method, &place, body.as_bytes()).await;
        assert_eq!(answer.status, 200, "{method} {place}: {}", answer.text());
        validate(&document, operation, &answer, &format!("{method} {place}"));
        for (name, value) in [("query", "?no-such=1"), ("method", "")] {
            let method = if name == "method" { "OPTIONS" } else { method.as_str() };
            let refused = admin.ask(method, &format!("{place}{value}"), body.as_bytes()).await;
            assert!((400..500).contains(&refused.status), "{method} {place}{value}: {}", refused.status);
            validate(&document, operation, &refused, &format!("{method} {place}{value}"));
        }
        if body.is_empty() {
            continue;
        }
        for wrong in ["", "{", "[]", "7", "null", r#"{"no-such-field":1}"#, &format!("{body} x"), &"[".repeat(30_000)] {
            let refused = admin.ask(method, &place, wrong.as_bytes()).await;
            assert_eq!(refused.status, 400, "{method} {place} {wrong}: {}", refused.text());
            validate(&document, operation, &refused, &format!("{method} {place} {wrong}"));
        }
    }
}

#[tokio::test]
async fn the_config_is_shown_without_its_secrets() {
    let fake = Fake::json(200, "{}").await;
    let gateway = guarded(&fake).await;
    let shown = with(gateway.admin, TOKENS[0]).get("/api/v1/config").await;
    let config = shown.json();
    assert_eq!(config["routes"][0]["split"], json!([{ "backend": "only", "basis_points": 10_000 }]));
    assert_eq!(config["backends"][0]["url"], format!("http://{}/x", fake.address));
    assert_eq!(config["backends"][0]["credential"], "token");
    assert!(config["plan"].as_str().unwrap().contains("viewer: the groups support"), "{config}");
    for secret in ["s3cret-of-backend", "k3y-of-url", &cutover::auth::hex(&cutover::auth::digest(TOKENS[0]))] {
        assert!(!shown.text().contains(secret), "{}", shown.text());
    }
    log::check(&shown.text());
}

#[tokio::test]
async fn each_role_may_what_it_may() {
    let fake = Fake::json(200, "{}").await;
    let gateway = guarded(&fake).await;
    let document = document(&with(gateway.admin, TOKENS[0])).await;
    let stranger = Client::new(gateway.admin);
    for (method, path, operation) in operations(&document) {
        let about = format!("{method} {path}");
        let role = operation["x-role"].as_str();
        assert_eq!(role.is_none(), ["/healthz", "/readyz", "/metrics"].contains(&path.as_str()), "{about}");
        let Some(role) = role else {
            assert_eq!(stranger.ask(&method, &path, b"").await.status, 200, "{about}: is for everybody");
            continue;
        };
        let path = filled(&path);
        let unknown = stranger.ask(&method, &path, b"").await;
        assert_eq!((unknown.status, unknown.header("www-authenticate")), (401, Some("Bearer")), "{about}");
        validate(&document, &operation, &unknown, &about);
        let nobody = with(gateway.admin, TOKENS[2]).ask(&method, &path, b"").await;
        assert_eq!(nobody.status, 403, "{about}");
        assert!(
            nobody.text().contains(&format!("needs the role `{role}` and the caller has none")),
            "{}",
            nobody.text()
        );
        validate(&document, &operation, &nobody, &about);
        let viewer = with(gateway.admin, TOKENS[0]).ask(&method, &path, b"").await;
        assert_eq!(viewer.status == 403, role == "operator", "{about}: {}", viewer.text());
        let operator = with(gateway.admin, TOKENS[1]).ask(&method, &path, b"").await;
        assert!(![401, 403].contains(&operator.status), "{about}: {}", operator.text());
    }
}

#[tokio::test]
async fn what_is_changed_is_in_the_log_with_who_did_it() {
    let fake = Fake::json(200, "{}").await;
    let gateway = guarded(&fake).await;
    let operator = with(gateway.admin, TOKENS[1]);
    let set = operator.ask("PUT", "/api/v1/readiness", br#"{"ready":false,"why":"odd latencies"}"#).await;
    assert_eq!((set.status, set.json()), (200, json!({ "ready": false })));
    let ready = Client::new(gateway.admin).get("/readyz").await;
    assert_eq!((ready.status, ready.text().as_str()), (503, "held back by an operator\n"));
    let lines = log::lines();
    let line = lines.lines().find(|line| line.contains("odd latencies")).expect("a line of the log");
    assert!(line.contains(r#""who":"boss""#), "{line}");
    assert_eq!(operator.ask("PUT", "/api/v1/readiness", br#"{"ready":true}"#).await.status, 200);
    assert_eq!(Client::new(gateway.admin).get("/readyz").await.status, 200);
}

#[tokio::test]
async fn wrong_requests_are_told_what_is_right() {
    let fake = Fake::json(200, "{}").await;
    let gateway = Gateway::to(&fake, "responses").await;
    let admin = Client::new(gateway.admin);
    let missing = admin.get("/api/v1/nothing").await;
    assert_eq!(code(&missing), (404, "path_not_found".to_owned()));
    assert!(missing.text().contains("PUT /api/v1/readiness"), "{}", missing.text());
    let method = admin.ask("DELETE", "/api/v1/readiness", b"").await;
    assert_eq!((method.status, method.header("allow")), (405, Some("PUT")));
    let large = admin.ask("PUT", "/api/v1/readiness", &vec![b' '; 100 << 10]).await;
    assert_eq!(code(&large), (413, "body_too_large".to_owned()));
    let wrong = admin.ask("PUT", "/api/v1/readiness", br#"{"ready":"yes"}"#).await;
    assert_eq!(code(&wrong), (400, "invalid_value".to_owned()));
    assert_eq!(wrong.json()["error"]["param"], "ready");
    let head = admin.begin("HEAD", "/healthz", b"").await;
    assert_eq!(status(head).await, 200);
}

#[tokio::test]
async fn no_page_of_another_site_can_change_anything() {
    let fake = Fake::json(200, "{}").await;
    let gateway = Gateway::to(&fake, "responses").await;
    let ask = async |headers: &str| {
        let mut stream = TcpStream::connect(gateway.admin).await.unwrap();
        let body = r#"{"ready":true}"#;
        let request =
            format!("PUT /api/v1/readiness HTTP/1.1\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).await.unwrap();
        status(stream).await
    };
    let (host, json) = (format!("host: {}\r\n", gateway.admin), "content-type: application/json\r\n");
    assert_eq!(ask(&format!("{host}{json}")).await, 200);
    assert_eq!(
        ask(&format!("{host}{json}origin: http://{}\r\nsec-fetch-site: same-origin\r\n", gateway.admin)).await,
        200
    );
    assert_eq!(ask(&format!("{host}{json}origin: https://evil.example\r\n")).await, 403);
    assert_eq!(ask(&format!("{host}{json}sec-fetch-site: cross-site\r\n")).await, 403);
    for kind in ["", "content-type: text/plain\r\n", "content-type: application/x-www-form-urlencoded\r\n"] {
        assert_eq!(ask(&format!("{host}{kind}")).await, 415, "{kind}");
    }
    assert_eq!(ask(&format!("host: evil.example\r\n{json}")).await, 421);
}

async fn status(mut stream: TcpStream) -> u16 {
    let mut head = vec![0; 32];
    stream.read_exact(&mut head).await.unwrap();
    String::from_utf8_lossy(&head).split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_address_that_lost_its_roles_in_a_reload_lets_nobody_in() {
    let fake = Fake::json(200, "{}").await;
    let text = guarded_config(&fake).replace("address: '127.0.0.1:0'", "address: '0.0.0.0:0'");
    let gateway = Gateway::start(&text).await;
    let admin = SocketAddr::from(([127, 0, 0, 1], gateway.admin.port()));
    assert_eq!(with(admin, TOKENS[1]).get("/api/v1/version").await.status, 200);
    let roles = text.find(", auth: {").map(|at| text[at..].split(" }\n").next().unwrap().to_owned()).unwrap();
    let without = text.replace(&roles, "").replace("0.0.0.0:0", "127.0.0.1:0");
    gateway.reload_as(&without);
    assert_eq!(with(admin, TOKENS[1]).get("/api/v1/version").await.status, 403);
    assert_eq!(Client::new(admin).get("/healthz").await.status, 200);
    gateway.reload_as(&text);
    assert_eq!(with(admin, TOKENS[1]).get("/api/v1/version").await.status, 200);
}
