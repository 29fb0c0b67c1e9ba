//! What the assembler levels, told by the events that come out.

use super::*;
use crate::ir::{Json, Str, Usage};

/// Feeds fragments and writes the events down, one short line each.
fn events(calls: Calls, fragments: Vec<Fragment<'_>>) -> Vec<String> {
    let mut assembler = Assembler::new("s".into(), 0, calls, 10_000);
    let mut lines = Vec::new();
    let mut emit = |event: &Event<'_>, answer: &Answer| {
        lines.push(match event {
            Event::Started => "started".into(),
            Event::ItemStarted { index } => match &answer.items[*index].piece {
                Piece::Message { .. } => format!("{index} message"),
                Piece::Call { call_id, name, by, .. } => format!("{index} {by:?} call {call_id} {name}"),
                Piece::CallOutput { call_id, name, output } => format!("{index} output {call_id} {name} {output}"),
                Piece::Reasoning { .. } => format!("{index} reasoning"),
                Piece::Opaque { kind, .. } => format!("{index} {kind}"),
            },
            Event::Text { index, delta } | Event::Arguments { index, delta } => format!("{index} +{delta}"),
            Event::Refusal { index, delta } => format!("{index} refuses +{delta}"),
            Event::Reasoning { index, delta } => format!("{index} thinks +{delta}"),
            Event::Annotation { index, annotation } => format!("{index} cites {annotation}"),
            Event::ItemDone { index } => {
                format!("{index} {}", if answer.items[*index].complete { "done" } else { "cut" })
            }
            Event::Finished => format!("finished {:?}", answer.finish().unwrap()),
            Event::Failed(error) => format!("failed {:?}", error.kind()),
        });
    };
    assembler.start(&mut emit);
    for fragment in fragments {
        assembler.push(fragment, &mut emit);
    }
    assert_eq!(lines.remove(0), "started");
    lines
}

fn text<'a>(item: &'a str, delta: &'a str) -> Fragment<'a> {
    Fragment::Text { item: (!item.is_empty()).then(|| Str::from(item)), delta: delta.into() }
}

fn whole<'a>(item: &'a str, text: &'a str) -> Fragment<'a> {
    let item = (!item.is_empty()).then(|| Str::from(item));
    Fragment::Message { item, text: text.into(), refusal: None, annotations: Vec::new() }
}

fn call<'a>(call_id: &'a str, name: &'a str, arguments: &'a str) -> Fragment<'a> {
    Fragment::Call { slot: None, call_id: call_id.into(), name: name.into(), arguments: arguments.into() }
}

fn begin<'a>(slot: u32, call_id: &'a str, name: &'a str) -> Fragment<'a> {
    Fragment::CallStart { slot, call_id: Some(call_id.into()), name: Some(name.into()) }
}

fn arguments(slot: u32, delta: &str) -> Fragment<'_> {
    Fragment::CallArguments { slot, delta: delta.into() }
}

fn output<'a>(call_id: &'a str, output: &'a str) -> Fragment<'a> {
    Fragment::CallOutput { call_id: call_id.into(), name: None, output: output.into() }
}

fn hold(declared: &[&str]) -> Calls {
    Calls { hold: true, declared: declared.iter().map(|name| (*name).to_owned()).collect() }
}

#[test]
fn deltas_then_the_whole_say_nothing_twice() {
    let expected = ["0 message", "0 +a", "0 +b", "0 done", "finished Stop"];
    for done in ["m1", "other", ""] {
        let seen = events(
            hold(&[]),
            vec![text("m1", ""), text("m1", "a"), text("m1", "b"), whole(done, "ab"), Fragment::Done],
        );
        assert_eq!(seen, expected, "done item called {done:?}");
    }
}

#[test]
fn the_whole_adds_what_the_deltas_left_out() {
    let seen = events(hold(&[]), vec![text("m", "a"), whole("m", "abc"), whole("n", "next"), Fragment::Done]);
    assert_eq!(seen, ["0 message", "0 +a", "0 +bc", "0 done", "1 message", "1 +next", "1 done", "finished Stop"]);
}

#[test]
fn streamed_text_wins_over_a_whole_that_contradicts_it() {
    let seen = events(hold(&[]), vec![text("m", "streamed"), whole("m", "other"), Fragment::Done]);
    assert_eq!(seen, ["0 message", "0 +streamed", "0 done", "finished Stop"]);
}

#[test]
fn a_new_name_is_a_new_message_and_a_late_whole_is_not_said_again() {
    let seen =
        events(hold(&[]), vec![text("a", "1"), text("b", "2"), whole("a", "1"), whole("b", "2"), Fragment::Done]);
    assert_eq!(seen, ["0 message", "0 +1", "0 done", "1 message", "1 +2", "1 done", "finished Stop"]);
}

#[test]
fn the_agents_own_calls_are_told_apart_by_their_output() {
    let fragments = || vec![call("c1", "f", "{}"), output("c1", "21"), whole("m", "warm"), Fragment::Done];
    let expected = [
        "0 Agent call c1 f",
        "0 +{}",
        "0 done",
        "1 output c1 f 21",
        "1 done",
        "2 message",
        "2 +warm",
        "2 done",
        "finished Stop",
    ];
    assert_eq!(events(hold(&[]), fragments()), expected);
    assert_eq!(events(hold(&["f"]), fragments()), expected, "even when the client has a tool of that name");
    let shown = events(Calls::default(), fragments());
    assert_eq!(shown[0], "0 Client call c1 f", "shown at once to those who want to see it");
    assert_eq!(shown.last().unwrap(), "finished Stop");
}

#[test]
fn a_call_without_output_is_for_the_client() {
    let expected = ["0 Client call c1 f", "0 +{\"a\":1}", "0 done", "finished ToolCalls"];
    for calls in [hold(&[]), hold(&["f"]), Calls::default()] {
        assert_eq!(events(calls, vec![call("c1", "f", "{\"a\":1}"), Fragment::Done]), expected);
    }
}

#[test]
fn a_call_without_arguments_or_id_gets_both() {
    let seen = events(hold(&["f"]), vec![call("", "f", ""), Fragment::Done]);
    assert_eq!(seen, ["0 Client call call_s0 f", "0 +{}", "0 done", "finished ToolCalls"]);
}

#[test]
fn interleaved_calls_come_one_after_the_other() {
    let seen = events(
        hold(&["f", "g"]),
        vec![
            begin(0, "c1", "f"),
            arguments(0, "{\"a\""),
            begin(1, "c2", "g"),
            arguments(1, "{}"),
            arguments(0, ":1}"),
            Fragment::Finish(Finish::ToolCalls),
            Fragment::Done,
        ],
    );
    let expected = [
        "0 Client call c1 f",
        "0 +{\"a\"",
        "0 +:1}",
        "0 done",
        "1 Client call c2 g",
        "1 +{}",
        "1 done",
        "finished ToolCalls",
    ];
    assert_eq!(seen, expected);
}

#[test]
fn pieces_then_the_whole_call_add_only_the_rest() {
    let seen = events(
        hold(&["f"]),
        vec![
            begin(3, "c1", "f"),
            arguments(3, "{\"a\""),
            Fragment::Call { slot: Some(3), call_id: "c1".into(), name: "f".into(), arguments: "{\"a\":1}".into() },
            call("c1", "f", "{\"a\":1}"),
            Fragment::Done,
        ],
    );
    assert_eq!(seen, ["0 Client call c1 f", "0 +{\"a\"", "0 +:1}", "0 done", "finished ToolCalls"]);
}

#[test]
fn a_call_that_is_repeated_in_whole_is_one_call() {
    let whole = || call("c1", "f", "{}");
    let expected = ["0 Client call c1 f", "0 +{}", "0 done", "finished ToolCalls"];
    for calls in [hold(&[]), hold(&["f"]), Calls::default()] {
        assert_eq!(events(calls, vec![whole(), whole(), Fragment::Done]), expected);
    }
}

#[test]
fn a_name_that_comes_late_is_waited_for() {
    let seen = events(
        hold(&["f"]),
        vec![
            Fragment::CallStart { slot: 0, call_id: Some("c".into()), name: None },
            arguments(0, "{"),
            Fragment::CallStart { slot: 0, call_id: None, name: Some("f".into()) },
            arguments(0, "}"),
            Fragment::Done,
        ],
    );
    assert_eq!(seen, ["0 Client call c f", "0 +{", "0 +}", "0 done", "finished ToolCalls"]);
}

#[test]
fn text_around_calls_keeps_its_place() {
    let seen = events(
        hold(&["f"]),
        vec![
            text("", "before "),
            begin(0, "c", "f"),
            arguments(0, "{"),
            text("", "during"),
            arguments(0, "}"),
            text("", " after"),
            Fragment::Done,
        ],
    );
    let expected = [
        "0 message",
        "0 +before ",
        "0 done",
        "1 Client call c f",
        "1 +{",
        "1 +}",
        "1 done",
        "2 message",
        "2 +during",
        "2 + after",
        "2 done",
        "finished ToolCalls",
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_length_cut_leaves_the_last_item_incomplete_and_is_no_tool_call() {
    for calls in [hold(&["f"]), hold(&[]), Calls::default()] {
        let seen = events(
            calls,
            vec![
                begin(0, "b", "f"),
                arguments(0, "{}"),
                begin(1, "c", "f"),
                arguments(1, "{\"a"),
                Fragment::Finish(Finish::Length),
                Fragment::Usage(Usage::default()),
                Fragment::Done,
            ],
        );
        let expected =
            ["0 Client call b f", "0 +{}", "0 done", "1 Client call c f", "1 +{\"a", "1 cut", "finished Length"];
        assert_eq!(seen, expected);
    }
}

#[test]
fn a_failure_ends_everything_and_closes_nothing() {
    let cut = Error::new(Kind::Cut, "cut");
    let seen = events(hold(&[]), vec![text("", "a"), Fragment::Failed(cut), text("", "b"), Fragment::Done]);
    assert_eq!(seen, ["0 message", "0 +a", "failed Cut"]);
}

#[test]
fn an_answer_cannot_outgrow_its_limit() {
    let long = "x".repeat(4_000);
    let seen = events(hold(&[]), vec![text("", &long), text("", &long), text("", &long), Fragment::Done]);
    assert_eq!(seen.last().unwrap(), "failed BackendGarbage");
}

#[test]
fn reasoning_is_an_item_of_its_own() {
    let seen = events(
        hold(&[]),
        vec![
            Fragment::Reasoning { item: None, delta: "hm".into() },
            Fragment::Thought { item: None, text: "hm, so".into(), encrypted: None },
            text("", "a"),
            Fragment::Done,
        ],
    );
    assert_eq!(
        seen,
        ["0 reasoning", "0 thinks +hm", "0 thinks +, so", "0 done", "1 message", "1 +a", "1 done", "finished Stop"]
    );
}

#[test]
fn in_every_message_text_and_citations_stand_before_the_refusal() {
    let refusal = |delta: &'static str| Fragment::Refusal { item: Some("m".into()), delta: delta.into() };
    let seen = events(hold(&[]), vec![text("m", "a"), refusal("no"), text("m", "b"), Fragment::Done]);
    assert_eq!(seen, ["0 message", "0 +a", "0 refuses +no", "0 done", "1 message", "1 +b", "1 done", "finished Stop"]);
    let whole = Fragment::Message {
        item: None,
        text: "a".into(),
        refusal: Some("no".into()),
        annotations: vec![Json::Owned(crate::ir::json(&1))],
    };
    let seen = events(hold(&[]), vec![whole, Fragment::Done]);
    assert_eq!(seen, ["0 message", "0 +a", "0 cites 1", "0 refuses +no", "0 done", "finished Stop"]);
}

#[test]
fn what_comes_for_another_item_waits_until_the_open_call_is_whole() {
    let thought = || Fragment::Reasoning { item: None, delta: "hm".into() };
    let rest = |cut: bool| {
        let mut fragments = vec![begin(0, "c", "f"), arguments(0, "{"), thought(), whole("m", "text")];
        fragments.push(if cut { Fragment::Finish(Finish::Length) } else { arguments(0, "}") });
        fragments.push(Fragment::Done);
        events(hold(&["f"]), fragments)
    };
    let expected = [
        "0 Client call c f",
        "0 +{",
        "0 +}",
        "0 done",
        "1 reasoning",
        "1 thinks +hm",
        "1 done",
        "2 message",
        "2 +text",
        "2 done",
        "finished ToolCalls",
    ];
    assert_eq!(rest(false), expected);
    assert_eq!(rest(true), ["0 Client call c f", "0 +{", "0 cut", "finished Length"], "what is cut off is the last");
}

#[test]
fn an_output_ends_its_call() {
    let seen = events(Calls::default(), vec![begin(0, "c", "f"), output("c", "21"), Fragment::Done]);
    let expected = ["0 Client call c f", "0 +{}", "0 done", "1 output c f 21", "1 done", "finished Stop"];
    assert_eq!(seen, expected);
}

#[test]
fn pieces_that_nobody_names_are_no_call() {
    for calls in [hold(&[]), Calls::default()] {
        assert_eq!(events(calls, vec![arguments(7, "{}"), Fragment::Done]), ["finished Stop"]);
    }
}

#[test]
fn an_unknown_item_that_is_repeated_is_one_item() {
    let thing = || Fragment::Opaque { kind: "thing".into(), raw: Json::Owned(crate::ir::json("x")) };
    assert_eq!(events(hold(&[]), vec![thing(), thing(), Fragment::Done]), ["0 thing", "0 done", "finished Stop"]);
}
