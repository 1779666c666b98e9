"""Which speech recogniser to suggest for a machine: reads recognisers.yaml. Suggests only; loads and fetches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_DATA = Path(__file__).with_name("recognisers.yaml")
_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Suggested:
    """One suggested recogniser. `parameters` is a count, `download_bytes` what has to be fetched."""

    name: str
    licence: str
    parameters: int
    download_bytes: int
    languages: int

    def memory(self, accelerator: bool) -> int:
        """Bytes to run it."""
        return self.parameters * (2 if accelerator else 4) + _GIB // 2


@cache
def recognisers() -> tuple[Suggested, ...]:
    """Every suggested recogniser, smallest first."""
    return tuple(
        Suggested(row["name"], row["licence"], row["parameters"] * 10**6, round(row["download"] * 1e9), row["languages"])
        for row in _read()["recognisers"]
    )


def suggest(free: int, cores: int, accelerator: bool = False) -> Suggested | None:
    """The best recogniser for `free` bytes of memory (the accelerator's own, if there is one); None if there is too little."""
    by_name = {one.name: one for one in recognisers()}
    tiers = _read()["tiers"]["accelerator" if accelerator else "cpu"]
    reached = [row["name"] for row in tiers if free >= row["free"] * _GIB and cores >= row["cores"]]
    return by_name[reached[-1]] if reached else None


@cache
def _read() -> Mapping[str, Any]:
    import yaml

    data: Mapping[str, Any] = yaml.safe_load(_DATA.read_text(encoding="utf-8"))
    return data
