"""Doubles for the pages' tests: interviews that say what a test tells them to, when it tells them to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from interviewer.config import Settings
from interviewer.dialogue.state import EndOfQuestion
from interviewer.domain.assessment import Assessment, Evidence, GraderInfo, MisconceptionFound, PointAssessment, Status, Verdict
from interviewer.domain.disputes import Dispute, DisputeStatus
from interviewer.domain.errors import SessionError
from interviewer.domain.questions import LANGS, Bank, KeyPoint, Lang, LocalText, Question
from interviewer.domain.review import Card
from interviewer.domain.transcript import SessionInfo, Setup, Speaker, Speech, Turn, TurnKind
from interviewer.fetching import Fetching
from interviewer.ports import StoredSession
from interviewer.report import Report, build_report
from interviewer.report.progress import Overview, overview
from interviewer.session import Committed, Ended, Progress, QuestionClosed, Spoken, Update
from interviewer.storage.archive import Asked
from interviewer.ui.settings_reading import ReadingSection
from interviewer.ui.settings_voice import VoiceSection
from interviewer.voice.delivery import measure
from interviewer.voice.dictation import Dictation
from interviewer.voice.glossary import Glossary
from interviewer.voice.reading import Reading
from interviewer.wiring import EngineStatus

NASTY = '<img src=x onerror="window.owned=1">{{7*7}}${7*7}</textarea></script><b>粗</b>'
AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
GRADER = GraderInfo("builtin", "1")


def question(number: int = 1, text: str = "What is it?") -> Question:
    return Question(
        id=f"q{number}",
        topic="topic",
        level=1,
        text=LocalText("这是什么？" if text == "What is it?" else text, text),
        reference=LocalText(f"参考{text}", f"reference {text}"),
        key_points=(KeyPoint("p1", LocalText(f"要点{text}", f"point {text}")), KeyPoint("p2", LocalText("第二", "second"))),
    )


def assessment(answer: str, question_id: str = "q1", nasty: str = "") -> Assessment:
    """Covers the first half of `answer` and contradicts with its end."""
    half = max(1, len(answer) // 2)
    return Assessment(
        question_id,
        Status.GRADED,
        None,
        61.6,
        40.2,
        80.0,
        (
            PointAssessment("p1", f"point {nasty}", 2, Verdict.COVERED, 0.9, 1.0, Evidence.of(answer, 0, half)),
            PointAssessment(
                "p2", "second", 1, Verdict.CONTRADICTED, 0.1, 0.0, Evidence.of(answer, len(answer) - 1, len(answer))
            ),
        ),
        GRADER,
        flags=("off-topic", f"strange {nasty}"),
        misconceptions=(
            MisconceptionFound(LocalText(en=f"belief {nasty}"), LocalText(en=f"correction {nasty}"), Evidence.of(answer, 0, 1)),
        ),
    )


@dataclass
class ScriptedInterview:
    """Takes turns as the real one does. `gate` holds replies back after their first piece; `fail` is raised instead of one."""

    id: str = "session-1"
    setup: Setup = field(default_factory=lambda: Setup(lang="en"))
    turns: tuple[Turn, ...] = ()
    closed: tuple[QuestionClosed, ...] = ()
    finished: bool = False
    gate: threading.Event | None = None
    fail: Exception | None = None
    fail_before_commit: bool = False
    calls: list[str] = field(default_factory=list)
    speeches: list[Speech | None] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    interviewer: str = "built-in"
    outdated: bool = False

    @property
    def progress(self) -> Progress:
        heard = None if self.setup.mode == "real" else 1
        return Progress(len(self.closed) + 1, self.setup.questions, 65.0, None, heard, heard and 4, 0, 0)

    def proceed(self) -> Iterator[Update]:
        self.calls.append("proceed")
        yield from self._reply(TurnKind.ASK, "Hello. What is it?")

    def say(self, text: str, speech: Speech | None = None) -> Iterator[Update]:
        self.calls.append(text)
        self.speeches.append(speech)
        yield from self._heard(TurnKind.ANSWER, text)

    def request(self, kind: TurnKind) -> Iterator[Update]:
        self.calls.append(kind.value)
        yield from self._heard(kind, "")

    def stop_speaking(self) -> None:
        self.stopped.set()

    def _heard(self, kind: TurnKind, text: str) -> Iterator[Update]:
        if self.fail is not None and self.fail_before_commit:
            raise self.fail
        yield Committed(self._add(Speaker.CANDIDATE, kind, text))
        if kind is TurnKind.SKIP:
            graded = next((assessment(t.text) for t in self.turns if t.kind is TurnKind.ANSWER), None)
            self.closed += (QuestionClosed("q1", graded if self.setup.mode == "practice" else None, EndOfQuestion.SKIPPED),)
            yield self.closed[-1]
        if kind is TurnKind.END:
            yield from self._reply(TurnKind.CLOSE, "Goodbye.")
            self.finished = True
            yield Ended("asked-to-stop")
            return
        yield from self._reply(TurnKind.FOLLOW_UP, "And why is that so?")

    def _reply(self, kind: TurnKind, text: str) -> Iterator[Update]:
        if self.fail is not None:
            raise self.fail
        words = text.split(" ")
        for number, word in enumerate(words):
            yield Spoken(word if number == 0 else f" {word}")
            if number == 0 and self.gate is not None:
                assert self.gate.wait(10)
        yield Committed(self._add(Speaker.INTERVIEWER, kind, text))

    def _add(self, speaker: Speaker, kind: TurnKind, text: str) -> Turn:
        turn = Turn(len(self.turns) + 1, speaker, kind, text, AT, "q1")
        self.turns += (turn,)
        return turn


class FakeInterviews:
    """Hands out one scripted interview per id, and reports on them."""

    def __init__(self, bank: Bank, make: Callable[[str, Setup], ScriptedInterview] | None = None) -> None:
        self.bank = bank
        self.make = make or (lambda session_id, setup: ScriptedInterview(session_id, setup))
        self.known: dict[str, ScriptedInterview] = {}
        self.opened: list[str] = []
        self.disputes = FakeDisputes()

    def add(self, interview: ScriptedInterview) -> ScriptedInterview:
        self.known[interview.id] = interview
        return interview

    def start(self, setup: Setup) -> Any:
        return self.add(self.make(f"session-{len(self.known) + 1}", setup))

    def open(self, session_id: str) -> Any:
        self.opened.append(session_id)
        if session_id not in self.known:
            raise SessionError(f"no session {session_id}")
        return self.known[session_id]

    def list(self, limit: int = 100) -> list[SessionInfo]:
        return [self.info(interview) for interview in self.known.values()][:limit]

    def delete(self, session_id: str) -> None:
        self.open(session_id)
        del self.known[session_id]

    def report(self, session_id: str) -> Report:
        interview = self.open(session_id)
        graded = tuple(c.assessment for c in interview.closed if c.assessment)
        said = measure(interview.turns, "q1")
        stored = StoredSession(self.info(interview), interview.turns, graded, {})
        return build_report(stored, self.bank, {"q1": said} if said else {}, disputes=self.disputes.of_session(session_id))

    def full_report(self, session_id: str) -> Report:
        return self.report(session_id)

    def info(self, interview: ScriptedInterview) -> SessionInfo:
        status = "finished" if interview.finished else "running"
        return SessionInfo(interview.id, interview.setup, status, AT, AT, "built-in", 1, 61.6)


class FakeArchive:
    """What `SqlArchive` would find in scripted interviews."""

    def __init__(self, interviews: FakeInterviews) -> None:
        self._interviews = interviews

    def asked(self) -> list[Asked]:
        known = self._interviews.known.values()
        return [Asked(i.id, t.question_id or "", t.text, t.at) for i in known for t in i.turns if t.kind is TurnKind.ASK]

    def speakers(self) -> dict[str, str]:
        said = [(i.id, t.provenance) for i in self._interviews.known.values() for t in i.turns]
        return {session_id: made.model for session_id, made in said if made and made.model}


class FakeCoach:
    """A coach of somebody who has just begun."""

    def due(self) -> list[Card]:
        return []

    def sitting(self, lang: Lang) -> Setup:
        return Setup(lang, minutes=10)

    def overview(self) -> Overview:
        return overview((), (), Bank(), AT.date())


class FakeConfidences:
    """Keeps in memory how sure people were."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, int]] = {}

    def put(self, session_id: str, question_id: str, percent: int, at: datetime) -> None:
        self.kept.setdefault(session_id, {})[question_id] = percent

    def of_session(self, session_id: str) -> dict[str, int]:
        return dict(self.kept.get(session_id, {}))


class FakeDisputes:
    """Keeps objections in memory."""

    def __init__(self) -> None:
        self.kept: list[Dispute] = []

    def file(
        self, question_id: str, key_point_id: str | None, session_id: str | None, text: str, answer: str, at: datetime
    ) -> int:
        self.kept.append(Dispute(len(self.kept), question_id, key_point_id, session_id, text, answer, "open", at))
        return len(self.kept)

    def settle(self, number: int, status: DisputeStatus) -> None:
        self.kept[number] = replace(self.kept[number], status=status, settled_at=AT)

    def of_session(self, session_id: str) -> list[Dispute]:
        return [dispute for dispute in self.kept if dispute.session_id == session_id]


class FakeParts:
    """What the pages need of `wiring.Parts`."""

    def __init__(self, settings: Settings, bank: Bank, interviews: FakeInterviews | None = None) -> None:
        self.settings = settings
        self.bank = bank
        self.interviews: Any = interviews or FakeInterviews(bank)
        self.archive = FakeArchive(self.interviews)
        self.coach = FakeCoach()
        self.status = EngineStatus("none")
        self.voice = Dictation(lambda *_, **__: Path(), lambda: Glossary(bank))
        self.reading = Reading(lambda *_, **__: Path())
        self.fetching = self.fetching_recogniser = Fetching(lambda _: None)
        self.fetching_voices = {lang: Fetching(lambda _: None) for lang in LANGS}
        self.confidences = FakeConfidences()
        self.disputes = self.interviews.disputes

    def expect_answer(self, question_id: str) -> None:
        """Nothing to have ready."""

    def engine_status(self) -> EngineStatus:
        return self.status


def nasty_report() -> Any:
    """Ingest's report on a document in which every text tries to become markup."""
    path = Path(f"{NASTY.replace('/', '')}.md")
    return SimpleNamespace(
        path=path, questions=3, answers=2, duplicates=[(2, f"1 {NASTY}")], problems=[(7, f"cut off {NASTY}")]
    )


def nasty_bank() -> Bank:
    """A bank in which every text tries to become markup."""
    return Bank((question(1, NASTY),), {"topic": LocalText(NASTY, NASTY)})


def use(section: ReadingSection | VoiceSection, kind: Any, name: Any = "") -> dict[Any, Any]:
    """What pressing Use in a section of the settings changes."""
    return asyncio.run(section._use(kind, name))


def visible(section: ReadingSection | VoiceSection, changes: dict[Any, Any]) -> set[str]:
    """Which of its download's buttons are shown."""
    buttons = {"yes": section.fetch.yes, "no": section.fetch.no, "stop": section.fetch.stop}
    return {name for name, button in buttons.items() if changes[button]["visible"]}
