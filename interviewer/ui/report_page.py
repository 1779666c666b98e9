"""The report as a page: scores, topic chart, what to study next, every question, and downloads. Never grades anything."""

from __future__ import annotations

import logging
from functools import partial

from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import Bank
from interviewer.report import Report, topic_chart_svg
from interviewer.report.words import SIGNS, UNHEARD, word
from interviewer.session import Interviews
from interviewer.ui.assessed import question_view
from interviewer.ui.html import render
from interviewer.ui.words import Words

log = logging.getLogger(__name__)


def report_html(interviews: Interviews, bank: Bank, session_id: str, words: Words) -> str:
    """The report of a finished interview, or a sentence on why there is none. A failure here must not end anything else."""
    try:
        report = interviews.report(session_id)
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
    titles = {topic.topic: topic.title.get(words.lang) for topic in report.topics}
    views = []
    for number, result in enumerate(report.questions, start=1):
        topic = titles.get(result.topic, result.topic)
        question = bank.get(result.question_id)
        views.append(question_view(number, question, topic, result.answer, result.assessment, result.why, lang, words))
    return render(
        "report",
        words,
        report=report,
        views=list(zip(views, report.questions, strict=True)),
        chart=Markup(topic_chart_svg(report, words.lang)),  # noqa: S704 - the chart escapes every title itself, see its tests
        when=report.session.created_at.astimezone().strftime("%Y-%m-%d %H:%M"),
        lang=lang,
        builtin=any(result.assessment and result.assessment.grader.model is None for result in report.questions),
        signs=SIGNS,
        unheard=UNHEARD,
        word=partial(word, lang=words.lang),
    )
