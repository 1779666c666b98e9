"""A result as report.md with its charts beside it, report.html and results.json.

The HTML stands alone, with the charts inside it (`evals.plots`). Every text is escaped. Knows nothing of tasks.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from evals import plots
from evals.results import Result, Table

_STYLE = """
:root { color-scheme: light dark; --line: #8886; }
body { font: 16px/1.5 system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
th, td { padding: .2rem .8rem; border-bottom: 1px solid var(--line); text-align: left; }
td { vertical-align: top; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
pre { overflow-x: auto; } dt { font-weight: 600; }
"""


def write(out: Path, task: str, result: Result, stamp: Mapping[str, Any]) -> None:
    """The three files, and one for each chart, in `out`, which is made if need be."""
    out.mkdir(parents=True, exist_ok=True)
    data = {
        "stamp": stamp,
        "figures": dict(result.figures),
        "noise": dict(result.noise),
        "intervals": dict(result.intervals),
        "parts": [
            {"label": p.label, "variant": p.variant, "figures": dict(p.figures), "intervals": dict(p.intervals)}
            for p in result.parts
        ],
        "tables": [{"title": t.title, "columns": t.columns, "rows": t.rows} for t in result.tables],
    }
    text = json.dumps(_jsonable(data), indent=2, ensure_ascii=False, allow_nan=False)
    (out / "results.json").write_text(text + "\n", encoding="utf-8")
    (out / "report.md").write_text(to_markdown(task, result, stamp), encoding="utf-8")
    for number, chart in enumerate(result.charts, 1):
        (out / f"chart-{number}.svg").write_text(plots.standalone(chart), encoding="utf-8")
    (out / "report.html").write_text(to_html(task, result, stamp), encoding="utf-8")


def summary(result: Result) -> str:
    """The figures, one a line, for a terminal."""
    table = _figures(result)
    cells = [[_value(cell) for cell in row] for row in table.rows]
    if result.parts:
        cells.insert(0, list(table.columns))
    else:
        cells = [row[:-1] for row in cells]  # the noise is the gate's
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)


def to_markdown(task: str, result: Result, stamp: Mapping[str, Any]) -> str:
    """The report as Markdown, which shows the charts that `write` puts beside it."""
    lines = [f"# {task}", ""]
    for section in result.sections:
        lines += [f"## {section.title}", "", section.text, ""]
    for number, chart in enumerate(result.charts, 1):
        lines += [f"## {chart.title}", "", f"![{chart.title.replace(']', ')').replace('[', '(')}](chart-{number}.svg)", ""]
    for table in (_figures(result), *result.tables):
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
    body += [f"<h2>{escape(chart.title)}</h2>{plots.svg(chart)}" for chart in result.charts]
    body += [_html_table(table) for table in (_figures(result), *result.tables)]
    entries = "".join(f"<dt>{escape(name)}</dt><dd>{escape(_value(value))}</dd>" for name, value in stamp.items())
    body.append(f"<h2>Stamp</h2><dl>{entries}</dl>")
    page = "\n".join(body)
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(task)}</title>'
    head += f"<style>{_STYLE}{plots.STYLE}</style>"
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{page}\n</body></html>\n'


def _jsonable(value: Any) -> Any:
    """The value with null for the numbers JSON has no way to write."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _jsonable(part) for name, part in value.items()}
    return [_jsonable(part) for part in value] if isinstance(value, list | tuple) else value


def _figures(result: Result) -> Table:
    """The gated figures with their intervals and tolerances; those of several parts stand side by side."""
    measured = result.measured
    names = list(dict.fromkeys(name for part in measured for name in part.figures))
    if result.parts:
        rows = tuple((name, *(_with_interval(part, name) for part in measured)) for name in names)
        return Table("Figures", ("figure", *(part.label for part in measured)), rows)
    if result.intervals:
        rows = tuple((name, _with_interval(result, name), result.noise.get(name)) for name in names)
        return Table("Figures (95 % intervals)", ("figure", "value", "noise"), rows)
    return Table("Figures", ("figure", "value", "noise"), tuple((n, result.figures[n], result.noise.get(n)) for n in names))


def _with_interval(result: Result, name: str) -> str | float | None:
    value, ends = result.figures.get(name), result.intervals.get(name)
    if value is None or ends is None or not all(map(math.isfinite, ends)):
        return value
    return f"{_number(value)} [{_number(ends[0])}, {_number(ends[1])}]"


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
    inside = f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
    return f'<h2>{escape(table.title)}</h2><div class="wide"><table>{inside}</table></div>'


def _value(value: object) -> str:
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(part)}" for name, part in value.items())
    return "–" if value is None else str(value)


def _number(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "–"
