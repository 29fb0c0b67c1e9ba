"""Runs client calls: cases as JSON lines in, answers as JSON lines out, one process for many cases.

Every case names its client; each environment brings the clients that it has installed. Nothing here asserts anything.
"""

import json
import os
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import clients
from folding import Answer

THREADS = 4


def run(case: dict[str, Any]) -> dict[str, Any]:
    """The neutral answer to one case; an exception of the client becomes the answer's error."""
    answer = Answer()
    try:
        clients.CLIENTS[case["client"]](case, answer)
    except Exception as problem:
        answer.error = clients.described(problem)
        if answer.error["status"] is None and not answer.error["expected"]:
            answer.error["trace"] = traceback.format_exc()[-1500:]
    return {"id": case["id"], **answer.as_json()}


def main() -> None:
    cases = [json.loads(line) for line in sys.stdin]
    with ThreadPoolExecutor(THREADS) as pool:
        for result in pool.map(run, cases):
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
    # Clients keep pools and background threads of their own; nobody needs them to end in order.
    os._exit(0)
