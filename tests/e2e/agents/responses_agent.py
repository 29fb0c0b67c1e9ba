"""A ResponsesAgent as a model from code, for the scoring server and the emulated Model Serving."""

import time
from collections.abc import Iterator
from typing import Any

import mlflow
from mlflow.pyfunc import ResponsesAgent
from mlflow.types.responses import ResponsesAgentRequest, ResponsesAgentResponse, ResponsesAgentStreamEvent

from behaviour import Pause
from responses_shape import events, fold, turn_of


def waited(request: ResponsesAgentRequest) -> Iterator[dict[str, Any]]:
    for event in events(turn_of(request)):
        if isinstance(event, Pause):
            time.sleep(event.seconds)
        else:
            yield event


class EchoResponsesAgent(ResponsesAgent):
    def predict(self, request: ResponsesAgentRequest) -> ResponsesAgentResponse:
        return ResponsesAgentResponse(**fold(turn_of(request), list(waited(request))))

    def predict_stream(self, request: ResponsesAgentRequest) -> Iterator[ResponsesAgentStreamEvent]:
        for event in waited(request):
            yield ResponsesAgentStreamEvent(**event)


mlflow.models.set_model(EchoResponsesAgent())
