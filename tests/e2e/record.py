"""Records what every agent server answers, normalised so that a second run gives no difference."""

import http.client
import json
import re
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bodies
import postgres
import servers

# What only the agents of a dialect can say.
MORE_TALKS = {
    "responses": ("reason", "whole", "refusal"),
    "durable": ("approve", "quiet", "remember", "inputs"),
}
MISSHAPEN = {
    "chat": {"messages": [{"content": "who?"}]},
    "durable": {"input": {"messages": []}, "model": "m"},
    "responses": {"input": "hello"},
    "split": {"query": 1},
}
KEPT_TALKS = ("hello there world", "tools", "client tool", "boom", "boom mid")
SECONDS = 30
TRACED = {"x-mlflow-return-trace-id": "true"}
# What differs from one run or machine to the next, and what is written in its place.
VARYING = [
    (re.compile(rb'"stack_trace": ?"(?:[^"\\]|\\.)*"'), b'"stack_trace": "<stack trace>"'),
    (re.compile(rb"tr-[0-9a-f]{32}|MLFLOW_NO_OP_SPAN_TRACE_ID"), b"tr-" + b"0" * 32),
    (re.compile(rb" at 0x[0-9a-f]+"), b" at 0x0"),
    (re.compile(rb"resp_[0-9a-f]{24}"), b"resp_" + b"0" * 24),
    (re.compile(rb'"created_at":[0-9]{10}'), b'"created_at":1700000000'),
]


def talks(body: Any, dialect: str) -> Iterator[tuple[str, Any]]:
    """Cases that every dialect can ask for, with the given writer of bodies."""
    for text in ("hello there world", "tools", "client tool", "parallel", "empty", "boom", "boom mid"):
        yield named(text), body(text)
    yield "unicode", body(bodies.UNICODE)
    yield "history", body("history", bodies.PAST)
    if dialect != "split":
        yield "custom", body("custom", custom_inputs=bodies.CUSTOM)
    yield from ((text, body(text)) for text in MORE_TALKS.get(dialect, ()))


def named(text: str) -> str:
    return text.replace(" ", "-").replace("hello-there-world", "text")


def malformed(dialect: str) -> Iterator[tuple[str, Any]]:
    """Bodies that the server has to refuse."""
    yield "bad-json", b'{"messages": ['
    yield "bad-shape", MISSHAPEN[dialect]
    yield "bad-nothing", {}


def cases(server: str, dialect: str, streams: bool) -> Iterator[tuple[str, bytes]]:
    """All cases of a server by name, with the bytes to send."""
    if server == "app":
        yield "trace", encoded(bodies.items("trace"))
        yield "trace-stream", encoded({**bodies.items("trace"), "stream": True})
    writers = {"chat": bodies.messages, "durable": bodies.run, "responses": bodies.items, "split": bodies.records}
    write = writers[dialect]
    for name, body in [*talks(write, dialect), *malformed(dialect)]:
        if isinstance(body, bytes):
            yield name, body
            continue
        yield name, encoded(body | numbers(dialect, name))
        if streams or name == "text":
            yield f"{name}-stream", encoded(body | numbers(dialect, f"{name}-stream") | {"stream": True})
    if dialect == "durable":
        yield "bad-again", encoded(bodies.run("something else") | numbers(dialect, "text"))
    if dialect == "split":
        yield "bare-query", encoded(bodies.query("hello there world"))
        if streams:
            yield "bare-query-stream", encoded({**bodies.query("hello there world"), "stream": True})


def numbers(dialect: str, name: str) -> dict[str, str]:
    """What tells one run of a durable agent from another."""
    if dialect != "durable" or name.startswith("bad-nothing"):
        return {}
    return {"id": str(uuid.uuid5(uuid.NAMESPACE_URL, name)), "session_id": name}


def headers_of(name: str) -> dict[str, str]:
    return {"Content-Type": "application/json"} | (TRACED if name.startswith("trace") else {})


def encoded(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def exchange(port: int, path: str, body: bytes | None, headers: dict[str, str]) -> bytes:
    """The answer: status line, content type, a blank line, and the body without its chunk framing."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    connection.request("GET" if body is None else "POST", path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    head = f"HTTP/1.1 {answer.status} {answer.reason}\ncontent-type: {answer.headers['content-type']}\n\n"
    return head.encode() + content


def keep(folder: Path, name: str, content: bytes) -> None:
    for pattern, stand_in in VARYING:
        content = pattern.sub(stand_in, content)
    (folder / f"{name}.response").write_bytes(content)


def record(folder: Path, port: int, path: str, dialect: str, streams: bool) -> int:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    every = list(cases(folder.name, dialect, streams))
    for name, body in every:
        (folder / f"{name}.request.json").write_bytes(body)
        keep(folder, name, exchange(port, path, body, headers_of(name)))
    return len(every)


def record_kept(folder: Path, port: int) -> int:
    """Answers in the background: as they begin, as they are fetched when they are there, and as they are streamed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for text in KEPT_TALKS:
        body, name = bodies.items(text) | {"background": True}, named(text)
        for name, body in ((name, body), (f"{name}-stream", body | {"stream": True})):
            (folder / f"{name}.request.json").write_bytes(encoded(body))
            begun = exchange(port, "/responses", encoded(body), headers_of(name))
            keep(folder, name, begun)
            [answer] = set(re.findall("resp_[0-9a-f]{24}", begun.decode()))
            keep(folder, f"{name}-fetched", fetched(port, answer))
    return len(list(folder.glob("*.response")))


def fetched(port: int, answer: str) -> bytes:
    deadline = time.monotonic() + SECONDS
    while b"in_progress" in (found := exchange(port, f"/responses/{answer}", None, {})):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def main(target: Path) -> None:
    dialects = {"chat_agent": "chat", "chat_model": "chat", "responses_agent": "responses", "split_agent": "split"}
    with tempfile.TemporaryDirectory(prefix="cutover-e2e-") as logs, servers.running(Path(logs)) as running:
        plan = [
            ("app", running["app"].port, "/responses", "responses", True),
            ("durable", running["durable"].port, "/api/invocations", "durable", True),
        ]
        for agent, dialect in dialects.items():
            name = agent.replace("_", "-")
            plan.append((f"scoring-{name}", running[f"scoring-{name}"].port, "/invocations", dialect, False))
            path = f"/serving-endpoints/{agent}/invocations"
            plan.append((f"emulated-{name}", running["emulated"].port, path, dialect, True))
        for name, port, path, dialect, streams in plan:
            number = record(target / name, port, path, dialect, streams)
            print(f"{name:26} {number} recorded")
    with tempfile.TemporaryDirectory(prefix="cutover-e2e-") as logs, postgres.running("databricks_postgres") as database:
        server = servers.long_running(Path(logs), database)
        try:
            server.wait()
            print(f"{'long-running':26} {record_kept(target / 'long-running', server.port)} recorded")
        finally:
            server.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
