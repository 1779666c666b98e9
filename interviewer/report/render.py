"""A report as Markdown for people and as JSON for programs."""

from __future__ import annotations

import json
import re

from pydantic import TypeAdapter

from interviewer.domain.assessment import Assessment
from interviewer.domain.questions import Lang
from interviewer.report.model import QuestionResult, Report
from interviewer.report.words import end_word, flag_word, study_word, verdict_word, word

_REPORT = TypeAdapter(Report)


def to_json(report: Report) -> str:
    """Everything in the report, one JSON object; times in ISO 8601, scores 0–100."""
    return json.dumps(_REPORT.dump_python(report, mode="json"), ensure_ascii=False, indent=2)


def to_markdown(report: Report, lang: Lang) -> str:
    """The report as Markdown. Whatever people wrote stands in block quotes with its markup escaped."""
    setup = report.session.setup
    lines = [f"# {word('title', lang)}", ""]
    lines.append(f"- {word('date', lang)}: {report.session.created_at:%Y-%m-%d %H:%M} UTC")
    lines.append(f"- {word('mode', lang)}: {word(setup.mode, lang)}")
    lines.append(f"- {word('interviewer', lang)}: {interviewer_name(report.session.interviewer, lang)}")
    lines.append(f"- {word('overall', lang)}: **{score_text(report.score, report.low, report.high, lang)}**")
    lines.append(f"- {counts_text(report, lang)}")
    if report.session.status == "running":
        lines.append(f"- {word('running', lang)}")
    if any(q.assessment and q.assessment.grader.name == "builtin" for q in report.questions):
        lines += ["", word("builtin-note", lang)]
    lines += ["", f"## {word('topics', lang)}", ""]
    lines.append(f"| {word('topic', lang)} | {word('questions', lang)} | {word('score', lang)} |")
    lines.append("|---|---|---|")
    for topic in report.topics:
        lines.append(f"| {_plain(topic.title.get(lang))} | {topic.questions} | {score_text(topic.score, None, None, lang)} |")
    if report.study_next:
        lines += ["", f"## {word('study', lang)}", ""]
        for point in report.study_next:
            lines.append(f"- {_plain(point.statement.get(lang))} ({study_word(point, lang)})")
            lines.append(f"  - {_plain(point.question.get(lang))}")
    lines += ["", f"## {word('details', lang)}", ""]
    for number, result in enumerate(report.questions, 1):
        lines += _question(number, result, lang)
    return "\n".join(lines).rstrip() + "\n"


def score_text(score: float | None, low: float | None, high: float | None, lang: Lang) -> str:
    """`72 (61–80)`, or the words for *not graded*."""
    if score is None:
        return word("not-graded", lang)
    if low is None or high is None:
        return f"{score:.0f}"
    return f"{score:.0f} ({low:.0f}–{high:.0f})"


def interviewer_name(name: str, lang: Lang) -> str:
    """Who led the interview: the built-in one in words, a model by its name."""
    return word("built-in", lang) if name == "built-in" else _plain(name)


def counts_text(report: Report, lang: Lang) -> str:
    """How many questions were graded, not graded and not answered."""
    return word("counts", lang).format(graded=report.graded, ungraded=report.ungraded, skipped=report.skipped)


def _question(number: int, result: QuestionResult, lang: Lang) -> list[str]:
    lines = [f"### {number}. {_plain(result.text.get(lang))}", ""]
    assessment = result.assessment
    facts = [f"{word('level', lang)} {result.level}"]
    facts += [f"{word('follow-ups', lang)} {result.follow_ups}"] if result.follow_ups else []
    facts += [f"{word('hints-used', lang)} {result.hints}"] if result.hints else []
    facts += [end_word(result.why, lang)] if end_word(result.why, lang) else []
    lines += [" · ".join(facts), ""]
    if assessment is None:
        lines += [f"**{word('no-answer', lang)}**", ""]
    elif not assessment.graded:
        lines += [f"**{word('not-graded', lang)}**: {_plain(assessment.reason or '')}", ""]
    else:
        lines += [f"**{word('score', lang)}: {score_text(assessment.score, assessment.low, assessment.high, lang)}**", ""]
    if result.answer:
        lines += [f"{word('your-answer', lang)}:", "", *_quote(result.answer), ""]
    if assessment is not None:
        lines += _points(result, assessment, lang)
    if result.reference:
        lines += [f"{word('reference', lang)}:", "", *_quote(result.reference.get(lang)), ""]
    if result.reading:
        lines += [f"{word('reading', lang)}:", "", *(f"- {_plain(work.title)}: <{work.url}>" for work in result.reading), ""]
    return lines


def _points(result: QuestionResult, assessment: Assessment, lang: Lang) -> list[str]:
    lines = []
    for point in assessment.points:
        lines.append(f"- {verdict_word(point.verdict, lang)} · {_plain(result.statement(point, lang))}")
        if point.evidence:
            lines.append(f"  - {word('you-said', lang)}: “{_plain(point.evidence.text)}”")
    for found in assessment.misconceptions:
        lines.append(f"- {word('possible-misconception', lang)}: {_plain(found.belief.get(lang))}")
        lines.append(f"  - {word('you-said', lang)}: “{_plain(found.evidence.text)}”")
        lines.append(f"  - {word('correction', lang)}: {_plain(found.correction.get(lang))}")
    lines += [f"- {flag_word(flag, lang)}" for flag in assessment.flags]
    grader = assessment.grader
    made_by = " ".join(filter(None, (grader.name, grader.version, grader.model, grader.prompt)))
    return [*lines, "", f"{word('graded-by', lang)}: {_plain(made_by)}", ""]


def _plain(text: str) -> str:
    """One line in which Markdown and HTML marks mean nothing."""
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", " ".join(text.split()))


def _quote(text: str) -> list[str]:
    return [f"> {_plain(line)}" if line.strip() else ">" for line in text.splitlines()]
