"""Any sentence-transformers model, by name or folder.

Knows how to find a model on this machine, tell its weights apart from others and use its query and document prompts. Knows
nothing of passages or indexes. The weights are loaded at the first text that is encoded, not when the encoder is made, so an
index can be checked and opened (and searched by its terms) without paying for torch.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interviewer.domain.errors import EngineUnavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]

#: Files up to this many bytes are hashed whole: every JSON and vocabulary, the header of safetensors with names and shapes.
_WHOLE = 1 << 20
#: Of larger ones the first mebibyte and this many evenly spaced blocks are read: any training step moves nearly every weight,
#: so another checkpoint shows in each block, and a 2 GB model takes milliseconds instead of seconds.
_BLOCKS, _BLOCK = 64, 1 << 16
_MODEL_FILES = {".json", ".txt", ".model", ".safetensors", ".bin"}


class SentenceTransformerEncoder:
    """A sentence-transformers model as an encoder. Safe across threads: one text batch is encoded at a time."""

    def __init__(self, name: str, *, batch_size: int = 32, allow_download: bool = False) -> None:
        """`name` is a folder, or a model name that is looked up in the local cache, and with `allow_download` on its hub.

        Raises EngineUnavailable when there is no such model. A folder is never looked for on the network.
        """
        self.name = name
        self._batch_size = batch_size
        self._lock = threading.Lock()
        self._model: Any = None
        self._folder = _find(name, allow_download)
        self._fingerprint = f"sentence-transformers:{_fingerprint(self._folder)}"

    @property
    def fingerprint(self) -> str:
        """Of the model's files, not of its place: a copy of the folder has the same one, another checkpoint hasn't."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """Length of a vector. Loads the model."""
        with self._lock:
            return int(self._loaded().get_embedding_dimension())

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        """[n, dim] float32 with the model's query prompt, rows of length 1; all zero for a blank text."""
        return self._encode(texts, "encode_query")

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        """[n, dim] float32 with the model's document prompt, rows of length 1; all zero for a blank text."""
        return self._encode(texts, "encode_document")

    def _encode(self, texts: Sequence[str], method: str) -> FloatArray:
        import numpy as np

        with self._lock:
            model = self._loaded()
            out = np.zeros((len(texts), int(model.get_embedding_dimension())), dtype=np.float32)
            rows = [i for i, text in enumerate(texts) if text.strip()]
            if rows:
                vectors = getattr(model, method)(
                    [_encodable(texts[i]) for i in rows],
                    batch_size=self._batch_size,
                    normalize_embeddings=True,
                    convert_to_numpy=True,
                    show_progress_bar=False,
                )
                out[rows] = np.asarray(vectors, dtype=np.float32)
        return out

    def _loaded(self) -> Any:
        if self._model is None:
            try:
                with _no_progress_bars():
                    from sentence_transformers import SentenceTransformer

                    # The folder is complete here, so nothing is asked of the hub, and code from a model folder never runs.
                    self._model = SentenceTransformer(str(self._folder), local_files_only=True, trust_remote_code=False)
            except Exception as error:  # the library raises a dozen kinds for a broken folder
                raise EngineUnavailable(f"the encoder model {self.name!r} can't be loaded: {_first_line(error)}") from error
        return self._model


def _find(name: str, allow_download: bool) -> Path:
    """The folder that holds the model: `name` itself, or its snapshot in the hub's cache, downloaded if need be and allowed."""
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / "modules.json").is_file() and not (path / "config.json").is_file():
            raise EngineUnavailable(f"{path} holds no sentence-transformers model (neither modules.json nor config.json)")
        return path.resolve()
    if path.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1 or "\\" in name:
        raise EngineUnavailable(f"there is no encoder model folder {path}")
    from huggingface_hub import snapshot_download

    repository = name if "/" in name else f"sentence-transformers/{name}"
    # Only what the torch model needs: repositories carry ONNX, OpenVINO and TensorFlow copies many times its size.
    patterns = ["*.json", "*.txt", "*.model", "*.safetensors", "pytorch_model*.bin", "*/config.json", "*/*.safetensors"]
    options: dict[str, Any] = {"allow_patterns": patterns, "ignore_patterns": ["onnx/*", "openvino/*"]}
    try:
        return Path(snapshot_download(repository, local_files_only=True, **options))
    except Exception as error:  # not in the cache: the one case that needs the network
        if not allow_download:
            raise EngineUnavailable(
                f"the encoder model {name!r} is not on this machine, and nothing is downloaded without being asked for: "
                f"run `hf download {repository}` first or set INTERVIEWER_DOWNLOAD=1, give a folder that holds it, "
                "or use the encoder 'builtin'"
            ) from error
    try:
        return Path(snapshot_download(repository, **options))
    except Exception as error:
        raise EngineUnavailable(
            f"the encoder model {name!r} is not on this machine and can't be downloaded ({_first_line(error)}); "
            "give a folder that holds it, or use the encoder 'builtin'"
        ) from error


def _fingerprint(folder: Path) -> str:
    """A digest of the model's files by relative name, size and content (large files by samples)."""
    digest = hashlib.sha256()
    files = sorted(p for p in folder.rglob("*") if p.suffix in _MODEL_FILES and p.is_file())
    for path in files:
        relative = path.relative_to(folder).as_posix()
        if relative.startswith(("onnx/", "openvino/")):
            continue
        digest.update(f"{relative}\0{path.stat().st_size}\0".encode())
        for block in _samples(path):
            digest.update(block)
    return digest.hexdigest()[:24]


def _samples(path: Path) -> Iterator[bytes]:
    length = path.stat().st_size
    with path.open("rb") as file:
        yield file.read(_WHOLE)
        if length > _WHOLE:
            for i in range(_BLOCKS):
                file.seek(_WHOLE + (length - _WHOLE) * i // _BLOCKS)
                yield file.read(_BLOCK)


def _encodable(text: str) -> str:
    """Without lone surrogates, which tokenizers refuse."""
    return text.encode("utf-8", "replace").decode("utf-8")


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    """transformers draws a bar for the weights on stderr, where a command's own messages belong."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
