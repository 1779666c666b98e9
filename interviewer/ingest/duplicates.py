"""Which questions ask the same thing, judged by their text.

Compares what a question is *about*: the words that any question has (“什么是”, “请简述”, "explain") are set aside first,
so that “什么是数据增强？如何使用数据增强？” equals “…如何实现…”, while “对抗样本” and “对抗攻击” stay two questions.
Does not know meaning: a paraphrase in other words is another question here.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from interviewer.domain.text import jaccard, normalise, terms_for_search

#: Share of content shingles two questions must have in common, tuned on the five seed documents: up to 0.9 every repeated
#: question is found; at 0.8 “自注意力机制” would equal “注意力机制”.
SAME = 0.85
#: With (nearly) the same title, the longer wording under it may differ this much (an added “如疾病诊断、药物研发等”).
SAME_TITLE, SAME_UNDER_TITLE = 0.9, 0.5

_SCAFFOLD_ZH = re.compile(
    "请问|请你?|简要|简单|简述|描述|解释|说明|说说|讲讲|讲一下|谈谈|谈一谈|介绍|列举|阐述|概述|论述|分析一下|一下|"
    "什么叫|什么是|是什么|指的是|怎么样|怎样|怎么|如何|哪些|哪几种|几种|几个|多少|有什么|什么|是否|"
    "实现|使用|进行|处理|解决|采用|主要|常见|常用|通常|方法|方式|过程中|过程|中的|之中|可以|"
    "[的了是有在和与及或并吗呢吧你]"
)
_SCAFFOLD_EN_WORDS = (
    "a an the is are was be do does did can could would should will you your we our i it its this that these those of in on at "
    "to for from by with as and or what how when where which who whom explain describe briefly please tell me us about give "
    "some name list define discuss main common there between use used using implement work works mean means"
)
_SCAFFOLD_EN = frozenset(_SCAFFOLD_EN_WORDS.split())


@dataclass(frozen=True, slots=True)
class Wording:
    """One way a question is put, with the heading above it where there is one, and who asks it."""

    owner: str
    text: str
    title: str = ""


def content(question: str) -> frozenset[str]:
    """What a question is about: Latin words and Chinese character pairs without the words that any question has.

    A question made of such words only (“有哪些方法？”) keeps them all.
    """
    folded = normalise(question)
    bare = _SCAFFOLD_ZH.sub(" ", folded.replace("为什么", " why "))
    found = frozenset(word for word in terms_for_search(bare) if word not in _SCAFFOLD_EN)
    return found or frozenset(terms_for_search(folded))


def same_question(a: Wording, b: Wording) -> bool:
    """Whether the two ask the same thing in nearly the same words."""
    likeness = jaccard(content(a.text), content(b.text))
    if likeness >= SAME:
        return True
    if not (a.title and b.title and likeness >= SAME_UNDER_TITLE):
        return False
    return jaccard(content(a.title), content(b.title)) >= SAME_TITLE


class DuplicateFinder:
    """Finds, for wordings given one after another, the first earlier one that asks the same.

    All wordings are needed at the start: candidates are looked up by their rarest shingles, which keeps ten thousand
    questions a matter of seconds. (Two sets with Jaccard ≥ t share one of the ⌊(1-t)·n⌋+1 rarest members of either:
    the prefix filter of Chaudhuri, Ganti and Kaushik, 2006.)
    """

    def __init__(self, wordings: Iterable[Wording]) -> None:
        everything = list(wordings)
        self._frequency = Counter(part for w in everything for text in {w.text, w.title} for part in content(text))
        self._by_key: dict[tuple[str, str], list[tuple[int, Wording]]] = defaultdict(list)
        self._added = 0

    def first_like(self, wording: Wording) -> Wording | None:
        """The earliest added wording that asks the same as this one, or None."""
        candidates = {number: earlier for key in self._keys(wording) for number, earlier in self._by_key.get(key, ())}
        for number in sorted(candidates):
            if same_question(wording, candidates[number]):
                return candidates[number]
        return None

    def add(self, wording: Wording) -> None:
        """Make this wording findable."""
        self._added += 1
        for key in self._keys(wording):
            self._by_key[key].append((self._added, wording))

    def _keys(self, wording: Wording) -> list[tuple[str, str]]:
        keys = [("text", part) for part in self._rarest(content(wording.text), SAME)]
        if wording.title:
            keys += [("title", part) for part in self._rarest(content(wording.title), SAME_TITLE)]
        return keys

    def _rarest(self, parts: frozenset[str], threshold: float) -> Sequence[str]:
        ordered = sorted(parts, key=lambda part: (self._frequency[part], part))
        return ordered[: int((1 - threshold) * len(ordered) + 1e-9) + 1]
