"""A linear model over word n-grams, for what can be told from wording alone.

Its coefficients are text, fitted by `evals/ngram_fit.py`. It reads words, not arguments, and knows no question.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from interviewer.domain.text import normalise
from interviewer.grading.vocabulary import words

#: Longest n-gram, in words (a Chinese character is one).
LONGEST = 3


def ngrams(text: str) -> Iterator[str]:
    """Every run of one to three words, repeats included."""
    sequence = words(normalise(text))
    for length in range(1, LONGEST + 1):
        for i in range(len(sequence) - length + 1):
            yield " ".join(sequence[i : i + length])


@dataclass(frozen=True)
class NgramModel:
    """Log-odds that a text is of the kind it was fitted for: `bias + Σ weights / √(known n-grams)`, each n-gram once."""

    bias: float
    weights: Mapping[str, float]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """From `{"bias": number, "weights": {n-gram: number}}`."""
        return cls(data["bias"], data["weights"])

    @classmethod
    def load(cls, path: Path) -> Self:
        return cls.from_json(json.loads(path.read_text(encoding="utf-8")))

    def log_odds(self, texts: Sequence[str]) -> list[float]:
        """One number per text. A text without a known n-gram gets the bias alone."""
        out = []
        for text in texts:
            known = [self.weights[gram] for gram in set(ngrams(text)) if gram in self.weights]
            out.append(self.bias + (sum(known) / math.sqrt(len(known)) if known else 0.0))
        return out
