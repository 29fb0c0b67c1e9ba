"""The harness tests itself: clients call the servers without a gateway, where both speak the same dialect."""

from dataclasses import replace

import pytest

import matrix
from conftest import run_clients
from matrix import BACKENDS, CLIENTS, Cell

backend = {backend.name: backend for backend in BACKENDS}
client = {client.name: client for client in CLIENTS}


def native(name: str):
    """An OpenAI client that talks to a ResponsesAgent itself: no lifecycle events, and the agent's own tool calls."""
    return replace(client[name], name=f"{name} (direct)", dialect="responses_agent")


PAIRS = [
    (client["mlflow ChatAgent"], "serving-chat-agent"),
    (client["mlflow ChatModel"], "serving-chat-model"),
    (client["mlflow ResponsesAgent"], "serving-responses"),
    (client["mlflow split"], "serving-split"),
    (client["curl invocations ChatAgent"], "serving-chat-agent"),
    (client["curl invocations ResponsesAgent"], "serving-responses"),
    (client["curl invocations ResponsesAgent"], "app"),
    (client["curl invocations split"], "serving-split"),
    (client["curl invocations ChatAgent"], "scoring-chat-agent"),
    (client["curl invocations ResponsesAgent"], "scoring-responses"),
    (client["curl invocations split"], "scoring-split"),
    (native("openai3 responses"), "app"),
    (native("openai2 responses"), "app"),
]
CELLS = [
    cell
    for who, name in PAIRS
    for mode in matrix.MODES
    for talk in matrix.TALKS
    if (mode == "plain" or backend[name].streams) and matrix.makes_sense(cell := Cell(who, backend[name], mode, talk))
]


@pytest.fixture(scope="module")
def direct(running):
    """The answers of all cells here, by cell id."""
    cases: dict[str, list[dict]] = {"py3": [], "py2": []}
    for cell in CELLS:
        server = running[cell.backend.server].url
        url = {"curl": server + cell.backend.path, "openai.responses": server}.get(cell.client.runner, server)
        model = cell.backend.path.split("/")[-2] or "app"
        case = {**matrix.case(cell, "", "no token"), "url": url, "model": model, "headers": []}
        cases[cell.client.environment].append(case)
    return run_clients(cases)


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.id)
def test_direct(cell: Cell, direct):
    answer, expected = direct[cell.id], matrix.expected(cell)
    if cell.talk.startswith("boom"):
        assert answer["error"] is not None
        return
    assert answer["error"] is None
    assert answer["faults"] == []
    assert (answer["text"], answer["calls"], answer["ran"]) == (expected.text, expected.calls, expected.ran)
    assert answer["finish"] in (expected.finish, None)
    assert expected.usage is None or answer["usage"] == expected.usage
    assert expected.custom is None or answer["custom"] == expected.custom
    assert not cell.streams or not expected.text or answer["pieces"] > 1
