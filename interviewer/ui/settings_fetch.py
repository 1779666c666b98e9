"""What comes of a choice on the settings page: a sentence; for a model that is not here yet its size, a yes, and its progress.

The interviewer's model, the speech recogniser and the voices each have one. Knows downloads, and not what a model is for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import gradio as gr

from interviewer.domain.errors import InterviewerError
from interviewer.fetching import Fetching
from interviewer.ui.html import render
from interviewer.ui.room import EVENT, Changes
from interviewer.ui.words import Words

#: What is fetched; texts and elements are named after it.
FetchedPart = Literal["model", "recogniser", "voice_zh", "voice_en"]


class FetchPanel:
    """The components, and what they do. `check_allowed` raises InterviewerError for who may not download here."""

    def __init__(
        self,
        part: FetchedPart,
        fetching: Fetching,
        words: Words,
        check_allowed: Callable[[], None],
    ) -> None:
        self._part, self._fetching, self._words, self._check_allowed = part, fetching, words, check_allowed

    def build(self) -> None:
        """Create the components inside the Blocks context that is open."""
        words, name = self._words, f"{self._part}-fetch"
        self.said = gr.HTML(self._sentence(""), apply_default_css=False, elem_id=f"{self._part}-said")
        self.view = gr.HTML("", apply_default_css=False, elem_id=name)
        with gr.Row(elem_classes="fetch-buttons"):
            self.yes = gr.Button(words("settings_fetch_yes"), variant="primary", visible=False, elem_id=f"{name}-yes")
            self.no = gr.Button(words("settings_fetch_no"), visible=False, elem_id=f"{name}-no")
            self.stop = gr.Button(words("settings_fetch_stop"), variant="stop", visible=False, elem_id=f"{name}-stop")

    def wire(self, news: Callable[[], Changes], outputs: list[Any]) -> None:
        """After each press the whole section shows how it stands: `news` into `outputs`, which hold this panel's own."""
        for button, act in ((self.yes, self.begin), (self.no, self.cancel), (self.stop, self.cancel)):
            button.click(lambda act=act: act() | news(), None, outputs, **EVENT)

    @property
    def outputs(self) -> list[Any]:
        return [self.said, self.view, self.yes, self.no, self.stop]

    @property
    def running(self) -> bool:
        return self._fetching.now.state == "running"

    def news(self) -> Changes:
        """How the download stands, and the buttons that make sense now."""
        fetch = self._fetching.now
        return {
            self.view: render("settings_fetch", self._words, fetch=fetch, part=self._part),
            self.yes: gr.update(visible=fetch.state == "offered" and fetch.offer is not None and fetch.offer.fits),
            self.no: gr.update(visible=fetch.state == "offered"),
            self.stop: gr.update(visible=fetch.state == "running" and not self._fetching.stopping),
        }

    def begin(self) -> Changes:
        """Fetch what was offered. Where that has begun, by the first half of a double click, there is nothing to do or say."""
        return self._done_or_said(lambda: None if self.running else self._fetching.begin(self._fetching.now.name))

    def cancel(self) -> Changes:
        """Stop the download, or turn the offer down."""
        return self._done_or_said(self._fetching.cancel)

    def _done_or_said(self, act: Callable[[], None]) -> Changes:
        """The handlers answer anyone who can reach the server, whatever the page shows."""
        try:
            self._check_allowed()
            act()
        except InterviewerError as error:
            return self.say(self._words.problem(str(error)))
        return self.say("")

    def say(self, text: str, good: bool = False) -> Changes:
        """A sentence on what has been done, or why it wasn't; none for an empty one."""
        return {self.said: self._sentence(text, good)}

    def _sentence(self, text: str, good: bool = False) -> str:
        return render("settings_said", self._words, text=text, good=good)
