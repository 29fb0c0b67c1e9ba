"""A proxy that cuts every event stream after some frames, as proxies with a time limit do."""

import contextlib
import http.client
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

SOME = 9  # bytes of the frame that is cut


class Proxy(BaseHTTPRequestHandler):
    """`/cut-N/...` of the server at `upstream`, with N frames of each stream; other answers come whole."""

    upstream: int
    seen: list[str]

    def relay(self) -> None:
        _, cut, path = self.path.split("/", 2)
        frames, body = int(cut.removeprefix("cut-")), self.rfile.read(int(self.headers.get("content-length", 0)))
        type(self).seen.append(f"{self.command} {self.path}")
        server = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=30)
        server.request(self.command, f"/{path}", body or None, {"Content-Type": "application/json"})
        answer = server.getresponse()
        kind = answer.headers["content-type"]
        content = answer.read() if "event-stream" not in kind else b"".join(self.head_of(answer, frames))
        self.wfile.write(f"HTTP/1.1 {answer.status} X\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n".encode())
        self.wfile.write(content)
        server.close()

    @staticmethod
    def head_of(answer: http.client.HTTPResponse, frames: int) -> Iterator[bytes]:
        """So many frames, and the beginning of one more."""
        while frames and (line := answer.readline()):
            yield line
            frames -= line == b"\n"
        yield answer.read(SOME)

    do_GET = do_POST = relay

    def log_message(self, *_) -> None:
        pass


@contextlib.contextmanager
def proxy(upstream: int) -> Iterator[tuple[str, list[str]]]:
    """Its URL, and what was asked of it."""
    handler = type("Cutting", (Proxy,), {"upstream": upstream, "seen": []})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", handler.seen
        server.shutdown()
