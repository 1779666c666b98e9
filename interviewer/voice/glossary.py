"""The field's terms: which a recogniser should expect, and which it meant where it wrote something that sounds like one.

Conservative: a wrong repair puts words into somebody's mouth, a missing one costs them a glance. Forms that are ordinary words
as well are repaired only beside words that settle it, and nothing the bank itself says is ever touched. Every repair is shown.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from interviewer.domain.questions import Bank
from interviewer.domain.text import CJK_RUN
from interviewer.voice.sounds import is_word, syllables

_DATA = Path(__file__).with_name("glossary.yaml")
#: How far a word that settles an ambiguous form may stand from it, in characters: about two clauses.
_BESIDE = 60
#: Chinese forms from this many syllables on are matched by sound.
_BY_SOUND = 3
#: Longest Chinese term of the bank that is listened for, in characters.
_LONGEST = 8
#: Not inside another word, name or address: max_lora_rank and llama.cpp are somebody's code.
_EDGE_BEFORE, _EDGE_AFTER = r"(?<![A-Za-z0-9_])", r"(?![A-Za-z0-9_]|\.[A-Za-z])"
#: A character that the bank has this many times may be a word by itself, so next to a term it is no mistake (参数连百分之一).
_COMMON = 12
#: Shortest Latin word of which one letter may be wrong.
_ONE_OFF = 7


@dataclass(frozen=True, slots=True)
class Repair:
    """`heard` was written at `was`, `name` was meant; `start` and `end` say where it stands in the repaired text, and `shift`
    how many characters what follows has moved."""

    start: int
    end: int
    heard: str
    name: str
    was: int
    shift: int


@dataclass(frozen=True, slots=True)
class _Found:
    """A place in the text as heard, and the term that belongs there."""

    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class _Form:
    """A pattern a term is heard as; with `beside`, only near one of those."""

    name: str
    pattern: re.Pattern[str]
    beside: re.Pattern[str] | None


class Glossary:
    """Built once for a bank."""

    def __init__(self, bank: Bank) -> None:
        self._forms = _forms()
        self._sounds: dict[tuple[str, ...], str] = dict(_sounding_forms())
        texts = [text for question in bank for text in _texts_of(question)]
        self._said_pairs = {pair for text in texts for run in CJK_RUN.findall(text) for pair in map("".join, pairwise(run))}
        self._characters = Counter(character for text in texts for run in CJK_RUN.findall(text) for character in run)
        self._said_words = {word for text in texts for word in re.findall(r"[a-z]+", text.lower())}
        self._terms: dict[tuple[str, ...], str] = {}
        chinese = [term for term in _bank_terms(bank) if CJK_RUN.fullmatch(term)]
        for term in sorted({*_read()["short"], *(term for term in chinese if _BY_SOUND <= len(term) <= _LONGEST)}):
            self._terms.setdefault(syllables(term), term)

    @property
    def expected(self) -> list[str]:
        """Names for a recogniser's prompt, the most useful first."""
        return list(dict.fromkeys(str(row["name"]) for row in _read()["terms"]))

    def repaired(self, text: str) -> tuple[str, list[Repair]]:
        """The text as it was probably said, and every change made."""
        out, done, last = "", [], 0
        for found in _apart([*self._listed(text), *self._spelt(text), *self._homophones(text), *self._near(text)]):
            heard = text[found.start : found.end]
            if heard == found.name or (" " in heard and heard.lower() == found.name.lower()):
                continue
            out += text[last : found.start]
            out += " " * _needs_blank(out[-1:], found.name[0])
            start, end = len(out), len(out) + len(found.name)
            out += found.name + " " * _needs_blank(found.name[-1], text[found.end : found.end + 1])
            done.append(Repair(start, end, heard, found.name, found.start, len(out) - found.end))
            last = found.end
        return out + text[last:], done

    def _listed(self, text: str) -> Iterator[_Found]:
        """Forms of the data file."""
        for form in self._forms:
            for match in form.pattern.finditer(text):
                before, after = text[max(0, match.start() - _BESIDE) : match.start()], text[match.end() : match.end() + _BESIDE]
                if form.beside is None or form.beside.search(f"{before} · {after}"):
                    yield _Found(match.start(), match.end(), form.name)
        for at, run in _chinese_runs(text):
            sound = syllables(run)
            for start in range(len(run)):
                for size in range(_BY_SOUND, min(_LONGEST, len(run) - start) + 1):
                    name = self._sounds.get(sound[start : start + size])
                    if name and not self._all_said(run[start : start + size]):
                        yield _Found(at + start, at + start + size, name)

    def _spelt(self, text: str) -> Iterator[_Found]:
        """Names whose capitals were lost: `lora`, `Rlhf`. Ordinary words are the data file's business."""
        for match in re.finditer(rf"{_EDGE_BEFORE}[A-Za-z][A-Za-z0-9]+{_EDGE_AFTER}", text):
            name = _capitals().get(match.group().lower())
            if name and match.group() != name and match.group()[1:] == match.group()[1:].lower():
                yield _Found(match.start(), match.end(), name)

    def _homophones(self, text: str) -> Iterator[_Found]:
        """Chinese terms written in other characters of the same sound: 提督消失 for 梯度消失."""
        for at, run in _chinese_runs(text):
            sound = syllables(run)
            for start in range(len(run)):
                for size in range(2, min(_LONGEST, len(run) - start) + 1):
                    meant = self._terms.get(sound[start : start + size])
                    if meant and self._senseless(run, start, meant):
                        yield _Found(at + start, at + start + size, meant)

    def _senseless(self, run: str, start: int, meant: str) -> bool:
        """Whether the characters in place of `meant` make no sense: none of those that differ forms anything that the bank
        says, or (in a short term) a word, with the one beside it; and none at the end of three is common by itself."""
        size = len(meant)
        wrong = [start + place for place, right in enumerate(meant) if run[start + place] != right]
        pairs = {run[place : place + 2] for at in wrong for place in (at - 1, at) if place >= 0}
        if not wrong or pairs & self._said_pairs or (size <= _BY_SOUND and any(map(is_word, pairs))):
            return False
        inside = all(start < at < start + size - 1 for at in wrong)
        return size != _BY_SOUND or inside or all(self._characters[run[at]] < _COMMON for at in wrong)

    def _all_said(self, heard: str) -> bool:
        return all(pair in self._said_pairs for pair in map("".join, pairwise(heard)))

    def _near(self, text: str) -> Iterator[_Found]:
        """Long Latin names with one wrong letter: `tranformer`."""
        from rapidfuzz.distance import OSA

        for match in re.finditer(rf"[A-Za-z]{{{_ONE_OFF},}}", text):
            word = match.group().lower()
            if word in self._said_words:
                continue
            for name in _long_names():
                alike = name.lower()
                inflected = word.startswith(alike) or alike.startswith(word)
                if not inflected and word[0] == alike[0] and OSA.distance(word, alike, score_cutoff=1) == 1:
                    yield _Found(match.start(), match.end(), name)


def _apart(found: Iterable[_Found]) -> list[_Found]:
    """Without overlaps, in order: the longest wins, then the first."""
    kept: list[_Found] = []
    for item in sorted(found, key=lambda item: (item.start - item.end, item.start)):
        if all(item.end <= other.start or other.end <= item.start for other in kept):
            kept.append(item)
    return sorted(kept, key=lambda item: item.start)


def _needs_blank(before: str, after: str) -> bool:
    """Chinese and Latin are set apart by a blank, as the bank does."""
    sides = [bool(CJK_RUN.match(side)) for side in (before, after)]
    return bool(before and after) and sides[0] != sides[1] and all(side.isalnum() for side in (before, after))


def _chinese_runs(text: str) -> Iterator[tuple[int, str]]:
    return ((match.start(), match.group()) for match in CJK_RUN.finditer(text))


@cache
def _read() -> dict[str, Any]:
    import yaml

    data: dict[str, Any] = yaml.safe_load(_DATA.read_text(encoding="utf-8"))
    return data


@cache
def _forms() -> tuple[_Form, ...]:
    return (
        *(
            _Form(row["name"], _pattern([heard]), _pattern(row["beside"]) if "beside" in row else None)
            for row in _read()["terms"]
            for heard in map(str, row["heard"])
            if not _by_sound(heard)
        ),
        *(_Form(name, _pattern([" ".join(name)]), None) for name in _spelt_names()),
    )


def _spelt_names() -> Iterator[str]:
    names = {str(row["name"]) for row in _read()["terms"]}
    return (name for name in sorted({*_read()["spelt"], *names}) if name.isalpha() and name.isupper() and len(name) > 2)


def _sounding_forms() -> Iterator[tuple[tuple[str, ...], str]]:
    return ((syllables(heard), row["name"]) for row in _read()["terms"] for heard in map(str, row["heard"]) if _by_sound(heard))


def _by_sound(heard: str) -> bool:
    return bool(CJK_RUN.fullmatch(heard)) and len(heard) >= _BY_SOUND


def _pattern(forms: Sequence[str]) -> re.Pattern[str]:
    """One of the forms, Latin ones as whole words whose parts may be set apart by blanks, dots or hyphens."""
    return re.compile("|".join(map(_one_pattern, forms)), re.IGNORECASE)


def _one_pattern(form: str) -> str:
    inner = re.sub(r"(?<=[ -~]) (?=[ -~])", r"[\\s.\-]+", form)  # between Latin parts
    inner = re.sub(r"(?<=[^ -~]) | (?=[^ -~])", r"\\s*", inner)  # beside Chinese
    before = _EDGE_BEFORE if form[0].isascii() else ""
    after = _EDGE_AFTER if form[-1].isascii() else ""
    return before + inner + after


@cache
def _capitals() -> dict[str, str]:
    """Names by their small letters: those with two capitals, whose small form is no ordinary word."""
    rows = _read()["terms"]
    ordinary = {str(heard).lower() for row in rows if "beside" in row for heard in row["heard"]}
    names = {str(row["name"]) for row in rows}
    told = [name for name in names if name.isalpha() and sum(letter.isupper() for letter in name) >= 2]
    return {name.lower(): name for name in told if name.lower() not in ordinary}


@cache
def _long_names() -> tuple[str, ...]:
    names = dict.fromkeys(str(row["name"]) for row in _read()["terms"])
    return tuple(name for name in names if name.isalpha() and len(name) >= _ONE_OFF)


def _texts_of(question: Any) -> Iterator[str]:
    yield from question.text.both()
    yield from question.reference.both()
    for point in question.key_points:
        yield from point.statement.both()
        yield from point.accepted
        for group in point.terms:
            yield from group


def _bank_terms(bank: Bank) -> Iterator[str]:
    return (term for question in bank for point in question.key_points for group in point.terms for term in group)
