"""The passage index: vectors in FAISS, terms in BM25, fused; built once, then updated by what changed.

Knows passages and an `EncoderLibrary` that is handed in (encoders and retrieval don't import one another). How a version
gets on disk whole is `snapshots`' business. Vectors are kept in an exact `IndexFlatIP`: our indexes hold hundreds to a few
ten thousand passages, where a full scan takes a millisecond or two, needs no training and never misses; an approximate
index pays off from about a million.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from interviewer.domain.errors import RetrievalIndexError
from interviewer.domain.questions import Hit, Passage
from interviewer.ports import Encoder
from interviewer.retrieval import snapshots
from interviewer.retrieval.lexical import Bm25
from interviewer.retrieval.passages import fitting_texts, searchable
from interviewer.retrieval.stored import (
    FORMAT,
    Stored,
    digest_of,
    document_digests,
    libraries,
    read_terms,
    read_version,
    write_version,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]

#: A passage's score is cosine + TERM_WEIGHT · BM25 / best BM25. Rank fusion (RRF) ties with it for the built-in encoder and
#: loses for a model that is poor in the query's language, whose ranks it can't tell from good ones (evals/LOG.md).
TERM_WEIGHT = 0.5
#: How many passages vectors and terms each put forward.
DEPTH = 100
#: Longer queries are cut here: a spoken answer of five minutes fits, a pasted file needn't.
QUERY_LIMIT = 4000
#: Texts embedded between two notes of progress; also what an encoder sorts by length at a time.
BATCH = 256

#: Told how many of how many texts are embedded.
OnProgress = Callable[[int, int], None]


class EncoderLibrary(Protocol):
    """Encoders that outlive the process; `interviewer.encoders.Encoders` is the real one."""

    def create(self, name: str, corpus: Sequence[str]) -> Encoder: ...

    def save(self, encoder: Encoder, folder: Path) -> None: ...

    def restore(self, name: str, folder: Path, corpus: Sequence[str] | None = None) -> Encoder:
        """What was saved; with `corpus`, another one where that no longer suits it."""


@dataclass(frozen=True, slots=True)
class BuildStats:
    """What a build did: texts embedded now and taken over, documents by what happened to them, and why it was a full one."""

    passages: int
    embedded: int
    reused: int
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    rebuilt_because: str | None = None


class PassageIndex:
    """Passages to search. A `Retriever`; immutable, so safe across threads."""

    def __init__(self, passages: Sequence[Passage], vectors: Any, lexical: Bm25, encoder: Encoder, stats: BuildStats) -> None:
        """`vectors` is the FAISS index; row i belongs to passage i."""
        self.passages = tuple(passages)
        self.stats = stats
        self.encoder = encoder
        self._vectors = vectors
        self._lexical = lexical
        self._rows: dict[str, list[int]] = {}
        for row, passage in enumerate(self.passages):
            if passage.question_id is not None:
                self._rows.setdefault(passage.question_id, []).append(row)

    def __len__(self) -> int:
        return len(self.passages)

    def search(self, query: str, k: int = 5, *, question_id: str | None = None) -> list[Hit]:
        """At most `k` hits, best first, scores 0–1; with `question_id` only passages of that question.

        Never raises on odd queries: one with nothing to look for finds nothing.
        """
        text = _clean(query)
        rows = None if question_id is None else self._rows.get(question_id, [])
        if k <= 0 or not text or not self.passages or rows == []:
            return []
        return [Hit(self.passages[row], score) for row, score in self.ranking(text, rows)[:k]]

    def ranking(self, query: str, rows: Sequence[int] | None = None) -> list[tuple[int, float]]:
        """Rows and scores, 0–1, of the passages that vectors or terms put forward, best first; among `rows` only if given."""
        vector = self.encoder.encode_queries([query])
        near = self._near(vector, rows)
        matching = self._matching(query, rows)
        for row in matching.keys() - near.keys():
            near[row] = max(0.0, float(self._vectors.reconstruct(row) @ vector[0]))
        scores = {
            row: (similarity + TERM_WEIGHT * matching.get(row, 0.0)) / (1 + TERM_WEIGHT) for row, similarity in near.items()
        }
        return sorted(scores.items(), key=lambda item: (-item[1], item[0]))

    def by_vectors(self, query: str, rows: Sequence[int] | None = None) -> list[int]:
        """Rows of the `DEPTH` nearest passages by vectors alone, among `rows` only if given; for measuring."""
        return list(self._near(self.encoder.encode_queries([query]), rows))

    def by_terms(self, query: str, rows: Sequence[int] | None = None) -> list[int]:
        """Rows of the `DEPTH` best passages by BM25 alone, among `rows` only if given; for measuring."""
        return list(self._matching(query, rows))

    def _near(self, vector: FloatArray, rows: Sequence[int] | None) -> dict[int, float]:
        """Cosine by row, nearest first; passages at right angles to the query or beyond are left out."""
        import faiss
        import numpy as np

        if not np.any(vector):
            return {}
        # One selector object must outlive the search, which keeps only a pointer to it.
        selector = None if rows is None else faiss.IDSelectorBatch(np.asarray(rows, dtype=np.int64))
        parameters = None if selector is None else faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        similarity, found = self._vectors.search(vector, min(DEPTH, len(self.passages)), params=parameters)
        return {int(row): float(score) for row, score in zip(found[0], similarity[0], strict=True) if row >= 0 and score > 0}

    def _matching(self, query: str, rows: Sequence[int] | None) -> dict[int, float]:
        """BM25 by row as a share of the best score in the whole index, best first; passages without a shared term are left out.

        The share is of the whole index even among chosen rows: a chance word shared with a passage in the other language then
        counts as little as it should.
        """
        import numpy as np

        scores = self._lexical.scores(query)
        best = float(scores.max(initial=0.0))
        candidates = np.arange(len(scores)) if rows is None else np.asarray(rows)
        order = candidates[np.argsort(-scores[candidates], kind="stable")][:DEPTH]
        return {int(row): float(scores[row]) / best for row in order if scores[row] > 0}


# ---------------------------------------------------------------- building and opening


def build_or_update(
    folder: Path,
    passages: Sequence[Passage],
    encoder_name: str,
    encoders: EncoderLibrary,
    *,
    lock_timeout: float | None = None,
    on_progress: OnProgress = lambda _done, _total: None,
) -> PassageIndex:
    """The index of exactly `passages` in `folder`, embedding only texts it doesn't hold yet.

    A damaged index is built anew. Raises EngineUnavailable when the encoder can't be had, RetrievalIndexError when another
    process builds for longer than `lock_timeout` seconds.
    """
    with snapshots.writing(folder, snapshots.LOCK_TIMEOUT if lock_timeout is None else lock_timeout):
        stored, reason = _previous(folder)
        corpus = fitting_texts(passages)
        encoder, refit = _encoder_for(stored, encoder_name, encoders, corpus)
        reason = reason or refit
        documents, texts = document_digests(passages), len({digest_of(p) for p in passages})
        stats = BuildStats(len(passages), 0, texts, *_compare(stored, documents), rebuilt_because=reason)
        if stored is not None and reason is None and _same(stored, passages):
            return PassageIndex(stored.passages, stored.vectors, read_terms(stored), encoder, stats)
        matrix, embedded = _embed(passages, encoder, stored if reason is None else None, on_progress)
        vectors, lexical = _flat(matrix), Bm25.build([searchable(p) for p in passages])

        def write(target: Path) -> dict[str, Any]:
            write_version(target, passages, vectors, lexical)
            (target / "encoder").mkdir()
            encoders.save(encoder, target / "encoder")
            return {
                "format": FORMAT,
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "encoder": {"name": encoder_name, "fingerprint": encoder.fingerprint, "dim": int(matrix.shape[1])},
                "libraries": libraries(),
                "passages": len(passages),
                "documents": documents,
            }

        snapshots.publish(folder, write)
        return PassageIndex(passages, vectors, lexical, encoder, replace(stats, embedded=embedded, reused=texts - embedded))


def open_index(folder: Path, encoders: EncoderLibrary) -> PassageIndex:
    """The index in `folder`, every file checked. Raises RetrievalIndexError when there is none, it is damaged, or its encoder's
    weights have changed; EngineUnavailable when its encoder is gone."""
    stored = read_version(folder)
    recorded = stored.manifest["encoder"]
    encoder = encoders.restore(recorded["name"], stored.folder / "encoder")
    if encoder.fingerprint != recorded["fingerprint"]:
        raise RetrievalIndexError(
            f"the index in {folder} was made by other weights of {recorded['name']}; build it with: interviewer index"
        )
    stats = BuildStats(len(stored.passages), 0, len({digest_of(p) for p in stored.passages}))
    return PassageIndex(stored.passages, stored.vectors, read_terms(stored), encoder, stats)


def _same(stored: Stored, passages: Sequence[Passage]) -> bool:
    return stored.passages == list(passages) and stored.manifest["libraries"] == libraries()


def _previous(folder: Path) -> tuple[Stored | None, str | None]:
    """The version to update, and if there is one that can't be used, why."""
    if not snapshots.exists(folder):
        return None, None
    try:
        return read_version(folder), None
    except RetrievalIndexError as error:
        return None, str(error)


def _encoder_for(
    stored: Stored | None, name: str, encoders: EncoderLibrary, corpus: Sequence[str]
) -> tuple[Encoder, str | None]:
    """The encoder to use, and why the stored vectors are no good for it (None: they are, or there are none)."""
    if stored is None:
        return encoders.create(name, corpus), None
    recorded = stored.manifest["encoder"]
    try:
        same = recorded["name"] == name
        encoder = encoders.restore(name, stored.folder / "encoder", corpus) if same else encoders.create(name, corpus)
    except RetrievalIndexError as error:
        return encoders.create(name, corpus), str(error)
    if encoder.fingerprint == recorded["fingerprint"]:
        return encoder, None
    return encoder, f"the encoder changed from {recorded['name']} {recorded['fingerprint']} to {name} {encoder.fingerprint}"


def _embed(
    passages: Sequence[Passage], encoder: Encoder, stored: Stored | None, on_progress: OnProgress
) -> tuple[FloatArray, int]:
    """[passages, dim], and how many different texts had to be embedded for it."""
    import numpy as np

    held: dict[str, FloatArray] = {}
    if stored is not None and stored.passages:
        matrix = stored.vectors.reconstruct_n(0, len(stored.passages))
        held = {digest_of(passage): row for passage, row in zip(stored.passages, matrix, strict=True)}
    digests = [digest_of(passage) for passage in passages]
    missing = {digest: searchable(p) for digest, p in zip(digests, passages, strict=True) if digest not in held}
    keys, texts = list(missing), list(missing.values())
    for start in range(0, len(texts), BATCH):
        on_progress(start, len(texts))
        part = slice(start, start + BATCH)
        held.update(zip(keys[part], encoder.encode_documents(texts[part]), strict=True))
    on_progress(len(texts), len(texts))
    rows = [held[digest] for digest in digests]
    return (np.stack(rows) if rows else np.zeros((0, encoder.dim))).astype(np.float32), len(missing)


def _flat(matrix: FloatArray) -> Any:
    import faiss

    # One thread is plenty for a flat scan of this size, and keeps faiss's OpenMP out of torch's way.
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(matrix.shape[1])
    index.add(matrix)
    return index


def _compare(stored: Stored | None, documents: dict[str, str]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Sources that are new, changed and gone since the stored version."""
    before: dict[str, str] = stored.manifest["documents"] if stored else {}
    added = tuple(source for source in documents if source not in before)
    changed = tuple(source for source, digest in documents.items() if before.get(source, digest) != digest)
    return added, changed, tuple(source for source in before if source not in documents)


def _clean(query: str) -> str:
    """Without control characters and lone surrogates, cut to `QUERY_LIMIT`."""
    shown = "".join(char if char.isprintable() else " " for char in query[:QUERY_LIMIT])
    return " ".join(shown.split())
