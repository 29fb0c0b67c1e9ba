//! The conversation so far, in every legal shape, on its way to backends that are strict about it.

use serde_json::{Value, json};

use super::wire::{Client, chat, function_call, history, responses};

/// The messages that a backend is sent, one short line each.
fn lines(sent: &Value) -> Vec<String> {
    let line = |message: &Value| {
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        let calls: Vec<_> = calls.map(|call| [" +", call["id"].as_str().unwrap()].concat()).collect();
        let (role, content) = (message["role"].as_str().unwrap(), message["content"].as_str().unwrap_or("null"));
        format!("{role}: {content}{}", calls.concat())
            + &message["tool_call_id"].as_str().map(|id| format!(" <-{id}")).unwrap_or_default()
    };
    sent["messages"].as_array().unwrap().iter().map(line).collect()
}

fn messages(items: Value) -> Vec<String> {
    lines(&history(items).sent("chat_completions"))
}

fn call(id: &str) -> Value {
    json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"})
}

fn output(id: &str) -> Value {
    json!({"type": "function_call_output", "call_id": id, "output": "1"})
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

/// Parallel calls became messages of their own, which servers refuse.
#[test]
fn parallel_calls_are_one_assistant_message_with_all_outputs_behind_it() {
    let seen = messages(json!([user("q"), call("a"), call("b"), output("a"), output("b"), user("next")]));
    assert_eq!(seen, ["user: q", "assistant: null +a +b", "tool: 1 <-a", "tool: 1 <-b", "user: next"]);
    let seen = messages(json!([call("a"), call("b"), output("b"), output("a")]));
    assert_eq!(seen, ["assistant: null +a +b", "tool: 1 <-a", "tool: 1 <-b"], "in the order of the calls");
}

/// What stood between a call and its output (a developer's note, a thought) broke the pair.
#[test]
fn what_stands_between_a_call_and_its_output_moves_behind_it() {
    let note = json!({"role": "developer", "content": "note"});
    let thought = json!({"type": "reasoning", "summary": []});
    let seen = messages(json!([call("a"), note, thought, output("a"), user("next")]));
    assert_eq!(seen, ["assistant: null +a", "tool: 1 <-a", "system: note", "user: next"]);
}

/// A client was interrupted before a tool answered, and the conversation could never go on.
#[test]
fn a_call_that_was_never_answered_gets_an_answer_in_words() {
    let seen = messages(json!([call("a"), call("b"), output("b"), user("next")]));
    assert_eq!(seen, ["assistant: null +a +b", "tool: [no output] <-a", "tool: 1 <-b", "user: next"]);
}

/// An output without its call is refused by servers, in words about messages that the client never wrote.
#[test]
fn an_output_without_its_call_is_refused_by_the_id_of_the_call() {
    let (field, message) = history(json!([user("q"), output("call_lost")])).refusal("chat_completions");
    assert_eq!(field, "call_id");
    assert!(message.contains("`call_lost`"), "{message}");
    assert!(history(json!([output("call_lost")])).asks("responses").is_ok(), "an agent may remember the call");
}

/// A text and the calls after it were two messages, and a thought stood in a third.
#[test]
fn a_text_and_the_calls_after_it_are_one_turn() {
    let said =
        json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Let me see."}]});
    let seen = messages(json!([user("q"), said, call("a"), call("b"), output("a"), output("b")]));
    assert_eq!(seen, ["user: q", "assistant: Let me see. +a +b", "tool: 1 <-a", "tool: 1 <-b"]);
}

/// Reasoning that a server wants back stands in the turn that it led to, not in a message of its own.
#[test]
fn thoughts_go_back_in_the_turn_that_they_led_to() {
    let turn = |thought: &str| {
        json!({"role": "assistant", "content": null, "reasoning_content": thought,
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]})
    };
    let body = json!({"messages": [user("q"), turn("hm"), {"role": "tool", "tool_call_id": "a", "content": "1"}]});
    let sent = Client::new("chat_completions", body).sent("chat_completions");
    assert_eq!(sent["messages"][1]["reasoning_content"], "hm");
    assert_eq!(sent["messages"].as_array().unwrap().len(), 3);
}

/// A call was turned into a tool's answer.
#[test]
fn a_call_is_the_assistants_and_its_output_the_tools() {
    let seen = messages(json!([call("a"), output("a")]));
    assert_eq!(seen, ["assistant: null +a", "tool: 1 <-a"]);
    for backend in ["chat_agent", "chat_model"] {
        assert_eq!(lines(&history(json!([call("a"), output("a")])).sent(backend)), ["assistant:  +a", "tool: 1 <-a"]);
    }
}

/// Parts of other kinds than `input_text` disappeared from the history without a word.
#[test]
fn every_part_arrives_or_is_refused_by_name() {
    let said = json!({"role": "assistant", "content": [
        {"type": "output_text", "text": "a", "annotations": []}, {"type": "output_text", "text": "b"}, {"type": "refusal", "refusal": "c"}]});
    assert_eq!(messages(json!([said])), ["assistant: abc"]);
    let rich = json!([{"role": "user", "content": [{"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": "https://i", "detail": "low"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "QQ=="},
        {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}}]}]);
    let content = history(rich.clone()).sent("chat_completions")["messages"][0]["content"].clone();
    assert_eq!(
        content,
        json!([{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "https://i", "detail": "low"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "QQ=="}},
        {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}}])
    );
    assert_eq!(history(rich).refusal("chat_agent").0, "image");
    for (part, name) in [
        (json!({"type": "input_video", "video_url": "v"}), "input_video"),
        (json!({"type": "input_image", "file_id": "f"}), "input_image"),
        (json!({"type": "input_file", "file_url": "u"}), "file_url"),
    ] {
        assert_eq!(history(json!([{"role": "user", "content": [part]}])).refusal("chat_completions").0, name);
    }
}

/// Servers that do not know the role `developer` refuse it; strict templates take one message of the system, and first.
#[test]
fn developers_are_the_system_which_speaks_once_and_first() {
    let items = json!([{"role": "developer", "content": "b"}, {"role": "system", "content": "c"}, user("q"), {"role": "developer", "content": "d"}]);
    for backend in ["chat_completions", "chat_agent", "chat_model"] {
        let sent = history(items.clone()).with("instructions", json!("a")).sent(backend);
        assert_eq!(lines(&sent), ["system: a\n\nb\n\nc", "user: q", "system: d"], "{backend}");
    }
    let own = json!({"messages": [{"role": "system", "content": "a"}, {"role": "system", "content": "b"}, user("q")]});
    let sent = Client::new("chat_completions", own).sent("chat_completions");
    assert_eq!(lines(&sent), ["system: a", "system: b", "user: q"], "a client's own messages stay as they are");
}

/// Instructions were dropped, or stood behind the conversation.
#[test]
fn instructions_come_first() {
    for backend in ["chat_completions", "chat_agent", "chat_model"] {
        let sent = responses().with("instructions", json!("be nice")).sent(backend);
        assert_eq!(lines(&sent), ["system: be nice", "user: hi"], "{backend}");
    }
    let sent = responses().with("instructions", json!("be nice")).sent("responses");
    assert_eq!(sent["input"][0], json!({"type": "message", "role": "system", "content": "be nice"}));
    let sent = responses().with("instructions", json!("be nice")).sent("split_chat_messages");
    assert_eq!(sent["dataframe_records"][0]["history"][0], json!({"role": "system", "content": "be nice"}));
}

/// An empty output became a message without `content`; a list of parts was written as it was.
#[test]
fn a_tools_answer_is_always_a_text() {
    let with = |value: Value| json!([call("a"), {"type": "function_call_output", "call_id": "a", "output": value}]);
    assert_eq!(messages(with(json!("")))[1], "tool:  <-a");
    assert_eq!(messages(with(json!([])))[1], "tool:  <-a");
    let parts = json!([{"type": "input_text", "text": "x"}, {"type": "input_text", "text": "y"}]);
    assert_eq!(messages(with(parts))[1], "tool: x\ny <-a");
    let image = json!([{"type": "input_image", "image_url": "https://i"}]);
    assert_eq!(history(with(image)).refusal("chat_completions").0, "image");
    let silent = json!({"messages": [
        {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": null}]});
    let sent = Client::new("chat_completions", silent).sent("chat_completions");
    assert_eq!(sent["messages"][1]["content"], "");
}

/// Some backends refuse an assistant's message that says nothing.
#[test]
fn an_assistants_message_that_says_nothing_is_left_out() {
    let items = json!([user("q"), {"role": "assistant", "content": ""}, {"role": "assistant", "content": [{"type": "output_text", "text": ""}]}, user("next")]);
    assert_eq!(messages(items.clone()), ["user: q", "user: next"]);
    assert_eq!(history(items).sent("responses")["input"].as_array().unwrap().len(), 2);
}

/// Thoughts of one shape or another were refused, or shown as what the assistant said.
#[test]
fn thoughts_of_every_shape_are_accepted_and_never_become_words() {
    for thought in [
        json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}),
        json!({"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}),
        json!({"type": "reasoning", "summary": [], "content": null, "encrypted_content": "x"}),
        json!({"type": "reasoning", "encrypted_content": "x"}),
    ] {
        let client = history(json!([user("q"), thought, {"role": "assistant", "content": "a"}, user("next")]));
        let (sent, dropped) = client.asks("chat_completions").unwrap();
        assert_eq!(lines(&sent), ["user: q", "assistant: a", "user: next"]);
        assert_eq!(dropped, ["reasoning"], "and are named");
        assert_eq!(client.sent("responses")["input"][1], thought, "to their own dialect as they are");
    }
}

/// Encrypted reasoning is bound to the id under which it was sent: under another, its server refuses it.
#[test]
fn encrypted_reasoning_goes_back_under_its_servers_own_id() {
    let item = json!({"type": "reasoning", "id": "rs_theirs", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "gAAA="});
    let body = json!({"id": "resp_u", "output": [item, {"type": "message", "role": "assistant", "content": "hi"}]});
    let seen = responses().plain("responses", &body)["output"][0].clone();
    assert_ne!(seen["id"], "rs_theirs", "clients get ids that are never used twice");
    let sent = history(json!([user("q"), seen])).sent("responses");
    assert_eq!(sent["input"][1], item);
}

/// A reference to an item that nobody keeps was skipped, and the conversation lost a part without a word.
#[test]
fn a_reference_to_an_item_is_refused_with_what_to_do_instead() {
    for reference in
        [json!({"type": "item_reference", "id": "msg_1"}), json!({"type": null, "id": "msg_1"}), json!({"id": "msg_1"})]
    {
        for backend in ["responses", "chat_completions", "chat_agent", "chat_model", "split_chat_messages", "durable"] {
            let (_, message) = history(json!([reference, user("q")]))
                .with("context", json!({"conversation_id": "c"}))
                .refusal(backend);
            assert!(message.contains("`item_reference`"), "{backend}: {message}");
        }
    }
    let (_, message) = history(json!([{"id": "msg_1"}, user("q")])).refusal("chat_completions");
    assert!(message.contains("send the item itself"), "{message}");
}

/// What Codex sends: freeform and grouped tools, a hosted one, and metadata of its own.
fn codex(items: Value) -> Client {
    let tools = json!([
        {"type": "function", "name": "shell", "strict": false, "parameters": {"type": "object", "properties": {}}},
        {"type": "custom", "name": "apply_patch", "description": "Edits files.",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: hunk+"}},
        {"type": "namespace", "name": "crm", "description": "Customers.", "tools": [
            {"type": "function", "name": "find", "description": "Finds one.", "parameters": {"type": "object"}},
            {"type": "custom", "name": "note"}]},
        {"type": "web_search", "external_web_access": false}]);
    history(items)
        .with("tools", tools)
        .with("tool_choice", json!("auto"))
        .with("parallel_tool_calls", json!(true))
        .with("store", json!(false))
        .with("include", json!(["reasoning.encrypted_content"]))
        .with("prompt_cache_key", json!("k"))
        .with("client_metadata", json!({"x": "1"}))
}

/// Tools that no agent knows were refused, or dropped without a word: freeform and grouped ones become functions.
#[test]
fn codex_tools_become_functions_and_what_cannot_is_named() {
    let (sent, dropped) = codex(json!([user("q")])).asks("chat_completions").unwrap();
    let names: Vec<_> = sent["tools"].as_array().unwrap().iter().map(|tool| tool["function"]["name"].clone()).collect();
    assert_eq!(names, ["shell", "apply_patch", "crm__find", "crm__note"]);
    let patch = &sent["tools"][1]["function"];
    assert_eq!(patch["parameters"]["required"], json!(["input"]));
    let described = patch["parameters"]["properties"]["input"]["description"].as_str().unwrap();
    assert!(described.contains("start: hunk+"), "{described}");
    assert_eq!(sent["tool_choice"], "auto");
    for name in ["web_search", "include", "prompt_cache_key", "client_metadata"] {
        assert!(dropped.iter().any(|known| known == name) && sent.get(name).is_none(), "{name}: {dropped:?}");
    }
    let (field, _) =
        codex(json!([user("q")])).with("tool_choice", json!({"type": "web_search"})).refusal("chat_completions");
    assert_eq!(field, "tool_choice", "a tool that the agent has not cannot be forced on it");
    let forced = codex(json!([user("q")])).with("tool_choice", json!({"type": "custom", "name": "apply_patch"}));
    assert_eq!(forced.sent("chat_completions")["tool_choice"]["function"]["name"], "apply_patch");
}

/// Calls of these tools come back in the client's own shape, in a stream and in a plain answer alike.
#[test]
fn calls_of_codex_tools_come_back_as_codex_declared_them() {
    use super::wire::{call, finish, more, sse};
    let frames = [
        call(0, "call_a", "apply_patch", "{\"input\":\"*** Begin"),
        more(0, " Patch\\n\"}"),
        call(1, "call_b", "crm__find", "{\"id\":7}"),
        call(2, "call_c", "crm__note", "{\"input\":\"hi\"}"),
        call(3, "call_d", "shell", "{}"),
        finish("tool_calls"),
    ];
    let expected = json!([
        {"type": "custom_tool_call", "id": "fc_0seed00", "call_id": "call_a", "name": "apply_patch", "input": "*** Begin Patch\n", "status": "completed"},
        {"type": "function_call", "id": "fc_0seed01", "call_id": "call_b", "namespace": "crm", "name": "find", "arguments": "{\"id\":7}", "status": "completed"},
        {"type": "custom_tool_call", "id": "fc_0seed02", "call_id": "call_c", "namespace": "crm", "name": "note", "input": "hi", "status": "completed"},
        {"type": "function_call", "id": "fc_0seed03", "call_id": "call_d", "name": "shell", "arguments": "{}", "status": "completed"}]);
    let client = codex(json!([user("q")]));
    let seen = client.adds_up("chat_completions", &sse(&frames));
    assert_eq!(seen["output"], expected);
    assert_eq!(seen["tools"].as_array().unwrap().len(), 4, "the tools are repeated as they were declared");
    assert_eq!(seen["tools"][2]["type"], "namespace");
    let call = |name: &str, arguments: &str| json!({"id": "call_a", "type": "function", "function": {"name": name, "arguments": arguments}});
    let body = json!({"choices": [{"message": {"role": "assistant", "tool_calls": [call("apply_patch", "no JSON")]}, "finish_reason": "tool_calls"}]});
    assert_eq!(
        client.plain("chat_completions", &body)["output"][0]["input"],
        "no JSON",
        "whatever a model makes of it"
    );
}

/// In the next turn the calls and outputs of these tools find each other again.
#[test]
fn the_history_of_codex_tools_is_carried() {
    let items = json!([user("q"),
        {"type": "custom_tool_call", "call_id": "a", "name": "apply_patch", "input": "say \"hi\"", "status": "completed"},
        {"type": "function_call", "call_id": "b", "namespace": "crm", "name": "find", "arguments": "{}"},
        {"type": "custom_tool_call_output", "call_id": "a", "output": "done"},
        {"type": "function_call_output", "call_id": "b", "output": "found"}]);
    let sent = codex(items.clone()).sent("chat_completions");
    assert_eq!(lines(&sent), ["user: q", "assistant: null +a +b", "tool: done <-a", "tool: found <-b"]);
    let calls = &sent["messages"][1]["tool_calls"];
    assert_eq!(calls[0]["function"], json!({"name": "apply_patch", "arguments": "{\"input\":\"say \\\"hi\\\"\"}"}));
    assert_eq!(calls[1]["function"]["name"], "crm__find");
    let sent = codex(items).sent("responses");
    assert_eq!(
        sent["input"][2],
        json!({"type": "function_call", "call_id": "b", "name": "crm__find", "arguments": "{}"})
    );
}

/// Two tools that would be known by one name cannot be told apart in the answer.
#[test]
fn two_tools_of_one_name_are_refused() {
    let tools = json!([{"type": "function", "name": "crm__find"},
        {"type": "namespace", "name": "crm", "description": "d", "tools": [{"type": "function", "name": "find"}]}]);
    let (field, message) = responses().with("tools", tools).refusal("chat_completions");
    assert_eq!(field, "tools");
    assert!(message.contains("`crm__find`"), "{message}");
}

/// A group inside a group has no name that a backend could be given. (Found by fuzzing: it lost the outer one.)
#[test]
fn groups_of_groups_are_refused() {
    let inner = json!({"type": "namespace", "name": "inner", "tools": [{"type": "function", "name": "find"}]});
    let tools = json!([{"type": "namespace", "name": "crm", "tools": [inner]}]);
    for backend in ["responses", "chat_completions"] {
        let (field, message) = responses().with("tools", tools.clone()).refusal(backend);
        assert_eq!(field, "tools[0].tools[0].type");
        assert!(message.contains("no namespace inside a namespace"), "{message}");
    }
}

/// A tool that does not say whether it is strict is strict for a Responses server and is not for a chat server.
#[test]
fn a_tool_is_as_strict_as_its_client_means_it() {
    let strict = |sent: &Value| sent["tools"][0]["strict"].clone();
    assert_eq!(strict(&chat().with_tools(&["f"]).sent("responses")), false, "said, because silence means yes here");
    assert_eq!(strict(&responses().with_tools(&["f"]).sent("responses")), Value::Null, "as the client left it");
    let sent = responses().with_tools(&["f"]).sent("chat_completions");
    assert!(sent["tools"][0]["function"].get("strict").is_none());
    let tool = json!([{"type": "function", "function": {"name": "f", "strict": true}}]);
    assert_eq!(strict(&chat().with("tools", tool).sent("responses")), true);
}

/// Fields that nobody knows were passed on, and strict servers refused the whole request.
#[test]
fn unknown_fields_reach_no_backend_of_another_dialect() {
    for client in [responses(), chat()] {
        let client = client.with("client_metadata", json!({"a": 1})).with("odd", json!(true));
        let own = if client.asks("responses").unwrap().1.is_empty() { "responses" } else { "chat_completions" };
        for backend in ["responses", "chat_completions", "chat_agent", "chat_model", "split_chat_messages"] {
            let (sent, dropped) = client.asks(backend).unwrap();
            if backend == own {
                assert_eq!(sent["odd"], true, "an agent of the client's own dialect may know them");
            } else {
                assert!(sent.get("odd").is_none() && sent.get("client_metadata").is_none(), "{backend}");
                assert!(dropped.iter().any(|name| name == "odd"), "{backend}: {dropped:?}");
            }
        }
    }
}

/// A short-hand of every message kind is read as its long form.
#[test]
fn every_legal_way_to_write_a_history_is_the_same_history() {
    let long = json!([
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "q"}]},
        {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "phase": "final_answer",
            "content": [{"type": "output_text", "text": "a", "annotations": [], "logprobs": []}]},
        function_call("fc_1", "a", "f", "{}"),
        {"type": "function_call_output", "id": "fco_1", "call_id": "a", "output": [{"type": "input_text", "text": "1"}], "status": "completed"},
        {"role": "user", "content": "next", "type": null}]);
    let short = json!([user("q"), {"role": "assistant", "content": "a", "phase": "final_answer"}, call("a"), output("a"), user("next")]);
    for backend in ["responses", "chat_completions", "chat_agent", "chat_model", "split_chat_messages"] {
        assert_eq!(history(long.clone()).sent(backend), history(short.clone()).sent(backend), "{backend}");
    }
}
