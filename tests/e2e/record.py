"""Records requests and answers of every agent server as fixtures, normalised so that a second run gives no difference."""

import http.client
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any, Iterator

import bodies
import servers

CUSTOM = {"tenant": "acme", "deep": {"list": [1, 2.5, None], "text": "ünï"}}
UNICODE = "naïve 東京 \U0001f98a \"quoted\" back\\slash\nnext line"
RESPONSES_ONLY = ("reason", "whole")
# What differs from one run or machine to the next, and what is written in its place.
VARYING = [
    (re.compile(rb'"stack_trace": ?"(?:[^"\\]|\\.)*"'), b'"stack_trace": "<stack trace>"'),
    (re.compile(rb"tr-[0-9a-f]{32}"), b"tr-" + b"0" * 32),
    (re.compile(rb" at 0x[0-9a-f]+"), b" at 0x0"),
]


def talks(body: Any, dialect: str) -> Iterator[tuple[str, Any]]:
    """Cases that every dialect can ask for, with the given writer of bodies."""
    for text in ("hello there world", "tools", "client tool", "parallel", "empty", "boom", "boom mid"):
        yield text.replace(" ", "-").replace("hello-there-world", "text"), body(text)
    yield "unicode", body(UNICODE)
    yield "history", body("history", bodies.PAST)
    if dialect != "split":
        yield "custom", body("custom", custom_inputs=CUSTOM)
    if dialect == "responses":
        yield from ((text, body(text)) for text in RESPONSES_ONLY)


def malformed(dialect: str) -> Iterator[tuple[str, Any]]:
    """Bodies that the server has to refuse."""
    yield "bad-json", b'{"messages": ['
    yield "bad-shape", {"chat": {"messages": [{"content": "who?"}]}, "responses": {"input": "hello"}}.get(dialect, {"query": 1})
    yield "bad-nothing", {}


def cases(dialect: str, streams: bool) -> Iterator[tuple[str, bytes]]:
    """All cases of a server by name, with the bytes to send."""
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


def encoded(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def exchange(port: int, path: str, body: bytes) -> bytes:
    """The answer: status line, content type, a blank line, and the body without its chunk framing."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    for pattern, stand_in in VARYING:
        content = pattern.sub(stand_in, content)
    head = f"HTTP/1.1 {answer.status} {answer.reason}\ncontent-type: {answer.headers['content-type']}\n\n"
    return head.encode() + content


def record(folder: Path, port: int, path: str, dialect: str, streams: bool) -> int:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    number = 0
    for number, (name, body) in enumerate(cases(dialect, streams), start=1):
        (folder / f"{name}.request.json").write_bytes(body)
        (folder / f"{name}.response").write_bytes(exchange(port, path, body))
    return number


def main(target: Path) -> None:
    dialects = {"chat_agent": "chat", "chat_model": "chat", "responses_agent": "responses", "split_agent": "split"}
    with servers.running() as running:
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
