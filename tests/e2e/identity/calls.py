"""Databricks' clients, unchanged, with the gateway as their host: JSON lines in, JSON lines out.

How to sign in stands in the environment, as Databricks documents it: DATABRICKS_HOST and DATABRICKS_TOKEN, or
DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET.
"""

import importlib.util
import json
import os
import sys
import types
import warnings
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.serving import ChatMessage, ChatMessageRole

Case = dict[str, Any]
SECONDS = 20


def signed_in() -> WorkspaceClient:
    """The client as its users write it, with everything named."""
    names = {"token": "TOKEN", "client_id": "CLIENT_ID", "client_secret": "CLIENT_SECRET"}
    own = {name: os.environ.get(f"DATABRICKS_{end}") for name, end in names.items()}
    own = {name: value for name, value in own.items() if value}
    return WorkspaceClient(host=os.environ["DATABRICKS_HOST"], **own)


def messages(case: Case) -> list[dict[str, str]]:
    return [{"role": "user", "content": case["text"]}]


def chat(client: Any, case: Case) -> str:
    asked = {"model": case["model"], "messages": messages(case)}
    if not case["stream"]:
        return client.chat.completions.create(**asked).choices[0].message.content
    chunks = client.chat.completions.create(**asked, stream=True)
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def responses(client: Any, case: Case) -> str:
    asked = {"model": case["model"], "input": messages(case)}
    if not case["stream"]:
        return client.responses.create(**asked).output_text
    events = client.responses.create(**asked, stream=True)
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


def databricks_openai() -> Any:
    # Its package's front door imports Spark, MCP and more; behind it, the client needs none of that.
    if "databricks_openai" not in sys.modules:
        package = types.ModuleType("databricks_openai")
        package.__path__ = importlib.util.find_spec("databricks_openai").submodule_search_locations
        sys.modules["databricks_openai"] = package
    from databricks_openai.utils.clients import DatabricksOpenAI

    return DatabricksOpenAI(workspace_client=signed_in(), max_retries=0, timeout=SECONDS)


def open_ai_client() -> Any:
    """The older way to get one, from the SDK itself."""
    with warnings.catch_warnings(action="ignore"):
        return signed_in().serving_endpoints.get_open_ai_client(max_retries=0, timeout=SECONDS)


def query(case: Case) -> str:
    user = ChatMessage(role=ChatMessageRole.USER, content=case["text"])
    answer = signed_in().serving_endpoints.query(case["model"], messages=[user])
    return answer.choices[0].message.content


def look_up(case: Case) -> list[Any]:
    """What the SDK says of the workspace that it takes the gateway for."""
    workspace = signed_in()
    endpoints = workspace.serving_endpoints
    listed = sorted(endpoint.name for endpoint in endpoints.list())
    one, app = endpoints.get(case["model"]), workspace.apps.get(case["model"])
    ready = [one.name, one.task, one.state.ready.value]
    return [workspace.current_user.me().user_name, listed, ready, [app.name, app.url]]


def text_of(answer: dict[str, Any]) -> str:
    """The assistant's text in any answer to an invocation, or in one piece of a stream."""
    if answer.get("type") == "response.output_text.delta":
        return answer["delta"]
    if "delta" in answer:
        return answer["delta"].get("content") or ""
    said = [message.get("content") for message in answer.get("messages") or []]
    parts = [item.get("content") or [] for item in answer.get("output") or []]
    return "".join(text or "" for text in [*said, *(part["text"] for content in parts for part in content)])


def mlflow(case: Case) -> str:
    from mlflow.deployments import get_deploy_client

    client = get_deploy_client("databricks")
    inputs = {case["field"]: messages(case)}
    if case["stream"]:
        pieces = client.predict_stream(endpoint=case["model"], inputs=inputs)
        return "".join(text_of(piece) for piece in pieces)
    return text_of(client.predict(endpoint=case["model"], inputs=inputs))


def mlflow_look_up(case: Case) -> list[Any]:
    from mlflow.deployments import get_deploy_client

    client = get_deploy_client("databricks")
    return [client.get_endpoint(case["model"])["name"], sorted(one["name"] for one in client.list_endpoints())]


CLIENTS = {
    "databricks_openai.chat": lambda case: chat(databricks_openai(), case),
    "databricks_openai.responses": lambda case: responses(databricks_openai(), case),
    "get_open_ai_client.chat": lambda case: chat(open_ai_client(), case),
    "get_open_ai_client.responses": lambda case: responses(open_ai_client(), case),
    "sdk.query": query,
    "sdk.look_up": look_up,
    "mlflow": mlflow,
    "mlflow.look_up": mlflow_look_up,
}


def main() -> None:
    for case in map(json.loads, sys.stdin):
        try:
            said, problem = CLIENTS[case["client"]](case), None
        except Exception as failure:
            said, problem = None, f"{type(failure).__name__}: {failure}"
        print(json.dumps({"id": case["id"], "said": said, "problem": problem}), flush=True)


if __name__ == "__main__":
    main()
