"""Fit the built-in grader's claim model on what the bank says rightly and wrongly: `python -m evals.fit_claims`.

Cross-validation is by question: how well wrong claims about questions never seen are told from right ones. Reads only the bank.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable
from pathlib import Path

from evals.ngram_fit import fit_ngrams, write
from interviewer.config import corpus_dir
from interviewer.domain.questions import Bank, Question
from interviewer.domain.text import sentences
from interviewer.grading import claims as target
from interviewer.grading.ngrams import NgramModel
from interviewer.ingest.bankfile import load_bank


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


def fit_claims(questions: Iterable[Question]) -> NgramModel:
    """A claim model of those questions."""
    said = [right_and_wrong(question) for question in questions]
    return fit_ngrams([text for right, _ in said for text in right], [text for _, wrong in said for text in wrong])


def cross_fitted(bank: Bank, folds: int = 5, seed: int = 0) -> dict[str, NgramModel]:
    """By question id, a model that has not seen that question."""
    ids = [q.id for q in bank]
    random.Random(seed).shuffle(ids)
    fold_of = {qid: i % folds for i, qid in enumerate(ids)}
    models = [fit_claims(q for q in bank if fold_of[q.id] != fold) for fold in range(folds)]
    return {qid: models[fold] for qid, fold in fold_of.items()}


def separation(bank: Bank, models: dict[str, NgramModel]) -> float:
    """AUC of wrong against right sayings, each judged by its question's model."""
    from sklearn.metrics import roc_auc_score

    scores: list[float] = []
    labels: list[int] = []
    for question in bank:
        for label, said in enumerate(right_and_wrong(question)):
            scores += models[question.id].log_odds(said)
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
        write(
            model, args.out, {"by": "python -m evals.fit_claims", "questions": len(bank), "auc_unseen_questions": round(auc, 4)}
        )


if __name__ == "__main__":
    main()
