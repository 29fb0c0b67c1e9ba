//! Bytes as they come: line ends, marks, sizes, floods, and what is not JSON.

use cutover::error::Kind;
use cutover::ir::Body;
use serde_json::{Value, json};

use super::wire::{LIMIT, call, chat, cut, finish, responses, sse, text};

fn streamed() -> String {
    sse(&[text("wö"), text("rld 🎉"), finish("stop")])
}

/// The error at the end of a chat client's stream.
fn told(stream: &[u8]) -> Value {
    let bytes = chat().survives("chat_completions", stream);
    let last = std::str::from_utf8(&bytes).unwrap().trim_end().rsplit("\n\n").next().unwrap().to_owned();
    serde_json::from_str::<Value>(last.strip_prefix("data: ").unwrap()).unwrap()["error"].clone()
}

/// Every way to end a line, a byte-order mark, no space after the colon, several data lines, and letters that are cut
/// between two reads: the client gets LF, no mark, and whole letters.
#[test]
fn any_framing_of_the_backend_is_the_same_stream_for_the_client() {
    let expected = chat().stream_of("chat_completions", [streamed().as_bytes()]);
    let crlf = streamed().replace('\n', "\r\n");
    let cr = streamed().replace('\n', "\r");
    let marked = format!("\u{feff}{}", streamed());
    let narrow = streamed().replace("data: ", "data:");
    let lines = streamed().replace("\"choices\":", "\ndata: \"choices\":");
    let commented = streamed().replace("data: ", ": a comment\nid: 7\nretry: 9\nodd\ndata: ");
    let unended = streamed().trim_end().to_owned();
    for stream in [crlf, cr, marked, narrow, lines, commented, unended] {
        for step in [1, 2, 3, 5, stream.len()] {
            assert_eq!(
                chat().stream_of("chat_completions", stream.as_bytes().chunks(step)),
                expected,
                "{stream:?} by {step}"
            );
        }
    }
    assert!(expected.contains("wö") && expected.contains("rld 🎉") && !expected.contains('\r'));
}

/// A single CR in the middle of a stream is the end of a line like any other.
#[test]
fn a_lone_carriage_return_ends_a_line() {
    let stream = format!("data: {}\r\rdata: {}\n\ndata: [DONE]\r", text("a"), finish("stop"));
    assert_eq!(chat().adds_up("chat_completions", &stream)["content"], "a");
}

/// A client that is sent nothing for a while hears a comment, the one sign of life that breaks nobody; the stream's
/// first two events go out before the backend has said a word.
#[test]
fn the_stream_begins_before_the_backend_speaks() {
    let stream = responses().stream_of("responses", [&b""[..]]);
    let begun: Vec<_> = stream.lines().filter_map(|line| line.strip_prefix("event: ")).take(2).collect();
    assert_eq!(begun, ["response.created", "response.in_progress"]);
}

/// An event of eight megabytes is one event.
#[test]
fn an_event_of_eight_megabytes_is_carried() {
    let long = "x".repeat(8 << 20);
    let bytes = chat().survives("chat_completions", sse(&[text(&long), finish("stop")]).as_bytes());
    assert!(bytes.len() > long.len() && bytes.ends_with(b"data: [DONE]\n\n"));
    let arguments = json!({"x": long}).to_string();
    let bytes = responses()
        .with_tools(&["f"])
        .survives("chat_completions", sse(&[call(0, "a", "f", &arguments), finish("stop")]).as_bytes());
    assert!(bytes.ends_with(b"data: [DONE]\n\n"));
}

/// An event that never ends is refused when it is larger than what is held.
#[test]
fn an_event_without_an_end_is_an_error_at_the_limit() {
    let endless = "data: {\"choices\":[{\"delta\":{\"content\":\"".to_owned() + &"x".repeat(LIMIT + (1 << 20));
    assert_eq!(told(endless.as_bytes())["code"], "backend_malformed_answer");
    let lines = "data: x\n".repeat(LIMIT / 4);
    assert_eq!(told(lines.as_bytes())["code"], "backend_malformed_answer", "nor by many short lines");
}

/// Ten thousand frames that hold nothing are nothing.
#[test]
fn ten_thousand_empty_frames_are_nothing() {
    let empty = ["\n\n", "data:\n\n", "data: \n\n", ": x\n\n", "event: x\n\n", "data: {}\n\n"];
    let flood: String = empty.iter().map(|frame| frame.repeat(10_000)).collect();
    for backend in ["chat_completions", "responses", "chat_agent", "chat_model", "split_chat_messages"] {
        let stream = flood.clone() + &streamed();
        let bytes = chat().survives(backend, stream.as_bytes());
        assert_eq!(bytes.len(), chat().survives(backend, streamed().as_bytes()).len(), "{backend}");
    }
}

/// A flood of calls, items or citations ends at a limit: each is looked for among the others, so their number is bounded
/// and not only their text.
#[test]
fn a_flood_of_tiny_items_ends_at_a_limit() {
    const MOST: usize = LIMIT / 512;
    let call = |number: usize| cut(&[call(number as u64, &format!("c{number}"), "f", "{")]);
    let item = |number: usize| {
        cut(&[json!({"type": "response.output_text.delta", "item_id": number.to_string(), "delta": "x"})])
    };
    let citation = |number: usize| {
        let annotation =
            json!({"type": "url_citation", "url": number.to_string(), "title": "", "start_index": 0, "end_index": 0});
        item(0) + &cut(&[json!({"type": "response.output_text.annotation.added", "annotation": annotation})])
    };
    let floods: [(&str, &dyn Fn(usize) -> String); 3] =
        [("chat_completions", &call), ("responses", &item), ("responses", &citation)];
    for (backend, frames) in floods {
        let flood: String = (0..MOST).map(frames).collect();
        let bytes = responses().with_tools(&["f"]).survives(backend, flood.as_bytes());
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("larger than this gateway holds"), "{backend}: it has a limit");
        assert!(text.matches("event: response.").count() < 4 * MOST, "{backend}");
    }
}

/// Ids of megabytes count against the limit as well as text does.
#[test]
fn ids_of_megabytes_are_not_kept_without_limit() {
    let long = "x".repeat(4 << 20);
    let calls: Vec<_> = (0..8).map(|number| call(number, &format!("{long}{number}"), "f", "{")).collect();
    let flood = cut(&calls);
    assert_eq!(told(flood.as_bytes())["code"], "backend_malformed_answer");
}

/// What is not JSON is an error and not a silence.
#[test]
fn a_frame_that_is_no_json_is_an_error() {
    for frame in [
        "data: {\"choices\":\n\n",
        "data: <html>\n\n",
        "data: {'a': 1}\n\n",
        "data: {\"a\":\"\u{1}\"}\n\n",
        "data: [[[[\n\n",
    ] {
        for backend in ["chat_completions", "responses"] {
            let stream = frame.to_owned() + "data: [DONE]\n\n";
            let bytes = responses().survives(backend, stream.as_bytes());
            assert!(String::from_utf8_lossy(&bytes).contains("event: response.failed"), "{backend}: {frame:?}");
        }
    }
    let invalid =
        [b"data: {\"choices\":[{\"delta\":{\"content\":\"", &b"\xff\xfe"[..], b"\"}}]}\n\ndata: [DONE]\n\n"].concat();
    assert_eq!(told(&invalid)["code"], "backend_malformed_answer");
}

/// JSON that names a field twice means two things: readers differ in which of them they believe.
#[test]
fn a_field_that_is_named_twice_is_an_error() {
    for (backend, frame) in [
        ("chat_completions", r#"{"choices":[{"index":0,"delta":{"content":"a","content":"b"}}]}"#),
        ("chat_completions", r#"{"choices":[],"choices":[]}"#),
        ("responses", r#"{"type":"response.output_text.delta","delta":"a","delta":"b"}"#),
        (
            "responses",
            r#"{"type":"response.output_item.done","item":{"type":"message","role":"assistant","content":"a","content":"b"}}"#,
        ),
    ] {
        let stream = format!("data: {frame}\n\ndata: [DONE]\n\n");
        let bytes = responses().survives(backend, stream.as_bytes());
        assert!(String::from_utf8_lossy(&bytes).contains("names a field twice"), "{frame}");
    }
    let error = Body::parse(br#"{"model":"a","input":"x","input":"y"}"#).unwrap_err();
    assert_eq!((error.kind(), error.field()), (Kind::MalformedBody, Some("input")));
    let plain = r#"{"output":[{"type":"message","role":"assistant","content":"a"}],"output":[]}"#;
    assert_eq!(responses().plain_text("responses", plain).unwrap_err().kind(), Kind::BackendGarbage);
}

/// A plain answer that is too deep, too odd or no answer at all is an error.
#[test]
fn a_plain_answer_that_is_none_is_an_error() {
    let deep = "[".repeat(1_000_000);
    for body in ["", "null", "7", "\u{feff}{}", "{", "<html></html>", "{\"output\":7}", &deep] {
        for backend in ["responses", "chat_completions", "chat_agent", "chat_model", "split_chat_messages"] {
            let error = chat().plain_text(backend, body);
            assert!(error.is_err_and(|error| error.status().as_u16() == 502), "{backend}: {body:.20}");
        }
    }
}
