"""What a candidate meant where a speech recogniser or quick typing wrote something near it: 鲜艳分布 for 先验分布, “cash” for
cache, “e l b o” for ELBO, “attenton”.

Only words that the bank has never seen are doubted, and they only ever become words of the question at hand. Knows sounds and
spelling; judges nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

from interviewer.grading.lexicon import STOP_WORDS

#: Shortest word that may be one letter off, and the shortest that may be two.
_ONE_OFF, _TWO_OFF = 5, 8
#: From this many consonants on, they and the first letter identify a word by sound; below, its first two letters must agree.
_SURE_SOUND = 3
#: Most tokens that one name is heard as: “e l b o”, “lower a”.
_PARTS = 5


class Hearing:
    """Repairs sequences of `vocabulary.words` towards one question's words."""

    def __init__(self, phrases: Iterable[Sequence[str]], known: Mapping[str, float]) -> None:
        """`phrases` are the word sequences of the question's sayings; `known` has every unit that the bank uses (pairs are
        two words with a blank)."""
        self._known = known
        self._sounding: dict[tuple[str, str], tuple[str, str]] = {}
        self._own: set[str] = set()
        self._own_pairs: set[tuple[str, str]] = set()
        for sequence in phrases:
            self._own.update(sequence)
            for a, b in pairwise(sequence):
                self._own_pairs.add((a, b))
                if _chinese(a) and _chinese(b) and not {a, b} & STOP_WORDS:
                    self._sounding.setdefault((_sound(a), _sound(b)), (a, b))
        latin = [w for w in self._own - STOP_WORDS if not _chinese(w) and len(w) > 2 and w.isalpha()]
        self._by_frame: dict[str, str] = {}
        for word in sorted(latin):
            self._by_frame.setdefault(_frame(word), word)
        self._by_spelling = _Spelling(latin)

    def repaired(self, sequence: Sequence[str]) -> list[str]:
        """The sequence as it was probably meant. Shorter where one word had been heard as several."""
        return self._chinese_pairs(self._latin(sequence))

    def _chinese_pairs(self, sequence: list[str]) -> list[str]:
        out = list(sequence)
        for i in range(len(out) - 1):
            a, b = out[i], out[i + 1]
            if (
                not (_chinese(a) and _chinese(b))
                or {a, b} & STOP_WORDS
                or (a, b) in self._own_pairs
                or f"{a} {b}" in self._known
            ):
                continue
            meant = self._sounding.get((_sound(a), _sound(b)))
            if meant:
                out[i], out[i + 1] = meant
        return out

    def _latin(self, sequence: Sequence[str]) -> list[str]:
        out: list[str] = []
        i = 0
        while i < len(sequence):
            if _chinese(sequence[i]):
                out.append(sequence[i])
                i += 1
                continue
            word, used = self._joined(sequence, i)
            out.append(word)
            i += used
        return out

    def _joined(self, sequence: Sequence[str], i: int) -> tuple[str, int]:
        """The word that begins at `i`, and of how many parts it was put together."""
        end = i + 1
        while end < len(sequence) and end - i < _PARTS and not _chinese(sequence[end]):
            end += 1
        for stop in range(end, i + 1, -1):  # the longest first
            parts = sequence[i:stop]
            if all((a, b) in self._own_pairs for a, b in pairwise(parts)):
                continue  # that is how the question says it
            whole = "".join(parts)
            if whole in self._own and len(whole) > 1:
                return whole, stop - i
            if stop - i == 2 and " ".join(parts) not in self._known:
                heard = self._by_sound(whole)
                if heard and heard != parts[0]:
                    return heard, 2
        return self._near(sequence[i]), 1

    def _near(self, word: str) -> str:
        if word in self._own or word in self._known or len(word) < 3 or not word.isalpha():
            return word
        spelt = self._by_spelling.nearest(word) if len(word) >= _ONE_OFF else None
        heard = self._by_sound(word) if len(word) > 3 else None
        return spelt or heard or word

    def _by_sound(self, word: str) -> str | None:
        frame = _frame(word)
        heard = self._by_frame.get(frame)
        if not heard or abs(len(heard) - len(word)) > 2:
            return None
        alike = heard[:1] == word[:1] if len(frame) >= _SURE_SOUND else len(frame) > 1 and heard[:2] == word[:2]
        return heard if alike else None


class _Spelling:
    """Words by what is left when one or two letters are taken away, so that near spellings are found without comparing all."""

    def __init__(self, words: Collection[str]) -> None:
        self._by_rest: dict[str, set[str]] = {}
        for word in words:
            for rest in _rests(word):
                self._by_rest.setdefault(rest, set()).add(word)

    def nearest(self, word: str) -> str | None:
        """The nearest word that is at most one letter off (two in long words), the first by alphabet of several."""
        from rapidfuzz.distance import OSA

        near = {other for rest in _rests(word) for other in self._by_rest.get(rest, ())}
        ranked = sorted((OSA.distance(word, other), other) for other in near)
        limit = 2 if len(word) >= _TWO_OFF else 1
        return ranked[0][1] if ranked and ranked[0][0] <= limit else None


def _rests(word: str) -> Iterator[str]:
    yield word
    if len(word) < _ONE_OFF:
        return
    for i in range(len(word)):
        rest = word[:i] + word[i + 1 :]
        yield rest
        if len(word) >= _TWO_OFF:
            for k in range(i, len(rest)):
                yield rest[:k] + rest[k + 1 :]


def _chinese(word: str) -> bool:
    return not word.isascii()


@lru_cache(maxsize=20_000)
def _sound(character: str) -> str:
    """The character's commonest syllable without tone, with the pairs folded that speakers and recognisers mix up most."""
    from pypinyin import lazy_pinyin

    syllable = lazy_pinyin(character)[0]
    return re.sub(r"(?<=[aei])ng$", "n", re.sub(r"^([zcs])h", r"\1", syllable))


@lru_cache(maxsize=20_000)
def _frame(word: str) -> str:
    """The word's consonants as they sound, without glides."""
    from jellyfish import metaphone

    return re.sub("[WHY]", "", metaphone(word))
