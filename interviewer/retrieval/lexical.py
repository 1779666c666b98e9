"""Ranking by shared terms: BM25 from the bm25s library over `domain.text.terms_for_search`.

Knows nothing of vectors or fusion. The usual constants (k1 1.5, b 0.75, Lucene's idf): tuning them on some forty questions
would be tuning to those.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interviewer.domain.text import terms_for_search

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Bm25:
    """BM25 scores of all texts for a query. Immutable, so safe across threads."""

    def __init__(self, model: Any | None, count: int) -> None:
        """`model` is None where no text holds a term, which bm25s can't index."""
        self._model = model
        self._count = count

    @classmethod
    def build(cls, texts: Sequence[str]) -> Bm25:
        """Index `texts` in order."""
        bm25s = _library()
        terms = [terms_for_search(text) for text in texts]
        if not any(terms):
            return cls(None, len(texts))
        model = bm25s.BM25()
        model.index(terms, show_progress=False)
        return cls(model, len(texts))

    def scores(self, query: str) -> NDArray[np.float32]:
        """[texts] float32, 0 where no term of the query occurs."""
        import numpy as np

        known = [term for term in terms_for_search(query) if self._model is not None and term in self._model.vocab_dict]
        if self._model is None or not known:
            return np.zeros(self._count, dtype=np.float32)
        return np.asarray(self._model.get_scores(known), dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Write the index into `folder` (nothing at all for one without terms)."""
        if self._model is not None:
            self._model.save(str(folder), show_progress=False)

    @classmethod
    def load(cls, folder: Path, count: int) -> Bm25:
        """What `save` wrote, for `count` texts. Raises OSError or ValueError for damaged files."""
        if not folder.is_dir() or not any(folder.iterdir()):
            return cls(None, count)
        bm25s = _library()

        return cls(bm25s.BM25.load(str(folder), show_progress=False), count)


def _library() -> Any:
    """bm25s, kept quiet: it sets its own logger to DEBUG when imported."""
    import bm25s

    logging.getLogger("bm25s").setLevel(logging.WARNING)
    return bm25s
