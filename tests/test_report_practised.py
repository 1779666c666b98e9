"""What a report says of practising: what hints cost and what answering again came to, beside the score that counts; and where
each key point stands in the bank."""

from __future__ import annotations

import html
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from interviewer.domain.assessment import Assessment, GraderInfo
from interviewer.domain.disputes import Dispute, DisputeStatus
from interviewer.domain.questions import LANGS, Bank, Lang
from interviewer.domain.transcript import TurnKind
from interviewer.report import Report, build_report, to_json, to_markdown
from interviewer.report.words import again_word, hints_word, verdict_word, word
from interviewer.ui.report_page import report_html
from interviewer.ui.words import words_for
from tests.spoken_interview import practised_interview
from tests.test_ui_views import Tags
from tests.ui_fakes import NASTY


def made(bank: Bank, lang: Lang = "zh", mode: str = "practice") -> Report:
    stored, history = practised_interview(bank, lang)
    setup = replace(stored.info.setup, mode=mode)  # type: ignore[arg-type]
    return build_report(replace(stored, info=replace(stored.info, setup=setup)), bank, history=history)


def page_of(report: Report, bank: Bank, lang: Lang) -> str:
    interviews = SimpleNamespace(full_report=lambda _: report)
    return report_html(interviews, bank, "spoken", words_for(lang))  # type: ignore[arg-type]


def test_hints_and_further_answers_stand_beside_the_score_and_leave_it(bank: Bank) -> None:
    report = made(bank)
    first, _, third, *_ = report.questions
    assert (first.score, third.score) == (20, 55)
    assert report.score == pytest.approx(55.4)
    assert third.hinted is not None
    share = third.assessment.points[0].weight / sum(p.weight for p in third.assessment.points) if third.assessment else 0
    assert third.hinted.score == pytest.approx(55 * (1 - share / 2))
    assert first.again is not None
    assert (len(first.again.answers), first.again.best) == (2, 64.4)
    assert [(c.before.value, c.after.value) for c in first.again.gained] == [
        ("contradicted", "covered"),
        ("contradicted", "partly"),
    ]
    assert {q.hinted is None and q.again is None for q in (report.questions[1], *report.questions[3:])} == {True}


def test_in_a_real_interview_hints_cost_nothing_and_further_answers_stand_as_well(bank: Bank) -> None:
    report = made(bank, mode="real")
    assert {q.hinted for q in report.questions} == {None}
    assert [q.again and q.again.best for q in report.questions] == [64.4, None, None, None, None]
    assert report.questions[2].hints == 2  # that they were given is told all the same
    assert f"{word('hints-used', 'zh')} 2" in to_markdown(report, "zh")


def test_a_question_passed_over_gains_what_was_said_later(bank: Bank) -> None:
    stored, history = practised_interview(bank)
    kept = tuple(turn for turn in stored.turns if turn.number != stored.graded_turns[stored.assessments[0].question_id])
    stored = replace(stored, turns=kept, assessments=stored.assessments[1:])
    result = build_report(stored, bank, history=history).questions[0]
    assert result.again is not None
    assert [(c.before.value, c.after.value) for c in result.again.gained] == [("missing", "covered"), ("missing", "partly")]


def test_beside_an_answer_that_could_not_be_graded_nothing_is_gained(bank: Bank) -> None:
    stored, history = practised_interview(bank)
    failed = Assessment.ungraded(stored.assessments[0].question_id, "why", GraderInfo("g", "1"))
    report = build_report(replace(stored, assessments=(failed, *stored.assessments[1:])), bank, history=history)
    again = report.questions[0].again
    assert again is not None
    assert (again.best, again.gained) == (64.4, ())
    unjudged = build_report(stored, bank).questions[0].again
    assert unjudged is not None
    assert again_word(unjudged, "en") == word("again-ungraded", "en").format(n=2)


@pytest.mark.parametrize("lang", LANGS)
def test_page_and_paper_say_it_in_the_same_words(bank: Bank, lang: Lang) -> None:
    report = made(bank, lang)
    first, _, third, *_ = report.questions
    assert first.again is not None
    said = [again_word(first.again, lang), hints_word(third.hinted, third.score, lang)]
    assert "64" in said[0]
    page, paper = page_of(report, bank, lang), to_markdown(report, lang)
    for text in said:
        assert page.count(text) == 1
        assert paper.count(text) == 1
    gained = first.again.gained[1]
    assert f"{verdict_word(gained.before, lang)} → {verdict_word(gained.after, lang)}" in paper
    assert page.count('<li class="gained">') == 2
    assert "data-action" not in paper
    assert f"{word('hints-used', lang)} 2" not in paper  # once is enough


def test_the_json_holds_every_further_answer(bank: Bank) -> None:
    data = json.loads(to_json(made(bank)))
    first, third = data["questions"][0], data["questions"][2]
    assert [one["assessment"]["score"] for one in first["again"]["answers"]] == [10, 64.4]
    assert first["again"]["gained"][0]["after"] == "covered"
    assert list(third["hinted"]["hints"].values()) == [2]
    assert data["questions"][1]["again"] is None


def test_every_point_leads_to_its_entry_as_long_as_the_bank_has_it(bank: Bank) -> None:
    report = made(bank, "en")
    page = page_of(report, bank, "en")
    for result in report.questions:
        assert result.assessment is not None
        for point in result.assessment.points:
            assert f'data-action="entry" data-question="{result.question_id}" data-point="{point.point_id}"' in page
    listed = sum(len(r.assessment.points) for r in report.questions if r.assessment) + len(report.study_next) + 2
    assert page.count('data-action="entry"') == listed
    stored, history = practised_interview(bank)
    without = build_report(stored, Bank(), history=history)
    assert without.questions[0].again is not None
    gone = page_of(without, Bank(), "en")
    assert 'data-action="entry"' not in gone
    assert without.questions[0].statement(without.questions[0].again.gained[0].point_id, "en") in to_markdown(without, "en")


def test_what_was_said_again_becomes_no_markup(bank: Bank) -> None:
    stored, history = practised_interview(bank)
    turns = tuple(replace(turn, text=NASTY) if turn.kind is TurnKind.RETRY else turn for turn in stored.turns)
    history = {
        number: replace(one, points=tuple(replace(p, statement=NASTY) for p in one.points)) for number, one in history.items()
    }
    nasty = replace(stored, turns=turns, assessments=tuple(history[number] for number in stored.graded_turns.values()))
    page = page_of(build_report(nasty, Bank(), history=history), Bank(), "zh")
    found = Tags(page)
    assert {"img", "script"} & set(found.tags) == set()
    assert not [name for name in found.attributes if name.startswith("on")]
    assert page.count('<details class="further"') == 2
    assert NASTY in html.unescape(page)


@pytest.mark.parametrize("lang", LANGS)
def test_what_was_said_again_is_there_to_be_read_with_its_score(bank: Bank, lang: Lang) -> None:
    report = made(bank, lang)
    again = report.questions[0].again
    assert again is not None
    page, paper = html.unescape(page_of(report, bank, lang)), to_markdown(report, lang).replace("\\", "")
    for number, (retry, score) in enumerate(zip(again.answers, (10, 64), strict=True), 1):
        title = word("further-score", lang).format(n=number, score=score)
        assert f"<summary>{title}</summary>" in page
        assert f'<p class="spoken">{retry.answer}</p>' in page
        assert f"{title}\n\n> {retry.answer}\n" in paper
    stored, _ = practised_interview(bank, lang)
    unjudged = build_report(stored, bank)
    assert word("further-ungraded", lang).format(n=2) in page_of(unjudged, bank, lang)
    assert word("further-ungraded", lang).format(n=2) in to_markdown(unjudged, lang)


@pytest.mark.parametrize(("status", "key"), [("open", "dispute_open"), ("accepted", "dispute_accepted")])
def test_an_objection_stands_in_every_report_with_what_became_of_it(bank: Bank, status: DisputeStatus, key: str) -> None:
    stored, history = practised_interview(bank, "en")
    question = stored.assessments[0].question_id
    point = stored.assessments[0].points[0].point_id
    filed = Dispute(7, question, point, "spoken", f"RoPE {NASTY}", "answer", status, stored.info.created_at)
    report = build_report(stored, bank, history=history, disputes=[filed, replace(filed, question_id="elsewhere")])
    page = html.unescape(page_of(report, bank, "en"))
    assert page.count(words_for("en")(key)) == 1
    assert f'data-about="{question}/{point}"' in page
    paper = to_markdown(report, "en").replace("\\", "")
    assert f"- RoPE {NASTY} ({word(f'objection.{status}', 'en')})" in paper
    assert f"  - {word('about-point', 'en')}: {report.questions[0].statement(point, 'en')}" in paper
    kept = json.loads(to_json(report))["questions"]
    assert [[d["status"] for d in q["disputes"]] for q in kept] == [[status], [], [], [], []]


def test_a_question_that_has_left_the_bank_says_why_nothing_can_be_done_with_it(bank: Bank) -> None:
    report = made(bank, "en")
    assert page_of(report, bank, "en").count('data-action="again"') == 5
    gone = page_of(report, Bank(), "en")
    assert "<form" not in gone
    assert 'data-action="again"' not in gone
    assert gone.count(words_for("en")("warn_question_gone")) == 5
