"""A real AgentServer that is busy with one request is slow, not dead: its unanswered health checks take nobody away."""

import json
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

import gateway
import servers

SECONDS = 3


@pytest.fixture
def front(folder):
    """The admin API and the clients' URL of a gateway before the server, and a fallback that would be there."""
    port = servers.free_port()
    command = [sys.executable, str(servers.HERE / "blocking_app.py")]
    env = {"AGENT_PORT": str(port), "AGENT_SECONDS": str(SECONDS)}
    blocked = servers.start("blocking-app", command, port, "/health", folder, **env)
    cutover = None
    try:
        blocked.wait()
        health = {"path": "/health", "every": "100ms", "timeout": "200ms", "fall": 2, "rise": 1}
        app = {"dialect": "responses", "credential": "none"}
        parts = {
            "backends": {
                "app": {"url": f"{blocked.url}/invocations", "health": health, **app},
                "other": {"url": "http://127.0.0.1:9/invocations", **app},
            },
            "routes": [
                {"name": "agent", "match": {"model": "agent"}, "split": {"app": 1}, "fallback": {"to": "other"}}
            ],
        }
        cutover, url = gateway.start("blocked", parts, folder)
        cutover.wait()
        yield cutover.url, url
    finally:
        for server in (cutover, blocked):
            if server is not None:
                server.stop()


def fetch(url: str, body: dict | None = None) -> tuple[int, dict, str]:
    headers = {"authorization": f"Bearer {gateway.TOKEN}", "content-type": "application/json"}
    data = json.dumps(body).encode() if body else None
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as answer:
        return answer.status, dict(answer.headers), answer.read().decode()


def metric(admin: str, series: str) -> float:
    _, _, text = fetch(f"{admin}/metrics")
    return float(next(line.split()[-1] for line in text.splitlines() if line.startswith(series)))


def test_a_blocked_server_keeps_its_requests(front):
    admin, url = front
    body = {"model": "agent", "input": "hi"}
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(fetch, f"{url}/v1/responses", body) for _ in range(2)]
        states = set()
        while not all(one.done() for one in asked):
            states.add(metric(admin, 'cutover_breaker_state{backend="app"}'))
            time.sleep(0.25)
        answers = [one.result() for one in asked]
    assert states == {0.0}, "it was taken out"
    for status, headers, text in answers:
        assert (status, headers["x-cutover-backend"]) == (200, "app")
        assert "done" in text
