"""Which question comes next: what was planned; then in the interview's language where there is one, near the level, spread over
the topics, never one that was asked or one much like it."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from interviewer.dialogue.state import State
from interviewer.domain.questions import Bank, Question
from interviewer.domain.text import jaccard, shingles

#: Questions that share this much of their character pairs ask the same thing (checked on the seed documents' repeats).
NEAR_DUPLICATE = 0.6


def choose_question(state: State, bank: Bank, recent: frozenset[str]) -> Question | None:
    """The next question, or None when nothing is left. The same state and bank always give the same one."""
    asked = [q for q in map(bank.get, state.asked) if q is not None]
    planned = (bank.get(entry.question_id) for entry in state.setup.plan if entry.question_id not in state.asked)
    if (first := next((q for q in planned if q is not None), None)) is not None:
        return first
    topics = state.setup.topics
    pool = [q for q in bank if (not topics or q.topic in topics) and not _was_asked(q, asked)]
    if not pool:
        return None
    used: dict[str, int] = {}
    for question in asked:
        used[question.topic] = used.get(question.topic, 0) + 1

    failed = {r.question_id for r in state.results if r.score is not None and r.score < 40}

    lang = state.setup.lang

    def rank(question: Question) -> tuple[bool, bool, int, float, bool, bytes]:
        return (
            not (question.text.zh if lang == "zh" else question.text.en),
            question.id in recent,
            used.get(question.topic, 0),
            abs(question.level - state.level),
            not failed.isdisjoint(question.prerequisites),
            _shuffle_key(state.setup.seed, question.id),
        )

    return min(pool, key=rank)


def _was_asked(question: Question, asked: list[Question]) -> bool:
    return any(question.id == other.id or near_duplicates(question, other) for other in asked)


def near_duplicates(a: Question, b: Question) -> bool:
    """Whether two questions ask the same thing: taken from the same place of a document, or in nearly the same words."""
    if not set(a.sources).isdisjoint(b.sources):
        return True
    pairs = ((a.text.zh, b.text.zh), (a.text.en, b.text.en))
    return any(x and y and jaccard(_pairs_of(x), _pairs_of(y)) >= NEAR_DUPLICATE for x, y in pairs)


@lru_cache(maxsize=10_000)
def _pairs_of(text: str) -> frozenset[str]:
    return shingles(text)


def _shuffle_key(seed: int, question_id: str) -> bytes:
    return hashlib.sha256(f"{seed}/{question_id}".encode()).digest()
