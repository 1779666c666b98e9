"""Text → vectors: a built-in encoder that needs no download, and any sentence-transformers model."""

from interviewer.encoders.library import BUILTIN, Encoders, load_encoder

__all__ = ["BUILTIN", "Encoders", "load_encoder"]
