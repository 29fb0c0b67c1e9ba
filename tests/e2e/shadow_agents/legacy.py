"""The clerk as a ChatAgent, for MLflow's scoring server; it has no place for sources but links in its text."""

import time

import mlflow
from clerk import turn
from mlflow.pyfunc import ChatAgent
from mlflow.types.agent import ChatAgentMessage, ChatAgentResponse, ChatContext


class Clerk(ChatAgent):
    def predict(
        self,
        messages: list[ChatAgentMessage],
        context: ChatContext | None = None,
        custom_inputs: dict | None = None,
    ) -> ChatAgentResponse:
        done = turn(messages[-1].content)
        time.sleep(done.seconds)
        function = {"name": "look_up_order", "arguments": done.arguments}
        call = {"id": "call_1", "type": "function", "function": function}
        said = [
            {"role": "assistant", "id": "m1", "content": "", "tool_calls": [call]},
            {"role": "tool", "id": "m2", "content": done.found, "name": "look_up_order", "tool_call_id": "call_1"},
            {"role": "assistant", "id": "m3", "content": done.text},
        ]
        words = len(done.text.split())
        usage = {"prompt_tokens": 40, "completion_tokens": words, "total_tokens": 40 + words}
        return ChatAgentResponse(messages=said, finish_reason="stop", custom_outputs={"order": done.order}, usage=usage)


mlflow.models.set_model(Clerk())
