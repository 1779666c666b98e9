"""The list of earlier interviews: open a report, resume, delete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from interviewer.dialogue.wording import BUILTIN
from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import Bank
from interviewer.domain.transcript import SessionInfo
from interviewer.report.words import word
from interviewer.session import Interviews
from interviewer.ui.html import render
from interviewer.ui.words import Words


@dataclass(frozen=True, slots=True)
class Row:
    """One interview in the list. `score` is withheld while a real interview runs."""

    id: str
    when: str
    when_text: str
    status: str
    status_word: str
    mode: str
    lang: str
    led_by: str
    topics: str
    asked: int
    score: int | None


class Leaders:
    """Who led an interview by the report's rule: the list's own heads name whoever began it. Reads an interview only when it
    has changed since the last time."""

    def __init__(self, interviews: Interviews) -> None:
        self._interviews = interviews
        self._known: dict[str, tuple[datetime, str]] = {}

    def __call__(self, info: SessionInfo) -> str:
        at, name = self._known.get(info.id, (None, ""))
        if at != info.updated_at:
            try:
                name = self._interviews.report(info.id).session.interviewer
            except InterviewerError:  # deleted this moment
                return info.interviewer
            self._known[info.id] = info.updated_at, name
        return name


def history_html(interviews: Interviews, bank: Bank, words: Words, led_by: Callable[[SessionInfo], str]) -> str:
    """The newest interviews first."""
    return render("history", words, rows=[_row(info, bank, words, led_by(info)) for info in interviews.list()])


def _row(info: SessionInfo, bank: Bank, words: Words, led_by: str) -> Row:
    topics = [bank.topic_title(topic, words.lang) for topic in info.setup.topics]
    hidden = info.score is None or (info.setup.mode == "real" and info.status == "running")
    when = info.created_at.astimezone()
    return Row(
        id=info.id,
        when=when.isoformat(timespec="minutes"),
        when_text=when.strftime("%Y-%m-%d %H:%M"),
        status=info.status,
        status_word=words(f"status_{info.status}"),
        mode=words(f"short_{info.setup.mode}"),
        lang=words(f"lang_{info.setup.lang}"),
        led_by=word("built-in", words.lang) if led_by == BUILTIN else led_by,
        topics=(words("list_separator").join(topics)) or words("all_topics"),
        asked=info.questions_asked,
        score=None if hidden or info.score is None else round(info.score),
    )
