"""A report as Markdown for people and as JSON for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from pydantic import TypeAdapter

from interviewer.domain.assessment import Assessment, Verdict
from interviewer.domain.delivery import SpokenPiece
from interviewer.domain.questions import Lang, LocalText
from interviewer.report.delivery import DeliveryText, delivery_text, overall_delivery_text
from interviewer.report.model import Again, QuestionResult, Report
from interviewer.report.study import closest, excerpt, passage_title
from interviewer.report.words import (
    again_title,
    again_word,
    end_word,
    flag_word,
    hints_word,
    study_word,
    sureness_word,
    verdict_word,
    word,
)

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
    for section in (_study, _misconceptions, _sureness, _overall_delivery):
        lines += section(report, lang)
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


def _study(report: Report, lang: Lang) -> list[str]:
    if not report.study_next:
        return []
    lines = ["", f"## {word('study', lang)}", ""]
    asked = ""
    for point in report.study_next:
        lines.append(f"- {_plain(point.statement.get(lang))} ({study_word(point, lang)})")
        if asked != point.question_id:
            lines.append(f"  - {_plain(point.question.get(lang))}")
        asked = point.question_id
        if point.excerpt.get(lang):
            lines.append(f"  - {word('in-reference', lang)}: {_plain(point.excerpt.get(lang))}")
        lines += [
            f"  - {word('also-read', lang)}: {_plain(passage_title(passage))}: {_plain(closest(passage, point))}"
            for passage in point.passages
        ]
    return lines


def _misconceptions(report: Report, lang: Lang) -> list[str]:
    found = [(n, m) for n, q in enumerate(report.questions, 1) if q.assessment for m in q.assessment.misconceptions]
    lines = ["", f"## {word('misconceptions', lang)}", ""] if found else []
    for number, misconception in found:
        nth = word("nth-question", lang).format(n=number)
        lines.append(f"- {word('believed', lang)}: {_plain(misconception.belief.get(lang))} ({nth})")
        lines.append(f"  - {word('correction', lang)}: {_plain(misconception.correction.get(lang))}")
    return lines


def _sureness(report: Report, lang: Lang) -> list[str]:
    if not report.sureness:
        return []
    lines = ["", f"## {word('sureness', lang)}", "", sureness_word(report.sureness, lang), word("sureness-intro", lang), ""]
    lines.append(f"| {word('question', lang)} | {word('sure', lang)} | {word('score', lang)} | {word('gap', lang)} |")
    lines.append("|---|---|---|---|")
    texts = {q.question_id: q.text.get(lang) for q in report.questions}
    rows = (
        (f"{s.number}. {_plain(texts[s.question_id])}", f"{s.percent}%", f"{s.score:.0f}", f"{s.gap:+.0f}")
        for s in report.sureness
    )
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


def _overall_delivery(report: Report, lang: Lang) -> list[str]:
    text = overall_delivery_text([q.delivery for q in report.questions if q.delivery], lang)
    if text is None:
        return []
    return ["", f"## {word('delivery', lang)}", "", word("delivery-apart", lang), "", *_delivery(text, lang)]


def _delivery(text: DeliveryText, lang: Lang) -> list[str]:
    lines = [f"- {fact.label}: {_plain(fact.value)}{f' ({fact.note})' if fact.note else ''}" for fact in text.facts]
    lines += [f"- {text.basis}"] if text.basis else []
    return [*lines, f"- **{word('advice', lang)}**: {_plain(text.advice)}"]


def _heard(pieces: Iterable[SpokenPiece], lang: Lang) -> str:
    """What was spoken, on one line: fillers bold, long pauses in brackets."""
    marks = {"filler": "**{}**", "pause": " [{}] ", "": "{}"}
    pause = word("pause-mark", lang)
    texts = ((p.mark, pause.format(n=f"{p.seconds:.1f}") if p.mark == "pause" else p.text) for p in pieces)
    line = "".join(marks[mark].format(_plain(text)) if mark else _escaped(text) for mark, text in texts)
    return re.sub(" +", " ", line).strip()


def _question(number: int, result: QuestionResult, lang: Lang) -> list[str]:
    lines = [f"### {number}. {_plain(result.text.get(lang))}", ""]
    assessment = result.assessment
    facts = [f"{word('level', lang)} {result.level}"]
    facts += [f"{word('follow-ups', lang)} {result.follow_ups}"] if result.follow_ups else []
    facts += [f"{word('hints-used', lang)} {result.hints}"] if result.hints and not result.hinted else []
    facts += [end_word(result.why, lang)] if end_word(result.why, lang) else []
    lines += [" · ".join(facts), ""]
    if assessment is None:
        lines += [f"**{word('no-answer', lang)}**", ""]
    elif not assessment.graded:
        lines += [f"**{word('not-graded', lang)}**: {_plain(assessment.reason or '')}", ""]
    else:
        lines += [f"**{word('score', lang)}: {score_text(assessment.score, assessment.low, assessment.high, lang)}**", ""]
    if result.hinted:
        lines += [hints_word(result.hinted, result.score, lang), ""]
    if result.answer:
        lines += [f"{word('your-answer', lang)}:", "", *_quote(result.answer), ""]
    if assessment is not None:
        lines += _points(result, assessment, lang)
    if result.again:
        lines += _again(result, result.again, lang)
    if result.delivery:
        lines += [f"{word('delivery', lang)}:", "", *_delivery(delivery_text(result.delivery, lang), lang)]
        heard = _heard(result.delivery.transcript, lang)
        lines += [*([f"- {word('as-heard', lang)}: {heard}"] if heard else []), ""]
    if result.reference:
        source = f"{word('source', lang)} {_plain(result.topic)}/{_plain(result.question_id)}"
        lines += [f"{word('reference', lang)} ({source}):", "", *_quote(result.reference.get(lang)), ""]
    lines += _objections(result, lang)
    if result.reading:
        lines += [f"{word('reading', lang)}:", "", *(f"- {_plain(work.title)}: <{work.url}>" for work in result.reading), ""]
    return lines


def _points(result: QuestionResult, assessment: Assessment, lang: Lang) -> list[str]:
    lines = []
    for point in assessment.points:
        lines.append(f"- {verdict_word(point.verdict, lang)} · {_plain(result.statement(point.point_id, lang))}")
        if point.evidence:
            lines.append(f"  - {word('you-said', lang)}: “{_plain(point.evidence.text)}”")
        where = excerpt(result.reference, result.statements.get(point.point_id, LocalText())).get(lang)
        if where and point.verdict is not Verdict.COVERED:
            lines.append(f"  - {word('in-reference', lang)}: {_plain(where)}")
    for found in assessment.misconceptions:
        lines.append(f"- {word('possible-misconception', lang)}: {_plain(found.belief.get(lang))}")
        lines.append(f"  - {word('you-said', lang)}: “{_plain(found.evidence.text)}”")
        lines.append(f"  - {word('correction', lang)}: {_plain(found.correction.get(lang))}")
    lines += [f"- {flag_word(flag, lang)}" for flag in assessment.flags]
    grader = assessment.grader
    made_by = " ".join(filter(None, (grader.name, grader.version, grader.model, grader.prompt)))
    return [*lines, "", f"{word('graded-by', lang)}: {_plain(made_by)}", ""]


def _again(result: QuestionResult, again: Again, lang: Lang) -> list[str]:
    gained = [
        f"- {word('change.gained', lang)}: {verdict_word(change.before, lang)} → {verdict_word(change.after, lang)}"
        f" · {_plain(result.statement(change.point_id, lang))}"
        for change in again.gained
    ]
    lines = [f"{word('again', lang)}: {again_word(again, lang)}", "", *gained, *([""] if gained else [])]
    for number, retry in enumerate(again.answers, 1):
        lines += [f"{again_title(number, retry, lang)}", "", *_quote(retry.answer), ""]
    return lines


def _objections(result: QuestionResult, lang: Lang) -> list[str]:
    """What the candidate holds against the reference, each with what became of it and the point it is about."""
    lines = []
    for dispute in result.disputes:
        about = result.statements.get(dispute.key_point_id or "", LocalText()).get(lang)
        lines.append(f"- {_plain(dispute.text)} ({word(f'objection.{dispute.status}', lang)})")
        lines += [f"  - {word('about-point', lang)}: {_plain(about)}"] if about else []
    return [f"{word('objection', lang)}:", "", *lines, ""] if lines else []


def _plain(text: str) -> str:
    """One line in which Markdown and HTML marks mean nothing."""
    return _escaped(" ".join(text.split()))


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", re.sub(r"\s+", " ", text))


def _quote(text: str) -> list[str]:
    return [f"> {_plain(line)}" if line.strip() else ">" for line in text.splitlines()]
