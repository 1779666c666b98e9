"""The settings page's choice of a speech recogniser: one that is on this machine, by name or folder, or none.

Reading aloud is the browser's own and is set where it is used, under the answer box.
"""

from __future__ import annotations

import asyncio
from typing import Any

import gradio as gr

from interviewer.domain.errors import InterviewerError
from interviewer.ui.html import render
from interviewer.ui.room import EVENT, Changes, warn
from interviewer.ui.settings_data import may_manage
from interviewer.ui.words import Words
from interviewer.wiring import Parts

#: Seconds between looks at a recogniser that is loading.
_EVERY = 1.0
_LONGEST = 1000


class VoiceSection:
    """The components, and what they do."""

    def __init__(self, parts: Parts, words: Words) -> None:
        self._parts, self._words = parts, words

    def build(self, blocks: Any) -> None:
        """Create the components inside the Blocks context that is open."""
        words = self._words
        self.view = gr.HTML("", apply_default_css=False, elem_id="settings-voice")
        with gr.Column(visible=self._may_choose, elem_id="settings-recogniser"):
            self.name = gr.Textbox(
                label=words("settings_recogniser_name"), info=words("settings_recogniser_info"),
                max_lines=1, max_length=_LONGEST, elem_id="recogniser-name",
            )  # fmt: skip
            self.use = gr.Button(words("settings_use"), elem_id="use-recogniser")
        self.timer = gr.Timer(_EVERY, active=False)
        blocks.load(lambda: self._parts.settings.recogniser if self._may_choose else "", None, self.name, **EVENT)
        self.use.click(self._use, self.name, self.outputs, trigger_mode="once", **EVENT)
        self.timer.tick(self.news, None, self.outputs, **EVENT)

    @property
    def outputs(self) -> list[Any]:
        return [self.view, self.timer]

    @property
    def _may_choose(self) -> bool:
        settings = self._parts.settings
        return may_manage(settings) and not settings.recogniser_fixed

    def news(self) -> Changes:
        """How the recogniser is doing; looked up again only while it is loading."""
        status = self._parts.voice.status
        suggested = self._parts.suggested_recogniser() if status.state == "none" else None
        shown = render(
            "settings_voice",
            self._words,
            status=status,
            suggested=suggested,
            fixed=self._parts.settings.recogniser_fixed,
        )
        return {self.view: shown, self.timer: gr.Timer(active=status.state == "loading")}

    async def _use(self, name: Any) -> Changes:
        """The handler answers anyone who can reach the server, whatever the page shows."""
        words, text = self._words, name.strip()[:_LONGEST] if isinstance(name, str) else ""
        if not self._may_choose:
            warn(words, words("settings_recogniser_fixed"))
        elif not text.isprintable():
            warn(words, words("settings_name_missing", field=words("settings_recogniser_name")))
        else:
            try:
                await asyncio.to_thread(self._parts.choose_recogniser, text)
            except InterviewerError as error:
                warn(words, words.problem(str(error)))
        return self.news()
