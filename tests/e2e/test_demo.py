"""The demo's own words: what it prints works as printed, and its report finds where the App is unlike."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

import demo
import servers

LOADS = Path(__file__).parent / "evaluate.py"


@pytest.fixture(scope="module")
def shown():
    with demo.asked() as shown:
        yield shown


def test_the_printed_python_lines_work(shown):
    assert shown.said[0] == "Order 1001 has shipped and arrives on Friday."
    assert len(shown.said) == len(demo.ORDERS)
    for order, line in zip(demo.ORDERS, shown.said, strict=True):
        assert line.startswith(f"Order {order} has shipped")
    assert set(shown.backends) <= {"legacy", "app"} and shown.mirrored >= 40, shown.backends


def test_the_printed_report_finds_where_the_app_is_unlike(shown):
    found = shown.settled()
    assert found.startswith("FAIL support  legacy → app"), found
    failed = re.findall(r"^ (\w+) +fail", found, re.M)
    assert sorted(failed) == ["text_numbers", "tool_arguments"], found
    assert "look_up_order.archive" in found and "in 9 days" in found, found


def test_mlflow_evaluates_what_is_exported(shown, tmp_path):
    """Every pair, loaded and scored by the real `mlflow.genai.evaluate`: two scorers that agree with our own measures."""
    shown.settled()
    file = tmp_path / "pairs.jsonl"
    report = json.loads(demo.run([*shown.report, "--form", "json", "--export", str(file)]))
    pairs = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(pairs) == shown.mirrored == report["judgement"]["exchanges"]
    env = servers.quiet_env() | {"MLFLOW_TRACKING_URI": f"file://{tmp_path}/mlruns", "MLFLOW_ALLOW_FILE_STORE": "true"}
    command = [sys.executable, str(LOADS), str(file)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr[-3000:]
    scores = json.loads(ran.stdout.splitlines()[-1])
    assert scores["rows"] == len(pairs)
    measures = {measure["measure"]: measure for measure in report["judgement"]["measures"]}
    assert scores["same_text/mean"] == pytest.approx(1 - measures["text_exact"]["raw"])
    assert scores["same_calls/mean"] == pytest.approx(1 - measures["tool_arguments"]["raw"])
    assert 0 < scores["same_text/mean"] < 1 and 0 < scores["same_calls/mean"] < 1


def test_a_replay_shows_on_a_terminal_how_far_it_is(shown, tmp_path):
    """What was mirrored, once more: a bar that grows and goes, and the report where it was asked for."""
    shown.settled()
    pairs, report = tmp_path / "pairs.jsonl", tmp_path / "report.json"
    demo.run([*shown.report, "--export", str(pairs)])
    binary, *_, config = shown.report
    command = [binary, "replay", str(pairs), "--route", "support", "--config", config, "--rate", "20"]
    seen = on_a_terminal([*command, "--output", str(report)])
    drawn = re.findall(r"(█*)[^█]*? (\d+)/(\d+)  \S+  \S+ left", seen)
    assert {int(of) for _, _, of in drawn} == {shown.mirrored}, seen
    grown = [int(done) for _, done, _ in drawn]
    assert len(set(grown)) > 5 and grown == sorted(grown), seen
    assert len(drawn[-1][0]) > 2 * len(drawn[0][0]), seen
    assert f"{shown.mirrored} compared" in seen.splitlines()[-1], seen
    assert json.loads(report.read_text())["judgement"]["exchanges"] == shown.mirrored


def on_a_terminal(command):
    """What a command writes to a terminal of 100 columns."""
    terminal, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    with subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env={**os.environ, "TERM": "xterm"}) as process:
        os.close(its)
        seen = b""
        # Linux says so by an error when the last who could write has gone.
        while True:
            try:
                seen += os.read(terminal, 4096)
            except OSError:
                break
    os.close(terminal)
    assert process.returncode == 0, seen.decode()
    return seen.decode().replace("\r\n", "\n")
