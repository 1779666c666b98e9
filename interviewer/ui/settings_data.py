"""The settings page's part on looks and on the person's data: where it is, all of it as one file, erasing it.

Erasing is asked for by typing a word, and refused like everything else here where strangers can reach the page.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import gradio as gr

from interviewer.config import Settings
from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import LANGS
from interviewer.own_data import data_bytes
from interviewer.ui.html import render, static
from interviewer.ui.live import LiveInterviews
from interviewer.ui.room import EVENT, warn
from interviewer.ui.words import LOCALES, Words, words_for
from interviewer.wiring import Parts

log = logging.getLogger(__name__)

#: Once all is erased: nothing of it stays in the browser either, and the page begins anew at the front door.
_FORGET = """(erased) => {
  if (erased !== "yes") return;
  for (const key of Object.keys(localStorage)) if (key.startsWith("interviewer")) localStorage.removeItem(key);
  for (const key of Object.keys(sessionStorage)) if (key.startsWith("interviewer")) sessionStorage.removeItem(key);
  document.cookie = "interviewer-language=; path=/; max-age=0";
  window.location.replace("/");
}"""


def may_manage(settings: Settings) -> bool:
    """Whether the page may change what concerns everyone who uses this server."""
    return settings.manage or not settings.shared


class DataSection:
    """The components, and what they do."""

    def __init__(self, parts: Parts, lives: LiveInterviews, words: Words) -> None:
        self._parts, self._lives, self._words = parts, lives, words

    def build(self) -> None:
        """Create the components inside the Blocks context that is open."""
        words = self._words
        self.view = gr.HTML(self.html(0), js_on_load=static("settings.js"), apply_default_css=False, elem_id="settings-data")
        word = words("settings_erase_word")
        with gr.Column(visible=may_manage(self._parts.settings), elem_id="settings-erase"):
            self.word = gr.Textbox(
                label=words("settings_erase_type", word=word), max_lines=1, max_length=40, elem_id="erase-word",
            )  # fmt: skip
            self.erase = gr.Button(words("settings_erase"), variant="stop", elem_id="erase")
        self.erased = gr.Textbox(visible=False)
        done = self.erase.click(self._erase, self.word, self.erased, **EVENT)
        done.then(None, self.erased, js=_FORGET, **EVENT)

    def html(self, size: int) -> str:
        """Where the data is; `size` in bytes."""
        languages = [(lang, LOCALES[lang], "中文" if lang == "zh" else "English") for lang in LANGS]
        settings = self._parts.settings
        return render(
            "settings_data",
            self._words,
            languages=languages,
            data=settings.data,
            size=size,
            allowed=may_manage(settings),
        )

    def news(self) -> dict[Any, Any]:
        return {self.view: self.html(data_bytes(self._parts.settings))}

    async def _erase(self, word: str) -> str:
        expected = {words_for(lang)("settings_erase_word") for lang in LANGS}
        if not may_manage(self._parts.settings):
            warn(self._words, self._words("settings_data_not_allowed"))
            return ""
        if str(word or "").strip().lower() not in expected:
            warn(self._words, self._words("settings_erase_wrong", word=self._words("settings_erase_word")))
            return ""
        try:
            self._lives.forget_all()
            await asyncio.to_thread(self._parts.erase_everything)
        except InterviewerError as error:
            warn(self._words, str(error))
            return ""
        return "yes"
