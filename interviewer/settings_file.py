"""`settings.json` in the data folder: the interviewer, the recogniser and the voices chosen on the settings page.

Readable by its owner only, since it may hold a server's key. Knows the file; what counts more than it is for `config` to say.
"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from interviewer.domain.errors import ConfigError

EngineKind = Literal["builtin", "transformers", "openai"]
ENGINE_KINDS: tuple[EngineKind, ...] = get_args(EngineKind)

#: Grows when an older program could misread the file.
VERSION = 1
#: Characters of one setting, bytes of the file.
_LONGEST, _LARGEST = 4096, 65536


@dataclass(frozen=True, slots=True)
class Kept:
    """What the file holds: the choice of an interviewer, all of it or nothing, of a speech recogniser, and of voices."""

    engine: EngineKind = "builtin"
    model: str = ""
    base_url: str = ""
    api_key: str = ""
    recogniser: str = ""
    voice_zh: str = ""
    voice_en: str = ""

    def __repr__(self) -> str:
        key = "***" if self.api_key else ""
        voices = f"{self.recogniser!r}, {self.voice_zh!r}, {self.voice_en!r}"
        return f"Kept({self.engine!r}, {self.model!r}, {self.base_url!r}, {key!r}, {voices})"


def read_kept(path: Path) -> tuple[Kept, str]:
    """What is kept, and what was wrong with the file in one line, empty if nothing. A bad file counts as none."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(_LARGEST + 1)
    except FileNotFoundError:
        return Kept(), ""
    except OSError as error:
        return Kept(), f"{path} can't be read: {error.strerror}"
    try:
        return _checked(raw), ""
    except ValueError as error:
        return Kept(), f"{path} is left out: {error}"


def write_kept(path: Path, kept: Kept) -> None:
    """Put the file in place whole, or leave the old one. Raises ConfigError."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump({"version": VERSION, **asdict(kept)}, stream, ensure_ascii=False, indent=2)
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(path)
        except OSError:
            with suppress(OSError):
                beside.unlink()
            raise
    except OSError as error:
        raise ConfigError(f"{path} can't be written: {error.strerror}") from error


def _checked(raw: bytes) -> Kept:
    """Raises ValueError with the reason, which never repeats what the file says: it may be the key."""
    if len(raw) > _LARGEST:
        raise ValueError("it is too large")
    try:
        data = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(data, dict):
        raise ValueError("it is not an object")
    if data.get("version") != VERSION:
        raise ValueError(f"it was written by another version of the program (this one reads version {VERSION})")
    values: dict[str, Any] = {item.name: data[item.name] for item in fields(Kept) if item.name in data}
    for name, value in values.items():
        if not isinstance(value, str) or len(value) > _LONGEST or not value.isprintable():
            raise ValueError(f"its {name} is no text of one line")
    kept = Kept(**values)
    if kept.engine not in ENGINE_KINDS:
        raise ValueError(f"its engine is none of {', '.join(ENGINE_KINDS)}")
    if kept.engine == "transformers" and not kept.model:
        raise ValueError("it names no model")
    if kept.engine == "openai" and not kept.base_url:
        raise ValueError("it names no server")
    return kept
