"""The files of one index version: passages as JSON lines, vectors as FAISS bytes, terms as bm25s wrote them; and digests
that tell what changed. How a version becomes the current one is `snapshots`' business.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from interviewer.domain.errors import RetrievalIndexError
from interviewer.domain.questions import Passage
from interviewer.retrieval import snapshots
from interviewer.retrieval.lexical import Bm25
from interviewer.retrieval.passages import searchable

#: Of the folder's layout and of what is embedded. Another number means a rebuild.
FORMAT = 1
_LIBRARIES = ("faiss-cpu", "bm25s", "numpy")


@dataclass(frozen=True, slots=True)
class Stored:
    """A version as read from disk."""

    folder: Path
    manifest: dict[str, Any]
    passages: list[Passage]
    vectors: Any


def write_version(target: Path, passages: Sequence[Passage], vectors: Any, lexical: Bm25) -> None:
    """Passages, vectors and terms as files in `target`."""
    import faiss

    lines = (json.dumps(asdict(p), ensure_ascii=True) for p in passages)
    (target / "passages.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    # Through bytes, because faiss opens files by narrow paths, which a Windows user's name can't always be written in.
    (target / "vectors.faiss").write_bytes(faiss.serialize_index(vectors).tobytes())
    (target / "terms").mkdir()
    lexical.save(target / "terms")


def read_version(folder: Path) -> Stored:
    """The current version in `folder`, every file checked. Raises RetrievalIndexError: none there, damaged, another format."""
    import faiss
    import numpy as np

    path, manifest = snapshots.current(folder)
    if manifest.get("format") != FORMAT:
        raise RetrievalIndexError(f"the index in {folder} has format {manifest.get('format')}, this program's is {FORMAT}")
    try:
        with (path / "passages.jsonl").open(encoding="utf-8") as file:
            passages = [_passage(json.loads(line)) for line in file]
        faiss.omp_set_num_threads(1)
        vectors = faiss.deserialize_index(np.frombuffer((path / "vectors.faiss").read_bytes(), dtype=np.uint8))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise RetrievalIndexError(f"the index in {folder} can't be read: {error}") from error
    if not len(passages) == vectors.ntotal == manifest["passages"]:
        raise RetrievalIndexError(f"the index in {folder} is damaged: {len(passages)} passages, {vectors.ntotal} vectors")
    return Stored(path, manifest, passages, vectors)


def read_terms(stored: Stored) -> Bm25:
    """Its BM25 index. Raises RetrievalIndexError."""
    try:
        return Bm25.load(stored.folder / "terms", len(stored.passages))
    except (OSError, ValueError, KeyError) as error:
        raise RetrievalIndexError(f"the index in {stored.folder.parent} can't be read: {error}") from error


def _passage(row: dict[str, Any]) -> Passage:
    return Passage(**{**row, "heading": tuple(row["heading"])})


def digest_of(passage: Passage) -> str:
    """Of what is embedded of a passage, so of its headings too, but not of where it stands."""
    return hashlib.sha256(searchable(passage).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def document_digests(passages: Sequence[Passage]) -> dict[str, str]:
    """Each source's digest over its passages, in order."""
    parts: dict[str, Any] = {}
    for passage in passages:
        parts.setdefault(passage.source, hashlib.sha256()).update(
            f"{digest_of(passage)}{passage.start}:{passage.end};".encode()
        )
    return {source: digest.hexdigest()[:32] for source, digest in parts.items()}


def libraries() -> dict[str, str]:
    """The versions of what wrote the files; under other versions the files are written anew, the vectors kept."""
    return {name: version(name) for name in _LIBRARIES}
