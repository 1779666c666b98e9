"""From a model's name to the folder with its files: a folder the person names, the local cache, or (asked for) a download.

Never goes to the network unless `allow_download` is true. Reads file headers only, no weights.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path

from interviewer.domain.errors import EngineUnavailable

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_TEXT_FILES = ["*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken"]
#: Second copies of the weights in other formats.
_NOT_NEEDED = ["original/*", "onnx/*", "openvino/*", "consolidated*", "*.gguf", "*.h5", "*.msgpack"]
_HASHED = 1 << 20


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """Where a model lies. `revision` names its exact content; `parameters` is counted from the weight files."""

    path: Path
    name: str
    revision: str
    parameters: int


def find_model(name: str, *, allow_download: bool = False) -> ModelFolder:
    """The folder of the model called `name` (a folder or a hub name). Raises EngineUnavailable with one clear line."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _inspect(folder.resolve(), folder.resolve().name, None)
    if folder.is_file():
        raise EngineUnavailable(f"{name} is a file; name the folder that holds config.json and the weights")
    if _looks_like_path(name):
        raise EngineUnavailable(f"there is no folder {name}")
    folder = _from_hub(name, allow_download)
    return _inspect(folder, name, folder.name)


def _looks_like_path(name: str) -> bool:
    return name.startswith((".", "~", "/")) or "\\" in name or name.count("/") > 1 or Path(name).is_absolute()


def _from_hub(name: str, allow_download: bool) -> Path:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        found = Path(snapshot_download(name, local_files_only=True))
    except HFValidationError:
        raise EngineUnavailable(f"{name!r} is neither a folder nor a model name (like owner/model)") from None
    except LocalEntryNotFoundError:
        found = None
    if found and _weight_files(found):
        return found
    if not allow_download:
        raise EngineUnavailable(
            f"{name} is neither a folder nor in the model cache, and nothing is downloaded without being asked for: "
            f"run `hf download {name}` first, or name a folder that holds the model"
        )
    return _download(name)


def _download(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        folder = Path(snapshot_download(name, allow_patterns=[*_TEXT_FILES, "*.safetensors"], ignore_patterns=_NOT_NEEDED))
        if not _weight_files(folder):
            snapshot_download(name, allow_patterns=["pytorch_model*.bin"])
        return folder
    except GatedRepoError:
        raise EngineUnavailable(
            f"{name} asks for its licence to be accepted: do so on its page, then `hf auth login`"
        ) from None
    except RepositoryNotFoundError:
        raise EngineUnavailable(f"the model hub knows no model {name}") from None
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise EngineUnavailable(f"could not download {name}: {reason}") from error


def _weight_files(folder: Path) -> list[Path]:
    return next((files for pattern in _WEIGHTS if (files := sorted(folder.glob(pattern)))), [])


def _inspect(folder: Path, name: str, revision: str | None) -> ModelFolder:
    if not (folder / "config.json").is_file():
        raise EngineUnavailable(f"{folder} holds no model: config.json is missing")
    files = _weight_files(folder)
    if not files:
        raise EngineUnavailable(f"{folder} holds no weights: *.safetensors (or pytorch_model.bin) is missing")
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
