"""Reports add up, say what was not graded, and let nobody's text become markup."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from interviewer.domain.assessment import Assessment, Evidence, GraderInfo, MisconceptionFound, PointAssessment, Status, Verdict
from interviewer.domain.questions import Bank, LocalText, Reading
from interviewer.domain.transcript import Provenance, SessionInfo, Setup, Speaker, Turn, TurnKind
from interviewer.ports import StoredSession
from interviewer.report import build_report, to_json, to_markdown, topic_chart_svg
from interviewer.report.words import WORDS

T0 = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
ANSWER = "<img src=x onerror=alert(1)> | **我**说的\n# 第二行"


def test_works_to_read_are_named_with_their_address(stored: StoredSession, bank: Bank) -> None:
    work = Reading("A [book] on `it`", "https://example.org/book")
    questions = tuple(replace(q, reading=(work,)) for q in bank.questions)
    text = to_markdown(build_report(stored, Bank(questions, bank.topics)), "en")
    assert r"- A \[book\] on \`it\`: <https://example.org/book>" in text


def judged(question_id: str, bank: Bank, score: float, verdict: Verdict) -> Assessment:
    question = bank.get(question_id)
    assert question is not None
    credit = {Verdict.COVERED: 1.0, Verdict.PARTLY: 0.5}.get(verdict, 0.0)
    points = tuple(
        PointAssessment(p.id, p.statement.zh, p.weight, verdict, credit, credit, Evidence.of(ANSWER, 0, 12))
        for p in question.key_points
    )
    wrong = (MisconceptionFound(LocalText("信", "belief"), LocalText("正", "truth"), Evidence.of(ANSWER, 0, 5)),)
    grader = GraderInfo("builtin", "1")
    return Assessment(question_id, Status.GRADED, None, score, score - 10, score + 10, points, grader, ("keyword-list",), wrong)


@pytest.fixture
def stored(bank: Bank) -> StoredSession:
    ids = [bank.questions[0].id, bank.questions[1].id, bank.questions[-1].id, bank.questions[-2].id]
    turns, number = [], 0
    for at, qid in enumerate(ids):
        for kind, text, detail in [
            (TurnKind.ASK, "问", "sufficient" if at else None),
            (TurnKind.ANSWER, ANSWER, None),
            (TurnKind.HINT, "提示", "step 1"),
        ]:
            number += 1
            speaker = Speaker.CANDIDATE if kind is TurnKind.ANSWER else Speaker.INTERVIEWER
            turns.append(Turn(number, speaker, kind, text, T0 + timedelta(minutes=number), qid, None, detail))
    turns.append(
        Turn(number + 1, Speaker.INTERVIEWER, TurnKind.CLOSE, "完", T0 + timedelta(days=1), None, None, "done/skipped")
    )
    assessments = (
        judged(ids[0], bank, 80, Verdict.COVERED),
        judged(ids[1], bank, 20, Verdict.CONTRADICTED),
        Assessment.ungraded(ids[2], "the model timed out", GraderInfo("m", "1")),
    )
    info = SessionInfo("s", Setup(questions=4), "finished", T0, T0 + timedelta(minutes=12), "built-in", 4, 50)
    return StoredSession(info, tuple(turns), assessments, {})


def test_means_are_over_graded_questions_only(stored: StoredSession, bank: Bank) -> None:
    report = build_report(stored, bank)
    assert (report.score, report.low, report.high) == (50, 40, 60)
    assert (report.graded, report.ungraded, report.skipped) == (2, 1, 1)
    assert report.minutes == 11 + 5  # eleven steps of a minute; the night before the last counts as the longest pause
    assert [q.why for q in report.questions] == ["sufficient", "sufficient", "sufficient", "skipped"]
    assert all(q.hints == 1 for q in report.questions)
    assert sum(t.questions for t in report.topics) == 4
    assert {t.score for t in report.topics} == {50, None}


def test_what_was_said_wrongly_is_studied_first(stored: StoredSession, bank: Bank) -> None:
    study = build_report(stored, bank).study_next
    assert study
    assert {point.verdict for point in study} == {Verdict.CONTRADICTED}
    assert [p.weight for p in study] == sorted((p.weight for p in study), reverse=True)


def test_points_of_skipped_questions_are_studied_after_the_missing_ones(stored: StoredSession, bank: Bank) -> None:
    def only(verdict: Verdict) -> Assessment:
        judged_ = judged(stored.turns[0].question_id or "", bank, 40, verdict)
        return replace(judged_, points=judged_.points[:2])

    skipped = stored.turns[-2].question_id
    for verdict, first in ((Verdict.MISSING, True), (Verdict.CONTRADICTED, True), (Verdict.PARTLY, False)):
        study = build_report(replace(stored, assessments=(only(verdict),)), bank).study_next
        assert [p.verdict is verdict and p.answered for p in study][:2] == [first, first]
        passed_over = [p for p in study if not p.answered]
        assert {p.question_id for p in passed_over} == {skipped}  # the others ended as sufficient or not graded
        assert {p.verdict for p in passed_over} == {Verdict.MISSING}
    report = build_report(replace(stored, assessments=()), bank)
    assert "– No answer" in to_markdown(report, "en")
    cut_off = replace(stored.turns[-1], detail="time")
    assert build_report(replace(stored, turns=(*stored.turns[:-1], cut_off), assessments=()), bank).study_next == ()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_markdown_is_whole_and_harmless(stored: StoredSession, bank: Bank, lang: str) -> None:
    from markdown_it import MarkdownIt

    text = to_markdown(build_report(stored, bank), lang)  # type: ignore[arg-type]
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert "<img" not in html
    assert "onerror" in html  # still there, as text
    assert html.count("<h3>") == 4
    assert html.count("<h1>") == 1
    for number in range(1, 5):
        assert f"### {number}. " in text
    assert "the model timed out" in text
    assert "50 (40–60)" in text


def test_the_matchers_limits_are_told_once(stored: StoredSession, bank: Bank) -> None:
    assert to_markdown(build_report(stored, bank), "en").count("fluent wrong claims") == 1


def test_a_model_that_took_over_is_named(stored: StoredSession, bank: Bank) -> None:
    assert build_report(stored, bank).session.interviewer == "built-in"
    first = replace(stored.turns[3], provenance=Provenance("transformers", "some/model"))
    taken_over = replace(stored, turns=(*stored.turns[:3], first, *stored.turns[4:]))
    assert build_report(taken_over, bank).session.interviewer == "some/model"


def test_english_reports_are_in_english(stored: StoredSession, bank: Bank) -> None:
    text = to_markdown(build_report(stored, bank), "en").replace(ANSWER.splitlines()[0], "")
    chinese = [line for line in text.splitlines() if re.search("[\u4e00-\u9fff]", line)]
    assert all("我" in line or "第二行" in line for line in chinese), chinese


def test_the_json_holds_everything_and_only_numbers_that_exist(stored: StoredSession, bank: Bank) -> None:
    data = json.loads(to_json(build_report(stored, bank)), parse_constant=lambda name: pytest.fail(name))
    assert data["score"] == 50
    assert data["questions"][0]["assessment"]["points"][0]["evidence"]["text"] == ANSWER[:12]
    assert data["questions"][2]["assessment"]["status"] == "ungraded"
    assert data["session"]["setup"]["questions"] == 4


def test_a_question_that_left_the_bank_keeps_its_words(stored: StoredSession) -> None:
    report = build_report(stored, Bank())
    assert report.questions[0].text.zh == "问"
    assert report.study_next[0].statement.zh
    assert "问" in to_markdown(report, "zh")


def test_the_chart_is_well_formed_and_says_what_it_shows(stored: StoredSession, bank: Bank) -> None:
    from xml.etree import ElementTree

    report = build_report(stored, bank)
    for lang in ("zh", "en"):
        svg = ElementTree.fromstring(topic_chart_svg(report, lang))  # type: ignore[arg-type]
        assert svg.get("aria-label")
        assert svg.get("viewBox") is None  # letters keep their size on a phone
        shares = [float((bar.get("width") or "").removesuffix("%")) for bar in svg.findall("rect")]
        assert shares == [t.score for t in report.topics if t.score is not None]
        assert len(svg.findall("rect")) == sum(t.score is not None for t in report.topics)
    assert topic_chart_svg(build_report(StoredSession(stored.info, (), (), {}), bank), "zh") == ""


def test_every_word_is_there_in_both_languages() -> None:
    from interviewer.dialogue.state import EndOfQuestion

    assert all(text.zh and text.en for text in WORDS.values())
    assert all(f"end.{why}" in WORDS for why in EndOfQuestion)
    assert all(verdict in WORDS for verdict in Verdict)
