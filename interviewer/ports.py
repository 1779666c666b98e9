"""What the core needs from outside, as Protocols. Implementations live in encoders, retrieval, engines, grading, storage.

Knows no library: arrays are numpy arrays at run time, named here only for the type checker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from interviewer.domain.assessment import Assessment, GraderInfo
from interviewer.domain.questions import Hit, Question
from interviewer.domain.review import PointRating
from interviewer.domain.transcript import SessionInfo, SessionStatus, Setup, Turn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]


# ---------------------------------------------------------------- encoders and retrieval


@runtime_checkable
class Encoder(Protocol):
    """Text → unit-length float32 vectors, with separate query and document methods."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever the vectors of the same text would change (name, weights, settings, vocabulary)."""

    @property
    def dim(self) -> int: ...

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        """[n, dim], rows of length 1 (all zero for a text with nothing to encode)."""

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        """[n, dim], rows of length 1 (all zero for a text with nothing to encode)."""


@runtime_checkable
class Retriever(Protocol):
    """Passages for a query, best first."""

    def search(self, query: str, k: int = 5, *, question_id: str | None = None) -> list[Hit]:
        """At most `k` hits; with `question_id` only passages of that question. Never raises on odd queries."""


# ---------------------------------------------------------------- engines

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One reply to generate. `max_tokens` counts new tokens; temperature 0 is greedy; `timeout` is in seconds."""

    messages: tuple[Message, ...]
    max_tokens: int = 200
    temperature: float = 0.7
    top_p: float = 0.9
    seed: int = 0
    stop: tuple[str, ...] = ()
    timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class ChoiceRequest:
    """Which of `choices` comes next: several `endings` (each the text of a last user message) over one shared `prefix`."""

    prefix: tuple[Message, ...]
    endings: tuple[str, ...]
    choices: tuple[str, ...]
    timeout: float = 120.0


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """`name` is the kind (transformers, openai, scripted), `model` what it runs, `context_tokens` its window (0 unknown)."""

    name: str
    model: str
    revision: str | None = None
    context_tokens: int = 0
    device: str = ""


@runtime_checkable
class Engine(Protocol):
    """Streams text and scores choices. Knows nothing of interviews. Safe to call from several threads."""

    @property
    def info(self) -> EngineInfo: ...

    def stream(self, request: ChatRequest, cancelled: Callable[[], bool] = lambda: False) -> Iterator[str]:
        """The reply in pieces. Ends early when `cancelled()` turns true or the caller closes the iterator.

        Raises EngineError: EngineTimeout, EngineUnavailable, ContextOverflow.
        """

    def score_choices(self, request: ChoiceRequest) -> list[tuple[float, ...]] | None:
        """For each ending the probability of each choice, summing to 1; None if the engine can't tell probabilities."""

    def complete_json(self, request: ChatRequest, schema: Mapping[str, Any]) -> tuple[Any, str]:
        """One JSON value held to `schema`, and the raw reply. Raises EngineError when no valid value came."""

    def close(self) -> None:
        """Free the model. Later calls raise EngineUnavailable."""


# ---------------------------------------------------------------- grading


@dataclass(frozen=True, slots=True)
class GradingItem:
    """One answer to one question. `passages` ground a model's judgement; `passage_ids` say which they are, for the record."""

    question: Question
    answer: str
    passages: tuple[str, ...] = ()
    passage_ids: tuple[str, ...] = ()


@runtime_checkable
class Grader(Protocol):
    """One answer against its key points. Same answer, same assessment, whatever stands beside it in the batch."""

    @property
    def info(self) -> GraderInfo: ...

    def grade(self, item: GradingItem) -> Assessment:
        """Never raises on what the candidate wrote; what can't be judged comes back *ungraded* with a reason."""

    def grade_many(self, items: Sequence[GradingItem]) -> list[Assessment]:
        """The same as `grade` on each, in order, maybe faster."""


# ---------------------------------------------------------------- storage


@dataclass(frozen=True, slots=True)
class StoredSession:
    """Everything kept of a session. `assessments` holds the newest one of each question in the order asked, none of a retry."""

    info: SessionInfo
    turns: tuple[Turn, ...]
    assessments: tuple[Assessment, ...]
    #: For each assessed question, the number of the candidate's turn that was graded last.
    graded_turns: Mapping[str, int]


@runtime_checkable
class Store(Protocol):
    """Sessions in a database. A method has committed when it returns. Raises SessionError for an unknown id."""

    def create(self, setup: Setup, interviewer: str, at: datetime) -> str:
        """A new running session's id: unguessable, URL-safe."""

    def add_turn(self, session_id: str, turn: Turn) -> None:
        """Keep a turn. With the closing one the session is finished, in the same commit."""

    def add_assessment(self, session_id: str, turn_number: int, assessment: Assessment, at: datetime) -> None:
        """Keep the assessment of the question's answer as it stood at that turn. Earlier ones stay in the history."""

    def load(self, session_id: str) -> StoredSession: ...

    def history(self, session_id: str) -> list[tuple[int, Assessment]]:
        """Every assessment made, retries included, as (turn number, assessment), oldest first."""

    def delete(self, session_id: str) -> None: ...

    def close(self) -> None: ...

    # Last in the class: below it `list` no longer names the type.
    def list(self, limit: int = 100, status: SessionStatus | None = None) -> list[SessionInfo]:
        """Newest first."""


@runtime_checkable
class Reviews(Protocol):
    """Where it is kept how well key points were recalled, so that they are asked again in time."""

    def rate(self, session_id: str, ratings: Sequence[PointRating], at: datetime) -> None:
        """Take in what an interview showed at that time (UTC). A point counts once an interview, however often it is told."""


Clock = Callable[[], datetime]
