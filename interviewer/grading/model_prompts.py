"""What a model is told and asked about an answer, and what its replies mean.

All points share one prefix: instructions with worked examples, question, reference, the fenced answer. Each point is then asked
about in two forms, small models being poor at any single one: three yes-or-no questions (any of it right? all of it? wrong?),
since they collapse hard answers into "partly" when that is an option; and a choice of three by letter, asked twice with the
options in opposite order, since they favour the first. Without probabilities: one JSON reply for all points.
Calls no model and decides no verdict.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from interviewer.domain.questions import Lang
from interviewer.grading.combine import View
from interviewer.grading.fewshot import KINDS, ExamplePool, Kind
from interviewer.grading.neutralise import defused, fenced, truncated
from interviewer.ports import GradingItem, Message
from interviewer.prompting import PromptBook

QUESTIONS = ("any", "all", "contradicts")
#: Yes and no, by turns: many models write their English reply with a capital whatever they are told.
YES_NO: dict[Lang, tuple[str, ...]] = {"zh": ("是", "否"), "en": ("yes", "no", "Yes", "No")}
LETTERS = ("A", "B", "C")
#: What the letters stand for, each time a point is asked about by letter.
ORDERS: tuple[tuple[Kind, Kind, Kind], ...] = (("stated", "absent", "contradicted"), ("contradicted", "absent", "stated"))
#: Endings of one point: the yes-or-no questions, then the orders.
PER_POINT = len(QUESTIONS) + len(ORDERS)
#: A point of which something but surely not all is said: between `scoring.PARTLY` and `scoring.COVERED`.
_SOME = 0.3
#: A reply in JSON gives yes or no without a probability; these stand for it.
YES, NO = 0.9, 0.08
#: Passages shown to ground the judgement, and how much of each (characters).
_PASSAGES, _PASSAGE_SIZE = 2, 400
#: Window assumed where the engine doesn't know its own.
ASSUMED_WINDOW = 4096
#: Tokens kept free for chat templates and for the schema that an engine adds to a request for JSON.
_MARGIN = 300
#: An answer is never cut below this many characters: past that, the engine says that its window is too small.
_LEAST_ANSWER = 200
_USED = (
    "grade.system", "grade.examples", "grade.example", "grade.material", "grade.ready",
    *(f"grade.point.{q}" for q in QUESTIONS), "grade.point.verdict", *(f"grade.verdict.{kind}" for kind in KINDS),
    "grade.json", "grade.json.again",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sheet:
    """One answer as a model gets to see it. `cut` says that its end had to be left out."""

    lang: Lang
    prefix: tuple[Message, ...]
    statements: tuple[str, ...]
    cut: bool


class GradingPrompts:
    """Renders for one book of prompts. With a `pool`, each question gets `examples` worked examples from it."""

    def __init__(self, prompts: PromptBook, pool: ExamplePool | None, examples: int) -> None:
        self._prompts = prompts
        self._pool = pool
        self._examples = examples

    @property
    def labels(self) -> str:
        """Every prompt in use with its version, as assessments record them."""
        return "+".join(f"{name}@{self._prompts.get(name).version}" for name in _USED)

    def sheet(self, item: GradingItem, answer: str, lang: Lang, context: int) -> Sheet:
        """The prefix for `answer`, the part of the candidate's words that is judged, within a window of `context` tokens.

        Where room is short, passages go first, then the examples, then the answer's end.
        """
        question = item.question
        statements = tuple(p.statement.get(lang) for p in question.key_points)
        reference = question.reference.get(lang) or "\n".join(statements)
        material = {"question": question.text.get(lang), "reference": reference}
        passages = "\n".join(defused(p[:_PASSAGE_SIZE]) for p in item.passages[:_PASSAGES]) or "-"
        room = context - self._needed(statements, lang)
        examples = self._examples_text(item, lang)

        def used(told: str, shown: str) -> int:
            system = self._render("grade.system", lang, examples=told)
            return sum(map(token_estimate, (system, shown, *material.values())))

        size = token_estimate(answer)
        if used(examples, passages) + size > room:
            passages = "-"
        if used(examples, passages) + size > room:
            examples = ""
        left, cut = room - used(examples, passages), False
        if size > left:
            answer, cut = truncated(answer, max(_LEAST_ANSWER, len(answer) * max(0, left) // size))
        user = self._render("grade.material", lang, **material, passages=passages, answer=fenced(answer))
        prefix = (
            Message("system", self._render("grade.system", lang, examples=examples)),
            Message("user", user),
            Message("assistant", self._render("grade.ready", lang)),
        )
        return Sheet(lang, prefix, statements, cut)

    def choices(self, lang: Lang) -> tuple[str, ...]:
        """Every reply that some ending asks for: one set, so that all endings fit one pass."""
        return (*YES_NO[lang], *LETTERS)

    def endings(self, sheet: Sheet) -> tuple[str, ...]:
        """The last messages to score, `PER_POINT` for each point, the point's statement always last."""
        return tuple(ending for point in sheet.statements for ending in self._endings(point, sheet.lang))

    def ask_json(self, sheet: Sheet) -> str:
        """The last message that asks for one JSON reply on all points."""
        listed = "\n".join(f"{n}. {s}" for n, s in enumerate(sheet.statements, 1))
        return self._render("grade.json", sheet.lang, points=listed)

    def ask_again(self, sheet: Sheet) -> str:
        """What follows a reply that is well formed but doesn't judge every point once."""
        return self._render("grade.json.again", sheet.lang, count=len(sheet.statements))

    def _endings(self, point: str, lang: Lang) -> list[str]:
        said = {kind: self._render(f"grade.verdict.{kind}", lang) for kind in KINDS}
        yes_no = [self._render(f"grade.point.{q}", lang, point=point) for q in QUESTIONS]
        options = [dict(zip("abc", (said[kind] for kind in order), strict=True)) for order in ORDERS]
        return [*yes_no, *(self._render("grade.point.verdict", lang, **o, point=point) for o in options)]

    def _examples_text(self, item: GradingItem, lang: Lang) -> str:
        chosen = self._pool.near(item.question, lang, self._examples) if self._pool else ()
        if not chosen:
            return ""
        shown = [
            self._render(
                "grade.example", lang, point=e.point, said=e.said, verdict=self._render(f"grade.verdict.{e.kind}", lang)
            )
            for e in chosen
        ]
        return self._render("grade.examples", lang, examples="\n".join(shown))

    def _needed(self, statements: Sequence[str], lang: Lang) -> int:
        """Tokens to keep free beside the prefix: the longest ending, or the request for JSON with its reply."""
        empty = Sheet(lang, (), tuple(statements), False)
        endings = max((token_estimate(e) for e in self.endings(empty)), default=0)
        return _MARGIN + max(endings, token_estimate(self.ask_json(empty)) + reply_tokens(len(statements)))

    def _render(self, prompt_id: str, lang: Lang, **values: object) -> str:
        return self._prompts.render(prompt_id, lang, **values).text.strip()


def views_of(row: Sequence[Sequence[float]]) -> tuple[list[list[View]], float]:
    """One point's shares (`PER_POINT` rows in the order of `choices`) → its views by form, and how much of the probability
    lay on replies that were asked for, 0–1. Raises ValueError for shares that are none."""
    widths = {len(r) for r in row}
    if len(row) != PER_POINT or not widths <= {len(words) + len(LETTERS) for words in YES_NO.values()} or len(widths) != 1:
        raise ValueError("probabilities are missing")
    if not all(math.isfinite(v) and 0 <= v <= 1 for r in row for v in r):
        raise ValueError("probabilities are out of range")
    words = widths.pop() - len(LETTERS)
    yes_no = [(sum(r[:words:2]), sum(r[1:words:2])) for r in row[: len(QUESTIONS)]]
    asked = [*yes_no, *(tuple(r[words:]) for r in row[len(QUESTIONS) :])]
    heard = [sum(r) for r in asked]
    if min(heard) <= 0:
        raise ValueError("no probability on any reply that was asked for")
    shares = [[v / total for v in r] for r, total in zip(asked, heard, strict=True)]
    some, everything, wrong = (r[0] for r in shares[: len(QUESTIONS)])
    letters = [dict(zip(order, r, strict=True)) for order, r in zip(ORDERS, shares[len(QUESTIONS) :], strict=True)]
    by_letter = [View(share["stated"], share["contradicted"]) for share in letters]
    return [[view_of(some, everything, wrong)], by_letter], min(1.0, sum(heard) / len(heard))


def view_of(some: float, everything: float, wrong: float) -> View:
    """The answers to the yes-or-no questions as one view."""
    return View(some * (_SOME + (1 - _SOME) * everything), wrong)


def schema_for(points: int) -> dict[str, Any]:
    """The JSON reply for so many points."""
    entry = {
        "type": "object",
        "required": ["number", *QUESTIONS],
        "additionalProperties": False,
        "properties": {"number": {"type": "integer", "minimum": 1}, **{q: {"type": "boolean"} for q in QUESTIONS}},
    }
    return {
        "type": "object",
        "required": ["points"],
        "additionalProperties": False,
        "properties": {"points": {"type": "array", "minItems": points, "maxItems": points, "items": entry}},
    }


def reply_tokens(points: int) -> int:
    """Room for the JSON reply on so many points."""
    return 60 + 50 * points


def token_estimate(text: str) -> int:
    """About how many tokens a text takes: one for a Chinese character, one for three others. Errs on the high side."""
    wide = sum(ord(c) > 0x2E80 for c in text)
    return wide + (len(text) - wide) // 3 + 4
