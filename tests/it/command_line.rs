//! The binary: what it prints, where, and how it exits.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn cutover(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut child = cutover(arguments).spawn().unwrap();
    // A command that refuses its arguments does not read what is piped to it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// Sends a signal with the system's own command.
fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn config_file(name: &str, text: &str) -> String {
    let path = std::env::temp_dir().join(format!("cutover-test-{}-{name}.yaml", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

const GOOD: &str = "listen: { clients: '127.0.0.1:0', admin: '127.0.0.1:0' }
auth: anonymous
backends: { app: { url: 'http://127.0.0.1:9/x', dialect: responses, credential: none } }
routes: [ { name: support, match: { model: agent }, split: { app: 1 } } ]
";

#[test]
fn help_teaches() {
    let (code, out, _) = run(&["--help"], "");
    assert_eq!(code, 0);
    for word in ["serve", "check", "demo", "token", "First steps", "Exit codes"] {
        assert!(out.contains(word), "{word} is missing in:\n{out}");
    }
    let (code, _, err) = run(&["serv"], "");
    assert_eq!(code, 2);
    assert!(err.contains("serve"), "{err}");
}

#[test]
fn token_hash_prints_the_digest_and_nothing_else() {
    let expected = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\n";
    assert_eq!(run(&["token", "hash"], "secret"), (0, expected.into(), String::new()));
    assert_eq!(run(&["token", "hash"], "secret\n").1, expected);
    let (code, out, err) = run(&["token", "hash"], "\n");
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("no token"), "{err}");
}

#[test]
fn token_inspect_shows_claims_and_never_the_token() {
    let part = crate::support::oidc::base64url;
    let claims =
        format!(r#"{{"iss":"https://example.com","exp":{},"x":"\\u001b[31m"}}"#, crate::support::oidc::now() + 7_300);
    let token = format!("{}.{}.c2lnbmF0dXJl", part(r#"{"alg":"RS256","kid":"k1"}"#), part(&claims));
    let (code, out, err) = run(&["token", "inspect"], &format!("{token}\n"));
    assert_eq!((code, err.as_str()), (0, ""));
    for word in ["not verified", "\"RS256\"", "\"k1\"", "\"https://example.com\"", "(in 2 hours)", "\\u001b[31m"] {
        assert!(out.contains(word), "{word} is missing in:\n{out}");
    }
    assert!(!out.contains("c2lnbmF0dXJl") && !out.contains('\u{1b}'), "{out}");
    for wrong in ["dapi0123456789", "a.b.c", &token.replace("c2lnbmF0dXJl", "x.y")] {
        let (code, out, err) = run(&["token", "inspect"], wrong);
        assert_eq!((code, out.as_str()), (2, ""), "{wrong}");
        assert!(err.contains("not a JWT") && !err.contains("dapi") && !err.contains("a.b.c"), "{err}");
    }
}

#[test]
fn check_prints_the_plan_or_every_problem() {
    let (code, out, err) = run(&["check", &config_file("good", GOOD)], "");
    assert_eq!(code, 0, "{err}");
    for word in ["support", "agent", "app", "responses", "100"] {
        assert!(out.contains(word), "{word} is missing in:\n{out}");
    }
    let bad = config_file(
        "bad",
        "listen: { clients: nowhere }
auth: anonymous
backends:
  app: { url: 'ftp://x', dialect: respones, credential: none }
routes:
  - { name: support, splitt: { app: 1 }, split: { ap: 1 } }
",
    );
    let (code, out, err) = run(&["check", &bad], "");
    assert_eq!((code, out.as_str()), (2, ""));
    let lines: Vec<_> = err.lines().collect();
    assert_eq!(lines.len(), 5, "five mistakes, five messages:\n{err}");
    for (line, place) in lines.iter().zip([":1: ", ":4: ", ":4: ", ":6: ", ":6: "]) {
        assert!(line.contains(place), "{line}");
    }
    assert!(err.contains("did you mean `responses`") && err.contains("did you mean `split`"), "{err}");
}

#[test]
fn what_cannot_be_is_one_line_and_code_2() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let in_use = config_file("in-use", &GOOD.replacen("127.0.0.1:0", &address, 1));
    let unknown = config_file("unknown", &GOOD.replace("responses", "morse"));
    for (arguments, words) in [
        (vec!["serve", "--config", in_use.as_str()], "the port is in use"),
        (vec!["serve", "--config", "/no/such/file.yaml"], "/no/such/file.yaml"),
        (vec!["check", "/no/such/file.yaml"], "/no/such/file.yaml"),
        (vec!["serve", "--config", unknown.as_str()], "unknown dialect `morse`"),
        (vec!["demo", "--listen", address.as_str(), "--admin", "127.0.0.1:0"], "the port is in use"),
    ] {
        let (code, _, err) = run(&arguments, "");
        assert_eq!(code, 2, "{arguments:?}: {err}");
        assert!(err.contains(words) && err.trim_end().lines().count() == 1, "{arguments:?}: {err}");
    }
}

#[test]
fn serve_drains_on_sigterm_and_sigint() {
    for name in ["TERM", "INT"] {
        let mut child = cutover(&["serve", "--config", &config_file(name, GOOD)]).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        assert!(first.contains("serving"), "{first}");
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(0), "{name}");
        assert!(lines.any(|line| line.unwrap().contains("stopped")));
    }
}

#[test]
fn a_reload_is_taken_whole_or_not_at_all() {
    let file = config_file("reload", GOOD);
    let mut child = cutover(&["serve", "--config", &file]).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    // The watched file may be read before the signal comes, and then once more.
    let mut reads = |part: &str| lines.by_ref().map_while(Result::ok).any(|line| line.contains(part));
    assert!(reads("serving"));
    std::fs::write(&file, "routes: nonsense").unwrap();
    signal(&child, "HUP");
    assert!(reads("not reloaded"));
    std::fs::write(&file, GOOD).unwrap();
    signal(&child, "HUP");
    assert!(reads("was reloaded"));
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_demo_works_as_printed() {
    let mut child = cutover(&["demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut welcome = String::new();
    while !welcome.contains("time taken") {
        assert!(out.read_line(&mut welcome).unwrap() > 0, "{welcome}");
    }
    for (command, expected) in welcome.split("\n\n").filter(|part| part.trim_start().starts_with("curl")).zip([
        "\"content\":\"Order 1001 has shipped and arrives on Friday.\"",
        "\"text\":\"Order 1001 has shipped and arrives on Friday.\"",
    ]) {
        let output = Command::new("sh").args(["-c", command.trim()]).output().unwrap();
        let answer = String::from_utf8_lossy(&output.stdout);
        assert!(answer.contains(expected), "{command}\n{answer}");
        assert!(!answer.contains("look_up_order") || answer.contains("\"messages\""), "the agent's own call: {answer}");
    }
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.contains("chat_completions") && line.contains("complete"), "{line}");
    let report = welcome.lines().find(|line| line.contains(" report support --config ")).unwrap().trim();
    let told = Command::new("sh").args(["-c", report]).output().unwrap();
    assert!(String::from_utf8_lossy(&told.stdout).contains("support  legacy → app"), "{told:?}");
    let folder = Path::new(report.rsplit(' ').next().unwrap()).parent().unwrap();
    assert!(folder.join("cutover.db").exists());
    signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("Stopped after 2 requests"), "{rest}");
    assert!(!folder.exists(), "nothing is left of the demo");
}

#[test]
fn every_request_is_one_line_of_the_log_without_its_token() {
    let digest = cutover::auth::hex(&cutover::auth::digest("dapi-secret"));
    let config = GOOD.replace(
        "auth: anonymous",
        &format!("auth: [ {{ pat: {{ tokens: [ {{ name: ci, sha256: {digest} }} ] }} }} ]"),
    );
    let mut child = cutover(&["serve", "--config", &config_file("log", &config)]).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<serde_json::Value>(&lines.next().unwrap().unwrap()).unwrap();
    let address = next()["clients"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
    let ask = |token: &str| {
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        let body = r#"{"model":"agent","input":"my secret question"}"#;
        let head = format!(
            "POST /v1/responses?key=dapi-secret HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
             x-request-id: r-1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    };
    for (token, expected) in [
        // The backend of this config is a port that nobody listens on.
        (
            "dapi-secret",
            [("caller", "ci"), ("outcome", "backend_error"), ("code", "backend_unreachable"), ("route", "support")],
        ),
        ("dapi-wrong", [("caller", ""), ("outcome", "client_error"), ("code", "invalid_api_key"), ("route", "")]),
    ] {
        ask(token);
        let line = next();
        for (field, value) in expected {
            assert_eq!(line[field], value, "{field} in {line}");
        }
        assert_eq!((line["target"].as_str(), line["request_id"].as_str()), (Some("access"), Some("r-1")));
        assert!(line["status"].as_u64() >= Some(400) && line["duration_ms"].is_number(), "{line}");
        let text = line.to_string();
        assert!(!text.contains("dapi") && !text.contains("secret question"), "{text}");
    }
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn translate_shows_what_becomes_of_a_body_and_what_is_left_out() {
    let body = r#"{"model":"m","seed":7,"odd":1,"messages":[{"role":"user","content":"hi"}]}"#;
    let (code, out, err) = run(&["translate", "--from", "chat_completions", "--to", "chat_agent"], body);
    assert_eq!((code, out.as_str()), (0, "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}\n"), "{err}");
    let lines: Vec<_> = err.lines().collect();
    assert!(lines[0].starts_with("dropped: seed: ") && lines[1].starts_with("dropped: odd: "), "{err}");

    let two = body.replace("\"seed\":7", "\"n\":2");
    let (code, out, err) = run(&["translate", "--from", "chat_completions", "--to", "chat_agent"], &two);
    assert!(
        code == 1 && out.contains("\"param\":\"n\"") && err.contains("refused with status 400"),
        "{code} {out} {err}"
    );

    let answer = r#"{"messages":[{"role":"assistant","content":"Hello","id":"m"}],"finish_reason":"stop"}"#;
    let (code, out, _) = run(&["translate", "--from", "chat_agent", "--to", "responses", "--answer"], answer);
    assert!(code == 0 && out.contains(r#""text":"Hello""#) && out.contains(r#""status":"completed""#), "{out}");

    let stream = "data: {\"type\": \"response.output_text.delta\", \"item_id\": \"x\", \"delta\": \"Hello\"}\n\n";
    let arguments = ["translate", "--from", "responses", "--to", "chat_completions", "--stream"];
    let (code, out, _) = run(&arguments, &format!("{stream}data: [DONE]\n\n"));
    assert!(code == 0 && out.contains(r#""content":"Hello""#) && out.ends_with("data: [DONE]\n\n"), "{out}");
    let (code, out, err) = run(&arguments, stream);
    assert!(code == 1 && out.contains("\"error\"") && !out.contains("[DONE]") && err.contains("failed"), "{out} {err}");

    let (code, _, err) = run(&["translate", "--from", "durable", "--to", "responses"], "{}");
    assert!(code == 2 && err.contains("write one of responses, chat_completions"), "{err}");
}
