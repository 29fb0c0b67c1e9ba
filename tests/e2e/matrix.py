"""The rows, columns and depths of the matrix: every client, every backend, every talk, and what each must show."""

from dataclasses import dataclass, field
from typing import Any

import bodies
import model_talks
from model_talks import PARIS, ROME

WEATHER = '{"temp_c": 21}'


@dataclass(frozen=True)
class Backend:
    """A server that the gateway calls, and what its wire can carry."""

    name: str
    server: str
    path: str
    dialect: str
    streams: bool
    options: dict[str, Any] = field(default_factory=dict, compare=False)  # further lines of its configuration

    @property
    def is_model(self) -> bool:
        """An OpenAI-compatible server, which can say more than an agent."""
        return self.server == "openai"

    @property
    def talks(self) -> list[str]:
        return [*MODEL_TALKS, SLOW] if self.is_model else [*TALKS, *ENDINGS.get(self.dialect, ()), SLOW]

    @property
    def usage_in_stream(self) -> bool:
        counting = self.is_model or self.dialect in ("chat_agent", "chat_model")
        return counting or (self.dialect == "responses" and not self.streams)


@dataclass(frozen=True)
class Client:
    """A way to call the gateway: who calls, from which environment, on which path, in which dialect."""

    name: str
    environment: str
    runner: str
    url: str
    dialect: str
    route: str = ""  # which of a backend's routes: "" or the one that answers in this legacy dialect
    names_model: bool = True

    @property
    def is_openai(self) -> bool:
        return self.dialect in ("chat_completions", "responses")


BACKENDS = [
    Backend("scoring-chat-agent", "scoring-chat-agent", "/invocations", "chat_agent", False),
    Backend("scoring-chat-model", "scoring-chat-model", "/invocations", "chat_model", False),
    Backend("scoring-responses", "scoring-responses-agent", "/invocations", "responses", False),
    Backend("scoring-split", "scoring-split-agent", "/invocations", "split_chat_messages", False),
    Backend("serving-chat-agent", "emulated", "/serving-endpoints/chat_agent/invocations", "chat_agent", True),
    Backend("serving-chat-model", "emulated", "/serving-endpoints/chat_model/invocations", "chat_model", True),
    Backend("serving-responses", "emulated", "/serving-endpoints/responses_agent/invocations", "responses", True),
    Backend("serving-split", "emulated", "/serving-endpoints/split_agent/invocations", "split_chat_messages", True),
    Backend("app", "app", "/responses", "responses", True),
    Backend("durable", "durable", "/api/invocations", "durable", True),
    Backend("openai-responses", "openai", "/native/v1/responses", "responses", True, {"model": "echo-1"}),
    Backend(
        "openai-verbatim",
        "openai",
        "/native/v1/responses",
        "responses",
        True,
        {"model": "echo-1", "verbatim": True},
    ),
    Backend("openai-chat", "openai", "/chat/v1/chat/completions", "chat_completions", True, {"model": "echo-1"}),
]

CHAT, RESPONSES = "chat_completions", "responses"
INVOCATIONS = "/serving-endpoints/{model}/invocations"
CLIENTS = [
    Client("openai3 chat", "py3", "openai.chat", "/v1", CHAT),
    Client("openai3 chat.stream()", "py3", "openai.chat.helper", "/v1", CHAT),
    Client("openai3 responses", "py3", "openai.responses", "/v1", RESPONSES),
    Client("openai3 responses.stream()", "py3", "openai.responses.helper", "/v1", RESPONSES),
    Client("openai2 chat", "py2", "openai.chat", "/serving-endpoints", CHAT),
    Client("openai2 chat.stream()", "py2", "openai.chat.helper", "/serving-endpoints", CHAT),
    Client("openai2 responses", "py2", "openai.responses", "", RESPONSES),
    Client("openai2 responses.stream()", "py2", "openai.responses.helper", "/serving-endpoints", RESPONSES),
    Client("openai-node chat", "node", "openai.chat", "/v1", CHAT),
    Client("openai-node chat.stream()", "node", "openai.chat.helper", "/serving-endpoints", CHAT),
    Client("openai-node responses", "node", "openai.responses", "", RESPONSES),
    Client("openai-node responses.stream()", "node", "openai.responses.helper", "/v1", RESPONSES),
    Client("databricks-openai chat", "py2", "databricks.chat", "", CHAT),
    Client("databricks-openai responses", "py2", "databricks.responses", "", RESPONSES),
    Client("mlflow ChatAgent", "py3", "mlflow", "", "chat_agent", ".chat-agent", False),
    Client("mlflow ChatModel", "py3", "mlflow", "", "chat_model", ".chat-model", False),
    Client("mlflow ResponsesAgent", "py3", "mlflow", "", "responses_agent", "", False),
    Client("mlflow split", "py3", "mlflow", "", "split", "", False),
    Client("curl /v1 chat", "py3", "curl", "/v1/chat/completions", CHAT),
    Client("curl /v1 responses", "py3", "curl", "/v1/responses", RESPONSES),
    Client("curl /serving-endpoints chat", "py3", "curl", "/serving-endpoints/chat/completions", CHAT),
    Client("curl /serving-endpoints responses", "py3", "curl", "/serving-endpoints/responses", RESPONSES),
    Client("curl /responses", "py3", "curl", "/responses", RESPONSES),
    Client("curl invocations ChatAgent", "py3", "curl", INVOCATIONS, "chat_agent", ".chat-agent", False),
    Client("curl invocations ResponsesAgent", "py3", "curl", INVOCATIONS, "responses_agent", "", False),
    Client("curl invocations split", "py3", "curl", INVOCATIONS, "split", "", False),
]
MODES = ("plain", "stream")
HELPERS = ".helper"  # the runners of clients that can only stream

TALKS = ["text", "unicode", "history", "tools", "client tool", "parallel", "custom", "empty", "boom", "boom mid"]
# The tools of a model are its client's to run, and it knows no custom inputs.
MODEL_TALKS = [talk for talk in TALKS if talk not in ("tools", "custom")] + model_talks.TALKS
FAILURES = {"boom": None, "boom mid": None, model_talks.CUT: None, **model_talks.REFUSED}
# What an agent can say of these, by its dialect.
ENDINGS = {"chat_agent": ["length"], "chat_model": ["length", "refusal"], "responses": ["refusal"]}
SLOW = "slow"
# Clients of four dialects, to see that pieces arrive one by one.
SLOW_CLIENTS = ("openai3 chat", "openai3 responses", "mlflow ChatAgent", "curl invocations split")


@dataclass(frozen=True)
class Cell:
    """One test: a client calls a backend in a mode and says something."""

    client: Client
    backend: Backend
    mode: str
    talk: str

    @property
    def id(self) -> str:
        return "|".join((self.client.name, self.backend.name, self.mode, self.talk))

    @property
    def streams(self) -> bool:
        return self.mode == "stream"

    @property
    def shows_both_shapes(self) -> bool:
        """Whether the client can see the legacy half of a chat answer; the SDK's helper folds it away."""
        openai_chat = self.client.dialect == CHAT and not self.client.runner.endswith(HELPERS)
        return openai_chat and self.backend.dialect == "chat_agent"

    @property
    def carries_tools(self) -> bool:
        return "split" not in self.client.dialect and self.backend.dialect != "split_chat_messages"


def cells() -> list[Cell]:
    modes = {client: MODES[1:] if client.runner.endswith(HELPERS) else MODES for client in CLIENTS}
    every = [
        Cell(client, backend, mode, talk)
        for client in CLIENTS
        for backend in BACKENDS
        for mode in modes[client]
        for talk in backend.talks
    ]
    return [cell for cell in every if makes_sense(cell)]


def makes_sense(cell: Cell) -> bool:
    """Whether the cell's two ends can say this to each other at all."""
    if cell.talk == "custom":
        carriers = ("chat_agent", "chat_model", "responses_agent")
        return cell.client.dialect in carriers and cell.backend.dialect not in ("split_chat_messages", "durable")
    if cell.talk == "limit" and cell.client.runner == "mlflow":
        return False  # it waits and tries again until its own time is over
    if cell.talk == SLOW:
        return cell.client.name in SLOW_CLIENTS and cell.backend.streams and cell.streams
    return True


def said(cell: Cell) -> str:
    return {"text": "hello there world", "unicode": bodies.UNICODE}.get(cell.talk, cell.talk)


def body(cell: Cell) -> dict[str, Any]:
    """What the client sends, without model and stream."""
    past = bodies.PAST if cell.talk == "history" else []
    if cell.talk == "history" and not cell.carries_tools:
        past = [turn for turn in past if turn[0] in ("user", "assistant")]
    custom = bodies.CUSTOM if cell.talk == "custom" else None
    match cell.client.dialect:
        case "responses" | "responses_agent":
            return bodies.items(said(cell), past, custom)
        case "split":
            return bodies.query(said(cell), past) if cell.streams else bodies.records(said(cell), past)
        case _:
            return bodies.messages(said(cell), past, custom)


def case(cell: Cell, gateway: str, token: str) -> dict[str, Any]:
    """The cell as a case for the client runner."""
    model = cell.backend.name + cell.client.route
    return {
        "id": cell.id,
        "client": cell.client.runner,
        "url": gateway + cell.client.url.format(model=model),
        "token": token,
        "model": model,
        "names_model": cell.client.names_model,
        "dialect": cell.client.dialect,
        "stream": cell.streams,
        "body": body(cell),
        "headers": ["x-request-id", "x-cutover-backend", "x-cutover-route"],
    }


@dataclass
class Expected:
    """What the answer must show; None means that nothing is asked of that field."""

    text: str
    finish: str
    calls: list[list[str]]
    ran: list[list[str]] | None
    usage: list[int] | None
    custom: Any = None
    refusal: str = ""
    reasoning: str | None = ""


def expected(cell: Cell) -> Expected:
    if answer := model_talks.ANSWERS.get(cell.talk):
        return of_model(cell, answer)
    text, calls, ran = answered(cell)
    if not cell.carries_tools:
        calls, ran = [], []
    elif cell.client.is_openai or cell.backend.dialect == "chat_model" or cell.client.dialect == "chat_model":
        ran = []
    finish = "completed" if cell.client.dialect.startswith("responses") else "tool_calls" if calls else "stop"
    prompt, completion = len(said(cell).split()), len(text.split())
    return Expected(
        text=text,
        finish=finish,
        calls=calls,
        ran=ran,
        usage=[prompt, completion, prompt + completion] if counted(cell) and cell.talk != "empty" else None,
        custom={"seen": bodies.CUSTOM} if cell.talk == "custom" else None,
    )


def counted(cell: Cell) -> bool:
    """Whether the backend counts tokens in this mode, and the client is told."""
    tells = cell.backend.dialect not in ("split_chat_messages", "durable") and "split" not in cell.client.dialect
    return tells and (not cell.streams or cell.backend.usage_in_stream)


def of_model(cell: Cell, answer: model_talks.Said) -> Expected:
    """What a model said, in the client's dialect: MLflow's have no reasoning, and no refusal beside a text."""
    dialect = cell.client.dialect
    thinks = cell.client.is_openai or dialect == "responses_agent"
    refuses = thinks or (dialect == "chat_model" and (cell.streams or not answer.text))
    counts = len(cell.talk.split()), len(answer.text.split())
    return Expected(
        text=answer.text + ("" if refuses else answer.refusal),
        refusal=answer.refusal if refuses else "",
        # The chat helper for Node keeps the last piece of a field that OpenAI does not have.
        reasoning=None if cell.client.name == "openai-node chat.stream()" else answer.reasoning if thinks else "",
        finish=answer.finish(dialect),
        calls=list(answer.calls) if cell.carries_tools else [],
        ran=[],
        usage=[*counts, sum(counts)] if counted(cell) else None,
    )


def answered(cell: Cell) -> tuple[str, list, list]:
    """Text, calls for the client, and calls that the agent ran, as the agents' behaviour module says them."""
    match cell.talk:
        case "tools":
            return "It is 21 degrees in Paris.", [], [[*PARIS, WEATHER]]
        case "client tool":
            return "Let me look.", [PARIS], []
        case "parallel":
            return "", [PARIS, ROME], []
        case "history":
            return "saw: " + (bodies.SEEN if cell.carries_tools else "user assistant user"), [], []
        case "empty":
            return "", [], []
        case "slow":
            return "".join(f"tick {tick} " for tick in range(1, 21)), [], []
        case _:
            return f"echo: {said(cell)}", [], []
