"""Which model to suggest for a machine: reads models.yaml, compares it with what was found, and says why.

Suggests only: nothing is loaded, downloaded or chosen on anyone's behalf.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from interviewer.domain.errors import EngineUnavailable
from interviewer.engines.hardware import GIB, Dtype, Hardware, Plan, needed_bytes, plan

_DATA = Path(__file__).with_name("models.yaml")
_DTYPES: tuple[Dtype, ...] = ("bfloat16", "float32")


@dataclass(frozen=True, slots=True)
class Model:
    """One suggested model. `parameters` and `active` are counts, `context` tokens, `thinking` its template's switch."""

    name: str
    licence: str
    parameters: int
    active: int
    context: int
    thinking: str | None
    architecture: str

    @property
    def download_bytes(self) -> int:
        """About what has to be fetched: the weights of all these come in bfloat16."""
        return self.parameters * 2

    def memory(self) -> dict[Dtype, int]:
        """Bytes to run it, by number format, room for its work included."""
        return {dtype: needed_bytes(self.parameters, dtype) for dtype in _DTYPES}


@dataclass(frozen=True, slots=True)
class Tier:
    """From `free` bytes and `cores` processor cores on, `model` can be run and is fast enough to talk with."""

    free: int
    cores: int
    model: Model

    def reached(self, hardware: Hardware) -> bool:
        return hardware.free >= self.free and hardware.threads >= self.cores


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What to run here. Without a `tier` this machine is too small for any, and the built-in interviewer is suggested."""

    hardware: Hardware
    tier: Tier | None
    plan: Plan | None
    next: Tier | None

    @property
    def model(self) -> Model | None:
        return self.tier.model if self.tier else None


@cache
def _read() -> Mapping[str, Any]:
    import yaml

    data: Mapping[str, Any] = yaml.safe_load(_DATA.read_text(encoding="utf-8"))
    return data


@cache
def models() -> tuple[Model, ...]:
    """Every suggested model, smallest first."""
    return tuple(
        Model(
            name=row["name"],
            licence=row["licence"],
            parameters=round(row["parameters"] * 1e9),
            active=round(row.get("active", row["parameters"]) * 1e9),
            context=row["context"],
            thinking=row["thinking"],
            architecture=row["architecture"],
        )
        for row in _read()["models"]
    )


def tiers(device: str) -> tuple[Tier, ...]:
    """The tiers for a device as `Hardware.device` names it, lowest first. Apple's GPU counts as an accelerator."""
    by_name = {model.name: model for model in models()}
    rows = _read()["tiers"]["cpu" if device == "cpu" else "accelerator"]
    return tuple(Tier(int(row["free"] * GIB), row["cores"], by_name[row["model"]]) for row in rows)


def suggest(hardware: Hardware) -> Suggestion:
    """The last tier this machine reaches, how its model would be loaded, and the tier after it."""
    ladder = tiers(hardware.device)
    reached = [number for number, tier in enumerate(ladder) if tier.reached(hardware)]
    if not reached:
        return Suggestion(hardware, None, None, ladder[0])
    last = reached[-1]
    return Suggestion(
        hardware, ladder[last], plan(ladder[last].model.parameters, hardware), next(iter(ladder[last + 1 :]), None)
    )


def fits(model: Model, hardware: Hardware) -> bool:
    """Whether the model can be run here at all, however slowly."""
    try:
        plan(model.parameters, hardware)
    except EngineUnavailable:
        return False
    return True
