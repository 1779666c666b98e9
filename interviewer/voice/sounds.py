"""How Chinese characters sound, folded the way speakers and recognisers mix them up. Knows no terms."""

from __future__ import annotations

import re
from functools import cache, lru_cache


@lru_cache(maxsize=20_000)
def syllable(character: str) -> str:
    """The character's commonest syllable without tone; zh/z, ch/c, sh/s and -ng/-n are one."""
    from pypinyin import lazy_pinyin

    said: str = lazy_pinyin(character)[0]
    return re.sub(r"(?<=[aei])ng$", "n", re.sub(r"^([zcs])h", r"\1", said))


def syllables(text: str) -> tuple[str, ...]:
    return tuple(map(syllable, text))


def is_word(text: str) -> bool:
    """Whether the pronouncing dictionary lists these characters as a word. It has some 47,000."""
    return text in _dictionary()


@cache
def _dictionary() -> frozenset[str]:
    from pypinyin.phrases_dict import phrases_dict

    return frozenset(phrases_dict)
