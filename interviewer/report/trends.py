"""Progress as inline SVG: a line a topic, and the calibration curve. Right in dark mode, and no plotting library.

As in `chart`, there is no view box: places are shares of whatever width there is, while letters keep their size. Labels come
from the caller and are escaped here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape
from itertools import pairwise

from interviewer.report.progress import Calibration, Day

#: Pixels: how high a score of 100 stands above 0, in a topic's chart and in the curve; what their axis needs below.
_TREND, _CURVE, _AXIS = 80, 230, 26
#: Percent of the width that stays free beside the outermost dots, and what the curve's numbers take on the left.
_SIDE, _NUMBERS = 5.0, 9.0


def trend_svg(days: Sequence[Day], first: date, last: date, label: str) -> str:
    """A topic's scores, 0–100, from `first` to `last`. A day is a dot, larger for more answers. `label` says it in words."""
    span = (last - first).days

    def place(day: Day) -> tuple[float, float]:
        share = (day.day - first).days / span if span else 0.5
        return _SIDE + share * (100 - 2 * _SIDE), _down(day.score, _TREND)

    out = [_open("trend", _TREND + _AXIS, label)]
    out += [_line((0, _down(mark, _TREND)), (100, _down(mark, _TREND)), "grid") for mark in (0, 50, 100)]
    out += [_line(place(a), place(b), "line") for a, b in pairwise(days)]
    out += [_dot(place(day), 3.0 + day.answers, f"{day.day:%Y-%m-%d}: {day.score:.0f} ({day.answers})") for day in days]
    ends = [(0, first, "start"), (100, last, "end")] if span else [(50, first, "middle")]
    out += [_text(f"{at}%", _TREND + _AXIS - 4, f"{day:%m-%d}", anchor) for at, day, anchor in ends]
    return "".join([*out, "</svg>"])


def calibration_svg(curve: Calibration, label: str, across: str, up: str) -> str:
    """Mean score by how sure the candidate was, with the diagonal on which both agree. A dot is larger for more answers.
    `across` and `up` name the axes."""
    head = 24
    bottom = head + _CURVE

    def place(percent: float, score: float) -> tuple[float, float]:
        return _NUMBERS + percent / 100 * (100 - _NUMBERS - _SIDE), head + _down(score, _CURVE)

    marks = (0, 25, 50, 75, 100)
    out = [_open("curve", bottom + _AXIS + 20, label), _text("0", 12, up)]
    out += [_line(place(0, mark), place(100, mark), "grid") for mark in marks]
    out += [_text("0", round(place(0, mark)[1]) + 4, str(mark)) for mark in marks]
    out += [_text(f"{place(mark, 0)[0]:.1f}%", bottom + 20, str(mark), "middle") for mark in marks]
    out.append(_line(place(0, 0), place(100, 100), "even"))
    out += [_line(place(a.percent, a.score), place(b.percent, b.score), "line") for a, b in pairwise(curve.steps)]
    for step in curve.steps:
        title = f"{step.percent} %: {step.score:.0f} ({step.answers})"
        out.append(_dot(place(step.percent, step.score), 4.0 + step.answers, title))
    return "".join([*out, _text("100%", bottom + 40, across, "end"), "</svg>"])


def _open(name: str, height: int, label: str) -> str:
    return (
        f'<svg class="{name}" width="100%" height="{height}" role="img" aria-label="{escape(label, quote=True)}" '
        'font-size="12" fill="currentColor">'
    )


def _down(score: float, height: int) -> float:
    """Pixels from the top, leaving room for a dot at 100."""
    return 6 + (100 - score) / 100 * (height - 6)


def _line(start: tuple[float, float], end: tuple[float, float], name: str) -> str:
    return f'<line class="{name}" x1="{start[0]:.1f}%" y1="{start[1]:.1f}" x2="{end[0]:.1f}%" y2="{end[1]:.1f}"/>'


def _dot(at: tuple[float, float], radius: float, title: str) -> str:
    circle = f'<circle class="dot" cx="{at[0]:.1f}%" cy="{at[1]:.1f}" r="{min(radius, 8.0)}">'
    return f"{circle}<title>{escape(title)}</title></circle>"


def _text(x: str, y: int, text: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
