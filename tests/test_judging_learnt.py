"""The whole judging path carries meaning: a tiny model that was taught to judge, used as a person would use it, judges rightly.

It is taught anew for these tests (`taught_judge`), saved to a folder, loaded by the folder's name and asked by the grader. That
the shapes are right others show; here a wrong token, mask, position, or order of choices or points would cost verdicts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from interviewer.config import load_settings
from interviewer.domain.assessment import Verdict
from interviewer.domain.questions import LANGS
from interviewer.engines.transformers_engine import TransformersEngine
from interviewer.grading import BuiltinGrader, ModelGrader
from interviewer.grading.combine import View
from interviewer.grading.fewshot import Kind
from interviewer.ports import ChoiceRequest, Engine
from interviewer.prompting import PromptBook
from interviewer.wiring import build
from tests.taught_judge import Task, build_judge, exam, teach

pytestmark = pytest.mark.slow

TASKS: list[Task] = [task for lang in LANGS for task in exam(lang, 20)]
VERDICTS: dict[Kind, Verdict] = {"stated": Verdict.COVERED, "absent": Verdict.MISSING, "contradicted": Verdict.CONTRADICTED}
#: Shares of points judged rightly: of a judge, of one on any single verdict, and the most of one that guesses among three.
PASSED, EACH_KIND, GUESSED = 0.9, 0.8, 0.6
#: Share of what is rightly called said or denied that is quoted from the very sentence: for some the matcher has no quote.
LOCATED = 0.75


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory, prompts: PromptBook) -> Path:
    folder = build_judge(tmp_path_factory.mktemp("models") / "taught", prompts)
    teach(folder, prompts)
    return folder


@pytest.fixture(scope="module")
def engine(taught: Path) -> Iterator[TransformersEngine]:
    engine = TransformersEngine(str(taught))
    yield engine
    engine.close()


def opinions(engine: Engine, prompts: PromptBook, tasks: Sequence[Task] = TASKS) -> list[View]:
    """What the model itself thinks of every point, before the matcher's opinion joins in."""
    grader = ModelGrader(engine, prompts, BuiltinGrader())
    found = [grader.opinions(task.item) for task in tasks]
    return [view for views in found for view in views or ()]


def kind_of(view: View) -> Kind:
    return "contradicted" if view.contradicted >= 0.5 else "stated" if view.stated >= 0.5 else "absent"


def share_right(views: list[View]) -> float:
    states = [state for task in TASKS for state in task.states]
    return sum(kind_of(view) == state for view, state in zip(views, states, strict=True)) / len(states)


def test_what_is_said_is_covered_what_is_denied_is_contradicted_and_the_rest_is_missing(taught: Path, tmp_path: Path) -> None:
    """Named in the settings, loaded and mixed with the matcher's opinion as shipped; the answers are new to it. (Without worked
    examples in the prompt, which it has not learnt to read past.)"""
    settings = load_settings({}, data=tmp_path / "data")
    parts = build(replace(settings, engine="transformers", model=str(taught)))
    try:
        assert parts.model.wait(120).state == "ready"
        assert parts.model.engine is not None
        graded = ModelGrader(parts.model.engine, parts.prompts, BuiltinGrader()).grade_many([task.item for task in TASKS])
    finally:
        parts.close()
    judged = [
        (point, state, spoken)
        for task, assessment in zip(TASKS, graded, strict=True)
        for point, state, spoken in zip(assessment.points, task.states, task.spoken, strict=True)
    ]
    assert {assessment.grader.model for assessment in graded} == {"taught"}
    right = [point.verdict is VERDICTS[state] for point, state, _ in judged]
    assert sum(right) >= PASSED * len(right)
    for wanted in VERDICTS:
        of_kind = [point.verdict is VERDICTS[state] for point, state, _ in judged if state == wanted]
        assert sum(of_kind) >= EACH_KIND * len(of_kind), wanted
    quotes = [(point.evidence, spoken) for point, state, spoken in judged if spoken and point.verdict is VERDICTS[state]]
    located = [evidence is not None and evidence.text.strip() in spoken for evidence, spoken in quotes]
    assert sum(located) >= LOCATED * len(located)


def test_it_is_the_model_that_judges(engine: TransformersEngine, taught: Path, prompts: PromptBook, tmp_path: Path) -> None:
    """The taught model by itself does well, the same model before its lesson guesses, and the matcher can't tell denials."""
    assert share_right(opinions(engine, prompts)) >= PASSED
    untaught = TransformersEngine(str(build_judge(tmp_path / "untaught", prompts)))
    try:
        assert share_right(opinions(untaught, prompts)) <= GUESSED
    finally:
        untaught.close()
    builtin = [point for task in TASKS for point in BuiltinGrader().grade(task.item).points]
    denied = [p.verdict for p, s in zip(builtin, (s for t in TASKS for s in t.states), strict=True) if s == "contradicted"]
    assert denied.count(Verdict.CONTRADICTED) <= GUESSED * len(denied)


class Plainly:
    """Asks about one ending at a time, and lets nothing be kept of what was read before."""

    def __init__(self, engine: TransformersEngine) -> None:
        self._engine = engine
        self.info = engine.info

    def score_choices(self, request: ChoiceRequest) -> list[tuple[float, ...]]:
        rows = []
        for ending in request.endings:
            (row,) = self._engine.score_choices(replace(request, endings=(ending,))) or ()
            rows.append(row)
        return rows


def test_points_are_judged_alike_together_and_one_by_one_by_shortcut_and_plainly(
    taught: Path, engine: TransformersEngine, prompts: PromptBook
) -> None:
    plain = TransformersEngine(str(taught), prefix_bytes=0)
    try:
        assert engine._decoder is not None
        assert plain._decoder is not None
        assert engine._decoder.flat
        plain._decoder.flat = False  # each ending a row of its own
        few = TASKS[::5]
        together = opinions(engine, prompts, few)
        assert len(together) == sum(len(task.states) for task in few)
        for other in (Plainly(engine), plain, Plainly(plain)):
            for one, same in zip(together, opinions(other, prompts, few), strict=True):  # type: ignore[arg-type]
                assert one.stated == pytest.approx(same.stated, abs=1e-3)
                assert one.contradicted == pytest.approx(same.contradicted, abs=1e-3)
    finally:
        plain.close()
