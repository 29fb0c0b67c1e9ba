"""EMULATOR, not a real server: the Responses wire in full, each event legal and in order, and what it does not read."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from behaviour import Call, Pause, Reasoning, Refusal, Stop, Text, Turn
from talks import CutCall, Failure, fragments, steps, usage

Json = dict[str, Any]
KNOWN = set(
    "model input instructions stream stream_options tools tool_choice parallel_tool_calls text reasoning "
    "max_output_tokens max_tool_calls temperature top_p top_logprobs truncation store background metadata user "
    "previous_response_id conversation include prompt prompt_cache_key safety_identifier service_tier "
    "presence_penalty frequency_penalty".split()
)
ITEMS = {"message", "function_call", "function_call_output", "reasoning"}
PARTS = {
    "user": {"input_text", "input_image", "input_file"},
    "system": {"input_text"},
    "developer": {"input_text"},
    "assistant": {"output_text", "refusal"},
}
REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}
ECHOED = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "background": False,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "presence_penalty": 0,
    "frequency_penalty": 0,
}


def refused(message: str, param: str | None = None) -> Failure:
    return Failure(400, "invalid_request_error", param, message)


def checked(body: Json) -> None:
    """Raises what such a server answers to a request that it cannot use."""
    if unknown := set(body) - KNOWN:
        raise refused(f"Unknown parameter: {sorted(unknown)}", "unknown_parameter")
    if not isinstance(body.get("model"), str):
        raise refused("Missing required parameter: 'model'.", "missing_required_parameter")
    called: set[str] = set()
    for item in body["input"] if isinstance(body["input"], list) else []:
        kind = item.get("type", "message")
        if kind not in ITEMS:
            raise refused(f"Invalid value: {kind!r}", "invalid_value")
        if kind == "function_call":
            called.add(item["call_id"])
        if kind == "function_call_output" and item["call_id"] not in called:
            raise refused(f"No tool call found for function call output with call_id {item['call_id']}.")
        if kind == "message" and isinstance(item["content"], list):
            if strange := {part["type"] for part in item["content"]} - PARTS[item["role"]]:
                raise refused(f"Invalid value: {sorted(strange)} in a message of {item['role']}", "invalid_value")
    for tool in body.get("tools", []):
        if tool["type"] == "function" and not tool.get("name"):
            raise refused("Missing required parameter: 'tools[0].name'.", "missing_required_parameter")


@dataclass
class Stream:
    """The events of one answer; the whole answer is the response of the last."""

    turn: Turn
    body: Json
    number: int = 0
    said: str = ""
    output: list[Json] = field(default_factory=list)
    message: Json | None = None  # the open one

    def event(self, kind: str, **fields: Any) -> Json:
        self.number += 1
        return {"type": kind, "sequence_number": self.number - 1, **fields}

    def response(self, status: str, **fields: Any) -> Json:
        counted = usage(self.turn, self.said) if status in ("completed", "incomplete") else None
        asked = self.body.get("reasoning") or {}
        return {
            "id": f"resp_{self.turn.id(0)}",
            "object": "response",
            "created_at": 1700000000,
            "completed_at": 1700000001 if status == "completed" else None,
            "status": status,
            "incomplete_details": None,
            "error": None,
            "model": self.body["model"],
            "output": list(self.output),
            "usage": counted and usage_of(counted),
            "reasoning": {"effort": asked.get("effort"), "summary": asked.get("summary")},
            "tools": [self.tool(tool) for tool in self.body.get("tools", [])],
            "user": None,
            **{key: self.body.get(key) or value for key, value in ECHOED.items()},
            **fields,
        }

    @staticmethod
    def tool(tool: Json) -> Json:
        return {"description": None, "parameters": None, "strict": True, **tool}

    def events(self) -> Iterator[Json | Pause]:
        """Every event; an exception of the steps comes through and leaves open what is open, for the server to tell."""
        yield self.event("response.created", response=self.response("in_progress"))
        yield self.event("response.in_progress", response=self.response("in_progress"))
        stop = None
        for step in steps(self.turn, self.body):
            match step:
                case Text() | Refusal():
                    yield from self.piece(step)
                    continue
                case Pause():
                    yield step
                    continue
            yield from self.message_done("incomplete" if isinstance(step, Stop) else "completed")
            match step:
                case Stop(reason):
                    stop = {"reason": REASONS[reason]}
                case Call() | CutCall():
                    yield from self.call(step)
                case Reasoning(summary):
                    yield from self.reasoning(summary)
        yield from self.message_done("completed")
        if stop:
            yield self.event("response.incomplete", response=self.response("incomplete", incomplete_details=stop))
        else:
            yield self.event("response.completed", response=self.response("completed"))

    def opened(self, item: Json, **empty: Any) -> Json:
        fields = {"output_index": len(self.output), "item": {**item, **empty, "status": "in_progress"}}
        return self.event("response.output_item.added", **fields)

    def done(self, item: Json, status: str) -> Json:
        self.output.append({**item, "status": status})
        return self.event("response.output_item.done", output_index=len(self.output) - 1, item=self.output[-1])

    def inside(self, kind: str, item: Json, **fields: Any) -> Json:
        return self.event(f"response.{kind}", item_id=item["id"], output_index=len(self.output), **fields)

    def piece(self, step: Text | Refusal) -> Iterator[Json]:
        """A piece of the open message; text and refusal are parts of their own."""
        kind, key = ("output_text", "text") if isinstance(step, Text) else ("refusal", "refusal")
        if not self.message:
            self.message = {"type": "message", "id": f"msg_{self.turn.id(len(self.output))}", "role": "assistant"}
            self.message["content"] = []
            yield self.opened(self.message, content=[])
        parts = self.message["content"]
        if not parts or parts[-1]["type"] != kind:
            yield from self.part_done()
            parts.append({"type": kind, key: "", **({"annotations": [], "logprobs": []} if key == "text" else {})})
            yield self.inside("content_part.added", self.message, content_index=len(parts) - 1, part=dict(parts[-1]))
        parts[-1][key] += step.delta
        self.said += step.delta if key == "text" else ""
        more = {"logprobs": []} if key == "text" else {}
        yield self.inside(f"{kind}.delta", self.message, content_index=len(parts) - 1, delta=step.delta, **more)

    def part_done(self) -> Iterator[Json]:
        if parts := self.message["content"]:
            index, part = {"content_index": len(parts) - 1}, parts[-1]
            last = {"text": part["text"], "logprobs": []} if "text" in part else {"refusal": part["refusal"]}
            yield self.inside(f"{part['type']}.done", self.message, **index, **last)
            yield self.inside("content_part.done", self.message, **index, part=part)

    def message_done(self, status: str) -> Iterator[Json]:
        if self.message:
            yield from self.part_done()
            yield self.done(self.message, status)
            self.message = None

    def call(self, call: Call | CutCall) -> Iterator[Json]:
        item = {"type": "function_call", "id": f"fc_{self.turn.id(len(self.output))}", "call_id": call.call_id}
        item |= {"name": call.name, "arguments": call.arguments or "{}"}
        yield self.opened(item, arguments="")
        for piece in fragments(item["arguments"]):
            yield self.inside("function_call_arguments.delta", item, delta=piece)
        last = {key: item[key] for key in ("name", "arguments")}
        yield self.inside("function_call_arguments.done", item, **last)
        yield self.done(item, "incomplete" if isinstance(call, CutCall) else "completed")

    def reasoning(self, summary: str) -> Iterator[Json]:
        part, first = {"type": "summary_text", "text": summary}, {"summary_index": 0}
        item = {"type": "reasoning", "id": f"rs_{self.turn.id(len(self.output))}", "summary": [part]}
        yield self.opened(item, summary=[])
        yield self.inside("reasoning_summary_part.added", item, **first, part={**part, "text": ""})
        for piece in fragments(summary):
            yield self.inside("reasoning_summary_text.delta", item, **first, delta=piece)
        yield self.inside("reasoning_summary_text.done", item, **first, text=summary)
        yield self.inside("reasoning_summary_part.done", item, **first, part=part)
        yield self.done(item, "completed")


def usage_of(counts: Json) -> Json:
    return {
        "input_tokens": counts["prompt_tokens"],
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": counts["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": counts["total_tokens"],
    }


def frame(event: Json) -> str:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
