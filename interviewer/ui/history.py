"""The list of earlier interviews: search and filter it, open a report, resume, delete.

Reads heads and what was asked, never whole transcripts, so that hundreds of interviews are listed at once. What the buttons do
is the page's business.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from interviewer.dialogue.wording import BUILTIN
from interviewer.domain.questions import Bank
from interviewer.domain.transcript import SessionInfo
from interviewer.report.words import word
from interviewer.storage.archive import Asked, SqlArchive
from interviewer.ui.html import render, static
from interviewer.ui.words import Words
from interviewer.wiring import Parts

#: Interviews shown at once, and added by "show more".
PAGE = 30
#: More than anyone has; a bound all the same on what a page may ask of the database.
MOST = 5_000
STATUSES = ("all", "running", "finished")


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


@dataclass(frozen=True, slots=True)
class Search:
    """What to list: interviews in that state that hold every word of `text`, at most `shown` of them."""

    text: str = ""
    status: str = "all"
    shown: int = PAGE

    @classmethod
    def of(cls, text: Any, status: Any, shown: Any = PAGE) -> Search:
        """A search from what a browser sent, which may be anything."""
        count = int(shown) if str(shown).isdecimal() else PAGE
        known = status if status in STATUSES else "all"
        return cls(str(text or "")[:200], known, min(max(count, PAGE), MOST))

    @property
    def any(self) -> bool:
        return bool(self.text.strip()) or self.status != "all"


class History:
    """The tab's components. `list` triggers `click` with the pressed button's action and interview."""

    def __init__(self, parts: Parts, words: Words) -> None:
        self._parts, self._words = parts, words

    def build(self) -> None:
        """Create the components inside the Blocks context that is open."""
        words = self._words
        gr.HTML(render("history_head", words), apply_default_css=False)
        with gr.Row(elem_id="history-filter"):
            self.text = gr.Textbox(
                label=words("history_search"), placeholder=words("history_search_hint"), max_length=200,
                elem_id="history-search", scale=3, min_width=220,
            )  # fmt: skip
            self.status = gr.Radio(
                [(words(f"history_{status}"), status) for status in STATUSES],
                value="all", label=words("history_status"), elem_id="history-status", scale=2, min_width=220,
            )  # fmt: skip
        self.list = gr.HTML(
            "", js_on_load=static("history.js"), sure=words("delete_confirm"), apply_default_css=False, elem_id="history"
        )

    @property
    def inputs(self) -> list[Any]:
        return [self.text, self.status]

    def html(self, text: Any = "", status: Any = "all", shown: Any = PAGE) -> str:
        """The list for what the search box and the filter hold."""
        parts = self._parts
        return history_html(parts.interviews.list(MOST), parts.archive, parts.bank, self._words, Search.of(text, status, shown))


def history_html(infos: list[SessionInfo], archive: SqlArchive, bank: Bank, words: Words, search: Search) -> str:
    """The newest interviews first."""
    speakers = archive.speakers()
    found = _found(infos, archive.asked() if search.text.strip() else (), bank, search)
    rows = [_row(info, bank, words, speakers.get(info.id, info.interviewer)) for info in found[: search.shown]]
    counts = {"found": len(found), "total": len(infos), "more": search.shown + PAGE}
    return render("history", words, rows=rows, searched=search.any, **counts)


def _found(infos: Iterable[SessionInfo], asked: Iterable[Asked], bank: Bank, search: Search) -> list[SessionInfo]:
    """The interviews that the search is about. A word is looked for in the date, in both languages' topic titles and in the
    questions that were asked, as the bank has them or, where they have left it, as they were put."""
    wanted = search.text.casefold().split()
    infos = [info for info in infos if search.status in ("all", info.status)]
    if not wanted:
        return infos
    questions = {question.id: question for question in bank}
    texts: dict[str, list[str]] = {}
    for one in asked:
        question = questions.get(one.question_id)
        about = (*question.text.both(), *_titles(bank, question.topic)) if question else (one.text,)
        texts.setdefault(one.session_id, []).extend(about)

    def matches(info: SessionInfo) -> bool:
        chosen = (title for topic in info.setup.topics for title in _titles(bank, topic))
        text = "\n".join((_when_text(info), *chosen, *texts.get(info.id, ()))).casefold()
        return all(word in text for word in wanted)

    return [info for info in infos if matches(info)]


def _titles(bank: Bank, topic: str) -> tuple[str, ...]:
    title = bank.topics.get(topic)
    return title.both() if title else (topic,)


def _when_text(info: SessionInfo) -> str:
    return info.created_at.astimezone().strftime("%Y-%m-%d %H:%M")


def _row(info: SessionInfo, bank: Bank, words: Words, led_by: str) -> Row:
    topics = [bank.topic_title(topic, words.lang) for topic in info.setup.topics]
    hidden = info.score is None or (info.setup.mode == "real" and info.status == "running")
    anything = words("today_heading") if info.setup.plan else words("all_topics")
    return Row(
        id=info.id,
        when=info.created_at.astimezone().isoformat(timespec="minutes"),
        when_text=_when_text(info),
        status=info.status,
        status_word=words(f"status_{info.status}"),
        mode=words(f"short_{info.setup.mode}"),
        lang=words(f"lang_{info.setup.lang}"),
        led_by=word("built-in", words.lang) if led_by == BUILTIN else led_by,
        topics=(words("list_separator").join(topics)) or anything,
        asked=info.questions_asked,
        score=None if hidden or info.score is None else round(info.score),
    )
