"""Cutover under test: a configuration with routes for every backend, and the running process."""

import hashlib
import json
import os
from pathlib import Path

import servers
from matrix import BACKENDS

TOKEN = "dapi-e2e-not-a-secret"
LENIENT = ".lenient"
REPO = Path(__file__).parents[2]
# Each backend is a model, twice more as the legacy agent that its clients used to call, and once as one that is given of
# every message what it can take.
ROUTES = {
    "": {},
    ".chat-agent": {"legacy_dialect": "chat_agent"},
    ".chat-model": {"legacy_dialect": "chat_model"},
    LENIENT: {"unsupported_content": "drop"},
}


def binary() -> Path:
    return Path(os.environ.get("CUTOVER_BIN") or REPO / "target" / "debug" / "cutover").absolute()


def config(running: dict[str, servers.Server]) -> dict:
    """The backends and routes of the configuration file."""
    return {
        "backends": {
            backend.name: {
                "url": running[backend.server].url + backend.path,
                "dialect": backend.dialect,
                "credential": "none",
                **backend.options,
            }
            for backend in BACKENDS
        },
        "routes": [
            {
                "name": (backend.name + suffix).replace(".", "-as-"),
                "match": {"model": backend.name + suffix},
                "split": {backend.name: 1},
                **options,
            }
            for backend in BACKENDS
            for suffix, options in ROUTES.items()
        ],
    }


def start(name: str, parts: dict, folder: Path) -> tuple[servers.Server, str]:
    """The gateway as a server to wait for (on its admin port), and the URL that clients call. JSON is YAML."""
    clients, admin = servers.free_port(), servers.free_port()
    whole = {
        "listen": {"clients": f"127.0.0.1:{clients}", "admin": f"127.0.0.1:{admin}"},
        "auth": [{"pat": {"tokens": [{"name": "e2e", "sha256": hashlib.sha256(TOKEN.encode()).hexdigest()}]}}],
        **parts,
    }
    file = folder / f"{name}.yaml"
    file.write_text(json.dumps(whole, indent=2))
    command = [str(binary()), "serve", "--config", str(file)]
    return servers.start(name, command, admin, "/readyz", folder), f"http://127.0.0.1:{clients}"
