"""The clients that people use, each called as its documentation says and folded into the neutral answer."""

import functools
import importlib.util
import json
import os
import subprocess
import sys
import threading
import types
from collections.abc import Iterable, Iterator
from typing import Any

import folding
from folding import Answer

Case = dict[str, Any]
SECONDS = 20


def described(problem: Exception) -> dict[str, Any]:
    """An exception as JSON: its class, the classes it derives from, and the HTTP status if it knows one."""
    names = [kind.__name__ for kind in type(problem).__mro__]
    response = getattr(problem, "response", None)
    return {
        "class": names[0],
        "expected": bool({"APIError", "HTTPError", "RequestException", "Unanswered"} & set(names)),
        "api_error": "APIError" in names,
        "status": getattr(problem, "status_code", None) or getattr(response, "status_code", None),
        "message": str(problem),
        "body": getattr(problem, "body", None) or getattr(response, "text", None),
    }


# OpenAI's SDK, the version that this environment has, and Databricks' client that derives from it.


@functools.cache
def openai_client(url: str, token: str):
    from openai import OpenAI

    return OpenAI(base_url=url, api_key=token, max_retries=0, timeout=SECONDS)


@functools.cache
def databricks_client(url: str, token: str):
    from databricks.sdk import WorkspaceClient

    # Its package's front door imports Spark, MCP and more; behind it, the client needs none of that.
    if "databricks_openai" not in sys.modules:
        package = types.ModuleType("databricks_openai")
        package.__path__ = importlib.util.find_spec("databricks_openai").submodule_search_locations
        sys.modules["databricks_openai"] = package
    from databricks_openai.utils.clients import DatabricksOpenAI

    workspace = WorkspaceClient(host=url, token=token, auth_type="pat")
    return DatabricksOpenAI(workspace_client=workspace, max_retries=0, timeout=SECONDS)


def sdk(case: Case):
    make = databricks_client if case["client"].startswith("databricks") else openai_client
    return make(case["url"], case["token"])


def dumped(objects: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """SDK objects as the JSON they were made from: what was not sent is absent again."""
    return (json.loads(thing.model_dump_json(exclude_unset=True, warnings=False)) for thing in objects)


def arguments(case: Case, *names: str) -> dict[str, Any]:
    """The body as the SDK's arguments; what it has no argument for goes to `extra_body`."""
    extra = {key: value for key, value in case["body"].items() if key not in names}
    known = {key: value for key, value in case["body"].items() if key in names}
    return {"model": case["model"], **known, "extra_body": extra}


def chat_create(case: Case, answer: Answer) -> None:
    completions, asked = sdk(case).chat.completions, arguments(case, "messages", "tools")
    if case["stream"]:
        chunks = completions.create(**asked, stream=True, stream_options={"include_usage": True})
        folding.chat_completion_stream(dumped(chunks), answer)
    else:
        folding.chat_completion(*dumped([completions.create(**asked)]), answer)


def chat_helper(case: Case, answer: Answer) -> None:
    """The `.stream()` helper: its events while they come, then the completion that it built."""
    asked = arguments(case, "messages", "tools")
    with sdk(case).chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
        for event in stream:
            if event.type == "content.delta":
                answer.piece(event.delta)
        final = complete(stream)
    streamed = answer.text
    folding.chat_completion(*dumped([final]), answer)
    answer.check(streamed == answer.text, f"deltas {streamed!r} but final text {answer.text!r}")


def complete(stream):
    """The completion that the helper built. One that was cut off it gives out as an exception; its state stays."""
    from openai import ContentFilterFinishReasonError, LengthFinishReasonError

    try:
        return stream.get_final_completion()
    except (ContentFilterFinishReasonError, LengthFinishReasonError):
        return stream.current_completion_snapshot


def responses_create(case: Case, answer: Answer) -> None:
    responses, asked = sdk(case).responses, arguments(case, "input", "tools")
    fold = folding.FOLDS[case.get("dialect", "responses")]
    if case["stream"]:
        fold[1](dumped(responses.create(**asked, stream=True)), answer)
    else:
        final = responses.create(**asked)
        fold[0](*dumped([final]), answer)
        answer.check(final.output_text == answer.text, f"output_text {final.output_text!r}")


def responses_helper(case: Case, answer: Answer) -> None:
    """The `.stream()` helper: its events while they come, then the response that it built."""
    with sdk(case).responses.stream(**arguments(case, "input", "tools")) as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                answer.piece(event.delta)
        # The helper has a final response only of answers that are complete.
        final = event.response if event.type == "response.incomplete" else stream.get_final_response()
    folding.response(*dumped([final]), answer)


def models(case: Case, answer: Answer) -> None:
    answer.custom = sorted(model.id for model in sdk(case).models.list())


# MLflow's deployments client, which takes its host and token from the environment at each call.

ONE_AT_A_TIME = threading.Lock()


def mlflow_predict(case: Case, answer: Answer) -> None:
    from mlflow.deployments import get_deploy_client

    whole, stream = folding.FOLDS[case["dialect"]]
    with ONE_AT_A_TIME:
        os.environ.update(DATABRICKS_HOST=case["url"], DATABRICKS_TOKEN=case["token"])
        client = get_deploy_client("databricks")
        if case["stream"]:
            stream(client.predict_stream(endpoint=case["model"], inputs=case["body"]), answer)
        else:
            whole(dict(client.predict(endpoint=case["model"], inputs=case["body"])), answer)


# curl, with nothing between us and the bytes.


class Unanswered(Exception):
    """curl got an HTTP error status, or an error in a stream."""

    def __init__(self, status: int | None, body: Any):
        super().__init__(f"{status}: {body}")
        self.status_code, self.body = status, body


def curl(case: Case, answer: Answer) -> None:
    body = {**case["body"], **({"model": case["model"]} if case.get("names_model") else {})}
    if case["stream"]:
        body["stream"] = True
        if case["dialect"] == "chat_completions":
            body["stream_options"] = {"include_usage": True}
    command = ["curl", "--silent", "--show-error", "--include", "--no-buffer", "--max-time", str(SECONDS)]
    command += ["--header", f"Authorization: Bearer {case['token']}", "--header", "Content-Type: application/json"]
    command += ["--data-binary", json.dumps(body), case["url"]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        status, headers = head(process.stdout)
        for name in case.get("headers", ()):
            answer.check(name in headers, f"no header {name}")
        streams = headers.get("content-type", "").startswith("text/event-stream")
        answer.check(status != 200 or streams == case["stream"], f"content type {headers.get('content-type')}")
        whole, stream = folding.FOLDS[case["dialect"]]
        if status != 200:
            text = process.stdout.read().decode()
            raise Unanswered(status, json.loads(text) if text.startswith("{") else text)
        if streams:
            stream(events(process.stdout, answer), answer)
        else:
            whole(json.loads(process.stdout.read()), answer)


def head(lines: Iterable[bytes]) -> tuple[int, dict[str, str]]:
    """Status and headers, by lower-case name, up to the blank line."""
    lines = iter(lines)
    status_line, headers = next(lines, b"HTTP/1.1 0 no answer").split(), {}
    for line in lines:
        if not line.strip():
            break
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    return int(status_line[1]), headers


def events(lines: Iterable[bytes], answer: Answer) -> Iterator[dict[str, Any]]:
    """The JSON of each event; an error among them is raised, and a stream without its end mark is a fault."""
    ended, named = False, None
    for line in lines:
        field, _, value = line.decode().rstrip("\n").partition(": ")
        if field == "event":
            named = value
        elif field == "data" and value == "[DONE]":
            ended = True
        elif field == "data":
            answer.check(not ended, "data after [DONE]")
            event = json.loads(value)
            answer.check(named in (None, event.get("type")), f"event {named} of type {event.get('type')}")
            named = None
            if event.get("error"):
                raise Unanswered(None, event)
            yield event
    answer.check(ended, "no [DONE]")


CLIENTS = {
    "openai.chat": chat_create,
    "openai.chat.helper": chat_helper,
    "openai.responses": responses_create,
    "openai.responses.helper": responses_helper,
    "openai.models": models,
    "databricks.chat": chat_create,
    "databricks.responses": responses_create,
    "mlflow": mlflow_predict,
    "curl": curl,
}
