"""The doctor's part on models: which one would run on this machine and why, what is here already, and fetching one.

Words and a progress line; what fits is decided in engines/catalogue.py.
"""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

from interviewer.config import Settings
from interviewer.domain.errors import EngineUnavailable
from interviewer.engines.cached import cached_names, hub_cache
from interviewer.engines.catalogue import Model, Suggestion, Tier, fits, models, suggest
from interviewer.engines.download import Progress
from interviewer.engines.hardware import GIB, Hardware, detect
from interviewer.engines.kinds import Kind
from interviewer.engines.locate import find_cached, find_model

#: Seconds between two drawings of the progress line.
_REDRAW = 0.2


def suggested(_: Settings) -> str:
    """Which model suits this machine, why, and the command that uses it. Looks at memory and the cache; fetches nothing."""
    return explain(suggest(detect()), cached=[model.name for model in models() if find_cached(model.name)])


def explain(suggestion: Suggestion, cached: list[str]) -> str:
    """The suggestion in words; `cached` are the names of suggested models that are here already."""
    hardware = suggestion.hardware
    if suggestion.tier is None or suggestion.plan is None:
        smallest = f"; the smallest, {suggestion.next.model.name}, asks for {_asks(suggestion.next)}" if suggestion.next else ""
        return (
            f"none: there are {_found(hardware)}{smallest}\n"
            "the built-in interviewer needs no model, and --base-url uses a server on another machine"
        )
    model = suggestion.tier.model
    after = f"; the next, {suggestion.next.model.name}, asks for {_asks(suggestion.next)}" if suggestion.next else ""
    parts = [
        f"{model.name}: {_facts(model)}",
        f"why: there are {_found(hardware)}; its tier asks for {_asks(suggestion.tier)}{after}",
        f"how: {suggestion.plan.why}",
        f"in the cache; to use it: interviewer serve --model {model.name}"
        if model.name in cached
        else f"not in the cache, about {model.download_bytes / 1e9:.1f} GB to fetch{_disk()}; to fetch and use it: "
        f"interviewer serve --model {model.name} --download",
    ]
    here = [other.name for other in models() if other.name in cached and other is not model and fits(other, hardware)]
    if here and model.name not in cached:
        parts.append(f"in the cache already, and runs here: interviewer serve --model {here[-1]}")
    return "\n".join(parts)


def cache_contents(_: Settings) -> str:
    """Models in the hub cache, whole or not, as its folders tell: nothing is loaded and nothing is asked of a hub."""
    told = [name if _whole(name) else f"{name} (not all of it)" for name in cached_names()]
    return f"{', '.join(told) if told else 'none'} in the hub cache ({hub_cache()})"


def fetch(name: str, kind: Kind = "text", out: TextIO | None = None) -> None:
    """Download the model `name`, or for an empty name the suggested one,
    showing how far it is on `out` (stderr). Raises EngineUnavailable."""
    if not name and (model := suggest(detect()).model):
        name = model.name
    if not name:
        raise EngineUnavailable("no model is suggested for this machine; name one with --model")
    line = _ProgressLine(name, out or sys.stderr)
    try:
        find_model(name, allow_download=True, on_progress=line.show, kind=kind)
    except KeyboardInterrupt:
        line.end("stopped; what has come is kept, and the same command goes on from there")
        raise
    finally:
        line.end()


class _ProgressLine:
    """One line, redrawn in a terminal; elsewhere a line for every tenth."""

    def __init__(self, name: str, out: TextIO) -> None:
        self._name, self._out = name, out
        self._redraw = out.isatty()
        self._begun: tuple[float, int] | None = None
        self._drawn_at = float("-inf")
        self._tenth = -1
        self._open = False

    def show(self, progress: Progress) -> None:
        now = time.monotonic()
        self._begun = self._begun or (now, progress.done)
        done = progress.done >= progress.total
        tenth = int(progress.share * 10)
        if self._redraw and (done or now - self._drawn_at >= _REDRAW):
            print(f"\r\x1b[K{self._name}: {progress}{self._left(progress, now)}", end="", file=self._out, flush=True)
            self._open = True
        elif not self._redraw and tenth > self._tenth:
            print(f"{self._name}: {progress}", file=self._out, flush=True)
        self._drawn_at, self._tenth = now, max(tenth, self._tenth)

    def end(self, last: str = "") -> None:
        if self._open or last:
            print(f"\n{last}" if self._open and last else last, file=self._out, flush=True)
        self._open = False

    def _left(self, progress: Progress, now: float) -> str:
        """Rate and time left, once there is something to tell them from."""
        since, start = self._begun or (now, 0)
        rate = (progress.done - start) / (now - since) if now > since else 0.0
        if rate <= 0:
            return ""
        minutes, seconds = divmod(int((progress.total - progress.done) / rate), 60)
        return f", {rate / 1e6:.1f} MB/s, {minutes}:{seconds:02d} left"


def _facts(model: Model) -> str:
    size = f"{model.parameters / 1e9:.1f} B parameters"
    if model.active < model.parameters:
        size += f", {model.active / 1e9:.1f} B at work on a token"
    memory = ", ".join(f"{size / GIB:.1f} GiB in {dtype}" for dtype, size in model.memory().items())
    thoughts = f"thoughts switched off by {model.thinking}" if model.thinking else "doesn't think aloud"
    return f"{size}, {memory}, {model.licence}, reads {model.context} tokens, {thoughts}"


def _found(hardware: Hardware) -> str:
    where = "memory" if hardware.device == "cpu" else "memory for the model"
    return f"{hardware.free / GIB:.1f} GiB of {where} free and {_cores(hardware.threads)}"


def _asks(tier: Tier) -> str:
    return f"{tier.free / GIB:g} GiB" + (f" and {_cores(tier.cores)}" if tier.cores > 1 else "")


def _cores(count: int) -> str:
    return "1 core" if count == 1 else f"{count} cores"


def _disk() -> str:
    folder = next((folder for folder in (hub_cache(), *hub_cache().parents) if folder.exists()), None)
    return f" ({shutil.disk_usage(folder).free / 1e9:.1f} GB free on its disk)" if folder else ""


def _whole(name: str) -> bool:
    try:
        return find_cached(name) is not None
    except EngineUnavailable:
        return False
