"""Folds what a client got, in any dialect, into one neutral answer, and notes what was not legal on the way."""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass
class Answer:
    """What a client saw: the same shape for every client, so that one expectation fits them all."""

    text: str = ""
    refusal: str = ""
    reasoning: str = ""
    finish: str | None = None  # in the words of the dialect; an incomplete response by its reason
    usage: list[int] | None = None
    calls: list[list[str]] = field(default_factory=list)  # handed to the client: id, name, arguments
    ran: list[list[str]] = field(default_factory=list)  # run by the agent: id, name, arguments, output
    custom: Any = None
    legacy_text: str | None = None  # in the legacy half of an answer that carries both shapes
    pieces: int = 0  # text deltas
    spread: float = 0.0  # seconds from the first text delta to the last
    faults: list[str] = field(default_factory=list)
    error: Json | None = None
    began: float | None = None

    def piece(self, text: str | None) -> None:
        if text:
            now = time.monotonic()
            self.began = self.began or now
            self.spread = now - self.began
            self.pieces += 1
            self.text += text

    def check(self, legal: bool, fault: str) -> None:
        if not legal:
            self.faults.append(fault)

    def as_json(self) -> Json:
        return {key: value for key, value in asdict(self).items() if key != "began"}


def call_of(call: Json) -> list[str]:
    return [call["id"], call["function"]["name"], call["function"]["arguments"]]


def usage_of(usage: Json | None, *names: str) -> list[int] | None:
    return [usage[name] for name in (*names, "total_tokens")] if usage else None


def failure(frame: Json) -> Json | None:
    """The error that a frame or body of the invocations path carries, wherever it may sit."""
    body = frame if "error_code" in frame else (frame.get("databricks_output") or {}).get("error")
    if not body:
        return None
    return {"expected": True, "api_error": False, "status": None, "message": body.get("message"), "body": body}


def chat_completion(body: Json, answer: Answer) -> None:
    """OpenAI's chat answer, also ChatModel's."""
    choice = body["choices"][0]
    message = choice["message"]
    answer.check(message["role"] == "assistant", f"role {message['role']}")
    answer.text, answer.finish = message.get("content") or "", choice["finish_reason"]
    answer.refusal, answer.reasoning = message.get("refusal") or "", message.get("reasoning_content") or ""
    answer.calls = [call_of(call) for call in message.get("tool_calls") or []]
    answer.usage = usage_of(body.get("usage"), "prompt_tokens", "completion_tokens")
    answer.custom = body.get("custom_outputs")
    if body.get("messages") is not None:
        answer.legacy_text = "".join(m.get("content") or "" for m in body["messages"] if m["role"] == "assistant")


def chat_completion_stream(chunks: Iterable[Json], answer: Answer) -> None:
    """OpenAI's chat stream: the strictest reading that any recorded client has."""
    heads, calls = set(), {}
    for number, chunk in enumerate(chunks):
        heads.add((chunk["id"], chunk["object"], chunk["created"], chunk["model"]))
        answer.usage = usage_of(chunk.get("usage"), "prompt_tokens", "completion_tokens") or answer.usage
        answer.custom = chunk.get("custom_outputs") or answer.custom
        if (legacy := chunk.get("delta")) and legacy.get("role") == "assistant":
            answer.legacy_text = (answer.legacy_text or "") + (legacy.get("content") or "")
        for choice in chunk["choices"]:
            delta = choice["delta"]
            answer.check(answer.finish is None, "a choice after the finish reason")
            role = delta.get("role")
            answer.check((role == "assistant") == (number == 0), f"role {role} in chunk {number}")
            answer.piece(delta.get("content"))
            answer.refusal += delta.get("refusal") or ""
            answer.reasoning += delta.get("reasoning_content") or ""
            for call in delta.get("tool_calls") or []:
                if call["index"] not in calls:
                    legal = call["index"] == len(calls) and call["type"] == "function"
                    answer.check(legal, f"tool call opened as {call}")
                    calls[call["index"]] = call_of({**call, "function": {"arguments": "", **call["function"]}})
                else:
                    answer.check(not call.get("id") and not call["function"].get("name"), "tool call id or name twice")
                    calls[call["index"]][2] += call["function"]["arguments"]
            answer.finish = choice.get("finish_reason")
    answer.calls = list(calls.values())
    answer.check(len(heads) <= 1, f"head changed: {heads}")
    answer.check(answer.finish is not None, "no finish reason")


def chat_model_stream(chunks: Iterable[Json], answer: Answer) -> None:
    """ChatModel's stream: chunks as in OpenAI's, but tool calls come whole, without an index."""
    for chunk in chunks:
        if error := failure(chunk):
            answer.error = error
        answer.usage = usage_of(chunk.get("usage"), "prompt_tokens", "completion_tokens") or answer.usage
        answer.custom = chunk.get("custom_outputs") or answer.custom
        for choice in chunk.get("choices") or []:
            answer.piece(choice["delta"].get("content"))
            answer.refusal += choice["delta"].get("refusal") or ""
            answer.calls += [call_of(call) for call in choice["delta"].get("tool_calls") or []]
            answer.finish = choice.get("finish_reason") or answer.finish


def chat_agent(body: Json, answer: Answer) -> None:
    """ChatAgent's answer: several messages, in which a tool message answers an assistant's call."""
    ids = [message["id"] for message in body["messages"]]
    answer.check(len(ids) == len(set(ids)), f"message ids repeat: {ids}")
    answer.check("choices" not in body, "OpenAI's choices in an answer to ChatAgent")
    results = {m["tool_call_id"]: m["content"] for m in body["messages"] if m["role"] == "tool"}
    for message in body["messages"]:
        if message["role"] == "assistant":
            answer.text += message.get("content") or ""
            place_calls(answer, [call_of(call) for call in message.get("tool_calls") or []], results)
        else:
            answer.check(bool(message.get("name")), "a tool message without a name")
    answer.finish, answer.custom = body.get("finish_reason"), body.get("custom_outputs")
    answer.usage = usage_of(body.get("usage"), "prompt_tokens", "completion_tokens")


def chat_agent_stream(chunks: Iterable[Json], answer: Answer) -> None:
    """ChatAgent's stream: every delta names its message; it must be a valid MLflow chunk each time."""
    calls, results = [], {}
    for chunk in chunks:
        if error := failure(chunk):
            answer.error = error
        answer.finish = chunk.get("finish_reason") or answer.finish
        answer.usage = usage_of(chunk.get("usage"), "prompt_tokens", "completion_tokens") or answer.usage
        answer.custom = chunk.get("custom_outputs") or answer.custom
        if not (delta := chunk.get("delta")):
            continue
        legal = delta.get("id") and delta.get("role") and (delta.get("content") is not None or delta.get("tool_calls"))
        answer.check(bool(legal), f"not a ChatAgent delta: {delta}")
        if delta.get("role") == "tool":
            answer.check(bool(delta.get("name")), "a tool message without a name")
            results[delta["tool_call_id"]] = delta["content"]
        else:
            answer.piece(delta.get("content"))
            calls += [call_of(call) for call in delta.get("tool_calls") or []]
    place_calls(answer, calls, results)


def place_calls(answer: Answer, calls: list[list[str]], results: Json) -> None:
    """A call with a result was run by the agent; one without is for the client."""
    for call in calls:
        if call[0] in results:
            answer.ran.append([*call, results[call[0]]])
        else:
            answer.calls.append(call)


def response(body: Json, answer: Answer) -> None:
    """A Responses answer."""
    items = body["output"]
    results = {item["call_id"]: item["output"] for item in items if item["type"] == "function_call_output"}
    text, ids = "", [item["id"] for item in items if item.get("id")]
    answer.check(len(ids) == len(set(ids)), f"item ids repeat: {ids}")
    for item in items:
        if item["type"] == "message":
            text += "".join(part["text"] for part in item["content"] if part["type"] == "output_text")
            answer.refusal += "".join(part["refusal"] for part in item["content"] if part["type"] == "refusal")
        if item["type"] == "reasoning":
            answer.reasoning += "".join(part["text"] for part in item["summary"])
        if item["type"] == "function_call":
            place_calls(answer, [[item["call_id"], item["name"], item["arguments"]]], results)
    answer.check(not answer.pieces or text == answer.text, f"deltas {answer.text!r} but finished text {text!r}")
    answer.text, answer.finish, answer.custom = text, body.get("status"), body.get("custom_outputs")
    if answer.finish == "incomplete":
        answer.finish = body["incomplete_details"]["reason"]
        endings = [item.get("status") for item in items]
        answer.check("incomplete" not in endings[:-1], f"an incomplete item before the last: {endings}")
    answer.usage = usage_of(body.get("usage"), "input_tokens", "output_tokens")


def response_stream(events: Iterable[Json], answer: Answer) -> None:
    """A Responses stream with its whole lifecycle, numbered without a gap, finished by the response it added up to."""
    kinds, opened, done, arguments, final, refusal = [], {}, [], {}, None, ""
    for number, event in enumerate(events):
        kind = event["type"]
        kinds.append(kind)
        answer.check(event.get("sequence_number") == number, f"event {number} numbered {event.get('sequence_number')}")
        if kind == "response.output_item.added":
            answer.check(event["output_index"] == len(opened), f"output index {event['output_index']}")
            opened[event["item"]["id"]] = event["output_index"]
        elif kind == "response.output_text.delta":
            answer.check(opened.get(event["item_id"]) == event["output_index"], "a delta of an item that is not open")
            answer.piece(event["delta"])
        elif kind == "response.refusal.delta":
            refusal += event["delta"]
        elif kind == "response.function_call_arguments.delta":
            arguments[event["item_id"]] = arguments.get(event["item_id"], "") + event["delta"]
        elif kind == "response.output_item.done":
            item = event["item"]
            done.append(item)
            if item["type"] == "function_call":
                answer.check(arguments.get(item["id"]) == item["arguments"], "argument deltas do not add up")
        elif kind in ("response.completed", "response.incomplete", "response.failed"):
            final = event["response"]
    answer.check(kinds[:2] == ["response.created", "response.in_progress"], f"began with {kinds[:2]}")
    ended = kinds[-1:] in (["response.completed"], ["response.incomplete"])
    answer.check(final is not None and ended, f"ended with {kinds[-1:]}")
    if final:
        answer.check(final["output"] == done, "the final output is not the list of finished items")
        response(final, answer)
        answer.check(refusal == answer.refusal, f"deltas {refusal!r} but finished refusal {answer.refusal!r}")


def agent_response_stream(events: Iterable[Json], answer: Answer) -> None:
    """A Responses stream as a ResponsesAgent's clients read it: deltas and finished items, lifecycle optional."""
    body: Json = {"output": []}

    def deltas() -> None:
        for event in events:
            if error := failure(event):
                answer.error = error
            body.update({key: event[key] for key in ("custom_outputs",) if event.get(key) is not None})
            match kind := event.get("type"):
                case "response.output_text.delta":
                    answer.piece(event["delta"])
                case "response.output_item.done":
                    body["output"].append(event["item"])
                case "response.completed" | "response.incomplete":
                    body.update({key: value for key, value in event["response"].items() if value is not None})
                case "error" | "response.failed":
                    answer.error = answer.error or failure({"error_code": kind, "message": str(event)})

    deltas()
    if not answer.error:
        response(body, answer)


def split(body: Json, answer: Answer) -> None:
    """A StringResponse, wrapped in predictions when the question was a data frame."""
    answer.text = body.get("predictions", body)["content"]


def split_stream(chunks: Iterable[Json], answer: Answer) -> None:
    for chunk in chunks:
        if error := failure(chunk):
            answer.error = error
        answer.piece(chunk.get("predictions", chunk).get("content"))


Fold = Callable[[Any, Answer], None]
FOLDS: dict[str, tuple[Fold, Fold]] = {
    "chat_completions": (chat_completion, chat_completion_stream),
    "chat_model": (chat_completion, chat_model_stream),
    "chat_agent": (chat_agent, chat_agent_stream),
    "responses": (response, response_stream),
    "responses_agent": (response, agent_response_stream),
    "split": (split, split_stream),
}
