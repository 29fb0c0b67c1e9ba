"""The migrated agent: MLflow's own AgentServer, as a Databricks App runs it, on port AGENT_PORT."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import uvicorn
from mlflow.genai.agent_server import AgentServer, invoke, stream
from mlflow.types.responses import ResponsesAgentRequest, ResponsesAgentResponse, ResponsesAgentStreamEvent

from behaviour import Pause
from responses_shape import events, fold, turn_of


async def waited(request: ResponsesAgentRequest) -> AsyncIterator[dict[str, Any]]:
    for event in events(turn_of(request)):
        if isinstance(event, Pause):
            await asyncio.sleep(event.seconds)
        else:
            yield event


@invoke()
async def answer(request: ResponsesAgentRequest) -> ResponsesAgentResponse:
    stream_of_events = [event async for event in waited(request)]
    return ResponsesAgentResponse(**fold(turn_of(request), stream_of_events))


@stream()
async def answer_stream(request: ResponsesAgentRequest) -> AsyncIterator[ResponsesAgentStreamEvent]:
    async for event in waited(request):
        yield ResponsesAgentStreamEvent(**event)


if __name__ == "__main__":
    app = AgentServer("ResponsesAgent").app
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["AGENT_PORT"]), log_level="warning")
