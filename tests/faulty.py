"""An engine with trouble on demand, a clock that trouble moves so that nothing waits for real seconds, and a small library."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from interviewer.domain.questions import Bank, Hit, Passage
from interviewer.engines import ScriptedEngine
from interviewer.ports import ChatRequest, ChoiceRequest, EngineInfo

#: Called before an engine does its work: raises, blocks, or returns and lets it.
Trouble = Callable[[], None]


class HandClock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


class Hang:
    """Never comes back until `release`; in the meantime a long time goes by on the clock."""

    def __init__(self, clock: HandClock, seconds: float = 500.0) -> None:
        self._clock, self._seconds = clock, seconds
        self._released = threading.Event()

    def __call__(self) -> None:
        self._clock.pass_by(self._seconds)
        self._released.wait()

    def release(self) -> None:
        self._released.set()


def fails(make: Callable[[], Exception]) -> Trouble:
    def trouble() -> None:
        raise make()

    return trouble


class FaultyEngine:
    """A scripted engine that first has `talking` or `judging` trouble, where set."""

    def __init__(self, script: ScriptedEngine | None = None) -> None:
        self.script = script or ScriptedEngine(lambda _: "嗯，好的。", scores=yes_to_all)
        self.talking: Trouble | None = None
        self.judging: Trouble | None = None
        self.asked = 0

    @property
    def info(self) -> EngineInfo:
        return self.script.info

    def stream(self, request: ChatRequest, cancelled: Callable[[], bool] = lambda: False) -> Iterator[str]:
        self._work(self.talking)
        yield from self.script.stream(request, cancelled)

    def score_choices(self, request: ChoiceRequest) -> list[tuple[float, ...]] | None:
        self._work(self.judging)
        return self.script.score_choices(request)

    def complete_json(self, request: ChatRequest, schema: Mapping[str, Any]) -> tuple[Any, str]:
        self._work(self.judging)
        return self.script.complete_json(request, schema)

    def close(self) -> None:
        self.script.close()

    def _work(self, trouble: Trouble | None) -> None:
        self.asked += 1
        if trouble is not None:
            trouble()


def yes_to_all(request: ChoiceRequest, _ending: str) -> list[float]:
    """The first choice is likelier than the others, whatever is asked."""
    return [8.0, *[1.0] * (len(request.choices) - 1)]


class SmallLibrary:
    """A bank, and an index that has the same passage for everyone: building the real one takes longer than most tests."""

    problems = ()

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.index = self

    def search(self, query: str, k: int = 5, *, question_id: str | None = None) -> list[Hit]:
        text = "小批量的梯度噪声较大，但每步更省显存。"
        return [Hit(Passage("passage-7", text, "notes", 0, len(text), question_id=question_id), 0.5)]
