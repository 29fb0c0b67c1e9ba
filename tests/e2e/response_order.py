"""The legal orders of a Responses stream: items one after another, each opened, filled and closed; then one ending."""

from dataclasses import dataclass, field
from typing import Any

import response_schema

Json = dict[str, Any]
ENDINGS = {"completed", "incomplete", "failed"}
# What an item is opened with, before anything of it is said.
EMPTY = {"message": ("content", []), "function_call": ("arguments", ""), "reasoning": ("summary", [])}
TEXT_OF = {"output_text": "text", "refusal": "refusal", "reasoning_text": "text"}


@dataclass
class Item:
    """The item that is open, and what its parts, summaries or arguments have come to so far."""

    added: Json
    index: int
    parts: list[Json] = field(default_factory=list)
    kind: str | None = None  # of the part that is open
    said: str | None = None  # in the part that is open, or of a call's arguments
    finished: str | None = None  # what `.done` said of it


class Order:
    """Reads events one by one and notes what breaks the order; `finish` says whether it was whole."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.count = 0
        self.item: Item | None = None
        self.done: list[Json] = []
        self.identity: tuple | None = None
        self.final: Json | None = None
        self.failed = False

    def check(self, legal: bool, fault: str) -> None:
        if not legal:
            self.faults.append(f"event {self.count - 1}: {fault}")

    def read(self, event: Json) -> None:
        self.count += 1
        self.faults += [f"event {self.count - 1}: {fault}" for fault in response_schema.of_event(event)]
        kind = event["type"]
        self.check(event["sequence_number"] == self.count - 1, f"numbered {event['sequence_number']}")
        self.check(self.final is None, f"{kind} after the ending")
        expected = {1: "response.created", 2: "response.in_progress"}.get(self.count)
        self.check(kind == expected if expected else kind not in ("response.created", "response.in_progress"), kind)
        self.check(not self.failed or kind == "response.failed", f"{kind} after an error")
        if "response" in event:
            self.lifecycle(kind, event["response"])
        elif kind == "error":
            self.failed = True
        elif kind == "response.output_item.added":
            self.open(event)
        elif self.item is None:
            self.check(False, f"{kind} with no item open")
        elif kind == "response.output_item.done":
            self.close(event)
        else:
            self.inside(kind, event)

    def lifecycle(self, kind: str, response: Json) -> None:
        identity = tuple(response[key] for key in ("id", "created_at", "model"))
        self.check(self.identity in (None, identity), "the response has changed its identity")
        self.identity = identity
        status = kind.removeprefix("response.")
        self.check(response["status"] == ("in_progress" if status == "created" else status), response["status"])
        self.check((response["completed_at"] is not None) == (status == "completed"), "completed_at")
        self.check((response["incomplete_details"] is not None) == (status == "incomplete"), "incomplete_details")
        self.check((response["error"] is not None) == (status == "failed"), "error")
        if status not in ENDINGS:
            self.check(response["output"] == [] and response["usage"] is None, f"{kind} knows too much")
            return
        self.final = response
        if status == "failed":
            self.check(self.failed, "response.failed without an error before it")
            return
        self.check(self.item is None, f"{kind} with an item open")
        self.check(response["output"] == self.done, "the output is not the list of the finished items")
        cut = [item.get("status") == "incomplete" for item in self.done]
        self.check(not any(cut[:-1]), "an incomplete item that is not the last")
        self.check(status == "incomplete" or not any(cut), "an incomplete item in a complete response")

    def open(self, event: Json) -> None:
        item = event["item"]
        self.check(self.item is None, "an item within an item")
        self.check(event["output_index"] == len(self.done), f"output_index {event['output_index']}")
        self.check(item.get("status", "in_progress") == "in_progress", f"opened as {item.get('status')}")
        key, nothing = EMPTY.get(item["type"], ("type", "one that a client can take"))
        self.check(item[key] == nothing, f"opened with {key} {item[key]!r}")
        ids = {done["id"] for done in self.done}
        self.check(item["id"] not in ids, f"the id {item['id']} twice")
        self.item = Item(item, event["output_index"])
        if item["type"] == "function_call":
            self.item.said = ""

    def close(self, event: Json) -> None:
        item, opened = event["item"], self.item
        same = ("type", "id", "role", "call_id", "name")
        self.check(event["output_index"] == opened.index, "closes another item")
        self.check(all(item.get(key) == opened.added.get(key) for key in same), "the item has changed its identity")
        self.check(item.get("status") in ("completed", "incomplete", None), f"closed as {item.get('status')}")
        self.check(opened.kind is None, "closed with a part open")
        if item["type"] == "function_call":
            self.check(opened.said == opened.finished == item["arguments"], "the arguments do not add up")
        else:
            whole = item["content"] if item["type"] == "message" else [*item["summary"], *item.get("content", [])]
            self.check(whole == opened.parts, "the item is not the list of its parts")
            self.check(item["type"] == "reasoning" or bool(whole), "a message without a part")
        self.done.append(item)
        self.item = None

    def inside(self, kind: str, event: Json) -> None:
        item = self.item
        self.check(event["item_id"] == item.added["id"] and event["output_index"] == item.index, "of another item")
        place = event.get("content_index", event.get("summary_index"))
        self.check(place in (None, len(item.parts)), f"part {place}")
        name, step = kind.removeprefix("response.").rsplit(".", 1)
        match name, step:
            case ("content_part" | "reasoning_summary_part"), "added":
                self.check(item.kind is None, "a part within a part")
                item.kind, item.said, item.finished = event["part"]["type"], "", None
                self.check(not event["part"].get(TEXT_OF.get(item.kind, "text")), "a part that begins with words")
            case ("content_part" | "reasoning_summary_part"), "done":
                key = TEXT_OF.get(item.kind, "text")
                self.check(item.said == item.finished == event["part"].get(key), "the part does not add up")
                self.check(event["part"]["type"] == item.kind, "the part has changed its type")
                item.parts.append(event["part"])
                item.kind = item.said = None
            case "output_text.annotation", _:
                self.check(item.kind == "output_text", "an annotation with no text open")
            case _, "delta":
                self.check(self.fits(name) and item.finished is None, f"{kind} in {item.kind}")
                item.said = (item.said or "") + event["delta"]
            case _, "done":
                self.check(self.fits(name) and item.finished is None, f"{kind} in {item.kind}")
                item.finished = event.get("text", event.get("refusal", event.get("arguments")))

    def fits(self, name: str) -> bool:
        """Whether deltas of this name belong into what is open."""
        if name == "function_call_arguments":
            return self.item.added["type"] == "function_call"
        return {"reasoning_summary_text": "summary_text"}.get(name, name) == self.item.kind

    def finish(self) -> list[str]:
        self.check(self.final is not None, "no ending")
        return self.faults
