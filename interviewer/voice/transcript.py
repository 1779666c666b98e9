"""From recognised words to the text that goes into the answer box, with the places that want a second look.

Pure: knows no models and no pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from interviewer.domain.text import CJK_RUN
from interviewer.domain.transcript import HeardWord, Speech
from interviewer.voice.glossary import Glossary, Repair

#: Below this probability a word is marked. One chance in two is the natural reading of "unsure"; whisper's own confidences have
#: not been calibrated on spoken interview answers.
UNSURE = 0.5


@dataclass(frozen=True, slots=True)
class Doubt:
    """A place in the text to look at: a word the model was unsure of, or one that was `heard` as something else."""

    start: int
    end: int
    why: Literal["unsure", "repaired"]
    heard: str = ""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was understood of one recording. `speech` has the words as recognised, before any repair."""

    text: str
    doubts: tuple[Doubt, ...]
    speech: Speech


def transcript(words: Sequence[HeardWord], seconds: float, recogniser: str, glossary: Glossary) -> Transcript:
    """Put the words together, repair terms, and mark what is doubtful. Times are seconds."""
    text, places = _joined(words)
    repaired, repairs = glossary.repaired(text)
    doubts = [Doubt(repair.start, repair.end, "repaired", repair.heard) for repair in repairs]
    for word, (start, end) in zip(words, places, strict=True):
        if word.confidence is None or word.confidence >= UNSURE:
            continue
        moved = _moved(start, end, repairs)
        if moved is not None:
            doubts.append(Doubt(*_without_marks(repaired, *moved), "unsure"))
    shown = tuple(sorted((doubt for doubt in doubts if doubt.start < doubt.end), key=lambda doubt: doubt.start))
    return Transcript(repaired, shown, Speech(round(seconds, 2), tuple(words), recogniser))


def joined_speech(recordings: Sequence[Speech]) -> Speech | None:
    """Several recordings of one answer, one after the other; None for none."""
    if not recordings:
        return None
    before, words = 0.0, []
    for one in recordings:
        words += [HeardWord(w.text, round(before + w.start, 2), round(before + w.end, 2), w.confidence) for w in one.words]
        before += one.seconds
    return Speech(round(before, 2), tuple(words), recordings[-1].recogniser)


def _joined(words: Sequence[HeardWord]) -> tuple[str, list[tuple[int, int]]]:
    """The words as one text, and where each stands: blanks between Latin words and around them in Chinese."""
    text, places = "", []
    for word in words:
        if text and not (_is_chinese(text[-1]) and _is_chinese(word.text[0])):
            text += " "
        places.append((len(text), len(text) + len(word.text)))
        text += word.text
    return text, places


def _is_chinese(character: str) -> bool:
    return bool(CJK_RUN.match(character)) or character in "，。、；：？！“”‘’（）《》"


def _moved(start: int, end: int, repairs: Sequence[Repair]) -> tuple[int, int] | None:
    """Where a place of the text as heard stands after the repairs; None if one of them replaced it."""
    shift = 0
    for repair in repairs:
        if end <= repair.was:
            break
        if start < repair.was + len(repair.heard):
            return None
        shift = repair.shift
    return start + shift, end + shift


def _without_marks(text: str, start: int, end: int) -> tuple[int, int]:
    while end > start and not text[end - 1].isalnum():
        end -= 1
    while start < end and not text[start].isalnum():
        start += 1
    return start, end
