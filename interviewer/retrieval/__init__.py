"""Passages and the index that finds them: FAISS and BM25, fused."""

from interviewer.retrieval.background import BackgroundBuild, BuildState
from interviewer.retrieval.index import BuildStats, OnProgress, PassageIndex, build_or_update, open_index
from interviewer.retrieval.passages import bank_passages, document_passages

__all__ = [
    "BackgroundBuild",
    "BuildState",
    "BuildStats",
    "OnProgress",
    "PassageIndex",
    "bank_passages",
    "build_or_update",
    "document_passages",
    "open_index",
]
