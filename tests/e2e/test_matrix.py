"""Every client against every backend through the gateway, plain and streamed: the answers must say what the agent said."""

import pytest

import matrix
from matrix import Cell

CELLS = matrix.cells()
FAILING = [cell for cell in CELLS if cell.talk.startswith("boom")]
ANSWERING = [cell for cell in CELLS if not cell.talk.startswith("boom")]
SECRETS = ("Traceback", "site-packages", "127.0.0.1", "dapi-")


@pytest.mark.parametrize("cell", ANSWERING, ids=lambda cell: cell.id)
def test_answer(cell: Cell, answers):
    answer, expected = answers[cell.id], matrix.expected(cell)
    assert answer["error"] is None
    assert answer["faults"] == []
    assert answer["text"] == expected.text
    assert answer["calls"] == expected.calls
    assert answer["ran"] == expected.ran
    assert answer["finish"] == expected.finish or cell.client.dialect == "split"
    assert expected.usage is None or answer["usage"] == expected.usage
    assert expected.custom is None or answer["custom"] == expected.custom
    if cell.streams and expected.text:
        assert answer["pieces"] > (1 if cell.backend.streams else 0)
    if cell.talk == matrix.SLOW:
        assert answer["spread"] > 1.0, "the stream came all at once"
    if cell.client.dialect == "chat_completions" and cell.backend.dialect == "chat_agent" and expected.text:
        assert answer["legacy_text"] == expected.text


@pytest.mark.parametrize("cell", FAILING, ids=lambda cell: cell.id)
def test_failure(cell: Cell, answers):
    """An agent that raised is an error to every client, and never a complete answer."""
    answer = answers[cell.id]
    error = answer["error"]
    assert error is not None, f"the failure was hidden: {answer}"
    assert answer["finish"] is None
    assert not any(secret in str(error.get("body") or error["message"]) for secret in SECRETS)
    if cell.talk == "boom mid" and cell.streams and cell.backend.streams:
        assert answer["text"] == "echo: boom "
    else:
        assert answer["text"] == ""
    if "code" in error:  # a frame in MLflow's manner
        assert error["code"] and error["message"] and not error["foreign"]
        return
    assert error["expected"], f"not an error that the client knows: {error}"
    assert error["api_error"] or "openai" not in cell.client.name
    assert (error["status"] or 0) >= 500 or (error["status"] is None and cell.streams)

