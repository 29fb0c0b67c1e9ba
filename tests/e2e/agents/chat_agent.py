"""A ChatAgent, the legacy agent interface of Model Serving, as a model from code."""

import time
from collections.abc import Iterator
from typing import Any

import mlflow
from mlflow.pyfunc import ChatAgent
from mlflow.types.agent import ChatAgentChunk, ChatAgentMessage, ChatAgentResponse, ChatContext

from behaviour import Call, Custom, Pause, Stop, Text, Turn, steps, turn_of_messages, usage


def chunks(turn: Turn) -> Iterator[dict[str, Any]]:
    """The answer as ChatAgent chunks: one message id per message, tool calls whole, the extras on the last chunk."""
    number, said, calls, last = 0, "", [], {"finish_reason": "stop"}

    def delta(**fields: Any) -> dict[str, Any]:
        return {"delta": {"role": "assistant", "id": f"msg_{turn.id(number)}", "content": "", **fields}}

    for step in steps(turn):
        match step:
            case Text(piece):
                said += piece
                yield delta(content=piece)
            case Call(output=None):
                calls.append(tool_call(step))
            case Call():
                yield delta(tool_calls=[tool_call(step)])
                number += 1
                yield delta(role="tool", content=step.output, name=step.name, tool_call_id=step.call_id)
                number += 1
            case Custom(outputs):
                last["custom_outputs"] = outputs
            case Stop(reason):
                last["finish_reason"] = reason
            case Pause(seconds):
                time.sleep(seconds)
    if calls:
        yield delta(tool_calls=calls)
        last["finish_reason"] = "tool_calls"
    if said or calls:
        yield {**delta(), **last, "usage": usage(turn, said)}


def tool_call(call: Call) -> dict[str, Any]:
    return {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def fold(stream: Iterator[dict[str, Any]]) -> dict[str, Any]:
    """The whole answer that the chunks add up to."""
    messages, last = {}, {}
    for chunk in stream:
        piece = chunk.pop("delta")
        message = messages.setdefault(piece["id"], {**piece, "content": ""})
        message["content"] += piece["content"]
        message.update({key: value for key, value in piece.items() if key == "tool_calls"})
        last.update(chunk)
    return {"messages": list(messages.values()), **last}


class EchoChatAgent(ChatAgent):
    def predict(
        self,
        messages: list[ChatAgentMessage],
        context: ChatContext | None = None,
        custom_inputs: dict[str, Any] | None = None,
    ) -> ChatAgentResponse:
        return ChatAgentResponse(**fold(chunks(self.turn(messages, custom_inputs))))

    def predict_stream(
        self,
        messages: list[ChatAgentMessage],
        context: ChatContext | None = None,
        custom_inputs: dict[str, Any] | None = None,
    ) -> Iterator[ChatAgentChunk]:
        for chunk in chunks(self.turn(messages, custom_inputs)):
            yield ChatAgentChunk(**chunk)

    @staticmethod
    def turn(messages: list[ChatAgentMessage], custom_inputs: dict[str, Any] | None) -> Turn:
        return turn_of_messages([message.model_dump() for message in messages], custom_inputs)


mlflow.models.set_model(EchoChatAgent())
