"""The oldest legacy agent: SplitChatMessagesRequest in (query and history), StringResponse out, text only."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import mlflow
from mlflow.models.rag_signatures import SplitChatMessagesRequest, StringResponse
from mlflow.pyfunc import PythonModel

from behaviour import Pause, Text, steps, turn_of_messages


def pieces(request: SplitChatMessagesRequest | dict[str, Any]) -> Iterator[str]:
    """The text of the answer, piece by piece; a streaming call hands over a plain dict instead of the class."""
    fields = request if isinstance(request, dict) else vars(request)
    history = [item if isinstance(item, dict) else vars(item) for item in fields.get("history") or []]
    for step in steps(turn_of_messages([*history, {"role": "user", "content": fields["query"]}])):
        match step:
            case Text(piece):
                yield piece
            case Pause(seconds):
                time.sleep(seconds)


class EchoSplitAgent(PythonModel):
    def predict(self, context, model_input: SplitChatMessagesRequest, params=None) -> dict[str, str]:
        return asdict(StringResponse(content="".join(pieces(model_input))))

    def predict_stream(self, context, model_input: Any, params=None) -> Iterator[dict[str, str]]:
        for piece in pieces(model_input):
            yield {"content": piece}


mlflow.models.set_model(EchoSplitAgent())
