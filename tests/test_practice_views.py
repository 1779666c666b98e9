"""What practising adds to the pages: nothing shown before it may be, marks that lead somewhere, objections kept."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from interviewer.config import Settings
from interviewer.dialogue.state import EndOfQuestion
from interviewer.domain.assessment import Evidence, Status
from interviewer.domain.disputes import Dispute, DisputeStatus
from interviewer.domain.practice import Hinted, Retry
from interviewer.domain.questions import Bank, LocalText
from interviewer.domain.transcript import Provenance, Setup, TurnKind
from interviewer.report.words import word
from interviewer.session import QuestionClosed
from interviewer.ui.html import render
from interviewer.ui.live import LiveInterview, LiveInterviews
from interviewer.ui.marking import highlighted
from interviewer.ui.practice_panel import PracticePanel
from interviewer.ui.practice_view import SURE, practice_views
from interviewer.ui.room_view import feedback_views, room_data
from interviewer.ui.words import words_for
from tests.test_ui_views import Tags
from tests.ui_fakes import (
    GRADER,
    NASTY,
    FakeConfidences,
    FakeInterviews,
    FakeParts,
    ScriptedInterview,
    assessment,
    question,
)

EN, ZH = words_for("en"), words_for("zh")
BANK = Bank((question(1), question(2)), {"topic": LocalText("主题", "Topic")})


def held(answer: str = "chains of buckets", **setup: Any) -> ScriptedInterview:
    """An interview with one question answered and over."""
    interview = ScriptedInterview(setup=Setup(lang="en", **setup))
    for _ in [*interview.proceed(), *interview.say(answer), *interview.request(TurnKind.SKIP)]:
        pass
    return interview


def live(interview: ScriptedInterview, kept: FakeConfidences | None = None) -> LiveInterview:
    return LiveInterview(interview, kept or FakeConfidences())  # type: ignore[arg-type]


def feedback(of: LiveInterview, disputes: Sequence[Dispute] = ()) -> str:
    now = of.snapshot
    cards = practice_views(now, BANK, EN, disputes)
    return render("feedback", EN, views=feedback_views(now, BANK, EN), cards=cards, sure=SURE, quiet=False, limits="")


# ---------------------------------------------------------------- how sure


def test_until_it_is_said_how_sure_one_is_nothing_of_the_grade_shows() -> None:
    here = live(held())
    assert here.snapshot.waiting == "q1"
    page = feedback(here)
    assert EN("sure_ask") in page
    for secret in ("62", "Covered", "point What is it?", "reference", "chains"):
        assert secret not in page
    assert "62" not in str(room_data(here.snapshot, EN)["rows"])
    kept = FakeConfidences()
    here = live(held(), kept)
    assert here.confide("q1", 75)
    assert kept.kept == {"session-1": {"q1": 75}}
    assert not here.confide("q1", 25)  # too late: the grade is there to be seen
    page = feedback(here)
    assert EN("sure_said", percent=75) in page
    assert "Covered" in page
    assert "62 points" in str(room_data(here.snapshot, EN)["rows"])
    assert live(held(), kept).snapshot.waiting is None  # opened again, it is known


def test_whoever_would_rather_not_say_sees_the_feedback_at_once() -> None:
    kept = FakeConfidences()
    here = live(held(), kept)
    assert here.confide("q1", None)
    assert here.snapshot.waiting is None
    assert kept.kept == {}
    assert "Covered" in feedback(here)


@pytest.mark.parametrize(
    "make",
    [
        lambda: held(confidence=False),
        lambda: replace(held(), turns=held().turns[:1]),
        lambda: replace(held(), closed=(QuestionClosed("q1", None, EndOfQuestion.SKIPPED),)),
        lambda: replace(held(), closed=()),
        lambda: replace(held(), setup=Setup(mode="real")),
    ],
    ids=["switched-off", "no-answer", "not-graded", "still-running", "real"],
)
def test_nobody_is_asked_for_nothing(make: Callable[[], ScriptedInterview]) -> None:
    assert live(make()).snapshot.waiting is None


def test_only_the_newest_question_waits_so_nobody_is_held_up() -> None:
    interview = held()
    interview.closed += (QuestionClosed("q2", assessment("chains", "q2"), EndOfQuestion.SUFFICIENT),)
    assert live(interview).snapshot.waiting is None  # nothing was answered to the second
    answered = replace(interview.turns[1], number=9, question_id="q2")
    interview.turns += (answered,)
    here = live(interview)
    assert here.snapshot.waiting == "q2"
    assert not here.confide("q1", 50)


# ---------------------------------------------------------------- words and points


def test_marked_words_lead_to_the_points_they_are_evidence_for() -> None:
    page = feedback(live(held(), FakeConfidences()))
    assert "<mark" not in page
    here = live(held())
    here.confide("q1", None)
    page = feedback(here)
    ids = set(re.findall(r'id="([^"]+)"', page))
    refs = {ref for refs in re.findall(r'data-refs="([^"]+)"', page) for ref in refs.split()}
    assert {"f1-p1", "f1-p2", "f1-m1"} <= refs <= ids
    assert set(re.findall(r'href="#([^"]+)"', page)) <= ids
    assert len(re.findall(r'id="([^"]+)"', page)) == len(ids)


def test_where_quotes_overlap_every_point_is_named_and_the_worst_gives_the_colour() -> None:
    graded = assessment("abcdef")
    first, second = graded.points
    overlap = replace(graded, points=(first, replace(second, evidence=Evidence("cd", 2, 4))), misconceptions=())
    pieces = highlighted("abcdef", overlap)
    assert [(p.text, p.mark, p.refs, p.label) for p in pieces] == [
        ("ab", "covered", ("p1",), "1"),
        ("c", "contradicted", ("p2", "p1"), "2,1"),
        ("d", "contradicted", ("p2",), "2"),
        ("ef", "", (), ""),
    ]


# ---------------------------------------------------------------- hints, once more, objections


def test_the_ladder_says_which_hint_is_next_and_what_it_costs() -> None:
    interview = ScriptedInterview(setup=Setup(lang="en"))
    list(interview.proceed())
    now = live(interview).snapshot
    rung = replace(now, progress=replace(now.progress, next_hint=(2, 3), hints_given=1))
    assert room_data(rung, EN)["ladder"] == EN("ladder", used=1, n=2, total=3, percent=50)
    assert room_data(now, EN)["ladder"] == EN("ladder_end", used=0)
    assert room_data(replace(rung, finished=True), EN)["ladder"] == ""
    assert room_data(replace(rung, setup=Setup(mode="real")), EN)["ladder"] == ""


def test_a_hint_shows_its_place_and_every_turn_who_worded_it() -> None:
    interview = ScriptedInterview(setup=Setup(lang="en"))
    list(interview.proceed())
    turn = interview.turns[0]

    def row(**changes: Any) -> dict[str, Any]:
        interview.turns = (replace(turn, **changes),)
        shown: dict[str, Any] = room_data(live(interview).snapshot, EN)["rows"][0]
        return shown

    assert row(kind=TurnKind.HINT, detail="step 1 of 3")["tag"] == "Hint 1 of 3"
    assert row(kind=TurnKind.HINT, detail="step 1")["tag"] == "Hint"  # as older interviews have it
    assert "by" not in row()
    assert row(provenance=Provenance("built-in"))["source"] == "builtin"
    model = row(provenance=Provenance("transformers", "org/some-model"))
    assert (model["by"], model["source"]) == ("some-model", "model")
    mixed = row(provenance=Provenance("transformers", "org/some-model", fallback="leak"))
    assert (mixed["by"], mixed["source"]) == ("some-model + built-in", "mixed")


def test_what_hints_cost_stands_beside_the_score() -> None:
    interview = held()
    closed = interview.closed[0]
    interview.closed = (replace(closed, hinted=Hinted(40.2, {"p1": 2})),)
    here = live(interview)
    here.confide("q1", None)
    page = feedback(here)
    assert word("hints-cost", "en").format(n=2, score=40, percent=25) in page
    assert '<span class="number">62</span>' in page
    interview.closed = (replace(closed, hinted=Hinted(61.6, {"p1": 1})),)
    here = live(interview)
    here.confide("q1", None)
    assert word("hints-free", "en").format(n=1).replace("'", "&#39;") in feedback(here)


def test_a_second_answer_is_set_beside_the_first() -> None:
    interview = held()
    closed = interview.closed[0]
    better = assessment("it is well said", nasty=NASTY)
    points = (better.points[0], replace(better.points[1], verdict=better.points[0].verdict))
    second = Retry(8, "it is well said", replace(better, score=90.0, points=points))
    interview.closed = (replace(closed, retries=(second,)),)
    interview.turns += (replace(interview.turns[1], number=8, kind=TurnKind.RETRY, text="it is well said"),)
    here = live(interview)
    assert here.snapshot.waiting is None
    page = feedback(here)
    assert EN("again_scores", n=1, score=90, first=62) in page
    assert EN("again_best", score=90) in page
    assert page.count('<li class="gained">') == 1
    assert EN("again_same", n=1) in page
    assert "img" not in Tags(page).tags
    rows = room_data(here.snapshot, EN)["rows"]
    assert rows[-2]["label"] == EN("candidate_again")
    assert rows[-1]["text"] == EN("note_again_score", n=1, score=90)
    lost = replace(second, assessment=replace(better, status=Status.UNGRADED, score=None, points=(), grader=GRADER))
    interview.closed = (replace(closed, retries=(second, lost)),)
    assert EN("again_ungraded", n=2) in feedback(live(interview))


def test_what_was_answered_again_comes_first_and_open(settings: Settings) -> None:
    interview = held()
    closed = interview.closed[0]
    second = Retry(9, "it is well said", assessment("it is well said", nasty=NASTY))
    interview.closed = (closed, replace(closed, question_id="q2"))
    made, _, here = panel(settings, interview)
    here.confide("q2", None)
    order = re.compile(r'data-key="(f[^"]*)" data-question="([^"]*)"\s+(open)?')
    assert order.findall(made.html(here.snapshot)) == [("f2", "q2", "open"), ("f1", "q1", "")]
    interview.closed = (replace(closed, retries=(second,)), replace(closed, question_id="q2"))
    interview.turns += (replace(interview.turns[1], number=9, kind=TurnKind.RETRY, text="it is well said"),)
    made, _, here = panel(settings, interview)
    assert order.findall(made.html(here.snapshot)) == [("f1-again", "q1", "open"), ("f2", "q2", "")]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the page says in its corner."""
    said: list[str] = []
    monkeypatch.setattr("gradio.Warning", lambda text, **_: said.append(text))
    return said


def panel(settings: Settings, interview: ScriptedInterview) -> tuple[PracticePanel, FakeParts, LiveInterview]:
    interviews = FakeInterviews(BANK)
    interviews.add(interview)
    parts = FakeParts(settings, BANK, interviews)
    lives = LiveInterviews(interviews, parts.confidences)  # type: ignore[arg-type]

    async def find(saved: Any) -> LiveInterview | None:
        return lives.get(saved) if saved else None

    made = PracticePanel(parts, EN, find)
    made.line, made.feedback, made._room = "line", "feedback", "room"  # type: ignore[assignment]
    return made, parts, lives.get(interview.id)


def press(made: PracticePanel, **data: Any) -> dict[Any, Any]:
    return asyncio.run(made.chosen("session-1", SimpleNamespace(_data=data)))


def test_an_objection_is_filed_with_the_answer_and_thanked_for(settings: Settings, told: list[str]) -> None:
    made, parts, here = panel(settings, held())
    press(made, action="dispute", question="q1", point="p1", text="before anything is shown")
    assert (parts.disputes.kept, told) == ([], [EN("warn_no_again")])
    press(made, action="sure", question="q1", percent="50")
    assert parts.confidences.kept == {"session-1": {"q1": 50}}
    page = press(made, action="dispute", question="q1", point="p1", text=f"wrong {NASTY}")["feedback"]
    filed = parts.disputes.kept[0]
    assert (filed.question_id, filed.key_point_id, filed.answer) == ("q1", "p1", "chains of buckets")
    assert page.count('class="objected open"') == 1
    press(made, action="dispute", question="q1", point="", text="all of it")
    assert parts.disputes.kept[1].key_point_id is None
    assert here.snapshot.waiting is None


@pytest.mark.parametrize(("status", "key"), [("accepted", "dispute_accepted"), ("rejected", "dispute_rejected")])
def test_a_settled_objection_says_so_and_leaves_room_for_another(settings: Settings, status: DisputeStatus, key: str) -> None:
    made, parts, here = panel(settings, held())
    here.confide("q1", None)
    assert set(asyncio.run(made.news("session-1"))) == {"line"}  # nothing was filed: nothing can have changed
    press(made, action="dispute", question="q1", point="p1", text="first")
    assert asyncio.run(made.news("session-1"))["feedback"].count(EN("dispute_open").replace("'", "&#39;")) == 1
    parts.disputes.settle(0, status)
    page = asyncio.run(made.news("session-1"))["feedback"]
    assert (page.count(EN(key)), page.count(EN("dispute_more"))) == (1, 1)
    assert EN("dispute_open").replace("'", "&#39;") not in page
    page = press(made, action="dispute", question="q1", point="p1", text="second")["feedback"]
    assert (page.count(EN(key)), page.count('class="objected open"')) == (0, 1)  # the newest one speaks for the point
    assert set(asyncio.run(made.news(None))) == {"line"}


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"action": "dispute", "question": "q1", "point": "p1", "text": "  "}, "warn_no_reason"),
        ({"action": "dispute", "question": "q1", "point": "nothing", "text": "x"}, "warn_point_gone"),
    ],
)
def test_what_can_not_be_filed_is_said(settings: Settings, told: list[str], data: dict[str, Any], key: str) -> None:
    made, parts, here = panel(settings, held())
    here.confide("q1", None)
    assert set(press(made, **data)) == {"line"}
    assert (parts.disputes.kept, told) == ([], [EN(key)])


def test_a_question_that_has_left_the_bank_is_neither_asked_nor_objected_to(settings: Settings, told: list[str]) -> None:
    made, parts, here = panel(settings, held())
    here.confide("q1", None)
    parts.bank = Bank((question(2),))
    for action in ("again", "dispute"):
        assert set(press(made, action=action, question="q1", point="p1", text="x")) == {"line"}
    assert (parts.disputes.kept, told) == ([], [EN("warn_question_gone")] * 2)


def test_a_real_interview_can_be_gone_over_once_it_has_ended(settings: Settings, told: list[str]) -> None:
    interview = held(mode="real")
    interview.closed = (replace(interview.closed[0], assessment=assessment("chains of buckets")),)
    made, parts, here = panel(settings, interview)
    assert "data-again" not in made.html(here.snapshot)
    assert set(press(made, action="again", question="q1")) == {"line"}
    interview.finished = True
    over = LiveInterview(interview, FakeConfidences())  # type: ignore[arg-type]
    assert over.snapshot.waiting is None
    assert made.html(over.snapshot).count("data-again") == 1
    assert "data-question" in made.again(over, "q1")["line"]
    assert asyncio.run(made.object_to(over, "q1", "", "all of it"))
    assert (len(parts.disputes.kept), told) == (1, [EN("warn_no_again")])


@pytest.mark.parametrize(
    "data",
    [
        {}, {"action": "dispute", "question": "q9", "text": "x"}, {"action": ["x"], "question": {"a": 1}},
        {"action": "again", "question": "q2"}, {"action": "sure", "question": "q2", "percent": 50},
    ],
)  # fmt: skip
def test_what_makes_no_sense_changes_nothing(settings: Settings, data: dict[str, Any]) -> None:
    made, parts, here = panel(settings, held())
    here.confide("q1", None)
    assert set(press(made, **data)) == {"line"}
    assert (parts.disputes.kept, parts.confidences.kept) == ([], {})


def test_any_other_percentage_is_no_answer_at_all(settings: Settings) -> None:
    made, parts, here = panel(settings, held())
    press(made, action="sure", question="q1", percent="99")
    assert here.snapshot.waiting is None
    assert parts.confidences.kept == {}


def test_the_line_says_which_question_is_answered_again(settings: Settings) -> None:
    made, _, here = panel(settings, held())
    here.confide("q1", None)
    changes = press(made, action="again", question="q1")
    assert 'data-question="q1"' in changes["line"]
    assert EN("again_now", n=1) in changes["line"]
