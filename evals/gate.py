"""A result against its committed baseline. Knows the baseline file's format and nothing of tasks.

{"command": "python -m evals …", "dataset": "<digest>",
 "<figure>": {"value": 0.81, "noise": 0.02, "higher_is_better": true}, …}
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from evals.results import Result
from interviewer.domain.errors import InterviewerError

#: Where a task states no noise of its own: two points of a hundred.
DEFAULT_NOISE = 0.02
_ABOUT = ("command", "dataset")


class BaselineError(InterviewerError):
    """A baseline that can't be compared with."""


def compare(path: Path, result: Result) -> tuple[list[str], list[str]]:
    """A line per failing figure, and notes on what changed around them. Raises BaselineError when there is none."""
    baseline = _read(path)
    failures: list[str] = []
    notes: list[str] = []
    if baseline.get("dataset") != result.dataset:
        notes.append(f"the data has changed since the baseline (was {baseline.get('dataset')}, is {result.dataset})")
    watched = {name: entry for name, entry in baseline.items() if name not in _ABOUT}
    for name, entry in watched.items():
        value = result.figures.get(name)
        if value is None or math.isnan(value):
            failures.append(f"{name}: no figure (baseline {entry['value']:.4f})")
            continue
        loss = (entry["value"] - value) * (1 if entry["higher_is_better"] else -1)
        if loss > entry["noise"] + 1e-9:
            failures.append(f"{name}: {value:.4f}, baseline {entry['value']:.4f}, allowed to differ by {entry['noise']:.4f}")
    notes += [f"{name} has no baseline yet" for name in result.figures if name not in watched]
    return failures, notes


def write_baseline(path: Path, result: Result, command: str) -> None:
    """Make the result's figures the baseline. Raises BaselineError for a figure that is no number."""
    entries: dict[str, Any] = {"command": command, "dataset": result.dataset}
    for name, value in sorted(result.figures.items()):
        if not math.isfinite(value):
            raise BaselineError(f"{name} is {value}; that can't be a baseline")
        entries[name] = {
            "value": round(value, 6),
            "noise": round(result.noise.get(name, DEFAULT_NOISE), 6),
            "higher_is_better": name not in result.lower_is_better,
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    try:
        baseline = json.loads(path.read_text(encoding="utf-8"))
        for name, entry in baseline.items():
            if name not in _ABOUT and not {"value", "noise", "higher_is_better"} <= entry.keys():
                raise ValueError(f"{name} is incomplete")
    except FileNotFoundError:
        raise BaselineError(f"there is no baseline {path}; make one with --update-baseline") from None
    except (OSError, ValueError, AttributeError) as error:
        raise BaselineError(f"the baseline {path} can't be read: {error}") from error
    return dict(baseline)
