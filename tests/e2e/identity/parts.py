"""Starts the provider, the doors and gateways, calls them, and keeps what must be seen nowhere: tokens, secrets."""

import contextlib
import json
import os
import secrets
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import gateway
import servers

HERE = Path(__file__).parent
MODULES = servers.ENV / "identity"
AUDIENCE = "workspace"


@dataclass
class Answer:
    status: int
    body: str
    headers: dict[str, str]


def ask(url: str, body: dict | str | None = None, **headers: str) -> Answer:
    """One HTTP call; a body makes it a POST, of JSON or of a form."""
    is_form = isinstance(body, str)
    data = body if is_form else body and json.dumps(body)
    kind = "application/x-www-form-urlencoded" if is_form else "application/json"
    request = urllib.request.Request(url, data and data.encode(), {"Content-Type": kind, **headers})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return Answer(answer.status, answer.read().decode(), dict(answer.headers))
    except urllib.error.HTTPError as answer:
        return Answer(answer.code, answer.read().decode(), dict(answer.headers))


def node(name: str, script: str, setup: dict, port: int, health: str, folder: Path) -> servers.Server:
    """A script of this folder, beside the modules that it imports."""
    for file in HERE.glob("*.mjs"):
        shutil.copy(file, MODULES)
    return servers.start(name, ["node", str(MODULES / script)], port, health, folder, SETUP=json.dumps(setup))


class Provider:
    """The OpenID provider, with everything that it knows of its clients."""

    def __init__(self, folder: Path, name: str = "provider"):
        self.folder, self.name, self.port = folder, name, servers.free_port()
        self.clients = {who: f"{who}-{secrets.token_urlsafe(24)}" for who in ("alice-job", "gateway-sp")}
        self.pats = {f"dapi{secrets.token_hex(16)}": "bob@example.com"}
        self.secrets = {*self.clients.values(), *self.pats}
        self.issued = folder / f"{name}.issued"
        self.issued.touch()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def issuer(self) -> str:
        return f"{self.url}/oidc"

    @property
    def pat(self) -> str:
        return next(iter(self.pats))

    def start(self) -> None:
        setup = {"port": self.port, "clients": self.clients, "pats": self.pats, "issued": str(self.issued)}
        self.server = node(self.name, "provider.mjs", setup, self.port, "/test/health", self.folder)
        self.server.wait()

    def stop(self) -> None:
        self.server.stop()

    def change(self, how: str) -> None:
        """Its keys: `rotate` adds new ones that sign, `retire` takes those before away."""
        assert ask(f"{self.url}/test/{how}").status == 200

    def basic(self, who: str) -> str:
        """HTTP Basic of a client (RFC 6749, 2.3.1)."""
        pair = f"{urllib.parse.quote_plus(who)}:{urllib.parse.quote_plus(self.clients[who])}"
        return "Basic " + b64encode(pair.encode()).decode()

    def token(self, resource: str | None = None, scope: str = "all-apis", through: str | None = None) -> str:
        """An access token by client credentials, from the provider or through a gateway."""
        form = {"grant_type": "client_credentials", "scope": scope} | ({"resource": resource} if resource else {})
        url = f"{through or self.url}/oidc/v1/token"
        answer = ask(url, urllib.parse.urlencode(form), Authorization=self.basic("alice-job"))
        assert answer.status == 200, answer
        return json.loads(answer.body)["access_token"]

    def hidden(self) -> set[str]:
        """Everything secret that there was: each token and its signature, secrets, and Basic's base64 of them."""
        tokens = set(self.issued.read_text().split())
        basics = {self.basic(who).removeprefix("Basic ") for who in self.clients}
        by_pat = {b64encode(f"token:{pat}".encode()).decode() for pat in self.pats}
        signatures = {token.rsplit(".", 1)[1] for token in tokens}
        return tokens | signatures | basics | by_pat | self.secrets


@dataclass
class Parts:
    """What stands behind the gateways, and all that gateways have said where others may read it."""

    provider: Provider
    folder: Path
    backends: dict[str, str]
    doors: servers.Server
    seen: dict[str, str] = field(default_factory=dict)

    @contextlib.contextmanager
    def gateway(self, name: str, auth: list[dict], credential: dict | None = None) -> Iterator[str]:
        """The URL of a gateway of this provider, with logs at their most talkative; what it has said is kept."""
        (self.folder / "gateway-sp").write_text(self.provider.clients["gateway-sp"])
        ours = {"client_credentials": credential or {"id": "gateway-sp", "secret": "${file:gateway-sp}"}}
        app = {"credential": {"caller_or": ours}, "identity": "forwarded", "dialect": "responses"}
        legacy = {"credential": "caller", "dialect": "chat_agent"}
        config = {
            "workspace": {"url": self.provider.url, "allow": ["/api/2.0/preview/scim/v2/Me"]},
            "auth": auth,
            "backends": {to: {"url": url, **(app if to == "app" else legacy)} for to, url in self.backends.items()},
            "routes": [{"name": to, "match": {"model": to}, "split": {to: 1}} for to in self.backends],
        }
        with mock.patch.dict(os.environ, CUTOVER_LOG="trace"):
            server, url = gateway.start(name, config, self.folder)
        try:
            server.wait()
            yield url
            for what, path in {"metrics": "/metrics", "config": "/api/v1/config"}.items():
                self.seen[f"{what} of {name}"] = ask(f"{server.url}{path}").body
        finally:
            server.stop()
            self.seen[f"log of {name}"] = server.log.read_text()

    def oauth(self, issuer: str | None = None) -> dict:
        return {"oauth": {"issuer": issuer or self.provider.issuer, "audience": [AUDIENCE], "leeway": "0s"}}

    def call(self, url: str, token: str, model: str = "legacy") -> Answer:
        """One request of a caller; what is said about a failure is kept."""
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
        answer = ask(f"{url}/v1/chat/completions", body, Authorization=f"Bearer {token}")
        if answer.status != 200:
            self.seen[f"error {len(self.seen)}"] = f"{answer.headers} {answer.body}"
        return answer

    def entered(self) -> list[dict]:
        """Who went through the doors so far."""
        return [json.loads(line) for line in self.doors.log.read_text().splitlines() if line.startswith("{")]


@contextlib.contextmanager
def running(folder: Path, by_name: dict[str, servers.Server]) -> Iterator[Parts]:
    """The provider, and a door in front of each agent server."""
    provider = Provider(folder)
    behind = {"app": by_name["app"], "legacy": by_name["scoring-chat-agent"], "streams": by_name["emulated"]}
    paths = {"app": "/responses", "legacy": "/invocations", "streams": "/serving-endpoints/chat_agent/invocations"}
    doors = [
        {"name": name, "port": servers.free_port(), "to": server.url, "takes_pats": name != "app"}
        for name, server in behind.items()
    ]
    setup = {"issuer": provider.issuer, "pats": provider.pats, "doors": doors}
    server = node("doors", "doors.mjs", setup, doors[0]["port"], "/door", folder)
    try:
        server.wait()
        backends = {door["name"]: f"http://127.0.0.1:{door['port']}{paths[door['name']]}" for door in doors}
        yield Parts(provider, folder, backends, server)
    finally:
        server.stop()
        provider.stop()


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    """Waits for something that must come to be."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.05)
