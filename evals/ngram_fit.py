"""Fits an n-gram model: which of two kinds a text is, by its wording. Knows nothing of what the kinds mean."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from interviewer.grading.ngrams import NgramModel, ngrams

#: Fewest texts that an n-gram must stand in.
FEWEST = 3
#: Inverse L2 strength (scikit-learn's C).
STRENGTH = 1.0
#: Smallest coefficient kept; the fit is repeated on what is left.
LEAST = 0.2


def fit_ngrams(others: Sequence[str], wanted: Sequence[str], strength: float = STRENGTH, least: float = LEAST) -> NgramModel:
    """A model of how far a text is one of the `wanted`. Both kinds count the same, however many texts there are of each."""
    texts = [sorted(set(ngrams(text))) for text in (*others, *wanted)]
    labels = [0] * len(others) + [1] * len(wanted)
    counts = Counter(gram for grams in texts for gram in grams)
    names = sorted(gram for gram, n in counts.items() if n >= FEWEST)
    bias, weights = _logistic(texts, labels, names, strength)
    kept = [name for name, weight in zip(names, weights, strict=True) if abs(weight) >= least]
    bias, weights = _logistic(texts, labels, kept, strength)
    return NgramModel(round(bias, 4), {n: round(float(w), 3) for n, w in zip(kept, weights, strict=True)})


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


def write(model: NgramModel, path: Path, made: Mapping[str, Any]) -> None:
    """The model as text that people review: the most telling n-grams first and last."""
    weights = dict(sorted(model.weights.items(), key=lambda item: -item[1]))
    text = json.dumps({"made": made, "bias": model.bias, "weights": weights}, ensure_ascii=False, indent=0)
    path.write_text(text + "\n", encoding="utf-8")
