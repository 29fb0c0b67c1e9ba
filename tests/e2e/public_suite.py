"""The public Open Responses compliance suite against every backend; a command, for the suite is not part of this project.

    CUTOVER_COMPLIANCE_SUITE=FOLDER tests/.env/py3/bin/python -m pytest tests/e2e/public_suite.py

FOLDER is a checkout of openresponses/openresponses with the npm packages `bun` and `zod`. test_compliance.py asks what the
suite asks in every run of the tests.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import gateway
from matrix import BACKENDS
from test_compliance import SUITE_TESTS, passed, refused, speechless

__all__ = ["passed"]

SUITE = os.environ.get("CUTOVER_COMPLIANCE_SUITE")
if not SUITE:
    raise pytest.UsageError("CUTOVER_COMPLIANCE_SUITE names no checkout")
# Checkouts from before the summer of 2026 have no others.
SUITE_HAS_AT_LEAST = set(SUITE_TESTS) - {"assistant-phase", "response-output-phase-schema"}
SUITE_SECONDS = 60


def suite_tests() -> list[str]:
    """The tests of the suite that the checkout has; it takes no other name."""
    source = (Path(SUITE) / "src" / "lib" / "compliance-tests.ts").read_text()
    return [name for name in SUITE_TESTS if f'id: "{name}"' in source]


def bun() -> str | None:
    return shutil.which("bun", path=os.pathsep.join([f"{SUITE}/node_modules/.bin", os.environ.get("PATH", "")]))


@pytest.mark.parametrize("route", ["", gateway.LENIENT], ids=["strict", "lenient"])
@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_the_public_suite(backend, route, cutover, passed):
    """Its HTTP tests pass, all but what the backend cannot take or say."""
    assert bun(), "the suite runs on `bun`: install it and `zod` into the checkout with npm"
    command = [bun(), "bin/compliance-test.ts", "--json", "-u", f"{cutover}/v1", "-k", gateway.TOKEN]
    command += ["-m", backend.name + route, "--filter", ",".join(suite_tests())]
    ran = subprocess.run(command, cwd=Path(SUITE), capture_output=True, text=True, timeout=SUITE_SECONDS)
    results = {result["id"]: result for result in json.loads(ran.stdout)["results"]}
    assert SUITE_HAS_AT_LEAST <= set(results) == set(suite_tests())
    asked = backend.name + (f" ({route})" if route else "")
    passed[("public suite", asked)] = {name: [result["status"]] for name, result in results.items()}
    failed = {name: result["errors"] for name, result in results.items() if result["status"] != "passed"}
    lacking = set(refused(backend)) | speechless(backend)
    assert set(failed) == (lacking - {"image-input"} if route else lacking), failed
