"""The bank as one interview's plan sees it: planned questions in the planned wording, or cut down to one key point.

A question about one point is an ordinary question that has one point. So the interviewer follows up, hints and grades on that
point alone, and nothing else in the program needs to know of reviews.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from interviewer.domain.questions import Bank, Lang, LocalText, Question
from interviewer.domain.transcript import Planned

#: What joins a question that was talked about before and the one part of it that is asked. The question alone would be too
#: much, the probe alone means little to someone who isn't in the middle of that question.
ONE_POINT = LocalText("{question} 这次只说其中一点：{probe}", "{question} Just one part of that this time: {probe}")


def as_planned(bank: Bank, plan: Sequence[Planned]) -> Bank:
    """`bank` with the planned questions as they are to be asked, under the ids they have. The bank itself without a plan."""
    if not plan:
        return bank
    entries = {entry.question_id: entry for entry in plan}
    asked = (_as_planned(q, entries[q.id]) if q.id in entries else q for q in bank)
    return Bank(tuple(asked), bank.topics)


def wordings(question: Question) -> tuple[LocalText, ...]:
    """All the ways in which the bank asks a question: its text, then its rephrasings."""
    return (question.text, *(text for text in question.rephrasings if text))


def _as_planned(question: Question, entry: Planned) -> Question:
    ways = wordings(question)
    chosen = ways[entry.wording % len(ways)]  # the person may have taken a rephrasing out of the bank since
    others = tuple(way for way in ways if way is not chosen)
    point = next((p for p in question.key_points if p.id == entry.point_id), None)
    if point is None:
        return replace(question, text=chosen, rephrasings=others)
    # It is asked for by its probe, so that must not come again as a follow-up; put in other words it is the same with the
    # question around it in other words.
    return replace(
        question,
        text=_about(chosen, point.probe),
        rephrasings=tuple(_about(way, point.probe) for way in others),
        key_points=(replace(point, probe=LocalText()),),
    )


def _about(question: LocalText, probe: LocalText) -> LocalText:
    """One part of a question, in the languages that the question has."""

    def text(lang: Lang) -> str:
        asked = question.zh if lang == "zh" else question.en
        return ONE_POINT.get(lang).format(question=asked, probe=probe.get(lang)) if asked and probe else asked

    return LocalText(text("zh"), text("en"))
