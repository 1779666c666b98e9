"""What can be done in an open report, however old: filed where the interview is kept, and refused in a clear sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from interviewer.config import Settings
from interviewer.domain.errors import StorageError
from interviewer.domain.questions import Bank, LocalText
from interviewer.domain.transcript import Setup, TurnKind
from interviewer.ui.live import LiveInterviews
from interviewer.ui.practice_panel import PracticePanel
from interviewer.ui.report_desk import ReportDesk
from interviewer.ui.words import words_for
from tests.ui_fakes import FakeInterviews, FakeParts, ScriptedInterview, assessment, question

EN = words_for("en")
BANK = Bank((question(1), question(2)), {"topic": LocalText("主题", "Topic")})


class Office:
    """A desk with a report of an interview that has ended, of which nothing is in memory yet."""

    def __init__(self, settings: Settings, mode: Any = "practice") -> None:
        self.interview = ScriptedInterview(setup=Setup(lang="en", mode=mode))
        for _ in [*self.interview.proceed(), *self.interview.say("chains"), *self.interview.request(TurnKind.SKIP)]:
            pass
        self.interview.closed = (replace(self.interview.closed[0], assessment=assessment("chains")),)
        self.interview.finished = True
        self.interviews = FakeInterviews(BANK)
        self.interviews.add(self.interview)
        self.parts = FakeParts(settings, BANK, self.interviews)
        parts: Any = self.parts
        self.lives = LiveInterviews(parts.interviews, parts.confidences)
        practice = PracticePanel(parts, EN, self._no_room)
        self.desk = ReportDesk(parts, self.lives, EN, "report", practice)

    async def _no_room(self, _: Any) -> None:
        raise AssertionError("a report needs no room")

    def file(self, question_id: str = "q1", point: str = "p1", text: str = "wrong") -> Any:
        return asyncio.run(self.desk.file("session-1", question_id, point, text))["report"]

    def again(self, question_id: str = "q1") -> tuple[Any, Any]:
        live, changes = asyncio.run(self.desk.to_answer_again("session-1", question_id))
        return live, changes.get("report")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr("gradio.Warning", lambda text, **_: said.append(text))
    return said


@pytest.mark.parametrize("mode", ["practice", "real"])
def test_an_objection_is_filed_from_a_report_and_stands_in_it(settings: Settings, told: list[str], mode: str) -> None:
    office = Office(settings, mode)
    page = office.file()  # that the room would still ask how sure one was is no reason to refuse: the grade is there to be seen
    assert page.count('class="objected open"') == 1
    assert [(d.question_id, d.key_point_id, d.session_id, d.answer) for d in office.parts.disputes.kept] == [
        ("q1", "p1", "session-1", "chains")
    ]
    assert office.file(point="").count('class="objected open"') == 2
    assert told == []


def deleted(office: Office) -> None:
    office.interviews.delete("session-1")


def left_the_bank(office: Office) -> None:
    office.parts.bank = office.interviews.bank = Bank((question(2),))


def still_running(office: Office) -> None:
    office.interview.setup, office.interview.finished = Setup(lang="en", mode="real"), False


@pytest.mark.parametrize(
    ("change", "key"), [(deleted, "warn_gone"), (left_the_bank, "warn_question_gone"), (still_running, "warn_no_again")]
)
def test_what_has_changed_meanwhile_is_said_here_and_files_nothing(
    settings: Settings, told: list[str], change: Callable[[Office], None], key: str
) -> None:
    office = Office(settings)
    change(office)
    page = office.file()
    live, shown = office.again()
    assert live is None
    assert page == shown  # the report as it now is, or why there is none any more
    assert 'data-action="again"' not in page
    assert (told, office.parts.disputes.kept) == ([EN(key)] * 2, [])


def test_a_database_that_is_locked_is_said_too(settings: Settings, told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(settings)

    def locked(*_: Any) -> int:
        raise StorageError("the database can't be used: locked")

    monkeypatch.setattr(office.parts.disputes, "file", locked)
    office.file()
    assert told == ["the database can't be used: locked"]


def test_answering_again_leads_into_the_interview_itself(settings: Settings, told: list[str]) -> None:
    office = Office(settings)
    live, shown = office.again()
    assert (live, shown, told) == (office.lives.get("session-1"), None, [])
    assert office.again("q2")[0] is None  # it was never asked there


def test_a_report_is_drawn_anew_only_where_something_was_filed(settings: Settings) -> None:
    office = Office(settings)

    def news(session_id: Any) -> Any:
        return asyncio.run(office.desk.news(session_id))["report"]

    assert not any(isinstance(news(unknown), str) for unknown in ("session-1", "", None, ["session-1"]))
    office.file()
    office.parts.disputes.settle(0, "rejected")
    assert EN("dispute_rejected") in news("session-1")
