"""Checks on what a model wants to say, one sentence at a time, before anybody sees it.

Each check answers one question and has a name, so that fallbacks can be counted; the first that objects decides. What needs
only the words is in `checks`, what needs the question and the conversation is here. Knows no model and no persona.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from interviewer.dialogue import checks
from interviewer.domain.questions import KeyPoint, Lang, Question
from interviewer.domain.text import chinese_share, find_term, jaccard, normalise, shingles, tokens


class Refusal(StrEnum):
    """Why a sentence was not shown."""

    EMPTY = "empty"
    GARBAGE = "garbage"
    MARKUP = "markup"
    TOO_LONG = "too-long"
    LANGUAGE = "language"
    LEAK = "leak"
    OBEDIENCE = "obedience"
    PRAISE = "praise"
    MORE_QUESTIONS = "more-questions"
    REPETITION = "repetition"
    NOT_THE_QUESTION = "not-the-question"


#: Share of a hidden statement's own character pairs or words in one sentence that counts as saying it.
LEAK_OVERLAP = 0.45
REPEAT_OVERLAP = 0.8
#: Share of the question's tokens a model's wording must keep; of a follow-up's, which may take up the candidate's words instead.
QUESTION_KEPT, FOLLOW_UP_KEPT = 0.5, 0.2
LONGEST_SENTENCE = 120  # tokens
#: Share of a sentence's runs of three that stand in our instructions, from which it recites them; shorter ones can't.
_RECITED, _RUN, _LEAST_RUNS = 0.5, 3, 6


@dataclass(frozen=True, slots=True)
class Guard:
    """Everything one utterance is checked against.

    `hidden` are the key points not said yet. `authored` (the question, the probe) and `answer` (the candidate's words) may be
    repeated freely, except that only the authored text excuses a word of praise, blame or obedience. `asks` is set when the
    utterance must keep the sense of an authored question, `kept` is how much of it; with `silent` it may ask nothing at all.
    `instructions` must not be recited. `vocabulary` are the words of the field; empty for no check.
    """

    lang: Lang
    hidden: tuple[KeyPoint, ...] = ()
    authored: str = ""
    answer: str = ""
    recent: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    kept: float = QUESTION_KEPT
    silent: bool = False
    instructions: str = ""
    vocabulary: frozenset[str] = frozenset()
    _known_tokens: frozenset[str] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        object.__setattr__(self, "_known_tokens", frozenset(tokens(self.known)))

    @property
    def known(self) -> str:
        """What both sides have heard."""
        return f"{self.authored}\n{self.answer}"

    def refuse(self, sentence: str, said: Sequence[str]) -> Refusal | None:
        """Why `sentence` must not follow what was `said` so far in this utterance; None when it may."""
        return next((reason for reason, objects in self.named_checks(said) if objects(sentence)), None)

    def named_checks(self, said: Sequence[str]) -> Iterator[tuple[Refusal, Callable[[str], bool]]]:
        """Every check by the reason it gives, in the order they are made."""
        yield Refusal.EMPTY, lambda sentence: not tokens(sentence)
        yield Refusal.GARBAGE, self._is_garbage
        yield Refusal.MARKUP, checks.is_markup
        yield Refusal.TOO_LONG, lambda sentence: len(tokens(sentence)) > LONGEST_SENTENCE
        yield Refusal.LANGUAGE, self._wrong_language
        yield Refusal.LEAK, self._leaks
        yield Refusal.OBEDIENCE, self._obeys
        yield Refusal.PRAISE, self._judges
        yield Refusal.MORE_QUESTIONS, lambda sentence: self._asks_more(sentence, said)
        yield Refusal.REPETITION, lambda sentence: self._repeats(sentence, said)
        yield Refusal.NOT_THE_QUESTION, self._strays

    def is_hopeless(self, beginning: str) -> bool:
        """Whether no ending can make this a sentence that may be said, so that nobody need wait for one."""
        return len(tokens(beginning)) > LONGEST_SENTENCE or checks.is_garbage(beginning, ()) or checks.is_markup(beginning)

    def asks_something(self, sentence: str) -> bool:
        """Whether a sentence asks the candidate for something."""
        return checks.ASKING.search(sentence) is not None

    def may_be_shown(self, text: str) -> bool:
        """Whether background in this text may stand in a prompt: nobody tells what they were not told."""
        return not self._wrong_language(text) and not self._leaks(text)

    def _is_garbage(self, sentence: str) -> bool:
        return checks.is_garbage(sentence, self.vocabulary | self._known_tokens if self.vocabulary else ())

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

    def _obeys(self, sentence: str) -> bool:
        if self._not_authored(checks.obedient_words(sentence)):
            return True
        runs = shingles(sentence, _RUN)
        return len(runs) >= _LEAST_RUNS and len(runs & shingles(self.instructions, _RUN)) >= _RECITED * len(runs)

    def _judges(self, sentence: str) -> bool:
        return self._not_authored(checks.verdict_words(sentence))

    def _not_authored(self, words: Sequence[str]) -> bool:
        authored = normalise(self.authored)
        return any(word not in authored for word in words)

    def _asks_more(self, sentence: str, said: Sequence[str]) -> bool:
        if self.silent:
            return self.asks_something(sentence)
        return any(map(checks.QUESTION_MARK.search, said)) or len(checks.QUESTION_MARK.findall(sentence)) > 1

    def _repeats(self, sentence: str, said: Sequence[str]) -> bool:
        mine = shingles(sentence)
        if len(mine) < 4:  # "Okay." may come again
            return False
        return any(jaccard(mine, shingles(earlier)) >= REPEAT_OVERLAP for earlier in (*self.recent, *said))

    def _strays(self, sentence: str) -> bool:
        """Whether it asks something else than it should."""
        if not self.asks or not self.asks_something(sentence):
            return False
        mine = set(tokens(sentence))
        return all(len(mine & set(tokens(text))) < self.kept * len(set(tokens(text))) for text in self.asks)


def hidden_points(question: Question, covered: Sequence[str]) -> tuple[KeyPoint, ...]:
    """The question's points that the candidate has not covered."""
    return tuple(point for point in question.key_points if point.id not in covered)
