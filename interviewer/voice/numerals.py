"""Numbers as they are said, in Chinese and English: voices that read letters were taught words and not digits.

Whole numbers, thousands commas, decimals and percentages; whatever is longer than a trillion is said digit by digit.
"""

from __future__ import annotations

import re

from interviewer.domain.questions import Lang

_NUMBER = re.compile(r"(?P<whole>\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.(?P<part>\d+))?(?P<percent>\s?[%％])?", re.ASCII)
_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_DIGITS = "零一二三四五六七八九"
_LONGEST = 12


def spelt_out(text: str, lang: Lang) -> str:
    """The text with every number in words."""
    say = _chinese if lang == "zh" else _english

    def words(found: re.Match[str]) -> str:
        said = say(found["whole"].replace(",", ""), found["part"] or "", bool(found["percent"]))
        if lang == "zh":
            return said
        # Beside a letter, as in GPT4 or 7B, a blank keeps the word readable.
        before, after = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
        return f"{' ' if before.isalpha() else ''}{said}{' ' if after.isalpha() else ''}"

    return _NUMBER.sub(words, text)


def _english(whole: str, part: str, percent: bool) -> str:
    said = " ".join(_ONES[int(digit)] for digit in whole) if _by_digits(whole) else _english_whole(int(whole))
    if part:
        said += " point " + " ".join(_ONES[int(digit)] for digit in part)
    return said + " percent" * percent


def _english_whole(number: int) -> str:
    for size, name in ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = number % size
            return f"{_english_whole(number // size)} {name}" + (f" {_english_whole(rest)}" if rest else "")
    if number < 20:
        return _ONES[number]
    return _TENS[number // 10] + (f" {_ONES[number % 10]}" if number % 10 else "")


def _chinese(whole: str, part: str, percent: bool) -> str:
    said = "".join(_DIGITS[int(digit)] for digit in whole) if _by_digits(whole) else _chinese_whole(int(whole))
    if part:
        said += "点" + "".join(_DIGITS[int(digit)] for digit in part)
    return "百分之" * percent + said


def _chinese_whole(number: int) -> str:
    said = _chinese_part(number)
    return said.removeprefix("一") if said.startswith("一十") else said


def _chinese_part(number: int) -> str:
    for size, name in ((10**8, "亿"), (10**4, "万"), (1000, "千"), (100, "百"), (10, "十")):
        if number >= size:
            rest = number % size
            gap = "零" if rest and rest < size // 10 else ""
            return _chinese_part(number // size) + name + (gap + _chinese_part(rest) if rest else "")
    return _DIGITS[number]


def _by_digits(whole: str) -> bool:
    """Numbers that begin with a zero are names, such as 007."""
    return len(whole) > _LONGEST or (len(whole) > 1 and whole.startswith("0"))
