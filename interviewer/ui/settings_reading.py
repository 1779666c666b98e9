"""The settings page's choice of who reads the interviewer aloud in one language: the browser, or a text-to-speech model by name
or folder, fetched after a yes.

Whether anything is read aloud, and how fast, is set under the answer box.
"""

from __future__ import annotations

import asyncio
from typing import Any

import gradio as gr

from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import Lang
from interviewer.engines.locate import can_be_fetched
from interviewer.ui.html import render, static
from interviewer.ui.room import EVENT, TICK, Changes
from interviewer.ui.settings_data import may_manage
from interviewer.ui.settings_fetch import FetchedPart, FetchPanel
from interviewer.ui.words import Words
from interviewer.wiring import Parts

#: Seconds between looks at a voice that is being fetched or is loading.
_EVERY = 1.0
_LONGEST = 1000
_BROWSER, _NEURAL = "browser", "neural"
#: Who names a neural voice wants to hear it: this browser turns to it once it is ready.
_WANTED = "(kind) => {{ (window.interviewer.wanted ||= {{}}).{lang} = kind === 'neural'; }}"


class ReadingSection:
    """The components of one language's voice, and what they do."""

    def __init__(self, parts: Parts, words: Words, lang: Lang) -> None:
        self._parts, self._words, self._lang = parts, words, lang
        part: FetchedPart = "voice_zh" if lang == "zh" else "voice_en"
        self._id = part.replace("_", "-")
        self.fetch = FetchPanel(part, parts.fetching_voices[lang], words, self._check_allowed)

    def build(self, blocks: Any) -> None:
        """Create the components inside the Blocks context that is open."""
        words, elem_id = self._words, self._id
        script = "\n".join(static(name) for name in ("neural.js", "settings_reading.js"))
        self.view = gr.HTML("", js_on_load=script, apply_default_css=False, elem_id=f"settings-{elem_id}")
        with gr.Column(visible=self._may_choose, elem_classes="settings-reading"):
            self.kind = gr.Radio(
                [(words("settings_reading_browser"), _BROWSER), (words("settings_reading_neural"), _NEURAL)],
                value=_BROWSER, label=words(f"settings_reading_which_{self._lang}"), elem_id=f"{elem_id}-kind",
            )  # fmt: skip
            self.name = gr.Textbox(
                label=words("settings_reading_name"), info=words(f"settings_reading_info_{self._lang}"),
                max_lines=1, max_length=_LONGEST, visible=False, elem_id=f"{elem_id}-name",
            )  # fmt: skip
            self.use = gr.Button(words("settings_use"), variant="primary", elem_id=f"use-{elem_id}")
            self.fetch.build()
        self.timer = gr.Timer(_EVERY, active=False)
        self.kind.change(lambda kind: gr.update(visible=kind == _NEURAL), self.kind, self.name, **EVENT)
        blocks.load(self._as_chosen, None, [self.view, self.kind, self.name], **EVENT)
        self.use.click(None, self.kind, None, js=_WANTED.format(lang=self._lang), **EVENT)
        self.use.click(self._use, [self.kind, self.name], self.outputs, **EVENT)
        self.fetch.wire(self.news, self.outputs)
        self.timer.tick(self.news, None, self.outputs, **TICK)

    @property
    def outputs(self) -> list[Any]:
        return [self.view, *self.fetch.outputs, self.timer]

    @property
    def _fixed(self) -> bool:
        return self._lang in self._parts.settings.voices_fixed

    @property
    def _may_choose(self) -> bool:
        return may_manage(self._parts.settings) and not self._fixed

    # ------------------------------------------------------------ showing

    def news(self) -> Changes:
        """How the voice and its download are doing; looked up again only while one of them is on its way."""
        active = self._parts.reading.status(self._lang).state == "loading" or self.fetch.running
        return {self.view: self._html(), self.timer: gr.Timer(active=active)} | self.fetch.news()

    def _html(self) -> str:
        status, allowed = self._parts.reading.status(self._lang), may_manage(self._parts.settings)
        return render("settings_reading", self._words, status=status, lang=self._lang, fixed=self._fixed, allowed=allowed)

    def _as_chosen(self) -> Changes:
        """The form shows what is in use."""
        name = self._parts.settings.voice(self._lang) if self._may_choose else ""
        chosen = {self.kind: _NEURAL, self.name: gr.update(value=name, visible=True)} if name else {self.kind: _BROWSER}
        return {self.view: self._html()} | chosen

    # ------------------------------------------------------------ handlers

    async def _use(self, kind: Any, name: Any) -> Changes:
        """Switch to what is chosen; a voice that isn't here is only offered for now."""
        try:
            self._check_allowed()
            await asyncio.to_thread(self._use_or_offer, self._chosen(kind, name))
        except InterviewerError as error:
            return self.fetch.say(self._words.problem(str(error))) | self.news()
        return self.fetch.say("") | self.news()

    def _use_or_offer(self, chosen: str) -> None:
        """Raises InterviewerError."""
        if chosen and can_be_fetched(chosen):
            self._parts.offer_voice(self._lang, chosen)
        else:
            self._parts.choose_voice(self._lang, chosen)
            self._parts.fetching_voices[self._lang].cancel()  # what was on its way would take over

    def _chosen(self, kind: Any, name: Any) -> str:
        """The voice's name or folder, empty for the browser's own. Raises InterviewerError."""
        if kind != _NEURAL:
            return ""
        text = name.strip()[:_LONGEST] if isinstance(name, str) else ""
        if not text or not text.isprintable():
            raise InterviewerError(self._words("settings_name_missing", field=self._words("settings_reading_name")))
        return text

    def _check_allowed(self) -> None:
        """Raises InterviewerError. The handlers answer anyone who can reach the server, whatever the page shows."""
        if self._fixed:
            raise InterviewerError(self._words("settings_reading_fixed"))
        if not may_manage(self._parts.settings):
            raise InterviewerError(self._words("settings_reading_not_allowed"))
