"""How a spoken answer is laid out: whether it opens with its point, and how many points it announces. Text in, figures out.

Knows common ways to open and to count; what it doesn't recognise it leaves open rather than guess.
"""

from __future__ import annotations

import re

#: Where a clause may begin: at the text's edge, after a mark, after a line's end.
_BEGIN = r"(?:^|(?<=[，,。.、；;：:！!？?…\n\u200b]) ?)"
#: Sounds and small words that may stand before the first word that counts.
_LEAD = r"^(?:[\s，,。.…\u200b]|嗯|呃|啊|哦|额|那个|好的?|就是|那么?|其实|um+|uh+|hm+|so|well|okay|ok|yeah|right)*"
#: Nouns of this field that are counted off without any point being announced: 第一层, the first token.
_COUNTED = "层阶次张代维轮行列页段版块"

_PREAMBLE = re.compile(
    _LEAD + r"(?:这个问题|这道题|这个(?:其实)?(?:比较|有点|挺|蛮)|关于这个|说到|讲到|要说|让我想|我想想|我想一下|怎么说|在回答|"
    r"先(?:说说?|讲讲?|介绍一?下)背景|从[^，。]{1,8}说起|记得|历史上|最早|以前|之前|当时|我们(?:公司|组|团队|之前|当时)|"
    r"that(?:'s| is) (?:a|an) \w+ question|(?:good|great|interesting) question|let me (?:think|see|start with some)|"
    r"before (?:i|we) |historically|back in|(?:this was )?(?:in|at) my (?:last|previous|old)|"
    r"(?:i|we) (?:remember|once|used to)|when (?:i|we) (?:was|were|worked|did)|to answer)",
    re.IGNORECASE,
)
_STRAIGHT = re.compile(
    r"结论|一句话|简单(?:来|地)?[说讲]|核心|本质|关键|目的|作用|区别|原因|指的是|是指|意思是|主要|就是|"
    r"因为|相当于|用来|为了|是|把|让|通过|"
    r"\b(?:in short|in a word|the (?:main|key|short|core|basic|point|idea|answer|difference|reason)|means?|is|are|refers?|"
    r"because|lets?|makes?|uses?|gives?|takes?|keeps?|adds?|learns?|trains?|measures?|splits?|reduces?)\b",
    re.IGNORECASE,
)
#: Of the opening this many characters are looked at for the point.
_OPENING = 90


def _chinese_ordinal(number: str) -> str:
    return rf"第{number}(?![{_COUNTED}个])|第{number}个(?=是|原因|方面|点|问题|好处)"


def _english_ordinal(number: str, others: str = "") -> str:
    announced = r"(?=,| of all| (?:i|we|you|they|it|there|the)\b)"
    named = r"(?:one|reason|point|thing|step|part|is)\b"
    return rf"(?:and )?(?:{number}(?:ly)?{announced}|(?:the )?{number} {named}{others})"


_SIGNPOSTS = [
    rf"首先|{_chinese_ordinal('一')}|一是|其一|一方面|1[.、)）]",
    rf"其次|{_chinese_ordinal('二')}|二是|其二|另一方面|2[.、)）]",
    rf"再次|再者|{_chinese_ordinal('三')}|三是|其三|3[.、)）]",
    rf"第[四五六七八九十](?![{_COUNTED}个])",
    rf"最后(?!一[{_COUNTED}个])",
    _english_ordinal("first", r"|on the one hand\b|one (?:reason )?is\b"),
    _english_ordinal("second", r"|on the other hand\b|another (?:reason )?is\b"),
    _english_ordinal("third"),
    r"(?:and )?(?:finally|lastly|last of all)\b",
]
_RULES = [re.compile(f"{_BEGIN}(?:{pattern})", re.IGNORECASE | re.MULTILINE) for pattern in _SIGNPOSTS]


def signposts(text: str) -> int:
    """How many different places in a list the text announces: 首先 … 其次 … 最后 are three, as are first, second, finally."""
    return sum(bool(rule.search(text)) for rule in _RULES)


def opens_with_the_point(text: str) -> bool | None:
    """False for a preamble (praise of the question, background, a story), True for a statement, None for neither."""
    if _PREAMBLE.match(text):
        return False
    return True if _STRAIGHT.search(text[:_OPENING]) else None
