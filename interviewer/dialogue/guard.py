"""Checks on what a model wants to say, one sentence at a time, before anybody sees it.

Each check answers one question and names its reason, so that fallbacks can be counted. Knows no model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from interviewer.domain.questions import KeyPoint, Lang, Question
from interviewer.domain.text import chinese_share, find_term, jaccard, normalise, shingles, tokens


class Refusal(StrEnum):
    """Why a sentence was not shown."""

    LEAK = "leak"
    LANGUAGE = "language"
    REPETITION = "repetition"
    MORE_QUESTIONS = "more-questions"
    PRAISE = "praise"
    MARKUP = "markup"
    NOT_THE_QUESTION = "not-the-question"
    EMPTY = "empty"
    TOO_LONG = "too-long"


_QUESTION_MARK = re.compile(r"[?？]")
#: Requests without a question mark still ask: "Tell me how …", "请讲讲 …".
_ASKING = re.compile(
    r"[?？]|^(?:请|能不能|能否|描述一下|解释一下|讲讲|说说|谈谈)|\b(?:tell me|walk me|explain|describe|talk me)\b",
    re.IGNORECASE,
)
_PRAISE = re.compile(
    r"很好|非常好|太棒|真棒|不错|说得对|答得(?:对|好)|完全正确|正确|准确(?![率度性])|有误|不对|错了|遗漏|漏掉|没有提到|满分|分数|得分|"
    r"\b(?:great|excellent|perfect|correct|right answer|well done|good (?:answer|job|point)|wrong|incorrect|mistaken|you missed|impressive|exactly right|score)\b",
    re.IGNORECASE,
)
_MARKUP = re.compile(
    r"^\s*(?:#{1,6} |[-*] |\d+[.)、] )|\*\*|```|<\|?/?[a-z_]+\|?>|^\s*(?:面试官|候选人|interviewer|candidate|assistant|user|system)\s*[:：]",
    re.IGNORECASE,
)
#: Share of a hidden statement's own character pairs or words in one sentence that counts as saying it.
LEAK_OVERLAP = 0.45
REPEAT_OVERLAP = 0.8
#: Share of the question's tokens a model's wording must keep.
QUESTION_KEPT = 0.5
LONGEST_SENTENCE = 120  # tokens


@dataclass(frozen=True, slots=True)
class Guard:
    """Everything one utterance is checked against.

    `hidden` are the key points not said yet. `authored` (the question, the probe) and `answer` (the candidate's words) may be
    repeated freely, except that only the authored text excuses a word of praise or blame. `asks` is set when the utterance must
    keep the sense of an authored question.
    """

    lang: Lang
    hidden: tuple[KeyPoint, ...] = ()
    authored: str = ""
    answer: str = ""
    recent: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    _known_tokens: frozenset[str] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        object.__setattr__(self, "_known_tokens", frozenset(tokens(self.known)))

    @property
    def known(self) -> str:
        """What both sides have heard."""
        return f"{self.authored}\n{self.answer}"

    def refuse(self, sentence: str, said: Sequence[str]) -> Refusal | None:
        """Why `sentence` must not follow what was `said` so far in this utterance; None when it may."""
        if not tokens(sentence):
            return Refusal.EMPTY
        if _MARKUP.search(sentence):
            return Refusal.MARKUP
        if len(tokens(sentence)) > LONGEST_SENTENCE:
            return Refusal.TOO_LONG
        if self._wrong_language(sentence):
            return Refusal.LANGUAGE
        if self._leaks(sentence):
            return Refusal.LEAK
        if any(word not in normalise(self.authored) for word in _PRAISE.findall(normalise(sentence))):
            return Refusal.PRAISE
        if any(map(_QUESTION_MARK.search, said)) or len(_QUESTION_MARK.findall(sentence)) > 1:
            return Refusal.MORE_QUESTIONS
        if self._repeats(sentence, said):
            return Refusal.REPETITION
        if self.asks and _ASKING.search(sentence) and not self._keeps_question(sentence):
            return Refusal.NOT_THE_QUESTION
        return None

    def asks_something(self, sentence: str) -> bool:
        """Whether a sentence asks the candidate for something."""
        return _ASKING.search(sentence) is not None

    def _wrong_language(self, sentence: str) -> bool:
        share = chinese_share(sentence)
        return share < 0.2 if self.lang == "zh" else share > 0.1

    def _leaks(self, sentence: str) -> bool:
        folded, known = normalise(sentence), normalise(self.known)
        for point in self.hidden:
            names = (normalise(name) for group in point.terms for name in group)
            if any(find_term(folded, name) and not find_term(known, name) for name in names):
                return True
            statements = (*point.statement.both(), *point.accepted)
            if any(self._overlap(sentence, statement) >= LEAK_OVERLAP for statement in statements):
                return True
        return False

    def _overlap(self, sentence: str, statement: str) -> float:
        """Share of the statement's tokens, leaving out what was known already, that the sentence says."""
        fresh = set(tokens(statement)) - self._known_tokens
        if len(fresh) < 3:
            return 0.0
        return len(fresh & set(tokens(sentence))) / len(fresh)

    def _repeats(self, sentence: str, said: Sequence[str]) -> bool:
        mine = shingles(sentence)
        if len(mine) < 4:  # "Okay." may come again
            return False
        return any(jaccard(mine, shingles(earlier)) >= REPEAT_OVERLAP for earlier in (*self.recent, *said))

    def _keeps_question(self, sentence: str) -> bool:
        mine = set(tokens(sentence))
        return any(len(mine & set(tokens(text))) >= QUESTION_KEPT * len(set(tokens(text))) for text in self.asks)


def hidden_points(question: Question, covered: Sequence[str]) -> tuple[KeyPoint, ...]:
    """The question's points that the candidate has not covered."""
    return tuple(point for point in question.key_points if point.id not in covered)
