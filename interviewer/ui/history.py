"""The list of earlier interviews: open a report, resume, delete."""

from __future__ import annotations

from dataclasses import dataclass

from interviewer.domain.questions import Bank
from interviewer.domain.transcript import SessionInfo
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
    topics: str
    asked: int
    score: int | None


def history_html(interviews: Interviews, bank: Bank, words: Words) -> str:
    """The newest interviews first."""
    return render("history", words, rows=[_row(info, bank, words) for info in interviews.list()])


def _row(info: SessionInfo, bank: Bank, words: Words) -> Row:
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
        topics=(words("list_separator").join(topics)) or words("all_topics"),
        asked=info.questions_asked,
        score=None if hidden or info.score is None else round(info.score),
    )
