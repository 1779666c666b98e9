"""The model grader: each key point judged by the probabilities of a yes or no after one shared prefix.

Three binary questions a point (any of it? all of it? does it contradict?): small models collapse hard answers into "partly"
when given four choices. The same gates in code come first, and evidence is located afterwards by the built-in
matcher, so no quote is ever the model's invention. A failure is *ungraded* with its reason, never a number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from interviewer.domain.assessment import Assessment, GraderInfo
from interviewer.domain.errors import EngineError
from interviewer.domain.questions import Lang
from interviewer.domain.text import detect_language
from interviewer.grading.builtin import BuiltinGrader, Reading, assess
from interviewer.grading.matching import Match
from interviewer.grading.neutralise import fenced, truncated
from interviewer.grading.scoring import Belief
from interviewer.ports import ChatRequest, ChoiceRequest, Engine, GradingItem, Message
from interviewer.prompting import PromptBook, Rendered

VERSION = "1"
QUESTIONS = ("any", "all", "contradicts")
CHOICES: dict[Lang, tuple[str, str]] = {"zh": ("是", "否"), "en": ("yes", "no")}
#: A point of which something but surely not all is said: between `scoring.PARTLY` and `scoring.COVERED`.
_SOME = 0.3
#: A reply in JSON gives yes or no without a probability; these stand for it, and the band is wider.
_YES, _NO = 0.9, 0.08
_JSON_DOUBT = 1.5
#: Passages shown to ground the judgement, and how much of each (characters).
_PASSAGES, _PASSAGE_SIZE = 2, 400
#: Window assumed where the engine doesn't know its own; tokens kept free for the point and the reply.
_CONTEXT, _RESERVE = 4096, 700
#: Without any stretch that comes this near the point, there is nothing to quote.
_QUOTABLE = 0.15
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["points"],
    "additionalProperties": False,
    "properties": {
        "points": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["number", *QUESTIONS],
                "additionalProperties": False,
                "properties": {"number": {"type": "integer", "minimum": 1}, **{q: {"type": "boolean"} for q in QUESTIONS}},
            },
        }
    },
}


@dataclass(frozen=True, slots=True)
class _Judgement:
    """Per point (any, all, contradicts), each 0–1, and what the model literally gave."""

    rows: tuple[tuple[float, float, float], ...]
    raw: str
    doubt: float


class ModelGrader:
    """A `Grader` over any engine. `builtin` brings the gates, evidence and misconceptions."""

    def __init__(self, engine: Engine, prompts: PromptBook, builtin: BuiltinGrader) -> None:
        self._engine = engine
        self._prompts = prompts
        self._builtin = builtin

    @property
    def info(self) -> GraderInfo:
        used = ("grade.system", "grade.material", *(f"grade.point.{q}" for q in QUESTIONS), "grade.json")
        labels = "+".join(f"{name}@{self._prompts.get(name).version}" for name in used)
        return GraderInfo(self._engine.info.name, VERSION, self._engine.info.model, labels)

    def grade(self, item: GradingItem) -> Assessment:
        """Never raises on what the candidate wrote or on what the model replied."""
        question = item.question
        if not question.key_points:
            return Assessment.ungraded(question.id, "the question has no key points", self.info)
        reading = self._builtin.read(item)
        if reading.judged.nothing:
            return assess(item, reading, self.info)
        try:
            prefix, cut = self._prefix(item, reading)
            judgement = self._judge(item, prefix, _lang(item))
        except EngineError as error:
            return Assessment.ungraded(question.id, f"the model gave no judgement: {error}", self.info)
        except _Unusable as error:
            return Assessment.ungraded(question.id, f"the model's judgement can't be used: {error}", self.info, error.raw)
        flags = [*reading.flags, *(["truncated"] if cut and "truncated" not in reading.flags else [])]
        matches = tuple(_combined(m, row, judgement.doubt) for m, row in zip(reading.matches, judgement.rows, strict=True))
        return assess(item, replace(reading, matches=matches, flags=tuple(flags)), self.info, judgement.raw)

    def grade_many(self, items: Sequence[GradingItem]) -> list[Assessment]:
        return [self.grade(item) for item in items]

    def _prefix(self, item: GradingItem, reading: Reading) -> tuple[tuple[Message, ...], bool]:
        """What all points share: instructions, question, reference, delimited answer; and whether the answer had to be cut."""
        lang = _lang(item)
        context = self._engine.info.context_tokens or _CONTEXT
        system = self._render("grade.system", lang).text
        reference = item.question.reference.get(lang) or "\n".join(p.statement.get(lang) for p in item.question.key_points)
        passages = "\n".join(p[:_PASSAGE_SIZE] for p in item.passages[:_PASSAGES]) or "-"
        question = item.question.text.get(lang)
        answer, room = reading.judged.kept, context - _RESERVE
        used = sum(token_estimate(t) for t in (system, reference, question))
        if used + token_estimate(passages) + token_estimate(answer) > room:
            passages = "-"
        cut = False
        if used + token_estimate(answer) > room:
            answer, cut = truncated(answer, max(200, int(len(answer) * max(0, room - used) / token_estimate(answer))))
        material = self._render(
            "grade.material", lang, question=question, reference=reference, passages=passages, answer=fenced(answer)
        )
        ready = self._render("grade.ready", lang)
        return (Message("system", system), Message("user", material.text), Message("assistant", ready.text)), cut

    def _judge(self, item: GradingItem, prefix: tuple[Message, ...], lang: Lang) -> _Judgement:
        statements = [p.statement.get(lang) for p in item.question.key_points]
        endings = tuple(self._render(f"grade.point.{q}", lang, point=s).text for s in statements for q in QUESTIONS)
        scored = self._engine.score_choices(ChoiceRequest(prefix, endings, CHOICES[lang]))
        if scored is None:
            return self._judge_json(statements, prefix, lang)
        raw = json.dumps([[round(float(v), 4) for v in row] for row in scored])
        yes = [float(row[0]) for row in scored]
        if len(yes) != len(endings) or not all(math.isfinite(v) and 0 <= v <= 1 for v in yes):
            raise _Unusable("probabilities are missing or out of range", raw)
        return _Judgement(tuple((yes[i], yes[i + 1], yes[i + 2]) for i in range(0, len(yes), 3)), raw, 1.0)

    def _judge_json(self, statements: Sequence[str], prefix: tuple[Message, ...], lang: Lang) -> _Judgement:
        listed = "\n".join(f"{n}. {s}" for n, s in enumerate(statements, 1))
        ask = Message("user", self._render("grade.json", lang, points=listed).text)
        request = ChatRequest((*prefix, ask), max_tokens=60 + 50 * len(statements), temperature=0.0, timeout=120.0)
        value, raw = self._engine.complete_json(request, _SCHEMA)
        try:
            by_number = {entry["number"]: entry for entry in value["points"]}
            if len(value["points"]) != len(statements) or set(by_number) != set(range(1, len(statements) + 1)):
                raise _Unusable("it does not judge every point once", raw)
            rows = [tuple(_YES if by_number[n + 1][q] is True else _NO for q in QUESTIONS) for n in range(len(statements))]
        except (KeyError, TypeError) as error:
            raise _Unusable(f"its shape is wrong ({error})", raw) from error
        return _Judgement(tuple((a, b, c) for a, b, c in rows), raw, _JSON_DOUBT)

    def _render(self, prompt_id: str, lang: Lang, **values: object) -> Rendered:
        return self._prompts.render(prompt_id, lang, **values)


class _Unusable(Exception):
    """The model answered, but not with a judgement. Never leaves this module."""

    def __init__(self, reason: str, raw: str) -> None:
        super().__init__(reason)
        self.raw = raw


def _combined(match: Match, row: tuple[float, float, float], doubt: float) -> Match:
    """The model's view of a point, quoted with the built-in matcher's windows."""
    some, everything, wrong = row
    stated = some * (_SOME + (1 - _SOME) * everything)
    quotable = match.touched >= _QUOTABLE
    return replace(
        match,
        belief=Belief(stated, wrong, doubt),
        stated_in=match.stated_in if quotable else None,
        contradicted_in=match.contradicted_in if quotable else None,
    )


def _lang(item: GradingItem) -> Lang:
    return detect_language(item.answer)


def token_estimate(text: str) -> int:
    """About how many tokens a text takes: one for a Chinese character, one for three others. Errs on the high side."""
    wide = sum(ord(c) > 0x2E80 for c in text)
    return wide + (len(text) - wide) // 3 + 4
