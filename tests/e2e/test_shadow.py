"""What must be shown of a shadow: agents that behave alike pass, and a regression is found by the measure that it is one of.

A real ChatAgent behind MLflow's scoring server and a real AgentServer, both with random wording; half of the requests ask
for a stream. The report is looked at all the time while requests go on, and what it says first stands in the table, with the
number of exchanges that it took. Here a regression's requests end when it is found; `tests/run shadow` sends all of them.
"""

import http.client
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from conftest import notes

import browser
import gateway
import servers

HERE = Path(__file__).parent / "shadow_agents"
WHOLE = bool(os.environ.get("CUTOVER_SHADOW_WHOLE"))
EXCHANGES = 2_000
CLIENTS = 4
SETTLES = 60  # seconds


@dataclass(frozen=True)
class Scenario:
    """A regression, in words, the measure that must find it, and those that may."""

    name: str
    about: str
    measure: str | None
    also: frozenset[str] = frozenset()
    please: str = ""

    @property
    def route(self) -> str:
        return self.name or "alike"


SCENARIOS = [
    Scenario("", "none: alike, in random words", None),
    Scenario("arguments", "a tool argument changed in 3 % of the answers", "tool_arguments"),
    Scenario("number", "a number changed in 2 %", "text_numbers"),
    # A ChatAgent has no place for citations but its text.
    Scenario("citations", "citations dropped from 5 %", "citations", frozenset({"text_links"})),
    Scenario("refusal", "a refusal added in 1 %", "refusal"),
    # A stream without an end is an answer that did not come, too.
    Scenario("cut", "2 % of the streams without their end", "protocol", frozenset({"outcome"})),
    # On a busy machine the servers themselves take as long as a short thought.
    Scenario("latency", "latency doubled", "total_time", please=" Please think hard."),
]


@dataclass
class Seen:
    """What the report said of a scenario: at the first look at which it failed, and at the end."""

    scenario: Scenario
    first: dict | None = None
    last: dict = field(default_factory=dict)
    looks: int = 0
    seconds: float = 0.0

    @staticmethod
    def failed(report: dict) -> set[str]:
        judged = report["judgement"]["measures"]
        return {measure["measure"] for measure in judged if measure["gates"] and measure["verdict"] == "fail"}

    def row(self) -> str:
        judgement, told = self.last["judgement"], self.last if WHOLE else self.first or self.last
        first = self.first and self.first["judgement"]["exchanges"]
        found = ", ".join(sorted(self.failed(self.first or self.last))) or "–"
        cells = [self.scenario.about, told["judgement"]["verdict"], found, first or "–", judgement["exchanges"]]
        cells += [judgement["twins"], self.looks, f"{self.seconds:.0f} s"]
        return "| " + " | ".join(map(str, cells)) + " |"


HEAD = "| regression | verdict | found by | after n | exchanges | asked twice | looks | took |\n" + "|---" * 8 + "|"


@dataclass
class Shadow:
    """A gateway with a route for each scenario in front of both agents."""

    url: str
    app: servers.Server
    config: Path

    def report(self, route: str) -> dict:
        command = [str(gateway.binary()), "report", route, "--config", str(self.config), "--form", "json"]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def become(self, regression: str) -> None:
        request = urllib.request.Request(f"{self.app.url}/become/{regression or '-'}", method="POST")
        urllib.request.urlopen(request, timeout=10).close()

    def ask(self, scenario: Scenario, numbers, stopped: threading.Event) -> int:
        """Asks over one connection until there are no numbers left; how often it has asked."""
        client, asked = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=30), 0
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {gateway.TOKEN}"}
        while not stopped.is_set() and (number := next(numbers)) < EXCHANGES:
            question = f"Where is order {1000 + number}?{scenario.please}"
            body = {"model": scenario.route, "input": question, "stream": number % 2 == 1}
            body["context"] = {"conversation_id": f"c-{number}"}
            client.request("POST", "/v1/responses", json.dumps(body), headers)
            answer = client.getresponse()
            assert answer.status == 200, answer.read()
            answer.read()
            asked += 1
        client.close()
        return asked

    def run(self, scenario: Scenario) -> Seen:
        """Asks, and looks at the report meanwhile."""
        self.become(scenario.name)
        seen, numbers, stopped, begun = Seen(scenario), count(), threading.Event(), time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as pool:
            asking = [pool.submit(self.ask, scenario, numbers, stopped) for _ in range(CLIENTS)]
            try:
                while not all(one.done() for one in asking):
                    time.sleep(0.5)
                    self.look(seen)
                    if seen.first and not WHOLE:
                        stopped.set()
            finally:
                stopped.set()
        asked = sum(one.result() for one in asking)
        deadline = time.monotonic() + SETTLES
        while self.look(seen)["judgement"]["exchanges"] < asked and time.monotonic() < deadline:
            time.sleep(0.5)
        seen.seconds = time.monotonic() - begun
        assert (seen.last["judgement"]["exchanges"], seen.last["funnel"]["requests"]) == (asked, asked)
        assert not any(times for _, times in seen.last["funnel"]["left_out"])
        return seen

    def look(self, seen: Seen) -> dict:
        seen.last = self.report(seen.scenario.route)
        seen.looks += 1
        if seen.first is None and seen.last["judgement"]["verdict"] == "fail":
            seen.first = seen.last
        return seen.last


@pytest.fixture(scope="module")
def agents(folder):
    """The legacy endpoint and the App, both up."""
    model, env = folder / "clerk", servers.quiet_env()
    subprocess.run([sys.executable, str(HERE / "save.py"), str(model)], check=True, env=env, capture_output=True)
    port = servers.free_port()
    command = [sys.executable, str(HERE / "app.py")]
    app = servers.start("shadow-app", command, port, "/health", folder, AGENT_PORT=str(port))
    legacy = servers.scoring("clerk", folder, folder)
    try:
        for server in (legacy, app):
            server.wait()
        yield legacy, app
    finally:
        for server in (legacy, app):
            server.stop()


@pytest.fixture(scope="module")
def shadow(agents, folder):
    legacy, app = agents
    noise = {"to": "app", "sample": "100%", "noise": "50%", "side_effects": "none"}
    limits = {"queue": 4096, "concurrency": 16, "per_second": 1000}
    parts = {
        "backends": {
            "legacy": {"url": legacy.url + "/invocations", "dialect": "chat_agent", "credential": "none"},
            "app": {"url": app.url + "/responses", "dialect": "responses", "credential": "none"},
        },
        "routes": [
            {
                "name": scenario.route,
                "match": {"model": scenario.route},
                "split": {"legacy": 1},
                "shadow": noise | {"limits": limits, "budget": {"requests": 100_000}, "record": {"mode": "full"}},
            }
            for scenario in SCENARIOS
        ],
        "store": f"sqlite:{folder / 'shadow.db'}",
    }
    server, url = gateway.start("shadow", parts, folder)
    try:
        server.wait()
        yield Shadow(url, app, folder / "shadow.yaml")
    finally:
        server.stop()


@pytest.fixture(scope="module")
def table():
    """The rows of the table, written and shown at the end."""
    rows: list[str] = []
    yield rows
    text = "\n".join([HEAD, *rows])
    (servers.ENV / "shadow.md").write_text(text + "\n")
    notes.append("\n" + text)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.route)
def test_verdict(scenario: Scenario, shadow: Shadow, table: list[str]):
    seen = shadow.run(scenario)
    table.append(seen.row())
    if scenario.measure is None:
        assert seen.first is None, "said to fail at one of the looks"
        assert seen.last["judgement"]["verdict"] == "pass", seen.last["judgement"]["rule"]
        return
    assert seen.first, seen.last["judgement"]["rule"]
    if WHOLE:
        assert seen.last["judgement"]["verdict"] == "fail", seen.last["judgement"]["rule"]
    # Just over the edge, the next exchanges may take it back for a while.
    assert seen.last["judgement"]["verdict"] != "pass"
    failed = Seen.failed(seen.first) | Seen.failed(seen.last)
    assert scenario.measure in failed and failed <= {scenario.measure} | scenario.also, failed


# What the page shows, from top to bottom.
ORDERED = (
    "CUTOVER REPORT",
    "does not answer as legacy does",
    "Measures",
    "Worst examples",
    "Latency and size",
    "Cost",
    "How certainty grew",
    "Day by day",
    "What was not mirrored, and why",
    "What the numbers mean",
)
DAYS = 5


@pytest.fixture(scope="module")
def as_of_days(shadow, folder) -> Path:
    """The config of a store in which what has just been seen of changed numbers was seen over several days."""
    if not shadow.report("number")["judgement"]["exchanges"]:
        shadow.run(next(scenario for scenario in SCENARIOS if scenario.name == "number"))
    with sqlite3.connect(folder / "shadow.db") as live, sqlite3.connect(folder / "days.db") as store:
        live.backup(store)
        where = "WHERE route = 'number'"
        rows = store.execute(f"SELECT exchanges FROM shadow_moments {where} ORDER BY exchanges")
        counts = [exchanges for (exchanges,) in rows]
        (last,) = store.execute(f"SELECT at FROM shadow_tallies {where}").fetchone()
        step = DAYS * 86_400_000 // len(counts)
        for place, exchanges in enumerate(counts):
            at = last - (len(counts) - place) * step
            store.execute(f"UPDATE shadow_moments SET at = ? {where} AND exchanges = ?", (at, exchanges))
        store.execute(f"UPDATE shadow_tallies SET since = ? {where}", (last - len(counts) * step,))
    config = json.loads(shadow.config.read_text()) | {"store": f"sqlite:{folder / 'days.db'}"}
    (folder / "days.yaml").write_text(json.dumps(config))
    return folder / "days.yaml"


def test_a_browser_shows_the_page_and_has_nothing_to_complain_of(shadow, as_of_days, folder):
    file, grounds = folder / "report.html", {}
    command = [str(gateway.binary()), "report", "number", "--config", str(as_of_days)]
    subprocess.run([*command, "--output", str(file)], check=True)
    told = json.loads(subprocess.run([*command, "--form", "json"], check=True, capture_output=True).stdout)
    assert DAYS <= len(told["days"]) <= DAYS + 1 and len(told["history"]) >= 6
    with browser.page() as page:
        for width, scheme in ((1280, "light"), (1280, "dark"), (390, "light")):
            page.open(file, width, scheme)
            text = page.value("document.body.innerText")
            order = [text.find(words) for words in ORDERED]
            assert -1 not in order and order == sorted(order), list(zip(ORDERED, order, strict=True))
            for words in ("text_numbers", f"{told['judgement']['exchanges']:,} of", "times as many", "It has failed since exchange"):
                assert words in text, words
            assert page.value("document.documentElement.scrollWidth") <= width, "it must be scrolled sideways"
            assert page.value("document.querySelectorAll('mark').length") > 0, "what differs is not marked"
            drawn = [page.value(f"document.querySelectorAll('{plot}').length") for plot in PLOTS]
            assert all(drawn), list(zip(PLOTS, drawn, strict=True))
            grounds[scheme] = page.value("getComputedStyle(document.body).backgroundColor")
            page.picture(servers.ENV / f"report-{scheme}-{width}.png")
        page.open(file, scheme="dark", media="print")
        assert page.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)", "paper is white"
        assert page.value("getComputedStyle(document.body).color") == "rgb(27, 31, 39)", "and ink is dark"
        paper = page.paper()
    assert page.complaints == []
    assert grounds["light"] != grounds["dark"]
    assert paper.startswith(b"%PDF") and 3 <= len(re.findall(rb"/Type\s*/Page\b(?!s)", paper)) <= 9
    (servers.ENV / "report.pdf").write_bytes(paper)


PLOTS = ("svg.interval", "svg.spreads", "svg.trend", "svg.days rect", "svg.bar")
