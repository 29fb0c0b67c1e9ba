"""MLflow's own AgentServer whose agent is a plain function: while it runs, the server answers nothing, not even /health."""

import os
import time

import uvicorn
from mlflow.genai.agent_server import AgentServer, invoke
from mlflow.types.responses import ResponsesAgentRequest, ResponsesAgentResponse


@invoke()
def answer(request: ResponsesAgentRequest) -> ResponsesAgentResponse:
    time.sleep(float(os.environ["AGENT_SECONDS"]))
    text = {"type": "output_text", "text": "done", "annotations": []}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [text]}
    return ResponsesAgentResponse(output=[message])


if __name__ == "__main__":
    app = AgentServer("ResponsesAgent").app
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["AGENT_PORT"]), log_level="warning")
