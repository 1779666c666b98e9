"""Does a stretch of speech sound like the bank's right statements or like its wrong ones?

A linear model over word n-grams, fitted by `evals/fit_claims.py` on everything the bank says rightly (references, statements,
accepted phrasings, corrections) and wrongly (contrasts, misconceptions). It learns facts that come up again and the way people
overclaim (只要, 完全, 不需要, “always”). It reads words, not arguments: a hedged wrong claim sounds right to it.
Its coefficients are text in `claims.json`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

from interviewer.domain.text import normalise
from interviewer.grading.vocabulary import words

_FILE = Path(__file__).with_name("claims.json")
#: Longest n-gram, in words (a Chinese character is one).
LONGEST = 3


def ngrams(text: str) -> Iterator[str]:
    """Every run of one to three words, repeats included."""
    sequence = words(normalise(text))
    for length in range(1, LONGEST + 1):
        for i in range(len(sequence) - length + 1):
            yield " ".join(sequence[i : i + length])


@dataclass(frozen=True)
class ClaimModel:
    """Log-odds that a text is a wrong claim: `bias + Σ weights / √(known n-grams)`, each n-gram once."""

    bias: float
    weights: Mapping[str, float]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """From `{"bias": number, "weights": {n-gram: number}}`."""
        return cls(data["bias"], data["weights"])

    def wrongness(self, texts: Sequence[str]) -> list[float]:
        """Log-odds for each text; below 0 it sounds right. A text without a known n-gram gets the bias alone."""
        out = []
        for text in texts:
            known = [self.weights[gram] for gram in set(ngrams(text)) if gram in self.weights]
            out.append(self.bias + (sum(known) / math.sqrt(len(known)) if known else 0.0))
        return out


@cache
def load_claims() -> ClaimModel:
    """The fitted model."""
    return ClaimModel.from_json(json.loads(_FILE.read_text(encoding="utf-8")))
