"""Every client against every backend through the gateway, plain and streamed: the answer is what the agent said."""

import json

import pytest

import matrix
from matrix import Cell

CELLS = matrix.cells()
FAILING = [cell for cell in CELLS if cell.talk in matrix.FAILURES]
ANSWERING = [cell for cell in CELLS if cell.talk not in matrix.FAILURES]
SECRETS = ("Traceback", "site-packages", "127.0.0.1", "dapi-")


@pytest.mark.parametrize("cell", ANSWERING, ids=lambda cell: cell.id)
def test_answer(cell: Cell, answers):
    answer, expected = answers[cell.id], matrix.expected(cell)
    wanted = {"error": None, "faults": [], "text": expected.text, "calls": expected.calls, "ran": expected.ran}
    wanted |= {"refusal": expected.refusal}
    if cell.backend.is_model and expected.reasoning is not None:
        wanted |= {"reasoning": expected.reasoning}
    if cell.client.dialect != "split":
        wanted["finish"] = expected.finish
    if expected.usage:
        wanted["usage"] = expected.usage
    if expected.custom:
        wanted["custom"] = expected.custom
    if cell.shows_both_shapes and expected.text:
        wanted["legacy_text"] = expected.text
    assert {key: answer[key] for key in wanted} == wanted
    if cell.streams and expected.text:
        in_one_piece = cell.talk == "refusal" and not cell.backend.is_model  # where a refusal may be text
        assert answer["pieces"] > (1 if cell.backend.streams and not in_one_piece else 0)
    if cell.talk == matrix.SLOW:
        assert answer["spread"] > 1.0, "the stream came all at once"


@pytest.mark.parametrize("cell", FAILING, ids=lambda cell: cell.id)
def test_failure(cell: Cell, answers):
    """An agent that raised is an error to every client, in its own manner, and never a complete answer."""
    answer = answers[cell.id]
    error = answer["error"]
    assert error is not None, f"the failure was hidden: {answer}"
    assert answer["finish"] is None
    assert not any(secret in str(error["body"] or error["message"]) for secret in SECRETS)
    speaks = cell.talk in ("boom mid", "cut") and cell.streams and cell.backend.streams
    came_before = f"echo: {cell.talk.split()[0]} " if speaks else ""
    assert answer["text"] == came_before
    assert error["expected"], f"not an error that the client knows: {error}"
    assert error["api_error"] or "openai" not in cell.client.name
    if status := matrix.FAILURES[cell.talk]:
        assert error["status"] == status
    else:
        assert (error["status"] or 0) >= 500 or (error["status"] is None and cell.streams)
    assert well_put(cell, error), f"not in the manner of its path: {error}"


def well_put(cell: Cell, error: dict) -> bool:
    """Whether the error's body, where the client shows it, has the shape that its path's clients read."""
    body = error["body"]
    if cell.client.runner == "mlflow" and cell.talk == "cut" and cell.streams:
        return error["class"] == "ChunkedEncodingError"  # what a broken connection is called there
    if cell.client.runner == "mlflow":
        body = body if isinstance(body, dict) else json.loads(body)
        return bool(body["error_code"] and body["message"]) and not {"error", "detail"} & set(body)
    if cell.client.runner == "curl" and not cell.client.is_openai:
        return bool(body["error_code"] and body["message"]) and not {"error", "detail"} & set(body)
    if cell.client.runner == "curl":
        return {"message", "type", "param", "code"} <= set(body["error"]) and bool(body["error"]["message"])
    return bool(error["message"])
