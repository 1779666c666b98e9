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
        with gr.Row(elem_id=f"today-{self._place}", elem_classes="today"):
            self.note = gr.HTML(self._html(), apply_default_css=False)
            self.start = gr.Button(
                self._words("today_start", n=MINUTES), elem_id=f"today-start-{self._place}", scale=0, min_width=180, size="md"
            )

    @property
    def outputs(self) -> list[Any]:
        return [self.note]

    def news(self) -> dict[Any, Any]:
        """What has become due, as of now. Whether the row shows is the style sheet's business: Gradio loses the room when a
        row of the set-up changes its visibility while a page that reloads leaves the set-up."""
        return {self.note: self._html()}

    def _html(self) -> str:
        due = len(self._parts.coach.due())
        return render("today", self._words, due=due, hidden=self._quiet and not due)
