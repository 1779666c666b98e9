"""The settings page's choice of a speech recogniser: a suggested one, another by name or folder, or none; fetched after a yes.

Voices are `settings_reading`'s.
"""

from __future__ import annotations

import asyncio
from typing import Any

import gradio as gr

from interviewer.domain.errors import InterviewerError
from interviewer.engines.locate import can_be_fetched, find_cached
from interviewer.ui.html import render
from interviewer.ui.room import EVENT, TICK, Changes
from interviewer.ui.settings_data import may_manage
from interviewer.ui.settings_fetch import FetchPanel
from interviewer.ui.words import Words
from interviewer.voice.catalogue import Suggested, recognisers
from interviewer.wiring import Parts

#: Seconds between looks at a recogniser that is being fetched or is loading.
_EVERY = 1.0
_LONGEST = 1000
#: Choices beside the suggested recognisers, which go by their names: none has these, for want of a slash.
_NONE, _OTHER = "none", "other"
#: The microphone's button, elsewhere on the page, looks at once whether it can be used now.
_TELL_VOICE_BAR = "() => { window.interviewer?.voice?.look(); }"


class VoiceSection:
    """The components, and what they do."""

    def __init__(self, parts: Parts, words: Words) -> None:
        self._parts, self._words = parts, words
        self.fetch = FetchPanel("recogniser", parts.fetching_recogniser, words, self._check_allowed)

    def build(self, blocks: Any) -> None:
        """Create the components inside the Blocks context that is open."""
        words = self._words
        self.view = gr.HTML("", apply_default_css=False, elem_id="settings-voice")
        with gr.Column(visible=self._may_choose, elem_id="settings-recogniser"):
            self.kind = gr.Radio(
                self._choices([one.name for one in recognisers()]),
                value=_NONE, label=words("settings_recogniser_which"), elem_id="recogniser-kind",
            )  # fmt: skip
            self.name = gr.Textbox(
                label=words("settings_recogniser_name"), info=words("settings_recogniser_info"),
                max_lines=1, max_length=_LONGEST, visible=False, elem_id="recogniser-name",
            )  # fmt: skip
            self.use = gr.Button(words("settings_use"), variant="primary", elem_id="use-recogniser")
            self.fetch.build()
        self.timer = gr.Timer(_EVERY, active=False)
        self.kind.change(lambda kind: gr.update(visible=kind == _OTHER), self.kind, self.name, **EVENT)
        blocks.load(self._as_chosen, None, [self.kind, self.name], **EVENT)
        self.use.click(self._use, [self.kind, self.name], self.outputs, **EVENT)
        self.fetch.wire(self.news, self.outputs)
        self.timer.tick(self.news, None, self.outputs, **TICK)
        self.view.change(None, None, None, js=_TELL_VOICE_BAR, **EVENT)

    @property
    def outputs(self) -> list[Any]:
        return [self.view, self.kind, *self.fetch.outputs, self.timer]

    @property
    def _may_choose(self) -> bool:
        settings = self._parts.settings
        return may_manage(settings) and not settings.recogniser_fixed

    # ------------------------------------------------------------ showing

    def news(self) -> Changes:
        """How the recogniser and its download are doing; looked up again only while one of them is on its way."""
        status, settings = self._parts.voice.status, self._parts.settings
        shown = render(
            "settings_voice", self._words, status=status, fixed=settings.recogniser_fixed, allowed=may_manage(settings)
        )
        active = status.state == "loading" or self.fetch.running
        return {self.view: shown, self.timer: gr.Timer(active=active)} | self.fetch.news()

    def opened(self) -> Changes:
        """The tab was opened: the cache may hold more by now, and the memory less."""
        if not self._may_choose:
            return self.news()
        suits = self._parts.suggested_recogniser()
        labels = [self._label(one, here=find_cached(one.name) is not None, suits=one == suits) for one in recognisers()]
        return self.news() | {self.kind: gr.update(choices=self._choices(labels))}

    def _label(self, one: Suggested, here: bool, suits: bool) -> str:
        words = self._words
        label = words("settings_recogniser_one", name=one.name, gb=f"{one.download_bytes / 1e9:.1f}", licence=one.licence)
        label += words("settings_recogniser_here") if here else ""
        return label + (words("settings_recogniser_suits") if suits else "")

    def _choices(self, labels: list[str]) -> list[tuple[str, str]]:
        """What there is to choose from; `labels` are the suggested recognisers'."""
        words = self._words
        named = [(label, one.name) for label, one in zip(labels, recognisers(), strict=True)]
        return [(words("settings_recogniser_off"), _NONE), *named, (words("settings_recogniser_other"), _OTHER)]

    def _as_chosen(self) -> Changes:
        """The form shows what is in use."""
        name = self._parts.settings.recogniser
        if not self._may_choose or not name:
            return {self.kind: _NONE}
        return {self.kind: name} if name in {one.name for one in recognisers()} else {self.kind: _OTHER, self.name: name}

    # ------------------------------------------------------------ handlers

    async def _use(self, kind: Any, name: Any) -> Changes:
        """Switch to what is chosen; a recogniser that isn't here is only offered for now."""
        words = self._words
        try:
            self._check_allowed()
            chosen = self._chosen(kind, name)
            await asyncio.to_thread(self._use_or_offer, chosen)
        except InterviewerError as error:
            return self.fetch.say(words.problem(str(error))) | self.news()
        return self.fetch.say("") | self.news()

    def _use_or_offer(self, chosen: str) -> None:
        """Raises InterviewerError."""
        fetching = self._parts.fetching_recogniser
        if chosen and can_be_fetched(chosen):
            fetching.ask(chosen)
        else:
            self._parts.choose_recogniser(chosen)
            fetching.cancel()  # what was on its way would take over

    def _chosen(self, kind: Any, name: Any) -> str:
        """The recogniser's name or folder, empty for none. Raises InterviewerError."""
        if kind != _OTHER:
            return kind if kind in {one.name for one in recognisers()} else ""
        text = name.strip()[:_LONGEST] if isinstance(name, str) else ""
        if not text or not text.isprintable():
            raise InterviewerError(self._words("settings_name_missing", field=self._words("settings_recogniser_name")))
        return text

    def _check_allowed(self) -> None:
        """Raises InterviewerError. The handlers answer anyone who can reach the server, whatever the page shows."""
        if self._parts.settings.recogniser_fixed:
            raise InterviewerError(self._words("settings_recogniser_fixed"))
        if not may_manage(self._parts.settings):
            raise InterviewerError(self._words("settings_recogniser_not_allowed"))
