"""From features to probabilities: two small logistic models whose coefficients are text in `calibration.json`.

Knows nothing of texts. Fitted by `evals/fit_builtin.py`; inference needs numpy alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from interviewer.grading.features import NAMES

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float32]

#: How much the bank says about a point: accepted and contrast phrasings, accepted ones alone, or only its statement.
Knowledge = Literal["full", "accepted", "bare"]
KNOWLEDGE: tuple[Knowledge, ...] = ("full", "accepted", "bare")

_FILE = Path(__file__).with_name("calibration.json")


@dataclass(frozen=True, slots=True)
class Calibration:
    """Two logistic models over `features.NAMES`: is this stretch about the point, and if so, is the claim the right one?

    Each is [features] weights and a bias. Signs are fixed when fitting (a closer match never means *less* about the point).
    """

    about: Floats
    about_bias: float
    right: Floats
    right_bias: float

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """From `{"about": {"bias", "weights": {name: value}}, "right": …}`; a feature without a weight counts 0."""
        weights = [np.array([data[m]["weights"].get(n, 0.0) for n in NAMES], dtype=np.float32) for m in ("about", "right")]
        return cls(weights[0], data["about"]["bias"], weights[1], data["right"]["bias"])

    def log_odds(self, features: Floats) -> tuple[Floats, Floats]:
        """[…, features] → […] that the stretch is about the point, and […] that it takes the right side."""
        return features @ self.about + self.about_bias, features @ self.right + self.right_bias

    def probabilities(self, features: Floats) -> Floats:
        """[…, features] → […, 3] stated, contradicted, absent; each row sums to 1."""
        about, right = map(sigmoid, self.log_odds(features))
        result: Floats = np.stack([about * right, about * (1 - right), 1 - about], axis=-1).astype(np.float32)
        return result


@cache
def load_calibration(knowledge: Knowledge) -> Calibration:
    """The fitted model for points of that kind."""
    return Calibration.from_json(json.loads(_FILE.read_text(encoding="utf-8"))["models"][knowledge])


def sigmoid(x: ArrayLike) -> NDArray[np.float64]:
    """1 / (1 + e^−x), without overflow."""
    result: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(np.asarray(x, dtype=float), -40.0, 40.0)))
    return result
