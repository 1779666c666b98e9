"""Small judgements on a text that both parsing and linting need. Knows nothing of questions or files."""

from __future__ import annotations

import re
from functools import lru_cache

from interviewer.domain.text import terms_for_search

_ENDS = "。！？!?.…；;"
_CLOSERS = "”’\"')）】》」』*`_]}>$|~"
_OPEN_ENDS = "，,、：:（(“‘—-+=/与和及或的"
_EN_STOP_WORDS = (
    "a an the is are was were be been being do does did have has had can could would should will may might must of in on "
    "at to for from by with as into over under than then so and or but not no if when while what which who how why where "
    "that this these those it its they them their you your i me my we our us he she there here just only also very more "
    "most much many some any each every all both one two other another same such get gets got go goes make makes made "
    "take takes use used using like up out about after before between during because even still too own per let say "
    "thing things first second third apart"
)
#: Chinese pairs that any explanation holds; they carry no claim.
_ZH_STOP_PAIRS = (
    "就是 这个 那个 什么 怎么 如果 的时 时候 因为 所以 可以 没有 不是 一个 一下 这样 那样 我们 你的 它的 他们 然后 但是 "
    "而且 还是 已经 需要 应该 能够 哪些 哪个 哪里 为什 如何 会不 不会 有什 是什 这里 那里 自己 之后 之前 以后 起来 出来 "
    "到底 其实 只是 还有 一样 这种 那种 每个 一点 多少 怎样 的话 是不 是怎 么样 你会 你怎 觉得 知道 想想 想一 一想"
)
_EN_STOP, _ZH_STOP = frozenset(_EN_STOP_WORDS.split()), frozenset(_ZH_STOP_PAIRS.split())


def ends_open(text: str) -> bool:
    """Whether a text plainly stops in mid-sentence: at a comma, a colon, an opening bracket, a “的”."""
    last = _last_line(text)
    return bool(last) and last[-1] in _OPEN_ENDS


def ends_closed(text: str) -> bool:
    """Whether a text ends like a finished sentence, closing quotes, brackets and emphasis aside."""
    last = _last_line(text)
    return bool(last) and (last.rstrip(_CLOSERS)[-1:] in _ENDS and last.rstrip(_CLOSERS) != "")


def _last_line(text: str) -> str:
    stripped = text.rstrip()
    return stripped[stripped.rfind("\n") + 1 :].strip()


@lru_cache(maxsize=8192)
def content_words(text: str) -> frozenset[str]:
    """Words that carry a claim: Latin words (plural and verb endings cut) and Chinese character pairs, without common ones."""
    return frozenset(_stem(word) for word in terms_for_search(text) if word not in _EN_STOP and word not in _ZH_STOP)


def _stem(word: str) -> str:
    """A crude English stem, enough to see that “scaled” and “scaling” share a word."""
    if len(word) > 4 and re.fullmatch(r"[a-z]+", word):
        return re.sub(r"(?:ing|ies|ed|es|s|ly)$", "", word)
    return word
