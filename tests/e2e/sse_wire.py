"""One HTTP call with nothing in between: the bytes as they came, chunk by chunk, and the frames they must be."""

import json
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

SECONDS = 20


@dataclass
class Heard:
    """An answer: its body in the chunks of its transfer encoding, or in one piece."""

    status: int
    headers: dict[str, str]
    chunks: list[bytes]
    whole: bool

    @property
    def json(self) -> Any:
        return json.loads(b"".join(self.chunks))


def post(url: str, token: str, body: Any) -> Heard:
    parts, content = urlsplit(url), json.dumps(body).encode()
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=SECONDS) as connection:
        connection.sendall(head.encode() + content)
        with connection.makefile("rb") as answer:
            status = int(answer.readline().split()[1])
            lines = iter(lambda: answer.readline().decode().strip(), "")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            if headers.get("transfer-encoding") != "chunked":
                return Heard(status, headers, [answer.read()], True)
            chunks = []
            while size := int(answer.readline().strip() or b"0", 16):
                chunks.append(answer.read(size))
                answer.readline()
            return Heard(status, headers, chunks, answer.readline() == b"\r\n")


def events(heard: Heard) -> tuple[list[Any], list[str]]:
    """The events of a stream and what is wrong with its frames.

    A frame is its `event:` line, one `data:` line and a blank line, with LF alone, and it comes in one write: there are
    clients that lose a frame whose end is in a later one.
    """
    faults, found = [], []

    def check(legal: bool, fault: str) -> None:
        if not legal:
            faults.append(fault)

    kind = headers_kind(heard)
    check(kind == "text/event-stream", f"content type {kind}")
    check(heard.whole, "the stream broke off")
    check(all(chunk.endswith(b"\n\n") for chunk in heard.chunks), "a write that ends within a frame")
    text = b"".join(heard.chunks).decode()
    check("\r" not in text, "a carriage return")
    frames = [frame for frame in text.split("\n\n") if frame and not frame.startswith(":")]
    check(frames[-1:] == ["data: [DONE]"], f"the last frame is {frames[-1:]}")
    for frame in frames[:-1]:
        lines = frame.split("\n")
        check(len(lines) == 2 and lines[0].startswith("event: ") and lines[1].startswith("data: "), frame)
        found.append(json.loads(lines[-1].removeprefix("data: ")))
        check(lines[0] == f"event: {found[-1].get('type')}", f"{lines[0]} of type {found[-1].get('type')}")
    return found, faults


def headers_kind(heard: Heard) -> str:
    return heard.headers.get("content-type", "").split(";")[0]
