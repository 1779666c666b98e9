"""Delivery measured: pace, fillers, long pauses, length and structure of the answer to one question, and one piece of advice.

Pure functions on the record of an interview. Knows nothing of grades: how something is said never moves what it is worth.
Where people only typed, it says what a text can tell (length, structure) and leaves the rest open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from interviewer.domain.delivery import Advice, Delivery, Measure, SpokenPiece
from interviewer.domain.questions import Lang
from interviewer.domain.text import CJK_RUN, LATIN_WORD, detect_language
from interviewer.domain.transcript import HeardWord, Turn, TurnKind
from interviewer.voice.fillers import BREAK, fillers
from interviewer.voice.structure import opens_with_the_point, signposts

#: Seconds. What interview guides commonly suggest for a first answer: long enough to explain, short enough to be asked back.
SUGGESTED_SECONDS = (60.0, 120.0)
#: Comfortable pace. Chinese characters a minute: ordinary speech is about 240, radio news 250–300; 160 is someone choosing
#: words. English words a minute: lectures average 140 (Tauroza & Allison, Applied Linguistics 11(1), 1990), radio is advised
#: to keep to 160–180 (Rodero, Text & Talk 32(3), 2012).
COMFORTABLE_PACE: dict[Lang, tuple[float, float]] = {"zh": (160.0, 300.0), "en": (110.0, 180.0)}
#: The middle of it, for how long a typed answer would take to say.
USUAL_PACE: dict[Lang, float] = {"zh": 240.0, "en": 140.0}
#: Fillers in a hundred words that nobody notices: conversation has about six disfluencies of all kinds (Fox Tree, Journal of
#: Memory and Language 34, 1995; Bortfeld et al., Language and Speech 44, 2001), of which some four are words. A Chinese word
#: has about one and a half characters.
MOST_FILLERS: dict[Lang, float] = {"zh": 2.5, "en": 4.0}
CHARACTERS_A_WORD = 1.5
#: Seconds of silence between two words that a listener takes for being stuck rather than for a comma.
LONG_PAUSE = 2.0
#: Seconds between two words that are as good as a comma.
_AUDIBLE_BREAK = 0.4
#: Below these a pace or a rate says nothing.
_FEWEST_UNITS, _FEWEST_SECONDS = 15, 5.0
#: Seconds. A shorter answer than the first needs no signposts, a shorter one than the second has no opening to speak of.
_NEEDS_SIGNPOSTS, _HAS_OPENING = 80.0, 10.0
#: What is off by less is left alone: lengths of typed answers are estimates, and nobody needs advice for its own sake.
_WORTH_SAYING = 0.25

_VOWELS = re.compile(r"[aeiouy]+", re.IGNORECASE)


def measure(turns: Sequence[Turn], question_id: str) -> Delivery | None:
    """How that question was answered; None when it wasn't."""
    answers = [t for t in turns if t.kind is TurnKind.ANSWER and t.question_id == question_id and t.text.strip()]
    if not answers:
        return None
    recordings = [heard for turn in answers if (heard := _heard(turn)) is not None]
    lang = detect_language(" ".join([r.text for r in recordings] or [t.text for t in answers]))
    first, first_heard = answers[0], _heard(answers[0])
    estimated = first_heard is None
    length = first_heard.seconds if first_heard else seconds_to_say(first.text)
    opening = first_heard.text if first_heard else first.text
    seconds = Measure(length, *SUGGESTED_SECONDS)
    pace, rate = _pace(recordings, lang), _filler_rate(recordings, lang)
    pauses = tuple(s for r in recordings for _, s in r.pauses) if any(r.timed for r in recordings) else None
    point_first = opens_with_the_point(opening) if length >= _HAS_OPENING else None
    announced = signposts(opening)
    spoken_seconds = sum(r.seconds for r in recordings)
    return Delivery(
        lang, len(answers), len(recordings), seconds, estimated, pace, rate, pauses, point_first, announced,
        _advice(seconds, pace, rate, pauses or (), spoken_seconds, point_first, announced),
        tuple(piece for at, recording in enumerate(recordings) for piece in _pieces(recording, first=at == 0)),
    )  # fmt: skip


# ---------------------------------------------------------------- units


def chinese_characters(text: str) -> float:
    """Length in Chinese characters as they are spoken: a Latin word counts the syllables it is said with."""
    return sum(len(run) for run in CJK_RUN.findall(text)) + sum(_syllables(word) for word in LATIN_WORD.findall(text))


def english_words(text: str) -> float:
    """Length in English words; Chinese in between counts a word for every `CHARACTERS_A_WORD`."""
    chinese = sum(len(run) for run in CJK_RUN.findall(text))
    return len(LATIN_WORD.findall(text)) + chinese / CHARACTERS_A_WORD


def units(text: str, lang: Lang) -> float:
    """Length in the language's own unit: characters or words."""
    return chinese_characters(text) if lang == "zh" else english_words(text)


def seconds_to_say(text: str) -> float:
    """About how long a written text takes to say at the usual pace, in seconds."""
    lang = detect_language(text)
    return units(text, lang) / USUAL_PACE[lang] * 60


def _syllables(word: str) -> int:
    """About how many syllables a Latin word is said with: abbreviations letter by letter, digits one by one."""
    digits = sum(char.isdigit() for char in word)
    letters = re.sub(r"[^A-Za-z]", "", word)
    groups = len(_VOWELS.findall(letters))
    if letters.isupper() and (len(letters) <= 3 or not groups):
        return digits + len(letters) + 2 * letters.count("W")
    silent = groups > 1 and letters.lower().endswith("e") and not letters.lower().endswith("le")
    return digits + (max(1, groups - silent) if letters else 0)


# ---------------------------------------------------------------- what was heard


@dataclass(frozen=True, slots=True)
class _Heard:
    """One recording: its words as one text, in which `BREAK` stands where the speaker paused for a moment, how long they took,
    and the long pauses as (offset in the text, seconds)."""

    text: str
    seconds: float
    pauses: tuple[tuple[int, float], ...] = ()
    timed: bool = False


def _heard(turn: Turn) -> _Heard | None:
    """What was spoken, before the candidate mended the transcript; None for a typed turn. Without words from the recogniser
    the text that was sent has to do."""
    if turn.speech is None:
        return None
    words = [word for word in turn.speech.words if word.text.strip()]
    if not words:
        return _Heard(turn.text, turn.speech.seconds)
    text, pauses = words[0].text.strip(), []
    for before, word in pairwise(words):
        silence = word.start - before.end
        text += _between(before, word, silence)
        if silence >= LONG_PAUSE:
            pauses.append((len(text), silence))
        text += word.text.strip()
    return _Heard(text, max(words[-1].end - words[0].start, 0.0), tuple(pauses), timed=True)


def _between(before: HeardWord, word: HeardWord, silence: float) -> str:
    last, following = before.text.strip()[-1], word.text.strip()[0]
    space = "" if CJK_RUN.match(last) or CJK_RUN.match(following) or not (following.isalnum()) else " "
    audible = silence >= _AUDIBLE_BREAK and last.isalnum() and following.isalnum()
    return (BREAK if audible else "") + space


def _pieces(heard: _Heard, first: bool) -> Iterator[SpokenPiece]:
    """The recording for show: plain stretches, fillers, and long pauses where they were. A second one begins a new line."""
    cuts = [(start, end, SpokenPiece(_shown(heard.text[start:end]), "filler")) for start, end in fillers(heard.text)]
    cuts += [(at, at, SpokenPiece("", "pause", seconds)) for at, seconds in heard.pauses]
    at = 0
    if not first:
        yield SpokenPiece("\n")
    for start, end, piece in sorted(cuts, key=lambda cut: cut[:2]):
        if plain := _shown(heard.text[at:start]):
            yield SpokenPiece(plain)
        yield piece
        at = max(at, end)
    if plain := _shown(heard.text[at:]):
        yield SpokenPiece(plain)


def _shown(text: str) -> str:
    return text.replace(BREAK, "")


# ---------------------------------------------------------------- figures


def _pace(recordings: Sequence[_Heard], lang: Lang) -> Measure | None:
    """Characters or words a minute, pauses included, as a listener hears it."""
    amount = sum(units(_shown(r.text), lang) for r in recordings)
    seconds = sum(r.seconds for r in recordings)
    if amount < _FEWEST_UNITS or seconds < _FEWEST_SECONDS:
        return None
    return Measure(amount / seconds * 60, *COMFORTABLE_PACE[lang])


def _filler_rate(recordings: Sequence[_Heard], lang: Lang) -> Measure | None:
    """Fillers in a hundred characters or words."""
    amount = sum(units(_shown(r.text), lang) for r in recordings)
    if amount < _FEWEST_UNITS:
        return None
    return Measure(100 * sum(len(fillers(r.text)) for r in recordings) / amount, 0.0, MOST_FILLERS[lang])


def _advice(
    seconds: Measure,
    pace: Measure | None,
    rate: Measure | None,
    pauses: Sequence[float],
    spoken_seconds: float,
    point_first: bool | None,
    announced: int,
) -> Advice:
    """The one thing to work on: what is furthest off. Each weight is how far outside its range a figure is, brought to one
    scale by judgement (1: nobody could miss it), since nothing measured says what bothers interviewers more."""
    weights = {
        Advice.FILLERS: rate.value / rate.high - 1 if rate else 0.0,
        Advice.SHORTER: seconds.value / seconds.high - 1,
        Advice.LONGER: 1 - seconds.value / seconds.low,
        Advice.SLOWER: 3 * (pace.value / pace.high - 1) if pace else 0.0,
        Advice.FASTER: 2 * (1 - pace.value / pace.low) if pace else 0.0,
        Advice.PAUSES: 3 * sum(pauses) / spoken_seconds if len(pauses) >= 2 and spoken_seconds else 0.0,
        Advice.POINT_FIRST: 0.5 if point_first is False else 0.0,
        Advice.SIGNPOSTS: 0.3 if announced < 2 and seconds.value >= _NEEDS_SIGNPOSTS else 0.0,
    }
    most = max(weights, key=lambda advice: weights[advice])
    return most if weights[most] >= _WORTH_SAYING else Advice.KEEP
