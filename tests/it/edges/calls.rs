//! Tool calls: their ids, names and arguments in every shape in which backends tell them.

use serde_json::{Value, json};

use super::wire::{
    Client, call, chat, chunk, completed, done, finish, function_call, history, message, more, responses, sse, text,
};

/// What a chat client makes of the calls of a chat server.
fn calls(frames: &[Value]) -> Value {
    chat().with_tools(&["f", "g"]).adds_up("chat_completions", &sse(frames))["tool_calls"].clone()
}

/// The call items of a response, as (call id, name, arguments).
fn called(response: &Value) -> Vec<[&str; 3]> {
    let items = response["output"].as_array().unwrap().iter().filter(|item| item["type"] == "function_call");
    items.map(|item| ["call_id", "name", "arguments"].map(|key| item[key].as_str().unwrap())).collect()
}

/// Only the first piece of a call has an id; the others were dropped, and most of the arguments with them.
#[test]
fn pieces_without_an_id_belong_to_the_call_of_their_index() {
    let frames = [call(0, "call_a", "f", ""), more(0, "{\"x\""), more(0, ":1"), more(0, "}"), finish("tool_calls")];
    assert_eq!(calls(&frames), json!([["call_a", "f", "{\"x\":1}"]]));
}

/// Servers without deltas say everything at the end; the arguments were `{}`.
#[test]
fn arguments_that_come_only_at_the_end_are_kept() {
    let added = json!({"type": "response.output_item.added", "output_index": 0, "item": function_call("f1", "call_a", "f", "")});
    let begun = json!({"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{\"x\""});
    let ended = json!({"type": "response.function_call_arguments.done", "output_index": 0, "arguments": "{\"x\":1}"});
    let whole = json!({"type": "response.output_item.done", "output_index": 0, "item": function_call("f1", "call_a", "f", "{\"x\":1}")});
    for frames in [
        vec![added.clone(), whole.clone()],
        vec![added.clone(), ended.clone()],
        vec![added.clone(), begun.clone(), ended.clone()],
        vec![added, begun, ended, whole.clone()],
        vec![whole],
    ] {
        let stream = sse(&[frames, vec![completed()]].concat());
        let expected = ["call_a", "f", "{\"x\":1}"];
        assert_eq!(
            chat().with_tools(&["f"]).adds_up("responses", &stream)["tool_calls"],
            json!([expected]),
            "{stream}"
        );
        assert_eq!(called(&responses().adds_up("responses", &stream)), [expected], "{stream}");
    }
}

/// An empty or null piece of arguments was an error.
#[test]
fn empty_and_null_pieces_of_arguments_say_nothing() {
    let null = chunk(json!({"tool_calls": [{"index": 0, "function": {"arguments": null}}]}));
    let frames = [call(0, "call_a", "f", ""), more(0, ""), null, more(0, "{}"), finish("tool_calls")];
    assert_eq!(calls(&frames), json!([["call_a", "f", "{}"]]));
}

/// A call was announced without its id or name, and clients recorded it as `undefined`.
#[test]
fn a_call_is_announced_when_its_id_and_name_are_known() {
    let bare = |part: Value| chunk(json!({"tool_calls": [part]}));
    let frames = [
        bare(json!({"index": 0, "function": {"arguments": "{\"x\""}})),
        bare(json!({"index": 0, "id": "call_a"})),
        bare(json!({"index": 0, "type": "function", "function": {"name": "f", "arguments": ":1}"}})),
        finish("tool_calls"),
    ];
    assert_eq!(calls(&frames), json!([["call_a", "f", "{\"x\":1}"]]));
    assert_eq!(
        called(&responses().with_tools(&["f"]).adds_up("chat_completions", &sse(&frames))),
        [["call_a", "f", "{\"x\":1}"]]
    );
}

/// The finished item had an empty name although it was announced with one.
#[test]
fn a_name_that_turns_empty_stays_what_it_was() {
    let repeated = chunk(json!({"tool_calls": [{"index": 0, "id": "", "function": {"name": "", "arguments": "{}"}}]}));
    assert_eq!(calls(&[call(0, "call_a", "f", ""), repeated, finish("tool_calls")]), json!([["call_a", "f", "{}"]]));
    let added =
        json!({"type": "response.output_item.added", "output_index": 0, "item": function_call("x", "call_a", "f", "")});
    let nameless =
        json!({"type": "response.output_item.done", "output_index": 0, "item": function_call("x", "call_a", "", "{}")});
    assert_eq!(
        called(&responses().adds_up("responses", &sse(&[added, nameless, completed()]))),
        [["call_a", "f", "{}"]]
    );
}

/// Servers repeat id and name in every piece, and clients append every string that they see twice.
#[test]
fn ids_and_names_that_repeat_are_told_once() {
    let frames = [call(0, "call_a", "f", "{\"x\""), call(0, "call_a", "f", ":1}"), finish("tool_calls")];
    assert_eq!(calls(&frames), json!([["call_a", "f", "{\"x\":1}"]]));
}

/// An item's id was its call's id; OpenAI refuses it when it comes back.
#[test]
fn an_items_id_is_not_its_calls_id_and_never_goes_to_a_backend() {
    let stream = sse(&[done(function_call("call_a", "call_a", "f", "{}")), completed()]);
    let seen = responses().adds_up("responses", &stream);
    assert_eq!((&seen["output"][0]["id"], &seen["output"][0]["call_id"]), (&json!("fc_0seed00"), &json!("call_a")));
    let replayed =
        history(json!([seen["output"][0], {"type": "function_call_output", "call_id": "call_a", "output": "x"}]));
    assert!(replayed.sent("responses")["input"].as_array().unwrap().iter().all(|item| item.get("id").is_none()));
}

/// Call ids were replaced by new ones, and the agent could not match them (some hold what it must read again).
#[test]
fn a_call_keeps_the_id_that_the_agent_gave_it() {
    for id in ["call_a", "functions.f:0", "call_1__thought__Q2l=", "größe 7"] {
        let frames = [call(0, id, "f", "{}"), finish("tool_calls")];
        assert_eq!(called(&responses().with_tools(&["f"]).adds_up("chat_completions", &sse(&frames)))[0][0], id);
        let back = history(json!([
            function_call("x", id, "f", "{}"),
            {"type": "function_call_output", "call_id": id, "output": "1"},
        ]));
        for backend in ["chat_completions", "chat_agent", "chat_model"] {
            let sent = back.sent(backend);
            assert_eq!(sent["messages"][0]["tool_calls"][0]["id"], id, "{backend}");
            assert_eq!(sent["messages"][1]["tool_call_id"], id, "{backend}");
        }
    }
}

/// No arguments came as an empty string, arguments as an object instead of its text.
#[test]
fn arguments_are_always_the_text_of_an_object() {
    let object =
        chunk(json!({"tool_calls": [{"index": 0, "id": "call_a", "function": {"name": "f", "arguments": {"x": 1}}}]}));
    assert_eq!(calls(&[object, finish("tool_calls")]), json!([["call_a", "f", "{\"x\":1}"]]));
    assert_eq!(calls(&[call(0, "call_a", "f", ""), finish("tool_calls")]), json!([["call_a", "f", "{}"]]));
    let body = json!({"choices": [{"message": {"role": "assistant", "content": null, "tool_calls": [
        {"id": "a", "type": "function", "function": {"name": "f"}},
        {"id": "b", "type": "function", "function": {"name": "g", "arguments": {}}}]}, "finish_reason": "tool_calls"}]});
    assert_eq!(called(&responses().plain("chat_completions", &body)), [["a", "f", "{}"], ["b", "g", "{}"]]);
    for arguments in [json!(""), json!({}), json!(null)] {
        let sent = history(json!([{"type": "function_call", "call_id": "a", "name": "f", "arguments": arguments}]));
        assert_eq!(sent.sent("chat_completions")["messages"][0]["tool_calls"][0]["function"]["arguments"], "{}");
    }
}

/// `stop` although there were calls, or two finishes: agents threw the calls away.
#[test]
fn there_is_one_finish_and_it_says_tool_calls_where_there_are_any() {
    for ends in [vec!["stop"], vec!["tool_calls", "stop"], vec!["stop", "tool_calls"], vec!["function_call"]] {
        let ends = ends.into_iter().map(finish);
        let frames: Vec<_> = [call(0, "call_a", "f", "{}")].into_iter().chain(ends).collect();
        let seen = chat().with_tools(&["f"]).adds_up("chat_completions", &sse(&frames));
        assert_eq!(seen["finish_reason"], "tool_calls");
    }
    let seen = chat().adds_up("chat_completions", &sse(&[text("hi"), finish("tool_calls")]));
    assert_eq!(seen["finish_reason"], "stop", "and nowhere else");
}

/// Some servers name no finish at all; only `[DONE]` tells that the answer is whole.
#[test]
fn an_end_without_a_finish_is_whole_only_with_its_terminator() {
    let frames = [call(0, "call_a", "f", "{}")];
    let seen = chat().with_tools(&["f"]).adds_up("chat_completions", &sse(&frames));
    assert_eq!(seen["finish_reason"], "tool_calls");
    assert_eq!(chat().adds_up("chat_completions", &sse(&[text("hi")]))["finish_reason"], "stop");
    let chunks = chat().gets("chat_completions", &super::wire::cut(&[text("hi")]));
    assert_eq!(chunks.last().unwrap()["error"]["code"], "backend_cut_short");
}

/// Empty lists of calls beside every text took clients into the wrong branch.
#[test]
fn empty_lists_of_calls_are_no_calls() {
    let frames = [
        chunk(json!({"content": "a", "tool_calls": []})),
        chunk(json!({"content": "b", "tool_calls": null})),
        finish("stop"),
    ];
    let stream = chat().stream_of("chat_completions", [sse(&frames).as_bytes()]);
    assert!(!stream.contains("tool_calls"), "{stream}");
    let body = json!({"choices": [{"message": {"role": "assistant", "content": "a", "tool_calls": []}, "finish_reason": "stop"}]});
    assert!(chat().plain("chat_completions", &body)["choices"][0]["message"].get("tool_calls").is_none());
}

/// A client that is shown a call that the agent ran itself runs it again, or breaks off because it knows no such tool.
#[test]
fn calls_that_the_agent_ran_itself_are_hidden() {
    let output = json!({"type": "function_call_output", "call_id": "call_a", "output": "21"});
    let frames =
        [done(function_call("f", "call_a", "f", "{}")), done(output), done(message("m", "21 degrees")), completed()];
    let seen = chat().adds_up("responses", &sse(&frames));
    assert_eq!((seen.get("tool_calls"), &seen["finish_reason"]), (None, &json!("stop")));
    let seen = responses().adds_up("responses", &sse(&frames));
    assert_eq!(seen["output"].as_array().unwrap().len(), 1);
    assert_eq!(seen["output"][0]["content"][0]["text"], "21 degrees");
}

/// A server whose own parser is off tells calls as marked-up text: it is text, and opens nothing.
#[test]
fn marked_up_calls_in_a_text_stay_text() {
    let said = ["<tool_call>", "{\"name\":\"f\",\"arguments\":{}}", "</tool_call>"];
    let frames: Vec<_> = said.iter().map(|part| text(part)).chain([finish("stop")]).collect();
    let seen = chat().with_tools(&["f"]).adds_up("chat_completions", &sse(&frames));
    assert_eq!((seen["content"].as_str(), seen.get("tool_calls")), (Some(&*said.concat()), None));
}

/// The history of a conversation in which a tool was called by an id of 300 characters.
fn long(client: &str, ids: [&str; 2]) -> Client {
    let (a, b) = (ids[0], ids[1]);
    if client == "responses" {
        return history(json!([
            function_call("x", a, "f", "{}"), function_call("y", b, "f", "{}"),
            {"type": "function_call_output", "call_id": a, "output": "1"},
            {"type": "function_call_output", "call_id": b, "output": "2"},
        ]));
    }
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    Client::new(
        client,
        json!({"messages": [
            {"role": "assistant", "content": null, "tool_calls": [call(a), call(b)]},
            {"role": "tool", "tool_call_id": a, "content": "1"},
            {"role": "tool", "tool_call_id": b, "content": "2"},
        ]}),
    )
}

/// OpenAI refuses call ids of more than 64 characters (40 in messages), and some agents give longer ones: the
/// conversation was dead, or two calls became one where ids were cut off.
#[test]
fn call_ids_that_are_too_long_are_shortened_alike_in_call_and_output() {
    let ids = ['a', 'b'].map(|last| format!("call_{}{last}", "x".repeat(300)));
    let mut known = Vec::new();
    for client in ["responses", "chat_completions"] {
        let client = long(client, [&ids[0], &ids[1]]);
        let chat = client.sent("chat_completions")["messages"].clone();
        let given = [0, 1].map(|place| chat[0]["tool_calls"][place]["id"].as_str().unwrap().to_owned());
        assert_eq!([&chat[1]["tool_call_id"], &chat[2]["tool_call_id"]], [&*given[0], &*given[1]]);
        let items = client.sent("responses")["input"].clone();
        assert_eq!(
            [0, 1, 2, 3].map(|place| items[place]["call_id"].as_str().unwrap()),
            [&given[0], &given[1], &given[0], &given[1]].map(|id| &**id)
        );
        assert!(given[0] != given[1] && given.iter().all(|id| id.len() <= 40));
        known.push(given);
    }
    assert_eq!(known[0], known[1], "the same in every turn");
    let agent = long("responses", [&ids[0], &ids[1]]).sent("chat_agent");
    assert_eq!(agent["messages"][1]["tool_call_id"], *ids[0], "an agent of one's own takes its own ids");
    let frames = [call(0, &ids[0], "f", "{}"), finish("tool_calls")];
    assert_eq!(calls(&frames)[0][0], *ids[0], "and so do clients");
}

/// Names with a dot or of more than 64 characters are refused by servers: they go out in a legal form and come back.
#[test]
fn names_that_servers_refuse_are_changed_on_the_way_out_and_back() {
    let long = "crm__".repeat(20);
    for name in ["ns.fn", "a b", "größe", &long] {
        for backend in ["chat_completions", "responses", "chat_model"] {
            let client = responses().with_tools(&["ns_fn", name]);
            let sent = client.sent(backend);
            let tool = if backend == "responses" { &sent["tools"][1] } else { &sent["tools"][1]["function"] };
            let stand_in = tool["name"].as_str().unwrap();
            let legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
            assert!(stand_in.len() <= 64 && stand_in.chars().all(legal), "{stand_in}");
            let frames = match backend {
                "responses" => vec![done(function_call("x", "call_a", stand_in, "{}")), completed()],
                _ => vec![call(0, "call_a", stand_in, "{}"), finish("tool_calls")],
            };
            assert_eq!(called(&client.adds_up(backend, &sse(&frames)))[0][1], name);
            let seen = chat().with_tools(&["ns_fn", name]).adds_up(backend, &sse(&frames));
            assert_eq!(seen["tool_calls"][0][1], name);
            let back = history(json!([function_call("x", "call_a", name, "{}")])).with_tools(&[name]).sent(backend);
            let replayed = if backend == "responses" {
                &back["input"][0]
            } else {
                &back["messages"][0]["tool_calls"][0]["function"]
            };
            assert_eq!(replayed["name"], stand_in, "in the history as well");
        }
    }
    let own = history(json!([function_call("x", "call_a", "main.tools.find", "{}")])).sent("responses");
    assert_eq!(own["input"][0]["name"], "main.tools.find", "what an agent calls its own tools is its own affair");
    let choice = json!({"type": "function", "name": "ns.fn"});
    let sent = responses().with_tools(&["ns.fn"]).with("tool_choice", choice).sent("chat_completions");
    assert_eq!(sent["tool_choice"]["function"]["name"], sent["tools"][0]["function"]["name"]);
}

/// Arguments that are no JSON are the client's to judge; they keep no other call waiting.
#[test]
fn arguments_that_are_no_json_pass_and_hold_nothing_up() {
    let frames = [call(0, "call_a", "f", "{\"x\":"), call(1, "call_b", "g", "{}"), finish("tool_calls")];
    assert_eq!(calls(&frames), json!([["call_a", "f", "{\"x\":"], ["call_b", "g", "{}"]]));
    let whole = sse(&[done(function_call("x", "call_a", "f", "Paris")), completed()]);
    assert_eq!(called(&responses().adds_up("responses", &whole)), [["call_a", "f", "Paris"]]);
}

/// Indexes say nothing about how many there are.
#[test]
fn an_index_of_two_billion_is_an_index() {
    let far = 2_147_483_648;
    let frames =
        [call(far, "call_a", "f", "{"), more(far, "}"), call(u64::MAX, "call_b", "g", "{}"), finish("tool_calls")];
    assert_eq!(calls(&frames), json!([["call_a", "f", "{}"], ["call_b", "g", "{}"]]));
    let delta = json!({"type": "response.output_text.delta", "output_index": far, "content_index": far, "item_id": "m", "delta": "hi"});
    let seen = responses().adds_up("responses", &sse(&[delta, completed()]));
    assert_eq!(seen["output"][0]["content"][0]["text"], "hi");
    let negative =
        chunk(json!({"tool_calls": [{"index": -1, "id": "call_a", "function": {"name": "f", "arguments": "{}"}}]}));
    assert_eq!(calls(&[negative, finish("stop")]), json!([["call_a", "f", "{}"]]));
}
