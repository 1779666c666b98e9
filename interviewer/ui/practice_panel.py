"""The feedback panel and what can be done in it: say how sure one was, answer a question again, object to the bank.

Beside it the line above the answer box that says which question is being answered again. Which one that is, only the page
knows; a page that is reloaded is back at the running question. All truth is in the `LiveInterview` and the store. What may be
done with a question is decided here for reports of earlier days as well (`report_desk`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import gradio as gr

from interviewer.dialogue.planned import as_planned
from interviewer.domain.errors import InterviewerError
from interviewer.domain.transcript import TurnKind, answer_text
from interviewer.ui.html import render, static
from interviewer.ui.live import LiveInterview, Snapshot
from interviewer.ui.practice_view import SURE, practice_views
from interviewer.ui.room_view import feedback_views, room_data, who_speaks
from interviewer.ui.words import Words
from interviewer.wiring import Parts

#: What a handler yields: components and their new values; components left out stay as they are.
Changes = dict[Any, Any]
Finder = Callable[[Any], Awaitable[LiveInterview | None]]


class PracticePanel:
    """Components and handlers. `room` and `answer`, the conversation and the answer box, are the room's."""

    def __init__(self, parts: Parts, words: Words, find: Finder) -> None:
        self._parts, self._words, self._find = parts, words, find

    # ------------------------------------------------------------ components

    def build_line(self) -> None:
        """The line above the answer box; empty unless a question is being answered again."""
        self.line = gr.HTML("", js_on_load=static("again.js"), apply_default_css=False, elem_id="again")

    def build(self) -> None:
        self.feedback = gr.HTML(
            "", js_on_load=static("keep.js") + static("feedback.js"), apply_default_css=False, elem_id="feedback"
        )

    def wire(self, session: Any, room: Any, event: dict[str, Any]) -> None:
        """Connect the panel to the components it changes. `event` are the options of all the room's events."""
        self._room = room
        changed = [room, self.feedback, self.line]
        self.feedback.click(self.chosen, session, changed, **event)
        self.line.click(None, None, self.line, **event | {"js": "() => ''"})  # they won't answer again after all

    @property
    def outputs(self) -> list[Any]:
        """What `news` changes."""
        return [self.feedback, self.line]

    # ------------------------------------------------------------ handlers

    async def chosen(self, shown: Any, event: gr.EventData) -> Changes:
        """Something was pressed in the feedback."""
        data = event._data if isinstance(event._data, dict) else {}
        live = await self._find(shown)
        question_id = str(data.get("question") or "")
        if live is None or question_id not in {closed.question_id for closed in live.snapshot.closed}:
            return self._unchanged
        action = data.get("action")
        try:
            if action == "sure":
                return await self._sure(live, question_id, data.get("percent"))
            if action == "dispute":
                return await self._dispute(live, question_id, str(data.get("point") or ""), str(data.get("text") or ""))
        except InterviewerError as error:
            self._warn(str(error))
            return self._unchanged
        return self.again(live, question_id) if action == "again" else self._unchanged

    async def _sure(self, live: LiveInterview, question_id: str, percent: Any) -> Changes:
        said = int(percent) if str(percent) in map(str, SURE) else None
        await asyncio.to_thread(live.confide, question_id, said)
        now = live.snapshot  # whether it was still in time or not: show what there is
        return {self._room: room_data(now, self._words), self.feedback: await asyncio.to_thread(self.html, now)}

    async def _dispute(self, live: LiveInterview, question_id: str, point_id: str, text: str) -> Changes:
        if not await self.object_to(live, question_id, point_id, text):
            return self._unchanged
        return {self.feedback: await asyncio.to_thread(self.html, live.snapshot)}

    async def object_to(self, live: LiveInterview, question_id: str, point_id: str, text: str) -> bool:
        """File what the person holds against a point of a question's reference, or against all of it where `point_id` is empty.
        False where it isn't filed, of which they are told. Raises InterviewerError when it can't be kept."""
        now = live.snapshot
        question = as_planned(self._parts.bank, now.setup.plan).get(question_id)
        refusal = self.refusal(now, question_id)
        if not refusal and question and point_id not in {"", *(point.id for point in question.key_points)}:
            refusal = self._words("warn_point_gone")
        if not refusal and not text.strip():
            refusal = self._words("warn_no_reason")
        if refusal:
            self._warn(refusal)
            return False
        answer = answer_text(now.turns, question_id)
        file = self._parts.disputes.file
        await asyncio.to_thread(file, question_id, point_id or None, live.id, text, answer, datetime.now(UTC))
        return True

    def refusal(self, now: Snapshot, question_id: str) -> str:
        """Why a question of this interview can't be answered again or objected to now; empty where it can."""
        over = question_id in {closed.question_id for closed in now.closed}
        if not over or not now.shows_grades or now.waiting == question_id:
            return self._words("warn_no_again")
        gone = self._parts.bank.get(question_id) is None
        return self._words("warn_question_gone") if gone else ""

    def again(self, live: LiveInterview, question_id: str) -> Changes:
        """Turn the answer box to a question that is over, unless that can't be, of which the person is told."""
        now = live.snapshot
        if refusal := self.refusal(now, question_id):
            self._warn(refusal)
            return self._unchanged
        question = as_planned(self._parts.bank, now.setup.plan).get(question_id)
        assert question is not None
        number = [closed.question_id for closed in now.closed].index(question_id) + 1
        text = question.text.get(now.setup.lang)
        line = render("again", self._words, question=question, number=number, text=text)
        return {self.line: line}

    async def news(self, shown: Any) -> Changes:
        """The panel as of now, where an objection may have been settled since, in the bank or in another window."""
        live = await self._find(shown)
        if live is None or not await asyncio.to_thread(self._parts.disputes.of_session, live.id):
            return self._unchanged
        return {self.feedback: await asyncio.to_thread(self.html, live.snapshot)}

    def _warn(self, text: str) -> None:
        gr.Warning(text, duration=6, title=self._words("title"))

    @property
    def _unchanged(self) -> Changes:
        """Nothing to change. Gradio takes an empty dict for a value."""
        return {self.line: gr.skip()}

    # ------------------------------------------------------------ showing

    def html(self, snapshot: Snapshot) -> str:
        """What the panel shows of an interview."""
        words = self._words
        views = feedback_views(snapshot, self._parts.bank, words)
        disputes = self._parts.disputes.of_session(snapshot.session_id) if views else []
        quiet = not snapshot.shows_grades
        _, limits = who_speaks(self._parts.engine_status(), words)
        cards = practice_views(snapshot, as_planned(self._parts.bank, snapshot.setup.plan), words, disputes)
        newest = snapshot.turns[-1] if snapshot.turns else None
        if newest and newest.kind is TurnKind.RETRY:  # it is this answer that one wants to read of
            numbers = {number for number, card in cards.items() if card.question_id == newest.question_id}
            views = sorted(views, key=lambda view: view.number not in numbers)
        said = {"quiet": quiet, "limits": limits if views else ""}
        return render("feedback", words, session=snapshot.session_id, views=views, cards=cards, sure=SURE, **said)
