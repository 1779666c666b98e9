"""Fit what the built-in grader takes for padding: `python -m evals.fit_small_talk` (before `fit_judgement`).

Learns authored small talk (`datasets/small_talk.yaml`) against what the bank says and what labelled dev answers say to their
questions; never from test ones, nor from the padding that `robustness` tries. Cross-validated: small talk by line, answers by
question. Writes interviewer/grading/small_talk.json, which people review as text.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import yaml

from evals.fit_claims import right_and_wrong
from evals.labelled import DATASETS, Labelled, newest_dataset, read_dataset
from evals.ngram_fit import fit_ngrams, write
from interviewer.config import corpus_dir
from interviewer.domain.questions import Bank
from interviewer.domain.text import sentences
from interviewer.grading import small_talk as target
from interviewer.grading.ngrams import NgramModel
from interviewer.ingest.bankfile import load_bank

#: Kinds of labelled answers that say little to the question; their sentences are neither one nor the other.
_BESIDE_THE_POINT = frozenset({"rambling", "dont-know", "off-topic", "injection", "keyword-list", "echo"})
_FOLDS = 5


def small_talk() -> list[str]:
    """The authored lines, both languages."""
    by_language = yaml.safe_load((DATASETS / "small_talk.yaml").read_text(encoding="utf-8"))
    return [line for lines in by_language.values() for line in lines]


def answering(rows: Sequence[Labelled]) -> list[str]:
    """The sentences of answers that answer."""
    kept = (row.answer for row in rows if row.kind not in _BESIDE_THE_POINT)
    return [answer[a:b] for answer in kept for a, b in sentences(answer)]


def cross_validated(talk: Sequence[str], bank_says: Sequence[str], rows: Sequence[Labelled]) -> tuple[float, float]:
    """(share of small talk that is told, share of answers' sentences taken for it), none of them fitted on."""
    ids = sorted({row.question.id for row in rows})
    told = taken = sentences_seen = 0
    for fold in range(_FOLDS):
        held = set(ids[fold::_FOLDS])
        model = fit_ngrams(
            [*bank_says, *answering([row for row in rows if row.question.id not in held])],
            [line for i, line in enumerate(talk) if i % _FOLDS != fold],
        )
        tried = answering([row for row in rows if row.question.id in held])
        told += _hits(model, talk[fold::_FOLDS])
        taken += _hits(model, tried)
        sentences_seen += len(tried)
    return told / len(talk), taken / sentences_seen


def _hits(model: NgramModel, texts: Sequence[str]) -> int:
    return sum(log_odds > 0 for log_odds in model.log_odds(texts))


def bank_speech(bank: Bank) -> list[str]:
    """Everything the bank says, right and wrong."""
    return [text for question in bank for side in right_and_wrong(question) for text in side]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evals.fit_small_talk", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bank", type=Path, default=corpus_dir() / "bank", help="bank files (default: the shipped bank)")
    parser.add_argument("--out", type=Path, default=Path(target.__file__).with_name("small_talk.json"))
    parser.add_argument("--dry-run", action="store_true", help="print the figures only")
    args = parser.parse_args()
    bank = load_bank([args.bank])
    rows = [row for row in read_dataset(newest_dataset(), bank) if row.split == "dev"]
    talk, bank_says = small_talk(), bank_speech(bank)
    told, taken = cross_validated(talk, bank_says, rows)
    model = fit_ngrams([*bank_says, *answering(rows)], talk)
    print(f"{len(model.weights)} n-grams; small talk told {told:.2f}, answers' sentences taken for it {taken:.3f}")
    if not args.dry_run:
        figures = {"small_talk_told": round(told, 3), "answers_taken_for_it": round(taken, 4)}
        write(model, args.out, {"by": "python -m evals.fit_small_talk", "lines": len(talk), "cross_validated": figures})


if __name__ == "__main__":
    main()
