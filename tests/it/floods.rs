//! Floods: four times as much of anything costs about four times as much work, not sixteen times.
//!
//! Work is the time that this thread has had on a processor, so that other tests beside it do not count.

use std::fmt::Write as _;
use std::time::Duration;

use cutover::dialect::{self, Ask, Responses, Surface, Target, Transcoder};
use cutover::ir::{Assembler, Body, Calls, Request};

/// How much of each there is in the smaller flood.
const SOME: usize = 700;

/// A search through all that came before would make the larger flood sixteen times the work.
const MOST_TIMES: f64 = 9.0;

/// The time that this thread has been running.
fn worked() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = told.split(' ').next().and_then(|first| first.parse().ok());
    nanoseconds.map_or_else(|| std::time::UNIX_EPOCH.elapsed().unwrap(), Duration::from_nanos)
}

/// The clock of a processor goes in steps of a few milliseconds; what is measured is some of them.
const LEAST: Duration = Duration::from_millis(40);

/// Holds the work of a flood of `4 * SOME` against that of `SOME`, each as the lesser of two attempts.
fn is_linear(what: &str, flood: impl Fn(usize) -> String, work: impl Fn(&str)) {
    let (few, many) = (flood(SOME), flood(4 * SOME));
    let measured = |text: &str, times: u32| {
        let before = worked();
        (0..times).for_each(|_| work(text));
        worked().saturating_sub(before)
    };
    let enough = (0..16).map(|doublings| 1 << doublings).find(|times| measured(&few, *times) >= LEAST);
    let least = |text: &str| (0..2).map(|_| measured(text, enough.unwrap())).min().unwrap().as_secs_f64();
    let (few, many) = (least(&few), least(&many));
    println!("{what}: {few:.4} s, {many:.4} s, {:.1} times", many / few);
    assert!(many < few * MOST_TIMES, "{what}: {few} s for {SOME}, {many} s for four times as many");
}

/// Frames of these payloads.
fn frames(payloads: impl Iterator<Item = String>) -> String {
    payloads.fold(String::new(), |mut text, payload| {
        write!(text, "data: {payload}\n\n").unwrap();
        text
    })
}

/// Translates a backend's stream for a client.
fn translates(backend: &str, client: &str, declared: &[&str]) -> impl Fn(&str) {
    let (backend, client) = (dialect::named(backend).unwrap(), dialect::named(client).unwrap());
    let openai = matches!(client.name(), "responses" | "chat_completions");
    let ask = Ask {
        surface: if openai { Surface::OpenAi } else { Surface::Invocations },
        show_agents_calls: !openai,
        echo: Responses::echo(&Request::default()),
        ..Ask::default()
    };
    let calls = Calls { hold: openai, declared: declared.iter().map(|&name| name.to_owned()).collect() };
    move |stream| {
        let assembler = Assembler::new("seed".into(), 0, calls.clone(), 64 << 20);
        let mut transcoder = Transcoder::new(backend.reader(), assembler, Some(client.writer(&ask)), 64 << 20);
        transcoder.start();
        transcoder.push(stream.as_bytes());
        transcoder.end();
        assert!(transcoder.ended());
    }
}

/// Reads a client's request and writes it for a backend.
fn asks(client: &str, backend: &str) -> impl Fn(&str) {
    let (client, backend) = (dialect::named(client).unwrap(), dialect::named(backend).unwrap());
    move |body| {
        let body = Body::parse(body.as_bytes()).unwrap();
        let request = client.read_request(&body).unwrap();
        let target = Target { alike: client.name() == backend.name(), ..Target::default() };
        dialect::write(&request, backend, &target).unwrap();
    }
}

fn list(many: usize, element: impl Fn(usize) -> String) -> String {
    (0..many).map(element).collect::<Vec<_>>().join(",")
}

fn piece(index: usize, id: &str, name: &str, arguments: &str) -> String {
    let call = format!(r#"{{"index":{index}{id},"function":{{{name}"arguments":"{arguments}"}}}}"#);
    format!(r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{call}]}}}}]}}"#)
}

fn text(number: usize) -> String {
    format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{number} "}}}}]}}"#)
}

#[test]
fn calls_in_pieces() {
    let begun = |number: usize| piece(number, &format!(r#","id":"c{number}""#), r#""name":"f","#, "{");
    let calls =
        |many: usize| frames((0..many).map(begun).chain((0..many).rev().map(|number| piece(number, "", "", "}"))));
    is_linear("declared", calls, translates("chat_completions", "responses", &["f"]));
    is_linear("held", calls, translates("chat_completions", "chat_completions", &[]));
    is_linear("shown", calls, translates("chat_completions", "chat_agent", &[]));
    let nameless = |many: usize| frames((0..many).map(|number| piece(number, "", "", "{")));
    is_linear("nameless", nameless, translates("chat_completions", "responses", &["f"]));
    let long = |many: usize| {
        let pieces = (0..many).map(|_| piece(0, "", "", "[[[["));
        frames([begun(0), begun(1)].into_iter().chain(pieces).chain((0..many).map(text)))
    };
    is_linear("arguments without end", long, translates("chat_completions", "responses", &["f"]));
}

#[test]
fn calls_that_agents_ran_themselves() {
    let call = |number: usize| {
        format!(
            r#"{{"delta":{{"role":"assistant","content":"","tool_calls":[{{"id":"c{number}","type":"function","function":{{"name":"f","arguments":"{{}}"}}}}]}}}}"#
        )
    };
    let output = |number: usize| format!(r#"{{"delta":{{"role":"tool","tool_call_id":"c{number}","content":"7"}}}}"#);
    let calls = |many: usize| frames((0..many).map(call).chain((0..many).rev().map(output)));
    is_linear("held", calls, translates("chat_agent", "responses", &[]));
    is_linear("shown", calls, translates("chat_agent", "chat_agent", &[]));
    let run = |many: usize| {
        let call = |number: usize| format!(r#"{{"id":"c{number}","name":"f","args":{{}}}}"#);
        let calls = format!(
            r#"{{"type":"message","message":{{"role":"assistant","content":"","tool_calls":[{}]}}}}"#,
            list(many, call)
        );
        let output = |number: usize| {
            format!(r#"{{"type":"message","message":{{"role":"tool","tool_call_id":"c{number}","content":"7"}}}}"#)
        };
        let end = r#"{"type":"run.completed"}"#.to_owned();
        frames(std::iter::once(calls).chain((0..many).rev().map(output)).chain([end]))
    };
    is_linear("of a run", run, translates("durable", "responses", &[]));
}

#[test]
fn items() {
    let added = |number: usize| {
        format!(
            r#"{{"type":"response.output_item.added","output_index":{number},"item":{{"type":"function_call","id":"fc_{number}","call_id":"c{number}","name":"f","arguments":""}}}}"#
        )
    };
    let more = |number: usize| {
        format!(r#"{{"type":"response.function_call_arguments.delta","item_id":"fc_{number}","delta":"{{}}"}}"#)
    };
    let calls = |many: usize| frames((0..many).map(added).chain((0..many).rev().map(more)));
    is_linear("calls", calls, translates("responses", "chat_completions", &["f"]));
    let message =
        |number: usize| format!(r#"{{"type":"response.output_text.delta","item_id":"m{number}","delta":"x"}}"#);
    is_linear("messages", |many| frames((0..many).map(message)), translates("responses", "chat_completions", &[]));
    let citation = |number: usize| {
        format!(
            r#"{{"type":"response.output_text.annotation.added","annotation":{{"type":"url_citation","url":"{number}","title":"","start_index":0,"end_index":0}}}}"#
        )
    };
    let cited = |many: usize| frames((0..many).map(message).chain((0..many).map(citation)));
    is_linear("citations", cited, translates("responses", "chat_completions", &[]));
    let unknown =
        |number: usize| format!(r#"{{"type":"response.output_item.done","item":{{"type":"thing","id":"{number}"}}}}"#);
    is_linear("unknown", |many| frames((0..many).map(unknown)), translates("responses", "responses", &[]));
    let piece = |number: usize| format!(r#"{{"type":"delta","id":"m{number}","content":"x"}}"#);
    let whole = |number: usize| {
        format!(r#"{{"type":"message","message":{{"role":"assistant","id":"n{number}","content":"y{number}"}}}}"#)
    };
    let run = |many: usize| frames((0..many).map(piece).chain((0..many).map(whole)));
    is_linear("messages of a run", run, translates("durable", "responses", &[]));
}

#[test]
fn fields_and_histories() {
    let fields = |many: usize| {
        let fields = list(many, |number| format!(r#""x{number}":{number}"#));
        format!(r#"{{"model":"agent","messages":[{{"role":"user","content":"hi"}}],{fields}}}"#)
    };
    is_linear("fields", fields, asks("chat_completions", "chat_agent"));
    let row = |many: usize| {
        let columns = list(many, |number| format!(r#""x{number}":{number}"#));
        let beside = list(many, |number| format!(r#""y{number}":{number}"#));
        format!(r#"{{"dataframe_records":[{{"messages":[{{"role":"user","content":"hi"}}],{columns}}}],{beside}}}"#)
    };
    is_linear("columns", row, asks("chat_agent", "chat_agent"));
    let thoughts = |many: usize| {
        let thoughts = list(many, |_| r#"{"type":"reasoning","summary":[]}"#.to_owned());
        let call = r#"{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}"#;
        format!(
            r#"{{"input":[{{"role":"user","content":"hi"}},{{"role":"assistant","content":"so"}},{thoughts},{call}]}}"#
        )
    };
    is_linear("thoughts", thoughts, asks("responses", "chat_agent"));
    let system = |many: usize| {
        let said = list(many, |_| r#"{"role":"system","content":"Be brief and kind to all who ask."}"#.to_owned());
        format!(r#"{{"messages":[{said},{{"role":"user","content":"hi"}}]}}"#)
    };
    is_linear("system", system, asks("chat_completions", "chat_agent"));
    let tools = |many: usize| {
        let call = |number: usize| {
            format!(r#"{{"type":"function_call","call_id":"c{number}","name":"g{number}","arguments":"{{}}"}}"#)
        };
        let output = |number: usize| format!(r#"{{"type":"function_call_output","call_id":"c{number}","output":"7"}}"#);
        let tool = |number: usize| format!(r#"{{"type":"function","name":"f{number}"}}"#);
        format!(r#"{{"input":[{},{}],"tools":[{}]}}"#, list(many, call), list(many, output), list(many, tool))
    };
    is_linear("tools and calls", tools, asks("responses", "responses"));
    is_linear("calls of a history", tools, asks("responses", "chat_completions"));
}
