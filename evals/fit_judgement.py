"""Fit how the built-in grader reads an answer as a whole: `python -m evals.fit_judgement` (after `fit_builtin`,
`fit_claims`, `fit_small_talk`).

Learns from the dev answers of the labelled dataset, never from test ones. Figures in the file are cross-validated by question.
Writes interviewer/grading/judgement.json: per model a bias and one curve per number, which people review as text.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from evals.fit_claims import cross_fitted, fit_claims
from evals.labelled import Labelled, newest_dataset, read_dataset
from interviewer.config import corpus_dir
from interviewer.domain.questions import Bank, KeyPoint, Question
from interviewer.grading import judgement as target
from interviewer.grading.calibration import KNOWLEDGE, Knowledge
from interviewer.grading.compiled import CompiledQuestion, compile_question
from interviewer.grading.gates import judge_scope
from interviewer.grading.judgement import NUMBERS, Judgement, numbers
from interviewer.grading.matching import gather
from interviewer.grading.ngrams import NgramModel
from interviewer.grading.vocabulary import Vocabulary
from interviewer.grading.windows import windows
from interviewer.ingest.bankfile import load_bank

#: Which numbers each model reads, and whether its chance may only rise (1) or only fall (−1) with them.
SIGNS: dict[str, dict[str, int]] = {
    "addressed": {"about": 1, "stated": 1, "denied": 1, "others_stated": 1, "cover": 1, "ahead": 1},
    "right": {
        "stated": 1, "denied": -1, "sounds_right": 1, "sounds_wrong": -1, "others_stated": 1, "others_denied": -1,
        "others_right": 1, "others_wrong": -1, "answer_worst": -1, "left_right": 1, "left_wrong": -1,
    },
    "full": {"about": 1, "stated": 1, "others_stated": 1, "sounds_right": 1, "cover": 1, "ahead": 1},
}  # fmt: skip
#: Knots of a curve at most; they stand at quantiles of what was seen.
KNOTS = 16
#: Boosted stumps: rounds, step, L2 on leaves, answers' points in a leaf at least.
ROUNDS, STEP, PENALTY, FEWEST = 300, 0.08, 5.0, 30

Floats = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer's numbers [points, NUMBERS] and labels [points]."""

    question: str
    rows: Floats
    labels: Floats


def seen_answers(rows: Sequence[Labelled], bank: Bank, knowledge: Knowledge, claims: Mapping[str, NgramModel]) -> list[Seen]:
    """What the grader sees of the answers, knowing that much of each point; those that a gate stops are left out."""
    vocabulary = Vocabulary.from_bank(bank)
    compiled: dict[str, CompiledQuestion] = {}
    out = []
    for row in rows:
        question = known_as(row.question, knowledge)
        judged = judge_scope(row.question, row.answer)
        if judged.nothing:
            continue
        if question.id not in compiled:
            compiled[question.id] = compile_question(question, vocabulary)
        found = windows(judged.text, judged.spans)
        if not found:
            continue
        units = [compiled[question.id].heard(w.text) for w in found]
        said = gather(compiled[question.id], found, units, claims[question.id], judged.lists).sentences
        labels = np.array([row.labels[p.id] for p in question.key_points])
        out.append(Seen(question.id, numbers(said.together(said.ids)), labels))
    return out


def known_as(question: Question, knowledge: Knowledge) -> Question:
    """The question with as much said about its points as that knowledge means."""
    if knowledge == "full":
        return question
    if knowledge == "accepted":
        return replace(question, key_points=tuple(replace(p, contrasts=()) for p in question.key_points))
    return replace(question, key_points=tuple(KeyPoint(p.id, p.statement, p.weight) for p in question.key_points))


def fit(data: Sequence[Seen]) -> dict[str, Any]:
    """The three models as JSON."""
    x, y = np.vstack([s.rows for s in data]), np.concatenate([s.labels for s in data])
    tasks = {
        "addressed": (np.ones(len(y), dtype=bool), y != 0),
        "right": (y != 0, y > 0),
        "full": (y > 0, y == 2),
    }
    return {name: additive(x[where], truth[where], SIGNS[name]) for name, (where, truth) in tasks.items()}


def additive(x: Floats, y: Floats, signs: Mapping[str, int]) -> dict[str, Any]:
    """A sum of monotone curves in log-odds, by boosting stumps on binned numbers; knots at the bins' medians."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    names = list(signs)
    columns = x[:, [NUMBERS.index(n) for n in names]]
    edges = [np.unique(np.quantile(column, np.linspace(0, 1, KNOTS + 1)[1:-1])) for column in columns.T]
    bins = np.stack([np.digitize(column, e) for column, e in zip(columns.T, edges, strict=True)], axis=1)
    model = HistGradientBoostingClassifier(
        max_iter=ROUNDS, learning_rate=STEP, max_leaf_nodes=2, l2_regularization=PENALTY, min_samples_leaf=FEWEST,
        monotonic_cst=list(signs.values()), early_stopping=False, random_state=0,
    ).fit(bins, y)  # fmt: skip
    zero = np.zeros((1, len(names)))
    base = float(model.decision_function(zero)[0])
    bias, curves = base, {}
    for j, name in enumerate(names):
        grid = np.repeat(zero, len(edges[j]) + 1, axis=0)
        grid[:, j] = np.arange(len(edges[j]) + 1)
        value = model.decision_function(grid) - base
        middle = float(np.average(value, weights=np.bincount(bins[:, j], minlength=len(value))))
        bias += middle
        at = [float(np.median(columns[bins[:, j] == b, j])) if (bins[:, j] == b).any() else None for b in range(len(value))]
        knots = [(round(a, 3), round(float(v) - middle, 3)) for a, v in zip(at, value, strict=True) if a is not None]
        knots = sorted(dict(knots).items())
        if len({v for _, v in knots}) > 1:
            curves[name] = {"at": [a for a, _ in knots], "value": [v for _, v in knots]}
    return {"bias": round(bias, 4), "curves": curves}


def cross_validated(data: Sequence[Seen], folds: int = 8) -> dict[str, float]:
    """Figures on questions not fitted on."""
    from sklearn.metrics import log_loss, roc_auc_score

    ids = sorted({s.question for s in data})
    random.Random(1).shuffle(ids)
    fold_of = {qid: i % folds for i, qid in enumerate(ids)}
    chances, labels = [], []
    for fold in range(folds):
        model = Judgement.from_json(fit([s for s in data if fold_of[s.question] != fold]))
        for s in data:
            if fold_of[s.question] == fold:
                chances.append(model.chances(s.rows))
                labels.append(s.labels)
    p, y = np.vstack(chances), np.concatenate(labels)
    order = {2: 0, 1: 1, -1: 2, 0: 3}
    said = (y == 2) | (y == -1)
    there = (y == 2) | (y == 0)
    figures = {
        "points": len(y),
        "log_loss": log_loss([order[int(v)] for v in y], p, labels=[0, 1, 2, 3]),
        "auc_stated_vs_wrong": roc_auc_score(y[said] == 2, p[said, 0]),
        "auc_stated_vs_absent": roc_auc_score(y[there] == 2, p[there, 0]),
    }
    return {name: round(float(value), 4) for name, value in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evals.fit_judgement", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bank", type=Path, default=corpus_dir() / "bank", help="bank files (default: the shipped bank)")
    parser.add_argument("--out", type=Path, default=Path(target.__file__).with_name("judgement.json"))
    parser.add_argument("--dry-run", action="store_true", help="print the figures only")
    args = parser.parse_args()
    bank = load_bank([args.bank])
    rows = [row for row in read_dataset(newest_dataset(), bank) if row.split == "dev"]
    # Only points with contrasts may be judged by a claim model that has read them; the others stand for questions never seen.
    everything = fit_claims(bank)
    unseen = cross_fitted(bank)
    models, figures = {}, {}
    for knowledge in KNOWLEDGE:
        claims = {q.id: everything for q in bank} if knowledge == "full" else unseen
        data = seen_answers(rows, bank, knowledge, claims)
        models[knowledge], figures[knowledge] = fit(data), cross_validated(data)
        print(knowledge, json.dumps(figures[knowledge]))
    if not args.dry_run:
        made = {"by": "python -m evals.fit_judgement", "dev_answers": len(rows), "cross_validated": figures}
        args.out.write_text(json.dumps({"made": made, "models": models}, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
