"""Starts every agent server on a free port, waits until it answers, and ends it; all are real but the emulators."""

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ENV = HERE.parent / ".env"
AGENTS = ("chat_agent", "chat_model", "responses_agent", "split_agent")
START_SECONDS = 60
KEPT_MODELS = 4


@dataclass
class Server:
    """A running server: the address to call and the process to end."""

    name: str
    port: int
    health: str
    process: subprocess.Popen
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_up(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(self.url + self.health, timeout=2) as answer:
            return answer.status == 200
        return False

    def wait(self, seconds: float = START_SECONDS) -> None:
        """Returns once the server is healthy; says what its log ends with if it dies or takes too long."""
        deadline = time.monotonic() + seconds
        while not self.is_up():
            if self.process.poll() is not None or time.monotonic() > deadline:
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
                raise RuntimeError(f"{self.name} did not start (exit code {self.process.poll()}):\n{tail}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends the process group that `start` made for this server, and only that."""
        for signum in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signum)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=5)
                return


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(name: str, command: list[str], port: int, health: str, logs: Path, **env: str) -> Server:
    """A process in a group of its own, with its output in a log file and its working directory among the logs."""
    log = logs / f"{name}.log"
    with log.open("wb") as out:
        env = quiet_env() | env
        process = subprocess.Popen(command, cwd=logs, env=env, stdout=out, stderr=out, start_new_session=True)
    return Server(name, port, health, process, log)


def quiet_env() -> dict[str, str]:
    """The environment of every child: no proxies, no telemetry, nobody's workspace, a repeatable order of sets."""
    foreign = ("DATABRICKS_", "MLFLOW_", "OPENAI_")
    own = [name for name in os.environ if not name.startswith(foreign) and "proxy" not in name.lower()]
    return {name: os.environ[name] for name in own} | {
        "DATABRICKS_CONFIG_FILE": os.devnull,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": f"file://{ENV}/mlruns",
        "NO_COLOR": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONWARNINGS": "ignore",
    }


def saved_models() -> Path:
    """The folder with the saved models: made again only when an agent or a pinned version has changed."""
    digest = hashlib.sha256()
    for file in sorted([*(HERE / "agents").glob("*.py"), HERE / "requirements-py3.txt"]):
        digest.update(file.read_bytes())
    folder = ENV / "models" / digest.hexdigest()[:16]
    if not folder.exists():
        making = Path(f"{folder}.{os.getpid()}")
        command = [sys.executable, str(HERE / "agents" / "save.py"), str(making)]
        subprocess.run(command, check=True, env=quiet_env(), capture_output=True)
        # Another checkout may use the same environment: what it has saved lately stays.
        for old in sorted(folder.parent.glob("*"), key=lambda path: path.stat().st_mtime)[:-KEPT_MODELS]:
            if old != making:
                shutil.rmtree(old, ignore_errors=True)
        making.rename(folder)
    return folder


def scoring(agent: str, models: Path, logs: Path) -> Server:
    """MLflow's scoring server, by the very command that `mlflow models serve --env-manager local` runs."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(port)]
    command += ["mlflow.pyfunc.scoring_server.app:app"]
    env = {"__pyfunc_model_path__": str(models / agent), "MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT": "60"}
    return start(f"scoring-{agent.replace('_', '-')}", command, port, "/ping", logs, **env)


def app(logs: Path) -> Server:
    port = free_port()
    command = [sys.executable, str(HERE / "agents" / "app.py")]
    return start("app", command, port, "/health", logs, AGENT_PORT=str(port))


def durable(logs: Path) -> Server:
    port = free_port()
    command = [str(ENV / "durable" / "bin" / "python"), str(HERE / "agents" / "durable.py")]
    return start("durable", command, port, "/health", logs, AGENT_PORT=str(port))


def long_running(logs: Path, database_port: int) -> Server:
    port = free_port()
    command = [sys.executable, str(HERE / "agents" / "long_running.py")]
    ports = {"AGENT_PORT": str(port), "DATABASE_PORT": str(database_port)}
    return start("long-running", command, port, "/health", logs, **ports)


def emulator(models: Path, logs: Path) -> Server:
    port = free_port()
    command = [sys.executable, str(HERE / "emulator.py"), str(models), str(port)]
    return start("emulated", command, port, "/health", logs)


def openai_servers(logs: Path) -> Server:
    port = free_port()
    command = [sys.executable, str(HERE / "openai_servers" / "server.py"), str(port)]
    return start("openai", command, port, "/health", logs, PYTHONPATH=str(HERE / "agents"))


@contextlib.contextmanager
def running(logs: Path) -> Iterator[dict[str, Server]]:
    """All servers by name, healthy; ended on the way out."""
    models = saved_models()
    servers = [
        *(scoring(agent, models, logs) for agent in AGENTS),
        app(logs),
        durable(logs),
        emulator(models, logs),
        openai_servers(logs),
    ]
    try:
        for server in servers:
            server.wait()
        yield {server.name: server for server in servers}
    finally:
        for server in servers:
            server.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="cutover-e2e-") as folder, running(Path(folder)) as by_name:
        for server in by_name.values():
            print(f"{server.name:26} {server.url}  log {server.log}")
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
