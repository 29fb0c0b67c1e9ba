"""A ChatModel, the older legacy interface: OpenAI-like choices, one assistant message, tool calls without an index."""

import time
from collections.abc import Iterator
from typing import Any

import mlflow
from mlflow.pyfunc import ChatModel
from mlflow.types.llm import ChatCompletionChunk, ChatCompletionResponse, ChatMessage, ChatParams

from behaviour import Call, Custom, Pause, Refusal, Stop, Text, Turn, steps, turn_of_messages, usage

CREATED = 1700000000


def chunks(turn: Turn) -> Iterator[dict[str, Any]]:
    """The answer as chunks. Tools that the agent runs by itself stay inside: this dialect has no place for them."""
    said, calls, last, ending = "", [], {}, None
    head = {"id": f"chatcmpl_{turn.id(0)}", "model": "echo", "created": CREATED}

    def chunk(delta: dict[str, Any], finish_reason: str | None = None, **extra: Any) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}], **extra}

    for step in steps(turn):
        match step:
            case Text(piece):
                said += piece
                yield chunk({"content": piece})
            case Refusal(piece):
                yield chunk({"refusal": piece})
            case Stop(reason):
                ending = reason
            case Call(output=None):
                function = {"name": step.name, "arguments": step.arguments}
                calls.append({"id": step.call_id, "type": "function", "function": function})
            case Custom(outputs):
                last["custom_outputs"] = outputs
            case Pause(seconds):
                time.sleep(seconds)
    if calls:
        yield chunk({"tool_calls": calls})
    last["usage"] = usage(turn, said)
    yield chunk({"role": None}, ending or ("tool_calls" if calls else "stop"), **last)


def fold(stream: Iterator[dict[str, Any]]) -> dict[str, Any]:
    """The whole answer that the chunks add up to."""
    content, refusal, calls, answer = "", "", None, {}
    for answer in stream:
        choice = answer["choices"][0]
        content += choice["delta"].get("content") or ""
        refusal += choice["delta"].get("refusal") or ""
        calls = choice["delta"].get("tool_calls") or calls
    message = {"role": "assistant", "content": None if calls and not content else content, "tool_calls": calls}
    if refusal:
        message |= {"content": None, "refusal": refusal}
    return {**answer, "choices": [{"index": 0, "message": message, "finish_reason": choice["finish_reason"]}]}


class EchoChatModel(ChatModel):
    def predict(self, context, messages: list[ChatMessage], params: ChatParams) -> ChatCompletionResponse:
        return ChatCompletionResponse.from_dict(fold(chunks(self.turn(messages, params))))

    def predict_stream(self, context, messages: list[ChatMessage], params: ChatParams) -> Iterator[ChatCompletionChunk]:
        for chunk in chunks(self.turn(messages, params)):
            yield ChatCompletionChunk.from_dict(chunk)

    @staticmethod
    def turn(messages: list[ChatMessage], params: ChatParams) -> Turn:
        return turn_of_messages([message.to_dict() for message in messages], params.custom_inputs)


mlflow.models.set_model(EchoChatModel())
