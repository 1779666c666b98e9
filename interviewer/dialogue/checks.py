"""What is wrong with a sentence whatever the conversation is about: garbage, markup, a verdict, a role given up.

Each check looks at words alone and names what it found. Knows no question, no candidate and no model; those are for `guard`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

from interviewer.domain.questions import Bank
from interviewer.domain.text import normalise, tokens

#: A request for the candidate to speak. Those without a question mark ask too: "Tell me how …", "请讲讲 …".
ASKING = re.compile(
    r"[?？]|^(?:请|能不能|能否|描述一下|解释一下|讲讲|说说|谈谈)|\b(?:tell me|walk me|explain|describe|talk me)\b",
    re.IGNORECASE,
)
QUESTION_MARK = re.compile(r"[?？]")

#: Words that tell how an answer is going to be graded, in folded text: praise, blame, and what is still lacking.
_VERDICT = re.compile(
    r"很好|非常好|太棒|真棒|不错|说得对|答得(?:对|好)|完全正确|正确|准确(?![率度性])|有误|不对|错了|没错|^对(?:的|啊|了)?[,。!]|"
    r"遗漏|漏掉|没有提到|还(?:差|缺)(?:了|一|两|几)|[很够](?:全面|完整|到位|清楚|准确)|抓住了重点|满分|分数|得分|"
    r"\b(?:great|excellent|perfect|correct|right answer|well done|well said|spot on|that's right|not quite|almost right|"
    r"(?:good|nice|solid|strong|weak) (?:answer|job|point|one)|wrong|incorrect|mistaken|you missed|you(?:'re| are) missing|"
    r"impressive|exactly right|score)\b|^(?:exactly|yes|right|no)[,.!]"
)
#: Signs that the candidate's instructions, not ours, are being followed, in folded text: another role, our instructions told,
#: answers or marks promised.
_OBEDIENCE = re.compile(
    r"系统提示|提示词|我的(?:指令|设定|规则)|(?:标准|参考|正确)答案|(?:我是|作为)(?:一[个名位])?(?:ai|人工智能|语言模型|大模型|机器人|助手)|"
    r"(?:给|打|评)(?:你|您)?(?:了)?\d+ ?分|(?:忽略|无视)(?:了)?(?:之前|以上|所有)|按照?你(?:的)?(?:要求|指示|说的做)|"
    r"\bsystem prompt\b|\bmy (?:instructions|rules|prompt)\b|\b(?:reference|model|correct) answer\b|"
    r"\bhere(?:'s| is) the answer\b|\b(?:as an?|i am an?|i'm an?) (?:ai|assistant|(?:large )?language model|bot)\b|"
    r"\bas you (?:asked|instructed|wish)\b|"
    r"\b(?:give|award|grant)(?:ing|ed)? you\b[^.?!]{0,20}\b(?:\d+|full|marks?|points?)|"
    r"\bignor(?:e|ing) (?:the|all|my|previous)\b"
)
_MARKUP = re.compile(
    r"^\s*(?:#{1,6} |[-*] |\d+[.)、] )|\*\*|```|<\|?/?[a-z_]+\|?>|<<|>>|"
    r"^\s*(?:面试官|候选人|任务|资料|追问|题目|interviewer|candidate|assistant|user|system|task|material|follow-up|question)\s*[:：]",
    re.IGNORECASE,
)
_STUTTER = re.compile(r"([^.…。\-—~～!！\s])\1{4,}")
_LONGEST_WORD = 30
#: Scripts that interviews are held in; Greek for symbols.
_SCRIPTS = ("CJK", "LATIN", "GREEK")
#: Share of a sentence's words that occur nowhere in the bank or the prompts, from which it is no interviewer's speech; and how
#: many there must be. (Of the paraphrases in the tests the most unusual has a fifth.)
_UNKNOWN, _LEAST_UNKNOWN = 0.4, 3


def is_markup(sentence: str) -> bool:
    """Whether it holds what is written and not said: headings, list marks, tags, a speaker's name, a label of our prompts."""
    return _MARKUP.search(sentence) is not None


def is_garbage(sentence: str, vocabulary: Collection[str]) -> bool:
    """Whether it can't be speech: broken characters, foreign scripts, a stuttered or endless word, or mostly words that nobody
    uses here. An empty `vocabulary` says nothing."""
    if _STUTTER.search(sentence) or any(map(_unspeakable, sentence)):
        return True
    said = tokens(sentence)
    if max(map(len, said), default=0) > _LONGEST_WORD:
        return True
    unknown = sum(word not in vocabulary for word in said) if vocabulary else 0
    return unknown >= _LEAST_UNKNOWN and unknown >= _UNKNOWN * len(said)


def verdict_words(sentence: str) -> list[str]:
    """Words in it that tell how the answer will be graded, folded."""
    return _VERDICT.findall(normalise(sentence))


def obedient_words(sentence: str) -> list[str]:
    """Words in it that show somebody else's instructions being followed, folded."""
    return _OBEDIENCE.findall(normalise(sentence))


def vocabulary_of(bank: Bank, prompts: Iterable[str]) -> frozenset[str]:
    """The words of the interview's field in both languages: single Chinese characters and Latin words."""
    words: set[str] = set()
    for text in prompts:
        words.update(tokens(text))
    for question in bank:
        texts = [*question.text.both(), *question.reference.both()]
        texts += [text for rephrasing in question.rephrasings for text in rephrasing.both()]
        for point in question.key_points:
            texts += [*point.statement.both(), *point.probe.both(), *point.accepted]
            texts += [text for hint in point.hints for text in hint.both()]
            texts += [name for names in point.terms for name in names]
        for text in texts:
            words.update(tokens(text))
    return frozenset(words)


def _unspeakable(char: str) -> bool:
    if char.isascii():
        return False
    kind = unicodedata.category(char)
    if kind in ("Co", "Cn", "Cs", "Cc") or char == "\ufffd":
        return True
    return kind[0] == "L" and not unicodedata.name(char, "").startswith((*_SCRIPTS, "FULLWIDTH", "MATHEMATICAL"))
