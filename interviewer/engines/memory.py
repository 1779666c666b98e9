"""Tells whether an error means that memory ran out, whichever library raised it. Loads none of them."""

from __future__ import annotations

#: How allocators say it, in lower case: CUDA and MPS, torch's on a CPU, and C++'s own.
_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "std::bad_alloc")


def is_out_of_memory(error: BaseException) -> bool:
    """True for Python's MemoryError, torch's OutOfMemoryError, and what older allocators raise as a bare RuntimeError."""
    if isinstance(error, MemoryError) or any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _WORDS)
