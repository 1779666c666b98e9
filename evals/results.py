"""What an evaluation task hands back: figures, tables, charts and text. Plain values; knows no task and no file format."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Table:
    """Cells are shown as they are; floats with three digits."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | int | None, ...], ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; `low` and `high` are the ends of its interval. Bars of one `series` (counted from 0) share a colour."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    series: int = 0


@dataclass(frozen=True, slots=True)
class Chart:
    """Horizontal bars on a scale from 0 to `maximum` (to the largest value if None)."""

    title: str
    bars: tuple[Bar, ...]
    maximum: float | None = 1.0


@dataclass(frozen=True, slots=True)
class Dot:
    """One place on a curve, both 0–1; `low` and `high` are the ends of the interval of `y`, `count` what it stands for."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    count: int = 0


@dataclass(frozen=True, slots=True)
class Curves:
    """Named curves in the unit square, against the diagonal that a perfect one would follow."""

    title: str
    x_label: str
    y_label: str
    curves: tuple[tuple[str, tuple[Dot, ...]], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """Text under a title; a blank line makes a paragraph."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one task.

    `figures` are what the gate watches; `noise` is how far a figure may fall short of its baseline (same unit; 0.02 where not
    given), `lower_is_better` names the figures to be kept small. `dataset` is a digest of the data, see `dataset_hash`.
    `made_by` goes into the stamp: model, prompt versions, seed and whatever else decides the outcome. `intervals` are the 95 %
    ones of figures that have any. A task that measures several models gives each its own baseline through `variant`:
    baselines/<task>-<variant>.json. Where it measures them in one run, each is one of `parts`, which hold figures, under its
    `label`; the whole then has no figures of its own, and tables and charts that show the parts side by side.
    """

    figures: Mapping[str, float]
    dataset: str
    noise: Mapping[str, float] = field(default_factory=dict)
    lower_is_better: frozenset[str] = frozenset()
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart | Curves, ...] = ()
    sections: tuple[Section, ...] = ()
    made_by: Mapping[str, str | int | float | None] = field(default_factory=dict)
    variant: str = ""
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    label: str = ""
    parts: tuple[Result, ...] = ()

    @property
    def measured(self) -> tuple[Result, ...]:
        """What has figures: the parts, or the result itself."""
        return self.parts or (self,)


def dataset_hash(parts: Iterable[str]) -> str:
    """A digest of the data's texts, in order."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(f"{len(encoded)}:".encode())
        digest.update(encoded)
    return digest.hexdigest()[:16]
