"""What only the emulated OpenAI-compatible servers can say, and what every client must then show."""

from dataclasses import dataclass
from typing import Any

PARIS = ["call_1", "get_weather", '{"city": "Paris"}']
ROME = ["call_2", "get_weather", '{"city": "Rome"}']
COMPLETE = {"chat": "stop", "responses": "completed"}
FILTERED = {"chat": "content_filter", "responses": "content_filter"}
TOO_LONG = {"chat": "length", "responses": "max_output_tokens"}


@dataclass
class Said:
    """An answer: its finish is by the dialect, and calls end it in Chat Completions."""

    text: str = ""
    refusal: str = ""
    reasoning: str = ""
    calls: tuple = ()
    ending: Any = None

    def finish(self, dialect: str) -> str:
        chat = "responses" if dialect.startswith("responses") else "chat"
        return (self.ending or COMPLETE | ({"chat": "tool_calls"} if self.calls else {}))[chat]


ANSWERS = {
    "refusal": Said(refusal="I cannot help with that."),
    "half refusal": Said("Well, well. ", refusal="No, I cannot."),
    "length": Said("Once upon a time there", ending=TOO_LONG),
    "length call": Said(calls=([*PARIS[:2], PARIS[2][:11]],), ending=TOO_LONG),
    "filtered": Said("It began with", ending=FILTERED),
    "filtered whole": Said(ending=FILTERED),
    "reason": Said("Thought about it.", reasoning="The user wants a thought."),
    "mixed": Said("Let me look at both.", reasoning="The user wants two forecasts.", calls=(PARIS, ROME)),
    "no arguments": Said(calls=(["call_1", "get_time", "{}"],)),
}
# Talks that end in an error, with its status where one can be told.
REFUSED = {"limit": 429, "too long": 400}
CUT = "cut"
TALKS = [*ANSWERS, *REFUSED, CUT]
