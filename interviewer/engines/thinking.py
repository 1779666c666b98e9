"""Thoughts of models that think before they speak: how to switch them off, and how to keep them from people when they come.

Knows the marks that model families write round their thoughts, as text. Knows no tokenizer and no model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

THINK_OPEN, THINK_CLOSE = "<think>", "</think>"

#: Arguments that chat templates know for "don't think". A template ignores those it doesn't know, so all get both.
#: enable_thinking: Qwen3, Qwen3.5, Gemma 4, GLM-4.5, SmolLM3; thinking: Granite, DeepSeek-V3.1.
SWITCHES: Mapping[str, bool] = {"enable_thinking": False, "thinking": False}

#: What opens a thought → what closes it: most families; Seed-OSS; Mistral's reasoners; Command A; Gemma 4.
PAIRS: Mapping[str, str] = {
    THINK_OPEN: THINK_CLOSE,
    "<seed:think>": "</seed:think>",
    "[THINK]": "[/THINK]",
    "<|START_THINKING|>": "<|END_THINKING|>",
    "<|channel>": "<channel|>",
}
#: gpt-oss (the harmony format): `<|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final<|message|>…`.
_CHANNEL, _MESSAGE, _START = "<|channel|>", "<|message|>", "<|start|>"
_ENDS = ("<|end|>", "<|return|>", "<|call|>")
_SPOKEN_CHANNEL = "final"
#: How a prompt in that format ends, and what makes the model speak at once instead of thinking.
_HARMONY_PROMPT_END, _HARMONY_FINAL = f"{_START}assistant", f"{_CHANNEL}{_SPOKEN_CHANNEL}{_MESSAGE}"

#: Every mark that has to reach the filter below as text, even where a tokenizer calls it special.
MARKS = frozenset({*PAIRS, *PAIRS.values(), _CHANNEL, _MESSAGE, _START, *_ENDS})

_Place = Literal["spoken", "thought", "header", "aside", "between"]


def without_thought(prompt: str) -> str:
    """A rendered prompt whose reply begins with what is said: a thought the template opened is closed again."""
    bare = prompt.rstrip()
    for opened, closed in PAIRS.items():
        if bare.endswith(opened):
            return f"{bare}\n\n{closed}\n\n"
    return bare + _HARMONY_FINAL if bare.endswith(_HARMONY_PROMPT_END) else prompt


def after_thought(reply: str) -> str:
    """A whole reply from where its last thought ends, also one whose opening mark stood in the prompt."""
    return reply[max((at + len(mark) for mark in PAIRS.values() if (at := reply.rfind(mark)) >= 0), default=0) :]


class ThoughtFilter:
    """Drops thoughts (also unclosed, also with marks split over pieces) and white space before the first word."""

    def __init__(self) -> None:
        self._place: _Place = "spoken"
        self._closing = ""  # what ends the present thought
        self._header = ""  # the name of the channel being opened
        self._pending = ""
        self._started = False

    def feed(self, piece: str) -> str:
        """What may be shown now. Holds back just what could still become a mark."""
        self._pending += piece
        shown: list[str] = []
        while found := _first(self._pending, self._marks):
            at, mark = found
            shown.append(self._take(at))
            self._pending = self._pending[len(mark) :]
            self._pass(mark)
        keep = max((overlap(self._pending, mark) for mark in self._marks), default=0)
        shown.append(self._take(len(self._pending) - keep))
        return self._trimmed("".join(shown))

    def finish(self) -> str:
        """What was held back in case it became a mark."""
        return self._trimmed(self._take(len(self._pending)))

    @property
    def _marks(self) -> tuple[str, ...]:
        """The marks that mean something here."""
        if self._place == "spoken":
            return (*PAIRS, *PAIRS.values(), _CHANNEL, _START, *_ENDS)
        if self._place == "thought":
            return (self._closing,)
        if self._place == "aside":
            return (_CHANNEL, _START, *_ENDS)
        return (_CHANNEL, _MESSAGE)

    def _pass(self, mark: str) -> None:
        """Go where the mark leads. A closing mark that nothing opened is only dropped."""
        if mark in PAIRS:
            self._place, self._closing = "thought", PAIRS[mark]
        elif mark == _CHANNEL:
            self._place, self._header = "header", ""
        elif mark == _MESSAGE:
            # A message that names no channel is the reply itself.
            spoken = self._place == "between" or self._header.strip().startswith(_SPOKEN_CHANNEL)
            self._place = "spoken" if spoken else "aside"
        elif mark == _START or mark in _ENDS:
            self._place = "between"
        else:
            self._place = "spoken"

    def _take(self, size: int) -> str:
        taken, self._pending = self._pending[:size], self._pending[size:]
        if self._place == "header":
            self._header += taken
        return taken if self._place == "spoken" else ""

    def _trimmed(self, text: str) -> str:
        if not self._started:
            text = text.lstrip()
            self._started = bool(text)
        return text


def overlap(text: str, mark: str) -> int:
    """Length of the longest end of `text` that is a proper beginning of `mark`."""
    for size in range(min(len(text), len(mark) - 1), 0, -1):
        if text.endswith(mark[:size]):
            return size
    return 0


def _first(text: str, marks: Iterable[str]) -> tuple[int, str] | None:
    """The mark that begins first in the text, and where."""
    return min(((at, mark) for mark in marks if (at := text.find(mark)) >= 0), default=None)
