"""The newest kind of migrated agent: Databricks' own DurableAgentServer, on port AGENT_PORT.

Its events are those of Databricks' two agent templates; the model behind them is `behaviour`.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import uvicorn
from databricks_agentkit import DurableAgentServer, InvocationContext

from behaviour import Call, Pause, Text, steps, turn_of_messages

Json = dict[str, Any]
SEND = {"name": "send_message", "args": {"to": "Ada"}, "call_id": "call_send"}
app = DurableAgentServer()
# By session, as a session store would keep it: how many messages it has heard, and the call that waits for approval.
heard: dict[str, int] = {}
waiting: dict[str, Json] = {}


@app.get("/health")
async def health() -> Json:
    return {"status": "healthy"}


@app.invoke
async def invoke(value: Any, context: InvocationContext) -> Json:
    if not isinstance(value, dict) or not context.session_id:
        raise ValueError("input must be an object, and a session_id must be given")
    messages = value.get("messages") or []
    heard[context.session_id] = heard.get(context.session_id, 0) + len(messages)
    if value.get("resume") is not None:
        return await tell(decided(context.session_id, value["resume"]), context)
    turn = turn_of_messages(messages, value.get("custom_inputs"))
    match turn.text:
        case "quiet":
            return {"answer": "Nothing was emitted."}
        case "remember":
            return await tell([Text(f"heard {heard[context.session_id]}")], context)
        case "inputs":
            return await tell([Text(json.dumps([turn.custom_inputs, value.get("actor")]))], context)
        case "approve":
            waiting[context.session_id] = SEND
            return await ask(context)
    return await tell(steps(turn), context)


async def ask(context: InvocationContext) -> Json:
    """Tells of the call as of any other, and then that it needs a person's approval."""
    call = {"name": SEND["name"], "args": SEND["args"]}
    await context.emit({"type": "message", "message": {"role": "assistant", "content": "", "tool_calls": [call]}})
    event = {"type": "interrupt", "id": SEND["call_id"], "value": {"action_requests": [SEND]}}
    await context.emit(event)
    return {"output": [event], "status": "interrupted"}


def decided(session: str, resume: Json) -> list[Text]:
    """What the templates check: one decision for the call that waits in this session, by its id."""
    pending, [decision] = waiting.pop(session), resume["decisions"]
    if decision["type"] not in ("approve", "reject") or decision["call_id"] != pending["call_id"]:
        raise ValueError("Invalid approval decision or mismatched pending tool call.")
    return [Text("sent" if decision["type"] == "approve" else f"not sent: {decision.get('message')}")]


async def tell(answer: Any, context: InvocationContext) -> Json:
    """Emits the steps of an answer: text in pieces and then whole, calls and what tools say as messages."""
    output, said = [], ""

    async def message(**fields: Any) -> None:
        output.append(fields)
        await context.emit({"type": "message", "message": fields})

    for step in answer:
        match step:
            case Text(piece):
                said += piece
                await context.emit({"type": "delta", "content": piece, "id": "msg_1"})
            case Call(call_id, arguments, result, name):
                call = {"name": name, "args": json.loads(arguments), "id": call_id}
                await message(role="assistant", content="", tool_calls=[call])
                if result is not None:
                    await message(role="tool", name=name, content=result, tool_call_id=call_id)
            case Pause(seconds):
                await asyncio.sleep(seconds)
    if said:
        await message(role="assistant", content=said)
    return {"output": output, "status": "completed"}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["AGENT_PORT"]), log_level="warning")
