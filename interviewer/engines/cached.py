"""The models of the hub's cache on this machine that one can talk with. Reads small files only; asks nothing of a network."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from interviewer.domain.errors import EngineUnavailable
from interviewer.engines.locate import find_cached


@dataclass(frozen=True, slots=True)
class CachedModel:
    """A whole model of the cache. `parameters` is counted from its weights."""

    name: str
    parameters: int


def cached_models() -> list[CachedModel]:
    """By name. What is there only in part, or has no chat template (encoders, speech models), is left out."""
    found = []
    for name in cached_names():
        try:
            model = find_cached(name)
        except EngineUnavailable:  # a folder with a name that no model can have
            continue
        if model is not None and _talks(model.path):
            found.append(CachedModel(name, model.parameters))
    return found


def cached_names() -> list[str]:
    """Everything the cache has a folder for, whole or not."""
    return sorted(path.name.removeprefix("models--").replace("--", "/") for path in hub_cache().glob("models--*"))


def hub_cache() -> Path:
    """Where the hub's client keeps models."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser()


def _talks(folder: Path) -> bool:
    """Whether there is a chat template, in a file of its own or in the tokenizer's configuration."""
    if any(folder.glob("*.jinja")):
        return True
    try:
        settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(settings, dict) and bool(settings.get("chat_template"))
