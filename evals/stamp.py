"""What produced a result: revision, data, model, machine, time. Reads the machine; measures nothing."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from evals.results import Result

_ROOT = Path(__file__).resolve().parent.parent
_LIBRARIES = ("numpy", "scikit-learn", "faiss-cpu", "bm25s", "sentence-transformers", "torch", "transformers")


def make_stamp(task: str, command: str, result: Result, seconds: float) -> dict[str, Any]:
    """The stamp of a result that took `seconds`."""
    revision, dirty = _revision()
    return {
        "task": task,
        "command": command,
        "revision": revision,
        "dirty": dirty,
        "dataset": result.dataset,
        **{"model": None, "prompts": None, "seed": None, **result.made_by},
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "hardware": hardware(),
        "python": platform.python_version(),
        "libraries": library_versions(),
    }


def library_versions() -> dict[str, str]:
    """The installed ones of those that results depend on."""
    return {name: found for name in _LIBRARIES if (found := _version(name))}


def hardware() -> str:
    """Processor, cores this process may use, memory, and the GPU where torch is loaded and sees one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parts = [_processor(), f"{cores} cores"]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        parts.append(f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB")
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name(0))
    return ", ".join(parts)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def _revision() -> tuple[str, bool | None]:
    """The commit and whether the tree differs from it; ("unknown", None) outside a checkout."""
    try:
        revision = _git("rev-parse", "HEAD").strip()
        return revision, bool(_git("status", "--porcelain").strip())
    except (OSError, subprocess.SubprocessError):
        return "unknown", None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout  # noqa: S603


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
