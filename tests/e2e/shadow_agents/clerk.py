"""What both agents of the shadow tests know and do: the same for each question, never twice in the same words."""

import random
import re
from dataclasses import dataclass

# Seconds of thought: little, or so much that what the servers take beside it does not matter.
THINKING, THINKING_HARD = 0.04, 0.15
HARD = "think hard"
# What may be wrong with the new agent, and of how many questions in a thousand.
REGRESSIONS = {"arguments": 30, "number": 20, "citations": 50, "refusal": 10, "cut": 20, "latency": 1000}
OPENINGS = ["Sure.", "Of course!", "Happy to help.", "Let me see.", "Thanks for asking.", "Good question.", "Right away."]
SHIPPED = [
    "Order {order} has left our warehouse and should reach you in {days} days.",
    "Your order {order} is on its way; expect it in about {days} days.",
    "We have sent order {order}, and it arrives in {days} days.",
    "It looks as if order {order} was handed to the carrier, so {days} days from now you should have it.",
]
PRICES = [
    "The invoice comes to {price} euros.",
    "In all that is {price} euros.",
    "You pay {price} euros for it.",
    "We charge {price} euros, taxes included.",
]
SOURCES = ["More in our [guide]({source}).", "See {source} for the rules.", "This is how we ship: {source}"]
CLOSINGS = ["", "Anything else?", "Just ask if something is unclear.", "Have a nice day!", "We are glad to have you with us."]
REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I cannot help you with this request.",
    "Sorry, I can't share details of orders.",
]


@dataclass
class Turn:
    """What is done about a question: a tool is run, then something is said."""

    order: str
    arguments: str
    found: str
    text: str
    source: str | None  # what is cited
    seconds: float
    breaks: bool = False  # a stream has no end

    def pieces(self) -> list[str]:
        """The text as it is streamed, some words at a time."""
        words = self.text.split(" ")
        groups = [" ".join(words[place : place + 8]) for place in range(0, len(words), 8)]
        return [group + " " for group in groups[:-1]] + groups[-1:]


def turn(question: str, regression: str = "") -> Turn:
    """The answer to a question, which names the number of an order (saving a model asks one that does not)."""
    order = int((re.search(r"\d+", question) or ["1000"])[0])
    hit = bool(regression) and is_hit(order, REGRESSIONS[regression])
    thought = THINKING_HARD if HARD in question else THINKING
    days, price = order % 7 + 2, f"{order % 89 + 10}.{order % 90 + 10}"
    source = f"https://shop.example/shipping/{order % 12}"
    if hit and regression == "number":
        days += 1
    shown = None if hit and regression == "citations" else source
    parts = [random.choice(OPENINGS), random.choice(SHIPPED), random.choice(PRICES)]
    parts += [random.choice(SOURCES)] if shown else []
    text = " ".join(" ".join([*parts, random.choice(CLOSINGS)]).split())
    text = text.format(order=order, days=days, price=price, source=shown)
    if hit and regression == "refusal":
        text, shown = random.choice(REFUSALS), None
    limit = 50 if hit and regression == "arguments" else 5
    return Turn(
        order=str(order),
        arguments=f'{{"order": "{order}", "limit": {limit}}}',
        found=f'{{"status": "shipped", "days": {order % 7 + 2}}}',
        text=text,
        source=shown,
        seconds=random.uniform(0.7, 1.3) * thought * (2 if hit and regression == "latency" else 1),
        breaks=hit and regression == "cut",
    )


def is_hit(order: int, of_a_thousand: int) -> bool:
    """Exactly so many of any thousand orders in a row, scattered among them."""
    return order * 617 % 1000 < of_a_thousand
