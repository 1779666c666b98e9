"""What the interview room shows of a snapshot, as plain data. Drawn by `static/room.js`, which sets texts and never markup.

Pure: knows neither Gradio nor the interview behind the snapshot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from interviewer.dialogue.planned import as_planned
from interviewer.domain.practice import Retry, share_left
from interviewer.domain.questions import Bank
from interviewer.domain.transcript import Speaker, Turn, TurnKind, answer_text
from interviewer.ui.assessed import QuestionView, question_view
from interviewer.ui.live import Failure, Snapshot
from interviewer.ui.words import Words
from interviewer.voice.delivery import measure
from interviewer.wiring import EngineStatus

#: The interviewer's moves that are worth naming above what was said.
_TAGGED = (TurnKind.FOLLOW_UP, TurnKind.HINT, TurnKind.CLARIFY)
#: A hint's place on its ladder, as its turn records it.
_RUNG = re.compile(r"step (\d+) of (\d+)")


def room_data(snapshot: Snapshot, words: Words) -> dict[str, Any]:
    """Everything `room.js` draws: rows of the conversation, progress, clock. Holds no grades of a real interview."""
    progress = snapshot.progress
    asked = words("question_of", n=progress.asked, total=progress.budget) if progress.asked else words("question_none")
    heard = progress.points_heard
    return {
        "session": snapshot.session_id,
        "version": snapshot.version,
        "lang": snapshot.setup.lang,
        "turns": len(snapshot.turns),
        "ticket": snapshot.ticket,
        "busy": snapshot.busy,
        "waiting": snapshot.waiting is not None,
        "finished": snapshot.finished,
        "owed": snapshot.owed,
        "mode": snapshot.setup.mode,
        "rows": list(_rows(snapshot, words)),
        "question": words("finished") if snapshot.finished else asked,
        "heard": "" if heard is None or snapshot.finished else words("heard", n=heard),
        "ladder": _ladder(snapshot, words),
        "elapsed": round(progress.seconds_used),
        "left": None if progress.seconds_left is None else round(progress.seconds_left),
    }


def feedback_views(snapshot: Snapshot, bank: Bank, words: Words) -> list[QuestionView]:
    """The questions that are over, newest first; none while a real interview runs."""
    if not snapshot.shows_grades:
        return []
    lang = snapshot.setup.lang
    bank = as_planned(bank, snapshot.setup.plan)
    views = []
    for number, closed in enumerate(snapshot.closed, start=1):
        question = bank.get(closed.question_id)
        topic = bank.topic_title(question.topic, words.lang) if question else ""
        answer = answer_text(snapshot.turns, closed.question_id)
        said = measure(snapshot.turns, closed.question_id)
        views.append(question_view(number, question, topic, answer, closed.assessment, closed.why, lang, words, said))
    return views[::-1]


def who_speaks(status: EngineStatus, words: Words) -> tuple[str, str]:
    """One line on who the interviewer is, and one on what it can't judge (empty for a model)."""
    limits = words("builtin_limits")
    if status.state == "ready":
        return words("who_model", name=status.name), ""
    if status.state == "loading":
        return words("who_loading", name=status.name), limits
    if status.state in ("resting", "talking"):
        return words(f"who_{status.state}", name=status.name, why=words(f"trouble_{status.cause}")), limits
    if status.state == "failed":
        if status.cause == "memory":
            return words("who_memory", name=status.name), limits
        detail = words.problem(status.detail)
        if status.cause == "again":
            return words("who_again", detail=detail), limits
        return words("who_failed", name=status.name, detail=detail), limits
    return words("who_builtin"), limits


def failure_text(failure: Failure, words: Words) -> str:
    return words("warn_failed", error=failure.message or words("warn_unexpected"))


def _ladder(snapshot: Snapshot, words: Words) -> str:
    """How many hints the running question has had, and what the next one is and costs."""
    progress = snapshot.progress
    if snapshot.finished or snapshot.setup.mode != "practice" or not progress.asked:
        return ""
    if progress.next_hint is None:
        return words("ladder_end", used=progress.hints_given)
    n, total = progress.next_hint
    return words("ladder", used=progress.hints_given, n=n, total=total, percent=round(100 * share_left(n)))


def _rows(snapshot: Snapshot, words: Words) -> Iterator[dict[str, Any]]:
    ends = _last_turns(snapshot)
    again = {retry.turn: (place, retry) for place, closed in enumerate(snapshot.closed, 1) for retry in closed.retries}
    for turn in snapshot.turns:
        yield _row(turn, words)
        if turn.number in again:
            yield {"who": "note", "text": _again_note(*again[turn.number], words)}
        if turn.number in ends:
            yield {"who": "note", "text": _closed_note(snapshot, ends[turn.number], words)}
    if snapshot.pending is not None:
        yield {"who": "candidate", "label": words("candidate"), "text": snapshot.pending}
    if snapshot.speaking:
        yield {"who": "interviewer", "label": words("interviewer"), "text": snapshot.speaking, "open": True}
    elif snapshot.busy:
        waiting = words("considering") if snapshot.pending else words("thinking")
        yield {"who": "interviewer", "label": words("interviewer"), "text": waiting, "typing": True}
    if snapshot.failure is not None:
        yield {"who": "note", "text": failure_text(snapshot.failure, words), "problem": True}


def _row(turn: Turn, words: Words) -> dict[str, Any]:
    if turn.speaker is Speaker.CANDIDATE:
        if turn.text.strip():
            label = words("candidate_again" if turn.kind is TurnKind.RETRY else "candidate")
            return {"who": "candidate", "label": label, "text": turn.text}
        return {"who": "candidate", "label": words("candidate"), "text": words(f"button_{turn.kind.value}"), "soft": True}
    tag = words(f"tag_{turn.kind.value}") if turn.kind in _TAGGED else ""
    rung = _RUNG.fullmatch(turn.detail or "") if turn.kind is TurnKind.HINT else None
    if rung:
        tag = words("tag_rung", n=rung[1], total=rung[2])
    return {"who": "interviewer", "label": words("interviewer"), "text": turn.text, "tag": tag, **_said_by(turn, words)}


def _said_by(turn: Turn, words: Words) -> dict[str, str]:
    """Who put this turn into words: `by` names them, `source` is what that means (see the notes in room.html)."""
    provenance = turn.provenance
    if provenance is None:
        return {}
    if provenance.model is None:
        return {"by": words("by_builtin"), "source": "builtin"}
    name = provenance.model.rstrip("/").rpartition("/")[2]
    if provenance.fallback is None:
        return {"by": name, "source": "model"}
    return {"by": words("by_mixed", name=name), "source": "mixed"}


def _last_turns(snapshot: Snapshot) -> dict[int, int]:
    """For each closed question, its place in the interview (from 1) by the number of the last turn spent on it."""
    place = {closed.question_id: n for n, closed in enumerate(snapshot.closed, start=1)}
    last = {
        turn.question_id: turn.number
        for turn in snapshot.turns
        if turn.question_id in place and turn.kind not in (TurnKind.CLOSE, TurnKind.RETRY)
    }
    return {number: place[question_id] for question_id, number in last.items() if question_id is not None}


def _closed_note(snapshot: Snapshot, place: int, words: Words) -> str:
    closed = snapshot.closed[place - 1]
    assessment = closed.assessment
    if closed.question_id == snapshot.waiting:
        return words("note_waiting", n=place)
    if assessment is None or assessment.score is None:
        return words("note_done", n=place)
    return words("note_score", n=place, score=round(assessment.score))


def _again_note(place: int, retry: Retry, words: Words) -> str:
    if retry.assessment is None or retry.assessment.score is None:
        return words("note_again", n=place)
    return words("note_again_score", n=place, score=round(retry.assessment.score))
