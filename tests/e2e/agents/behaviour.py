"""What every test agent says, as neutral steps keyed on the last user text; each agent dresses them in its dialect."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

PARIS = '{"city": "Paris"}'
ROME = '{"city": "Rome"}'
WEATHER = '{"temp_c": 21}'


@dataclass
class Turn:
    """One request as the agent sees it, whatever its dialect: the last user text, who spoke before, the extras."""

    text: str
    roles: list[str] = field(default_factory=list)
    custom_inputs: dict[str, Any] | None = None

    def id(self, suffix: str | int) -> str:
        """An id that depends on the user's text alone, so that recordings repeat."""
        return f"{hashlib.sha1(self.text.encode()).hexdigest()[:10]}_{suffix}"


@dataclass
class Text:
    """A piece of the assistant's answer."""

    delta: str


@dataclass
class Call:
    """A function call; with an `output`, one that the agent has run by itself."""

    call_id: str
    arguments: str
    output: str | None = None
    name: str = "get_weather"


@dataclass
class Reasoning:
    """A reasoning summary; only the responses dialect can carry it."""

    summary: str


@dataclass
class Pause:
    """Seconds to wait; each agent waits in its own way."""

    seconds: float


@dataclass
class Custom:
    """The custom outputs of the answer."""

    outputs: dict[str, Any]


@dataclass
class Refusal:
    """A piece of a refusal; ChatModel and the responses dialect can carry it."""

    delta: str


@dataclass
class Stop:
    """The end of an answer that is not a natural one, by Chat Completions' name; the chat dialects can carry it."""

    reason: str


Step = Text | Call | Reasoning | Pause | Custom | Refusal | Stop


def words(text: str) -> list[str]:
    """The text in pieces that end after each space, as a model would stream it."""
    pieces = text.split(" ")
    return [piece + " " for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])


def say(text: str) -> Iterator[Text]:
    return (Text(piece) for piece in words(text))


def steps(turn: Turn) -> Iterator[Step]:
    """The answer to a turn. An exception raised here is the agent failing."""
    match turn.text:
        case "boom":
            raise ValueError("boom before the first word")
        case "boom mid":
            yield Text("echo: ")
            yield Text("boom ")
            raise ValueError("boom in the middle")
        case "tools":
            yield Call("call_1", PARIS, output=WEATHER)
            yield from say("It is 21 degrees in Paris.")
        case "client tool":
            yield from say("Let me look.")
            yield Call("call_1", PARIS)
        case "parallel":
            yield Call("call_1", PARIS)
            yield Call("call_2", ROME)
        case "reason":
            yield Reasoning("The user wants a thought.")
            yield from say("Thought about it.")
        case "refusal":
            yield from (Refusal(piece) for piece in words("I cannot help with that."))
        case "length":
            yield from say("Once upon a time there")
            yield Stop("length")
        case "slow":
            for tick in range(1, 21):
                yield Pause(0.1)
                yield Text(f"tick {tick} ")
        case "late":
            yield Text("First this, ")
            yield Pause(2.5)
            yield Text("then that.")
        case "for long":
            yield Text("I begin. ")
            yield Pause(60)
            yield Text("I end.")
        case text if text.startswith("[RECOVERY]"):
            yield from say("I took over.")
        case "custom":
            yield from say("echo: custom")
            yield Custom({"seen": turn.custom_inputs})
        case "history":
            yield from say("saw: " + " ".join(turn.roles))
        case "empty":
            return
        case _ if wants_weather(turn):
            yield weather_call()
        case text:
            yield from say(f"echo: {text}")


def wants_weather(turn: Turn) -> bool:
    """Whether the user asks for the weather in so many words, as the Open Responses compliance suite does."""
    return "the weather like" in turn.text


def weather_call() -> Call:
    return Call("call_weather", '{"location": "San Francisco, CA"}')


def usage(turn: Turn, text: str) -> dict[str, int]:
    """Token counts of an answer: a word is a token."""
    prompt, completion = len(turn.text.split()), len(text.split())
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def plain_text(content: Any) -> str:
    """The text of a message's content, be it a string or parts."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content or [])


def turn_of_messages(messages: list[dict[str, Any]], custom_inputs: dict[str, Any] | None = None) -> Turn:
    """A turn read from chat messages: a call and a call's output count as speakers of their own."""
    roles, text = [], ""
    for message in messages:
        if message["role"] == "user":
            text = plain_text(message.get("content"))
        if message["role"] == "tool":
            roles.append("output")
        elif message.get("content") or not message.get("tool_calls"):
            roles.append(message["role"])
        roles += ["call"] * len(message.get("tool_calls") or [])
    return Turn(text, roles, custom_inputs)


def turn_of_items(items: list[dict[str, Any]], custom_inputs: dict[str, Any] | None = None) -> Turn:
    """A turn read from responses items, in the same words as `turn_of_messages`."""
    roles, text = [], ""
    names = {"function_call": "call", "function_call_output": "output"}
    for item in items:
        kind = item.get("type", "message")
        if kind == "message" and item["role"] == "user":
            text = plain_text(item["content"])
        roles.append(item["role"] if kind == "message" else names.get(kind, kind))
    return Turn(text, roles, custom_inputs)
