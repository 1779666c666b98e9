"""Charts as SVG drawn here, in the page's own fonts and colours, so that Chinese labels and dark mode work without a plotting
library. Every text is escaped. Knows nothing of tasks.
"""

from __future__ import annotations

import math
from html import escape
from unicodedata import east_asian_width

from evals.results import Bar, Chart, Curves, Dot

_FONT = 'font: 13px system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif;'
#: Series colours that colour-blind readers tell apart (Okabe and Ito), the first one the page's own blue.
_LIGHT = ("#3867b7", "#d55e00", "#009e73", "#b06090", "#8a6d00", "#555")
_DARK = ("#7fa7ee", "#f0904a", "#4ccfa6", "#dd9cc4", "#e0c050", "#bbb")
STYLE = (
    f"svg {{ width: 100%; height: auto; {_FONT} }}\nsvg text {{ fill: currentColor; }}\n"
    "svg .whisker { stroke: currentColor; fill: none; } svg .axis { stroke: #8886; fill: none; }\n"
    "svg .even { stroke: #888a; stroke-dasharray: 4 4; }\n"
    + " ".join(f"svg .s{n} {{ --c: {colour}; }}" for n, colour in enumerate(_LIGHT))
    + "\nsvg .bar, svg .dot { fill: var(--c); } svg .line { stroke: var(--c); stroke-width: 2; fill: none; }\n"
    "svg .spread { stroke: var(--c); }\n"
    "@media (prefers-color-scheme: dark) { "
    + " ".join(f"svg .s{n} {{ --c: {colour}; }}" for n, colour in enumerate(_DARK))
    + " }\n"
)
_LABEL_WIDTH = 290  # px left of the bars


def svg(chart: Chart | Curves) -> str:
    """The chart for a page that has `STYLE`."""
    return bars_svg(chart) if isinstance(chart, Chart) else curves_svg(chart)


def standalone(chart: Chart | Curves) -> str:
    """The chart as a file of its own, on white so that it reads wherever it is shown."""
    light = STYLE.partition("@media")[0]
    drawing = svg(chart).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" color="#111" ', 1)
    head, _, body = drawing.partition(">")
    return f'{head}><style>{light}</style><rect fill="#fff" width="100%" height="100%"/>{body}\n'


def bars_svg(chart: Chart) -> str:
    """Horizontal bars with their values, and whiskers where there is an interval."""
    left, width, right, row = _LABEL_WIDTH + 10, 420, 80, 24
    largest = max((max(bar.value, bar.high or 0.0) for bar in chart.bars if math.isfinite(bar.value)), default=0.0)
    scale = width / ((largest if chart.maximum is None else chart.maximum) or 1.0)
    height = row * len(chart.bars) + 8
    marks = [_bar(bar, 4 + i * row, left, width, scale) for i, bar in enumerate(chart.bars)]
    box = f'viewBox="0 0 {left + width + right} {height}"'
    return f'<svg {box} role="img" aria-label="{escape(chart.title)}">{"".join(marks)}</svg>'


def _bar(bar: Bar, top: int, left: int, width: int, scale: float) -> str:
    def x(value: float) -> float:
        return round(left + min(max(value * scale, 0.0), float(width)), 1)

    middle = top + 9
    end = x(bar.value) if math.isfinite(bar.value) else left
    label = f'<text x="{left - 8}" y="{top + 14}" text-anchor="end">{escape(fitted(bar.label, _LABEL_WIDTH))}</text>'
    rect = f'<rect class="bar" x="{left}" y="{top}" width="{end - left:.1f}" height="18" rx="2"/>'
    whisker = ""
    if bar.low is not None and bar.high is not None and math.isfinite(bar.low + bar.high):
        low, end = x(bar.low), max(x(bar.high), end)
        ends = f"M{low} {middle - 5}v10M{x(bar.high)} {middle - 5}v10"
        whisker = f'<path class="whisker" d="M{low} {middle}H{x(bar.high)}{ends}"/>'
    value = f'<text x="{end + 6}" y="{top + 14}">{_number(bar.value)}</text>'
    return f'<g class="s{bar.series % len(_LIGHT)}"><title>{escape(bar.label)}</title>{label}{rect}{whisker}{value}</g>'


def curves_svg(chart: Curves) -> str:
    """Curves in a square with its diagonal; a dot's area shows what it stands for, a line through it its interval."""
    side, left, top, legend = 380, 60, 10, 320
    box = f'viewBox="0 0 {left + side + legend} {top + side + 50}"'
    marks = [_square(chart, left, top, side)]
    most = max((dot.count for _, dots in chart.curves for dot in dots), default=0)
    for n, (name, dots) in enumerate(chart.curves):
        shown = [dot for dot in dots if math.isfinite(dot.x + dot.y)]
        drawn = [_dot(dot, left, top, side, most) for dot in shown]
        places = " ".join(f"{left + dot.x * side:.1f},{top + (1 - dot.y) * side:.1f}" for dot in shown)
        line = f'<polyline class="line" points="{places}"/>' if places else ""
        y = top + 12 + 22 * n
        key = f'<circle class="dot" cx="{left + side + 24}" cy="{y - 4}" r="5"/>'
        key += f'<text x="{left + side + 36}" y="{y}">{escape(fitted(name, legend - 44))}</text>'
        marks.append(f'<g class="s{n % len(_LIGHT)}"><title>{escape(name)}</title>{line}{"".join(drawn)}{key}</g>')
    return f'<svg {box} role="img" aria-label="{escape(chart.title)}">{"".join(marks)}</svg>'


def _square(chart: Curves, left: int, top: int, side: int) -> str:
    """Frame, diagonal, ticks and the names of the axes."""
    out = [f'<rect class="axis" x="{left}" y="{top}" width="{side}" height="{side}"/>']
    out.append(f'<line class="even" x1="{left}" y1="{top + side}" x2="{left + side}" y2="{top}"/>')
    for tenth in range(0, 11, 2):
        at = side * tenth / 10
        out.append(f'<text x="{left + at:.0f}" y="{top + side + 18}" text-anchor="middle">{tenth / 10:.1f}</text>')
        out.append(f'<text x="{left - 8}" y="{top + side - at + 5:.0f}" text-anchor="end">{tenth / 10:.1f}</text>')
    out.append(f'<text x="{left + side / 2}" y="{top + side + 40}" text-anchor="middle">{escape(chart.x_label)}</text>')
    middle = top + side / 2
    turned = f'transform="rotate(-90 16 {middle})" text-anchor="middle"'
    return "".join(out) + f'<text x="16" y="{middle}" {turned}>{escape(chart.y_label)}</text>'


def _dot(dot: Dot, left: int, top: int, side: int, most: int) -> str:
    def down(value: float) -> float:
        return top + (1 - min(max(value, 0.0), 1.0)) * side

    x = left + dot.x * side
    radius = 3 + 6 * math.sqrt(dot.count / most) if most else 4.0
    spread = ""
    if dot.low is not None and dot.high is not None and math.isfinite(dot.low + dot.high):
        spread = f'<line class="spread" x1="{x:.1f}" y1="{down(dot.low):.1f}" x2="{x:.1f}" y2="{down(dot.high):.1f}"/>'
    return f'{spread}<circle class="dot" cx="{x:.1f}" cy="{down(dot.y):.1f}" r="{radius:.1f}"/>'


def fitted(text: str, width: int) -> str:
    """The text, cut with an ellipsis where it would be wider than `width` px: 13 px a Chinese sign, about 7 another."""
    used = 0
    for n, sign in enumerate(text):
        used += 13 if east_asian_width(sign) in "WF" else 7
        if used > width:
            return text[: max(n - 1, 0)] + "…"
    return text


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
