"""Fit the built-in grader's calibration on labels the bank gives for free: `python -m evals.fit_builtin`.

A point's accepted phrasing is *stated*, a contrast *contradicted* (left out of what the grader knows, or known and said
with other words); the sayings of other points and questions, shuffled words and bare terms are *absent*. Cross-validation is
grouped by question. Never reads evals/datasets: those figures stay honest.
Writes interviewer/grading/calibration.json, which people review as text.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from interviewer.config import corpus_dir
from interviewer.domain.questions import Bank, KeyPoint, Question
from interviewer.grading import calibration as target
from interviewer.grading.calibration import KNOWLEDGE, Calibration, Knowledge
from interviewer.grading.compiled import CompiledQuestion, compile_question
from interviewer.grading.features import NAMES, window_features
from interviewer.grading.lexicon import NEGATION, OPPOSITES
from interviewer.grading.vocabulary import Vocabulary
from interviewer.ingest.bankfile import load_bank

STATED, CONTRADICTED, ABSENT = range(3)
#: Openings as people speak, so that the model sees more than bare phrasings.
OPENINGS = ("", "", "嗯，", "我觉得", "其实就是", "这个的话，", "Well, ", "I think ", "so basically ")
#: How much a contradicting row counts against a stating one: candidates say a thing rightly more often than wrongly.
#: Without contrasts nothing tells the two apart, and trusting most claims errs least; with them, near-balance separates
#: best on dev.
CONTRADICTED_WEIGHT: dict[Knowledge, float] = {"full": 0.8, "accepted": 0.3, "bare": 0.15}
#: L2 strength on the mean log loss. Figures hardly move between 1e-4 and 3e-3 (evals/LOG.md).
STRENGTH = 1e-3

Floats = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One stretch of text against one point. `kind` says how it was made."""

    features: Floats
    label: int
    question: str
    kind: str


def rows(bank: Bank, knowledge: Knowledge, seed: int = 0) -> Iterator[Row]:
    """Labelled sayings against every point of their question."""
    rng = random.Random(seed)
    vocabulary = Vocabulary.from_bank(bank)
    foreign = [(q.id, text) for q in bank for p in q.key_points for text in (*p.accepted, *p.contrasts)]
    for question in bank:
        compiled = compile_question(question, vocabulary)
        if knowledge == "bare":
            judge = Judge(compile_question(_stripped(question), vocabulary), frozenset())
        else:
            judge = Judge(compiled, _contrasts(compiled) if knowledge == "accepted" else frozenset())
        yield from _sayings(compiled, judge, rng)
        yield from _shuffled(compiled, judge, rng)
        others = [text for qid, text in foreign if qid != question.id]
        for text in rng.sample(others, min(12, len(others))):
            for vector in judge.features(text):
                yield Row(vector, ABSENT, question.id, "foreign")


@dataclass(frozen=True, slots=True)
class Judge:
    """A question as the grader would know it: its compiled form, and the phrases to overlook in it."""

    compiled: CompiledQuestion
    hidden: frozenset[int]

    def features(self, text: str, left_out: frozenset[int] = frozenset()) -> Floats:
        """[points, features] of a text; `left_out` numbers phrases of the full question."""
        units = self.compiled.vocabulary.units(text)
        if all(p.statement for p in self.compiled.phrases):
            left_out = frozenset()  # there is nothing to leave out, and the numbers are another question's
        features: Floats = window_features(self.compiled, [units], self.hidden | left_out)[0]
        return features


def _stripped(question: Question) -> Question:
    """What an imported question has: statements."""
    return replace(question, key_points=tuple(KeyPoint(p.id, p.statement, p.weight) for p in question.key_points))


def _contrasts(compiled: CompiledQuestion) -> frozenset[int]:
    return frozenset(i for i, p in enumerate(compiled.phrases) if not p.right)


def _sayings(compiled: CompiledQuestion, judge: Judge, rng: random.Random) -> Iterator[Row]:
    """Each phrasing in three guises: unknown to the grader; known but said with other words here and there; beside another
    one."""
    sayings = [i for i, p in enumerate(compiled.phrases) if not p.statement]
    for i in sayings:
        phrase = compiled.phrases[i]
        # Leaving out one side only would make the other look closer: a phrase of the other side goes too.
        opposite = [
            j for j in sayings if compiled.phrases[j].point == phrase.point and compiled.phrases[j].right != phrase.right
        ]
        pair = frozenset({i, rng.choice(opposite)}) if opposite else frozenset({i})
        other = compiled.phrases[rng.choice(sayings)]
        guises = [
            ("unknown", rng.choice(OPENINGS) + phrase.text, pair, [phrase]),
            ("loose", _loosened(phrase.text, rng), frozenset(), [phrase]),
        ]
        if other.point != phrase.point:
            guises.append(("beside", f"{phrase.text}，{other.text}", pair, [phrase, other]))
        for kind, text, left_out, stated in guises:
            vectors = judge.features(text, left_out)
            for p in range(len(compiled.question.key_points)):
                source = next((s for s in stated if s.point == p), None)
                label = ABSENT if source is None else STATED if source.right else CONTRADICTED
                yield Row(vectors[p], label, compiled.question.id, kind)


def _loosened(text: str, rng: random.Random) -> str:
    """The text with 25–55 % of its words (Chinese: characters) lost, as a paraphrase that keeps the rest would share. Words
    that carry the direction of the claim stay: a paraphrase keeps those by meaning."""
    pieces = re.findall(r"[A-Za-z0-9][\w.\-']*|\S", text)
    keep = 1 - rng.uniform(0.25, 0.55)
    kept = [
        w
        for w in pieces
        if rng.random() < keep
        or NEGATION.search(w.casefold())
        or any(side.search(w.casefold()) for pair in OPPOSITES for side in pair)
    ]
    return "".join(f" {w} " if w.isascii() else w for w in kept)


def _shuffled(compiled: CompiledQuestion, judge: Judge, rng: random.Random) -> Iterator[Row]:
    """A point's words in random order, and its terms alone, state nothing."""
    for p, point in enumerate(compiled.question.key_points):
        text = rng.choice(point.statement.both())
        pieces = list(text) if point.statement.zh == text else text.split()
        rng.shuffle(pieces)
        names = [rng.choice(group) for group in point.terms]
        for junk in ((" " if point.statement.zh != text else "").join(pieces), "、".join(names)):
            yield Row(judge.features(junk)[p], ABSENT, compiled.question.id, "shuffled")


#: Which features each model may use, and their sign. A feature that would need the other sign gets 0.
ABOUT = {"match": 1, "said": 1, "profile": 1, "concepts": 1, "order": 1, "rival": 1, "short": -1}
RIGHT = {
    "margin": 1, "tell": 1, "negation_right": -1, "negation_wrong": 1, "opposite_right": -1, "opposite_wrong": 1,
    "swap_right": -1, "swap_wrong": 1,
}  # fmt: skip


def logistic(x: Floats, y: Floats, importance: Floats, signs: dict[str, int], strength: float) -> tuple[Floats, float]:
    """Logistic regression with an L2 penalty and the given signs: (weights over NAMES, bias)."""
    from scipy.optimize import minimize

    used = [NAMES.index(n) for n in signs]
    data = x[:, used].astype(float)
    target = 2 * y.astype(float) - 1
    share = importance / importance.sum()

    def loss(w: Floats) -> tuple[float, Floats]:
        margin = target * (data @ w[:-1] + w[-1])
        slope = -target / (1 + np.exp(margin)) * share
        gradient = np.append(data.T @ slope + strength * w[:-1], slope.sum())
        return float((share * np.logaddexp(0, -margin)).sum() + strength / 2 * (w[:-1] ** 2).sum()), gradient

    bounds = [(0, None) if s > 0 else (None, 0) for s in signs.values()] + [(None, None)]
    found = minimize(loss, np.zeros(len(used) + 1), jac=True, bounds=bounds, method="L-BFGS-B").x
    weights = np.zeros(len(NAMES))
    weights[used] = found[:-1]
    return weights, float(found[-1])


def fit(data: list[Row], knowledge: Knowledge) -> dict[str, Any]:
    """Both models' coefficients."""
    x, y = np.array([r.features for r in data]), np.array([r.label for r in data])
    told = y != ABSENT
    models = {
        "about": logistic(x, told, np.ones(len(y)), ABOUT, STRENGTH),
        "right": logistic(
            x[told], y[told] == STATED, np.where(y[told] == STATED, 1.0, CONTRADICTED_WEIGHT[knowledge]), RIGHT, STRENGTH
        ),
    }
    return {
        name: {"bias": round(bias, 4), "weights": {f: round(float(w[NAMES.index(f)]), 4) for f in signs}}
        for (name, (w, bias)), signs in zip(models.items(), (ABOUT, RIGHT), strict=True)
    }


def cross_validated(data: list[Row], knowledge: Knowledge, folds: int = 5) -> dict[str, float]:
    """Figures on questions not fitted on."""
    from sklearn.metrics import log_loss, roc_auc_score

    names = sorted({r.question for r in data})
    fold_of = {name: i % folds for i, name in enumerate(random.Random(1).sample(names, len(names)))}
    kept: list[tuple[Row, Floats]] = []
    for fold in range(folds):
        model = Calibration.from_json(fit([r for r in data if fold_of[r.question] != fold], knowledge))
        test = [r for r in data if fold_of[r.question] == fold]
        if test:
            kept.extend(zip(test, model.probabilities(np.array([r.features for r in test])), strict=True))
    y = np.array([r.label for r, _ in kept])
    p = np.array([q for _, q in kept])
    told = y != ABSENT
    figures = {
        "rows": float(len(y)),
        "log_loss": log_loss(y, p),
        "auc_about": roc_auc_score(told, 1 - p[:, ABSENT]),
        "auc_stated_vs_rest": roc_auc_score(y == STATED, p[:, STATED]),
    }
    right = p[:, STATED] / (p[:, STATED] + p[:, CONTRADICTED])
    for kind in ("unknown", "loose", "beside"):
        rows_of = told & np.array([r.kind == kind for r, _ in kept])
        figures[f"auc_stated_vs_contradicted_{kind}"] = roc_auc_score(y[rows_of] == STATED, right[rows_of])
    return {k: round(float(v), 4) for k, v in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evals.fit_builtin", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bank", type=Path, default=corpus_dir() / "bank", help="bank files (default: the shipped bank)")
    parser.add_argument("--out", type=Path, default=Path(target.__file__).with_name("calibration.json"))
    parser.add_argument("--dry-run", action="store_true", help="print the figures only")
    args = parser.parse_args()
    bank = load_bank([args.bank])
    models, figures = {}, {}
    for knowledge in KNOWLEDGE:
        data = list(rows(bank, knowledge))
        models[knowledge], figures[knowledge] = fit(data, knowledge), cross_validated(data, knowledge)
        print(knowledge, json.dumps(figures[knowledge]), json.dumps(models[knowledge]), sep="\n  ")
    if not args.dry_run:
        made = {"by": "python -m evals.fit_builtin", "questions": len(bank), "cross_validated": figures}
        args.out.write_text(json.dumps({"made": made, "models": models}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
