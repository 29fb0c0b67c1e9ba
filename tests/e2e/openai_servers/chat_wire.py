"""EMULATOR, not a real server: the Chat Completions wire as vLLM-like servers write it, and what they refuse to read.

Every call's fragments carry the index alone after the first; calls of one answer come interleaved; text chunks carry an
empty list of calls; the token counts come in a chunk of their own, for those who asked.
"""

import json
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from behaviour import Call, Pause, Reasoning, Refusal, Stop, Text, Turn
from talks import CutCall, Failure, fragments, steps, usage

Json = dict[str, Any]
KNOWN = set(
    "model messages stream stream_options tools tool_choice parallel_tool_calls response_format max_tokens "
    "max_completion_tokens temperature top_p presence_penalty frequency_penalty stop seed logit_bias user n "
    "logprobs top_logprobs reasoning_effort service_tier top_k".split()
)
ROLES = {"system", "user", "assistant", "tool"}
PARTS = {"text", "image_url"}


def refused(message: str) -> Failure:
    return Failure(400, "invalid_request_error", None, message)


def checked(body: Json) -> None:
    """Raises what such a server answers to a request that it cannot use."""
    if unknown := set(body) - KNOWN:
        raise refused(f"Extra inputs are not permitted: {sorted(unknown)}")
    if not isinstance(body.get("model"), str):
        raise refused("model: Field required")
    if not body.get("tools") and {"tools", "tool_choice", "parallel_tool_calls"} & set(body):
        raise refused("tool_choice and parallel_tool_calls are only allowed when tools are given")
    waiting: list[str] = []
    for message in body["messages"]:
        role, content = message.get("role"), message.get("content")
        if role not in ROLES:
            raise refused(f"unknown role {role!r}")
        if role == "tool":
            if message["tool_call_id"] not in waiting:
                raise refused("messages with role 'tool' must be a response to a preceding message with 'tool_calls'")
            waiting.remove(message["tool_call_id"])
        elif waiting:
            raise refused(f"tool_calls must be followed by tool messages: {waiting}")
        if content is None and not message.get("tool_calls") and not message.get("refusal"):
            raise refused(f"a {role} message without content")
        if isinstance(content, list) and (strange := {part["type"] for part in content} - PARTS):
            raise refused(f"unknown content parts {strange}")
        waiting += [call["id"] for call in message.get("tool_calls") or []]
    if waiting:
        raise refused(f"tool_calls must be followed by tool messages: {waiting}")


def head(turn: Turn, body: Json, kind: str) -> Json:
    return {"id": f"chatcmpl-{turn.id(0)}", "object": kind, "created": 1700000000, "model": body["model"]}


def chunks(turn: Turn, body: Json) -> Iterator[Json | Pause]:
    """The answer as chunks. The first comes before the first step, as from a model that has begun to think."""
    said, calls, finish = "", [], "stop"

    def chunk(delta: Json, finish: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish, "stop_reason": None}
        return head(turn, body, "chat.completion.chunk") | {"choices": [choice]}

    yield chunk({"role": "assistant", "content": ""})
    for step in steps(turn, body):
        match step:
            case Text(piece):
                said += piece
                yield chunk({"content": piece, "tool_calls": []})
            case Refusal(piece):
                yield chunk({"refusal": piece})
            case Reasoning(summary):
                yield from (chunk({"reasoning_content": piece}) for piece in fragments(summary))
            case Call() | CutCall():
                calls.append(step)
            case Stop(reason):
                finish = reason
            case Pause():
                yield step
    for pieces in call_deltas(calls):
        yield chunk({"tool_calls": pieces})
    yield chunk({}, "tool_calls" if calls and finish == "stop" else finish)
    if (body.get("stream_options") or {}).get("include_usage"):
        yield head(turn, body, "chat.completion.chunk") | {"choices": [], "usage": counted(turn, said)}


def call_deltas(calls: list[Call | CutCall]) -> Iterator[list[Json]]:
    """The heads of all calls in one chunk, then their arguments in turns."""
    if calls:
        yield [
            {"index": at, "id": c.call_id, "type": "function", "function": {"name": c.name, "arguments": ""}}
            for at, c in enumerate(calls)
        ]
    for round_of in zip_longest(*(fragments(call.arguments) for call in calls)):
        for at, piece in enumerate(round_of):
            if piece is not None:
                yield [{"index": at, "function": {"arguments": piece}}]


def counted(turn: Turn, said: str) -> Json:
    return usage(turn, said) | {"prompt_tokens_details": None}


def completion(turn: Turn, body: Json) -> Json:
    """The whole answer, with a null or an empty list for all that it does not say."""
    every = list(steps(turn, body))

    def joined(kind: type, field: str) -> str:
        return "".join(getattr(step, field) for step in every if isinstance(step, kind))

    text = joined(Text, "delta")
    calls = [
        {"id": c.call_id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
        for c in every
        if isinstance(c, Call | CutCall)
    ]
    message = {
        "role": "assistant",
        "content": text or None,
        "refusal": joined(Refusal, "delta") or None,
        "annotations": None,
        "audio": None,
        "function_call": None,
        "tool_calls": calls,
        "reasoning_content": joined(Reasoning, "summary") or None,
    }
    stops = [step.reason for step in every if isinstance(step, Stop)]
    finish = stops[0] if stops else "tool_calls" if calls else "stop"
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish, "stop_reason": None}
    return head(turn, body, "chat.completion") | {"choices": [choice], "usage": counted(turn, text)}


def frame(chunk: Json) -> str:
    return f"data: {json.dumps(chunk)}\n\n"
