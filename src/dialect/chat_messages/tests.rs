//! What holds for all chat dialects: full tables, readers that nothing upsets, writers that are legal whatever comes.

use proptest::prelude::*;

use super::testing::*;
use crate::dialect::{Ask, ChatAgent, ChatCompletions, ChatModel, Dialect, Legacy, SplitChatMessages};
use crate::error::{Error, Kind};
use crate::ir::{Carry, Field, Finish, Fragment, Str};

const DIALECTS: &[&dyn Dialect] = &[&ChatCompletions, &ChatAgent, &ChatModel, &SplitChatMessages];

#[test]
fn every_field_has_one_row_in_every_table() {
    for dialect in DIALECTS {
        for field in Field::ALL {
            let rows = dialect.fields().iter().filter(|(known, _)| known == field).count();
            assert_eq!(rows, 1, "{field:?} in {}", dialect.name());
        }
    }
}

#[test]
fn every_reason_completes_the_sentence_it_stands_in() {
    for (_, carry) in DIALECTS.iter().flat_map(|dialect| dialect.fields()) {
        if let Carry::Refused(why) | Carry::Dropped(why) = carry {
            assert!(why.starts_with(char::is_lowercase) && !why.ends_with('.'), "{why}");
        }
    }
}

/// Frames that mean something to one dialect or another, broken ones among them.
const FRAMES: &[&str] = &[
    r#"{"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":"a"}}]}"#,
    r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{"}}]}}]}"#,
    r#"{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"}"}},{"id":7,"function":null}]}}]}"#,
    r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
    r#"{"choices":[],"usage":{"prompt_tokens":1}}"#,
    r#"{"delta":{"role":"tool","content":"x","tool_call_id":"c"}}"#,
    r#"{"delta":{"role":"assistant","content":null,"id":"m","tool_calls":[{"id":"d","function":{"name":"g"}}]}}"#,
    r#"{"messages":[{"role":"assistant","content":[{"type":"text","text":"b"}]},5]}"#,
    r#"{"content":"c","custom_outputs":{}}"#,
    r#"{"predictions":[{"content":"d"},"e"]}"#,
    r#"{"databricks_output":{"error":{"message":"boom"}}}"#,
    r#"{"error":"boom"}"#,
    r#"{"choices":{},"delta":[],"finish_reason":{}}"#,
    r#"[[["x"]]]"#,
    "{broken",
    "null",
    "[DONE]",
];

#[test]
fn a_million_brackets_are_no_answer() {
    let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
    let wrapped = r#"{"predictions":"#.repeat(100_000) + "1" + &"}".repeat(100_000);
    for body in [deep, wrapped] {
        for dialect in DIALECTS {
            let seen = read_whole(*dialect, &body);
            assert!(seen.last().unwrap().starts_with("failed BackendGarbage"), "{seen:?}");
        }
    }
}

proptest! {
    #[test]
    fn every_stream_is_read_to_exactly_one_end(picks in proptest::collection::vec(0..FRAMES.len(), 0..12)) {
        let frames: Vec<&str> = picks.iter().map(|pick| FRAMES[*pick]).collect();
        for dialect in DIALECTS {
            let seen = read_stream(*dialect, &sse(&frames));
            let ends = seen.iter().filter(|line| *line == "done" || line.starts_with("failed")).count();
            prop_assert_eq!(ends, 1);
            let last = seen.last().unwrap();
            prop_assert!(last == "done" || last.starts_with("failed"), "{:?}", seen);
        }
    }

    #[test]
    fn no_body_upsets_a_reader(body in "[\\[\\]{}\",:a-z0-9 ]{0,60}") {
        for dialect in DIALECTS {
            let seen = read_whole(*dialect, &body);
            let last = seen.last().unwrap();
            prop_assert!(last == "done" || last.starts_with("failed"));
        }
    }

    #[test]
    fn every_stream_for_a_chat_client_is_legal(
        steps in proptest::collection::vec(step(), 0..12),
        include_usage: bool,
        show_agents_calls: bool,
        shape in 0..3,
    ) {
        let shape = [ask(), both(Legacy::ChatAgent), both(Legacy::ChatModel)][usize::try_from(shape).unwrap()].clone();
        let ask = Ask { include_usage, show_agents_calls, ..shape };
        let fragments = || fragments(&steps);
        legal(&ask, &stream(&ChatCompletions, &ask, fragments()));
        for dialect in [&ChatAgent as &dyn Dialect, &ChatModel, &SplitChatMessages] {
            let frames = frames(&stream(dialect, &invocations(), fragments()));
            prop_assert!(frames.iter().all(|frame| frame.get("error").is_none() && frame.get("detail").is_none()));
        }
    }

    #[test]
    fn streamed_or_not_a_client_reads_the_same(steps in proptest::collection::vec(step(), 0..12)) {
        let steps: Vec<_> = steps.into_iter().filter(|step| !matches!(step, Step::Fail)).collect();
        let fragments = || fragments(&steps);
        let whole = plain(&ChatCompletions, &ask(), fragments());
        let choice = &whole["choices"][0];
        let (mut text, mut calls, mut reason) = (String::new(), Vec::new(), String::new());
        for frame in legal(&ask(), &stream(&ChatCompletions, &ask(), fragments())) {
            let delta = &frame["choices"][0]["delta"];
            text += delta["content"].as_str().unwrap_or_default();
            if let Some(call) = delta["tool_calls"].get(0) {
                if call.get("id").is_some() {
                    calls.push(String::new());
                }
                calls.last_mut().unwrap().push_str(call["function"]["arguments"].as_str().unwrap());
            }
            reason += frame["choices"][0]["finish_reason"].as_str().unwrap_or_default();
        }
        prop_assert_eq!(&text, choice["message"]["content"].as_str().unwrap_or_default());
        prop_assert_eq!(&reason, choice["finish_reason"].as_str().unwrap());
        let whole: Vec<_> = choice["message"]["tool_calls"].as_array().into_iter().flatten().collect();
        let whole: Vec<_> = whole.iter().map(|call| call["function"]["arguments"].as_str().unwrap()).collect();
        prop_assert_eq!(calls, whole);
    }
}

/// What a backend says, and that it is done.
fn fragments(steps: &[Step]) -> Vec<Fragment<'static>> {
    let said = steps.iter().enumerate().flat_map(|(place, step)| step.fragments(place));
    said.chain([Fragment::Done]).collect()
}

/// One thing that a backend says.
#[derive(Clone, Debug)]
enum Step {
    Fail,
    Finish(bool),
    Output(u8),
    Pieces(bool),
    Refuse,
    Text(&'static str),
    Think,
    Usage,
    Whole(u8, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<bool>().prop_map(Step::Finish),
        (0..3_u8).prop_map(Step::Output),
        any::<bool>().prop_map(Step::Pieces),
        Just(Step::Refuse),
        prop_oneof![Just(""), Just("a"), Just("\n")].prop_map(Step::Text),
        Just(Step::Think),
        Just(Step::Usage),
        (0..3_u8, any::<bool>()).prop_map(|(id, mine)| Step::Whole(id, mine)),
        Just(Step::Fail),
    ]
}

impl Step {
    fn fragments(&self, place: usize) -> Vec<Fragment<'static>> {
        let name = |mine: bool| Str::from(if mine { "mine" } else { "theirs" });
        let id = |id: u8| Str::from(format!("w{id}"));
        vec![match *self {
            Self::Pieces(mine) => {
                let slot = u32::try_from(place).unwrap();
                let call_id = Some(format!("p{slot}").into());
                let begin = Fragment::CallStart { slot, call_id, name: Some(name(mine)) };
                return vec![begin, Fragment::CallArguments { slot, delta: "[]".into() }];
            }
            Self::Fail => Fragment::Failed(Error::new(Kind::Cut, "cut")),
            Self::Finish(cut) => finish(if cut { Finish::Length } else { Finish::Stop }),
            Self::Output(call) => Fragment::CallOutput { call_id: id(call), name: None, output: "x".into() },
            Self::Refuse => Fragment::Refusal { item: None, delta: "no".into() },
            Self::Text(said) => text(said),
            Self::Think => Fragment::Reasoning { item: None, delta: "hm".into() },
            Self::Usage => Fragment::Usage(USAGE),
            Self::Whole(call, mine) => {
                Fragment::Call { slot: None, call_id: id(call), name: name(mine), arguments: "{}".into() }
            }
        }]
    }
}
