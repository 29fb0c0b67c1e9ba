"""The shapes of the Responses API, strictest reading: the response, its items and parts, and every streaming event.

Where Open Responses and OpenAI disagree on what is required, both are: a client of either finds what it reads. A shape
is a type, a set of values, a list of one shape, a dict of keys (`key?` may be absent), or a function that gives the
faults.
"""

from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]
Shape = Any
NUMBER = (int, float)


def faults(shape: Shape, value: Any, path: str = "") -> Iterator[str]:
    """What is wrong with a value, each with its place; nothing if it has the shape."""
    match shape:
        case dict() if isinstance(value, dict):
            for key, inner in shape.items():
                name = key.removesuffix("?")
                if name in value:
                    yield from faults(inner, value[name], f"{path}.{name}")
                elif not key.endswith("?"):
                    yield f"{path}.{name} is missing"
        case [inner] if isinstance(value, list):
            for place, element in enumerate(value):
                yield from faults(inner, element, f"{path}[{place}]")
        case frozenset():
            if value not in shape:
                yield f"{path} is {value!r}"
        case type() | tuple():
            if not isinstance(value, shape) or (isinstance(value, bool) and shape is not bool):
                yield f"{path} is {value!r}"
        case dict() | list():
            yield f"{path} is {value!r}"
        case _:
            yield from shape(value, path)


def anything(_value: Any, _path: str) -> Iterator[str]:
    yield from ()


def or_null(shape: Shape) -> Callable:
    return lambda value, path: iter(()) if value is None else faults(shape, value, path)


def some_text(value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, str) or not value:
        yield f"{path} is {value!r}"


def only(*values: Any) -> frozenset:
    return frozenset(values)


def by_type(shapes: dict[str, Shape]) -> Callable:
    """The shape that an object's `type` names; another type is a fault."""

    def check(value: Any, path: str) -> Iterator[str]:
        kind = value.get("type") if isinstance(value, dict) else None
        if kind in shapes:
            yield from faults(shapes[kind], value, path)
        else:
            yield f"{path} has the type {kind!r}"

    return check


STATUS = only("in_progress", "completed", "incomplete")
ANNOTATION = by_type({"url_citation": {"url": str, "title": str, "start_index": int, "end_index": int}})
TEXT_PART = {"text": str, "annotations": [ANNOTATION], "logprobs": [dict]}
PART = by_type({"output_text": TEXT_PART, "refusal": {"refusal": str}, "reasoning_text": {"text": str}})
SUMMARY_PART = by_type({"summary_text": {"text": str}})
ITEM = by_type(
    {
        "message": {
            "id": some_text,
            "status": STATUS,
            "role": only("assistant"),
            "content": [PART],
            "phase?": only("commentary", "final_answer"),
        },
        "function_call": {
            "id": some_text,
            "call_id": some_text,
            "name": some_text,
            "arguments": str,
            "status": STATUS,
        },
        "function_call_output": {"id": some_text, "call_id": some_text, "output": anything, "status": STATUS},
        "reasoning": {
            "id": some_text,
            "summary": [SUMMARY_PART],
            "content?": [PART],
            "encrypted_content?": str,
            "status?": STATUS,
        },
    }
)
TOOL = by_type(
    {
        "function": {
            "name": some_text,
            "description": or_null(str),
            "parameters": or_null(dict),
            "strict": or_null(bool),
        }
    }
)
FORMAT = by_type(
    {
        "text": {},
        "json_object": {},
        "json_schema": {"name": str, "description": or_null(str), "schema": or_null(dict), "strict": bool},
    }
)
USAGE = {
    "input_tokens": int,
    "output_tokens": int,
    "total_tokens": int,
    "input_tokens_details": {"cached_tokens": int, "cache_write_tokens": int},
    "output_tokens_details": {"reasoning_tokens": int},
}


def tool_choice(value: Any, path: str) -> Iterator[str]:
    if value not in ("auto", "none", "required"):
        choices = {"function": {"name": str}, "allowed_tools": {"tools": [dict], "mode": str}}
        yield from by_type(choices)(value, path)


RESPONSE = {
    "id": some_text,
    "object": only("response"),
    "created_at": int,
    "completed_at": or_null(int),
    "status": only("queued", "in_progress", "completed", "incomplete", "failed", "cancelled"),
    "incomplete_details": or_null({"reason": only("max_output_tokens", "content_filter")}),
    "model": some_text,
    "previous_response_id": or_null(str),
    "instructions": or_null(str),
    "output": [ITEM],
    "error": or_null({"code": some_text, "message": some_text}),
    "tools": [TOOL],
    "tool_choice": tool_choice,
    "truncation": only("auto", "disabled"),
    "parallel_tool_calls": bool,
    "text": {"format": FORMAT, "verbosity?": only("low", "medium", "high")},
    "top_p": NUMBER,
    "presence_penalty": NUMBER,
    "frequency_penalty": NUMBER,
    "top_logprobs": int,
    "temperature": NUMBER,
    "reasoning": or_null({"effort": or_null(str), "summary": or_null(str)}),
    "usage": or_null(USAGE),
    "max_output_tokens": or_null(int),
    "max_tool_calls": or_null(int),
    "store": bool,
    "background": bool,
    "service_tier": str,
    "metadata": dict,
    "safety_identifier": or_null(str),
    "prompt_cache_key": or_null(str),
}

LIFECYCLE = {"response": RESPONSE}
AT_ITEM = {"output_index": int, "item": ITEM}
IN_ITEM = {"item_id": some_text, "output_index": int}
IN_PART = {**IN_ITEM, "content_index": int}
IN_SUMMARY = {**IN_ITEM, "summary_index": int}
# As Open Responses and OpenAI's servers nest it; OpenAI's document has it flat, which may stand beside.
NESTED = {"type": some_text, "code": some_text, "message": some_text, "param": or_null(str)}
ERROR = {"error": NESTED, "code?": some_text}

EVENTS = {
    "response.created": LIFECYCLE,
    "response.in_progress": LIFECYCLE,
    "response.completed": LIFECYCLE,
    "response.incomplete": LIFECYCLE,
    "response.failed": LIFECYCLE,
    "response.output_item.added": AT_ITEM,
    "response.output_item.done": AT_ITEM,
    "response.content_part.added": {**IN_PART, "part": PART},
    "response.content_part.done": {**IN_PART, "part": PART},
    "response.output_text.delta": {**IN_PART, "delta": some_text, "logprobs": [dict]},
    "response.output_text.done": {**IN_PART, "text": str, "logprobs": [dict]},
    "response.output_text.annotation.added": {**IN_PART, "annotation_index": int, "annotation": ANNOTATION},
    "response.refusal.delta": {**IN_PART, "delta": some_text},
    "response.refusal.done": {**IN_PART, "refusal": str},
    "response.function_call_arguments.delta": {**IN_ITEM, "delta": some_text},
    "response.function_call_arguments.done": {**IN_ITEM, "arguments": str, "name": some_text},
    "response.reasoning_summary_part.added": {**IN_SUMMARY, "part": SUMMARY_PART},
    "response.reasoning_summary_part.done": {**IN_SUMMARY, "part": SUMMARY_PART},
    "response.reasoning_summary_text.delta": {**IN_SUMMARY, "delta": some_text},
    "response.reasoning_summary_text.done": {**IN_SUMMARY, "text": str},
    "error": ERROR,
}


def of_response(value: Any) -> list[str]:
    return list(faults(RESPONSE, value, "response"))


def of_event(value: Any) -> list[str]:
    """The faults of one event; one that no specification names breaks the strictest clients."""
    kind = value.get("type") if isinstance(value, dict) else None
    if kind not in EVENTS:
        return [f"an event of type {kind!r}"]
    return list(faults({"sequence_number": int, **EVENTS[kind]}, value, kind))
