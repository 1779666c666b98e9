"""Which part of a conversation fits a model's window, so that what is sent grows by whole messages from turn to turn.

Instructions, the running question's facts and the task are always kept, then what was said, newest first. Older turns go
whole and many at a time: a window that slid by one turn would change the beginning of every prompt, and an engine that keeps
what it has read of the last one would have to read everything again. Counts tokens by estimate; knows no model, no wording.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from interviewer.ports import Message

#: Window assumed where the engine doesn't know its own.
ASSUMED_WINDOW = 4096
#: Tokens of a prompt at most, however large the window: two cores read a few hundred a second, and what an interviewer needs
#: of an hour ago is one line.
MOST_TOKENS = 3072
#: Tokens that a chat template writes around a message.
_AROUND = 8
#: Share of the room behind the instructions that is filled with what was said before older turns go; the rest is for the task.
_FILL = 0.75
#: How much is left of what was said when they go.
_LEFT = 0.5
#: What stands for the part of an utterance that was left out.
CUT = " […] "


@dataclass(frozen=True, slots=True)
class Told:
    """One message of the conversation. `facts` is the question that it introduces; None for what somebody said. `frame` is what
    its text begins and ends with however short it gets."""

    message: Message
    facts: str | None = None
    frame: tuple[str, str] = ("", "")

    def within(self, tokens: int) -> Message:
        """The message with its middle left out, where it would take more tokens than that."""
        before, after = self.frame
        inner = self.message.content.removeprefix(before).removesuffix(after)
        left = tokens - token_estimate(before) - token_estimate(after)
        return replace(self.message, content=before + shortened(inner, left) + after)


@dataclass(frozen=True, slots=True)
class Budget:
    """Tokens for one prompt: what the engine's window leaves beside the reply. `share` asks for less than fits."""

    window: int
    reply: int
    share: float = 1.0

    @property
    def tokens(self) -> int:
        return int((min(self.window or ASSUMED_WINDOW, MOST_TOKENS) - self.reply) * self.share)


def token_estimate(text: str) -> int:
    """About how many tokens a text takes, on the high side: three Latin letters or blanks are one, a Chinese character, a digit
    or a mark is one, what lies outside the basic plane is three."""
    letters = sum(char.isascii() and (char.isalpha() or char == " ") for char in text)
    rare = sum(ord(char) > 0xFFFF for char in text)
    return -(-letters // 3) + len(text) - letters + 2 * rare


def message_tokens(message: Message) -> int:
    """The estimate for a message with what a template writes around it."""
    return token_estimate(message.content) + _AROUND


def prompt_tokens(messages: Sequence[Message]) -> int:
    """The estimate for a whole prompt."""
    return sum(map(message_tokens, messages))


def fitted(
    system: Message,
    conversation: Sequence[Told],
    task: Message,
    budget: Budget,
    note: Callable[[Sequence[str]], Message],
) -> tuple[Message, ...]:
    """The prompt: instructions, what fits of the conversation, the task. `note` is told the questions whose beginning is left
    out (but not the running one) and says so in a line.

    The newest utterance is whole whenever it fits beside what is always kept; else its middle is left out, visibly.
    """
    facts = max((i for i, told in enumerate(conversation) if told.facts is not None), default=None)
    newest = max((i for i, told in enumerate(conversation) if told.facts is None), default=max(0, len(conversation) - 1))

    def with_turns(kept: Sequence[int]) -> tuple[Message, ...]:
        left_out = [told.facts for i, told in enumerate(conversation) if told.facts is not None and i not in kept]
        notes = [note(left_out)] if left_out else []
        return (system, *notes, *(conversation[i].message for i in kept), task)

    room = budget.tokens - message_tokens(system)
    start = _rolled([message_tokens(told.message) for told in conversation], max(0, int(room * _FILL)))
    always = {facts, newest}
    kept = [i for i in range(len(conversation)) if i >= start or i in always]
    while (
        prompt_tokens(with_turns(kept)) > budget.tokens
        and (oldest := next((i for i in kept if i not in always), None)) is not None
    ):
        kept.remove(oldest)
    messages = with_turns(kept)
    excess = prompt_tokens(messages) - budget.tokens
    said = conversation[newest] if conversation else None
    if excess <= 0 or said is None or said.facts is not None:
        return messages
    shorter = said.within(token_estimate(said.message.content) - excess)
    return tuple(shorter if message is said.message else message for message in messages)


def shortened(text: str, tokens: int) -> str:
    """The text's beginning and end in at most so many tokens, whole if it fits. More of its end: that was said last."""
    if token_estimate(text) <= tokens:
        return text
    room = tokens - token_estimate(CUT)
    if room <= 0:
        return ""
    head = _longest(text, room // 3)
    tail = _longest(text[::-1], room - token_estimate(head))[::-1]
    return head + CUT + tail


def _longest(text: str, tokens: int) -> str:
    """The longest beginning of a text within so many tokens."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if token_estimate(text[:middle]) <= tokens else (low, middle - 1)
    return text[:low]


def _rolled(costs: Sequence[int], room: int) -> int:
    """Where what is kept begins. A fold over the conversation: it moves only when the room is used up, by half of it."""
    start = total = 0
    for i, cost in enumerate(costs):
        total += cost
        if total > room:
            while start < i and total > room * _LEFT:
                total -= costs[start]
                start += 1
    return start
