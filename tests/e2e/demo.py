"""The demo of `cutover`, run as its own words say."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gateway

ORDERS = range(1001, 1061)


@dataclass
class Demo:
    """A demo that has been asked what it asks to be asked."""

    welcome: str
    said: list[str]
    backends: list[str]

    @property
    def report(self) -> list[str]:
        """The command for a report, as printed."""
        return shlex.split(re.search(r"\n  (\S+ report support --config \S+)\n", self.welcome).group(1))

    @property
    def mirrored(self) -> int:
        return self.backends.count("legacy")

    def settled(self) -> str:
        """The report, once all that was mirrored is in it: comparing and keeping go on behind the answers."""
        deadline = time.monotonic() + 30
        while True:
            told = run(self.report)
            if f"\n{self.mirrored} exchanges compared" in told or time.monotonic() > deadline:
                return told
            time.sleep(0.5)


def run(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


@contextlib.contextmanager
def asked() -> Iterator[Demo]:
    """Starts the demo and runs the Python lines that it prints."""
    arguments = [str(gateway.binary()), "demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
    demo = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=os.environ)
    try:
        welcome = ""
        while "time taken" not in welcome:
            line = demo.stdout.readline()
            assert line, welcome
            welcome += line
        lines = re.search(r"\n(  from openai import OpenAI\n.*?)\n\n", welcome, re.S)
        assert lines, welcome
        code = textwrap.dedent(lines.group(1))
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stderr
        backends = [demo.stdout.readline().split()[1] for _ in ORDERS]
        yield Demo(welcome, ran.stdout.splitlines(), backends)
    finally:
        demo.send_signal(signal.SIGINT)
        assert demo.wait(timeout=10) == 0
