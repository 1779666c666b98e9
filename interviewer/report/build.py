"""A report from the stored turns and assessments. Never grades anything again, and measures nothing itself: how answers were
said, how sure the candidate was and what was made of answers on the way are handed in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import fmean

from interviewer.domain.assessment import Assessment
from interviewer.domain.delivery import Delivery
from interviewer.domain.disputes import Dispute
from interviewer.domain.practice import best_score, gains, hinted, retries
from interviewer.domain.questions import Bank, LocalText
from interviewer.domain.transcript import Turn, TurnKind, active_seconds, answer_text
from interviewer.ports import StoredSession
from interviewer.report.model import Again, QuestionResult, Report, Sureness, TopicScore
from interviewer.report.study import weak_points

#: How many points to study next are listed: more is a wall nobody reads.
STUDY_POINTS = 6


def build_report(
    stored: StoredSession,
    bank: Bank,
    deliveries: Mapping[str, Delivery] | None = None,
    confidences: Mapping[str, int] | None = None,
    history: Mapping[int, Assessment] | None = None,
    disputes: Iterable[Dispute] = (),
) -> Report:
    """The report of a session as it stands, running or finished. `deliveries` and `confidences` (percent) by question id,
    `history` is every assessment, those of further answers too, by the number of the turn it judged; `disputes` were filed from
    it, oldest first."""
    disputes = tuple(disputes)
    assessments = {a.question_id: a for a in stored.assessments}
    asked = [turn for turn in stored.turns if turn.kind is TurnKind.ASK and turn.question_id]
    questions = tuple(
        _practised(
            replace(
                _result(turn, stored, bank),
                assessment=assessments.get(turn.question_id or ""),
                delivery=(deliveries or {}).get(turn.question_id or ""),
                confidence=(confidences or {}).get(turn.question_id or ""),
                disputes=tuple(dispute for dispute in disputes if dispute.question_id == turn.question_id),
            ),
            stored,
            history or {},
        )
        for turn in asked
    )
    graded = [a for q in questions if (a := q.assessment) and a.graded]
    weak = weak_points(questions, bank)
    return Report(
        session=replace(stored.info, interviewer=_interviewer(stored)),
        minutes=_minutes(stored.turns),
        score=fmean(a.score or 0.0 for a in graded) if graded else None,
        low=fmean(a.low or 0.0 for a in graded) if graded else None,
        high=fmean(a.high or 0.0 for a in graded) if graded else None,
        questions=questions,
        topics=_topics(questions, bank),
        study_next=weak[:STUDY_POINTS],
        turns=stored.turns,
        weak_points=weak,
        sureness=_sureness(questions),
    )


def _minutes(turns: Sequence[Turn]) -> float:
    """How long the interview took, by its own clock: for a question answered again, maybe days later, it stands still."""
    seconds = (active_seconds(a.at, b.at) for a, b in pairwise(turns) if b.kind is not TurnKind.RETRY)
    return sum(seconds) / 60


def _interviewer(stored: StoredSession) -> str:
    """Who spoke: the models that did, though the built-in interviewer may have begun while one was loading."""
    models = dict.fromkeys(turn.provenance.model for turn in stored.turns if turn.provenance and turn.provenance.model)
    return ", ".join(name for name in models if name) or stored.info.interviewer


def _result(ask: Turn, stored: StoredSession, bank: Bank) -> QuestionResult:
    question_id = ask.question_id or ""
    question = bank.get(question_id)
    about = [turn for turn in stored.turns if turn.question_id == question_id]
    after = [turn for turn in stored.turns if turn.number > ask.number and turn.kind in (TurnKind.ASK, TurnKind.CLOSE)]
    return QuestionResult(
        question_id=question_id,
        topic=question.topic if question else "",
        level=question.level if question else 0,
        text=question.text if question else LocalText(zh=ask.text, en=ask.text),
        answer=answer_text(stored.turns, question_id),
        assessment=None,
        hints=sum(turn.kind is TurnKind.HINT for turn in about),
        follow_ups=sum(turn.kind is TurnKind.FOLLOW_UP for turn in about),
        why=(after[0].detail or "").rpartition("/")[2] if after else None,
        reference=question.reference if question else LocalText(),
        reading=question.reading if question else (),
        statements={p.id: p.statement for p in question.key_points} if question else {},
    )


def _practised(result: QuestionResult, stored: StoredSession, history: Mapping[int, Assessment]) -> QuestionResult:
    """With what practising adds to it: its further answers, and what its hints cost, of which a real interview has none."""
    answers = retries(result.question_id, stored.turns, history)
    again = Again(answers, best_score(None, answers), gains(result.assessment, answers)) if answers else None
    practice = stored.info.setup.mode == "practice"
    return replace(result, hinted=hinted(result.question_id, stored.turns, history) if practice else None, again=again)


def _topics(questions: Sequence[QuestionResult], bank: Bank) -> tuple[TopicScore, ...]:
    grouped: dict[str, list[QuestionResult]] = {}
    for result in questions:
        grouped.setdefault(result.topic, []).append(result)
    out = []
    for topic, results in grouped.items():
        scores = [r.score for r in results if r.score is not None]
        title = bank.topics.get(topic, LocalText(zh=topic, en=topic))
        out.append(TopicScore(topic, title, fmean(scores) if scores else None, len(results)))
    return tuple(out)


def _sureness(questions: Sequence[QuestionResult]) -> tuple[Sureness, ...]:
    """Graded answers the candidate gave a confidence for: what was believed most and held least comes first."""
    known = [
        Sureness(number, q.question_id, q.confidence, q.score)
        for number, q in enumerate(questions, 1)
        if q.confidence is not None and q.score is not None
    ]
    return tuple(sorted(known, key=lambda s: (-s.gap, s.number)))
