"""The person's files in the data folder: how large they are, all of them in one archive, and removing them.

Only what this program puts there is read or removed; a data folder may be a person's home. The database's rows are
`storage.everything`'s.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from interviewer.config import Settings
from interviewer.domain.errors import InterviewerError
from interviewer.settings_file import read_kept
from interviewer.storage import SqlStore, everything


def data_bytes(settings: Settings) -> int:
    """What the program keeps in the data folder, in bytes."""
    database = [path for path in settings.data.glob("interviews.db*") if path.is_file()]
    return sum(path.lstat().st_size for folder in _folders(settings) for path in _files(folder)) + sum(
        path.lstat().st_size for path in [*database, settings.settings_file] if path.is_file()
    )


def archive(settings: Settings, store: SqlStore) -> Iterator[bytes]:
    """All the person's data as the pieces of one zip: an interview a file, then the rest. A server's key stays out."""
    sink = _Pieces()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as out:
        for name, value in _written(settings, store):
            out.writestr(name, value)
            yield sink.taken()
    yield sink.taken()


def remove_data(settings: Settings) -> None:
    """Remove the person's banks and documents, the index, uploads and settings. Raises InterviewerError."""
    try:
        for folder in _folders(settings):
            if folder.is_symlink():
                folder.unlink()
            elif folder.exists():
                shutil.rmtree(folder)
        settings.settings_file.unlink(missing_ok=True)
        uploads = settings.data / "cache" / "uploads"
        for path in uploads.iterdir() if uploads.is_dir() else ():
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() and not path.is_symlink() else path.unlink()
    except OSError as error:
        raise InterviewerError(f"{error.filename} can't be removed: {error.strerror}") from error


def _written(settings: Settings, store: SqlStore) -> Iterator[tuple[str, bytes]]:
    for session_id in everything.session_ids(store):
        session = everything.session(store, session_id)
        if session is not None:  # deleted meanwhile
            yield f"interviews/{session_id}.json", _json(session)
    for name, rows in everything.beside_sessions(store).items():
        yield f"{name}.json", _json(rows)
    for folder in (settings.banks_dir, settings.documents_dir):
        for path in _files(folder):
            yield f"{folder.name}/{path.relative_to(folder).as_posix()}", path.read_bytes()
    kept, _ = read_kept(settings.settings_file)
    yield "settings.json", _json({key: value for key, value in asdict(kept).items() if key != "api_key"})


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, default=str).encode("utf-8", "replace")


def _folders(settings: Settings) -> list[Path]:
    return [settings.banks_dir, settings.documents_dir, settings.index_dir]


def _files(folder: Path) -> list[Path]:
    """Plain files under a folder; links lead elsewhere and are left alone."""
    found = (Path(at) / name for at, _, names in os.walk(folder) for name in names)
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


class _Pieces(io.RawIOBase):
    """Takes what a zip writes and hands it on; zipfile sees that it can't seek and writes sizes behind each file."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(memoryview(data))  # type: ignore[arg-type]
        self._held += piece
        return len(piece)

    def taken(self) -> bytes:
        held, self._held = bytes(self._held), bytearray()
        return held
