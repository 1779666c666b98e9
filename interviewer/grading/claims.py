"""Does a stretch of speech sound like the bank's right statements or like its wrong ones?

An n-gram model, fitted by `evals/fit_claims.py` on everything the bank says rightly (references, statements, accepted
phrasings, corrections) and wrongly (contrasts, misconceptions). It learns facts that come up again and the way people
overclaim (只要, 完全, 不需要, “always”). A hedged wrong claim sounds right to it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from interviewer.grading.ngrams import NgramModel


@cache
def load_claims() -> NgramModel:
    """Log-odds that a text is a wrong claim; below 0 it sounds right."""
    return NgramModel.load(Path(__file__).with_name("claims.json"))
