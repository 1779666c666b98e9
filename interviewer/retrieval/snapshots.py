"""A folder that holds one complete version of something, whatever happens while the next one is written.

    <dir>/CURRENT                 the version that counts: its name and its manifest's checksum
    <dir>/v-<unique>/…            its files, and manifest.json with their checksums
    <dir>/tmp-<unique>/           one that is being written, or was when its writer died
    <dir>/.lock                   held by the one process that writes

A version is written beside the old one, flushed to disk, renamed, and only then named in CURRENT, by an atomic replace. Readers
take no lock. Knows nothing of what the files hold.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from interviewer.domain.errors import RetrievalIndexError

MANIFEST = "manifest.json"
_POINTER = "CURRENT"
#: Seconds to wait for another process that is building. Embedding a large library on a slow CPU takes minutes.
LOCK_TIMEOUT = 600.0


@contextmanager
def writing(folder: Path, timeout: float = LOCK_TIMEOUT) -> Iterator[None]:
    """Be the only writer. The lock is the operating system's, so a killed process gives it back.

    Raises RetrievalIndexError when the lock isn't to be had, and for a folder that can't be written or a disk that is full.
    """
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=timeout):
            yield
    except Timeout:
        raise RetrievalIndexError(f"another process has been building the index in {folder} for {timeout:.0f} s") from None
    except OSError as error:
        raise RetrievalIndexError(f"the index in {folder} can't be written: {error}") from error


def publish(folder: Path, write: Callable[[Path], dict[str, Any]]) -> Path:
    """Make what `write` puts into a fresh folder the current version; it returns the manifest. Call inside `writing`.

    There is no clean-up on the way out: an error leaves just what a power cut would, and the next writer sweeps it away.
    """
    previous = _pointer(folder)
    for stale in folder.glob("tmp-*"):
        if stale.is_dir():
            shutil.rmtree(stale, ignore_errors=True)
        else:
            stale.unlink(missing_ok=True)
    name = uuid.uuid4().hex[:12]
    temporary = folder / f"tmp-{name}"
    temporary.mkdir()
    manifest = write(temporary)
    manifest["files"] = {path.relative_to(temporary).as_posix(): _checksum(path) for path in _files(temporary)}
    _write_text(temporary / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True))
    for path in _files(temporary):
        _flush(path)
    version = folder / f"v-{name}"
    temporary.rename(version)
    pointer = folder / f"tmp-{name}.pointer"
    _write_text(pointer, f"{version.name} {_checksum(version / MANIFEST)}")
    _flush(pointer)
    pointer.replace(folder / _POINTER)
    _flush_directory(folder)
    # The version before stays for a reader that has just looked it up.
    for old in folder.glob("v-*"):
        if old.name not in (version.name, previous and previous[0]):
            shutil.rmtree(old, ignore_errors=True)
    return version


def exists(folder: Path) -> bool:
    """Whether a version was ever published here, sound or not."""
    return (folder / _POINTER).exists()


def current(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The current version and its manifest, every file checked. Raises RetrievalIndexError: none there, or damaged."""
    for attempt in (1, 2, 3):
        pointer = _pointer(folder)
        if pointer is None:
            raise RetrievalIndexError(f"there is no index in {folder}; build it with: interviewer index")
        name, checksum = pointer
        try:
            return folder / name, _checked(folder / name, checksum)
        except RetrievalIndexError:
            # Two builds may have come and gone since the name was read. If it still stands, that version is really damaged.
            if attempt == 3 or _pointer(folder) == pointer:
                raise
    raise AssertionError("the last attempt returns or raises")


def _checked(version: Path, checksum: str) -> dict[str, Any]:
    try:
        if _checksum(version / MANIFEST) != checksum:
            raise ValueError("it was changed")
        manifest = json.loads((version / MANIFEST).read_text(encoding="utf-8"))
        files = dict(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RetrievalIndexError(f"the index in {version.parent} is damaged: its manifest can't be read ({error})") from error
    for relative, expected in files.items():
        path = version / relative
        if not path.is_file() or _checksum(path) != expected:
            raise RetrievalIndexError(f"the index in {version.parent} is damaged: {relative} is missing or changed")
    return dict(manifest)


def _pointer(folder: Path) -> tuple[str, str] | None:
    """The current version's name and its manifest's checksum, or None."""
    try:
        name, checksum = (folder / _POINTER).read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return None
    return (name, checksum) if name.startswith("v-") and (folder / name).parent == folder else None


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_directory(folder: Path) -> None:
    with suppress(OSError):  # Windows can't, and needn't
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
