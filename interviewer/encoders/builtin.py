"""The encoder that needs no download: TF-IDF over mixed features, folded by SVD, fitted on the corpus it will search.

Words that stand together in the corpus get neighbouring vectors (latent semantic analysis), so a text in one language finds
one in the other when the corpus holds passages that say the same thing in both, joined in one fitting text. It knows no
language beyond that corpus: a word it never saw counts nothing, and it can't tell a claim from its negation.

The features, the dimension and the losers they were measured against are in evals/LOG.md.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from interviewer.domain.errors import RetrievalIndexError
from interviewer.domain.text import CJK_RUN, LATIN_WORD, folded_for_search, terms_for_search

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]

#: Part of the fingerprint: raise it when features, weights or the fit change.
VERSION = 1
#: Measured flat from 128 to 400 (evals/LOG.md); more dimensions cost memory and blur the languages apart.
DIMENSIONS = 256
GRAM = 4
#: Above this share of texts the fit never saw, the vocabulary is too old and the encoder is fitted anew.
DRIFT_LIMIT = 0.2
#: Up to this many texts the decomposition is exact: a moment for 400 texts, seconds for 3,000, growing with the cube. Beyond,
#: it is randomised: several times slower at 400 texts, but growing only with their total length.
EXACT_UP_TO = 3000
#: The most frequent features are kept (43 bilingual questions have about 18,000); 40,000 × 256 halves are 20 MB on disk.
MAX_FEATURES = 40_000

_STATE = "builtin.json"
_ARRAYS = "builtin.npz"


def features(text: str) -> Iterator[str]:
    """Words and Chinese character pairs, single Chinese characters, and 4-letter parts of Latin words.

    Pairs carry the terms, single characters bridge rewordings (训练/训, 参数量/参数), word parts stand in for stemming.
    """
    folded = folded_for_search(text)
    yield from terms_for_search(folded)
    for run in CJK_RUN.findall(folded):
        if len(run) > 1:  # a lone character is a term already
            yield from run
    for word in LATIN_WORD.findall(folded):
        marked = f"<{word}>"
        if len(marked) > GRAM + 1:
            yield from ("#" + marked[i : i + GRAM] for i in range(len(marked) - GRAM + 1))


class BuiltinEncoder:
    """Latent semantic analysis over `features`. Queries and documents are encoded alike. Immutable, so safe across threads."""

    def __init__(self, vocabulary: Sequence[str], idf: FloatArray, projection: FloatArray, seen: frozenset[str]) -> None:
        """`idf` is [features], `projection` [features, dim]; `seen` are the digests of the texts of the fit."""
        self._names = tuple(vocabulary)
        self._ids = {name: i for i, name in enumerate(self._names)}
        self._idf = idf
        self._projection = projection
        self._seen = seen
        digest = hashlib.sha256(f"builtin {VERSION}".encode())
        digest.update("\n".join(self._names).encode())
        digest.update(idf.tobytes())
        digest.update(projection.tobytes())
        self._fingerprint = f"builtin:{digest.hexdigest()[:24]}"

    @property
    def fingerprint(self) -> str:
        """Of the fitted arrays themselves, so that it is honest across machines whose linear algebra rounds differently."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """Length of a vector: `DIMENSIONS`, or less for a corpus of fewer texts."""
        return int(self._projection.shape[1])

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        """[n, dim] float32, rows of length 1; all zero for a text without a known feature."""
        return self._encode(texts)

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        """[n, dim] float32, rows of length 1; all zero for a text without a known feature."""
        return self._encode(texts)

    def drift(self, corpus: Sequence[str]) -> float:
        """Share of the corpus's texts, 0–1, that the fit has not seen."""
        texts = set(map(_digest, corpus))
        return len(texts - self._seen) / len(texts) if texts else 0.0

    def _encode(self, texts: Sequence[str]) -> FloatArray:
        import numpy as np

        out = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in zip(out, texts, strict=True):
            ids, weights = _weights(text, self._ids, self._idf)
            if len(ids):
                row[:] = weights @ self._projection[ids]
                length = float(np.linalg.norm(row))
                row[:] = row / length if length > 1e-9 else 0.0
        return out

    # ------------------------------------------------------------ fitting

    @classmethod
    def fit(cls, corpus: Sequence[str]) -> BuiltinEncoder:
        """Learn from `corpus`; the order of its texts and repeats don't matter. Works, badly, on an empty one too."""
        import numpy as np

        texts = sorted(set(corpus))
        counts = [Counter(features(text)) for text in texts]
        document_frequency = Counter(name for count in counts for name in count)
        kept = sorted(document_frequency, key=lambda name: (-document_frequency[name], name))[:MAX_FEATURES]
        vocabulary = sorted(kept)
        # scikit-learn's smoothed idf: ln((1 + n) / (1 + df)) + 1.
        idf = np.array(
            [math.log((1 + len(texts)) / (1 + document_frequency[name])) + 1 for name in vocabulary], dtype=np.float32
        )
        projection = _directions(texts, {name: i for i, name in enumerate(vocabulary)}, idf)
        # Kept as halves on disk; rounded here so that an encoder is the same before saving and after loading.
        projection = projection.astype(np.float16).astype(np.float32)
        return cls(vocabulary, idf, projection, frozenset(map(_digest, texts)))

    def save(self, folder: Path) -> None:
        """Write the fitted state into `folder` as JSON and npz."""
        import numpy as np

        state = {"version": VERSION, "features": list(self._names), "seen": sorted(self._seen)}
        (folder / _STATE).write_text(json.dumps(state, ensure_ascii=False), encoding="utf-8")
        np.savez(folder / _ARRAYS, idf=self._idf, projection=self._projection.astype(np.float16))

    @classmethod
    def load(cls, folder: Path) -> BuiltinEncoder:
        """What `save` wrote. Raises RetrievalIndexError when it is missing, damaged or of another version."""
        import numpy as np

        try:
            state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
            if state["version"] != VERSION:
                raise RetrievalIndexError(
                    f"the encoder in {folder} is of version {state['version']}, this program's is {VERSION}"
                )
            # Opened here, because numpy forgets to close a file that turns out to be no archive.
            with (folder / _ARRAYS).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                idf, projection = arrays["idf"].astype(np.float32), arrays["projection"].astype(np.float32)
            if idf.shape != (len(state["features"]),) or projection.shape[:1] != idf.shape:
                raise ValueError("the arrays don't fit the vocabulary")
            return cls(state["features"], idf, projection, frozenset(state["seen"]))
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
            raise RetrievalIndexError(f"the encoder in {folder} can't be read: {error}") from error


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _weights(text: str, ids: dict[str, int], idf: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
    """The known features of a text and their weights, (1 + ln count) · idf, scaled to length 1."""
    import numpy as np

    counts = Counter(ids[name] for name in features(text) if name in ids)
    at = np.fromiter(counts.keys(), dtype=np.intp, count=len(counts))
    weights = (1 + np.log(np.fromiter(counts.values(), dtype=np.float32, count=len(counts)))) * idf[at]
    length = float(np.linalg.norm(weights))
    return at, (weights / length if length else weights).astype(np.float32)


def _directions(texts: Sequence[str], ids: dict[str, int], idf: FloatArray) -> FloatArray:
    """[features, dim]: the leading right singular vectors of the corpus's weight matrix, signs fixed."""
    import numpy as np
    from scipy.sparse import csr_matrix

    rows = [_weights(text, ids, idf) for text in texts]
    if not any(len(at) for at, _ in rows):
        return np.zeros((len(ids), 1), dtype=np.float32)
    indptr = np.cumsum([0, *(len(at) for at, _ in rows)])
    matrix = csr_matrix(
        (np.concatenate([w for _, w in rows]), np.concatenate([at for at, _ in rows]), indptr), shape=(len(texts), len(ids))
    )
    if len(texts) <= EXACT_UP_TO:
        directions = _exact(matrix)
    else:
        from sklearn.utils.extmath import randomized_svd

        _, _, rows_of_v = randomized_svd(matrix, n_components=min(DIMENSIONS, *matrix.shape), n_iter=7, random_state=0)
        directions = rows_of_v.T
    # A singular vector's sign is arbitrary: its largest entry is made positive, so that the same corpus gives the same vectors.
    largest = directions[np.abs(directions).argmax(axis=0), np.arange(directions.shape[1])]
    return np.ascontiguousarray(directions * np.sign(largest), dtype=np.float32)


def _exact(matrix: Any) -> NDArray[np.floating[Any]]:
    """[features, dim]: the right singular vectors by way of the texts' Gram matrix, which is far smaller than the matrix."""
    import numpy as np

    values, vectors = np.linalg.eigh((matrix @ matrix.T).toarray().astype(np.float64))
    order = np.argsort(-values, kind="stable")[:DIMENSIONS]
    order = order[values[order] > 1e-6 * values[order[0]]]  # below lies rounding
    return np.asarray(matrix.T @ (vectors[:, order] / np.sqrt(values[order])))
