"""Adding documents to the question bank: upload, a look at what was found, then keep it or not.

What was found waits in the page's own memory; nothing is written before the person says so.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from interviewer.domain.errors import InterviewerError
from interviewer.ingest.documents import readable_endings
from interviewer.library import TAKEN, Preview
from interviewer.ui.bank_views import preview_rows
from interviewer.ui.html import render
from interviewer.ui.room import EVENT, Changes, warn
from interviewer.ui.words import Words
from interviewer.wiring import Parts

#: Seconds an unsaved preview is kept in memory.
PATIENCE = 3600
LONGEST_NAME = 60


class BankUpload:
    """The upload's components. `kept` changes whenever something was added to the bank."""

    def __init__(self, parts: Parts, words: Words) -> None:
        self._parts, self._words = parts, words

    def build(self) -> None:
        """Create the components inside the Blocks context that is open."""
        words, endings = self._words, readable_endings()
        kinds = words("bank_kinds_all") if ".docx" in endings else words("bank_kinds_text")
        gr.HTML(f'<p class="aside">{words("bank_add_info", kinds=kinds)}</p>', apply_default_css=False)
        self.files = gr.File(label=words("add_files"), file_count="multiple", file_types=endings, elem_id="files", height=150)
        self.preview = gr.State(None, time_to_live=PATIENCE)
        self.kept = gr.State(0.0)
        with gr.Column(visible=False, elem_id="bank-preview") as self.panel:
            gr.HTML(f"<h3>{words('bank_preview_heading')}</h3>", apply_default_css=False)
            self.found = gr.HTML("", apply_default_css=False, elem_id="bank-found")
            self.name = gr.Textbox(
                label=words("bank_name"), info=words("bank_name_info"), max_lines=1, max_length=LONGEST_NAME,
                elem_id="bank-name",
            )  # fmt: skip
            self.only_new = gr.Checkbox(False, label=words("bank_only_new"), elem_id="bank-only-new")
            self.clash = gr.HTML(render("pool", words, text=words("bank_replace_note")), visible=False, apply_default_css=False)
            with gr.Row():
                self.keep = gr.Button(words("bank_keep"), variant="primary", scale=0, min_width=170, elem_id="bank-keep")
                self.replace = gr.Button(
                    words("bank_replace"), variant="stop", scale=0, min_width=170, visible=False, elem_id="bank-replace"
                )
                self.discard = gr.Button(words("bank_discard"), scale=0, min_width=110, elem_id="bank-discard")
        self._wire()

    @property
    def _outputs(self) -> list[Any]:
        return [
            self.files, self.preview, self.kept, self.panel, self.found, self.name, self.only_new, self.clash, self.keep,
            self.replace,
        ]  # fmt: skip

    def _wire(self) -> None:
        loud = {**EVENT, "show_progress": "minimal"}
        self.files.upload(self.look, self.files, self._outputs, **loud)
        self.keep.click(self.save, [self.preview, self.name, self.only_new], self._outputs, **loud)
        self.replace.click(self.save_over, [self.preview, self.name, self.only_new], self._outputs, **loud)
        self.discard.click(self.empty, None, self._outputs, **EVENT)

    # ------------------------------------------------------------ handlers

    def look(self, files: Sequence[str] | None) -> Changes:
        """What the uploaded documents hold."""
        if not files:
            return {self.files: gr.skip()}
        try:
            preview = self._parts.library.preview([Path(file) for file in files])
        except InterviewerError as error:
            warn(self._words, self._words("add_failed", error=self._words.problem(str(error))))
            return self.empty()
        result = preview.result
        html = render(
            "bank_preview",
            self._words,
            files=result.files,
            error="",
            reading=[document.name for document in preview.reading],
            rows=preview_rows(preview, self._parts.bank, self._words),
            total=len(result.questions),
            twins=len(preview.twins),
        )
        single = len(result.topics) == 1
        name = next((q.sources[0].rpartition("#")[0] for q in result.questions), "")[:LONGEST_NAME]
        something = bool(result.questions or preview.reading)
        return {
            self.files: None,
            self.preview: preview,
            self.panel: gr.update(visible=True),
            self.found: html,
            self.name: gr.update(value=name if single else "", visible=single),
            self.only_new: gr.update(value=False, visible=bool(preview.twins)),
            self.keep: gr.update(visible=something),
        } | self._asking(False)

    def save(self, preview: Any, name: Any, only_new: Any) -> Changes:
        """Keep it, unless there is a document of that name: then ask."""
        return self._save(preview, name, only_new, replacing=False)

    def save_over(self, preview: Any, name: Any, only_new: Any) -> Changes:
        """Keep it in the place of the document of that name."""
        return self._save(preview, name, only_new, replacing=True)

    def _save(self, preview: Any, name: Any, only_new: Any, replacing: bool) -> Changes:
        if not isinstance(preview, Preview):  # saved in the meantime, or kept waiting for too long
            warn(self._words, self._words("bank_nothing_left"))
            return self.empty()
        asked = str(name or "").strip()[:LONGEST_NAME]
        try:
            self._parts.library.keep(preview, asked, only_new=bool(only_new), replacing=replacing)
        except InterviewerError as error:
            if str(error) == TAKEN:
                return self._asking(True)
            warn(self._words, self._words.problem(str(error)))
            return {self.files: gr.skip()}
        self._parts.indexing.start()
        gr.Info(self._words("bank_kept"), duration=4, title=self._words("title"))
        return self.empty() | {self.kept: time.monotonic()}

    def empty(self) -> Changes:
        """Nothing uploaded, nothing to save."""
        return {self.files: None, self.preview: None, self.panel: gr.update(visible=False), self.found: ""} | self._asking(
            False
        )

    def _asking(self, asking: bool) -> Changes:
        return {self.clash: gr.update(visible=asking), self.replace: gr.update(visible=asking)}
