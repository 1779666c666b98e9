"""The two interviewers behind one interface: the built-in one, and one that lets a model phrase the moves.

A model's words pass the guard sentence by sentence; what fails is replaced by the authored line, and the reason is recorded
with the turn. A speaker decides wording only, never the move.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from interviewer.dialogue.briefing import Briefing, Task
from interviewer.dialogue.context import Budget
from interviewer.dialogue.guard import Refusal
from interviewer.dialogue.policy import Move
from interviewer.dialogue.wording import BUILTIN, Scene, Wording, pieces
from interviewer.domain.errors import ContextOverflow, EngineError
from interviewer.domain.text import sentences
from interviewer.domain.transcript import Provenance
from interviewer.ports import ChatRequest, Engine
from interviewer.prompting import PromptBook

log = logging.getLogger(__name__)

MAX_SENTENCES = 3
#: New tokens for a question, and for a lead of one sentence. Room for the longer is kept free in every prompt.
MAX_NEW_TOKENS, MAX_LEAD_TOKENS = 160, 60
#: Seconds for a lead at most: nobody should wait long for a courtesy.
LEAD_SECONDS = 12.0
#: Reasons for a fallback beside the guard's and `engine: …`: the person stopped the model, or it said nothing of use.
STOPPED, NOTHING_ASKED = "stopped", "no-question"


@dataclass(slots=True)
class Utterance:
    """What a speaker has said once its pieces are used up: where the words came from."""

    provenance: Provenance


class Speaker(Protocol):
    """Says a move."""

    @property
    def name(self) -> str:
        """Who is speaking, for people: `built-in` or the model's name."""

    def speak(self, move: Move, scene: Scene, utterance: Utterance, cancelled: Callable[[], bool]) -> Iterator[str]:
        """The words in pieces; `utterance.provenance` is right once they are used up. A model's failure never raises."""


class BuiltinSpeaker:
    """Says the authored line. There is nothing to cut short: it is all there at once."""

    name = BUILTIN

    def __init__(self, wording: Wording) -> None:
        self._wording = wording

    def speak(self, move: Move, scene: Scene, utterance: Utterance, cancelled: Callable[[], bool]) -> Iterator[str]:  # noqa: ARG002
        line = self._wording.line(move, scene)
        utterance.provenance = Provenance(BUILTIN, prompt=line.prompt)
        yield from pieces(line.text)


class ModelSpeaker:
    """Lets an engine phrase moves under guard. `timeout` is seconds for one utterance."""

    def __init__(self, engine: Engine, wording: Wording, prompts: PromptBook, timeout: float = 45.0) -> None:
        self._engine = engine
        self._wording = wording
        self._briefing = Briefing(prompts, wording)
        self._timeout = timeout

    @property
    def name(self) -> str:
        return self._engine.info.model

    def speak(self, move: Move, scene: Scene, utterance: Utterance, cancelled: Callable[[], bool]) -> Iterator[str]:
        line = self._wording.line(move, scene)
        task = self._briefing.task(move, scene, line)
        if task is None:
            utterance.provenance = Provenance(BUILTIN, prompt=line.prompt)
            yield from pieces(line.text)
            return
        attempt = _Attempt(task, move, scene, scene.state.setup.seed * 1009 + scene.turn_number)
        said: list[str] = []
        for sentence in self._checked(attempt, cancelled):
            yield from pieces(_spaced(said, sentence))
            said.append(sentence)
        # What is still owed is said as authored: the whole line if nothing was said, the question if none was asked yet, and
        # always what only a lead was wanted for.
        failed = not any(map(task.guard.asks_something, said)) if task.asks else not said
        if failed or not task.asks:
            yield from pieces(_spaced(said, line.body if said else line.text))
        reason = None
        if failed:
            reason = STOPPED if cancelled() else attempt.refusal or NOTHING_ASKED
        info, prompts = self._engine.info, self._briefing.labels(task, scene.state.setup)
        utterance.provenance = Provenance(info.name, info.model, prompts, attempt.seed, attempt.passages, reason, info.revision)

    def _checked(self, attempt: _Attempt, cancelled: Callable[[], bool]) -> Iterator[str]:
        """Sentences that passed the guard. `attempt.refusal` says why no more follow, where it was not the end."""
        task = attempt.task
        said: list[str] = []
        for sentence in self._sentences(attempt, cancelled):
            refused = task.guard.refuse(sentence, said)
            if refused is Refusal.EMPTY:
                continue
            if refused is not None:
                attempt.refusal = refused.value
                return
            said.append(sentence)
            yield sentence
            if len(said) >= (MAX_SENTENCES if task.asks else 1) or task.guard.asks_something(sentence):
                return

    def _sentences(self, attempt: _Attempt, cancelled: Callable[[], bool]) -> Iterator[str]:
        """What the model says. A prompt that turns out too long (tokens are estimated) is sent again with half the history."""
        deadline = time.monotonic() + (self._timeout if attempt.task.asks else min(self._timeout, LEAD_SECONDS))
        try:
            try:
                yield from self._streamed(attempt, 1.0, cancelled, deadline)
            except ContextOverflow:
                yield from self._streamed(attempt, 0.5, cancelled, deadline)
        except Exception as error:  # whatever a model does, the authored question is still there to be asked
            if not isinstance(error, EngineError):
                log.exception("%s failed while speaking", self.name)
            attempt.refusal = f"engine: {type(error).__name__}"

    def _streamed(
        self, attempt: _Attempt, share: float, cancelled: Callable[[], bool], deadline: float
    ) -> Generator[str, None, None]:
        task = attempt.task
        budget = Budget(self._engine.info.context_tokens, MAX_NEW_TOKENS, share)
        brief = self._briefing.brief(task, attempt.move, attempt.scene, budget)
        attempt.passages = brief.passages
        request = ChatRequest(
            brief.messages,
            max_tokens=MAX_NEW_TOKENS if task.asks else MAX_LEAD_TOKENS,
            seed=attempt.seed,
            timeout=max(0.0, deadline - time.monotonic()),
        )
        stream = self._engine.stream(request, cancelled)
        try:
            yield from whole_sentences(stream, lambda text: time.monotonic() > deadline or task.guard.is_hopeless(text))
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()


@dataclass(slots=True)
class _Attempt:
    """One try at saying something with a model. `refusal` and `passages` are filled in while it speaks."""

    task: Task
    move: Move
    scene: Scene
    seed: int
    refusal: str | None = None
    passages: tuple[str, ...] = ()


def whole_sentences(stream: Iterator[str], enough: Callable[[str], bool] = lambda text: False) -> Iterator[str]:  # noqa: ARG005
    """Complete sentences of a text that comes in pieces; the unfinished rest comes last. Asks for no more once the unfinished
    part is `enough`."""
    text = ""
    for piece in stream:
        text += piece
        spans = list(sentences(text))
        # The last span may still grow (a closing quote, "3.5"), so only those before it are finished.
        for start, end in spans[:-1]:
            yield text[start:end]
        if len(spans) > 1:
            text = text[spans[-1][0] :]
        if enough(text):
            break
    yield from (text[start:end] for start, end in sentences(text))


def _spaced(said: Sequence[str], following: str) -> str:
    """The text as it follows what was said: with a blank, unless that ended in Chinese."""
    return following if not said or ord(said[-1][-1]) > 0x2E80 else f" {following}"
