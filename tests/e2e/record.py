"""Records what every agent server answers, normalised so that a second run gives no difference."""

import http.client
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bodies
import servers

RESPONSES_ONLY = ("reason", "whole")
MISSHAPEN = {"chat": {"messages": [{"content": "who?"}]}, "responses": {"input": "hello"}, "split": {"query": 1}}
TRACED = {"x-mlflow-return-trace-id": "true"}
# What differs from one run or machine to the next, and what is written in its place.
VARYING = [
    (re.compile(rb'"stack_trace": ?"(?:[^"\\]|\\.)*"'), b'"stack_trace": "<stack trace>"'),
    (re.compile(rb"tr-[0-9a-f]{32}|MLFLOW_NO_OP_SPAN_TRACE_ID"), b"tr-" + b"0" * 32),
    (re.compile(rb" at 0x[0-9a-f]+"), b" at 0x0"),
]


def talks(body: Any, dialect: str) -> Iterator[tuple[str, Any]]:
    """Cases that every dialect can ask for, with the given writer of bodies."""
    for text in ("hello there world", "tools", "client tool", "parallel", "empty", "boom", "boom mid"):
        yield text.replace(" ", "-").replace("hello-there-world", "text"), body(text)
    yield "unicode", body(bodies.UNICODE)
    yield "history", body("history", bodies.PAST)
    if dialect != "split":
        yield "custom", body("custom", custom_inputs=bodies.CUSTOM)
    if dialect == "responses":
        yield from ((text, body(text)) for text in RESPONSES_ONLY)


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
    write = {"chat": bodies.messages, "responses": bodies.items, "split": bodies.records}[dialect]
    for name, body in [*talks(write, dialect), *malformed(dialect)]:
        if isinstance(body, bytes):
            yield name, body
            continue
        yield name, encoded(body)
        if streams or name == "text":
            yield f"{name}-stream", encoded({**body, "stream": True})
    if dialect == "split":
        yield "bare-query", encoded(bodies.query("hello there world"))
        if streams:
            yield "bare-query-stream", encoded({**bodies.query("hello there world"), "stream": True})


def headers_of(name: str) -> dict[str, str]:
    return {"Content-Type": "application/json"} | (TRACED if name.startswith("trace") else {})


def encoded(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def exchange(port: int, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """The answer: status line, content type, a blank line, and the body without its chunk framing."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    for pattern, stand_in in VARYING:
        content = pattern.sub(stand_in, content)
    head = f"HTTP/1.1 {answer.status} {answer.reason}\ncontent-type: {answer.headers['content-type']}\n\n"
    return head.encode() + content


def record(folder: Path, port: int, path: str, dialect: str, streams: bool) -> int:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    every = list(cases(folder.name, dialect, streams))
    for name, body in every:
        (folder / f"{name}.request.json").write_bytes(body)
        (folder / f"{name}.response").write_bytes(exchange(port, path, body, headers_of(name)))
    return len(every)


def main(target: Path) -> None:
    dialects = {"chat_agent": "chat", "chat_model": "chat", "responses_agent": "responses", "split_agent": "split"}
    with tempfile.TemporaryDirectory(prefix="cutover-e2e-") as logs, servers.running(Path(logs)) as running:
        plan = [("app", running["app"].port, "/responses", "responses", True)]
        for agent, dialect in dialects.items():
            name = agent.replace("_", "-")
            plan.append((f"scoring-{name}", running[f"scoring-{name}"].port, "/invocations", dialect, False))
            path = f"/serving-endpoints/{agent}/invocations"
            plan.append((f"emulated-{name}", running["emulated"].port, path, dialect, True))
        for name, port, path, dialect, streams in plan:
            number = record(target / name, port, path, dialect, streams)
            print(f"{name:26} {number} recorded")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
