"""Fold a stored session into a report, and put it on paper."""

from interviewer.report.anki import to_apkg
from interviewer.report.build import build_report
from interviewer.report.chart import sureness_chart_svg, topic_chart_svg
from interviewer.report.model import Again, QuestionResult, Report, StudyPoint, Sureness, TopicScore
from interviewer.report.render import to_json, to_markdown

__all__ = [
    "Again",
    "QuestionResult",
    "Report",
    "StudyPoint",
    "Sureness",
    "TopicScore",
    "build_report",
    "sureness_chart_svg",
    "to_apkg",
    "to_json",
    "to_markdown",
    "topic_chart_svg",
]
