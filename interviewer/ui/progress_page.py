"""The progress tab: what is due, how topics develop, how well one knows what one knows, and what stays weak."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import gradio as gr

from interviewer.domain.questions import Reading
from interviewer.report.progress import Calibration, Overview, TopicTrend, WeakPoint
from interviewer.report.trends import calibration_svg, trend_svg
from interviewer.report.words import verdict_word
from interviewer.ui.html import render
from interviewer.ui.today import Today
from interviewer.ui.words import Words
from interviewer.wiring import Parts


@dataclass(frozen=True, slots=True)
class Trend:
    """One topic's card. `change` is a phrase with its sign, empty after a single day."""

    title: str
    latest: int
    change: str
    answers: int
    chart: str


@dataclass(frozen=True, slots=True)
class Weak:
    """One weak point. `missed` and `due` are phrases."""

    question: str
    statement: str
    verdict: str
    verdict_word: str
    missed: str
    due: str
    reading: tuple[Reading, ...]


class ProgressPage:
    """The tab's components."""

    def __init__(self, parts: Parts, words: Words) -> None:
        self._parts, self._words = parts, words
        self.today = Today(parts, words, "progress")

    def build(self) -> None:
        """Create the components inside the Blocks context that is open."""
        self.today.build()
        self.body = gr.HTML("", apply_default_css=False, elem_id="progress")

    @property
    def outputs(self) -> list[Any]:
        return [*self.today.outputs, self.body]

    def news(self) -> dict[Any, Any]:
        """The tab as of now."""
        return self.today.news() | {self.body: progress_html(self._parts.coach.overview(), self._words)}


def progress_html(seen: Overview, words: Words) -> str:
    """Everything below the note on today."""
    from markupsafe import Markup

    days = [day.day for trend in seen.trends for day in trend.days] or [seen.today]
    span = min(days), max(days)  # one for all topics, so that their lines can be compared
    curve = seen.calibration
    chart = calibration_svg(curve, _spoken(curve, words), words("sure_axis"), words("score_axis")) if curve else ""
    return render(
        "progress",
        words,
        seen=seen,
        streak=_streak(seen, words),
        trends=[_trend(trend, span, words) for trend in seen.trends],
        curve=curve,
        curve_chart=Markup(chart),  # noqa: S704 - escapes its own labels, see its tests
        tendency=words(f"calibration_{curve.tendency}", gap=round(abs(curve.gap))) if curve else "",
        weakest=[_weak(point, seen, words) for point in seen.weakest],
    )


def _streak(seen: Overview, words: Words) -> str:
    if not seen.streak:
        return words("streak_none")
    return words("streak", n=seen.streak) if seen.practised_today else words("streak_open", n=seen.streak)


def _trend(trend: TopicTrend, span: tuple[date, date], words: Words) -> Trend:
    from markupsafe import Markup

    title, latest = trend.title.get(words.lang), trend.days[-1].score
    change = "" if trend.change is None else words("trend_change", change=f"{trend.change:+.0f}")
    spoken = words("trend_label", title=title, days="; ".join(f"{day.day:%Y-%m-%d} {day.score:.0f}" for day in trend.days))
    chart = Markup(trend_svg(trend.days, *span, spoken))  # noqa: S704 - escapes its own label, see its tests
    return Trend(title, round(latest), change, trend.answers, chart)


def _spoken(curve: Calibration, words: Words) -> str:
    """The curve in one sentence, for who can't see it."""
    steps = (words("calibration_step", percent=s.percent, score=round(s.score), n=s.answers) for s in curve.steps)
    return f"{words('calibration')}: " + "; ".join(steps)


def _weak(weak: WeakPoint, seen: Overview, words: Words) -> Weak:
    days = (weak.due.astimezone().date() - seen.today).days
    due = words("due_today") if days <= 0 else words("due_tomorrow") if days == 1 else words("due_in", n=days)
    return Weak(
        question=weak.question.text.get(words.lang),
        statement=weak.point.statement.get(words.lang),
        verdict=weak.verdict.value,
        verdict_word=verdict_word(weak.verdict, words.lang),
        missed=words("missed_of", missed=weak.missed, asked=weak.asked),
        due=due,
        reading=weak.question.reading,
    )
