"""What a candidate's utterance is: an answer, or one of the things people say in its place.

Rules on the words alone, in Chinese and English; when in doubt it is an answer, because a real answer that is taken for
something else is lost, while small talk that is taken for an answer is merely graded as saying nothing.
"""

from __future__ import annotations

import re

from interviewer.domain.text import normalise, tokens
from interviewer.domain.transcript import TurnKind

_FILLER = re.compile(
    r"嗯+|呃+|额+|啊+|哦+|那个|这个|就是说?|然后|其实|我想想|怎么说呢?|不好意思|抱歉|对不起|面试官|老师|您?好的?|吧|呢|了|的|"
    r"\b(?:um+|uh+|er+|well|so|like|you know|sorry|please|okay|ok|hmm+|honestly|actually|really|the|a|this|that|it|one|to|me|i'?m|i am|i)\b"
)

#: Utterance kinds in the order they are tried. Every pattern is searched in the normalised text.
_PATTERNS: tuple[tuple[TurnKind, re.Pattern[str]], ...] = (
    (
        TurnKind.END,
        re.compile(
            r"结束(?:这次|本次|这场)?面试|面试(?:就)?(?:到此|到这里?)(?:结束|为止)?|(?:我)?不(?:想)?面了|今天(?:就)?(?:先)?到这里?|"
            r"\b(?:end|stop|finish|quit) (?:the |this )?(?:interview|session)\b|\b(?:let's|can we) (?:stop|end) here\b"
        ),
    ),
    (
        TurnKind.SKIP,
        re.compile(
            r"(?:先)?跳过(?:这道|这个|这一)?(?:题|问题)?|(?:换|下)(?:一|个|一个)?(?:道)?(?:题|问题)|过(?:这题|这道题)?吧?$|"
            r"\bskip(?: this| it)?(?: one| question)?\b|\b(?:next|another) question\b|\bmove on\b|^pass$"
        ),
    ),
    (
        TurnKind.HINT_REQUEST,
        re.compile(
            r"(?:能|可以|可不可以)?(?:不能)?(?:给|来|要)(?:我)?(?:一?个|点|一?些|一下|一点)?(?:小)?提示(?:一下)?吗?|提示(?:我)?(?:一下|一点)?吗?|"
            r"\b(?:can|could|may) (?:you|i) (?:give|get|have) (?:me )?(?:a|another|some)? ?hints?\b|\b(?:give me )?(?:a |another )?hint\b|\bhelp me out\b"
        ),
    ),
    (
        TurnKind.CLARIFY_REQUEST,
        re.compile(
            r"(?:这|你|您)?(?:个问题|句话|题)?(?:是)?(?:什么|啥)意思|没(?:太)?(?:听懂|听清|明白|理解|看懂)(?:你的|您的)?(?:问题|题目?)?|不(?:太)?(?:明白|理解)(?:你的|您的|这个)?(?:问题|题目|题)|"
            r"(?:请|能|可以)?(?:再|重新)(?:说|讲|问|解释|重复)(?:一)?(?:遍|次|下)|(?:重复|换个说法|换种说法|具体(?:一点|点|指什么)|解释一下(?:题目|问题))|"
            r"\bwhat do you mean\b|\b(?:repeat|rephrase|clarify)\b(?: the question| that| it)?|\bsay (?:that|it) again\b|\bdon'?t (?:understand|get) (?:the|your) question\b|\bcome again\b|^pardon$"
        ),
    ),
    (
        TurnKind.DONT_KNOW,
        re.compile(
            r"(?:我|真的|确实|完全|也|还|都|是)*(?:不(?:太|是很|怎么|大)?(?:知道|清楚|了解|会|懂|记得|确定|熟悉?)|没(?:有)?(?:了解|学|接触|听说|看|研究|做)过?|忘(?:了|记了?)|想不(?:起来|出来)|答不(?:上来|出来)|说不(?:上来|好|清楚?)|记不(?:清|得|起来)了?|没(?:有)?(?:思路|想法|印象|概念))"
            r"(?:这个|这方面|这一块|这道题|这块|怎么回答|怎么答|怎么说|答案|怎么讲)*|"
            r"\b(?:i )?(?:really |honestly |just )?(?:do not|don'?t|dont) (?:know|remember|recall)(?: (?:that|this|it|the answer|about (?:that|this|it)|how|either|anything))*|\b(?:i have |i've )?no (?:idea|clue)\b|"
            r"\bnot (?:really |so |quite |at all )?(?:sure|familiar)(?: (?:with|about) (?:that|this|it))?|\b(?:i )?(?:forgot|forget)(?: (?:that|it))?\b|\bnever (?:heard of|learned|learnt|studied|used) (?:that|this|it)\b|\bcan'?t (?:remember|recall|answer)(?: (?:that|this|it))?"
        ),
    ),
    (
        TurnKind.SMALL_TALK,
        re.compile(
            r"你好|您好|谢谢|早上好|下午好|晚上好|你是谁|你叫什么|你是(?:不是)?(?:真人|机器人|人工智能|ai)吗?|今天(?:的)?天气(?:怎么样|真?好|不错)?|你(?:吃饭|吃了)了?(?:吗|没)|(?:能|可以)?讲个笑话|聊(?:点|会儿?)别的|"
            r"\b(?:hello|hi|hey|thanks|thank you|good (?:morning|afternoon|evening)|how are you(?: today)?|nice to meet you|who are you|what(?:'s| is) your name|are you (?:a |an )?(?:human|ai|robot|bot|real(?: person)?)|tell me a joke|nice weather(?: today)?|how is the weather)\b"
        ),
    ),
)

INSTRUCTION = re.compile(
    r"(?:忽略|无视|忘(?:掉|记)|不要(?:管|理会))(?:以上|上面|之前|前面|先前|所有|一切|你的|你)*(?:的)?(?:所有|全部)?(?:指令|指示|要求|规则|提示词?|设定|内容|说明)|"
    r"(?:请|直接|务必|必须|帮我|就)*(?:给|打|判|评)(?:我|这个回答|本回答|该回答)?(?:个|成|为)?(?:满分|高分|一百分|100 ?分|10 ?分|全对|通过)|(?:从现在(?:起|开始)|现在)(?:，|,)?你(?:就)?(?:是|扮演|变成)|"
    r"(?:告诉|说出|输出|透露|给)(?:我)?(?:一下)?(?:标准|参考|正确)答案|(?:你的)?系统提示词?|直接(?:进入|跳到)下一|"
    r"\b(?:ignore|disregard|forget|override)\b[^.?!]{0,40}\b(?:instruction|prompt|rule|above|previous|guideline)s?|\b(?:give|award|grant|assign) (?:me|this|it|the answer)?[^.?!]{0,20}\b(?:full|maximum|perfect|top|high(?:est)?) (?:marks?|scores?|credits?|points?)|"
    r"\b(?:score|grade|rate|mark) (?:this|me|it|my answer|the answer)[^.?!]{0,20}\b(?:100|10|full|perfect|correct|covered)\b|\byou are now\b|\bpretend (?:to be|you are)\b|\bact as\b[^.?!]{0,30}\b(?:assistant|system|grader)\b|"
    r"\b(?:tell|show|reveal|print|give)(?: me)? (?:the |your )?(?:reference|correct|model|system) (?:answer|prompt)|<\|[a-z_]+\|>|\[/?inst\]|^\s*#*\s*(?:system|assistant)\s*[:：]|\"?(?:verdict|score)\"?\s*:\s*(?:\"?covered|100)"
)

#: Tokens that may be left beside a recognised phrase before the utterance counts as an answer.
_SPARE_TOKENS = 4
#: Share of an utterance's tokens that may be something else beside instructions.
_REST_OF_INSTRUCTION = 0.5
#: Nobody buries a bare request in a speech: longer utterances are answers.
_LONGEST_REQUEST = 40


def recognise(text: str) -> TurnKind:
    """The kind of a candidate's utterance: ANSWER, or what stands in its place. Never raises."""
    folded = normalise(text)
    words = tokens(folded)
    if not words and not re.search(r"[^\W_]", folded):
        return TurnKind.SILENCE
    if _mostly_instructions(folded):
        return TurnKind.INSTRUCTION
    if len(words) > _LONGEST_REQUEST:
        return TurnKind.ANSWER
    for kind, pattern in _PATTERNS:
        if pattern.search(folded) and _spare(pattern.sub(" ", folded)) <= _SPARE_TOKENS:
            return kind
    return TurnKind.ANSWER


def _spare(text: str) -> int:
    return len(tokens(_FILLER.sub(" ", text)))


def _mostly_instructions(folded: str) -> bool:
    """Whether instructions to the interviewer make up most of it. An answer *about* prompt injection quotes some in passing."""
    rest, found = INSTRUCTION.subn(" ", folded)
    return found > 0 and _spare(rest) <= _REST_OF_INSTRUCTION * len(tokens(folded))
