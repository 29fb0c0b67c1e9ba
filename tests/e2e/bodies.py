"""The same conversation written as the request body of each dialect."""

from typing import Any

Json = dict[str, Any]

# A talk with a tool call in it, before the user's last words.
PAST = [
    ("user", "Weather?"),
    ("call", "call_0", "get_weather", '{"city": "Oslo"}'),
    ("output", "call_0", "get_weather", '{"temp_c": -3}'),
    ("assistant", "It is -3 degrees in Oslo."),
]
CUSTOM = {"tenant": "acme", "deep": {"list": [1, 2.5, None], "text": "ünï"}}
UNICODE = 'naïve 東京 \U0001f98a "quoted" back\\slash\nnext line'
SEEN = "user call output assistant user"


def messages(text: str, past: list[tuple] = (), custom_inputs: Json | None = None) -> Json:
    """For the chat dialects: OpenAI's, ChatAgent's, ChatModel's."""
    return extended({"messages": [message(turn) for turn in [*past, ("user", text)]]}, custom_inputs)


def message(turn: tuple) -> Json:
    match turn:
        case ("call", call_id, name, arguments):
            call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
            return {"role": "assistant", "content": "", "tool_calls": [call]}
        case ("output", call_id, name, output):
            return {"role": "tool", "content": output, "name": name, "tool_call_id": call_id}
        case (role, content):
            return {"role": role, "content": content}


def items(text: str, past: list[tuple] = (), custom_inputs: Json | None = None) -> Json:
    """For the Responses dialect."""
    return extended({"input": [item(turn) for turn in [*past, ("user", text)]]}, custom_inputs)


def item(turn: tuple) -> Json:
    match turn:
        case ("call", call_id, name, arguments):
            return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}
        case ("output", call_id, _, output):
            return {"type": "function_call_output", "call_id": call_id, "output": output}
        case (role, content):
            return {"role": role, "content": content}


def query(text: str, past: list[tuple] = ()) -> Json:
    """For split_chat_messages, bare: the history can hold words only."""
    history = [{"role": turn[0], "content": turn[1]} for turn in past if turn[0] in ("user", "assistant")]
    return {"query": text, "history": history}


def records(text: str, past: list[tuple] = ()) -> Json:
    """For split_chat_messages, as one row of a data frame."""
    return {"dataframe_records": [query(text, past)]}


def run(text: str, past: list[tuple] = (), custom_inputs: Json | None = None) -> Json:
    """For the durable dialect, without its ids."""
    return {"input": messages(text, past, custom_inputs)}


def extended(body: Json, custom_inputs: Json | None) -> Json:
    return body | ({"custom_inputs": custom_inputs} if custom_inputs is not None else {})
