"""The Open Responses compliance requests against every backend, as a check of our own that is stricter than the public suite.

The public suite runs by itself where somebody has it: public_suite.py. What passed is shown as a table, once the tests are
over, and kept in tests/.env/compliance.md.
"""

import copy

import pytest

import bodies
import conftest
import gateway
import matrix
import model_talks
import response_schema
import servers
import sse_wire
from matrix import BACKENDS, Backend
from response_order import Order

SUITE_TESTS = (
    "basic-response",
    "assistant-phase",
    "response-output-phase-schema",
    "streaming-response",
    "system-prompt",
    "tool-calling",
    "image-input",
    "multi-turn",
)
DOT = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather at a place.",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
}


TEXT_ONLY = ("chat_agent", "chat_model", "split_chat_messages", "durable")


def message(role: str, content, **fields) -> dict:
    return {"type": "message", "role": role, "content": content, **fields}


REQUESTS = {
    "basic-response": {"input": [message("user", "Say good morning.")]},
    "assistant-phase": {
        "input": [
            message("assistant", "Let me look the number up.", phase="commentary"),
            message("assistant", "It is seven.", phase="final_answer"),
            message("user", "Say that number again."),
        ]
    },
    "streaming-response": {"input": [message("user", "Count to three.")]},
    "system-prompt": {"input": [message("system", "Be brief."), message("user", "Good evening.")]},
    "tool-calling": {"input": [message("user", "What is the weather like in Lisbon?")], "tools": [WEATHER]},
    "image-input": {
        "input": [
            message(
                "user",
                [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": DOT}],
            )
        ]
    },
    "multi-turn": {
        "input": [
            message("user", "I am Bob."),
            message("assistant", "Good morning, Bob."),
            message("user", "Who am I?"),
        ]
    },
}


def refused(backend: Backend) -> dict[str, str]:
    """What a backend cannot take, with the code of the error that says so instead of an answer that hides it."""
    match backend.dialect:
        case dialect if dialect in TEXT_ONLY:
            return {"image-input": "unsupported_parameter"}
        case "responses" if backend.server not in ("app", "openai"):
            # The signature that MLflow gives every ResponsesAgent has no place for a tool's name.
            return {"tool-calling": "backend_refused_request"}
    return {}


def speechless(backend: Backend) -> set[str]:
    """What a backend takes and has no words for: the oldest agents answer with text, so they cannot call."""
    return {"tool-calling"} if backend.dialect == "split_chat_messages" else set()


@pytest.fixture(scope="module")
def passed():
    """What passed, by who ran it, the model that was asked, and the name of the test; said when all is over."""
    seen: dict[tuple[str, str], dict[str, list[str]]] = {}
    yield seen
    columns = [name for name in SUITE_TESTS if any(name in row for row in seen.values())]
    rows = [["requests", "backend (route)", *columns], ["---"] * (len(columns) + 2)]

    def mark(outcomes: list[str]) -> str:
        return "failed" if "failed" in outcomes else outcomes[-1] if outcomes else ""

    rows += [[*who, *(mark(row.get(name, [])) for name in columns)] for who, row in sorted(seen.items())]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    (servers.ENV / "compliance.md").write_text("\n".join(lines) + "\n")
    conftest.notes.extend(lines)


PAIRS = [pytest.param(backend, name, id=f"{backend.name}-{name}") for backend in BACKENDS for name in REQUESTS]
TALKS = [
    pytest.param(backend, talk, id=f"{backend.name}-{talk}")
    for backend in BACKENDS
    for talk in backend.talks
    if talk not in (matrix.SLOW, model_talks.CUT, "boom", *model_talks.REFUSED)
    and (backend.streams or talk != "boom mid")
]


def ask(cutover: str, backend: Backend, route: str = "", **body) -> sse_wire.Heard:
    return sse_wire.post(f"{cutover}/v1/responses", gateway.TOKEN, {"model": backend.name + route, **body})


def streamed(cutover: str, backend: Backend, **body) -> tuple[Order, list[str]]:
    """The stream's order, read to its end, and all that is wrong with it."""
    heard = ask(cutover, backend, stream=True, **body)
    assert heard.status == 200, heard.json
    events, faults = sse_wire.events(heard)
    order = Order()
    for event in events:
        order.read(event)
    return order, faults + order.finish()


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(("backend", "name"), PAIRS)
def test_request(backend, name, stream, cutover, passed):
    """The answer is whole and complete, or an error that names what cannot be carried."""
    outcomes = passed.setdefault(("ours", backend.name), {}).setdefault(name, [])
    outcomes.append("failed")
    if code := refused(backend).get(name):
        heard = ask(cutover, backend, stream=stream, **REQUESTS[name])
        assert (heard.status, heard.json["error"]["code"]) == (400, code)
        outcomes[-1] = "refused by name"
        return
    if stream:
        order, faults = streamed(cutover, backend, **REQUESTS[name])
        response = order.final
    else:
        heard = ask(cutover, backend, **REQUESTS[name])
        assert (heard.status, heard.headers["content-type"]) == (200, "application/json"), heard.json
        response = heard.json
        faults = response_schema.of_response(response)
    assert faults == []
    assert response["status"] == "completed"
    if name in speechless(backend):
        outcomes[-1] = "words only"
        return
    wanted = "function_call" if name == "tool-calling" else "message"
    assert [item["type"] for item in response["output"]] == [wanted]
    outcomes[-1] = "passed"


@pytest.mark.parametrize("backend", [it for it in BACKENDS if it.dialect in TEXT_ONLY], ids=lambda it: it.name)
def test_an_image_is_left_out_where_the_route_says_so(backend, cutover, passed):
    """The agent answers what it can read, and the client is told what it could not."""
    heard = ask(cutover, backend, gateway.LENIENT, **REQUESTS["image-input"])
    assert (heard.status, heard.headers["x-cutover-dropped"]) == (200, "image"), heard.json
    assert response_schema.of_response(heard.json) == []
    passed[("ours", f"{backend.name} ({gateway.LENIENT})")] = {"image-input": ["passed"]}


@pytest.mark.parametrize(("backend", "talk"), TALKS)
def test_stream_is_legal(backend, talk, cutover):
    """Every event of every talk, in its order, whatever the backend's own stream was like."""
    past = bodies.PAST if talk == "history" and backend.dialect != "split_chat_messages" else []
    order, faults = streamed(cutover, backend, **bodies.items(talk, past))
    assert faults == []
    assert (order.final["status"] == "failed") == (talk == "boom mid")


def test_the_check_sees_what_is_missing(cutover):
    """Of a legal stream no event can be left out, said twice or moved, and no field left out, without a fault."""
    backend = next(backend for backend in BACKENDS if backend.name == "openai-chat")
    events, _ = sse_wire.events(ask(cutover, backend, stream=True, **bodies.items("mixed")))

    def faults(events: list[dict]) -> list[str]:
        order = Order()
        try:
            for event in events:
                order.read(event)
        except (AttributeError, KeyError) as problem:
            return [repr(problem)]
        return order.finish()

    def numbered(events: list[dict]) -> list[dict]:
        return [{**event, "sequence_number": number} for number, event in enumerate(events)]

    assert faults(events) == []
    for at, event in enumerate(events):
        assert faults(numbered(events[:at] + events[at + 1 :])), f"without {event}"
        assert faults(numbered(events[:at] + [event] + events[at:])), f"twice {event}"
        if at and event["type"] != events[at - 1]["type"]:
            assert faults(numbered([*events[: at - 1], event, events[at - 1], *events[at + 1 :]])), f"too early {event}"
        for key in event:
            less = copy.deepcopy(events)
            del less[at][key]
            assert faults(less), f"no {key} in {event}"
