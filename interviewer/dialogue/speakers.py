"""The two interviewers behind one interface: the built-in one, and one that lets a model phrase the moves.

A model's words pass the guard sentence by sentence; what fails is replaced by the authored line, and the reason is recorded
with the turn. A speaker decides wording only, never the move.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from interviewer.dialogue.guard import Guard, Refusal, hidden_points
from interviewer.dialogue.policy import Move
from interviewer.dialogue.wording import BUILTIN, Line, Scene, Wording, pieces
from interviewer.domain.assessment import Verdict
from interviewer.domain.errors import EngineError
from interviewer.domain.text import sentences
from interviewer.domain.transcript import Provenance, TurnKind
from interviewer.ports import ChatRequest, Engine, Message
from interviewer.prompting import PromptBook, Rendered

log = logging.getLogger(__name__)

#: Moves a model phrases; openings, hints, redirections and closings are said as authored.
_PHRASED = {TurnKind.ASK, TurnKind.FOLLOW_UP, TurnKind.CLARIFY}
MAX_SENTENCES = 3
MAX_NEW_TOKENS = 160


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
    """Lets an engine phrase questions, follow-ups and clarifications under guard. `timeout` is seconds for one utterance."""

    def __init__(self, engine: Engine, wording: Wording, prompts: PromptBook, timeout: float = 45.0) -> None:
        self._engine = engine
        self._wording = wording
        self._prompts = prompts
        self._timeout = timeout

    @property
    def name(self) -> str:
        return self._engine.info.model

    def speak(self, move: Move, scene: Scene, utterance: Utterance, cancelled: Callable[[], bool]) -> Iterator[str]:
        line = self._wording.line(move, scene)
        if move.kind not in _PHRASED or scene.question(move) is None:
            utterance.provenance = Provenance(BUILTIN, prompt=line.prompt)
            yield from pieces(line.text)
            return
        task = self._task(move, scene, line)
        seed = scene.state.setup.seed * 1009 + scene.turn_number
        info = self._engine.info
        said: list[str] = []
        refusal: str | None = None
        for item in self._checked(task, move, scene, line, seed, cancelled):
            if isinstance(item, str):
                yield from pieces(item if not said else _spaced(said[-1], item))
                said.append(item)
            else:
                refusal = item.reason
        guard = self._guard(move, scene, line)
        if not any(map(guard.asks_something, said)):
            # Nothing was asked yet (refused, failed or stopped): ask the authored question, so that none is ever lost.
            rest = line.body if said else line.text
            yield from pieces(rest if not said else _spaced(said[-1], rest))
            refusal = refusal or "no-question"
        utterance.provenance = Provenance(
            info.name,
            info.model,
            task.label,
            seed,
            passages=tuple(hit.passage.id for hit in scene.passages),
            fallback=refusal,
            revision=info.revision,
        )

    def _checked(
        self, task: Rendered, move: Move, scene: Scene, line: Line, seed: int, cancelled: Callable[[], bool]
    ) -> Iterator[str | _Stopped]:
        """Sentences that passed the guard, then maybe one _Stopped with the reason the rest was dropped."""
        lang = scene.state.setup.lang
        guard = self._guard(move, scene, line)
        request = ChatRequest(
            (Message("system", self._prompts.render("speak.system", lang).text), Message("user", task.text)),
            max_tokens=MAX_NEW_TOKENS,
            seed=seed,
            timeout=self._timeout,
        )
        said: list[str] = []
        deadline = time.monotonic() + self._timeout
        stream: Iterator[str] = iter(())
        try:
            stream = self._engine.stream(request, cancelled)
            for sentence in whole_sentences(stream, lambda: time.monotonic() > deadline):
                refused = guard.refuse(sentence, said)
                if refused is Refusal.EMPTY:
                    continue
                if refused is not None:
                    yield _Stopped(refused.value)
                    return
                said.append(sentence)
                yield sentence
                if len(said) >= MAX_SENTENCES or guard.asks_something(sentence):
                    return
        except Exception as error:  # whatever a model does, the authored question is still there to be asked
            if not isinstance(error, EngineError):
                log.exception("%s failed while speaking", self.name)
            yield _Stopped(f"engine: {type(error).__name__}")
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()

    def _task(self, move: Move, scene: Scene, line: Line) -> Rendered:
        lang = scene.state.setup.lang
        if move.kind is TurnKind.ASK:
            return self._prompts.render("speak.ask", lang, question=line.body)
        if move.kind is TurnKind.CLARIFY:
            asked = self._wording.wordings(move, scene)[0]
            return self._prompts.render("speak.clarify", lang, question=asked, rephrasing=self._wording.rephrasing(move, scene))
        passages = "\n".join(f"- {hit.passage.text}" for hit in scene.passages) or "-"
        prompt = "speak.follow-up" if scene.follows_on(move) else "speak.follow-up.other"
        return self._prompts.render(prompt, lang, answer=scene.answer[-1500:], passages=passages, probe=line.body)

    def _guard(self, move: Move, scene: Scene, line: Line) -> Guard:
        question = scene.question(move)
        if question is None:
            return Guard(scene.state.setup.lang)
        lang = scene.state.setup.lang
        thread = scene.state.thread
        assessment = thread.assessment if thread and thread.question_id == question.id else None
        covered = [p.point_id for p in assessment.points if p.verdict is Verdict.COVERED] if assessment else []
        wordings = self._wording.wordings(move, scene)
        authored = "\n".join((*question.text.both(), *wordings, line.text))
        asks = wordings if move.kind in (TurnKind.ASK, TurnKind.CLARIFY) else ()
        recent = scene.recent if move.kind is not TurnKind.CLARIFY else ()
        return Guard(lang, hidden_points(question, covered), authored, scene.answer, recent, asks)


@dataclass(frozen=True, slots=True)
class _Stopped:
    reason: str


def whole_sentences(stream: Iterator[str], late: Callable[[], bool] = lambda: False) -> Iterator[str]:
    """Complete sentences of a text that comes in pieces; the unfinished rest comes last. Stops asking when `late()`."""
    text = ""
    for piece in stream:
        text += piece
        spans = list(sentences(text))
        # The last span may still grow (a closing quote, "3.5"), so only those before it are finished.
        for start, end in spans[:-1]:
            yield text[start:end]
        if len(spans) > 1:
            text = text[spans[-1][0] :]
        if late():
            break
    yield from (text[start:end] for start, end in sentences(text))


def _spaced(before: str, after: str) -> str:
    return after if not before or ord(before[-1]) > 0x2E80 else f" {after}"
