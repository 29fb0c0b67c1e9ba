"""The clerk as an App: MLflow's AgentServer, on port AGENT_PORT. `POST /become/{regression}` makes it a worse one."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import mlflow
import uvicorn
from clerk import Turn, turn
from mlflow.genai.agent_server import AgentServer, invoke, stream
from mlflow.types.responses import (
    ResponsesAgentRequest,
    ResponsesAgentResponse,
    ResponsesAgentStreamEvent,
    create_function_call_item,
    create_function_call_output_item,
    create_text_delta,
    create_text_output_item,
)

regression = ""


class Died(BaseException):
    """What no server catches: it is gone in the middle of an answer."""


async def worked(request: ResponsesAgentRequest) -> Turn:
    done = turn(request.input[-1].content, regression)
    await asyncio.sleep(done.seconds)
    return done


def items(done: Turn) -> list[dict[str, Any]]:
    cited = [{"type": "url_citation", "url": done.source, "title": "Shipping", "start_index": 0, "end_index": 1}]
    return [
        create_function_call_item("fc_1", "call_1", "look_up_order", done.arguments),
        create_function_call_output_item("call_1", done.found),
        create_text_output_item(done.text, "msg_1", cited if done.source else []),
    ]


@invoke()
async def answer(request: ResponsesAgentRequest) -> ResponsesAgentResponse:
    done = await worked(request)
    words = len(done.text.split())
    usage = {"input_tokens": 40, "output_tokens": words, "total_tokens": 40 + words}
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    outputs = {"order": done.order}
    return ResponsesAgentResponse(output=items(done), usage=usage | details, custom_outputs=outputs)


@stream()
async def answer_stream(request: ResponsesAgentRequest) -> AsyncIterator[ResponsesAgentStreamEvent]:
    done = await worked(request)
    call, found, message = items(done)
    for item in (call, found):
        yield ResponsesAgentStreamEvent(type="response.output_item.done", item=item)
    for place, piece in enumerate(done.pieces()):
        if done.breaks and place == 1:
            raise Died
        yield ResponsesAgentStreamEvent(**create_text_delta(piece, "msg_1"))
    outputs = {"order": done.order}
    yield ResponsesAgentStreamEvent(type="response.output_item.done", item=message, custom_outputs=outputs)


async def become(worse: str) -> None:
    global regression
    regression = worse.strip("-")


if __name__ == "__main__":
    mlflow.tracing.disable()
    app = AgentServer("ResponsesAgent").app
    app.post("/become/{worse}")(become)
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["AGENT_PORT"]), log_level="warning")
