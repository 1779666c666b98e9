"""The words and numbers that mark questions, answers and explanations in question documents.

Looks at one line at a time; knows nothing of what stands around it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Field = Literal["question", "answer", "explanation"]

_CHINESE_NUMBER = "一二三四五六七八九十"
_WORDS: dict[Field, str] = {
    "question": "面试题目|面试题|题目描述|题目|问题描述|问题|提问|问|Interview question|Question|Problem|Q",
    "answer": "参考答案|标准答案|答案示例|答案要点|答案|参考回答|回答要点|回答|解答|答|"
    "(?:Reference|Sample|Model|Suggested) answer|Answer|Solution|Ans|A",
    "explanation": "答案解析|详细解析|题目解析|解析|详解|Explanation|Analysis",
}
_ANY_WORD = "|".join(f"(?P<{field}>{words})" for field, words in _WORDS.items())
_OPEN = r"(?:\*\*|__|\*|【|\[)"
_CLOSE = r"(?:\*\*|__|\*|】|\])"
_LABEL = re.compile(
    rf"^(?P<open>{_OPEN}*)\s*(?:{_ANY_WORD})\s*(?P<number>\d{{1,4}}|[{_CHINESE_NUMBER}]{{1,3}}(?=[\s:：.．、*】\]]|$))?\s*(?P<close>{_CLOSE}*)\s*"
    rf"(?P<mark>[:：]|[.．、。)）](?=\s|\*|[^\x00-\x7f]|$))?\s*(?P<close2>{_CLOSE}*)\s*(?P<rest>.*)$",
    re.IGNORECASE | re.DOTALL,
)
_NUMBERED = re.compile(
    rf"^(?:第\s*(?P<a>\d{{1,4}}|[{_CHINESE_NUMBER}]+)\s*[题问]\s*[.．、:：)）]?|[（(【\[]\s*(?P<b>\d{{1,4}})\s*[)）】\]]|"
    rf"(?P<c>\d{{1,4}})\s*(?:[.．](?!\d)|[、:：)）])|(?P<d>[{_CHINESE_NUMBER}]+)\s*[、.．]|(?P<e>\d+(?:\.\d+)+)[.、]?\s)\s*(?P<rest>\S.*)$",
    re.DOTALL,
)
_TAG = re.compile(r"</?(?:details|br|p|div|b|strong|i|em|span|h[1-6])\b[^>]*>", re.IGNORECASE)
_ASKS = ("?", "？")


@dataclass(frozen=True, slots=True)
class Label:
    """A field's mark at the start of a line: `**答案：** …`, `Q3: …`, `【解析】…`."""

    field: Field
    number: int | None
    rest: str


def bare(text: str) -> str:
    """The line without quote marks and HTML tags; what a `<summary>` holds is emphasised."""
    shown = re.sub(r"</?summary\b[^>]*>", "**", re.sub(r"^\s*(?:>\s?)+", "", text))
    return _TAG.sub("", shown).strip()


def plain(text: str) -> str:
    """The line without emphasis and code marks."""
    return re.sub(r"\*\*|__|`|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)", "", bare(text)).strip()


def find_label(line: str, *, heading: bool = False) -> Label | None:
    """The label a line begins with, or None. In a heading, or alone and emphasised, the word needs no colon after it."""
    match = _LABEL.match(bare(line))
    if not match:
        return None
    field: Field = next(name for name in _WORDS if match[name])
    number = _value(match["number"]) if match["number"] else None
    mark, rest = match["mark"] or "", match["rest"].strip()
    letter = len(match[field]) == 1 and match[field].isascii()
    emphasised = bool(match["open"] and (match["close"] or match["close2"]))
    if mark in (":", "："):
        clear = True
    elif letter:
        clear = number is not None and bool(mark)  # `A. …` is a choice to tick, `Q3. …` a question
    elif number is not None:
        clear = bool(mark) or heading or emphasised
    else:
        boxed = "【" in match["open"] or "[" in match["open"]
        clear = boxed or (emphasised and bool(mark)) or (not rest and (heading or emphasised))
    if not clear:
        return None
    if emphasised or not match["open"]:
        return Label(field, number, rest)
    return Label(field, number, rest.removesuffix("**").removesuffix("__").strip())  # `**Q: what?**`


def find_number(text: str) -> tuple[int | None, str] | None:
    """(number, rest) of a line that begins with a number as headings and lists do: `3.`, `3、`, `（3）`, `第三题`, `一、`.

    A number of several parts (`2.1 …`) is reported as None. None when there is no number.
    """
    match = _NUMBERED.match(plain(text))
    if not match:
        return None
    digits = match["a"] or match["b"] or match["c"] or match["d"]
    return (_value(digits) if digits else None), match["rest"].strip()


def asks(text: str) -> bool:
    """Whether a line ends with a question mark, closing marks aside."""
    return plain(text).rstrip("”\"')） ").endswith(_ASKS)


def _value(digits: str) -> int | None:
    """The value of Arabic digits or of a Chinese number below 100."""
    if digits.isdecimal():
        return int(digits)
    tens, found, ones = digits.partition("十")
    values = {char: i for i, char in enumerate(_CHINESE_NUMBER, 1)}
    if not found:
        return values[digits] if len(digits) == 1 else None
    if len(tens) > 1 or len(ones) > 1 or "十" in ones:
        return None
    return values.get(tens, 1) * 10 + values.get(ones, 0)
