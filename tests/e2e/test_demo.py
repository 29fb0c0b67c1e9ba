"""The demo's own words: what it prints works as printed, and its report finds where the App is unlike."""

import json
import re
import subprocess
import sys
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
