"""Scores by topic, and confidence beside score, as inline SVG: light, right in dark mode, and readable in Chinese without a
plotting library.

They have no view box: lengths along the bars are shares of whatever width there is while letters keep their size, so that a
phone shows the same chart as a desk, not a smaller picture of it.
"""

from __future__ import annotations

from html import escape

from interviewer.domain.questions import Lang
from interviewer.report.model import Report, Sureness, TopicScore
from interviewer.report.words import word

#: Fewer answers than this show no pattern.
SURENESS_POINTS = 5
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
    out = [_opening("topic-chart", height, f"{word('topics', lang)}: {spoken}")]
    out += _axis(height)
    for row, topic in enumerate(report.topics):
        out += _bar(topic, row * _ROW, lang)
    out.append("</svg>")
    return "".join(out)


def sureness_chart_svg(report: Report, lang: Lang) -> str:
    """A row per question, surest and most mistaken first: a dot at its score, a ring at the confidence, the gap between them
    drawn. Dots are classed `value`, rings `sure`. Empty below SURENESS_POINTS answers, which show no pattern."""
    if len(report.sureness) < SURENESS_POINTS:
        return ""
    height = _ROW * len(report.sureness) + _AXIS
    spoken = "; ".join(f"{_nth(s, lang)} {_sure_value(s)}" for s in report.sureness)
    out = [_opening("sureness-chart", height, f"{word('sureness', lang)}: {spoken}"), *_axis(height)]
    texts = {q.question_id: q.text.get(lang) for q in report.questions}
    for row, sureness in enumerate(report.sureness):
        out += _pair(sureness, texts[sureness.question_id], row * _ROW)
    out.append("</svg>")
    return "".join(out)


def _opening(name: str, height: int, spoken: str) -> str:
    return (
        f'<svg class="{name}" width="100%" height="{height}" role="img" aria-label="{escape(spoken, quote=True)}" '
        'font-size="14" fill="currentColor">'
    )


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


def _pair(sureness: Sureness, title: str, y: int) -> list[str]:
    value = _sure_value(sureness)
    title = f"{sureness.number}. {title}"
    score, sure, at = _inside(sureness.score), _inside(sureness.percent), y + 32
    return [
        f'<text x="0" y="{y + 17}">{escape(_short(title, _LINE - _wide(value)))}<title>{escape(title)}</title></text>',
        f'<text x="100%" y="{y + 17}" text-anchor="end" font-weight="600">{escape(value)}</text>',
        f'<line x1="0" y1="{at}" x2="100%" y2="{at}" stroke="currentColor" stroke-opacity=".15" stroke-width="2"/>',
        f'<line x1="{score}" y1="{at}" x2="{sure}" y2="{at}" stroke="currentColor" stroke-opacity=".45" stroke-width="4"/>',
        f'<circle class="sure" cx="{sure}" cy="{at}" r="6" fill="none" stroke="currentColor" stroke-width="2.5"/>',
        f'<circle class="value" cx="{score}" cy="{at}" r="5" fill="#4f46e5"/>',
    ]


def _inside(share: float) -> str:
    """A place along the row, 0–100, at which a dot is still whole."""
    return f"{min(max(share, 2.0), 98.0):.1f}%"


def _nth(sureness: Sureness, lang: Lang) -> str:
    return word("nth-question", lang).format(n=sureness.number)


def _sure_value(sureness: Sureness) -> str:
    return f"○ {sureness.percent}% ● {sureness.score:.0f}"


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
