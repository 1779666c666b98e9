"""One language's page: header, tabs, and the wiring between set-up, room, report, history, progress and bank."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import gradio as gr

from interviewer.domain.errors import InterviewerError
from interviewer.domain.transcript import Planned, Setup
from interviewer.ui.about import about_html
from interviewer.ui.bank_page import BankPage
from interviewer.ui.history import History
from interviewer.ui.html import render
from interviewer.ui.live import LiveInterviews
from interviewer.ui.progress_page import ProgressPage
from interviewer.ui.report_desk import ReportDesk
from interviewer.ui.report_page import empty_report, report_view
from interviewer.ui.room import AGAIN, EVENT, HERE, TICK, Changes, Room, explain, warn
from interviewer.ui.settings_page import SettingsPage
from interviewer.ui.setup_form import SetupForm, setup_from
from interviewer.ui.today import Today
from interviewer.ui.words import Words, words_for
from interviewer.wiring import Parts

#: In the browser: which interview's report is shown.
SHOWN_REPORT = "document.querySelector('#report .report')?.dataset.session || ''"
#: Seconds between looks of an idle queue at whether something was pressed.
IDLE_EVERY = 0.01
#: Seconds between looks at a model that is loading.
ENGINE_EVERY = 3.0


class Page:
    """Builds the Blocks of one language. Holds no interview: those live in `lives`, shared by both languages."""

    def __init__(self, parts: Parts, lives: LiveInterviews, words: Words) -> None:
        self._parts, self._lives, self._words = parts, lives, words
        self.today = Today(parts, words, "setup", quiet=True)
        self.progress = ProgressPage(parts, words)
        self.history = History(parts, words)

    def build(self) -> Any:
        """The page, ready to be mounted."""
        words = self._words
        with gr.Blocks(title=words("title"), analytics_enabled=False, delete_cache=(300, 1800)) as blocks:
            self.session = gr.Textbox(visible=False, elem_id="shown")  # stays empty: each event's script puts in what is shown
            gr.HTML(self._header(), apply_default_css=False, elem_id="header")
            with gr.Tabs(elem_id="tabs") as self.tabs:
                with gr.Tab(words("tab_interview"), id="interview") as interview_tab:
                    with gr.Column(elem_id="setup"):
                        self.today.build()
                        self.form = SetupForm(self._parts, words)
                        self.form.build()
                    with gr.Column(elem_id="room-column"):
                        report = report_view(words)
                        self.room = Room(self._parts, self._lives, words, self.session, report)
                        self.room.build()
                        self.desk = ReportDesk(self._parts, self._lives, words, report, self.room.practice)
                with gr.Tab(words("tab_report"), id="report") as report_tab:
                    report.render()
                with gr.Tab(words("tab_history"), id="history") as history_tab:
                    self.history.build()
                with gr.Tab(words("tab_progress"), id="progress") as progress_tab:
                    self.progress.build()
                with gr.Tab(words("tab_bank"), id="bank") as bank_tab:
                    self.bank = BankPage(self._parts, words)
                    self.bank.build(bank_tab)
                with gr.Tab(words("tab_settings"), id="settings") as settings_tab:
                    self.settings = SettingsPage(self._parts, self._lives, words)
                    self.settings.build(blocks, settings_tab)
                with gr.Tab(words("tab_about"), id="about") as about_tab:
                    about = gr.HTML("", apply_default_css=False, elem_id="about")
            self.loading = gr.Timer(ENGINE_EVERY, active=False)
            history_tab.select(self.history.html, self.history.inputs, self.history.list, **EVENT)
            progress_tab.select(self.progress.news, None, self.progress.outputs, **EVENT)
            chosen = [self.form.topics, self.form.questions]
            interview_tab.select(self.form.refreshed, chosen, [*chosen[:1], self.form.pool, self.form.who], **EVENT)
            to_add = {self.tabs: gr.update(selected="bank"), self.bank.tabs: gr.update(selected="add")}
            self.form.add.click(lambda: to_add, None, list(to_add), **EVENT)
            interview_tab.select(self.room.practice.news, self.session, self.room.practice.outputs, js=HERE, **EVENT)
            report_tab.select(self.desk.news, self.room.mark, report, js=f"() => {SHOWN_REPORT}", **EVENT)
            about_tab.select(lambda: about_html(self._parts, words), None, about, **EVENT)
            self._wire(blocks)
        blocks.queue(max_size=None, default_concurrency_limit=None, api_open=False)
        # Else each page's queue looks for work a thousand times a second, and for progress bars, which there are none of.
        blocks._queue.sleep_when_free, blocks._queue.progress_update_sleep_when_free = IDLE_EVERY, 1.0
        return blocks

    def _header(self) -> str:
        other = self._words.other
        return render("header", self._words, other_path=f"/{other}/", other_locale=words_for(other).locale)

    def _wire(self, blocks: Any) -> None:
        form, room = self.form, self.room
        stage = [self.tabs, self.history.list, self.loading]
        everything = [*stage, *self.today.outputs, form.topics, form.pool, form.who, *room.outputs]
        blocks.load(
            self.restore, form.kept, [*form.inputs, form.pool, form.who, room.who, self.loading, *self.today.outputs], **EVENT
        )
        blocks.load(self.resume, self.session, everything, js="() => window.interviewer.place()", **EVENT)
        begun = [
            form.start.click(self.start, [self.session, *form.inputs], everything, js=_begin_js(len(form.inputs)), **AGAIN),
            *(
                today.start.click(self.start_today, [self.session, form.lang], everything, js=_begin_js(1), **AGAIN)
                for today in (self.today, self.progress.today)
            ),
            self.bank.question.click(self.practise, form.lang, everything, **AGAIN),
        ]
        for event in begun:
            event.then(None, js="() => window.interviewer.answered()", **AGAIN)  # also when nothing came of it
        chosen = [form.topics, form.questions]
        room.leave.click(
            self.leave, [self.session, *chosen], everything,
            js="(_, ...chosen) => [window.interviewer.here(), ...chosen.slice(0, 2)]", **EVENT,
        )  # fmt: skip
        room.new.click(self.to_setup, chosen, everything, **EVENT)
        room.see_report.click(self.see_report, None, self.tabs, **EVENT)
        room.report.click(self.in_report, self.session, [*everything, *self.bank.entry_outputs], js=HERE, **AGAIN)
        searched = self.history.inputs
        self.history.list.click(
            self.chosen, [self.session, *chosen, *searched], everything,
            js=f"(_, ...others) => [window.interviewer.here(), ...others.slice(0, {len(chosen) + len(searched)})]", **AGAIN,
        )  # fmt: skip
        # Not `input`: Gradio lets the first one pass unheard, and a pasted word is one.
        for box in (self.history.text.change, self.history.status.change):
            box(self.history.html, searched, self.history.list, **EVENT)
        for timer in (self.loading, self.settings.model.timer):
            timer.tick(self.engine_news, None, [form.who, room.who, self.loading], **TICK)

    # ------------------------------------------------------------ handlers

    async def restore(self, kept: Any) -> Changes:
        """A page was opened or reloaded: the set-up as it was left."""
        return self.form.restored(kept) | self.engine_news() | await asyncio.to_thread(self.today.news)

    async def resume(self, place: Any) -> AsyncIterator[Changes]:
        """A page was opened or reloaded: back into the interview it was in, also in the middle of a reply."""
        if not isinstance(place, str) or not place:
            yield self.room.unchanged
            return
        async for changes in self._enter(place, leads=False):  # the person may have opened another tab already
            yield changes

    def engine_news(self) -> Changes:
        """Who speaks, as of now; looked up again and again only while a model is loading."""
        loading = self._parts.engine_status().state == "loading"
        return {
            self.form.who: self.form.who_html(),
            self.room.who: self.room.who_html(),
            self.loading: gr.Timer(active=loading),
        }

    async def start(self, press: Any, *values: Any) -> AsyncIterator[Changes]:
        """The set-up's Start button. An empty press is the second half of a double one."""
        async for changes in self._begin(press, lambda: setup_from(*values)):
            yield changes

    async def start_today(self, press: Any, lang: Any) -> AsyncIterator[Changes]:
        """A button for ten minutes today."""
        async for changes in self._begin(press, lambda: self._parts.coach.sitting("en" if lang == "en" else "zh")):
            yield changes

    async def practise(self, lang: Any, event: gr.EventData) -> AsyncIterator[Changes]:
        """The bank's button for practising the question that is shown; its other buttons are the bank's own business."""
        data = event._data if isinstance(event._data, dict) else {}
        if data.get("action") != "practise":
            yield self.room.unchanged
            return
        plan = (Planned(str(data.get("question") or "")),)
        lang = "en" if lang == "en" else "zh"
        async for changes in self._begin(data.get("press"), lambda: Setup(lang, questions=1, plan=plan)):
            yield changes

    async def _begin(self, press: Any, setup: Callable[[], Setup]) -> AsyncIterator[Changes]:
        if not press:
            yield self.room.unchanged
            return
        try:
            live = await asyncio.to_thread(lambda: self._lives.start(setup()))
        except InterviewerError as error:
            warn(self._words, self._words("warn_no_setup", error=error))
            yield self.room.unchanged
            return
        async for changes in self.room.enter(live):
            yield changes

    async def leave(self, shown: Any, topics: Sequence[str] | None, questions: float) -> Changes:
        """Out of a running interview, which waits in the history, unless it was deleted in another window."""
        if await self.room.live(shown) is None:
            warn(self._words, self._words("warn_gone"))
        else:
            gr.Info(self._words("leave_done"), duration=5, title=self._words("title"))
        return await asyncio.to_thread(self.to_setup, topics, questions)

    def to_setup(self, topics: Sequence[str] | None, questions: float) -> Changes:
        """Back to the set-up, which is still as it was left."""
        return self.room.away | self.form.refreshed(topics, questions) | self.today.news()

    def see_report(self) -> Any:
        return gr.update(selected="report")

    async def in_report(self, shown: Any, event: gr.EventData) -> AsyncIterator[Changes]:
        """Something was pressed in a report: a key point's way to its entry in the bank, an objection, or answering again."""
        data = event._data if isinstance(event._data, dict) else {}
        action = data.get("action")
        session_id, question_id, point_id, text = (str(data.get(k) or "") for k in ("session", "question", "point", "text"))
        if action == "entry":
            yield self.bank.entry(question_id, point_id) | {self.tabs: gr.update(selected="bank")}
        elif action == "dispute":
            yield await self.desk.file(session_id, question_id, point_id, text)
        elif action == "again":
            async for changes in self._answer_again(shown, session_id, question_id):
                yield changes
        else:
            yield self.room.unchanged

    async def _answer_again(self, shown: Any, session_id: str, question_id: str) -> AsyncIterator[Changes]:
        """Into the interview that the report is of, to a question of it. The one this page was in waits in the history."""
        live, changes = await self.desk.to_answer_again(session_id, question_id)
        if live is None:
            yield changes
            return
        left = await self.room.live(shown)
        if left is not None and left.id != live.id and not left.snapshot.finished:
            gr.Info(self._words("leave_done"), duration=5, title=self._words("title"))
        async for changes in self.room.enter(live, settled=lambda: self.room.practice.again(live, question_id)):
            yield changes

    async def chosen(
        self, shown: Any, topics: Sequence[str] | None, questions: float, text: Any, status: Any, event: gr.EventData
    ) -> AsyncIterator[Changes]:
        """A button in the history list."""
        data = event._data if isinstance(event._data, dict) else {}
        action, session_id = data.get("action"), str(data.get("session") or "")
        if action == "open":
            yield {self.room.report: await self.desk.html(session_id), self.tabs: gr.update(selected="report")}
        elif action == "resume":
            async for changes in self._enter(session_id):
                yield changes
        elif action == "more":
            yield {self.history.list: await asyncio.to_thread(self.history.html, text, status, data.get("shown"))}
        elif action == "delete":
            await asyncio.to_thread(self._delete, session_id)
            changes = {self.history.list: await asyncio.to_thread(self.history.html, text, status, data.get("shown"))}
            if session_id == shown:
                changes |= await asyncio.to_thread(self.to_setup, topics, questions) | {
                    self.room.report: empty_report(self._words)
                }
            yield changes
        else:
            yield self.room.unchanged

    def _delete(self, session_id: str) -> None:
        try:
            self._lives.forget(session_id)
            self._parts.interviews.delete(session_id)
            gr.Info(self._words("deleted"), duration=3, title=self._words("title"))
        except InterviewerError as error:
            warn(self._words, explain(self._words, error))

    async def _enter(self, session_id: str, leads: bool = True) -> AsyncIterator[Changes]:
        try:
            live = await asyncio.to_thread(self._lives.get, session_id)
        except InterviewerError as error:
            warn(self._words, explain(self._words, error))
            yield self.room.away
            return
        async for changes in self.room.enter(live, leads):
            yield changes


def _begin_js(inputs: int) -> str:
    """Puts the press before that many inputs."""
    return f"(_, ...values) => [window.interviewer.begin(), ...values.slice(0, {inputs})]"
