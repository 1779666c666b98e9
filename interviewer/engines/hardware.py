"""What this machine offers a model, and which device and number format to run it with.

Knows sizes in bytes and nothing of any model family. Importing it loads no torch; the functions do.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from interviewer.domain.errors import EngineUnavailable
from interviewer.engines import processor

DeviceKind = Literal["cuda", "mps", "cpu"]
Dtype = Literal["float32", "bfloat16", "float16"]

GIB = 1024**3
#: Room beside the weights for the KV cache, activations and the loader's buffers: a fifth of the weights, at least 0.5 GiB.
_HEADROOM, _MIN_HEADROOM = 0.2, GIB // 2
_BYTES: dict[Dtype, int] = {"float32": 4, "bfloat16": 2, "float16": 2}
#: Below so many parameters a CPU runs a model in float32 whatever would be faster: it is fast enough, and exact.
_SMALL = 50_000_000


@dataclass(frozen=True, slots=True)
class Hardware:
    """The devices found. `free` is bytes that can be used now: of the accelerators together, else of main memory.

    `threads` counts processor cores.
    """

    device: DeviceKind
    name: str
    count: int
    free: int
    memory_free: int
    bf16: bool
    threads: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How to load a model: transformers' `dtype` and `device_map`, and the reason in one line for people.

    `int8`: with eight-bit copies of its weights, for writing.
    """

    dtype: Dtype
    device_map: str | dict[str, str]
    why: str
    int8: bool = False


def detect() -> Hardware:
    """The best device torch can use here."""
    import torch

    memory, threads = free_memory(), cores()
    if torch.cuda.is_available():
        count = torch.cuda.device_count()
        free = sum(torch.cuda.mem_get_info(index)[0] for index in range(count))
        name = torch.cuda.get_device_name(0)
        return Hardware("cuda", name, count, free, memory, torch.cuda.is_bf16_supported(), threads)
    if torch.backends.mps.is_available():
        # Apple's GPU shares main memory; bfloat16 needs macOS 14.
        bf16 = int(platform.mac_ver()[0].partition(".")[0] or 0) >= 14
        return Hardware("mps", f"Apple GPU ({platform.machine()})", 1, memory, memory, bf16, threads)
    return Hardware("cpu", platform.processor() or platform.machine(), 1, memory, memory, True, threads)


def describe() -> str:
    """One line for people: what models will run on."""
    found = detect()
    if found.device == "cuda":
        many = f"{found.count} × " if found.count > 1 else ""
        return (
            f"{many}{found.name}, {found.free / GIB:.1f} GiB free on the device; {found.memory_free / GIB:.1f} GiB memory free"
        )
    return f"{found.name}, {found.threads} cores, {found.free / GIB:.1f} GiB memory free; no CUDA device" + (
        "" if found.device == "cpu" else ", using MPS"
    )


def plan(parameters: int, hardware: Hardware, speeds: Callable[[], processor.Speeds] | None = None) -> Plan:
    """Device and format for a model of `parameters` weights. Raises EngineUnavailable when it can't fit, with the sizes.

    `speeds` tells what this processor is fastest with; without it, a CPU is taken to be faster the wider the format.
    """
    if hardware.device == "cuda":
        dtype: Dtype = "bfloat16" if hardware.bf16 else "float16"
        need = needed_bytes(parameters, dtype)
        if need <= hardware.free + hardware.memory_free:
            spill = "" if need <= hardware.free else "; part of it in main memory, slowly"
            return Plan(dtype, "auto", f"{dtype} on {hardware.name} ({_gib(need)} of {_gib(hardware.free)} free){spill}")
    elif hardware.device == "mps":
        dtype = "bfloat16" if hardware.bf16 else "float16"
        need = needed_bytes(parameters, dtype)
        if need <= hardware.free:
            return Plan(dtype, {"": "mps"}, f"{dtype} on {hardware.name} ({_gib(need)} of {_gib(hardware.free)} free)")
    else:
        order: list[processor.Weights] = ["float32", "bfloat16"]
        praise = "as a rule the fastest"
        if speeds is not None and parameters >= _SMALL:
            order, praise = speeds().best_first, "fastest here"
        for kind in order:
            need = _room(parameters * processor.BYTES[kind])
            if need <= hardware.free:
                sooner = _room(parameters * processor.BYTES[order[0]])
                reason = praise if kind == order[0] else f"{order[0]} would need {_gib(sooner)}"
                why = f"{kind} on the CPU, {reason} ({_gib(need)} of {_gib(hardware.free)} free)"
                return Plan("float32" if kind == "float32" else "bfloat16", {"": "cpu"}, why, kind == "bfloat16+int8")
        need = _room(parameters * min(processor.BYTES.values()))
    free = hardware.free + (hardware.memory_free if hardware.device == "cuda" else 0)
    raise EngineUnavailable(
        f"the model has {parameters / 1e9:.1f} billion parameters and needs about {_gib(need)}, but {_gib(free)} are free: "
        "close other programs or choose a smaller model"
    )


def needed_bytes(parameters: int, dtype: Dtype) -> int:
    """Bytes to run a model: its weights and some room."""
    return _room(parameters * _BYTES[dtype])


def _room(weights: int) -> int:
    return weights + max(_MIN_HEADROOM, int(weights * _HEADROOM))


def free_memory(read: Callable[[Path], str | None] | None = None) -> int:
    """Bytes of main memory that can still be used: the system's figure, or the container's limit where that is lower."""
    import psutil  # type: ignore[import-untyped]  # comes with accelerate

    available = int(psutil.virtual_memory().available)
    read = read or _read
    limit, used = read(Path("/sys/fs/cgroup/memory.max")), read(Path("/sys/fs/cgroup/memory.current"))
    if limit and limit.isdigit() and used and used.isdigit():
        # Page cache counts as used but is given back on demand; inactive_file is the part that surely is.
        cached = _field(read(Path("/sys/fs/cgroup/memory.stat")) or "", "inactive_file")
        available = min(available, max(0, int(limit) - int(used) + cached))
    return available


def cores() -> int:
    """Processor cores this process may use. (What torch says changes with what other libraries set.)"""
    import psutil

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, psutil.cpu_count(logical=False) or allowed)


def _field(stat: str, name: str) -> int:
    rows = (line.split() for line in stat.splitlines())
    return next((int(row[1]) for row in rows if len(row) == 2 and row[0] == name and row[1].isdigit()), 0)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"
