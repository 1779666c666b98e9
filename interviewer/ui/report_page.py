"""The report as a page: scores, topics, what to study next, confidence beside score, delivery, every question, and downloads.

Each key point leads to its entry in the question bank, each question to answering it again, and either can be objected to; what
those clicks do is the page's business (`report_desk`).

Never grades or measures anything. It is laid out to be printed as well: `static/report.css` and `report.js` see to the paper.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from interviewer.dialogue.planned import as_planned
from interviewer.domain.disputes import DisputeStatus, standing
from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import Bank, Lang
from interviewer.report import QuestionResult, Report, sureness_chart_svg, topic_chart_svg
from interviewer.report.delivery import overall_delivery_text
from interviewer.report.study import closest, passage_title
from interviewer.report.words import SIGNS, UNHEARD, again_title, again_word, hints_word, sureness_word
from interviewer.session import Interviews
from interviewer.ui.assessed import QuestionView, question_view
from interviewer.ui.html import render, static
from interviewer.ui.practice_view import ChangeView, change_view
from interviewer.ui.words import Words

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question of the report: what its hints cost and what answering it again came to, in words where there was any, its
    further answers with what each scored, and, by point ("" for the whole), what became of objections."""

    view: QuestionView
    result: QuestionResult
    hinted: str
    again: str
    gained: tuple[ChangeView, ...]
    further: tuple[tuple[str, str], ...]
    disputed: Mapping[str, DisputeStatus]

    @property
    def question_id(self) -> str:
        return self.result.question_id


def report_view(words: Words) -> Any:
    """The component that shows reports, to be placed by the page."""
    import gradio as gr

    script = static("keep.js") + static("report.js")
    return gr.HTML(empty_report(words), js_on_load=script, apply_default_css=False, elem_id="report", render=False)


def report_html(interviews: Interviews, bank: Bank, session_id: str, words: Words) -> str:
    """The report of a finished interview, or a sentence on why there is none. A failure here must not end anything else."""
    try:
        report = interviews.full_report(session_id)
        if report.session.status != "finished":
            return empty_report(words, words("report_running"))
        return _page(report, bank, words)
    except InterviewerError as error:
        return empty_report(words, words("report_failed", error=error))
    except Exception:
        log.exception("the report of %s could not be made", session_id)
        return empty_report(words, words("report_failed", error=words("warn_unexpected")))


def empty_report(words: Words, message: str = "") -> str:
    return render("no_report", words, message=message or words("report_empty"))


def _page(report: Report, bank: Bank, words: Words) -> str:
    from markupsafe import Markup

    lang = report.session.setup.lang
    bank = as_planned(bank, report.session.setup.plan)
    titles = {topic.topic: topic.title.get(words.lang) for topic in report.topics}
    return render(
        "report",
        words,
        report=report,
        study=[list(points) for _, points in groupby(report.study_next, key=lambda point: point.question_id)],
        questions=[
            _asked(number, result, bank, titles.get(result.topic, result.topic), lang, words)
            for number, result in enumerate(report.questions, start=1)
        ],
        entries={(result.question_id, point_id) for result in report.questions for point_id in result.statements},
        # The charts escape every title themselves, see their tests.
        chart=Markup(topic_chart_svg(report, words.lang)),  # noqa: S704
        sureness_chart=Markup(sureness_chart_svg(report, words.lang)),  # noqa: S704
        sureness_said=sureness_word(report.sureness, words.lang) if report.sureness else "",
        delivery=overall_delivery_text([r.delivery for r in report.questions if r.delivery], words.lang),
        misconceptions=[(n, m) for n, r in enumerate(report.questions, 1) if r.assessment for m in r.assessment.misconceptions],
        when=report.session.created_at.astimezone().strftime("%Y-%m-%d %H:%M"),
        lang=lang,
        builtin=any(result.assessment and result.assessment.grader.model is None for result in report.questions),
        signs=SIGNS,
        unheard=UNHEARD,
        closest=closest,
        passage_title=passage_title,
    )


def _asked(number: int, result: QuestionResult, bank: Bank, topic: str, lang: Lang, words: Words) -> _Asked:
    question, again = bank.get(result.question_id), result.again
    return _Asked(
        question_view(number, question, topic, result.answer, result.assessment, result.why, lang, words, result.delivery),
        result,
        hints_word(result.hinted, result.score, words.lang),
        again_word(again, words.lang) if again else "",
        tuple(change_view(c, result.statement(c.point_id, lang), words) for c in again.gained) if again else (),
        tuple((again_title(n, retry, words.lang), retry.answer) for n, retry in enumerate(again.answers, 1)) if again else (),
        standing(result.disputes).get(result.question_id, {}),
    )
