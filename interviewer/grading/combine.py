"""Several opinions on one key point become one belief. Arithmetic only: knows no text, no prompt and no model.

Opinions are averaged in log-odds, so that a sure one counts for more than a hesitant one; where the prompts disagree the band
widens. The built-in matcher's belief joins in the same way, with weights from `model_mix.json`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import pstdev
from typing import Any, Self

from interviewer.grading.calibration import KNOWLEDGE, Knowledge, sigmoid
from interviewer.grading.scoring import Belief

_FILE = Path(__file__).with_name("model_mix.json")
#: Nobody's opinion counts as surer than this: one sure mistake must not outweigh everything else.
_SUREST = 0.03
#: The band's factor grows by this per unit of standard deviation between prompts: two that say 0 and 1 double it.
_SPREAD_DOUBT = 2.0


@dataclass(frozen=True, slots=True)
class View:
    """One prompt's opinion on one point: the chance that it is stated, and that it is contradicted, each 0–1."""

    stated: float
    contradicted: float


@dataclass(frozen=True, slots=True)
class Weights:
    """`bias + model · logit(model) + builtin · logit(builtin)` is the log-odds of the mixture."""

    bias: float
    model: float
    builtin: float

    def mixed(self, model: float, builtin: float) -> float:
        return float(sigmoid(self.bias + self.model * logit(model) + self.builtin * logit(builtin)))


@dataclass(frozen=True, slots=True)
class Mix:
    """How a model's view joins the built-in belief: weights for *stated* and *contradicted*, by what the bank knows of the
    point. `fingerprint` changes with any of them."""

    stated: Mapping[Knowledge, Weights]
    contradicted: Mapping[Knowledge, Weights]
    fingerprint: str

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """From `{"stated": {"full": {"bias", "model", "builtin"}, …}, "contradicted": …}`. Raises ValueError for a negative
        weight: a surer opinion never means less."""
        tables = [{k: Weights(**data[name][k]) for k in KNOWLEDGE} for name in ("stated", "contradicted")]
        if any(w.model < 0 or w.builtin < 0 for table in tables for w in table.values()):
            raise ValueError("weights of the mixture can't be negative")
        text = json.dumps(data, sort_keys=True)
        return cls(tables[0], tables[1], hashlib.sha256(text.encode()).hexdigest()[:8])

    def belief(self, view: View, builtin: Belief, known: Knowledge, doubt: float) -> Belief:
        """The mixture. `doubt` is the model's own; what the built-in matcher lacks in knowledge shows in its weight."""
        return Belief(
            self.stated[known].mixed(view.stated, builtin.stated),
            self.contradicted[known].mixed(view.contradicted, builtin.contradicted),
            doubt,
        )


@cache
def load_mix(model: str = "") -> Mix:
    """The mixture that is shipped for that model, or the one for models not known."""
    data = json.loads(_FILE.read_text(encoding="utf-8"))
    return Mix.from_json(data["models"].get(model, data["weights"]))


def agreed(forms: Sequence[Sequence[View]]) -> tuple[View, float]:
    """One view of a point from several ways of asking, and the factor ≥ 1 that their disagreement puts on the band.

    Each form has one vote, however often it was asked (its options in another order, say). Raises ValueError for none.
    """
    if not forms or not all(forms):
        raise ValueError("a point needs at least one view of each form")
    views = [view for form in forms for view in form]
    stated = _mean([_mean([v.stated for v in form]) for form in forms])
    wrong = _mean([_mean([v.contradicted for v in form]) for form in forms])
    apart = max(pstdev([v.stated for v in views]), pstdev([v.contradicted for v in views]))
    return View(stated, wrong), 1 + _SPREAD_DOUBT * apart


def logit(p: float) -> float:
    """Log-odds, of an opinion that is never quite sure."""
    p = min(1 - _SUREST, max(_SUREST, p))
    return math.log(p / (1 - p))


def _mean(values: Sequence[float]) -> float:
    return float(sigmoid(math.fsum(map(logit, values)) / len(values)))
