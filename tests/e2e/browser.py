"""A real browser without a window: Chromium, spoken to over two pipes in the protocol of its developer tools."""

import base64
import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SECONDS = 60
BAD = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")


class Page:
    """One tab."""

    def __init__(self, out: int, into: int):
        self.out, self.into = os.fdopen(out, "wb", buffering=0), os.fdopen(into, "rb", buffering=0)
        self.session, self.number, self.rest, self.complaints = None, 0, b"", []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for part in ("Page", "Runtime", "Log"):
            self.call(f"{part}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.out.write(json.dumps(message).encode() + b"\0")
        while (answer := self.message()).get("id") != self.number:
            pass
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def message(self) -> dict[str, Any]:
        while b"\0" not in self.rest:
            piece = self.into.read(1 << 20)
            assert piece, "the browser has gone"
            self.rest += piece
        first, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(first)
        if message.get("method") in BAD:
            self.complaints.append(message["params"])
        return message

    def open(self, file: Path, width: int = 1280, scheme: str = "light", media: str = "screen") -> None:
        """Opens a file as a screen of this width shows it, or as paper does."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)
        self.call("Page.navigate", url=file.as_uri())
        while self.value("document.readyState") != "complete":
            pass

    def value(self, expression: str) -> Any:
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def picture(self, file: Path) -> None:
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=self.whole())
        file.write_bytes(base64.b64decode(shot["data"]))

    def whole(self) -> dict[str, float]:
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}

    def paper(self) -> bytes:
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])


@contextlib.contextmanager
def page() -> Iterator[Page]:
    """A browser with one empty tab, gone at the end."""
    (their_in, out), (into, their_out) = os.pipe(), os.pipe()
    # The browser reads from 3 and writes to 4; neither may be one of these already.
    theirs = [fcntl.fcntl(pipe, fcntl.F_DUPFD, 10) for pipe in (their_in, their_out)]
    with tempfile.TemporaryDirectory(prefix="cutover-chromium-", ignore_cleanup_errors=True) as profile:
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        command += [f"--user-data-dir={profile}", "--no-first-run", "--disable-background-networking"]
        shell = f'exec "$0" "$@" 3<&{theirs[0]} 4>&{theirs[1]}'
        browser = subprocess.Popen(
            ["bash", "-c", shell, *command],
            pass_fds=theirs,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for pipe in (their_in, their_out, *theirs):
            os.close(pipe)
        signal.signal(signal.SIGALRM, lambda *_: os.killpg(browser.pid, signal.SIGKILL))
        signal.alarm(SECONDS)
        try:
            yield Page(out, into)
        finally:
            signal.alarm(0)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(browser.pid, signal.SIGKILL)
            browser.wait()
