"""Candidate text is data: make it safe to store and to put before a model.

Knows chat templates' markers and our own fence; judges nothing. `clean` keeps the length, so spans stay valid in the original.
"""

from __future__ import annotations

import re

#: Characters of an answer that are judged; speech for twenty minutes is about half of this. The rest is cut, with a flag.
MAX_ANSWER = 8000

FENCE_OPEN = "<<<ANSWER"
FENCE_CLOSE = "ANSWER>>>"

_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")
_SURROGATE = re.compile("[\ud800-\udfff]")
#: Markers by which models tell who speaks: <|im_start|>, <|eot_id|>, <｜User｜>, [INST], <<SYS>>, <s>,
#: <start_of_turn>, <think>.
TEMPLATE_MARK = re.compile(
    r"<{2,}answer\b|\banswer>{2,}|<[|｜][^<>\n]{0,40}[|｜]>|\[/?inst\]|<</?sys>>|</?s>|<(?:bos|eos|pad|unk)>|</?(?:start_of_turn|end_of_turn|system|"
    r"user|assistant|"
    r"think|tool_call|answer|candidate)>",
    re.IGNORECASE,
)


def clean(text: str) -> str:
    """The text without control, invisible and broken characters, each replaced by one character: offsets don't move.

    Line breaks and tabs stay. A lone surrogate (half of a character, which no file can hold) becomes U+FFFD.
    """
    return _SURROGATE.sub("\ufffd", _INVISIBLE.sub(" ", text))


def truncated(text: str, limit: int = MAX_ANSWER) -> tuple[str, bool]:
    """The first `limit` characters, cut back to the end of a word or clause where one is near, and whether anything was cut."""
    if len(text) <= limit:
        return text, False
    cut = max(text.rfind(mark, limit - 200, limit) for mark in "。.!！?？;；\n ，,")
    return text[: cut + 1 if cut > 0 else limit], True


def defused(text: str) -> str:
    """The text with template markers and our fence made harmless, for a prompt. Readable; not for offsets."""
    text = TEMPLATE_MARK.sub(lambda m: re.sub(r"[<>\[\]|｜]", "·", m.group()), clean(text))
    text = re.sub(r"<{2,}", "‹‹", text)
    text = re.sub(r">{2,}", "››", text)
    return text.replace("```", "'''")


def fenced(text: str) -> str:
    """The answer between marks that nothing inside it can close, for a prompt."""
    return f"{FENCE_OPEN}\n{defused(text).strip()}\n{FENCE_CLOSE}"
