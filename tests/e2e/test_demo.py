"""The demo's own words: the Python lines that it prints work as printed."""

import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
CUTOVER = os.environ.get("CUTOVER_BIN", str(ROOT / "target/debug/cutover"))


def test_the_printed_python_lines_work():
    arguments = [CUTOVER, "demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
    demo = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
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
        assert ran.stdout.splitlines() == ["Order 1001 has shipped and arrives on Friday."] * 20
        backends = [demo.stdout.readline().split()[1] for _ in range(20)]
        assert set(backends) <= {"legacy", "app"} and backends.count("legacy") >= 10, backends
    finally:
        demo.send_signal(signal.SIGINT)
        assert demo.wait(timeout=10) == 0
