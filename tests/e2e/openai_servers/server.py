"""EMULATOR, not a real server: two OpenAI-compatible servers, on the port named on the command line.

`/native/v1/responses` speaks the Responses API and nothing else; `/chat/v1/chat/completions` Chat Completions and
nothing else. What they say stands in talks.py, how they say it in the two wire modules.
"""

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import chat_wire
import responses_wire
import uvicorn
from behaviour import Pause, turn_of_items, turn_of_messages
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from talks import Cut, Failure

Json = dict[str, Any]
app = FastAPI()


@app.get("/health")
async def health() -> Json:
    return {"status": "healthy"}


@app.post("/native/v1/responses")
async def responses(request: Request) -> Response:
    body = await request.json()
    try:
        responses_wire.checked(body)
        items = body["input"]
        items = [{"role": "user", "content": items}] if isinstance(items, str) else items
        stream = responses_wire.Stream(turn_of_items(items), body)
        if body.get("stream"):
            return await streamed(stream.events(), responses_wire.frame, failed(stream))
        *_, last = (event for event in stream.events() if not isinstance(event, Pause))
        return JSONResponse(last["response"])
    except Failure as problem:
        return error(problem)
    except Cut:
        return broken_off()


@app.post("/chat/v1/chat/completions")
async def chat(request: Request) -> Response:
    body = await request.json()
    try:
        chat_wire.checked(body)
        turn = turn_of_messages(body["messages"])
        if body.get("stream"):
            return await streamed(chat_wire.chunks(turn, body), chat_wire.frame, lambda problem: [problem.body])
        return JSONResponse(chat_wire.completion(turn, body))
    except Failure as problem:
        return error(problem)
    except Cut:
        return broken_off()


async def streamed(events: Iterator[Json | Pause], frame: Callable, failed: Callable) -> Response:
    """The events as frames; the first few are awaited here, so that a failure before the first word has its status."""
    first = list(itertools.islice(events, 3))

    async def frames() -> AsyncIterator[str]:
        try:
            for event in itertools.chain(first, events):
                if isinstance(event, Pause):
                    await asyncio.sleep(event.seconds)
                else:
                    yield frame(event)
        except Failure as problem:
            for event in failed(problem):
                yield frame(event)
        yield "data: [DONE]\n\n"

    return StreamingResponse(frames(), media_type="text/event-stream")


def failed(stream: responses_wire.Stream) -> Callable[[Failure], Iterator[Json]]:
    def events(problem: Failure) -> Iterator[Json]:
        code = problem.code or problem.kind
        detail = {"code": code, "message": problem.message}
        yield stream.event("error", error={"type": problem.kind, **detail, "param": None})
        yield stream.event("response.failed", response=stream.response("failed", error=detail))

    return events


def error(problem: Failure) -> Response:
    headers = {"Retry-After": "7"} if problem.status == 429 else {}
    return JSONResponse(problem.body, status_code=problem.status, headers=headers)


def broken_off() -> Response:
    """The beginning of an answer that promised more."""
    return Response(b'{"id": "', media_type="application/json", headers={"Content-Length": "1000"})


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
