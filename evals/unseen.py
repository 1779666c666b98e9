"""The built-in grader on questions that it has never seen: the honest figure for imported documents.

The shipped grader has read the bank's wrong claims about the very questions of the test answers, even when it is given their
statements alone. Here each half of the questions is graded by a grader fitted without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evals.fit_claims import fit_claims
from evals.graded import Graded, grade_all
from evals.labelled import Labelled
from interviewer.domain.questions import Bank

if TYPE_CHECKING:
    from evals.core import Progress


def grade_unseen(rows: Sequence[Labelled], bank: Bank, progress: Progress) -> list[Graded]:
    """The rows graded, each by a grader whose vocabulary and claim model come from a bank without its question."""
    from interviewer.grading import BuiltinGrader

    ids = sorted({row.question.id for row in rows})
    out: list[Graded] = []
    for held_out in (frozenset(ids[::2]), frozenset(ids[1::2])):
        rest = Bank(tuple(q for q in bank if q.id not in held_out), bank.topics)
        grader = BuiltinGrader(rest, fit_claims(rest))
        part = [row for row in rows if row.question.id in held_out]
        graded, _ = grade_all(part, grader, progress, None, "built-in, questions never seen")
        out += graded
    return out
