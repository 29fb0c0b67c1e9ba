"""The neutral steps as events of the Responses dialect; the ResponsesAgent model and the App share it."""

from collections.abc import Iterator
from typing import Any

from mlflow.types.responses import (
    ResponsesAgentRequest,
    create_function_call_item,
    create_function_call_output_item,
    create_reasoning_item,
    create_text_delta,
    create_text_output_item,
)

from behaviour import Call, Custom, Pause, Reasoning, Refusal, Text, Turn, steps, turn_of_items, usage

Event = dict[str, Any]


def turn_of(request: ResponsesAgentRequest) -> Turn:
    return turn_of_items([item.model_dump() for item in request.input], request.custom_inputs)


def events(turn: Turn) -> Iterator[Event | Pause]:
    """The answer as most agents stream it: text deltas and finished items, no lifecycle events, no usage."""
    if turn.text == "whole":
        yield from lifecycle(turn)
        return
    number, said, refused, custom = 0, "", "", None

    def message_done() -> Iterator[Event]:
        if said:
            yield done(create_text_output_item(said, f"msg_{turn.id(number)}"))
        if refused:
            part = {"type": "refusal", "refusal": refused}
            yield done({"type": "message", "id": f"msg_{turn.id(number)}", "role": "assistant", "content": [part]})

    for step in steps(turn):
        match step:
            case Text(piece):
                said += piece
                yield create_text_delta(piece, f"msg_{turn.id(number)}")
            case Call():
                yield from message_done()
                said, number = "", number + 1
                yield done(create_function_call_item(f"fc_{turn.id(number)}", step.call_id, step.name, step.arguments))
                if step.output is not None:
                    yield done(create_function_call_output_item(step.call_id, step.output))
                number += 1
            case Reasoning(summary):
                yield done(create_reasoning_item(f"rs_{turn.id(number)}", summary))
                number += 1
            case Refusal(piece):
                refused += piece
            case Custom(outputs):
                custom = outputs
            case Pause():
                yield step
    for event in message_done():
        yield event | ({"custom_outputs": custom} if custom is not None else {})


def done(item: dict[str, Any]) -> Event:
    return {"type": "response.output_item.done", "item": item}


def lifecycle(turn: Turn) -> Iterator[Event]:
    """The answer of an agent that forwards a model's whole stream: every event, numbered, with usage at the end."""
    pieces = ["A ", "whole ", "stream."]
    item_id, at = f"msg_{turn.id(0)}", {"output_index": 0, "content_index": 0}
    item = create_text_output_item("".join(pieces), item_id) | {"status": "completed"}
    opened = item | {"status": "in_progress", "content": []}
    part = {"type": "output_text", "text": "", "annotations": []}
    head = {"id": f"resp_{turn.id(0)}", "object": "response", "created_at": 1700000000, "model": "echo"}
    response = {**head, "output": []}
    started = {"response": response | {"status": "in_progress"}}
    ended = {"response": response | {"status": "completed", "output": [item], "usage": usage_of(turn, "".join(pieces))}}
    plan = [
        ("response.created", started),
        ("response.in_progress", started),
        ("response.output_item.added", {"output_index": 0, "item": opened}),
        ("response.content_part.added", {"item_id": item_id, **at, "part": part}),
        *[("response.output_text.delta", {"item_id": item_id, **at, "delta": piece}) for piece in pieces],
        ("response.output_text.done", {"item_id": item_id, **at, "text": "".join(pieces)}),
        ("response.content_part.done", {"item_id": item_id, **at, "part": item["content"][0]}),
        ("response.output_item.done", {"output_index": 0, "item": item}),
        ("response.completed", ended),
    ]
    for number, (kind, fields) in enumerate(plan):
        yield {"type": kind, "sequence_number": number, **fields}


def usage_of(turn: Turn, text: str) -> dict[str, Any]:
    counts = usage(turn, text)
    return {
        "input_tokens": counts["prompt_tokens"],
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": counts["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": counts["total_tokens"],
    }


def fold(turn: Turn, stream: list[Event]) -> dict[str, Any]:
    """The whole answer that the events add up to."""
    finished = [event for event in stream if event["type"] == "response.output_item.done"]
    said = "".join(event.get("delta", "") for event in stream)
    items = [event["item"] for event in finished]
    answer = {"id": f"resp_{turn.id(0)}", "output": items, "usage": usage_of(turn, said)}
    custom = [event["custom_outputs"] for event in finished if "custom_outputs" in event]
    return answer | ({"custom_outputs": custom[0]} if custom else {})
