"""Sessions, turns and assessments in SQL."""

from interviewer.storage.sql import SqlStore, open_store

__all__ = ["SqlStore", "open_store"]
