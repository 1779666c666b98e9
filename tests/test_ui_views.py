"""What the pages show, as values and markup: complete, silent where it must be, and never a stranger's markup."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interviewer.config import Settings
from interviewer.dialogue.state import EndOfQuestion
from interviewer.domain.assessment import Assessment, Evidence, PointAssessment, Status, Verdict
from interviewer.domain.questions import LANGS, Bank, Lang, LocalText, Reading
from interviewer.domain.transcript import Provenance, Setup, TurnKind
from interviewer.ingest.run import FileReport, ingest
from interviewer.report import build_report
from interviewer.report.words import word
from interviewer.session import QuestionClosed
from interviewer.ui.about import about_html
from interviewer.ui.assessed import question_view
from interviewer.ui.history import Search, history_html
from interviewer.ui.html import render
from interviewer.ui.live import Failure, LiveInterview, Snapshot
from interviewer.ui.marking import highlighted
from interviewer.ui.report_page import report_html
from interviewer.ui.room_view import feedback_views, room_data, who_speaks
from interviewer.ui.setup_form import SetupForm, pool_note, setup_from, topic_choices, whole_number
from interviewer.ui.words import Words, texts, words_for
from interviewer.voice.delivery import measure
from interviewer.wiring import EngineStatus
from tests.spoken_interview import CONFIDENCES, spoken_interview, spoken_turn
from tests.ui_fakes import (
    GRADER,
    NASTY,
    FakeArchive,
    FakeInterviews,
    FakeParts,
    ScriptedInterview,
    assessment,
    nasty_bank,
    nasty_report,
    question,
)

UI = Path(__file__).parents[1] / "interviewer" / "ui"
EN, ZH = words_for("en"), words_for("zh")
BANK = Bank((question(1), question(2)), {"topic": LocalText("主题", "Topic")})


class Tags(HTMLParser):
    """Collects tags and attributes, to see what a browser would make of a text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]


def held(mode: str = "practice", answer: str = "chains of buckets", **kind: object) -> ScriptedInterview:
    """An interview with one question asked, answered and skipped."""
    interview = ScriptedInterview(setup=Setup(lang="en", mode=mode, questions=5), **kind)  # type: ignore[arg-type]
    list(interview.proceed())
    list(interview.say(answer))
    from interviewer.domain.transcript import TurnKind

    list(interview.request(TurnKind.SKIP))
    return interview


def listed(interviews: FakeInterviews, bank: Bank = BANK, words: Words = EN, text: str = "") -> str:
    return history_html(interviews.list(), FakeArchive(interviews), bank, words, Search(text))  # type: ignore[arg-type]


def seen(interview: ScriptedInterview) -> Snapshot:
    return LiveInterview(interview).snapshot  # type: ignore[arg-type]


# ---------------------------------------------------------------- words


def test_both_languages_have_every_text_with_the_same_places() -> None:
    def places(text: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    for key, both in texts().items():
        assert both["zh"].strip(), key
        assert both["en"].strip(), key
        assert places(both["zh"]) == places(both["en"]), key


def test_every_text_is_used_and_every_used_text_is_there() -> None:
    source = "\n".join(p.read_text(encoding="utf-8") for p in [*UI.glob("*.py"), *UI.glob("templates/*.html")])
    source = re.sub(r'"""[\s\S]*?"""', "", source)
    used = set(re.findall(r"""words\(\s*["']([\w-]+)["'](?! ~)""", source)) | set(
        re.findall(r'_(?:warn|tell)\("([\w-]+)"', source)
    )
    patterns = [re.sub(r"\{[^}]*\}", "*", m) for m in re.findall(r'(?:words|_warn|self)\(f"([^"]+)"', source)]
    patterns += [m + "*" for m in re.findall(r"words\('([\w-]+)' ~", source)]
    buttons = {"hint", "clarify", "skip", "end"}
    known = set(texts())
    assert used <= known, used - known
    reached = used | buttons | {k for k in known for p in patterns if p != "*" and re.fullmatch(p.replace("*", "[\\w-]+"), k)}
    assert known == reached, known - reached


def test_no_text_is_written_twice() -> None:
    """YAML would silently take the second."""
    files = sorted(UI.glob("words*.yaml"))
    keys = [key for file in files for key in re.findall(r"^([\w-]+):", file.read_text(encoding="utf-8"), re.MULTILINE)]
    assert len(keys) == len(set(keys))
    assert set(keys) == set(texts())


# ---------------------------------------------------------------- the room


def test_the_room_shows_progress_as_numbers_and_no_statement_of_a_running_question() -> None:
    interview = ScriptedInterview(setup=Setup(lang="en"))
    list(interview.proceed())
    data = room_data(seen(interview), EN)
    assert data["question"] == "Question 1 of 5"
    assert data["heard"] == "Key points heard so far: 1"
    assert data["elapsed"] == 65
    assert "point" not in str(data["rows"])


def test_a_closed_question_leaves_a_note_with_its_score() -> None:
    rows = room_data(seen(held()), EN)["rows"]
    assert [row["text"] for row in rows if row["who"] == "note"] == ["Question 1 done: 62 points"]


def test_a_real_interview_shows_no_grade_until_it_is_over() -> None:
    snapshot = seen(held("real"))
    data = room_data(snapshot, EN)
    assert data["heard"] == ""
    assert "62" not in str(data["rows"])
    assert feedback_views(snapshot, BANK, EN) == []
    with_grades = replace(snapshot, closed=(QuestionClosed("q1", assessment("chains"), EndOfQuestion.SKIPPED),))
    assert feedback_views(with_grades, BANK, EN) == []
    assert len(feedback_views(replace(with_grades, finished=True), BANK, EN)) == 1


def test_what_is_going_on_is_always_said() -> None:
    snapshot = seen(ScriptedInterview())
    assert room_data(replace(snapshot, busy=True), EN)["rows"][-1]["typing"]
    grading = room_data(replace(snapshot, busy=True, pending="mine"), EN)["rows"]
    assert [row["text"] for row in grading] == ["mine", "The interviewer is considering your answer"]
    assert room_data(replace(snapshot, busy=True, speaking="So"), EN)["rows"][-1]["text"] == "So"
    failed = room_data(replace(snapshot, failure=Failure("no memory")), EN)["rows"][-1]
    assert failed["problem"]
    assert "no memory" in failed["text"]
    assert EN("warn_unexpected") in room_data(replace(snapshot, failure=Failure()), EN)["rows"][-1]["text"]


def test_a_button_shows_as_what_it_meant() -> None:
    rows = room_data(seen(held()), ZH)["rows"]
    assert [row["text"] for row in rows if row.get("soft")] == ["（跳过）"]


@pytest.mark.parametrize(
    ("status", "named", "limited"),
    [
        (EngineStatus("none"), "built-in", True),
        (EngineStatus("loading", "tiny"), "tiny is loading", True),
        (EngineStatus("ready", "tiny"), "tiny", False),
        (EngineStatus("failed", "tiny", "no such folder"), "no such folder", True),
        (EngineStatus("failed", "tiny", "out of memory: …", "memory"), "too little memory", True),
        (EngineStatus("failed", "tiny", "can't reach http://x: refused", "again"), "http://x", True),
        (EngineStatus("resting", "tiny", "no word from tiny for 30 s", "stalled"), "tiny stopped responding", True),
        (EngineStatus("resting", "tiny", "out of memory running tiny", "memory"), "ran out of memory", True),
        (EngineStatus("resting", "tiny", "tiny speaks slowly", "slow"), "too slow", True),
        (EngineStatus("talking", "tiny", "the model failed", "failing"), "Interviewer: tiny", True),
    ],
)
def test_it_is_said_who_speaks_and_what_the_built_in_one_cannot_judge(status: EngineStatus, named: str, limited: bool) -> None:
    who, limits = who_speaks(status, EN)
    assert named in who
    assert bool(limits) is limited


def test_what_an_engine_says_is_told_in_the_pages_language() -> None:
    status = EngineStatus("failed", "tiny", "can't reach http://127.0.0.1:9/v1: refused", "again")
    who, _ = who_speaks(status, ZH)
    assert "连接不上 http://127.0.0.1:9/v1：refused" in who
    refused = "http://h/v1 refused the key (HTTP 401): set OPENAI_API_KEY to one it accepts. It said: no"
    assert "拒绝了密钥（HTTP 401）" in who_speaks(EngineStatus("failed", "m", refused), ZH)[0]


# ---------------------------------------------------------------- feedback


def test_feedback_has_verdict_words_statements_quotes_band_and_reference() -> None:
    html = render("feedback", EN, views=feedback_views(seen(held()), BANK, EN), quiet=False, limits="")
    for text in ("62", "probably 40–80", "Covered", "point What is it?", "Contradicted", "is about something else", "Skipped"):
        assert text in html
    for text in ("Possible misconceptions", "correction", "reference What is it?", '<mark class="covered">'):
        assert text in html
    assert "<q>chains o" in html


def test_works_to_read_open_elsewhere_and_are_no_markup() -> None:
    read = replace(question(1), reading=(Reading("<b>Work</b>", "https://example.org/a?b=1&c='"),))
    html = render(
        "feedback", EN, views=[question_view(1, read, "t", "x", assessment("xx"), None, "en", EN)], quiet=False, limits=""
    )
    assert '<a href="https://example.org/a?b=1&amp;c=&#39;" target="_blank" rel="noopener noreferrer">&lt;b&gt;Work' in html


def test_statements_follow_the_interview_and_labels_the_interface() -> None:
    view = question_view(1, question(1), "t", "x", assessment("xx"), "skipped", "zh", EN)
    assert view.points[0].statement == "要点What is it?"
    assert view.points[0].word == "Covered"
    gone = question_view(1, None, "t", "x", assessment("xx"), None, "zh", ZH)
    assert gone.points[0].statement == "point "
    assert gone.why == ""


def test_an_ungraded_answer_shows_its_reason_and_no_number() -> None:
    ungraded = Assessment.ungraded("q1", "the model timed out", GRADER)
    html = render("feedback", EN, views=[question_view(1, None, "t", "x", ungraded, "", "en", EN)], quiet=False, limits="")
    assert "Not graded: the model timed out" in html
    assert "/100" not in html


@given(st.text(min_size=2, max_size=40), st.data())
def test_highlighting_only_cuts_the_answer_and_marks_its_quotes(answer: str, data: st.DataObject) -> None:
    points = []
    for verdict in data.draw(st.lists(st.sampled_from(list(Verdict)), max_size=4)):
        start = data.draw(st.integers(0, len(answer) - 1))
        end = data.draw(st.integers(start + 1, len(answer)))
        points.append(PointAssessment("p", "s", 1, verdict, 0.5, 0.5, Evidence(answer[start:end], start, end)))
    graded = Assessment("q", Status.GRADED, None, 1.0, 0.0, 2.0, tuple(points), GRADER)
    pieces = highlighted(answer, graded)
    assert "".join(piece.text for piece in pieces) == answer
    worst = [p for p in points if p.verdict is Verdict.CONTRADICTED]
    marked = sum(len(piece.text) for piece in pieces if piece.mark == "contradicted")
    assert marked == len({i for p in worst if p.evidence for i in range(p.evidence.start, p.evidence.end)})


def test_a_quote_is_found_again_when_its_place_has_moved() -> None:
    point = PointAssessment("p", "s", 1, Verdict.COVERED, 1, 1, Evidence("bucket", 0, 6))
    graded = Assessment("q", Status.GRADED, None, 1.0, 0.0, 2.0, (point,), GRADER)
    assert [p.text for p in highlighted("first line\na bucket", graded) if p.mark] == ["bucket"]
    assert not any(p.mark for p in highlighted("nothing of it", graded))


# ---------------------------------------------------------------- strangers' texts


@pytest.mark.parametrize("lang", LANGS)
def test_no_text_of_a_stranger_becomes_markup(lang: Lang, settings: Settings) -> None:
    words = words_for(lang)
    bank = nasty_bank()
    interviews = FakeInterviews(bank)
    interview = interviews.add(held(answer=NASTY, finished=True))
    interview.closed = (QuestionClosed("q1", assessment(NASTY, nasty=NASTY), EndOfQuestion.SKIPPED),)
    interview.setup = replace(interview.setup, topics=("topic", NASTY))
    parts = FakeParts(settings, bank, interviews)
    parts.status = EngineStatus("failed", NASTY, NASTY)
    who, limits = who_speaks(parts.status, words)
    pages = [
        render("feedback", words, views=feedback_views(seen(interview), bank, words), quiet=False, limits=limits),
        report_html(interviews, bank, interview.id, words),  # type: ignore[arg-type]
        listed(interviews, bank, words),
        about_html(parts, words),  # type: ignore[arg-type]
        render("who", words, who=who, limits=limits),
        render("ingested", words, files=[nasty_report()], error=NASTY),
    ]
    for page in pages:
        found = Tags(page)
        assert "img" not in found.tags
        assert "script" not in found.tags
        assert not [name for name in found.attributes if name.startswith("on")]
        assert "onerror" in page  # it is shown, as text


# ---------------------------------------------------------------- set-up, history, report


def test_topics_come_with_their_counts_and_the_pool_says_when_it_is_short() -> None:
    assert topic_choices(BANK, EN) == [("Topic (2)", "topic")]
    assert pool_note(BANK, EN, [], 2) == "2 questions to choose from."
    assert "only 2" in pool_note(BANK, EN, ["topic"], 5)
    assert pool_note(Bank(), EN, [], 5) == EN("bank_empty")


def test_a_topic_from_a_document_says_so() -> None:
    own = Bank((question(1), replace(question(2), topic="notes", origin="derived")), {"notes": LocalText("notes", "notes")})
    assert topic_choices(own, EN)[1] == ("notes (1, from your document)", "notes")
    assert topic_choices(own, ZH)[1] == ("notes（1，来自你的文档）", "notes")


def reports(folder: Path) -> Iterator[FileReport]:
    """Ingest's reports on documents with everything wrong with them that a person is likely to meet."""
    whole = "## 1. 什么是缓存？\n\n答案：\n\n- **命中**：数据在缓存里，直接返回。\n"
    texts: dict[str, bytes] = {
        "prose.md": "只是一段话，没有题目。".encode(),
        "empty.md": b"  \n",
        "zeros.txt": b"a\0b\xff\xfe" * 40,
        "control.txt": b"\x01\x02\x03\x04" * 40,
        "twice.md": (whole + "\n" + whole.replace("缓存", "索引")).encode(),
        "blank.md": "## 1. 什么是缓存？\n\n## 2. 什么是索引？\n\n答案：\n\n```\nx = 1\n```\n".encode(),
        "cut.md": "## 1. 什么是缓存？\n\n答案：\n\n缓存把常用的数据放在近处，这样读取就很快，而且还能\n".encode(),
        "odd.md": whole.encode() + b"\xff\n",
        "many.md": "\n".join(f"## {n}. 第{n}个词是什么？\n\n答案：第{n}个词是缓存。\n" for n in range(1, 1003)).encode(),
    }
    for name, content in texts.items():
        (folder / name).write_bytes(content)
    yield from ingest([*(folder / name for name in texts), folder / "missing.md", folder]).files


def test_what_ingest_found_wrong_is_said_in_chinese(tmp_path: Path) -> None:
    said = [message for report in reports(tmp_path) for _, message in report.problems]
    assert len({re.sub(r"\d+", "", message) for message in said}) >= 9
    for message in said:
        assert re.search("[\u4e00-\u9fff]", ZH.problem(message)), message
        assert "question" not in ZH.problem(message)
        assert EN.problem(message) == message
    assert ZH.problem("question 7 has no answer") == "第 7 题没有答案"
    assert ZH.problem("something nobody foresaw") == "something nobody foresaw"


def test_the_set_up_comes_back_as_it_was_left(settings: Settings) -> None:
    async def built() -> SetupForm:  # inside a running loop: outside one, Gradio makes loops of its own and never closes them
        import gradio as gr

        with gr.Blocks(analytics_enabled=False):
            form = SetupForm(FakeParts(settings, BANK), EN)  # type: ignore[arg-type]
            form.build()
        return form

    form = asyncio.run(built())
    values = ["zh", "real", ["topic", "deleted since"], 3, 7, 15, False, 1, "demanding", "某公司", False]
    changes = form.restored({"values": values, "lang": False})
    assert changes[form.topics]["value"] == ["topic"]
    assert (changes[form.mode], changes[form.level], changes[form.questions], changes[form.minutes]) == ("real", 3, 7, 15)
    assert form.lang not in changes  # nobody chose it: it goes with the interface
    assert form.restored({"values": values, "lang": True})[form.lang] == "zh"
    assert "only 2" in str(changes[form.pool])
    for garbage in (None, 7, {"values": 3}, {"values": [1]}, {"values": [None] * 11, "lang": 1}):
        assert form.pool in form.restored(garbage)
    assert form.restored({"values": ["x", 3, "topic", "y", None, 11, None, "z", 3, None, 1]})[form.minutes] == 0


def test_values_from_the_form_are_brought_into_range() -> None:
    assert setup_from("en", "real", ["a"], 3, 7, 15, False, 1, "friendly", " A\nB ", False) == Setup(
        "en", "real", ("a",), 3, 7, 15, False, 1, persona="friendly", company="A B", confidence=False
    )
    wild = setup_from("fr", "cheat", None, "x", 10**9, -5, 1, None, "cruel", 7, "yes")
    assert wild == Setup("zh", "practice", (), 2, 20, 0, True, 2)
    assert setup_from("en", "real", [], 1, float("inf"), float("nan"), True, "2", None, None, 1).questions == 5


@pytest.mark.parametrize(("typed", "taken"), [(None, 1), (0, 1), (-3, 1), (7, 7), (999, 20), (float("inf"), 1)])
def test_a_number_box_that_is_emptied_or_mistyped_is_no_error(typed: float | None, taken: int) -> None:
    assert whole_number(1, 20, 5, "Questions", "questions").preprocess(typed) == taken


def test_history_keeps_the_score_of_a_running_real_interview_to_itself() -> None:
    interviews = FakeInterviews(BANK)
    interview = interviews.add(held("real"))
    assert "62 / 100" not in listed(interviews)
    assert 'data-action="resume"' in listed(interviews)
    interview.finished = True
    assert "62 / 100" in listed(interviews)
    assert 'data-action="open"' in listed(interviews)


def test_history_names_the_model_that_took_over() -> None:
    interviews = FakeInterviews(BANK)
    interview = interviews.add(held(finished=True))
    assert "built-in interviewer" in listed(interviews)
    spoken = replace(interview.turns[-1], provenance=Provenance("transformers", "some/<model>"))
    interview.turns = (*interview.turns[:-1], spoken)
    assert "some/&lt;model&gt;" in listed(interviews)


def test_the_report_waits_for_the_end_and_survives_its_own_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    interviews = FakeInterviews(BANK)
    interview = interviews.add(held())
    assert EN("report_running") in report_html(interviews, BANK, interview.id, EN)  # type: ignore[arg-type]
    interview.finished = True
    page = report_html(interviews, BANK, interview.id, EN)  # type: ignore[arg-type]
    assert f"/report/{interview.id}.md?lang=en" in page
    assert "<svg" in page
    assert "no session" in report_html(interviews, BANK, "other", EN)  # type: ignore[arg-type]
    monkeypatch.setattr(interviews, "report", lambda _: 1 / 0)
    assert "an unexpected error" in report_html(interviews, BANK, interview.id, EN)  # type: ignore[arg-type]


@pytest.mark.parametrize("lang", LANGS)
def test_a_spoken_report_shows_everything_and_makes_no_markup_of_it(bank: Bank, lang: Lang) -> None:
    stored = spoken_interview(bank, lang)
    nasty = replace(
        spoken_turn(stored.turns[2].number, f"嗯， {NASTY} um, like, it 呃", stored.turns[2].question_id or ""), text=NASTY
    )
    stored = replace(stored, turns=(*stored.turns[:2], nasty, *stored.turns[3:]))
    sure = dict(zip([a.question_id for a in stored.assessments], CONFIDENCES, strict=True))
    said = {a.question_id: d for a in stored.assessments if (d := measure(stored.turns, a.question_id))}
    interviews = SimpleNamespace(full_report=lambda _: build_report(stored, bank, said, sure))
    for words in (ZH, EN):
        page = report_html(interviews, bank, "spoken", words)  # type: ignore[arg-type]
        found = Tags(page)
        assert {"img", "script"} & set(found.tags) == set()
        assert not [name for name in found.attributes if name.startswith("on")]
        for heading in ("misconceptions", "sureness", "delivery", "advice", "in-reference"):
            assert word(heading, words.lang) in page
        assert page.count("<svg") == 2
        assert f"/report/{stored.info.id}.apkg" in page
        assert 'data-action="print"' in page
        assert '<mark class="filler">' in page
        assert 'class="pause"' in page


def test_feedback_has_delivery_beside_the_content() -> None:
    html = render(
        "feedback", EN, views=feedback_views(seen(held(answer="Firstly, a cache.")), BANK, EN), quiet=False, limits=""
    )
    assert "Looked at apart from the content" in html
    assert "Typed, so only length and structure can be known" in html
    assert "In the reference answer" not in html  # this bank's references say nothing of the points


@pytest.mark.parametrize("mode", ["practice", "real"])
def test_an_interview_without_a_graded_answer_is_not_praised_for_missing_nothing(mode: str) -> None:
    interviews = FakeInterviews(BANK)
    silent = interviews.add(ScriptedInterview(setup=Setup(lang="en", mode="real" if mode == "real" else "practice")))
    for _ in [*silent.proceed(), *silent.request(TurnKind.SKIP), *silent.request(TurnKind.END)]:
        pass
    page = report_html(interviews, BANK, silent.id, EN)  # type: ignore[arg-type]
    assert EN("study_unknown") in page
    assert EN("study_nothing") not in page


def test_about_says_what_runs_here_and_keeps_the_key(settings: Settings) -> None:
    page = about_html(FakeParts(replace(settings, api_key="sk-secret"), BANK), EN)  # type: ignore[arg-type]
    assert "Questions: 2, topics: 1" in page
    assert str(settings.data) in page
    assert "sk-secret" not in page
