"""The question bank's page: browse and search, one question, editing it, the person's documents, disputes, the index.

Every handler reads the library as it is now, so that several pages may be open. Adding documents is `bank_upload`'s, one
question and its form are `bank_question`'s, the disputes `bank_disputes`'; what the lists show is made in `bank_views`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from interviewer.domain.errors import InterviewerError
from interviewer.ui.bank_disputes import DisputeQueue
from interviewer.ui.bank_question import BankQuestion
from interviewer.ui.bank_upload import BankUpload
from interviewer.ui.bank_views import (
    LEVELS,
    ORIGINS,
    documents,
    filters_from,
    listing,
    topic_options,
)
from interviewer.ui.html import render, static
from interviewer.ui.room import AGAIN, EVENT, Changes, warn
from interviewer.ui.words import Words
from interviewer.wiring import Parts

#: Seconds between looks at an index that is being built.
INDEX_EVERY = 0.4


class BankPage:
    """The components and handlers of one language's question bank."""

    def __init__(self, parts: Parts, words: Words) -> None:
        self._parts, self._words = parts, words
        #: Makes every text that is sent a new one: the page acts on what it gets even if it is the same again.
        self._versions = itertools.count(1)
        self.upload = BankUpload(parts, words)
        self.queue = DisputeQueue(parts, words, lambda: next(self._versions))
        self.desk = BankQuestion(parts, words, lambda: next(self._versions))

    # ------------------------------------------------------------ components

    def build(self, tab: Any) -> None:
        """Create the components inside `tab`, which is open."""
        words = self._words
        gr.HTML(render("bank_head", words), apply_default_css=False)
        self.status = gr.HTML("", apply_default_css=False, elem_id="bank-status")
        with gr.Tabs(elem_id="bank-tabs") as self.tabs:
            with gr.Tab(words("bank_tab_questions"), id="questions"):
                with gr.Column(elem_id="bank-browse") as self.browse:
                    self._filters()
                    self.list = self._html("bank-list")
                with gr.Column(elem_id="bank-one", visible=False) as self.one:
                    self.question = self._html("bank-question")
            with gr.Tab(words("bank_tab_add"), id="add"):
                self.upload.build()
            with gr.Tab(words("bank_tab_documents"), id="documents") as documents_tab:
                self.documents = self._html("bank-documents")
            with gr.Tab(words("bank_tab_disputes"), id="disputes") as disputes_tab:
                self.disputes = self._html("bank-disputes")
        self.page = gr.State(1)
        self._wire(tab)
        documents_tab.select(self._documents, None, self.documents, **EVENT)
        disputes_tab.select(self.queue.html, None, self.disputes, **EVENT)

    def _html(self, elem_id: str) -> Any:
        return gr.HTML("", js_on_load=static("bank.js"), apply_default_css=False, elem_id=elem_id)

    def _filters(self) -> None:
        words, bank = self._words, self._parts.bank
        with gr.Row():
            self.query = gr.Textbox(
                label=words("bank_search_label"), placeholder=words("bank_search_hint"), lines=1, max_lines=1,
                scale=4, min_width=200, elem_id="bank-query",
            )  # fmt: skip
            self.search = gr.Button(words("bank_search"), scale=0, min_width=90, elem_id="bank-search-button")
        quiet: dict[str, Any] = {"filterable": False, "min_width": 150}
        with gr.Row(elem_id="bank-filters"):
            self.topic = gr.Dropdown(
                topic_options(bank, words), value="", label=words("bank_topic"), elem_id="bank-topic", **quiet
            )
            levels = [(words("bank_level_all"), 0), *((words(f"level_{n}"), n) for n in LEVELS)]
            self.level = gr.Dropdown(levels, value=0, label=words("bank_level"), elem_id="bank-level-filter", **quiet)
            origins = [(words(f"bank_origin_{name}"), name) for name in ORIGINS]
            self.origin = gr.Dropdown(origins, value="all", label=words("bank_origin"), elem_id="bank-origin", **quiet)

    @property
    def entry_outputs(self) -> list[Any]:
        """What `entry` may change."""
        return [self.browse, self.one, self.question, self.tabs]

    @property
    def _inputs(self) -> list[Any]:
        return [self.query, self.topic, self.level, self.origin]

    def _wire(self, tab: Any) -> None:
        shown = [self.list, self.page]
        views = [*shown, *self._inputs, self.browse, self.one, self.question, self.tabs, self.documents, self.disputes]
        tab.select(self.opened, [*self._inputs, self.page], [*shown, self.topic], **EVENT).then(
            self.follow, None, self.status, **EVENT
        )
        for event in (self.query.submit, self.search.click, self.topic.input, self.level.input, self.origin.input):
            event(self.filtered, self._inputs, shown, **AGAIN | {"show_progress": "minimal"})  # the first search may wait
        for component in (self.list, self.question, self.documents, self.disputes):
            component.click(self.pressed, [*self._inputs, self.page], views, **AGAIN).then(
                self.follow, None, self.status, **EVENT
            )
        self.upload.kept.change(self.opened, [*self._inputs, self.page], [*shown, self.topic], **EVENT).then(
            self.follow, None, self.status, **EVENT
        )

    # ------------------------------------------------------------ handlers

    def opened(self, query: Any, topic: Any, level: Any, origin: Any, page: Any) -> Changes:
        """The tab was opened, or the bank has grown."""
        return self._listed((query, topic, level, origin), page) | {self.topic: self._topics(topic)}

    def filtered(self, *filters: Any) -> Changes:
        """Another search or filter: from its first page on."""
        return self._listed(filters, 1)

    def pressed(self, query: Any, topic: Any, level: Any, origin: Any, page: Any, event: gr.EventData) -> Changes:
        """A button in one of the lists, on the question or in its form."""
        data = event._data if isinstance(event._data, dict) else {}
        filters = (query, topic, level, origin)
        action, question_id = data.get("action"), str(data.get("question") or "")
        try:
            match action:
                case "page":
                    return self._listed(filters, data.get("page"), focus=True)
                case "back":
                    return self._back(filters, page)
                case "browse":
                    return self._browse(str(data.get("topic") or ""), data.get("origin"))
                case "open" | "cancel":
                    return self._one(self.desk.shown(question_id))
                case "edit":
                    return self._one(self.desk.form(question_id, str(data.get("point") or "")))
                case "save":
                    return self._one(self.desk.save(question_id, str(data.get("seen") or ""), data.get("form")))
                case "delete":
                    self._parts.library.delete(question_id, str(data.get("seen") or ""))
                    return self._changed(filters, page)
                case "remove-bank":
                    self._parts.library.delete_bank(str(data.get("name") or ""), str(data.get("seen") or ""))
                    return self._changed(filters, page)
                case "remove-text":
                    self._parts.library.delete_text(str(data.get("name") or ""))
                    return self._changed(filters, page)
                case "reindex":
                    self._parts.library.reload()
                    self._parts.indexing.start()
                    return {self.documents: self._documents()}
                case "accepted" | "rejected":
                    return {self.disputes: self.queue.settle(data.get("dispute"), action == "accepted")}
        except InterviewerError as error:
            warn(self._words, self._words.problem(str(error)))
        except ValueError:  # a dispute's number that is none
            pass
        return {self.list: gr.skip()}

    def entry(self, question_id: str, point_id: str) -> Changes:
        """Somewhere else a key point was pressed: its question, with the point laid open."""
        return self._one(self.desk.shown(question_id, target=point_id))

    async def follow(self) -> AsyncIterator[str]:
        """How the index is doing, until it rests."""
        while True:
            state = self._parts.indexing.state
            yield render("bank_status", self._words, state=state, problems=self._parts.problems)
            if state.status != "running":
                return
            await asyncio.sleep(INDEX_EVERY)

    # ------------------------------------------------------------ what they show

    def _listed(self, filters: tuple[Any, ...], page: Any, focus: bool = False) -> Changes:
        number = int(page) if str(page).isdecimal() and len(str(page)) < 7 else 1
        chosen, library, failure = filters_from(*filters), self._parts.library, ""
        try:
            found = listing(library, self._parts.retriever if chosen.query else None, chosen, number, self._words)
        except InterviewerError as error:  # no encoder, no index
            found, failure = listing(library, None, chosen, number, self._words), str(error)
        values = {"found": found, "failure": failure, "focus": focus, "version": next(self._versions)}
        return {self.list: render("bank_list", self._words, **values), self.page: found.page}

    def _topics(self, chosen: Any) -> Any:
        options = topic_options(self._parts.bank, self._words)
        return gr.update(choices=options, value=chosen if chosen in {topic for _, topic in options} else "")

    def _browse(self, topic: str, origin: Any) -> Changes:
        """The questions of one document."""
        filters = filters_from("", topic, 0, origin)
        chosen = {self.query: "", self.topic: self._topics(filters.topic), self.level: 0, self.origin: filters.origin}
        shown = self._listed(("", filters.topic, 0, filters.origin), 1, focus=True)
        return shown | chosen | self._stage(one=False) | {self.tabs: gr.update(selected="questions")}

    def _back(self, filters: tuple[Any, ...], page: Any) -> Changes:
        return self._listed(filters, page, focus=True) | self._stage(one=False) | {self.question: ""}

    def _changed(self, filters: tuple[Any, ...], page: Any) -> Changes:
        """Something was deleted: the lists without it, and the index to follow."""
        self._parts.indexing.start()
        gr.Info(self._words("deleted"), duration=3, title=self._words("title"))
        topics = {self.topic: self._topics(filters[1])}
        return self._back(filters, page) | topics | {self.documents: self._documents()}

    def _one(self, html: str | None) -> Changes:
        """One question in place of the list; None for one that is gone."""
        if html is None:
            warn(self._words, self._words("bank_gone"))
            return self._stage(one=False)
        return self._stage(one=True) | {self.question: html, self.tabs: gr.update(selected="questions")}

    def _stage(self, one: bool) -> Changes:
        return {self.browse: gr.update(visible=not one), self.one: gr.update(visible=one)}

    def _documents(self) -> str:
        library = self._parts.library
        return render(
            "bank_documents",
            self._words,
            rows=documents(library, self._words),
            folder=self._parts.settings.banks_dir,
            version=next(self._versions),
        )
