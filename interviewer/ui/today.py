"""Ten minutes today: how much is due for review, and the button that starts a short practice on it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from interviewer.coach import MINUTES
from interviewer.ui.html import render
from interviewer.ui.words import Words
from interviewer.wiring import Parts


class Today:
    """The note and its button at one `place` of the page. `quiet` leaves them out while there is nothing to review yet, so that
    a first visitor finds one way to start, not two."""

    def __init__(self, parts: Parts, words: Words, place: str, quiet: bool = False) -> None:
        self._parts, self._words, self._place, self._quiet = parts, words, place, quiet

    def build(self) -> None:
        """Create the components inside the Blocks context that is open."""
        visible, note = self._now()
        with gr.Row(elem_id=f"today-{self._place}", elem_classes="today", visible=visible) as self.row:
            self.note = gr.HTML(note, apply_default_css=False)
            self.start = gr.Button(
                self._words("today_start", n=MINUTES), elem_id=f"today-start-{self._place}", scale=0, min_width=180, size="md"
            )

    @property
    def outputs(self) -> list[Any]:
        return [self.row, self.note]

    def news(self) -> dict[Any, Any]:
        """What has become due, as of now."""
        visible, note = self._now()
        return {self.row: gr.update(visible=visible), self.note: note}

    def _now(self) -> tuple[bool, str]:
        due = len(self._parts.coach.due())
        return bool(due) or not self._quiet, render("today", self._words, due=due)
