"""What can be done in an open report, of an interview that has just ended or of one from long ago: object to the bank, and see
what became of it.

An interview of earlier days is brought back from the store for it, so all is kept where the interview itself would keep it.
Answering again leaves the report for the room, which is the page's business.
"""

from __future__ import annotations

import asyncio
from typing import Any

import gradio as gr

from interviewer.domain.errors import InterviewerError
from interviewer.ui.live import LiveInterview, LiveInterviews
from interviewer.ui.practice_panel import Changes, PracticePanel
from interviewer.ui.report_page import empty_report, report_html
from interviewer.ui.room import explain, warn
from interviewer.ui.words import Words
from interviewer.wiring import Parts


class ReportDesk:
    """Handlers for the component `report`. `practice` decides what may be done with a question, here as in the room."""

    def __init__(self, parts: Parts, lives: LiveInterviews, words: Words, report: Any, practice: PracticePanel) -> None:
        self._parts, self._lives, self._words = parts, lives, words
        self._report, self._practice = report, practice

    async def html(self, session_id: str) -> str:
        """The report of an interview as of now."""
        return await asyncio.to_thread(report_html, self._parts.interviews, self._parts.bank, session_id, self._words)

    async def file(self, session_id: str, question_id: str, point_id: str, text: str) -> Changes:
        """File an objection, and show the report with it."""
        try:
            live = await self._opened(session_id, question_id)
            await self._practice.object_to(live, question_id, point_id, text)
        except InterviewerError as error:
            return self._failed(error)
        return {self._report: await self.html(session_id)}  # also where it was refused, since the report is out of date then

    async def to_answer_again(self, session_id: str, question_id: str) -> tuple[LiveInterview | None, Changes]:
        """The interview in which a question can be answered again; else None, and the report as it now has to be shown."""
        try:
            live = await self._opened(session_id, question_id)
        except InterviewerError as error:
            return None, self._failed(error)
        if refusal := self._practice.refusal(live.snapshot, question_id):
            warn(self._words, refusal)
            return None, {self._report: await self.html(session_id)}
        return live, {}

    async def news(self, session_id: Any) -> Changes:
        """The report that is shown, as of now, where one of its objections may have been settled since."""
        known = isinstance(session_id, str) and session_id
        if not known or not await asyncio.to_thread(self._parts.disputes.of_session, session_id):
            return {self._report: gr.skip()}
        return {self._report: await self.html(session_id)}

    async def _opened(self, session_id: str, question_id: str) -> LiveInterview:
        """The interview a report is of. The report shows the grade, so nobody is asked any more how sure they were of it."""
        live = await asyncio.to_thread(self._lives.get, session_id)
        if live.snapshot.finished:
            await asyncio.to_thread(live.confide, question_id, None)
        return live

    def _failed(self, error: InterviewerError) -> Changes:
        """The interview was deleted in another window, or the database can't be used."""
        text = explain(self._words, error)
        warn(self._words, text)
        return {self._report: empty_report(self._words, text)}
