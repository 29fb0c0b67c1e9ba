"""EMULATOR, not a real server: Databricks Model Serving's streaming around real saved MLflow models.

The scoring server in MLflow never streams and the one in Databricks is closed, so this is built from what Databricks
documents and from what its own clients expect. Answers without streaming come from MLflow's own scoring code.
"""

import contextvars
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import mlflow.pyfunc
import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PyFuncModel, scoring_server

Json = dict[str, Any]
Next = Callable[[], Json | None]
WRAPPINGS = ("dataframe_records", "dataframe_split", "inputs")
app = FastAPI()
models: dict[str, PyFuncModel] = {}


async def raw_body(request: Request) -> bytes:
    return await request.body()


@app.get("/health")
async def health() -> Json:
    return {"status": "healthy"}


@app.post("/serving-endpoints/{name}/invocations")
def invocations(name: str, raw: Annotated[bytes, Depends(raw_body)]) -> Response:
    """One endpoint per saved model; the body says whether to stream. The request id depends on the body alone."""
    if name not in models:
        return error(404, "RESOURCE_DOES_NOT_EXIST", f"The given endpoint does not exist, please retry: {name}")
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return error(400, "BAD_REQUEST", "Invalid input. The request body is not a JSON object.")
    request_id = hashlib.sha256(raw).hexdigest()[:32]
    try:
        if body.pop("stream", None) is True:
            response = streamed(name, body, request_id)
        else:
            response = plain(name, body, request_id)
    except MlflowException as problem:
        return error(problem.get_http_status_code(), problem.error_code, problem.message)
    response.headers["x-request-id"] = request_id
    response.headers["served-model-name"] = f"{name}-1"
    return response


def plain(name: str, body: Json, request_id: str) -> Response:
    """An answer in one piece, as MLflow's scoring server computes it, plus what Model Serving adds."""
    bare_query = "query" in body
    if bare_query:
        body = {"dataframe_records": [body]}
    schema = models[name].metadata.get_input_schema()
    answer = scoring_server.invocations(json.dumps(body), "application/json", models[name], schema)
    content = json.loads(answer.response)
    if bare_query:
        content = content["predictions"]
    if name == "chat_agent":
        content["id"] = request_id
    content["databricks_output"] = {"databricks_request_id": request_id}
    return JSONResponse(content)


def streamed(name: str, body: Json, request_id: str) -> Response:
    """A stream of the model's chunks. The first is awaited here, so that a refused body still gets its own status."""
    # MLflow ties a stream to the context it began in, while each chunk may be asked for on another thread.
    context = contextvars.copy_context()
    chunks = models[name].predict_stream(one_input(body))

    def following() -> Json | None:
        return context.run(next, chunks, None)

    try:
        first = following()
    except MlflowException:
        raise
    except Exception as problem:
        return event_stream(ending_in_error(request_id, {}, problem))
    return event_stream(frames(name, request_id, first, following))


def one_input(body: Json) -> Json:
    """What the model's streaming predict takes: the body, or the one row inside its wrapping."""
    for wrapping in WRAPPINGS:
        if wrapping in body:
            rows = body[wrapping]
            if wrapping == "dataframe_split":
                rows = [dict(zip(rows["columns"], row, strict=True)) for row in rows["data"]]
            return rows[0] if isinstance(rows, list) else rows
    return {key: value for key, value in body.items() if key not in ("model", "databricks_options")}


def frames(name: str, request_id: str, held: Json | None, following: Next) -> Iterator[str]:
    """The chunks as data-only frames. One is always held back, for errors and ids travel on the last."""
    while held is not None:
        if name == "chat_agent":
            held = {"id": request_id, **held}
        try:
            upcoming = following()
        except Exception as problem:
            yield from ending_in_error(request_id, held, problem)
            return
        if upcoming is None:
            held["databricks_output"] = {"databricks_request_id": request_id}
        yield frame(held)
        held = upcoming
    yield "data: [DONE]\n\n"


def ending_in_error(request_id: str, held: Json, problem: Exception) -> Iterator[str]:
    detail = {"error_code": "BAD_REQUEST", "message": f"{type(problem).__name__}: {problem}"}
    yield frame({**held, "databricks_output": {"databricks_request_id": request_id, "error": detail}})
    yield "data: [DONE]\n\n"


def frame(chunk: Json) -> str:
    return f"data: {json.dumps(chunk)}\n\n"


def event_stream(content: Iterator[str]) -> Response:
    return StreamingResponse(content, media_type="text/event-stream")


def error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error_code": code, "message": message}, status_code=status)


if __name__ == "__main__":
    for path in sorted(Path(sys.argv[1]).iterdir()):
        models[path.name] = mlflow.pyfunc.load_model(str(path))
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
