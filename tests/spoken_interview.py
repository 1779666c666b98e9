"""An interview that was spoken, graded and answered with a confidence for every question, made without a grader or a microphone:
what a report looks like when there is everything to show."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from interviewer.domain.assessment import Assessment, Evidence, GraderInfo, MisconceptionFound, PointAssessment, Status, Verdict
from interviewer.domain.questions import Bank, Lang, Question
from interviewer.domain.transcript import HeardWord, SessionInfo, Setup, Speaker, Speech, Turn, TurnKind
from interviewer.ports import StoredSession

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
#: What was heard, a gap of so many seconds before a word in brackets.
HEARD: dict[Lang, str] = {
    "zh": "嗯， 这个问题 比较 复杂， 那个， 我 先 说 背景。 {2.6} 嗯 我们 之前 做过 微调， 然后 冻结 了 主干， 就是说 只 训练 新 的 头， "
    "然后 学习率 调 小 一点， {3.1} 呃 数据 少 的 时候 这样 比较 稳。",
    "en": "Um, in my previous job I froze the backbone first, {2.4} you know, and trained a new head on top. {3.0} It was, like, a small data set, "
    "and uh the learning rate has to be small, because otherwise the features get wrecked.",
}
CONFIDENCES = (100, 75, 50, 100, 25)
SCORES = (20.0, 72.0, 55.0, 90.0, 40.0)
_VERDICTS = (Verdict.CONTRADICTED, Verdict.COVERED, Verdict.PARTLY, Verdict.COVERED, Verdict.MISSING)


def speech(text: str, words_a_second: float = 2.0) -> Speech:
    """The recording of `text`: its words one after the other, with the silences it names."""
    at, words = 0.3, []
    for piece in text.split():
        if silence := re.fullmatch(r"\{([\d.]+)\}", piece):
            at += float(silence[1])
            continue
        words.append(HeardWord(piece, at, at + 1 / words_a_second, 0.9))
        at += 1 / words_a_second
    return Speech(at + 0.5, tuple(words), "made up")


def spoken_turn(number: int, text: str, question_id: str = "q1") -> Turn:
    said = re.sub(r"\{[\d.]+\} ?", "", text)
    return Turn(number, Speaker.CANDIDATE, TurnKind.ANSWER, said, AT, question_id, speech=speech(text))


def judged(question: Question, answer: str, score: float, verdict: Verdict) -> Assessment:
    """Every point of the question with that verdict, evidence at the answer's beginning."""
    evidence = None if verdict is Verdict.MISSING else Evidence.of(answer, 0, min(20, len(answer)))
    credit = {Verdict.COVERED: 1.0, Verdict.PARTLY: 0.5}.get(verdict, 0.0)
    points = tuple(
        PointAssessment(p.id, p.statement.zh, p.weight, verdict, credit, credit, evidence) for p in question.key_points
    )
    wrong = question.misconceptions[:1] if verdict is Verdict.CONTRADICTED else ()
    found = tuple(MisconceptionFound(m.belief, m.correction, Evidence.of(answer, 0, min(12, len(answer)))) for m in wrong)
    grader = GraderInfo("builtin", "1")
    return Assessment(
        question.id, Status.GRADED, None, score, max(score - 12, 0), min(score + 12, 100), points, grader, (), found
    )


def spoken_interview(bank: Bank, lang: Lang = "zh") -> StoredSession:
    """Five questions of five topics with misconceptions; the last answer is typed."""
    topics: dict[str, Question] = {}
    for question in bank:
        if question.misconceptions:
            topics.setdefault(question.topic, question)
    questions = list(topics.values())[: len(SCORES)]
    turns: list[Turn] = [Turn(1, Speaker.INTERVIEWER, TurnKind.OPEN, "…", AT)]
    assessments = []
    for n, question in enumerate(questions):
        detail = "sufficient" if n else None
        at = AT + timedelta(minutes=2 * n)
        ask = Turn(len(turns) + 1, Speaker.INTERVIEWER, TurnKind.ASK, question.text.get(lang), at, question.id, detail=detail)
        answer = spoken_turn(len(turns) + 2, HEARD[lang], question.id)
        if n == len(questions) - 1:
            answer = Turn(
                answer.number, Speaker.CANDIDATE, TurnKind.ANSWER, question.reference.get(lang)[:400], at, question.id
            )
        turns += [ask, answer]
        assessments.append(judged(question, answer.text, SCORES[n], _VERDICTS[n]))
    turns.append(
        Turn(len(turns) + 1, Speaker.INTERVIEWER, TurnKind.CLOSE, "…", AT + timedelta(minutes=11), detail="done/sufficient")
    )
    info = SessionInfo("spoken", Setup(lang=lang, questions=5), "finished", AT, AT + timedelta(minutes=11), "built-in", 5, 55.4)
    return StoredSession(info, tuple(turns), tuple(assessments), {a.question_id: 2 * n + 3 for n, a in enumerate(assessments)})


def practised_interview(bank: Bank, lang: Lang = "zh") -> tuple[StoredSession, dict[int, Assessment]]:
    """The same interview with two hints before the third answer, and the first question answered again twice after the end:
    once as badly as before, then with its first point whole and its second in part. With the history of its assessments."""
    stored = spoken_interview(bank, lang)
    first, _, third, *_ = stored.assessments
    asked = next(
        i for i, turn in enumerate(stored.turns) if turn.kind is TurnKind.ASK and turn.question_id == third.question_id
    )
    point = third.points[0].point_id
    hints = [
        Turn(0, Speaker.INTERVIEWER, TurnKind.HINT, "…", stored.turns[asked].at, third.question_id, point, f"step {n} of 2")
        for n in (1, 2)
    ]
    said = "又想了想，再说一遍。" if lang == "zh" else "On second thoughts, once more."
    again = [Turn(0, Speaker.CANDIDATE, TurnKind.RETRY, said, stored.turns[-1].at, first.question_id) for _ in range(2)]
    turns = [*stored.turns[: asked + 1], *hints, *stored.turns[asked + 1 :], *again]
    turns = [replace(turn, number=number) for number, turn in enumerate(turns, 1)]
    graded = {turn.question_id or "": turn.number for turn in turns if turn.kind is TurnKind.ANSWER}
    evidence = Evidence.of(said, 0, len(said))
    whole, half, *rest = first.points
    better = (
        replace(whole, verdict=Verdict.COVERED, credit=1.0, evidence=evidence),
        replace(half, verdict=Verdict.PARTLY, credit=0.5, evidence=evidence),
        *(replace(point, evidence=None) for point in rest),
    )
    history = {graded[a.question_id]: a for a in stored.assessments}
    history[turns[-2].number] = replace(first, score=10.0, low=0.0, high=20.0)
    history[turns[-1].number] = replace(first, score=64.4, low=50.0, high=76.0, points=better, misconceptions=())
    return replace(stored, turns=tuple(turns), graded_turns=graded), history
