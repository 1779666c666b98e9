"""Fetches a model from its hub into the usual cache: told beforehand whether it fits, resumed where it was cut off.

Asked for only (`--download`). The hub's own client lists, fetches and files everything; what it lacks is kept here: it throws
away the part of a file that had come when it is stopped, and a file of weights can take an hour. Knows nothing of settings.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from interviewer.domain.errors import EngineError, EngineUnavailable
from interviewer.engines.kinds import Kind, check_kind

#: What a model needs to run: configuration, tokenizer and chat template, and the weights in one format.
TEXT_FILES = ("*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken")
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
#: Mistral's second copy of the same weights.
NOT_NEEDED = "consolidated*"
#: Says what a model is; a few kilobytes.
CONFIG = "config.json"
LARGEST_CONFIG = 10 * 1024**2
#: Disk space that must stay free when all is there: a full system disk breaks more than a download.
SPARE_BYTES = 1024**3
#: Told where a partly fetched file lies; cache cleaners know the ending.
_PARTIAL = ".interviewer.incomplete"


class DownloadCancelled(EngineUnavailable):
    """The person stopped it. What had come is kept for the next time."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Bytes on this machine and bytes in all, counted over the whole model; `file` is the one being fetched."""

    done: int
    total: int
    file: str = ""

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 1.0

    def __str__(self) -> str:
        return f"{self.share:.0%} of {self.total / 1e9:.1f} GB"


@dataclass(frozen=True, slots=True)
class Offer:
    """What fetching a model would mean, in bytes: all of it, what is missing here, and what the disk of `folder` has free."""

    name: str
    total: int
    missing: int
    free: int
    folder: Path

    @property
    def fits(self) -> bool:
        return not self.missing or self.missing + SPARE_BYTES <= self.free


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    size: int
    sha256: str | None  # told for large files only; the cache names those by it


def download_model(
    name: str,
    on_progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    kind: Kind = "text",
) -> Path:
    """The folder in the cache with the whole model `name` in it, which must be of that kind. Raises EngineUnavailable,
    DownloadCancelled.

    Stopping it by `cancelled`, by Ctrl-C or by ending the process loses a few megabytes at most.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    with _failures_said_clearly(name):
        from huggingface_hub import snapshot_download

        files, store = _wanted(name, kind), _store(name)
        with _alone(name, store):
            _check_space(_offer(name, files, store))
            state = Progress(0, sum(file.size for file in files))
            for file in files:
                if file.sha256:
                    if not (blob := store / "blobs" / file.sha256).exists():
                        _fetch(name, file, blob, partial(_tell, on_progress, replace(state, file=file.name)), cancelled)
                    state = replace(state, done=state.done + file.size)
            on_progress(state)
            if cancelled():
                raise DownloadCancelled(f"the download of {name} was stopped")
            # Small files, and every file's place in the snapshot; the large ones are found among the blobs.
            folder = snapshot_download(name, allow_patterns=[file.name for file in files], tqdm_class=_no_bar())
            on_progress(replace(state, done=state.total))
            return Path(folder)


def offer(name: str, kind: Kind = "text") -> Offer:
    """What the hub would send of the model `name`. Asks the hub for its list of files and what kind of model it is, and keeps
    nothing.

    Raises EngineUnavailable, also for a model that is of another kind.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    with _failures_said_clearly(name):
        return _offer(name, _wanted(name, kind), _store(name))


def hub_config(name: str) -> dict[str, Any]:
    """What the config.json of the model `name` says on the hub; nothing is kept. Raises EngineUnavailable."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    with _failures_said_clearly(name):
        return _config(name, _listed(name))


def _store(name: str) -> Path:
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return Path(constants.HF_HUB_CACHE).expanduser() / repo_folder_name(repo_id=name, repo_type="model")


def _tell(on_progress: Callable[[Progress], None], begun: Progress, size: int) -> None:
    on_progress(replace(begun, done=begun.done + size))


def _wanted(name: str, kind: Kind) -> list[_File]:
    """The files a model needs: those at the top only, since folders hold other formats and other models. Gigabytes of a model
    that could do nothing here are not worth fetching, so its config.json is looked at first."""
    listed = _listed(name)
    weights = next((pattern for pattern in WEIGHTS if any(_matches(file.name, (pattern,)) for file in listed)), None)
    if weights is None:
        raise EngineUnavailable(f"{name} holds no weights that transformers reads (*.safetensors or pytorch_model.bin)")
    check_kind(name, _config(name, listed), kind)
    return [file for file in listed if _matches(file.name, (*TEXT_FILES, weights))]


def _listed(name: str) -> list[_File]:
    """What the hub has of it at the top."""
    from huggingface_hub import HfApi

    items = [item for item in HfApi().model_info(name, files_metadata=True).siblings or () if "/" not in item.rfilename]
    return [_File(item.rfilename, item.size or 0, item.lfs.sha256 if item.lfs else None) for item in items]


def _config(name: str, files: Iterable[_File]) -> dict[str, Any]:
    """What the hub's config.json says, without a trace in the cache: a model that was only asked about is not half here."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # documented there, not in its __all__

    size = next((file.size for file in files if file.name == CONFIG), None)
    if size is None or size > LARGEST_CONFIG:
        raise EngineUnavailable(f"{name} has no {CONFIG} that says what it is")
    content = BytesIO()
    http_get(hf_hub_url(name, CONFIG), content, headers=build_hf_headers(), expected_size=size, tqdm_class=_no_bar())
    try:
        config = json.loads(content.getvalue())
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise EngineUnavailable(f"{name} has no {CONFIG} that says what it is")
    return config


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return not fnmatch(name, NOT_NEEDED) and any(fnmatch(name, pattern) for pattern in patterns)


def _offer(name: str, files: Sequence[_File], store: Path) -> Offer:
    from huggingface_hub.file_download import are_symlinks_supported

    here = next(folder for folder in (store, *store.parents) if folder.exists())
    # Without links (Windows outside developer mode) the cache keeps a second copy of every file.
    copies = 1 if are_symlinks_supported(here) else 2
    missing = sum(_missing(file, store) for file in files) * copies
    return Offer(name, sum(file.size for file in files), missing, shutil.disk_usage(here).free, here)


def _check_space(offer: Offer) -> None:
    if not offer.fits:
        raise EngineUnavailable(
            f"{offer.name} needs {offer.missing / 1e9:.1f} GB more on the disk of {offer.folder}, where "
            f"{offer.free / 1e9:.1f} GB are free ({SPARE_BYTES / 1e9:.0f} GB should stay so): make room, set HF_HOME to "
            "another disk, or choose a smaller model"
        )


def _missing(file: _File, store: Path) -> int:
    if file.sha256 is None:
        return file.size
    blob = store / "blobs" / file.sha256
    begun = _partial(blob)
    return 0 if blob.exists() else file.size - (begun.stat().st_size if begun.exists() else 0)


def _fetch(name: str, file: _File, blob: Path, on_size: Callable[[int], None], cancelled: Callable[[], bool]) -> None:
    """One large file into the cache's blobs, from where it was left."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # documented there, not in its __all__

    url, headers = hf_hub_url(name, file.name), build_hf_headers()
    address = get_hf_file_metadata(url).location
    if urlsplit(address).netloc != urlsplit(url).netloc:
        headers.pop("authorization", None)  # a signed address elsewhere: the person's token is not for it
    begun = _partial(blob)
    begun.parent.mkdir(parents=True, exist_ok=True)
    with begun.open("ab") as stream:
        watched: Any = _Watched(stream, on_size, cancelled)
        watched.look()
        http_get(address, watched, resume_size=stream.tell(), headers=headers, expected_size=file.size, tqdm_class=_no_bar())
    if _sha256(begun, cancelled) != file.sha256:
        begun.unlink()
        raise EngineUnavailable(f"{file.name} of {name} arrived damaged; try again")
    begun.replace(blob)


class _Watched:
    """A file that tells its size after each write and refuses to take more once the person has had enough."""

    def __init__(self, stream: BinaryIO, on_size: Callable[[int], None], cancelled: Callable[[], bool]) -> None:
        self._stream = stream
        self._on_size = on_size
        self._cancelled = cancelled
        self.seek, self.tell, self.truncate = stream.seek, stream.tell, stream.truncate

    def look(self) -> None:
        """Tell the size. Raises DownloadCancelled."""
        if self._cancelled():
            raise DownloadCancelled("the download was stopped; the next one goes on from here")
        self._on_size(self._stream.tell())

    def write(self, chunk: bytes) -> int:
        written = self._stream.write(chunk)
        self.look()
        return written


@contextmanager
def _alone(name: str, store: Path) -> Iterator[None]:
    """Holds the model's folder against another download of ours. Raises EngineUnavailable when there is one."""
    from filelock import FileLock, Timeout

    store.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(store / ".interviewer.lock", timeout=0):
            yield
    except Timeout:
        raise EngineUnavailable(f"{name} is already being downloaded by another process") from None


@contextmanager
def _failures_said_clearly(name: str) -> Iterator[None]:
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError

    try:
        yield
    except EngineError:
        raise
    except HFValidationError:
        raise EngineUnavailable(f"{name!r} is neither a folder nor a model name (like owner/model)") from None
    except GatedRepoError:
        raise EngineUnavailable(
            f"{name} asks for its licence to be accepted: do so on its page, then `hf auth login`"
        ) from None
    except RepositoryNotFoundError:
        raise EngineUnavailable(f"the model hub knows no model {name}") from None
    except Exception as error:  # its transport has errors of its own, and they change with its versions
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise EngineUnavailable(f"could not download {name}: {reason}") from error


def _partial(blob: Path) -> Path:
    return blob.with_name(blob.name + _PARTIAL)


def _sha256(path: Path, cancelled: Callable[[], bool]) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 24):
            if cancelled():
                raise DownloadCancelled("the download was stopped; the next one goes on from here")
            digest.update(chunk)
    return digest.hexdigest()


def _no_bar() -> type[Any]:
    """A progress bar that isn't drawn: the program shows its own."""
    from tqdm import tqdm  # type: ignore[import-untyped]  # the hub's client needs it

    class Silent(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "disable": True})

    return Silent
