"""The interview room: conversation, answer box, buttons and feedback, and how they follow a live interview.

All truth is in the `LiveInterview`; handlers here ask it to act and yield what changed on the page, so a page can reload,
close or be opened twice at any moment.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import gradio as gr

from interviewer.domain.errors import InterviewerError, SessionError
from interviewer.domain.transcript import TurnKind
from interviewer.ui.html import render, static
from interviewer.ui.live import Action, LiveInterview, LiveInterviews, Outcome, Snapshot, proceed
from interviewer.ui.practice_panel import Changes as Changes
from interviewer.ui.practice_panel import PracticePanel
from interviewer.ui.report_page import report_html
from interviewer.ui.room_view import room_data, who_speaks
from interviewer.ui.voice_box import voice_box
from interviewer.ui.words import Words
from interviewer.wiring import Parts

#: Characters an answer may have; the interview itself cuts at its own, larger limit.
LONGEST_ANSWER = 20_000
#: Events that only pass values along must never wait for one another. A press while the same button's last one is still being
#: answered is done after it, where Gradio's own way is not to hear it.
EVENT: dict[str, Any] = {
    "api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None, "trigger_mode": "always_last",
}  # fmt: skip
#: Seconds after which a page is told again where the interview stands.
SETTLED_AFTER = 0.25
#: In the browser, before an event whose only input is the session: the id of the interview that the page shows.
HERE = "() => window.interviewer.here()"
#: What enters an interview, and follows it, is no reason to wait with the next press: the person may have left it meanwhile.
#: Nor is another button in the same list or panel, whose presses Gradio takes for one and the same.
AGAIN: dict[str, Any] = {**EVENT, "trigger_mode": "multiple"}
#: A timer's look at how something is doing; the next one will do as well.
TICK: dict[str, Any] = {**EVENT, "trigger_mode": "once"}
BUTTONS = {
    "hint": TurnKind.HINT_REQUEST,
    "clarify": TurnKind.CLARIFY_REQUEST,
    "skip": TurnKind.SKIP,
    "end": TurnKind.END,
}

#: Keys, and which text says what they do.
SHORTCUTS = (
    (("Enter",), "send"), (("Shift", "Enter"), "line"), (("Alt", "H"), "hint"), (("Alt", "S"), "skip"), (("Esc",), "stop"),
    (("Alt", "K"), "feedback"), (("Alt", "/"), "keys"),
)  # fmt: skip


class Room:
    """The room's components and handlers. In the place of `session` the browser sends the id of the interview it shows.

    Nothing here is hidden and shown, or taken out and put in, by Gradio: a page that is busy loses such updates, and people
    on a slow phone lost their interview by a reload. What is to be seen follows from what `room.js` drew last (room.css).
    """

    def __init__(self, parts: Parts, lives: LiveInterviews, words: Words, session: Any, report: Any) -> None:
        self._parts, self._lives, self._words = parts, lives, words
        self.session, self.report = session, report
        self.practice = PracticePanel(parts, words, self.live)

    # ------------------------------------------------------------ components

    def build(self) -> None:
        """Create the components inside the Blocks context that is open."""
        words = self._words
        self.who = gr.HTML(self.who_html(), apply_default_css=False, elem_id="who")
        with gr.Row(elem_id="desk"):
            with gr.Column(scale=3, min_width=320):
                self.room = gr.HTML(
                    {},
                    html_template=render("room", words, shortcuts=SHORTCUTS),
                    js_on_load=static("room.js"),
                    apply_default_css=False,
                    elem_id="room",
                )
                self.practice.build_line()
                self.answer = gr.Textbox(
                    label=words("answer_label"), show_label=False, placeholder=words("answer_placeholder"),
                    lines=1, max_lines=10, max_length=LONGEST_ANSWER, submit_btn=True, stop_btn=True,
                    container=False, elem_id="answer",
                )  # fmt: skip
                voice_box(words)
                with gr.Row(elem_id="actions"):
                    self.buttons = {kind: self._button(kind) for kind in BUTTONS}
                    self.leave = gr.Button(words("leave"), elem_id="leave", size="md", min_width=80, scale=0)
                with gr.Row(elem_id="owed"):
                    self.again = gr.Button(words("continue"), variant="primary", elem_id="continue", size="md", scale=0)
                with gr.Row(elem_id="over"):
                    self.see_report = gr.Button(
                        words("see_report"), variant="primary", elem_id="see-report", size="md", scale=0
                    )
                    self.new = gr.Button(words("new_interview"), elem_id="new", size="md", scale=0)
            with gr.Column(scale=2, min_width=300):
                self.practice.build()
        self.mark = gr.Textbox(visible=False)
        self.spoken = gr.Textbox(visible=False)
        self._wire()

    def _button(self, kind: str) -> Any:
        return gr.Button(
            self._words(kind), elem_id=kind, size="md", min_width=80, scale=0, variant="stop" if kind == "end" else "secondary"
        )

    @property
    def unchanged(self) -> Changes:
        """Nothing to change. Gradio takes an empty dict for a value."""
        return {self.room: gr.skip()}

    @property
    def outputs(self) -> list[Any]:
        return [self.room, self.practice.feedback, self.practice.line, self.who, self.report]

    @property
    def away(self) -> Changes:
        """Out of the room, to the set-up."""
        return {self.room: {"away": True}}

    def _wire(self) -> None:
        sent = self.answer.submit(
            self.send, [self.answer, self.session, self.mark, self.spoken], self.outputs,
            js="() => window.interviewer.send()", **AGAIN,
        )  # fmt: skip
        sent.then(None, js="() => window.interviewer.settled()", **EVENT)  # also when the server could not be reached
        self.answer.stop(self.stop, self.session, None, js=HERE, **EVENT)
        for kind, button in self.buttons.items():
            button.click(self.press, [self.session, self.mark], self.outputs, js=self._press_js(kind), **AGAIN)
        self.again.click(self.proceed, self.session, self.outputs, js=HERE, **AGAIN)
        self.practice.wire(self.session, self.room, {**AGAIN, "js": HERE})

    def _press_js(self, kind: str) -> str:
        mark = f"window.interviewer.mark('{kind}')"
        if kind == "end":
            mark = f"window.confirm({_js(self._words('end_confirm'))}) ? {mark} : ''"
        return f"() => {{ const mark = {mark}; return [window.interviewer.here(), mark && '{kind}:' + mark]; }}"

    # ------------------------------------------------------------ handlers

    async def send(self, text: str, shown: Any, mark: str, spoken: str = "") -> AsyncIterator[Changes]:
        """An answer from the text box: to the running question, or to the one its mark says is answered again. `spoken` names
        the recordings it was dictated in, comma-separated, `shown` the interview that the page shows."""
        mark, _, again = (mark or "").partition("|")
        empty = not (text or "").strip()
        if empty or not mark:  # no mark: the page has sent one already that isn't in the interview yet
            if not (empty and not mark):
                self._warn("warn_empty" if empty else "warn_busy")
            yield self.unchanged
            return
        speech = self._parts.voice.speech((spoken or "").split(","))
        action: Action = (lambda i: i.retry(again, text, speech)) if again else (lambda i: i.say(text, speech))
        async for changes in self._act(shown, mark, action, pending=text, after_the_end=bool(again)):
            yield changes

    async def press(self, shown: Any, mark: str) -> AsyncIterator[Changes]:
        """A button. An empty mark means that the person thought better of it, or pressed twice."""
        kind, _, mark = (mark or "").partition(":")
        if kind not in BUTTONS:
            yield self.unchanged
            return
        async for changes in self._act(shown, mark, lambda interview: interview.request(BUTTONS[kind])):
            yield changes

    async def proceed(self, shown: Any) -> AsyncIterator[Changes]:
        """Ask for the reply that broke off."""
        live = await self.live(shown)
        if live is None:
            yield self._gone()
            return
        live.act(proceed)
        async for changes in self.show(live):
            yield changes

    def stop(self, shown: Any) -> None:
        """Cut the reply short."""
        if isinstance(shown, str) and shown:
            try:
                self._lives.get(shown).stop()
            except SessionError:
                self._warn("warn_gone")

    async def _act(
        self, shown: Any, mark: str, action: Action, pending: str | None = None, after_the_end: bool = False
    ) -> AsyncIterator[Changes]:
        live = await self.live(shown)
        if live is None:
            yield self._gone()
            return
        turns, _, ticket = (mark or "").partition(":")
        seen = int(turns) if turns.isdigit() else None
        outcome = live.act(action, pending=pending, seen=seen, ticket=ticket, after_the_end=after_the_end)
        if outcome in (Outcome.BUSY, Outcome.STALE, Outcome.OVER):
            self._warn(f"warn_{outcome.value}")
        if outcome in (Outcome.BUSY, Outcome.REPEATED):
            yield self.unchanged  # the page that started it is being shown the reply already
            return
        async for changes in self.show(live):
            yield changes

    async def live(self, shown: Any) -> LiveInterview | None:
        """The interview this page is in; None when there is none, or it was deleted."""
        if not isinstance(shown, str) or not shown:
            return None
        try:
            return await asyncio.to_thread(self._lives.get, shown)
        except SessionError:
            return None

    def _gone(self) -> Changes:
        """This page's interview was deleted elsewhere: say so, and lead back to the set-up."""
        self._warn("warn_gone")
        return self.away

    # ------------------------------------------------------------ showing

    async def enter(
        self, live: LiveInterview, leads: bool = True, settled: Callable[[], Changes] = dict
    ) -> AsyncIterator[Changes]:
        """Into an interview: like `show`, but from the set-up or another interview, and where it `leads`, from another tab. A
        page follows no other updates than these from one interview to another, so that what is still on its way from one that
        it has left leads nobody back there."""
        async for changes in self.show(live, {"visit": secrets.token_hex(4), "leads": leads}, settled):
            yield changes

    async def show(
        self, live: LiveInterview, way: Mapping[str, Any] | None = None, settled: Callable[[], Changes] = dict
    ) -> AsyncIterator[Changes]:
        """The whole room first, then what changes until the interview rests, and the room once more a moment later, with what
        `settled` adds to it. `way` is how the page comes to it, unless it is there.

        A busy page gets several of these at once. Gradio sends how each differs from the one before, and works that into the
        one before although the page may not have seen it: whatever a later one leaves out may get lost, unless it is a text.
        So each says all there is to say of the room, and nothing but texts of the rest.
        """
        before: Snapshot | None = None
        async for snapshot in live.follow():
            changes: Changes = {self.room: {**room_data(snapshot, self._words), **(way or {})}}
            if before is None:
                changes[self.practice.line] = ""
            if before is None or before.busy != snapshot.busy:
                changes[self.who] = self.who_html()
            if before is None or before.closed != snapshot.closed or before.finished != snapshot.finished:
                changes[self.practice.feedback] = await asyncio.to_thread(self.practice.html, snapshot)
            if snapshot.finished and not snapshot.busy:
                changes[self.report] = await asyncio.to_thread(
                    report_html, self._parts.interviews, self._parts.bank, live.id, self._words
                )
            before = snapshot
            yield changes
        if before is not None and before.failure is not None and await self.live(live.id) is None:
            yield self._gone()  # deleted while it was answering
            return
        await asyncio.sleep(SETTLED_AFTER)
        yield {self.room: {**room_data(live.snapshot, self._words), **(way or {})}} | settled()

    def who_html(self) -> str:
        who, _ = who_speaks(self._parts.engine_status(), self._words)
        return render("who", self._words, who=who, limits="")

    def _warn(self, key: str) -> None:
        warn(self._words, self._words(key))


def warn(words: Words, text: str) -> None:
    """A friendly message in the corner of the page."""
    gr.Warning(text, duration=6, title=words("title"))


def explain(words: Words, error: InterviewerError) -> str:
    """An error for people, in the interface's language where it has one."""
    return words("warn_gone") if isinstance(error, SessionError) else str(error)


def _js(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=True)
