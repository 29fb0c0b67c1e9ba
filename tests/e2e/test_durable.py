"""The real DurableAgentServer: that it is what we take it for, and what the gateway makes of it."""

import json
import time
import uuid

import httpx
import pytest

import bodies
import cutting
import gateway
import servers
from conftest import run_clients

CUTS = (1, 2, 3)
HELLO = {"messages": [{"role": "user", "content": "hello there world"}]}
BEARER = {"Authorization": f"Bearer {gateway.TOKEN}"}


@pytest.fixture(scope="module")
def agent(folder):
    """The server alone."""
    server = servers.durable(folder)
    server.wait()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def cut(agent):
    """The URL of the proxy in front of it, and what was asked of that."""
    with cutting.proxy(agent.port) as running:
        yield running


@pytest.fixture(scope="module")
def url(agent, cut, folder):
    """The gateway in front of both."""
    if not gateway.binary().exists():
        pytest.exit(f"no gateway at {gateway.binary()}: run `cargo build`, or set CUTOVER_BIN", returncode=1)
    urls = {"durable": agent.url} | {f"cut-{frames}": f"{cut[0]}/cut-{frames}" for frames in CUTS}
    parts = {
        "backends": {
            name: {"url": f"{url}/api/invocations", "dialect": "durable", "credential": "none"}
            for name, url in urls.items()
        },
        "routes": [{"name": name, "match": {"model": name}, "split": {name: 1}} for name in urls],
    }
    server, url = gateway.start("cutover-durable", parts, folder)
    server.wait()
    yield url
    server.stop()


# The server, without a gateway: what the codec rests on.


def post(agent, **fields) -> httpx.Response:
    run = {"id": str(uuid.uuid4()), "session_id": str(uuid.uuid4()), "input": HELLO, "stream": True}
    return httpx.post(f"{agent.url}/api/invocations", json=run | fields)


def events(answer: httpx.Response) -> list[tuple[int, dict]]:
    frames = [dict(line.split(": ", 1) for line in frame.splitlines()) for frame in answer.text.split("\n\n") if frame]
    assert all(frame["event"] == json.loads(frame["data"])["type"] for frame in frames)
    return [(int(frame["id"]), json.loads(frame["data"])) for frame in frames]


def test_the_server_numbers_the_events_of_a_run_and_tells_the_rest_from_any_of_them(agent):
    run = str(uuid.uuid4())
    told = events(post(agent, id=run))
    assert [event["type"] for _, event in told] == ["run.started", *["delta"] * 4, "message", "run.completed"]
    for place, (number, _) in enumerate(told):
        rest = httpx.get(f"{agent.url}/api/invocations/{run}/events", params={"after": number})
        assert events(rest) == told[place + 1 :]
    state = httpx.get(f"{agent.url}/api/invocations/{run}").json()
    assert (state["status"], state["output"]["status"]) == ("completed", "completed")


def test_the_server_knows_a_run_by_its_id(agent):
    run = {"id": str(uuid.uuid4()), "session_id": "idempotent"}
    assert events(post(agent, **run)) == events(post(agent, **run))
    assert post(agent, **run | {"session_id": "other"}).status_code == 409
    assert post(agent, **run, model="m").status_code == 422


def test_the_server_keeps_a_plain_answer_back_and_a_stream_not(agent):
    begin = time.monotonic()
    post(agent, stream=False)
    plain, begin = time.monotonic() - begin, time.monotonic()
    post(agent)
    assert time.monotonic() - begin < 0.8 < plain


# The gateway in front of it.


def ask(url: str, model: str, text: str | list, headers: dict | None = None, **fields) -> httpx.Response:
    body = {"model": model, "input": text, **fields}
    return httpx.post(f"{url}/v1/responses", json=body, headers=BEARER | (headers or {}), timeout=20)


def text_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    content = [part for item in answer.json()["output"] for part in item.get("content", [])]
    return "".join(part["text"] for part in content)


@pytest.fixture(scope="module")
def folded(url):
    """The answers of OpenAI's SDK, plain and streamed, over streams that are cut and over one that is not."""
    base = {"client": "openai.responses", "url": f"{url}/v1", "token": gateway.TOKEN, "dialect": "responses"}
    talks = {"text": "hello there world", "unicode": bodies.UNICODE, "tools": "tools", "client tool": "client tool"}
    cases = [
        {"id": f"{model} {stream} {talk}", "model": model, "stream": stream, "body": bodies.items(said), **base}
        for model in ("durable", *(f"cut-{frames}" for frames in CUTS))
        for stream in (False, True)
        for talk, said in talks.items()
    ]
    return run_clients({"py3": cases})


@pytest.mark.parametrize("talk", ["text", "unicode", "tools", "client tool"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("model", ["durable", *(f"cut-{frames}" for frames in CUTS)])
def test_answers_are_whole_and_said_once_however_often_the_stream_is_cut(model, stream, talk, folded):
    said = {"tools": "It is 21 degrees in Paris.", "client tool": "Let me look.", "unicode": f"echo: {bodies.UNICODE}"}
    answer = folded[f"{model} {stream} {talk}"]
    assert (answer["error"], answer["faults"], answer["finish"]) == (None, [], "completed")
    assert answer["text"] == said.get(talk, "echo: hello there world")
    assert answer["calls"] == ([["call_1", "get_weather", '{"city": "Paris"}']] if talk == "client tool" else [])
    assert not stream or answer["pieces"] > 1


def test_cut_streams_were_cut(folded, cut):
    asked = [line for line in cut[1] if "/events?after=" in line]
    assert len(asked) > len(CUTS) * 8


@pytest.mark.parametrize("model", ["durable", "cut-2"])
@pytest.mark.parametrize("talk", ["boom", "boom mid"])
def test_a_run_that_fails_is_an_error(model, talk, url):
    answer = ask(url, model, talk)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "agent_failed")
    streamed = ask(url, model, talk, stream=True).text
    assert "response.failed" in streamed and "response.completed" not in streamed


def test_nobody_waits_for_the_servers_poll(url):
    begin = time.monotonic()
    assert text_of(ask(url, "durable", "hello")) == "echo: hello"
    assert time.monotonic() - begin < 0.8


@pytest.mark.parametrize("stream", [False, True])
def test_an_agent_that_only_returns_its_answer_is_heard(stream, url):
    answer = ask(url, "durable", "quiet", stream=stream)
    assert "Nothing was emitted." in answer.text
    assert "quiet" not in answer.text and (not stream or "response.completed" in answer.text)


def test_an_agent_that_says_nothing_has_answered(url):
    assert text_of(ask(url, "durable", "empty")) == ""


def test_a_request_sent_again_is_the_same_run(url):
    again = {"x-request-id": str(uuid.uuid4()), "x-session-id": str(uuid.uuid4())}
    assert {text_of(ask(url, "durable", "remember", again)) for _ in range(2)} == {"heard 1"}
    other = ask(url, "durable", "something else", again)
    assert (other.status_code, other.json()["error"]["param"]) == (400, "x-request-id")


def test_a_conversation_is_remembered_and_never_heard_twice(url):
    named = {"context": {"conversation_id": str(uuid.uuid4())}}
    assert text_of(ask(url, "durable", "remember", **named)) == "heard 1"
    assert text_of(ask(url, "durable", "remember", **named)) == "heard 2"
    history = bodies.items("remember", [("user", "Hi"), ("assistant", "Hello")])["input"]
    assert text_of(ask(url, "durable", history, **named)) == "heard 3"
    assert text_of(ask(url, "durable", history)) == "heard 3"
    assert text_of(ask(url, "durable", "remember", **named)) == "heard 3"


def test_the_agent_is_told_who_asks_and_what_for(url):
    told = ask(url, "durable", "inputs", custom_inputs=bodies.CUSTOM, context={"user_id": "ada"})
    assert json.loads(text_of(told)) == [bodies.CUSTOM, "ada"]


DECISIONS = {"approve": "sent", "reject": "not sent: None", '{"type": "reject", "message": "no"}': "not sent: no"}


@pytest.mark.parametrize("past", [[], [("user", "Hi"), ("assistant", "Hello")]], ids=["first", "later"])
@pytest.mark.parametrize("decision", DECISIONS)
def test_a_question_is_answered_where_it_was_asked(decision, past, url):
    named = {"context": {"conversation_id": str(uuid.uuid4())}}
    history = bodies.items("approve", past)["input"]
    [call] = ask(url, "durable", history, **named).json()["output"]
    assert (call["type"], call["name"], json.loads(call["arguments"])) == ("function_call", "send_message", {"to": "Ada"})
    history.append({key: call[key] for key in ("type", "call_id", "name", "arguments")})
    output = {"type": "function_call_output", "call_id": call["call_id"]}
    unclear = ask(url, "durable", [*history, {**output, "output": "I have sent it"}], **named)
    assert (unclear.status_code, unclear.json()["error"]["param"]) == (400, "output")
    assert text_of(ask(url, "durable", [*history, {**output, "output": decision}], **named)) == DECISIONS[decision]
