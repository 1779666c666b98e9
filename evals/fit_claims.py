"""Fit the built-in grader's claim model on what the bank says rightly and wrongly: `python -m evals.fit_claims`.

Cross-validation is by question: how well wrong claims about questions never seen are told from right ones. Reads only the bank.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from interviewer.config import corpus_dir
from interviewer.domain.questions import Bank, Question
from interviewer.domain.text import sentences
from interviewer.grading import claims as target
from interviewer.grading.claims import ClaimModel, ngrams
from interviewer.ingest.bankfile import load_bank

#: Fewest texts that an n-gram must stand in.
FEWEST = 3
#: Inverse L2 strength (scikit-learn's C).
STRENGTH = 1.0
#: Smallest coefficient kept; the fit is repeated on what is left.
LEAST = 0.2


def right_and_wrong(question: Question) -> tuple[list[str], list[str]]:
    """What the bank says about a question: (right, wrong), both languages."""
    right = [text[a:b] for text in question.reference.both() for a, b in sentences(text)]
    wrong: list[str] = []
    for point in question.key_points:
        right += [*point.accepted, *point.statement.both()]
        wrong += point.contrasts
    for found in question.misconceptions:
        right += found.correction.both()
        wrong += [*found.phrasings, *found.belief.both()]
    return right, wrong


def fit_claims(questions: Iterable[Question], strength: float = STRENGTH, least: float = LEAST) -> ClaimModel:
    """A claim model of those questions."""
    texts: list[list[str]] = []
    labels: list[int] = []
    for question in questions:
        for label, said in enumerate(right_and_wrong(question)):
            texts += [sorted(set(ngrams(text))) for text in said]
            labels += [label] * len(said)
    counts = Counter(gram for grams in texts for gram in grams)
    names = sorted(gram for gram, n in counts.items() if n >= FEWEST)
    bias, weights = _logistic(texts, labels, names, strength)
    kept = [name for name, weight in zip(names, weights, strict=True) if abs(weight) >= least]
    bias, weights = _logistic(texts, labels, kept, strength)
    return ClaimModel(round(bias, 4), {n: round(float(w), 3) for n, w in zip(kept, weights, strict=True)})


def _logistic(
    texts: Sequence[Sequence[str]], labels: Sequence[int], names: Sequence[str], strength: float
) -> tuple[float, Any]:
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import normalize

    column = {name: i for i, name in enumerate(names)}
    rows = [[column[g] for g in grams if g in column] for grams in texts]
    ends = np.cumsum([0, *map(len, rows)])
    data = csr_matrix((np.ones(ends[-1]), [c for row in rows for c in row], ends), shape=(len(rows), len(names)))
    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=300).fit(normalize(data), labels)
    return float(model.intercept_[0]), model.coef_[0]


def cross_fitted(bank: Bank, folds: int = 5, seed: int = 0) -> dict[str, ClaimModel]:
    """By question id, a model that has not seen that question."""
    ids = [q.id for q in bank]
    random.Random(seed).shuffle(ids)
    fold_of = {qid: i % folds for i, qid in enumerate(ids)}
    models = [fit_claims(q for q in bank if fold_of[q.id] != fold) for fold in range(folds)]
    return {qid: models[fold] for qid, fold in fold_of.items()}


def separation(bank: Bank, models: dict[str, ClaimModel]) -> float:
    """AUC of wrong against right sayings, each judged by its question's model."""
    from sklearn.metrics import roc_auc_score

    scores: list[float] = []
    labels: list[int] = []
    for question in bank:
        for label, said in enumerate(right_and_wrong(question)):
            scores += models[question.id].wrongness(said)
            labels += [label] * len(said)
    return float(roc_auc_score(labels, scores))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evals.fit_claims", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bank", type=Path, default=corpus_dir() / "bank", help="bank files (default: the shipped bank)")
    parser.add_argument("--out", type=Path, default=Path(target.__file__).with_name("claims.json"))
    parser.add_argument("--dry-run", action="store_true", help="print the figures only")
    args = parser.parse_args()
    bank = load_bank([args.bank])
    auc = separation(bank, cross_fitted(bank))
    model = fit_claims(bank)
    print(f"{len(model.weights)} n-grams; wrong against right sayings of questions never seen: AUC {auc:.3f}")
    if not args.dry_run:
        made = {"by": "python -m evals.fit_claims", "questions": len(bank), "auc_unseen_questions": round(auc, 4)}
        weights = dict(sorted(model.weights.items(), key=lambda item: -item[1]))  # the most telling first and last
        text = json.dumps({"made": made, "bias": model.bias, "weights": weights}, ensure_ascii=False, indent=0)
        args.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
