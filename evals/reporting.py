"""A result as report.md, report.html and results.json.

The HTML stands alone: charts are inline SVG drawn here, in the page's own fonts and colours, so that Chinese labels and dark
mode work without a plotting library. Every text is escaped. Knows nothing of tasks.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from evals.results import Bar, Chart, Result, Table

_STYLE = """
:root { color-scheme: light dark; --bar: #3867b7; --line: #8886; }
@media (prefers-color-scheme: dark) { :root { --bar: #7fa7ee; } }
body { font: 16px/1.5 system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
th, td { padding: .2rem .8rem; border-bottom: 1px solid var(--line); text-align: left; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; font: 13px system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; }
svg text { fill: currentColor; } svg .bar { fill: var(--bar); } svg .whisker { stroke: currentColor; fill: none; }
pre { overflow-x: auto; } dt { font-weight: 600; }
"""


def write(out: Path, task: str, result: Result, stamp: Mapping[str, Any]) -> None:
    """The three files in `out`, which is made if need be."""
    out.mkdir(parents=True, exist_ok=True)
    data = {
        "stamp": stamp,
        "figures": dict(result.figures),
        "noise": dict(result.noise),
        "tables": [{"title": t.title, "columns": t.columns, "rows": t.rows} for t in result.tables],
    }
    text = json.dumps(_jsonable(data), indent=2, ensure_ascii=False, allow_nan=False)
    (out / "results.json").write_text(text + "\n", encoding="utf-8")
    (out / "report.md").write_text(to_markdown(task, result, stamp), encoding="utf-8")
    (out / "report.html").write_text(to_html(task, result, stamp), encoding="utf-8")


def summary(result: Result) -> str:
    """The figures, one a line, for a terminal."""
    width = max((len(name) for name in result.figures), default=0)
    return "\n".join(f"{name:<{width}}  {_number(value)}" for name, value in result.figures.items())


def to_markdown(task: str, result: Result, stamp: Mapping[str, Any]) -> str:
    """The report as Markdown. Charts are left to the HTML; their figures are in the tables."""
    lines = [f"# {task}", ""]
    lines += _markdown_table(_figures(result))
    for section in result.sections:
        lines += [f"## {section.title}", "", section.text, ""]
    for table in result.tables:
        lines += _markdown_table(table)
    lines += ["## Stamp", ""]
    lines += [f"- {name}: {_value(value)}" for name, value in stamp.items()]
    return "\n".join(lines) + "\n"


def to_html(task: str, result: Result, stamp: Mapping[str, Any]) -> str:
    """The report as one HTML page that loads nothing."""
    body = [f"<h1>{escape(task)}</h1>"]
    for section in result.sections:
        paragraphs = "".join(f"<p>{escape(text)}</p>" for text in section.text.split("\n\n"))
        body.append(f"<h2>{escape(section.title)}</h2>{paragraphs}")
    body += [f"<h2>{escape(chart.title)}</h2>{bars_svg(chart)}" for chart in result.charts]
    body += [_html_table(table) for table in (_figures(result), *result.tables)]
    entries = "".join(f"<dt>{escape(name)}</dt><dd>{escape(_value(value))}</dd>" for name, value in stamp.items())
    body.append(f"<h2>Stamp</h2><dl>{entries}</dl>")
    page = "\n".join(body)
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(task)}</title>'
    return f'<!doctype html>\n<html lang="en"><head>{head}<style>{_STYLE}</style></head>\n<body>\n{page}\n</body></html>\n'


def bars_svg(chart: Chart) -> str:
    """Horizontal bars with their values, and whiskers where there is an interval."""
    left, width, right, row = 300, 420, 80, 24
    largest = max((max(bar.value, bar.high or 0.0) for bar in chart.bars if math.isfinite(bar.value)), default=0.0)
    scale = width / ((largest if chart.maximum is None else chart.maximum) or 1.0)
    height = row * len(chart.bars) + 8
    marks = [_bar_svg(bar, 4 + i * row, left, width, scale) for i, bar in enumerate(chart.bars)]
    box = f'viewBox="0 0 {left + width + right} {height}"'
    return f'<svg {box} role="img" aria-label="{escape(chart.title)}">{"".join(marks)}</svg>'


def _bar_svg(bar: Bar, top: int, left: int, width: int, scale: float) -> str:
    def x(value: float) -> float:
        return round(left + min(max(value * scale, 0.0), float(width)), 1)

    middle = top + 9
    end = x(bar.value) if math.isfinite(bar.value) else left
    label = f'<text x="{left - 8}" y="{top + 14}" text-anchor="end">{escape(bar.label)}</text>'
    rect = f'<rect class="bar" x="{left}" y="{top}" width="{end - left:.1f}" height="18" rx="2"/>'
    whisker = ""
    if bar.low is not None and bar.high is not None:
        low, end = x(bar.low), max(x(bar.high), end)
        ends = f"M{low} {middle - 5}v10M{x(bar.high)} {middle - 5}v10"
        whisker = f'<path class="whisker" d="M{low} {middle}H{x(bar.high)}{ends}"/>'
    value = f'<text x="{end + 6}" y="{top + 14}">{_number(bar.value)}</text>'
    return label + rect + whisker + value


def _jsonable(value: Any) -> Any:
    """The value with null for the numbers JSON has no way to write."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _jsonable(part) for name, part in value.items()}
    return [_jsonable(part) for part in value] if isinstance(value, list | tuple) else value


def _figures(result: Result) -> Table:
    rows = tuple((name, value, result.noise.get(name)) for name, value in result.figures.items())
    return Table("Figures", ("figure", "value", "noise"), rows)


def _markdown_table(table: Table) -> list[str]:
    def line(cells: tuple[object, ...]) -> str:
        return "| " + " | ".join(_value(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    rule = "|" + "---|" * len(table.columns)
    return [f"## {table.title}", "", line(table.columns), rule, *(line(row) for row in table.rows), ""]


def _html_table(table: Table) -> str:
    def cell(tag: str, value: object) -> str:
        kind = ' class="n"' if isinstance(value, int | float) else ""
        return f"<{tag}{kind}>{escape(_value(value))}</{tag}>"

    head = "".join(cell("th", column) for column in table.columns)
    rows = "".join("<tr>" + "".join(cell("td", value) for value in row) + "</tr>" for row in table.rows)
    return f"<h2>{escape(table.title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _value(value: object) -> str:
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(part)}" for name, part in value.items())
    return "–" if value is None else str(value)


def _number(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "–"
