//! What the config accepts, refuses and says, told by whole files.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::*;

mod backends;
mod calls;
mod clients;
mod identity;
mod routes;
mod shadow;
mod store;
mod yaml;

/// The smallest whole config; tests add to it or take its lines away.
const WHOLE: &str = "\
auth: anonymous
backends:
  legacy: { url: http://127.0.0.1:1/invocations, dialect: chat_agent }
  app: { url: http://127.0.0.1:2/responses, dialect: responses }
routes:
  - { name: main, split: { legacy: 1, app: 1 } }
";

const DIGEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn env(name: &str) -> Option<String> {
    match name {
        "TOKEN" => Some("s3cret".into()),
        "EMPTY" => Some(String::new()),
        "SPACED" => Some("Bearer s3cret".into()),
        "PORT" => Some("8081".into()),
        _ => None,
    }
}

fn parse(text: &str) -> Result<Config, Problems> {
    Config::parse(text, Path::new("config"), &env)
}

fn good(text: &str) -> Config {
    parse(text).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// The problems of a text as `line: path: message`, one a line.
fn problems(text: &str) -> Vec<String> {
    let problems = parse(text).expect_err(text);
    problems.iter().map(|problem| problem.in_file("").trim_start_matches(':').trim_start().to_owned()).collect()
}

fn only_problem(text: &str) -> String {
    let all = problems(text);
    assert_eq!(all.len(), 1, "{all:#?}\n{text}");
    all.into_iter().next().unwrap()
}

/// The whole config with one backend more; the only problem it has.
fn backend_problem(backend: &str) -> String {
    only_problem(&WHOLE.replace("routes:", &format!("  more: {backend}\nroutes:")))
}

fn backend(fields: &str) -> Config {
    let more = format!("  more: {{ url: 'http://127.0.0.1/x', dialect: responses, {fields} }}\nroutes:");
    good(&WHOLE.replace("routes:", &more))
}

/// The whole config with this route instead of its own.
fn with_route(route: &str) -> String {
    WHOLE.replace("{ name: main, split: { legacy: 1, app: 1 } }", route)
}

fn with_auth(auth: &str) -> String {
    WHOLE.replace("auth: anonymous", &format!("auth: {auth}"))
}

#[test]
fn defaults_are_filled_in() {
    let config = good(WHOLE);
    assert_eq!(config.listen, Listen::default());
    assert_eq!(config.listen.clients.to_string(), "127.0.0.1:8080");
    assert_eq!(config.listen.admin.to_string(), "127.0.0.1:9090");
    let (head, body, answer) = (65_536, 16_777_216, 16_777_216);
    let limits = ClientLimits { head, body, connections: 10_000, answer, in_flight: 10_000, per_caller: None };
    assert_eq!(config.limits, limits);
    assert_eq!(config.timeouts.drain, Duration::from_secs(120));
    assert_eq!(config.auth, Auth::Anonymous);
    let app = &config.backends[1];
    assert_eq!((app.name.as_str(), app.dialect.name(), app.verbatim), ("app", "responses", false));
    assert!(matches!(app.credential, Credential::Caller) && app.model.is_none());
    assert_eq!(app.timeouts, BackendTimeouts::default());
    let route = &config.routes[0];
    assert_eq!(route.rule, Rule::default());
    assert_eq!(route.split[0], Share { backend: 0, basis_points: 5_000 });
    assert_eq!((route.answer, route.show_server_tools, &route.sticky), (AnswerShape::Both, false, &None));
    assert_eq!(route.legacy_dialect.unwrap().name(), "chat_agent");
    assert_eq!(config.warnings, []);
}

#[test]
fn everything_can_be_said() {
    let config = good(&format!(
        "
listen: {{ clients: {{ address: '0.0.0.0:${{env:PORT}}' }}, admin: localhost:9091 }}
limits: {{ head: 8KiB, body: 1MiB, connections: 5, answer: 1024, in_flight: 6, per_caller: 2 }}
timeouts: {{ head: 1s, body: 2s, idle: 3m, send: 1h, drain: 0s }}
auth:
  - pat: {{ tokens: [ {{ name: ci, sha256: {DIGEST} }} ] }}
backends:
  llm:
    url: https://example.com/v1/responses
    dialect: responses
    verbatim: true
    credential: {{ token: '${{env:TOKEN}}' }}
    model: large
    timeouts: {{ connect: 500ms, first_byte: 1s, idle: 2s, total: 3s }}
routes:
  - name: r
    match: {{ model: 'support-*', path: /v1/responses }}
    split: {{ llm: 1 }}
    sticky: [ custom_inputs.thread_id, 'header:X-Session-Id' ]
    answer: legacy
    legacy_dialect: chat_model
    show_server_tools: true
"
    ));
    assert_eq!(config.listen.clients, "0.0.0.0:8081".parse::<SocketAddr>().unwrap());
    assert_eq!(config.listen.admin, "127.0.0.1:9091".parse::<SocketAddr>().unwrap());
    let (head, body, answer) = (8_192, 1_048_576, 1_024);
    let limits = ClientLimits { head, body, connections: 5, answer, in_flight: 6, per_caller: Some(2) };
    assert_eq!(config.limits, limits);
    assert_eq!((config.timeouts.idle, config.timeouts.drain), (Duration::from_secs(180), Duration::ZERO));
    let Auth::Methods(methods) = &config.auth else { panic!("{:?}", config.auth) };
    let Method::Pat(Pat::Tokens(tokens)) = &methods[0] else { panic!("{methods:?}") };
    assert_eq!((tokens[0].name.as_str(), tokens[0].sha256[0], tokens[0].sha256[31]), ("ci", 0x9f, 0x08));
    let llm = &config.backends[0];
    assert!(matches!(&llm.credential, Credential::Token(secret) if secret.expose() == "s3cret"));
    assert_eq!((llm.verbatim, llm.model.as_deref()), (true, Some("large")));
    assert_eq!((llm.timeouts.connect, llm.timeouts.total), (Duration::from_millis(500), Duration::from_secs(3)));
    let route = &config.routes[0];
    assert!(route.rule.model.as_ref().unwrap().matches("support-agent"));
    assert_eq!(route.sticky.as_ref().unwrap(), &["custom_inputs.thread_id", "header:X-Session-Id"]);
    assert_eq!((route.answer, route.show_server_tools), (AnswerShape::Legacy, true));
    assert_eq!(route.legacy_dialect.unwrap().name(), "chat_model");
    assert_eq!(config.warnings, []);
}

#[test]
fn five_mistakes_are_five_messages_in_one_pass() {
    let text = "\
listen:
  clients: 8080
auth: anonymous
backends:
  legacy:
    url: ftp://example.com/invocations
    dialect: respones
    timeouts: { conect: 5s }
  app: { url: https://example.com/responses, dialect: responses, credential: none }
routes:
  - name: support
    split: { legacy: 95, ap: 5 }
";
    assert_eq!(
        problems(text),
        [
            "2: listen.clients: `8080` is not an address with a port such as `127.0.0.1:8080`",
            "6: backends.legacy.url: does not begin with `http://` or `https://`; write a URL such as `https://host/path`",
            "7: backends.legacy.dialect: unknown dialect `respones`; write one of responses, chat_completions, \
             chat_agent, chat_model, split_chat_messages, durable (did you mean `responses`?)",
            "8: backends.legacy.timeouts.conect: unknown key `conect`; did you mean `connect`?",
            "12: routes[0].split.ap: unknown backend; write one of legacy, app (did you mean `app`?)",
        ]
    );
}

#[test]
fn a_problem_names_its_file() {
    let folder = std::env::temp_dir().join(format!("cutover-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("cutover.yaml");
    std::fs::write(&path, WHOLE.replace("dialect: responses", "dialect: 5")).unwrap();
    let message = Config::load(&path).unwrap_err().to_string();
    assert!(
        message.starts_with(&format!("{}:4: backends.app.dialect: unknown dialect `5`", path.display())),
        "{message}"
    );
    std::fs::write(&path, b"a: b\nc: \xff\n").unwrap();
    assert_eq!(Config::load(&path).unwrap_err().to_string(), format!("{}:2: is not UTF-8 text", path.display()));
    std::fs::write(&path, "#".repeat(LARGEST + 1)).unwrap();
    assert!(Config::load(&path).unwrap_err().to_string().contains("is over 1 MiB"));
    let absent = folder.join("absent.yaml");
    let message = Config::load(&absent).unwrap_err().to_string();
    assert!(message.starts_with(&format!("{}: cannot be read: ", absent.display())), "{message}");
    assert!(Config::load(&folder).unwrap_err().to_string().contains("cannot be read"));
}

#[test]
fn files_are_found_from_the_folder_of_the_config() {
    let folder = std::env::temp_dir().join(format!("cutover-secret-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("token"), "from-file\n").unwrap();
    let text = WHOLE.replace("dialect: responses", "dialect: responses, credential: { token: '${file:token}' }");
    let config = Config::parse(&text, &folder, &env).unwrap();
    assert!(matches!(&config.backends[1].credential, Credential::Token(secret) if secret.expose() == "from-file"));
}

#[test]
fn every_shipped_config_loads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let env = |name: &str| Some(if name.ends_with("SHA256") { DIGEST.into() } else { "token".to_owned() });
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let config =
            Config::parse(&text, &folder, &env).unwrap_or_else(|problems| panic!("{}: {problems}", path.display()));
        assert_eq!(config.warnings, [], "{}", path.display());
        count += 1;
    }
    assert!(count >= 2);
}

#[test]
fn missing_keys_say_what_to_write() {
    let all = problems("limits: {}\n");
    assert_eq!(all.len(), 3, "{all:#?}");
    assert!(all[0].starts_with("auth: is missing; write a list of methods") && all[0].contains("`anonymous`"));
    assert!(all[1].starts_with("backends: is missing; write a mapping from names"));
    assert!(all[2].starts_with("routes: is missing; write a list of routes"));
    assert_eq!(
        backend_problem("{ url: http://127.0.0.1/x }"),
        format!("5: backends.more.dialect: is missing; {DIALECTS}")
    );
}

const DIALECTS: &str = "write one of responses, chat_completions, chat_agent, chat_model, split_chat_messages, durable";

#[test]
fn a_misspelt_required_key_is_one_mistake() {
    assert_eq!(
        backend_problem("{ url: http://127.0.0.1/x, dialct: responses }"),
        "5: backends.more.dialct: unknown key `dialct`; did you mean `dialect`?"
    );
}

#[test]
fn what_this_version_does_not_do_is_refused_by_name() {
    let route = |field: &str| with_route(&format!("{{ name: r, split: {{ app: 1 }}, {field} }}"));
    for (text, path) in [
        (route("rollout: {}"), "routes[0].rollout"),
        (route("match: { header: x }"), "routes[0].match.header"),
        (route("match: { caller: x }"), "routes[0].match.caller"),
        (route("match: { body: x }"), "routes[0].match.body"),
        (route("sticky: [ fingerprint ]"), "routes[0].sticky[0]"),
        (format!("{WHOLE}listen: {{ admin: {{ address: '127.0.0.1:1', tls: {{}} }} }}\n"), "listen.admin.tls"),
    ] {
        let message = problems(&text).join("\n");
        let (_, rest) = message.split_once(": ").filter(|_| message.starts_with(|c: char| c.is_ascii_digit())).unwrap();
        assert!(rest.starts_with(&format!("{path}: `")), "{message}");
        assert!(rest.ends_with(" is not supported by this version yet; remove it"), "{message}");
    }
}
