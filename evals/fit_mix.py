"""Fit how much a model's opinion counts beside the built-in matcher's: `python -m evals.fit_mix --model NAME`.

Asks the model about the dev half of the labelled answers and prints weights for interviewer/grading/model_mix.json, to be put
there by hand under `models` and the model's name. Few numbers, pulled towards the shipped ones and never negative, so a small
model can't talk itself into nonsense. Reads no test question; whether the weights help is for `python -m evals grading` to say.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, cast

from evals.engines import add_engine_arguments, make_grader
from evals.labelled import Labelled, newest_dataset, read_dataset
from interviewer.config import corpus_dir
from interviewer.domain.errors import EngineError, InterviewerError
from interviewer.domain.questions import Bank, Question
from interviewer.grading import BuiltinGrader, ModelGrader
from interviewer.grading.calibration import KNOWLEDGE, Knowledge
from interviewer.grading.combine import Weights, load_mix, logit
from interviewer.ports import GradingItem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: How hard the weights are held to the shipped ones: worth about this many answered points.
_PULL = 10.0


@dataclass(frozen=True, slots=True)
class Case:
    """One point of one answer: what the model and the matcher think, and the share of truth in it by the label, 0–1."""

    model: float
    builtin: float
    truth: float


def stripped(question: Question, known: Knowledge) -> Question:
    """The question as if the bank said only so much of its points."""
    if known == "full":
        return question
    less = [replace(p, contrasts=(), accepted=() if known == "bare" else p.accepted) for p in question.key_points]
    return replace(question, key_points=tuple(less))


def cases(grader: ModelGrader, bank: Bank, rows: Iterable[Labelled]) -> dict[tuple[str, Knowledge], list[Case]]:
    """By what is claimed (`stated`, `contradicted`) and by knowledge. The model is asked once for each answer."""
    builtin = BuiltinGrader(bank)
    found: dict[tuple[str, Knowledge], list[Case]] = {(c, k): [] for c in ("stated", "contradicted") for k in KNOWLEDGE}
    for row in rows:
        try:
            views = grader.opinions(GradingItem(row.question, row.answer))
        except EngineError as error:
            print(f"{row.id}: left out, {error}", file=sys.stderr)
            continue
        for known in KNOWLEDGE if views else ():
            matches = builtin.read(GradingItem(stripped(row.question, known), row.answer)).matches
            for point, view, match in zip(row.question.key_points, views or (), matches, strict=True):
                label, belief = row.labels[point.id], match.belief
                stated = Case(view.stated, belief.stated, {2: 1.0, 1: 0.5}.get(label, 0.0))
                found["stated", known].append(stated)
                found["contradicted", known].append(Case(view.contradicted, belief.contradicted, float(label == -1)))
    return found


def fitted(given: Sequence[Case], start: Weights) -> Weights:
    """The weights under which the labels are likeliest, held towards `start`. Without cases that is `start`."""
    import numpy as np
    from scipy.optimize import minimize

    x = np.array([[1.0, logit(c.model), logit(c.builtin)] for c in given]).reshape(-1, 3)
    y = np.array([c.truth for c in given])
    prior = np.array([start.bias, start.model, start.builtin])

    def loss(w: NDArray[np.float64]) -> float:
        z = x @ w
        return float(np.sum(np.logaddexp(0.0, z) - y * z) + _PULL * np.sum((w - prior) ** 2))

    best = minimize(loss, prior, method="L-BFGS-B", bounds=[(None, None), (0, None), (0, None)]).x
    return Weights(*(round(float(v), 3) for v in best))


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 the model or the data can't be used."""
    from interviewer.ingest.bankfile import load_bank

    parser = argparse.ArgumentParser(prog="python -m evals.fit_mix", description="Fit a model's share in the model grader.")
    add_engine_arguments(parser)
    args = parser.parse_args(argv)
    try:
        bank = load_bank([corpus_dir() / "bank"])
        grader, close = make_grader(args, bank)
        if not isinstance(grader, ModelGrader):
            raise InterviewerError("name a model with --model or a server with --base-url: the built-in grader has no mixture")
        try:
            found = cases(grader, bank, (r for r in read_dataset(newest_dataset(), bank, strict=False) if r.split == "dev"))
        finally:
            close()
    except InterviewerError as error:
        print(f"evals.fit_mix: {error}", file=sys.stderr)
        return 1
    shipped = {"stated": load_mix().stated, "contradicted": load_mix().contradicted}
    weights = {c: {k: asdict(fitted(found[c, k], shipped[c][k])) for k in KNOWLEDGE} for c in shipped}
    print(json.dumps({cast(str, grader.info.model): weights}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
