"""Which words of a spoken answer only fill time. Rules on the text; knows nothing of sounds.

Most fillers are ordinary words elsewhere: 那个模型 points at something, "I like" is a verb, the first 然后 tells an order. So
a word counts only where its surroundings leave no other reading, and in doubt it doesn't: being told off for a word one
needed is worse than a filler that goes unnoticed. `tests/data/delivery` holds labelled sentences.
"""

from __future__ import annotations

import re

#: Stands for an audible break between two words where the recogniser wrote no comma. Shown nowhere.
BREAK = "\u200b"
_STOPS = f"，,。.、；;：:！!？?…—–\\n{BREAK}"
#: A clause begins or ends at a mark or the text's edge; in Chinese also at white space between Chinese characters, which
#: beside a Latin word is only how the two are written together.
_HAN = "\u4e00-\u9fff"
_ZH_BEGIN, _ZH_END = rf"(?:(?<=[{_STOPS}])|(?<=[{_STOPS}{_HAN}]\s)|^)", rf"(?=[{_STOPS}]|\s[{_STOPS}{_HAN}]|$)"
_EN_BEGIN, _EN_END = rf"(?:(?<=[{_STOPS}])|(?<=[{_STOPS}]\s)|^)", rf"(?=[{_STOPS}]|$)"
_ZH_SOUND = "嗯呃唔"
_EN_SOUND = r"(?:um+|uhm*|uh+|erm+|hm+|mm+)"
#: A model, a unit, a file type: not a sound.
_CAPITALS = r"(?-i:UM|UH|MM|HM|ER|EH)\b"
#: Words that seldom follow 那个 where it points at something.
_NOT_POINTED_AT = "其实|因为|所以|如果|比如|首先|怎么说"

_ALWAYS = [
    f"[{_ZH_SOUND}]+",
    rf"(?<![A-Za-z'-])(?!{_CAPITALS}){_EN_SOUND}(?![A-Za-z'-])",
]
_CHINESE = [
    rf"{_ZH_BEGIN}(?:额|啊|哦|噢|哎|诶)+(?=[{_STOPS}\s]|$)",
    r"^啊(?=这|那|我|对)",
    rf"(?:{_ZH_BEGIN}|(?<=[在用把跟对])|(?<=就是)|(?<=那个)|(?<=这个))(?:那个|这个)(?=[，,…{BREAK}]|那个|这个|[{_ZH_SOUND}])",
    rf"{_ZH_BEGIN}那个(?={_NOT_POINTED_AT})",
    rf"{_ZH_BEGIN}就是说",
    rf"(?<![也这那])就是说(?=[{_STOPS}])",
    rf"{_ZH_BEGIN}就是(?=[{_STOPS}]|就是|[{_ZH_SOUND}])",
    rf"{_ZH_BEGIN}(?:怎么说呢?|怎么讲呢?|我想想|让我想想|我想一下|让我想一下|那什么){_ZH_END}",
    r"然后(?=然后)",
    # said again after a stop: 这个，这个
    *(rf"(?<={word}[，,…{BREAK}]){word}" for word in ("那个", "这个", "就是")),
]
_ENGLISH = [
    rf"{_EN_BEGIN}(?!{_CAPITALS})(?:er|ah|eh){_EN_END}",
    rf"{_EN_BEGIN}well(?=,)",
    rf"{_EN_BEGIN}so(?=[,\s]+{_EN_SOUND}\b)",
    # like: set off by commas; after a form of be and before a comma or a degree; where the verb would be "likes"
    rf"{_EN_BEGIN}like(?=,)",
    r"(?<=\b(?:is|re|as|'s) )like(?=,|\s+(?:really|very|super|totally|pretty|so|literally|um|uh)\b)",
    r"\blike(?=\s+like\b)",
    r"(?:(?<=\band it )|(?<=\bbut it )|(?<=\bso it )|(?<=^it )|(?<=, it ))like(?=\s+\w)",
    r"(?<=\b(?:and|but|so ) )like(?=\s+(?:we|you|they|it)\s+(?!said|saw|did|mentioned))",
    rf"(?:{_EN_BEGIN}|(?<=\band )|(?<=\bbut )|(?<=\bis )|(?<=\bso ))you know{_EN_END}",
    rf"{_EN_BEGIN}i mean(?=,|\s+(?:it|we|you|they|the)\b)",
    r"(?<=\b(?:it|we|is|'s|re|as|ou|ey|st) )(?:kind|sort) of\b(?=\s)",
]
#: What is fine once or twice in an answer and a habit from the third time on. In English only where a sentence begins.
_REPEATED = {
    "然后": "然后(?!然后)",
    "其实": "其实",
    "对吧": "对吧|是吧|对不对",
    "so": r"(?:(?<=[.!?]\s)|^)so\b(?! that| much| many| far|-)",
    "basically": r"\bbasically\b",
    "actually": r"\bactually\b",
}
_FREE_USES = 2

_FLAGS = re.IGNORECASE | re.MULTILINE


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, _FLAGS)


_RULES = [_compiled(pattern) for pattern in [*_ALWAYS, *_CHINESE, *_ENGLISH]]
_REPEATS = [_compiled(pattern) for pattern in _REPEATED.values()]


def fillers(text: str) -> list[tuple[int, int]]:
    """Spans of the fillers in what was spoken, in order, not overlapping. `BREAK` in it counts as a comma."""
    spans = [match.span() for rule in _RULES for match in rule.finditer(text)]
    spans += [match.span() for rule in _REPEATS for match in list(rule.finditer(text))[_FREE_USES:]]
    out: list[tuple[int, int]] = []
    for start, end in sorted(set(spans), key=lambda span: (span[0], -span[1])):
        if not out or start >= out[-1][1]:
            out.append((start, end))
    return out
