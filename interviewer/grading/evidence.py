"""The candidate's own words for a verdict, checked against the answer in code.

Chooses among windows already scored; knows nothing of key points.
"""

from __future__ import annotations

import re

from interviewer.domain.assessment import Evidence
from interviewer.grading.windows import Window

_HALF = re.compile("[\ud800-\udfff]")
#: Longer quotes than this (characters) are no evidence but a retelling.
MAX_QUOTE = 240


def quote(answer: str, window: Window) -> Evidence | None:
    """The window as evidence, or None if its words are not in the answer exactly there (cleaned-away characters, say)."""
    end = min(window.end, window.start + MAX_QUOTE)
    if not answer[window.start : end].strip():
        return None
    found = Evidence.of(answer, window.start, end)
    return found if verified(answer, found) else None


def verified(answer: str, evidence: Evidence) -> bool:
    """Whether the quote stands in the answer at its span, and can be written to a file (no half characters)."""
    return answer[evidence.start : evidence.end] == evidence.text and not _HALF.search(evidence.text)
