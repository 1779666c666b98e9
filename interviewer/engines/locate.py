"""From a model's name to the folder with its files: a folder the person names, the local cache, or (asked for) a download.

Never goes to the network unless `allow_download` is true. Reads file headers only, no weights.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path

from interviewer.domain.errors import EngineUnavailable
from interviewer.engines.download import WEIGHTS, Progress, download_model
from interviewer.engines.kinds import Kind

_HASHED = 1 << 20


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """Where a model lies. `revision` names its exact content; `parameters` is counted from the weight files."""

    path: Path
    name: str
    revision: str
    parameters: int


def find_model(
    name: str,
    *,
    allow_download: bool = False,
    on_progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    kind: Kind = "text",
) -> ModelFolder:
    """The folder of the model called `name` (a folder or a hub name). Raises EngineUnavailable with one clear line.

    The last three are for the download: told how far it is, asked whether to stop, and what the model must be.
    """
    if here := folder_at(name):
        return _inspect(here.resolve(), here.resolve().name, None)
    if _existing(name):
        raise EngineUnavailable(f"{name} is a file; name the folder that holds config.json and the weights")
    if _looks_like_path(name):
        raise EngineUnavailable(f"there is no folder {name}")
    found = _cached_folder(name)
    problem = _what_is_missing(found) if found else ""
    if found and not problem:
        return _inspect(found, name, found.name)
    if not allow_download:
        how = f"only partly in the model cache ({problem})" if found else "neither a folder nor in the model cache"
        raise EngineUnavailable(
            f"{name} is {how}, and nothing is downloaded without being asked for: run `interviewer doctor --model {name} "
            f"--download` or `hf download {name}` first, or name a folder that holds the model"
        )
    folder = download_model(name, on_progress, cancelled, kind)
    return _inspect(folder, name, folder.name)


def folder_at(name: str) -> Path | None:
    """The folder of that name, if there is one."""
    path = _existing(name)
    return path if path and path.is_dir() else None


def _existing(name: str) -> Path | None:
    try:
        path = Path(name).expanduser()
        return path if path.exists() else None
    except (OSError, RuntimeError):  # a name that is too long; the home of somebody who isn't known
        return None


def _looks_like_path(name: str) -> bool:
    return name.startswith((".", "~", "/")) or "\\" in name or name.count("/") > 1 or Path(name).is_absolute()


def find_cached(name: str) -> ModelFolder | None:
    """The model called `name` if all of it is in the local cache. Asks nothing of a network."""
    folder = _cached_folder(name)
    try:
        return _inspect(folder, name, folder.name) if folder else None
    except EngineUnavailable:
        return None


def can_be_fetched(name: str) -> bool:
    """Whether `name` is a hub's and not all of it is here. Raises EngineUnavailable for what can't be a name."""
    return not _looks_like_path(name) and find_cached(name) is None and folder_at(name) is None


def _cached_folder(name: str) -> Path | None:
    """Where the cache keeps the model, maybe not all of it. Raises EngineUnavailable for what can't be a name."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, IncompleteSnapshotError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except HFValidationError:
        raise EngineUnavailable(f"{name!r} is neither a folder nor a model name (like owner/model)") from None
    except IncompleteSnapshotError as error:
        # The hub's client misses any file of the repository, also pictures and other formats; what we need is looked at below.
        return Path(error.snapshot_path)
    except LocalEntryNotFoundError:
        return None


def _what_is_missing(folder: Path) -> str:
    """The first thing a model's folder lacks, in words; empty when it is all there."""
    if not (folder / "config.json").is_file():
        return "config.json is missing"
    if not _weight_files(folder):
        return "no weights (*.safetensors or pytorch_model.bin)"
    for index in sorted(folder.glob("*.safetensors.index.json")):
        try:
            named = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return f"{index.name} can't be read"
        for file in sorted(map(str, named)):
            if not (folder / file).is_file():
                return f"{file} is missing"
    return ""


def _weight_files(folder: Path) -> list[Path]:
    return next((files for pattern in WEIGHTS if (files := sorted(folder.glob(pattern)))), [])


def _inspect(folder: Path, name: str, revision: str | None) -> ModelFolder:
    if problem := _what_is_missing(folder):
        raise EngineUnavailable(f"{folder} holds no whole model: {problem}")
    files = _weight_files(folder)
    try:
        parameters = sum(_count(file) for file in files)
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise EngineUnavailable(f"the weights in {folder} can't be read ({error}); was the download cut off?") from error
    return ModelFolder(folder, name, revision or _fingerprint([folder / "config.json", *files]), parameters)


def _count(file: Path) -> int:
    """Parameters in a weight file. A safetensors file begins with its header's length (8 bytes) and the header, as JSON."""
    if file.suffix != ".safetensors":
        return file.stat().st_size // 2  # an upper bound: two bytes a parameter
    with file.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        if length > file.stat().st_size:
            raise ValueError(f"{file.name} is cut off")
        header = json.loads(stream.read(length))
    tensors = [tensor for key, tensor in header.items() if key != "__metadata__"]
    if 8 + length + max((tensor["data_offsets"][1] for tensor in tensors), default=0) > file.stat().st_size:
        raise ValueError(f"{file.name} is cut off")
    return sum(prod(tensor["shape"]) for tensor in tensors)


def _fingerprint(files: list[Path]) -> str:
    """Short hash of the first and last mebibyte and the size of each file: cheap, and changes when weights are trained."""
    digest = hashlib.sha256()
    for file in files:
        size = file.stat().st_size
        digest.update(f"{file.name}:{size}".encode())
        with file.open("rb") as stream:
            digest.update(stream.read(_HASHED))
            stream.seek(max(0, size - _HASHED))
            digest.update(stream.read(_HASHED))
    return digest.hexdigest()[:12]
