"""From an encoder's name to an encoder, and its fitted state to and from a folder.

The index gets this as its `EncoderLibrary` from the wiring; it knows which encoders are fitted and which are not, so that
nothing else needs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from interviewer.encoders.builtin import DRIFT_LIMIT, BuiltinEncoder
from interviewer.encoders.sentence import SentenceTransformerEncoder
from interviewer.ports import Encoder

BUILTIN = "builtin"


def load_encoder(name: str, *, corpus: Sequence[str], allow_download: bool = False) -> Encoder:
    """`builtin`, fitted on `corpus`, or a sentence-transformers model by name or folder. Raises EngineUnavailable."""
    return BuiltinEncoder.fit(corpus) if name == BUILTIN else SentenceTransformerEncoder(name, allow_download=allow_download)


class Encoders:
    """Encoders that outlive the process: what `retrieval.index` asks for when it builds, updates and opens."""

    def __init__(self, *, allow_download: bool = False) -> None:
        """`allow_download`: whether a model that isn't on this machine may be fetched from its hub."""
        self._allow_download = allow_download

    def create(self, name: str, corpus: Sequence[str]) -> Encoder:
        """A new encoder. Raises EngineUnavailable."""
        return load_encoder(name, corpus=corpus, allow_download=self._allow_download)

    def save(self, encoder: Encoder, folder: Path) -> None:
        """Keep what `restore` needs; nothing for an encoder that isn't fitted."""
        if isinstance(encoder, BuiltinEncoder):
            encoder.save(folder)

    def restore(self, name: str, folder: Path, corpus: Sequence[str] | None = None) -> Encoder:
        """The encoder whose state is in `folder`; fitted anew if `corpus` has drifted too far from what it was fitted on.

        Small changes keep the old fit, so that they re-embed only what changed: one edited passage among hundreds moves the
        vocabulary by nothing that counts, while a new document (over `DRIFT_LIMIT` unseen texts) brings words of its own.
        Raises RetrievalIndexError for damaged state, EngineUnavailable for a model that is gone.
        """
        if name != BUILTIN:
            return SentenceTransformerEncoder(name, allow_download=self._allow_download)
        encoder = BuiltinEncoder.load(folder)
        if corpus is not None and encoder.drift(corpus) > DRIFT_LIMIT:
            return BuiltinEncoder.fit(corpus)
        return encoder
