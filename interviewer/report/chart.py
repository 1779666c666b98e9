"""Scores by topic as one inline SVG: light, right in dark mode, and readable in Chinese without a plotting library."""

from __future__ import annotations

from html import escape

from interviewer.domain.questions import Lang
from interviewer.report.model import Report
from interviewer.report.words import word

_WIDTH, _ROW, _LABEL, _VALUE = 640, 34, 200, 56


def topic_chart_svg(report: Report, lang: Lang) -> str:
    """Horizontal bars 0–100, a row per topic. Colours come from CSS variables with fallbacks, so themes apply.
    Empty for a report without questions."""
    if not report.topics:
        return ""
    height = _ROW * len(report.topics) + 22
    span = _WIDTH - _LABEL - _VALUE
    spoken = "; ".join(f"{t.title.get(lang)} {_value(t.score, lang)}" for t in report.topics)
    out = [
        f'<svg class="topic-chart" viewBox="0 0 {_WIDTH} {height}" width="100%" role="img" '
        f'aria-label="{escape(word("topics", lang) + ": " + spoken, quote=True)}" font-size="14" fill="currentColor">'
    ]
    for mark in (0, 25, 50, 75, 100):
        x = _LABEL + span * mark / 100
        out.append(f'<line x1="{x:.0f}" y1="0" x2="{x:.0f}" y2="{height - 20}" stroke="currentColor" stroke-opacity=".15"/>')
        out.append(f'<text x="{x:.0f}" y="{height - 5}" text-anchor="middle" font-size="11" opacity=".7">{mark}</text>')
    for row, topic in enumerate(report.topics):
        y = row * _ROW
        out.append(f'<text x="{_LABEL - 12}" y="{y + 21}" text-anchor="end">{escape(_short(topic.title.get(lang)))}</text>')
        if topic.score is not None:
            width = max(span * topic.score / 100, 2.0)
            out.append(
                f'<rect x="{_LABEL}" y="{y + 7}" width="{width:.1f}" height="20" rx="4" fill="var(--primary-600, #4f46e5)"/>'
            )
        out.append(f'<text x="{_WIDTH - 4}" y="{y + 21}" text-anchor="end">{escape(_value(topic.score, lang))}</text>')
    out.append("</svg>")
    return "".join(out)


def _value(score: float | None, lang: Lang) -> str:
    return word("not-graded", lang) if score is None else f"{score:.0f}"


def _short(title: str) -> str:
    """A title that fits the label column: a Chinese character is about twice as wide as a Latin one."""
    width, out = 0, ""
    for char in title:
        width += 2 if ord(char) > 0x2E80 else 1
        if width > 25:
            return out + "…"
        out += char
    return out
