//! Questions of an agent to a person, and what counts as an answer to them.

use super::*;

#[test]
fn a_question_is_one_call_for_the_client() {
    let request = json!([{"name": "send", "args": {"to": "x"}, "call_id": "call_1"}]);
    let lines = read(&[calling("send", json!({"to": "x"})), asking(request), completed()]);
    assert_eq!(lines, ["calls send({\"to\":\"x\"}) dc_k_call_1", "done"]);
    let two = json!([{"name": "send", "args": {}}, {"name": "drop", "args": {}}]);
    assert_eq!(read(&[asking(two)]), ["calls send({}) dp_k_0", "calls drop({}) dp_k_1"]);
    let free = json!({"type": "interrupt", "id": "i1", "value": "Which one?"});
    assert_eq!(read(&[free]), ["calls interrupt({\"value\":\"Which one?\"}) dq_k_"]);
}

#[test]
fn a_decision_goes_to_the_session_that_asked() {
    let answered = |id: &str, text| asks(vec![user("hi"), call(id), output(id, text)]);
    let run = written(&answered("dc_k_call_1", "approve"), &target(Some("c1")));
    assert_eq!(run["session_id"], "c1");
    assert_eq!(run["input"], json!({"resume": {"decisions": [{"type": "approve", "call_id": "call_1"}]}}));

    let own = Session::of_run(5);
    let id = format!("dp_{}_0", own.id());
    let rejection = "{\"type\":\"reject\",\"message\":\"why?\"}";
    let run = written(&answered(&id, rejection), &target(Some("c1")));
    assert_eq!(run["session_id"], own.id());
    assert_eq!(run["input"]["resume"], json!({"decisions": [{"type": "reject", "message": "why?"}]}));

    let run = written(&answered("dq_k_", "{\"size\": 3}"), &target(Some("c1")));
    assert_eq!(run["input"]["resume"], json!({"size": 3}));
    assert_eq!(written(&answered("dq_k_", "the red one"), &target(Some("c1")))["input"]["resume"], "the red one");
}

#[test]
fn decisions_stand_in_the_order_of_the_questions() {
    let items = vec![user("hi"), call("dc_k_a"), call("dc_k_b"), output("dc_k_b", "no"), output("dc_k_a", "yes")];
    let decisions = json!([{"type": "approve", "call_id": "a"}, {"type": "reject", "call_id": "b"}]);
    assert_eq!(written(&asks(items), &target(Some("c1")))["input"]["resume"]["decisions"], decisions);
}

#[test]
fn nothing_is_taken_for_an_approval_that_is_none() {
    let request = asks(vec![user("hi"), call("dc_k_call_1"), output("dc_k_call_1", "message sent to x")]);
    assert_eq!(refused(&request, &target(Some("c1"))), (Kind::InvalidField, Some("output".into())));
    let request = asks(vec![user("hi"), call("dc_k_call_1"), output("dc_k_call_1", "approve")]);
    assert_eq!(refused(&request, &target(None)), (Kind::InvalidField, Some("context.conversation_id".into())));
    // Other ids, and answers that were given long ago, are history.
    for items in [
        vec![user("hi"), call("call_1"), output("call_1", "approve")],
        vec![user("hi"), call("dc_k_a"), output("dc_k_a", "approve"), agent("sent"), user("thanks")],
    ] {
        let body = written(&asks(items), &target(Some("c1")));
        assert!(body["input"]["resume"].is_null() && body["input"]["messages"].is_array(), "{body}");
    }
}
