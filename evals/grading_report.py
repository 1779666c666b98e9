"""Tables and charts of `python -m evals grading`: any number of graders side by side, beside the second reader.

Knows figures and rows; grades nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evals.graded import Graded, Retest
from evals.grading_figures import Sheet, clean_pairs, figures_of, part, reliability_of
from evals.labelled import NO_ANSWER, SPLITS, VERDICTS, Labelled
from evals.measures import Estimate
from evals.results import Bar, Chart, Curves, Dot, Table
from interviewer.domain.assessment import Assessment, GraderInfo

Cell = str | float | int | None
#: Name of the column that shows what a second careful reader reaches.
SECOND = "second reader"

#: Figures side by side, as people call them, and the digits worth showing.
SHOWN: dict[str, tuple[str, int]] = {
    "spearman": ("Spearman, score and label", 2),
    "pearson": ("Pearson", 2),
    "qwk": ("QWK in ten classes", 2),
    "mae": ("mean error, of 100", 1),
    "bias": ("score minus label, mean", 1),
    "ranking_accuracy": ("two answers to a question in the right order (labels ≥ 10 apart)", 2),
    "macro_f1": ("macro F1 of verdicts", 2),
    "point_agreement": ("verdict is the label's", 2),
    "point_kappa": ("weighted κ of verdicts (quadratic)", 2),
    "auc_stated_vs_wrong": ("AUC stated / stated wrongly", 2),
    "auc_stated_vs_absent": ("AUC stated / absent", 2),
    "ece": ("calibration error of P(stated)", 3),
    "label_in_band": ("label inside the band", 2),
    "band_width": ("width of the band", 1),
    "asr_drift": ("recognition errors: score minus the clean answer's", 1),
    "asr_distance": ("recognition errors: distance from the clean answer's score", 1),
    "nothing_at_most_25": ("answers that say nothing, at 25 or below", 2),
    "ms_median": ("ms per answer, median", 0),
    "ms_p95": ("ms per answer, 95 %", 0),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one grader made of the data. `bare` are the test answers graded with statements only."""

    label: str
    variant: str
    info: GraderInfo
    graded: tuple[Graded, ...]
    sheet: Sheet
    bare: Sheet
    ungraded: tuple[Assessment, ...]
    retest: Retest | None

    def split(self, name: str) -> Sheet:
        """The answers of one split."""
        return part(self.sheet, lambda row: row.split == name)


def shown(figure: Estimate | None, digits: int) -> Cell:
    """`0.87 [0.83, 0.90]`; None for a figure there is none of."""
    if figure is None or not math.isfinite(figure.value):
        return None
    text = f"{figure.value:.{digits}f}"
    return text if not math.isfinite(figure.low) else f"{text} [{figure.low:.{digits}f}, {figure.high:.{digits}f}]"


def side_by_side(title: str, sheets: Sequence[tuple[str, Sheet]], asked: int) -> Table:
    """Every figure, one grader a column; `asked` is how many answers each was given."""
    found = [figures_of(sheet) for _, sheet in sheets]
    rows: list[tuple[Cell, ...]] = [
        ("answers graded", *(len(sheet.rows) for _, sheet in sheets)),
        ("answers left out or ungraded", *(asked - len(sheet.rows) for _, sheet in sheets)),
        ("questions", *(len(set(sheet.questions)) for _, sheet in sheets)),
        ("key points", *(len(sheet.of) for _, sheet in sheets)),
    ]
    for name, (text, digits) in SHOWN.items():
        cells = [shown(figures.get(name), digits) for figures in found]
        if any(cell is not None for cell in cells):
            rows.append((text, *cells))
    return Table(title, ("figure", *(name for name, _ in sheets)), tuple(rows))


def verdict_table(title: str, sheets: Sequence[tuple[str, Sheet]]) -> Table:
    """Precision, recall and F1 of each verdict, and what points with that label were called."""
    rows: list[tuple[Cell, ...]] = []
    for name, sheet in sheets:
        found = figures_of(sheet)
        for label, verdict in VERDICTS.items():
            called = [int(((sheet.truth == label) & (sheet.said == other)).sum()) for other in VERDICTS]
            each = (shown(found.get(f"{kind}_{verdict.value}"), 2) for kind in ("precision", "recall", "f1"))
            rows.append((name, verdict.value, sum(called), *each, *called))
    columns = ("grader", "label", "points", "precision", "recall", "F1", *(f"called {v.value}" for v in VERDICTS.values()))
    return Table(title, columns, tuple(rows))


SLICES: dict[str, Callable[[Labelled], str]] = {
    "kind": lambda row: row.kind,
    "language": lambda row: row.lang,
    "level": lambda row: str(row.question.level),
}


def breakdown(name: str, title: str, sheets: Sequence[tuple[str, Sheet]]) -> Table:
    """The main figures for every value of one of `SLICES`, highest label first."""
    key = SLICES[name]
    rows = []
    for value in _values(key, sheets):
        for grader, sheet in sheets:
            rows.append((value, grader, *_slice(part(sheet, lambda row, v=value: key(row) == v))))  # type: ignore[misc]
    return Table(title, (name, "grader", *_SLICE_COLUMNS), tuple(rows))


def source_table(outcomes: Sequence[Outcome]) -> Table:
    """Test answers by what the questions bring: authored points, or statements only as imported ones have."""
    rows = [
        (source, outcome.label, *_slice(sheet))
        for source in ("authored points", "statements only")
        for outcome in outcomes
        for sheet in [outcome.split("test") if source == "authored points" else outcome.bare]
    ]
    return Table("By source of the points, test questions", ("source", "grader", *_SLICE_COLUMNS), tuple(rows))


_SLICE_COLUMNS = ("answers", "label", "score", "Spearman", "macro F1", "AUC stated/wrong", "mean error", "ECE", "highest score")


def _slice(sheet: Sheet) -> tuple[Cell, ...]:
    if not sheet.rows:
        return (0, *(None for _ in _SLICE_COLUMNS[1:]))
    found = figures_of(sheet)
    each = [shown(found.get(name), SHOWN[name][1]) for name in ("spearman", "macro_f1", "auc_stated_vs_wrong", "mae", "ece")]
    mean_label, mean_score = (f"{column.mean():.1f}" for column in (sheet.label, sheet.score))
    return (len(sheet.rows), mean_label, mean_score, *each, f"{sheet.score.max():.1f}")


def _values(key: Callable[[Labelled], str], sheets: Sequence[tuple[str, Sheet]]) -> list[str]:
    """The slice's values, those with the highest labels first."""
    labels: dict[str, list[float]] = {}
    for row in {row.id: row for _, sheet in sheets for row in sheet.rows}.values():
        labels.setdefault(key(row), []).append(row.overall)
    return sorted(labels, key=lambda value: -sum(labels[value]) / len(labels[value]))


def special_table(outcomes: Sequence[Outcome]) -> Table:
    """What should earn next to nothing, kind by kind, and recognition errors beside their clean answers; both splits."""
    rows: list[tuple[Cell, ...]] = []
    for outcome in outcomes:
        for split in SPLITS:
            sheet = outcome.split(split)
            for kind in NO_ANSWER:
                rest = part(sheet, lambda row, k=kind: row.kind == k and row.answers_nothing)  # type: ignore[misc]
                if rest.rows:
                    low = f"{(rest.score <= 25).mean():.0%} at 25 or below"
                    rows.append((outcome.label, split, kind, len(rest.rows), low, f"highest {rest.score.max():.0f}"))
            asr, clean = clean_pairs(sheet)
            if len(asr):
                moved = sheet.score[asr] - sheet.score[clean]
                text = f"{moved.mean():+.1f} on average, {abs(moved).mean():.1f} away"
                rows.append((outcome.label, split, "asr", len(asr), text, f"{moved.min():+.0f} to {moved.max():+.0f}"))
    columns = ("grader", "split", "kind", "answers", "scores", "extremes")
    return Table("Answers that say nothing; recognition errors against their clean versions", columns, tuple(rows))


def retest_table(outcomes: Sequence[Outcome]) -> Table:
    """How far scores move when answers are graded again, in another order and together."""
    rows = [
        (o.label, o.retest.answers, o.retest.mean, o.retest.worst, o.retest.worst_probability) for o in outcomes if o.retest
    ]
    columns = ("grader", "answers", "score moved, mean", "score moved, most", "a probability moved, most")
    return Table("Graded again, in another order and together", columns, tuple(rows))


def worst_table(outcome: Outcome, split: str, count: int = 20) -> Table:
    """The largest distances between score and label, in full."""
    chosen = [g for g in outcome.graded if split == "all" or g.row.split == split]
    worst = sorted(chosen, key=lambda g: (-abs(g.score - g.row.overall), g.row.id))[:count]
    rows = tuple(
        (
            g.row.id,
            g.row.kind,
            f"{g.row.overall:.0f}",
            f"{g.score:.0f} ({g.assessment.low or 0:.0f}–{g.assessment.high or 0:.0f})",
            " ".join(g.assessment.flags),
            _difference(g),
            g.row.question.text.get("en" if g.row.lang == "en" else "zh"),
            g.row.answer,
        )
        for g in worst
    )
    columns = ("id", "kind", "label", "score", "flags", "verdicts that differ", "question", "answer")
    which = "all" if split == "all" else f"the {split}"
    return Table(f"Worst {len(rows)} disagreements of {outcome.label} on {which} questions", columns, rows)


def _difference(g: Graded) -> str:
    wrong = [(p, VERDICTS[g.row.labels[p.point_id]]) for p in g.assessment.points]
    return "; ".join(
        f"{p.point_id}: {truth.value}, called {p.verdict.value} (P {p.probability:.2f})"
        for p, truth in wrong
        if truth != p.verdict
    )


# ---------------------------------------------------------------- charts

_IN_CHART = ("spearman", "ranking_accuracy", "macro_f1", "auc_stated_vs_wrong", "auc_stated_vs_absent", "nothing_at_most_25")
_SHORT = {
    "spearman": "Spearman",
    "ranking_accuracy": "right order",
    "macro_f1": "macro F1",
    "auc_stated_vs_wrong": "AUC stated/wrong",
    "auc_stated_vs_absent": "AUC stated/absent",
    "nothing_at_most_25": "nothing said: ≤ 25",
}


def figures_chart(sheets: Sequence[tuple[str, Sheet]]) -> Chart:
    """The main figures on the test questions."""
    found = [(name, figures_of(sheet)) for name, sheet in sheets]
    bars = [
        Bar(f"{_SHORT[figure]} · {name}", *figures[figure], series=n)
        for figure in _IN_CHART
        for n, (name, figures) in enumerate(found)
        if figure in figures and math.isfinite(figures[figure].value)
    ]
    return Chart("Main figures, test questions", tuple(bars))


def kinds_chart(sheets: Sequence[tuple[str, Sheet]]) -> Chart:
    """Mean label and mean score of every kind of answer."""
    bars = []
    for kind in _values(SLICES["kind"], sheets):
        for n, (name, sheet) in enumerate(sheets):
            rows = part(sheet, lambda row, k=kind: row.kind == k)  # type: ignore[misc]
            if not n:
                bars.append(Bar(f"{kind} · label", float(rows.label.mean()) if rows.rows else math.nan, series=5))
            if rows.rows:
                bars.append(Bar(f"{kind} · {name}", float(rows.score.mean()), series=n))
    return Chart("Mean label and score by kind of answer, test questions", tuple(bars), 100.0)


def reliability_chart(sheets: Sequence[tuple[str, Sheet]]) -> Curves:
    """Whether points called stated with some probability are stated that often."""
    curves = []
    for name, sheet in sheets:
        dots = tuple(Dot(p, share.value, share.low, share.high, count) for p, share, count in reliability_of(sheet))
        curves.append((name, dots))
    return Curves(
        "Reliability: is a point stated as often as P(stated) says?", "P(stated)", "share labelled stated", tuple(curves)
    )
