"""What a report adds to the scores: where the reference makes a point, what to read, how sure one was, how it was said."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from interviewer.domain.assessment import Assessment, Verdict
from interviewer.domain.errors import RetrievalIndexError
from interviewer.domain.questions import Bank, Hit, Lang, LocalText, Passage
from interviewer.ports import StoredSession
from interviewer.report import Report, build_report, sureness_chart_svg, to_json, to_markdown
from interviewer.report.delivery import delivery_text, overall_delivery_text
from interviewer.report.study import closest, excerpt, passage_title
from interviewer.report.words import sureness_word, word
from interviewer.reporting import SHOWN, Reports
from interviewer.voice.delivery import measure
from tests.spoken_interview import CONFIDENCES, SCORES, spoken_interview


class Kept:
    """A store that holds one session."""

    def __init__(self, stored: StoredSession) -> None:
        self.stored = stored

    def load(self, session_id: str) -> StoredSession:
        return self.stored

    def history(self, session_id: str) -> list[tuple[int, Assessment]]:
        return [(self.stored.graded_turns[a.question_id], a) for a in self.stored.assessments]


class Found:
    """A retriever that finds the same things whatever it is asked."""

    def __init__(self, hits: list[Hit]) -> None:
        self.hits = hits

    def search(self, query: str, k: int = 5, *, question_id: str | None = None) -> list[Hit]:
        return self.hits[:k]


def reports(bank: Bank, lang: Lang = "zh", hits: list[Hit] | None = None) -> Reports:
    stored = spoken_interview(bank, lang)
    sure = dict(zip([a.question_id for a in stored.assessments], CONFIDENCES, strict=True))
    return Reports(Kept(stored), lambda: bank, lambda: Found(hits or []), lambda _: sure)  # type: ignore[arg-type, return-value]


@pytest.fixture(scope="module")
def report(bank: Bank) -> Report:
    return reports(bank).report("spoken")


# ---------------------------------------------------------------- excerpts and passages


def test_an_excerpt_is_the_sentence_that_makes_the_point() -> None:
    reference = LocalText(
        "LoRA 冻结原来的权重。增量写成两个低秩矩阵的乘积，秩远小于原维度。推理时可以合并回去，没有额外延迟。",
        "LoRA freezes the weights. The update is a product of two low-rank matrices. At inference it merges back for free.",
    )
    statement = LocalText("推理时低秩增量可合并进权重，不增加延迟。", "Merged at inference, the update adds no latency.")
    assert excerpt(reference, statement) == LocalText(
        "推理时可以合并回去，没有额外延迟。", "At inference it merges back for free."
    )
    assert excerpt(reference, LocalText("批归一化依赖批次统计量", "")) == LocalText()
    assert excerpt(LocalText(), statement) == LocalText()


def test_nearly_every_point_of_the_bank_has_its_place_in_the_reference(bank: Bank) -> None:
    found = [bool(excerpt(q.reference, p.statement).zh) for q in bank for p in q.key_points]
    assert sum(found) / len(found) > 0.9


def test_an_excerpt_that_the_words_tell_in_one_language_only_is_found_in_the_other_by_its_place(bank: Bank) -> None:
    question = bank.get("weight-init-residual-scaling")
    assert question is not None
    point = next(point for point in question.key_points if point.id == "keep-variance")
    assert excerpt(replace(question.reference, en=""), point.statement) == LocalText()
    quoted = excerpt(question.reference, point.statement)
    assert quoted.zh.startswith("第二是尺度要合适")
    assert quoted.en.startswith("Second, the scale")
    for one in (excerpt(q.reference, p.statement) for q in bank for p in q.key_points):
        assert bool(one.zh) == bool(one.en)  # a Chinese report quotes no English


def test_passages_to_read_are_near_and_of_something_else(bank: Bank) -> None:
    point = reports(bank).report("spoken").study_next[0]

    def hit(score: float, source: str, question_id: str | None, heading: tuple[str, ...] = ()) -> Hit:
        return Hit(Passage(source, f"关于{source}的一段话。", source, 0, 9, heading, question_id, "zh"), score)

    own = hit(1.0, "t/own#point.a.zh", point.question_id)
    hits = [
        own, hit(0.9, "t/own#reference.zh", point.question_id), hit(0.8, "t/q2#reference.zh", "q2", ("另一题？",)),
        hit(0.75, "t/q2#reference.zh", "q2"), hit(0.7, "t/q3#reference.en", "q3"), hit(0.65, "t/q3#point.b.zh", "q3"),
        hit(0.6, "notes.md", None, ("第一章",)), hit(0.5, "t/q4#reference.zh", "q4"), hit(0.1, "far.md", None),
    ]  # fmt: skip
    made = reports(bank, hits=hits).full_report("spoken")
    assert [p.source for p in made.study_next[0].passages] == ["t/q2#reference.zh", "notes.md"]
    assert made.weak_points[: len(made.study_next)] == made.study_next
    assert [passage_title(p) for p in made.study_next[0].passages] == ["另一题？", "notes.md › 第一章"]
    assert reports(bank, hits=[own, hit(0.1, "far.md", None)]).full_report("spoken").study_next[0].passages == ()
    text = to_markdown(made, "zh")
    assert text.count("notes.md › 第一章: 关于notes.md的一段话。") == sum(
        p.question_id == point.question_id for p in made.study_next
    )
    assert SHOWN == 2


def test_of_a_long_passage_the_nearest_sentence_is_shown(report: Report) -> None:
    point = replace(report.study_next[0], statement=LocalText("数据少时冻结骨干只训新头。"))
    text = "这里先讲背景。" * 40 + "数据少的时候就冻结骨干，只训练新头。"
    passage = Passage("d", text, "d", 0, len(text))
    assert closest(passage, point) == "数据少的时候就冻结骨干，只训练新头。"
    assert closest(replace(passage, text="别的。" * 99), point).endswith("…")


def test_a_report_does_without_an_index(bank: Bank) -> None:
    def broken() -> Found:
        raise RetrievalIndexError("the encoder is missing")

    stored = spoken_interview(bank)
    made = Reports(Kept(stored), lambda: bank, broken, lambda _: {}).full_report("spoken")  # type: ignore[arg-type, return-value]
    assert made.study_next
    assert not any(point.passages for point in made.study_next)
    assert made.sureness == ()


def test_a_misconception_goes_with_the_point_it_is_about(report: Report) -> None:
    wrong = [p for p in report.weak_points if p.verdict is Verdict.CONTRADICTED]
    assert len(wrong) >= 3
    assert [len(p.misconceptions) for p in wrong].count(1) == 1
    behind = next(p for p in wrong if p.misconceptions)
    assert "冻结" in behind.statement.zh  # "training only the last layers is always the safe choice" is about freezing
    assert all(p.probe.zh and p.topic for p in report.weak_points)


# ---------------------------------------------------------------- how sure, and how right


def test_confident_and_wrong_comes_first(report: Report) -> None:
    assert [s.number for s in report.sureness] == [1, 4, 2, 3, 5]
    assert [s.gap for s in report.sureness] == [80, 10, 3, -5, -15]
    assert sureness_word(report.sureness, "en") == "On average 70% sure, and 55 points: about 15 too sure."
    assert "too unsure" in sureness_word([replace(report.sureness[0], percent=0)], "en")
    assert "fair" in sureness_word([replace(report.sureness[0], percent=25)], "en")


def test_an_answer_without_a_grade_or_a_confidence_is_left_out(bank: Bank) -> None:
    stored = spoken_interview(bank)
    ids = [a.question_id for a in stored.assessments]
    made = build_report(replace(stored, assessments=stored.assessments[1:]), bank, {}, {ids[0]: 100, ids[1]: 50, "gone": 75})
    assert [(s.question_id, s.percent, s.score) for s in made.sureness] == [(ids[1], 50, SCORES[1])]
    assert [q.confidence for q in made.questions[:3]] == [100, 50, None]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_confidence_chart_shows_each_pair_and_says_it(report: Report, lang: Lang) -> None:
    svg = ElementTree.fromstring(sureness_chart_svg(report, lang))
    label = svg.get("aria-label") or ""
    assert label.count("%") == 5
    places = {
        kind: [float((c.get("cx") or "").removesuffix("%")) for c in svg.findall("circle") if c.get("class") == kind]
        for kind in ("value", "sure")
    }
    assert places == {"value": [20, 90, 72, 55, 40], "sure": [98, 98, 75, 50, 25]}  # whole at the edge
    assert sureness_chart_svg(replace(report, sureness=report.sureness[:4]), lang) == ""


# ---------------------------------------------------------------- delivery


def test_delivery_is_told_of_each_question_and_of_all(report: Report) -> None:
    text = to_markdown(report, "zh")
    assert text.count(word("advice", "zh")) == 6
    assert "**嗯**" in text
    assert "[停顿 2.6 秒]" in text
    assert text.count(word("delivery-typed", "zh")) == 1  # of the one typed answer
    assert "5 次作答里有 4 次是语音" in text
    overall = overall_delivery_text([q.delivery for q in report.questions if q.delivery], "en")
    assert overall is not None
    facts = {fact.label: fact for fact in overall.facts}
    assert facts["Fillers"].value.startswith("20, or 8.1 in a hundred characters (嗯 ×8, ")
    assert facts["Long pauses"].value == "8, the longest 3.1 s"
    assert facts["Pace"].off
    assert overall_delivery_text([], "en") is None


def test_delivery_moves_no_score(bank: Bank, report: Report) -> None:
    silent = build_report(spoken_interview(bank), bank)
    assert all(q.delivery is None for q in silent.questions)
    assert (silent.score, silent.low, silent.high) == (report.score, report.low, report.high)
    assert [q.score for q in silent.questions] == [q.score for q in report.questions]
    assert word("delivery", "en") not in to_markdown(silent, "en")


def test_the_json_holds_it_too(report: Report) -> None:
    data = json.loads(to_json(report), parse_constant=lambda name: pytest.fail(name))
    assert data["questions"][0]["delivery"]["advice"] == "fillers"
    assert data["questions"][0]["confidence"] == 100
    assert data["sureness"][0] == {
        "number": 1,
        "question_id": data["questions"][0]["question_id"],
        "percent": 100,
        "score": 20.0,
    }
    assert data["weak_points"][0]["excerpt"]["zh"]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_paper_is_in_one_language(bank: Bank, lang: Lang) -> None:
    made = reports(bank, lang).report("spoken")
    text = to_markdown(made, lang)
    for heading in ("study", "misconceptions", "sureness", "delivery", "details"):
        assert f"## {word(heading, lang)}\n" in text
    if lang == "en":
        assert text.isascii() or not any("\u4e00" <= char <= "\u9fff" for char in text)
    assert measure(made.turns, "nobody") is None


def test_nothing_is_said_of_a_short_answers_structure(report: Report) -> None:
    delivery = report.questions[0].delivery
    assert delivery is not None
    plain = replace(delivery, point_first=None, signposts=0)
    labels = [fact.label for fact in delivery_text(plain, "en").facts]
    assert labels == ["Length of the first reply", "Pace", "Fillers", "Long pauses"]
    long = replace(plain, seconds=replace(plain.seconds, value=90.0))
    assert delivery_text(long, "en").facts[-1].value == word("signposts-none", "en")
    assert not delivery_text(long, "en").facts[-1].off
