"""Scores by topic as one inline SVG: light, right in dark mode, and readable in Chinese without a plotting library.

It has no view box: lengths along the bars are shares of whatever width there is while letters keep their size, so that a
phone shows the same chart as a desk, not a smaller picture of it.
"""

from __future__ import annotations

from html import escape

from interviewer.domain.questions import Lang
from interviewer.report.model import Report, TopicScore
from interviewer.report.words import word

#: Pixels: a topic's row (its title above its bar) and the axis below all of them.
_ROW, _AXIS = 46, 24
#: Room for a title and its value together, counting a Latin letter as one: what a phone's card of 300 pixels has.
_LINE = 36


def topic_chart_svg(report: Report, lang: Lang) -> str:
    """Horizontal bars 0–100, a row per topic. Bars are classed `value`, for style sheets that know of a dark mode.
    Empty for a report without questions."""
    if not report.topics:
        return ""
    height = _ROW * len(report.topics) + _AXIS
    spoken = "; ".join(f"{t.title.get(lang)} {_value(t.score, lang)}" for t in report.topics)
    out = [
        f'<svg class="topic-chart" width="100%" height="{height}" role="img" '
        f'aria-label="{escape(word("topics", lang) + ": " + spoken, quote=True)}" font-size="14" fill="currentColor">'
    ]
    out += _axis(height)
    for row, topic in enumerate(report.topics):
        out += _bar(topic, row * _ROW, lang)
    out.append("</svg>")
    return "".join(out)


def _axis(height: int) -> list[str]:
    """Marks at the quarters, their lines running only beside the bars so that no title is crossed out."""
    out = []
    for mark in (0, 25, 50, 75, 100):
        anchor = {0: "start", 100: "end"}.get(mark, "middle")
        out.append(f'<text x="{mark}%" y="{height - 6}" text-anchor="{anchor}" font-size="12">{mark}</text>')
        out.append(
            f'<line x1="{mark}%" y1="{height - _AXIS - 6}" x2="{mark}%" y2="{height - _AXIS + 3}" '
            'stroke="currentColor" stroke-opacity=".4"/>'
        )
    return out


def _bar(topic: TopicScore, y: int, lang: Lang) -> list[str]:
    title, value = topic.title.get(lang), _value(topic.score, lang)
    out = [
        f'<text x="0" y="{y + 17}">{escape(_short(title, _LINE - _wide(value)))}<title>{escape(title)}</title></text>',
        f'<text x="100%" y="{y + 17}" text-anchor="end" font-weight="600">{escape(value)}</text>',
        f'<line x1="0" y1="{y + 32}" x2="100%" y2="{y + 32}" stroke="currentColor" stroke-opacity=".15" stroke-width="12"/>',
    ]
    if topic.score is not None:
        share = max(topic.score, 0.7)  # a score of nought still shows
        out.append(f'<rect class="value" x="0" y="{y + 26}" width="{share:.1f}%" height="12" fill="#4f46e5"/>')
    return out


def _value(score: float | None, lang: Lang) -> str:
    return word("not-graded", lang) if score is None else f"{score:.0f}"


def _wide(text: str) -> int:
    """A Chinese character is about twice as wide as a Latin one."""
    return sum(2 if ord(char) > 0x2E80 else 1 for char in text)


def _short(title: str, room: int) -> str:
    """A title that fits beside its value."""
    if _wide(title) <= room:
        return title
    while title and _wide(title) > room - 1:
        title = title[:-1]
    return title.rstrip() + "…"
