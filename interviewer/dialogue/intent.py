"""What a candidate's utterance is: an answer, or one of the things people say in its place.

Rules on the words alone, in Chinese and English; when in doubt it is an answer, because a real answer that is taken for
something else is lost, while small talk that is taken for an answer is merely graded as saying nothing. Thinking aloud ("嗯，让我想想")
counts as silence: it asks for patience, not for a grade.
"""

from __future__ import annotations

import re

from interviewer.domain.text import normalise, tokens
from interviewer.domain.transcript import TurnKind

_FILLER = re.compile(
    r"嗯+|呃+|额+|啊+|哦+|那个|这个|就是说?|然后|其实|我想想|怎么说呢?|不好意思|抱歉|对不起|面试官|老师|您?好的?|吧|呢|了|的|"
    r"\b(?:um+|uh+|er+|well|so|like|you know|sorry|please|okay|ok|hmm+|honestly|actually|really|the|a|this|that|it|one|to|me|i'?m|i am|i)\b"
)

#: Where a request may stop: at a mark, at the end, or before a courtesy. "跳过吧" is one, "跳过连接" and "skip connections" name
#: a thing; without this a candidate who says the right term loses the question.
_END = r"(?:吧|了|啊|呢|呀|哦|哈|吗|嘛|么)*(?=\s*(?:$|[,.;:!?。、…~]|please|thanks|thank you|谢谢))"
#: Where one may begin, for words too common to be a request in mid-sentence.
_START = r"(?:^|[,.;:!?。、…~]\s*|我(?:想|要)?|那就?|please )"


def _phrases(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(pattern.replace("⟨", _START).replace("⟩", _END) for pattern in patterns))


#: Utterance kinds in the order they are tried, with what is searched in the normalised text; ⟨ and ⟩ are _START and _END.
_PATTERNS: tuple[tuple[TurnKind, re.Pattern[str]], ...] = (
    (
        TurnKind.END,
        _phrases(
            r"结束(?:这次|本次|这场)?面试|面试(?:就)?(?:到此|到这里?)(?:结束|为止)?|(?:我)?不(?:想)?面了|今天(?:就)?(?:先)?到这里?",
            r"^(?:结束|退出|停|再见|拜拜|不聊了)⟩",
            r"\b(?:end|stop|finish|quit) (?:the |this )?(?:interview|session)\b|\b(?:let's|can we) (?:stop|end) here\b",
            r"^(?:stop|quit|exit|bye|goodbye)⟩",
        ),
    ),
    (
        TurnKind.SKIP,
        _phrases(
            r"(?:先)?跳过(?:这一?道|这个|这)?(?:题|问题)?⟩|(?:换|下)(?:一|个|一个)?(?:道)?(?:题目?|问题)|⟨(?:换|下)一?(?:个|道)⟩",
            r"⟨先?过(?:这题|这道题|这个)?⟩|不想(?:答|回答|说)|⟨算⟩",
            r"\bskip(?: this| it| that)?(?: one| question)?⟩|\b(?:next|another) question\b|\bmove on⟩|^(?:pass|next)⟩|\bpass on (?:this|it)\b",
        ),
    ),
    (
        TurnKind.HINT_REQUEST,
        _phrases(
            r"(?:给|来|要|有|求)(?:没有|什么)?(?:我)?(?:一?个|点|一?些|一下|一点)?(?:小)?提示(?:一下)?⟩|⟨(?:能|请|再)*提示(?:我)?(?:一下|一点|下)?⟩",
            r"(?:告诉|给|说)(?:我|下|一下|出)*答案⟩|答案是(?:什么|啥)|⟨帮帮?(?:我|忙)⟩",
            r"\b(?:can|could|may) (?:you|i) (?:give|get|have) (?:me )?(?:a|another|some|any)? ?hints?\b|\bhint me\b",
            r"(?:⟨|\b(?:a|another|any|some|more) )hints?⟩|⟨help(?: me)?(?: out)?⟩|\bhelp me out\b|\b(?:what's|what is|tell me|give me) the answer\b",
        ),
    ),
    (
        TurnKind.CLARIFY_REQUEST,
        _phrases(
            r"(?:这|你|您)?(?:个问题|句话|题)?(?:是)?(?:什么|啥)意思|^(?:什么|啥|嗯|啊|哈)\?+$",
            r"没(?:太)?(?:听懂|听清|听明白|明白|理解|看懂|懂)(?:你的|您的|这个|这道)?(?:问题|题目?|意思)?⟩|[听看]不(?:太)?(?:懂|清|明白)|不(?:太)?(?:明白|理解)(?:你的|您的|这个)?(?:问题|题目|题)",
            r"(?:请|能|可以)?(?:再|重新)(?:说|讲|问|解释|重复)(?:一)?(?:遍|次|下)|⟨(?:请|能|可以)*重复(?:一遍|一下|下)?(?:问题|题目)?⟩|换(?:个|种)说法",
            r"具体(?:一点|点|指什么)⟩|解释一下(?:题目|问题)|你(?:问|说|指)的是.*\?$",
            r"\bwhat do you mean\b|\bwhat does (?:that|this|it) mean\b|^(?:what|huh|sorry|pardon(?: me)?)\s*\?+$|^pardon⟩|\bdo you mean\b.*\?$",
            r"\b(?:repeat|rephrase|clarify|explain) (?:the|your|this) question\b|\b(?:repeat|rephrase|clarify)(?: that| it| this)?⟩|\bsay (?:that|it) again\b",
            r"\bdon'?t (?:understand|get) (?:the|your|this) question\b|\bcome again⟩",
        ),
    ),
    (
        TurnKind.DONT_KNOW,
        _phrases(
            r"不(?:太|是很|怎么|大)?(?:知道|清楚|了解|懂)|不(?:太|是很|怎么|大)?(?:确定|记得|熟悉?)(?:这个|这一?块|这方面)?⟩|没(?:有)?(?:了解|学|接触|听说?|看|研究|做|用|碰)过(?:这些?|这个|这块|这方面)?⟩",
            r"(?:⟨|真的|确实|完全|也|还|都|是|题|个)不(?:太|怎么|大)?会(?:做|答|讲|说|回答)?(?:这个|这题|这道题)?⟩",
            r"忘(?:了|记)⟩|想不(?:起来|出来)|答不(?:上来|出来)|说不(?:上来|好|清楚?)⟩|记不(?:清|得|起来)|没(?:有)?(?:思路|想法|印象|概念)|放弃⟩",
            r"\b(?:i )?(?:really |honestly |just )?(?:do not|don'?t|dont) (?:know|remember|recall)(?: (?:that|this|it|the answer|about (?:that|this|it)|how|either|anything))*",
            r"\b(?:i have |i've )?no (?:idea|clue)\b|\b(?:idk|dunno)\b|\bi give up\b|^give up⟩",
            r"\bnot (?:really |so |quite |at all )?(?:sure|familiar)(?: (?:with|about) (?:that|this|it))?|(?:^|\bi )(?:forgot|forget)(?: (?:that|it|this))?⟩",
            r"\bnever (?:heard of|learned|learnt|studied|used) (?:that|this|it)\b|\bcan'?t (?:remember|recall|answer)(?: (?:that|this|it))?",
        ),
    ),
    (
        TurnKind.SILENCE,  # thinking aloud
        _phrases(
            r"(?:让|容|给)我(?:先|再)?(?:想想|想一?下|想一想|思考一?下|考虑一?下|一分钟|点时间)|⟨(?:等我?(?:一下|一等|会儿?|一会儿?)|稍等(?:一下)?)⟩",
            r"\b(?:let me|i need to) think\b|⟨(?:wait|hold on|one moment|one second|just a (?:second|moment))\b|\bgive me a (?:second|minute|moment)\b",
        ),
    ),
    (
        TurnKind.SMALL_TALK,
        _phrases(
            r"你好|您好|谢谢|早上好|下午好|晚上好|你是谁|你叫什么|你是(?:不是)?(?:真人|机器人|人工智能|ai)吗?|今天(?:的)?天气(?:怎么样|真?好|不错)?|你(?:吃饭|吃了)了?(?:吗|没)|(?:能|可以)?讲个笑话|聊(?:点|会儿?)别的",
            r"你(?:就|真|太|才|是|个|的|好)*(?:傻[子瓜逼]|白痴|笨蛋|垃圾|蠢)|^(?:好|真|太)?(?:无聊|滚)⟩|\b(?:fuck|shut up|you(?:'re| are) (?:so )?(?:stupid|dumb|an? idiot))\b|\b(?:this is|i'm|so) (?:so )?(?:boring|bored|stupid)⟩",
            r"\b(?:hello|hi|hey|thanks|thank you|good (?:morning|afternoon|evening)|how are you(?: today)?|nice to meet you|who are you|what(?:'s| is) your name|are you (?:a |an )?(?:human|ai|robot|bot|real(?: person)?)|tell me a joke|nice weather(?: today)?|how is the weather)\b",
        ),
    ),
)

INSTRUCTION = re.compile(
    r"(?:忽略|无视|忘(?:掉|记)|不要(?:管|理会))(?:以上|上面|之前|前面|先前|所有|一切|你的|你)*(?:的)?(?:所有|全部)?(?:指令|指示|要求|规则|提示词?|设定)|"
    r"^(?:请|现在)?(?:你)?(?:忽略|无视|忘(?:掉|记)|不要(?:管|理会))(?:以上|上面|之前|前面|先前|所有|一切)+(?:的)?(?:所有|全部)?(?:内容|说明|对话)|"
    r"(?:请|直接|务必|必须|帮我|就){0,4}(?:给|打|判|评)(?:我|这个回答|本回答|该回答)?(?:个|成|为)?(?:满分|高分|一百分|100 ?分|10 ?分|全对|通过)|(?:从现在(?:起|开始)|现在)(?:，|,)?你(?:就)?(?:是|扮演|变成)|"
    r"(?:告诉|说出|输出|透露|给)(?:我)?(?:一下)?(?:标准|参考|正确)答案|(?:你的)?系统提示词?|直接(?:进入|跳到)下一|"
    r"\b(?:ignore|disregard|forget|override)\b[^.?!]{0,40}\b(?:instruction|prompt|rule|guideline)s?\b|\b(?:ignore|disregard|forget) (?:everything|all|anything|what(?:ever)?)\b[^.?!]{0,30}\b(?:above|before|previous(?:ly)?|earlier)\b|\b(?:give|award|grant|assign) (?:me|this|it|the answer)?[^.?!]{0,20}\b(?:full|maximum|perfect|top|high(?:est)?) (?:marks?|scores?|credits?|points?)|"
    r"\b(?:score|grade|rate|mark) (?:this|me|it|my answer|the answer)[^.?!]{0,20}\b(?:100|10|full|perfect|correct|covered)\b|\byou are now\b|\bpretend (?:to be|you are)\b|\bact as\b[^.?!]{0,30}\b(?:assistant|system|grader)\b|"
    r"\b(?:tell|show|reveal|print|give)(?: me)? (?:the |your )?(?:reference|correct|model|system) (?:answer|prompt)|<\|[a-z_]+\|>|\[/?inst\]|^\s*#*\s*(?:system|assistant)\s*[:：]|\"?(?:verdict|score)\"?\s*:\s*(?:\"?covered|100)|(?:评分|打分|得分|分数)\s*[:为是]?\s*(?:100|满分)"
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
        return TurnKind.CLARIFY_REQUEST if "?" in folded else TurnKind.SILENCE
    if _mostly_instructions(folded):
        return TurnKind.INSTRUCTION
    if len(words) > _LONGEST_REQUEST:
        return TurnKind.ANSWER
    for kind, pattern in _PATTERNS:
        if pattern.search(folded) and _spare(pattern.sub(" ", folded)) <= _SPARE_TOKENS:
            return kind
    return TurnKind.ANSWER if _FILLER.sub("", folded).strip(" ,.;:!?。、…~") else TurnKind.SILENCE


def _spare(text: str) -> int:
    return len(tokens(_FILLER.sub(" ", text)))


def _mostly_instructions(folded: str) -> bool:
    """Whether instructions to the interviewer make up most of it. An answer *about* prompt injection quotes some in passing."""
    rest, found = INSTRUCTION.subn(" ", folded)
    return found > 0 and _spare(rest) <= _REST_OF_INSTRUCTION * len(tokens(folded))
