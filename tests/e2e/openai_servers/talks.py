"""EMULATOR, not a real model: what the OpenAI-compatible servers say, as neutral steps keyed on the last user text.

The agents' behaviour is the base; on top of it comes what MLflow's agents cannot say: refusals, answers cut by length
or by a filter, reasoning between calls, and errors with a status of their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import behaviour
from behaviour import PARIS, ROME, Call, Pause, Reasoning, Refusal, Stop, Text, Turn, say, words

Json = dict[str, Any]


@dataclass
class CutCall:
    """A call whose arguments the length limit broke off."""

    call_id: str
    arguments: str
    name: str = "get_weather"


@dataclass
class Failure(Exception):
    """The server's error: an HTTP error before the first step, an error inside the stream after it."""

    status: int
    kind: str
    code: str | None
    message: str

    @property
    def body(self) -> Json:
        return {"error": {"message": self.message, "type": self.kind, "param": None, "code": self.code}}


class Cut(Exception):
    """The connection breaks off, with no word of why."""


Step = Text | Call | Reasoning | Pause | Refusal | CutCall | Stop


def steps(turn: Turn, body: Json) -> Iterator[Step]:
    """The answer to a turn, with the request's body at hand for its tools."""
    match turn.text:
        case "half refusal":
            yield from say("Well, well. ")
            yield from (Refusal(piece) for piece in words("No, I cannot."))
        case "length call":
            yield CutCall("call_1", PARIS[:11])
            yield Stop("length")
        case "filtered":
            yield from say("It began with")
            yield Stop("content_filter")
        case "filtered whole":
            yield Stop("content_filter")
        case "mixed":
            yield Reasoning("The user wants two forecasts.")
            yield from say("Let me look at both.")
            yield Call("call_1", PARIS)
            yield Call("call_2", ROME)
        case "no arguments":
            yield Call("call_1", "", name="get_time")
        case "limit":
            raise Failure(429, "rate_limit_error", "rate_limit_exceeded", "Rate limit reached, try again in 7 s.")
        case "too long":
            message = "This model's maximum context length is 8 tokens."
            raise Failure(400, "invalid_request_error", "context_length_exceeded", message)
        case "boom":
            raise Failure(500, "server_error", None, "The server had an error while processing your request.")
        case "boom mid":
            yield from say("echo: boom ")
            raise Failure(500, "server_error", None, "The server had an error in the middle.")
        case "cut":
            yield from say("echo: cut ")
            raise Cut
        case _ if behaviour.wants_weather(turn) and body.get("tools"):
            yield behaviour.weather_call()
        case _:
            yield from behaviour.steps(turn)


def usage(turn: Turn, said: str) -> Json:
    """Token counts: a word is a token."""
    return behaviour.usage(turn, said)


def fragments(arguments: str, size: int = 7) -> list[str]:
    """Arguments as a model streams them: in pieces that heed no boundary."""
    return [arguments[at : at + size] for at in range(0, len(arguments), size)]
