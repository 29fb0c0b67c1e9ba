"""Starts servers and gateway once, runs the client calls of all selected tests in one go, and prints the matrix."""

import json
import shutil
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import PIPE

import pytest

import gateway
import matrix
import node_clients
import servers

HERE = Path(__file__).parent
notes: list[str] = []  # said once, after the tests
RUN_SECONDS = 180
# MLflow's client would try a failing agent again for ten minutes.
NO_RETRIES = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_DEPLOYMENT_PREDICT_TIMEOUT": "10",
    "MLFLOW_DEPLOYMENT_PREDICT_TOTAL_TIMEOUT": "10",
}


def run_clients(cases: dict[str, list[dict]]) -> dict[str, dict]:
    """The answers by case id; one process per Python environment, both at the same time."""

    def run(environment: str) -> list[dict]:
        command = [str(servers.ENV / environment / "bin" / "python"), str(HERE / "client_runner.py")]
        if environment == "node":
            command = node_clients.command()
        lines = "".join(json.dumps(case) + "\n" for case in cases[environment])
        env = servers.quiet_env() | NO_RETRIES
        with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True, env=env) as process:
            ending = threading.Timer(RUN_SECONDS, process.kill)
            ending.start()
            output, problems = process.communicate(lines)
            ending.cancel()
        answers = [json.loads(line) for line in output.splitlines()]
        if len(answers) != len(cases[environment]):
            count = f"{len(answers)} of {len(cases[environment])}"
            notes.append(f"{environment}: {count} calls answered\n{problems[-3000:]}")
        if environment == "node":
            by_id = {case["id"]: case for case in cases[environment]}
            return [node_clients.answer(by_id[seen["id"]], seen) for seen in answers]
        return answers

    with ThreadPoolExecutor() as pool:
        return {answer["id"]: answer for answers in pool.map(run, cases) for answer in answers}


@pytest.fixture(scope="session")
def folder(request):
    """Where logs and configuration go; kept and named when something failed."""
    path = Path(tempfile.mkdtemp(prefix="cutover-e2e-"))
    yield path
    if request.session.testsfailed:
        notes.append(f"logs are in {path}")
    else:
        shutil.rmtree(path)


@pytest.fixture(scope="session")
def running(folder):
    with servers.running(folder) as by_name:
        yield by_name


@pytest.fixture(scope="session")
def cutover(running, folder):
    """The URL of the gateway."""
    if not gateway.binary().exists():
        pytest.exit(f"no gateway at {gateway.binary()}: run `cargo build`, or set CUTOVER_BIN", returncode=1)
    server, url = gateway.start("cutover", gateway.config(running), folder)
    try:
        server.wait()
    except RuntimeError as problem:
        pytest.exit(str(problem), returncode=1)
    yield url
    server.stop()


def cell_of(item: pytest.Item) -> matrix.Cell | None:
    """The cell that a test asserts, if it is a test of the matrix."""
    return item.callspec.params["cell"] if "answers" in getattr(item, "fixturenames", ()) else None


@pytest.fixture(scope="session")
def answers(request, cutover):
    """The answers of all selected matrix cells."""
    cases: dict[str, list[dict]] = {}
    running = [item for item in request.session.items if not item.get_closest_marker("skip")]
    for cell in filter(None, map(cell_of, running)):
        cases.setdefault(cell.client.environment, []).append(matrix.case(cell, cutover, gateway.TOKEN))
    started = time.monotonic()
    result = run_clients(cases)
    notes.append(f"{len(result)} client calls in {time.monotonic() - started:.0f} s")
    return result


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    (yield).get_result().cell = cell_of(item)


def pytest_terminal_summary(terminalreporter):
    """The matrix as a table: per client and backend, plain and streamed, the talks that passed of those tried."""
    scores: dict[tuple, list[bool]] = {}
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            if (cell := getattr(report, "cell", None)) and (report.when == "call" or outcome == "error"):
                scores.setdefault((cell.client.name, cell.backend.name, cell.mode), []).append(outcome == "passed")
    for note in notes:
        terminalreporter.write_line(note)
    if not scores:
        return

    def mark(client: str, backend: str) -> str:
        tried = [scores.get((client, backend, mode)) for mode in matrix.MODES]
        return " · ".join("–" if not score else "ok" if all(score) else f"{sum(score)}/{len(score)}" for score in tried)

    backends = [backend.name for backend in matrix.BACKENDS]
    rows = [["client (plain · stream)", *backends], ["---"] * (len(backends) + 1)]
    rows += [[client.name, *(mark(client.name, backend) for backend in backends)] for client in matrix.CLIENTS]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    (servers.ENV / "matrix.md").write_text("\n".join(lines) + "\n")
    terminalreporter.write_line("\n" + "\n".join(lines))
