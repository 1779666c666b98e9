"""One question on the question bank's page: shown with its points, edited in a form, saved.

Gives HTML for it; where on the page that goes is `bank_page`'s business, what a form holds `bank_form`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import Question
from interviewer.ingest.lint import lint_question
from interviewer.ingest.shelf import fingerprint
from interviewer.ui.bank_form import Draft, FormProblem, blank_point, draft_from, draft_of, edited
from interviewer.ui.bank_views import origin_of
from interviewer.ui.html import render
from interviewer.ui.words import Words
from interviewer.wiring import Parts


class BankQuestion:
    """Each method returns None for a question that is no longer in the bank. `version` gives every text a new number, so that
    the page acts on it."""

    def __init__(self, parts: Parts, words: Words, version: Callable[[], int]) -> None:
        self._parts, self._words, self._version = parts, words, version

    def shown(self, question_id: str, revealed: bool = False, target: str = "") -> str | None:
        """The question; its answer lies open when `revealed`, and where the point `target` is to be seen."""
        question = self._parts.bank.get(question_id)
        if question is None:
            return None
        points = {point.id for point in question.key_points}
        by_id = {other.id: other for other in self._parts.bank}
        origin = origin_of(question.id, self._parts.library)
        return render(
            "bank_question",
            self._words,
            question=question,
            topic=self._parts.bank.topic_title(question.topic, self._words.lang),
            origin=origin,
            seen=fingerprint(question),
            advice=[] if origin == "shipped" else self._advice(question),
            linked=[by_id[name] for name in (*question.prerequisites, *question.related) if name in by_id],
            revealed=revealed or target in points,
            target=target if target in points else "",
            version=self._version(),
        )

    def form(self, question_id: str, target: str = "") -> str | None:
        """The question in its form, at the point `target` if there is one."""
        question = self._parts.bank.get(question_id)
        return self._form(question, fingerprint(question), draft_of(question), [], target) if question else None

    def save(self, question_id: str, seen: str, posted: Any) -> str | None:
        """Save what was posted and show the question; where it can't be saved, the form again with what was typed."""
        base = self._parts.bank.get(question_id)
        if base is None:
            return None
        draft = draft_from(posted)
        question, problems = edited(draft, base, self._words)
        if question is not None:
            try:
                self._parts.library.change(question, seen)
            except InterviewerError as error:  # nothing that was typed is lost: the form stays
                problems = [FormProblem("", self._words("bank_edit_heading"), self._words.problem(str(error)))]
        if problems:
            return self._form(base, seen, draft, problems)
        self._parts.indexing.start()
        gr.Info(self._words("bank_saved"), duration=3, title=self._words("title"))
        return self.shown(question_id, revealed=True)

    def _advice(self, question: Question) -> list[str]:
        numbers = {point.id: n for n, point in enumerate(question.key_points, start=1)}

        def said(point: str | None, message: str) -> str:
            if point is None:
                return self._words("bank_advice_question", message=message)
            return self._words("bank_advice_point", n=numbers[point], message=message)

        return [said(point, self._words.problem(message)) for point, _, message in lint_question(question)]

    def _form(self, question: Question, seen: str, draft: Draft, problems: list[FormProblem], target: str = "") -> str:
        return render(
            "bank_edit",
            self._words,
            question=question,
            seen=seen,
            draft=draft,
            problems=problems,
            wrong=[problem.field for problem in problems],
            target=target,
            blank=blank_point(),
            origin=origin_of(question.id, self._parts.library),
            version=self._version(),
        )
