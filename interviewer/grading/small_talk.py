"""Is a sentence talk that answers nothing: about oneself, the question, the talk itself, or true of everything?

An n-gram model, fitted by `evals/fit_small_talk.py` on such sentences against speech that answers questions. An answer padded
with them must be worth what it is worth without.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from interviewer.grading.ngrams import NgramModel


@cache
def load_small_talk() -> NgramModel:
    """Log-odds that a sentence is small talk."""
    return NgramModel.load(Path(__file__).with_name("small_talk.json"))
