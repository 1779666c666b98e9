"""Plain overlap of a stretch with a key point's phrasings."""

from __future__ import annotations

import numpy as np

from interviewer.grading.compiled import compile_question
from interviewer.grading.overlap import overlap
from interviewer.grading.vocabulary import Vocabulary
from tests.grading_samples import ADD, BANK, QUESTION

COMPILED = compile_question(QUESTION, Vocabulary.from_bank(BANK))
FIRST = QUESTION.key_points.index(ADD)


def of(*texts: str):  # type: ignore[no-untyped-def]
    return overlap(COMPILED, [COMPILED.heard(text) for text in texts])


def test_a_phrasing_covers_itself_and_is_ahead_of_other_points() -> None:
    found = of(ADD.accepted[0], ADD.accepted[0][:12], "周末去爬山")
    assert found.cover[0, FIRST] > 0.99
    assert found.cover[0, FIRST] > found.cover[1, FIRST] > found.cover[2, FIRST]
    assert found.ahead[0, FIRST] > 0 > found.ahead[0, 1 - FIRST]
    assert found.left_wrong[0, FIRST] == 0


def test_what_is_left_over_tells_the_wrong_saying() -> None:
    found = of(ADD.contrasts[0], ADD.accepted[1])
    assert found.left_wrong[0, FIRST] > 3 * found.left_wrong[1, FIRST]


def test_shares_stay_shares() -> None:
    found = of("", "的", *ADD.accepted, *ADD.contrasts, QUESTION.text.zh, "micro-batch " * 50)
    for shares in (found.cover, found.left_wrong, found.left_right):
        assert np.all((shares >= 0) & (shares <= 1 + 1e-9))
    assert np.all(np.abs(found.ahead) <= 1 + 1e-9)
