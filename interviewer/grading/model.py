"""The model grader: a language model's opinion on each key point, checked and completed in code.

The gates come first, so what is no answer never reaches the model; what it says of the points is averaged over several prompts
(`model_prompts`), joined with the built-in matcher's belief (`combine`), and scored by the same rules. Evidence is located
afterwards by the matcher: no quote is ever the model's invention. A failure is *ungraded* with its reason, never a number.
Its probabilities are those of the model it runs on: how good they are is for `python -m evals grading` to say.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from interviewer.domain.assessment import Assessment, GraderInfo
from interviewer.domain.errors import ContextOverflow, EngineError
from interviewer.domain.questions import Bank
from interviewer.domain.text import detect_language
from interviewer.grading.beliefs import knowledge
from interviewer.grading.builtin import BuiltinGrader, Reading, assess
from interviewer.grading.combine import Mix, View, agreed, load_mix
from interviewer.grading.fewshot import ExamplePool
from interviewer.grading.matching import Match
from interviewer.grading.model_prompts import (
    ASSUMED_WINDOW,
    NO,
    PER_POINT,
    QUESTIONS,
    YES,
    GradingPrompts,
    Sheet,
    reply_tokens,
    schema_for,
    view_of,
    views_of,
)
from interviewer.ports import ChatRequest, ChoiceRequest, Engine, GradingItem, Message
from interviewer.prompting import PromptBook

VERSION = "2"
#: Worked examples in a prompt: one of each kind. Each is read again for every answer: about a hundred tokens.
EXAMPLES = 3
#: Factors on the band: yes or no without probabilities; and an answer of which the model did not see the end.
_JSON_DOUBT, _CUT_DOUBT = 1.5, 1.3
#: Without any stretch that comes this near the point, there is nothing to quote.
_QUOTABLE = 0.15
#: From here the model overrules the matcher on what an answer is about. No data yet: a round number well above even chances.
_SURE = 0.75
#: Shares of the engine's window to fill, one try each.
_SHARES = (1.0, 0.6, 0.35)
#: Seconds for all points of one answer.
_TIMEOUT = 120.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """Per point the model's view and the doubt on it (a factor ≥ 1), and what the model literally gave."""

    views: tuple[tuple[View, float], ...]
    raw: str


class ModelGrader:
    """A `Grader` over any engine. `builtin` brings the gates, evidence and misconceptions and has its say on every point.

    `bank` is where worked examples come from (none without it), `examples` how many of them a prompt gets.
    """

    def __init__(
        self,
        engine: Engine,
        prompts: PromptBook,
        builtin: BuiltinGrader,
        *,
        bank: Bank | None = None,
        examples: int = EXAMPLES,
        mix: Mix | None = None,
    ) -> None:
        self._engine = engine
        self._builtin = builtin
        self._mix = mix or load_mix(engine.info.model)
        pool = ExamplePool(bank) if bank and examples else None
        self._prompts = GradingPrompts(prompts, pool, examples)
        told = f"{examples}x{pool.fingerprint}" if pool else "none"
        self._version = f"{VERSION} (mix {self._mix.fingerprint}, examples {told})"

    @property
    def info(self) -> GraderInfo:
        """The version names everything beside the prompts that a result depends on: weights of the mixture, examples."""
        return GraderInfo(self._engine.info.name, self._version, self._engine.info.model, self._prompts.labels)

    def grade(self, item: GradingItem) -> Assessment:
        """Never raises on what the candidate wrote or on what the model replied."""
        question = item.question
        if not question.key_points:
            return Assessment.ungraded(question.id, "the question has no key points", self.info)
        reading = self._builtin.read(item)
        if reading.judged.nothing:
            return assess(item, reading, self.info)
        try:
            sheet, judgement = self._judge_within_window(item, reading)
        except EngineError as error:
            return Assessment.ungraded(question.id, f"the model gave no judgement: {error}", self.info)
        except _Unusable as error:
            return Assessment.ungraded(question.id, f"the model's judgement can't be used: {error}", self.info, error.raw)
        return assess(item, self._joined(item, reading, judgement, sheet.cut), self.info, judgement.raw)

    def opinions(self, item: GradingItem) -> list[View] | None:
        """The model's own view of every key point, before the matcher's is mixed in; None when the gates leave nothing to ask.

        For fitting the mixture. Raises EngineError when there is no usable judgement.
        """
        reading = self._builtin.read(item)
        if reading.judged.nothing or not item.question.key_points:
            return None
        try:
            return [view for view, _ in self._judge_within_window(item, reading)[1].views]
        except _Unusable as error:
            raise EngineError(f"the model's judgement can't be used: {error}") from error

    def grade_many(self, items: Sequence[GradingItem]) -> list[Assessment]:
        return [self.grade(item) for item in items]

    def _judge_within_window(self, item: GradingItem, reading: Reading) -> tuple[Sheet, Judgement]:
        """Tokens are estimated: where the engine says it was too much after all, the answer is cut further, and flagged so.

        The prompt is in the language of what is judged: an instruction in another one must not change it.
        """
        kept = reading.judged.kept
        window = self._engine.info.context_tokens or ASSUMED_WINDOW
        for share in _SHARES:
            sheet = self._prompts.sheet(item, kept, detect_language(kept), int(window * share))
            try:
                return sheet, self._judge(sheet)
            except ContextOverflow:
                if share == _SHARES[-1]:
                    raise
        raise AssertionError("there is at least one share")

    def _judge(self, sheet: Sheet) -> Judgement:
        """All points in one pass over the shared prefix; one JSON reply where the engine tells no probabilities."""
        request = ChoiceRequest(sheet.prefix, self._prompts.endings(sheet), self._prompts.choices(sheet.lang), _TIMEOUT)
        scored = self._engine.score_choices(request)
        if scored is None:
            return self._judge_by_json(sheet)
        raw = json.dumps([[round(float(v), 4) for v in row] for row in scored])
        if len(scored) != len(request.endings):
            raise _Unusable("probabilities are missing", raw)
        views = []
        for start in range(0, len(scored), PER_POINT):
            try:
                forms, heard = views_of(scored[start : start + PER_POINT])
            except ValueError as error:
                raise _Unusable(str(error), raw) from error
            view, doubt = agreed(forms)
            views.append((view, doubt * (2 - heard)))
        return Judgement(tuple(views), raw)

    def _judge_by_json(self, sheet: Sheet) -> Judgement:
        """The engine sees to the schema, with a retry of its own; a reply with a point twice is asked for once more."""
        count = len(sheet.statements)
        messages = (*sheet.prefix, Message("user", self._prompts.ask_json(sheet)))
        request = ChatRequest(messages, max_tokens=reply_tokens(count), temperature=0.0, timeout=_TIMEOUT)
        value, raw = self._engine.complete_json(request, schema_for(count))
        if _numbers(value) != set(range(1, count + 1)):
            again = (*messages, Message("assistant", raw), Message("user", self._prompts.ask_again(sheet)))
            value, raw = self._engine.complete_json(replace(request, messages=again, seed=1), schema_for(count))
        if _numbers(value) != set(range(1, count + 1)):
            raise _Unusable("it does not judge every point once", raw)
        entries = sorted(value["points"], key=lambda entry: int(entry["number"]))
        rows = [[YES if entry[q] is True else NO for q in QUESTIONS] for entry in entries]
        return Judgement(tuple((view_of(*row), _JSON_DOUBT) for row in rows), raw)

    def _joined(self, item: GradingItem, reading: Reading, judgement: Judgement, cut: bool) -> Reading:
        """The reading with the model's views in its beliefs, quoted with the matcher's windows."""
        matches: list[Match] = []
        for point, match, (view, doubt) in zip(item.question.key_points, reading.matches, judgement.views, strict=True):
            doubt *= _CUT_DOUBT if cut else 1.0
            quotable = match.touched >= _QUOTABLE
            joined = replace(match, belief=self._mix.belief(view, match.belief, knowledge(point), doubt))
            matches.append(joined if quotable else replace(joined, stated_in=None, contradicted_in=None))
        flags = [flag for flag in reading.flags if flag != "off-topic" or not _about_it(judgement)]
        if cut and "truncated" not in flags:
            flags.append("truncated")
        return replace(reading, matches=tuple(matches), flags=tuple(flags))


class _Unusable(Exception):
    """The model answered, but not with a judgement. Never leaves this module."""

    def __init__(self, reason: str, raw: str) -> None:
        super().__init__(reason)
        self.raw = raw


def _about_it(judgement: Judgement) -> bool:
    """Whether the model surely hears a point, and just as surely misses another: then the answer is about the question in
    words that the matcher doesn't know. A model that says yes to everything overrules nobody."""
    heard = [view.stated for view, _ in judgement.views]
    return max(heard) >= _SURE and min(heard) <= 1 - _SURE


def _numbers(value: Any) -> set[int]:
    """Numbers of the points judged; empty when the reply is not of the schema's shape or has one twice."""
    try:
        numbers = [int(entry["number"]) for entry in value["points"]]
    except (KeyError, TypeError, ValueError):
        return set()
    return set(numbers) if len(set(numbers)) == len(numbers) else set()
