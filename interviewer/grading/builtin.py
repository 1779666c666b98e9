"""The built-in grader: key points by calibrated text matching, at once and without a model.

It can't judge fluent wrong claims that the bank does not foresee, nor right content outside the bank; its band says how
unsure it is.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from interviewer.domain.assessment import (
    Assessment,
    GraderInfo,
    MisconceptionFound,
    PointAssessment,
    Status,
    Verdict,
)
from interviewer.domain.questions import Bank, Question
from interviewer.domain.text import tokens
from interviewer.grading import scoring
from interviewer.grading.claims import load_claims
from interviewer.grading.compiled import CompiledQuestion, compile_question
from interviewer.grading.evidence import quote
from interviewer.grading.gates import Judged, judge_scope
from interviewer.grading.lexicon import STOP_WORDS
from interviewer.grading.matching import Gathered, Match, gather, match_points
from interviewer.grading.misconceptions import find_misconceptions
from interviewer.grading.ngrams import NgramModel
from interviewer.grading.reference import Sentence, compare, reference_sentences
from interviewer.grading.shape import BankShape
from interviewer.grading.small_talk import load_small_talk
from interviewer.grading.vocabulary import Vocabulary, words
from interviewer.grading.windows import windows
from interviewer.ports import GradingItem

#: Part of the key under which results are kept: goes up whenever a score may come out otherwise.
VERSION = "6"
#: Compiled questions kept; a bank has some hundreds at most, a batch may bring any number.
_KEPT = 512
#: Below this share of the answer's content in the question's vocabulary, with no point touched, it is about something else.
_OFF_TOPIC_SHARE = 0.3
_OFF_TOPIC_TOUCHED = 0.45
#: An answer of fewer words is terse, not off topic.
_OFF_TOPIC_WORDS = 10


@dataclass(frozen=True, slots=True)
class Reading:
    """An answer read against its question: what a model grader takes over for gates, evidence and misconceptions."""

    judged: Judged
    matches: tuple[Match, ...]
    flags: tuple[str, ...]
    misconceptions: tuple[MisconceptionFound, ...]


class BuiltinGrader:
    """A `Grader`. Without a bank every word is equally telling and no concept has two names: weaker, still sound."""

    def __init__(self, bank: Bank | None = None, claims: NgramModel | None = None) -> None:
        """`claims` in place of the shipped claim model: for measuring on questions that it must not have seen.

        The bank is read at first use, which takes seconds: nobody who is only asked a question should wait for them.
        """
        self._bank = bank
        self._reading = threading.Lock()
        self._read_off: tuple[Vocabulary, BankShape | None] | None = None
        self._claims = claims or load_claims()
        self._compile = lru_cache(maxsize=_KEPT)(self._compiled)

    @property
    def info(self) -> GraderInfo:
        return GraderInfo("builtin", VERSION)

    def grade(self, item: GradingItem) -> Assessment:
        """Never raises on what the candidate wrote; a question without key points comes back *ungraded*."""
        if not item.question.key_points:
            return Assessment.ungraded(item.question.id, "the question has no key points", self.info)
        return assess(item, self.read(item), self.info)

    def read_bank(self) -> None:
        """Read the bank now (seconds), so that no answer needs to wait for it."""
        self._of_bank()

    def prepare(self, question: Question) -> None:
        """Take the question apart now (some 40 ms, and the bank before it), so that the first answer to it needn't wait."""
        if question.key_points:
            self._compile(question)

    def grade_many(self, items: Sequence[GradingItem]) -> list[Assessment]:
        return [self.grade(item) for item in items]

    def read(self, item: GradingItem) -> Reading:
        """Gates, then matching. A model grader starts from this too."""
        judged = judge_scope(item.question, item.answer)
        if judged.nothing:
            return Reading(judged, (), judged.flags, ())
        compiled, reference = self._compile(item.question)
        found = windows(judged.text, judged.spans)
        units = [compiled.heard(w.text) for w in found]
        gathered = gather(compiled, found, units, self._claims, judged.lists) if found else None
        matches = match_points(compiled, gathered)
        matches, verbatim = compare(compiled.vocabulary, judged, matches, reference)
        flags = list(judged.flags)
        if verbatim:
            flags.append("verbatim")
        else:
            flags += self._noticed(compiled, judged, gathered, matches)
        wrong = find_misconceptions(compiled, item.answer, found, units)
        return Reading(judged, tuple(matches), tuple(flags), tuple(wrong))

    def _noticed(
        self, compiled: CompiledQuestion, judged: Judged, gathered: Gathered | None, matches: Sequence[Match]
    ) -> list[str]:
        """Flags of the answer: shuffled words, another subject. The first is looked for in what earns something, the second in
        what comes near any point, or in everything where there is no such sentence: padding must hide and cause neither. That
        it answers another question is looked for in everything too, but must not hang on small talk or any one sentence more
        that earns nothing."""
        sentences = [judged.text[a:b] for a, b in judged.spans]
        earning, near = (gathered.earning, gathered.sentences.ids) if gathered else (frozenset(), ())
        texts = [text for n, text in enumerate(sentences) if not near or n in near]
        touched = max((m.touched for m in matches), default=0.0)
        size = sum(len(tokens(t)) for t in texts)
        flags = []
        off_topic = size >= _OFF_TOPIC_WORDS and touched < _OFF_TOPIC_TOUCHED and _own_share(compiled, texts) < _OFF_TOPIC_SHARE
        shape = self._of_bank()[1]
        if shape and shape.holds(compiled.question):
            if shape.is_shuffled([text for n, text in enumerate(sentences) if not earning or n in earning]):
                flags.append("shuffled")
            beside = [n for n in range(len(sentences)) if n not in earning]
            odds = load_small_talk().log_odds([sentences[n] for n in beside])
            talk = {n for n, much in zip(beside, odds, strict=True) if much > 0}
            left_out = [talk, *({n} for n in beside), *({n} | talk for n in beside)]
            views = [sentences, *([t for n, t in enumerate(sentences) if n not in out] for out in left_out)]
            off_topic = off_topic or any(
                all(shape.answers_another(compiled.question, looked_at) for looked_at in looks) for looks in ([texts], views)
            )
        return [*flags, "off-topic"] if off_topic else flags

    def _compiled(self, question: Question) -> tuple[CompiledQuestion, tuple[Sentence, ...]]:
        compiled = compile_question(question, self._of_bank()[0])
        return compiled, reference_sentences(compiled)

    def _of_bank(self) -> tuple[Vocabulary, BankShape | None]:
        """What the bank's texts tell. Threads that ask at the same time read it once."""
        with self._reading:
            if self._read_off is None:
                bank = self._bank
                self._read_off = (Vocabulary.from_bank(bank), BankShape.of(bank)) if bank else (Vocabulary(), None)
            return self._read_off


def _own_share(compiled: CompiledQuestion, texts: Sequence[str]) -> float:
    """Share, by rarity, of the answer's words that the question or its phrasings use, 0–1."""
    said = {w for t in texts for w in words(t)} - STOP_WORDS
    total = sum(compiled.vocabulary.weight(w) for w in said)
    own = sum(compiled.vocabulary.weight(w) for w in said if w in compiled.columns or w in compiled.asked)
    return own / total if total else 0.0


def assess(item: GradingItem, reading: Reading, info: GraderInfo, raw_reply: str | None = None) -> Assessment:
    """The assessment that a reading amounts to."""
    question, answer = item.question, item.answer
    if reading.judged.nothing:
        points = tuple(
            PointAssessment(p.id, p.statement.get("zh"), p.weight, Verdict.MISSING, 0.0, 0.0) for p in question.key_points
        )
        return Assessment(
            question.id, Status.GRADED, None, 0.0, 0.0, 0.0, points, info, reading.judged.flags, raw_reply=raw_reply
        )
    made = []
    for point, match in zip(question.key_points, reading.matches, strict=True):
        verdict = scoring.verdict(match.belief)
        window = match.contradicted_in if verdict is Verdict.CONTRADICTED else match.stated_in
        evidence = quote(answer, window) if window and verdict is not Verdict.MISSING else None
        made.append(
            PointAssessment(
                point.id,
                point.statement.get("zh"),
                point.weight,
                verdict,
                round(min(1.0, max(0.0, match.belief.stated)), 4),
                round(scoring.credit(match.belief), 4),
                evidence,
            )
        )
    scored = scoring.score(made, [m.belief for m in reading.matches], reading.flags)
    return Assessment(
        question.id,
        Status.GRADED,
        None,
        scored.score,
        scored.low,
        scored.high,
        tuple(made),
        info,
        reading.flags,
        reading.misconceptions,
        raw_reply,
    )
