"""Tells a list of terms from an answer, however terse: names stand beside each other, an answer says something about them.

Rules on words and shape alone, in Chinese and English; knows no question. Checked on the bank: of its 11,800 sentences of
speech 0.4 % reach `LIST`, single sentences that really are enumerations; of shuffled lists of its terms all do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from interviewer.domain.text import normalise, tokens
from interviewer.grading.lexicon import FUNCTION_WORDS

#: Marks between the items of a list. A slash or a dash stands inside names too (A/B test), so it must be set off by blanks.
_MARKS = re.compile(r"[、，,;；|\n。.!！?？:：•·]+(?=\s|$|[^\x00-\x7f])|[、，;；|\n。•·]+|,|\s[/\-–—+&>→]+\s")
#: Blanks separate items where nothing better does and the items are Chinese, or a slash where there are only slashes.
_WEAK_MARKS = re.compile(r"[/\s]+")
_BULLET = re.compile(r"^\s*(?:[-*•·]|\d{1,2}[.、)）])\s*")
_JOINED = re.compile(
    r"^(?:和|与|及|以及|还有|或|等|等等|and|or|plus|etc)\s*|\s*(?:等等?|这些|那些|之类的?|什么的|etc\.?|and so on)$"
)

#: Words that say something about something: Chinese predicates, adverbs and particles that names of concepts don't hold…
_SAYS_ZH = re.compile(
    r"是|有(?!监督|界|向|效|损)|能(?!力|量|耗)|会(?!话|议)|要(?!点|求)|让|使(?!用率)|把|被|靠|看|别(?!名)|没|太|更(?!新)|越|就|才|都|只(?!读)|"
    r"可以|容易|需要|不(?!变|平衡|均衡|同策略|确定性|等式|稳定性)|了|着|过(?!拟合|程|滤|采样|参数)|得(?!分)|吧|呢|吗|因为|所以|"
    r"如果|而|但|却|再|还(?!原)|也|很|变(?!量|分|换|体|压|长)|算(?!法|力|子)|存(?!储|在|量)|省|叫|做|去(?!噪|重|中心|偏)|来(?!源)|给|"
    r"带(?!宽)|按|比(?!例|较|率|值|特)|从|到(?!达)|取(?!样|舍)|掉|减少|增加|避免|防止|导致|保证|负责|决定|等于|除以|乘以|代替|换成|变成|放进|"
    r"的时候|我|你|(?<!其)他|它|们|这|那|其实|就算|一起|分别|直接|只要|先(?!验)|然后|最后"
)
#: … and English ones: pronouns, auxiliaries, connectives and verbs of daily use in this field.
_SAYS_EN = frozenset(
    """
    is are was were be been being am do does did has have had can could will would should must may might isn't aren't don't
    doesn't can't won't it its it's they them their you your we our i i'd i'm i've this that these those there which who what
    when where while because since so if then than but not never no without instead rather just only too very more less
    most least better worse bigger smaller faster slower cheaper into onto use uses used using keep keeps kept get gets make
    makes made give gives gave take takes took put puts add adds added drop drops send sends train trains freeze freezes
    learn learns update updates average averages share shares split splits store stores save saves need needs help helps
    hurt hurts leak leaks cut cuts avoid avoids reduce reduces increase increases grow grows shrink shrinks turn turns
    run runs read reads write writes compare compares compute computes choose chooses pick picks check checks ask asks
    tell tells show shows find finds let lets go goes come comes work works fail fails lose loses beat beats replace
    replaces predict predicts match matches minimise minimises minimize maximise maximize pushes pull pulls push
    """.split()  # noqa: SIM905 - as a list it would fill two pages
)
#: Longest item, in tokens (a Chinese character or a Latin word), that may be a name.
_LONGEST_NAME = 8
#: Fewest items of a list.
FEWEST = 4
#: From this strength on a text is a list. (Dev: lists 0.83 and more, terse answers of one kind of mark 0.71 at most.)
LIST = 0.8
#: A list keeps to one kind of mark. With this many of each, stops inside the text and commas, and items of this many tokens on
#: average, it is an answer in telegram style. (Dev: all seven terse answers that look like lists otherwise, and no list.)
_STOPS = re.compile(r"[。；：！？]|[.;:!?](?=\s)")
_COMMAS = re.compile(r"[、，,]")
_FEWEST_MARKS, _SHORT_ITEMS = 2, 2.0
#: Known names that leave at most this share of a text's tokens over make it a list, however its items are set apart.
_LEFT_OVER = 0.12


def list_strength(text: str, names: AbstractSet[str] = frozenset()) -> float:
    """How much of a text, 0–1 by items, is names with nothing said of them; 0 for fewer than four items.

    `names` are folded names of concepts (`normalise`d) that are known to be names, whatever characters they hold.
    """
    if names_in(text, names) >= FEWEST:
        return 1.0
    items = _items(text)
    if len(items) < FEWEST or _is_telegram(text, items):
        return 0.0
    return sum(_is_name(item, names) for item in items) / len(items)


def is_list(text: str, names: AbstractSet[str] = frozenset()) -> bool:
    """Whether a text names things without saying anything about them."""
    return list_strength(text, names) >= LIST


def names_in(text: str, names: AbstractSet[str]) -> int:
    """How many of the known names make up nearly all of a text; 0 where there is more to it."""
    folded = normalise(text)
    rest, found = f" {folded} ", 0
    for name in sorted((name for name in names if name in folded), key=len, reverse=True):
        edge = r"(?<![a-z0-9])", r"(?![a-z0-9])"
        pattern = (edge[0] if name[:1].isascii() else "") + re.escape(name) + (edge[1] if name[-1:].isascii() else "")
        rest, times = re.subn(pattern, " ; ", rest)
        found += times
    return found if len(tokens(rest)) <= _LEFT_OVER * len(tokens(folded)) else 0


def _is_telegram(text: str, items: Sequence[str]) -> bool:
    inside = text.strip()[:-1]
    mixed = min(len(_STOPS.findall(inside)), len(_COMMAS.findall(inside))) >= _FEWEST_MARKS
    return mixed and sum(len(tokens(item)) for item in items) >= _SHORT_ITEMS * len(items)


def _items(text: str) -> list[str]:
    lines = [_BULLET.sub("", line) for line in text.split("\n")]
    folded = normalise("\n".join(lines)) if len(lines) < 2 else "\n".join(normalise(line) for line in lines)
    items = [item for part in _MARKS.split(folded) if (item := part.strip()) and tokens(item)]
    if len(items) == 1:
        if re.search(r"[\u4e00-\u9fff]", folded):
            return [item for item in _WEAK_MARKS.split(folded) if tokens(item)]
        between = [item for item in folded.split("/") if tokens(item)]
        return between if len(between) >= FEWEST else _runs([item for item in folded.split() if tokens(item)])
    return items


def _runs(words: list[str]) -> list[str]:
    """English words without any mark: one item each, if hardly one of them holds a sentence together."""
    said = sum(word in _SAYS_EN or word in FUNCTION_WORDS for word in words)
    return words if said <= 0.1 * len(words) else [" ".join(words)]


def _is_name(item: str, names: AbstractSet[str]) -> bool:
    item = _JOINED.sub("", item).strip(" \"'“”‘’()（）[]【】")
    if not item or item in names:
        return True
    words = tokens(item)
    if len(words) > _LONGEST_NAME:
        return False
    latin = [word for word in words if word.isascii()]
    if len(latin) == len(words):
        return len(words) == 1 or (len(words) <= 5 and not any(word in _SAYS_EN for word in latin))
    return not _SAYS_ZH.search(item) and not any(word in _SAYS_EN for word in latin)
