"""The question bank's page: what it lists, what its form takes back, and that no stranger's text becomes markup or a path."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

import interviewer.library as library_module
from interviewer.config import Settings, load_settings
from interviewer.domain.questions import LANGS, Bank, Hit, KeyPoint, Lang, LocalText, Misconception, Passage, Question, Reading
from interviewer.ingest.bankfile import bank_text
from interviewer.ingest.lint import lint_question
from interviewer.ingest.shelf import fingerprint
from interviewer.library import Library
from interviewer.retrieval import BackgroundBuild
from interviewer.storage import open_store
from interviewer.storage.disputes import SqlDisputes
from interviewer.ui.bank_disputes import SETTLED
from interviewer.ui.bank_form import LONGEST_FIELD, MOST_POINTS, draft_from, draft_of, edited
from interviewer.ui.bank_page import BankPage
from interviewer.ui.bank_upload import BankUpload
from interviewer.ui.bank_views import PER_PAGE, Filters, filters_from, listing, topic_options
from interviewer.ui.words import words_for
from tests.test_ui_views import Tags
from tests.ui_fakes import NASTY

EN, ZH = words_for("en"), words_for("zh")
AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
EVERYTHING = ("", "", 0, "all")


def shipped(number: int, topic: str = "alpha") -> Question:
    return Question(
        id=f"{topic}-q{number}",
        topic=topic,
        level=number % 3 + 1,
        text=LocalText(f"第{number}题？", f"Question {number}?"),
        reference=LocalText("参考。", "Reference."),
        key_points=(
            KeyPoint(
                "one",
                LocalText("要点", "a point"),
                2.5,
                (("甲", "a, b"), ("p(x|z)",)),
                ("说法",),
                ("错的",),
                LocalText("追问？", "Why?"),
                (LocalText("提示一", "hint one"), LocalText("", "hint two"), LocalText("提示三")),
            ),
            KeyPoint("two", LocalText(en="second"), 1),
        ),
        rephrasings=(LocalText("换个问法？", "Otherwise?"),),
        misconceptions=(Misconception(LocalText(en="wrong"), LocalText(en="right")),),
        related=(f"{topic}-q1",),
        sources=("notes#1",),
        reading=(Reading("A work", "https://example.org/work"),),
    )


def nasty() -> Question:
    """A question in which every text tries to become markup."""
    text = LocalText(NASTY, NASTY)
    point = KeyPoint("p", text, 1, ((NASTY,),), (NASTY,), (NASTY,), text, (text,))
    return replace(
        shipped(1, "evil"), text=text, reference=text, key_points=(point,), rephrasings=(text,), sources=(NASTY,),
        misconceptions=(Misconception(text, text),), reading=(Reading(NASTY, "https://example.org/x"),), origin="derived",
    )  # fmt: skip


class BankParts:
    """What the bank's page needs of `wiring.Parts`: a real library and real disputes; an index that is rebuilt when told."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.library = Library(settings)
        self.store = open_store("sqlite://")
        self.disputes = SqlDisputes(self.store)
        self.indexed = 0
        self.indexing = BackgroundBuild(self._build)
        self.hits: list[Hit] = []

    def _build(self, note: Any) -> None:
        note(1, 2)
        self.indexed += 1

    @property
    def bank(self) -> Bank:
        return self.library.bank

    @property
    def problems(self) -> tuple[str, ...]:
        return self.library.problems

    @property
    def retriever(self) -> Any:
        return SimpleNamespace(search=lambda query, k: self.hits[:k])


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BankParts]:
    """45 shipped questions of two topics."""
    folder = tmp_path / "corpus" / "bank"
    folder.mkdir(parents=True)
    for topic, size in (("alpha", 40), ("beta", 5)):
        questions = [shipped(n, topic) for n in range(1, size + 1)]
        text = bank_text(topic, LocalText(f"题{topic}", topic.title()), questions, "authored")
        (folder / f"{topic}.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(library_module, "corpus_dir", lambda: tmp_path / "corpus")
    made = BankParts(load_settings({}, data=tmp_path / "data"))
    yield made
    made.indexing.wait(30)
    made.store.close()


def page_of(parts: BankParts, lang: Lang = "en") -> BankPage:
    async def built() -> BankPage:  # inside a running loop: outside one, Gradio makes loops of its own and never closes them
        with gr.Blocks(analytics_enabled=False), gr.Tabs(), gr.Tab("bank") as tab:
            page = BankPage(parts, words_for(lang))  # type: ignore[arg-type]
            page.build(tab)
        return page

    return asyncio.run(built())


def press(page: BankPage, filters: tuple[Any, ...] = EVERYTHING, number: Any = 1, /, **data: Any) -> dict[str, Any]:
    """What a press changes, by the component's id."""
    event = gr.EventData(target=None, _data=data)
    return named(page.pressed(*filters, number, event))


def named(changes: dict[Any, Any]) -> dict[str, Any]:
    return {component.elem_id or type(component).__name__: value for component, value in changes.items()}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the page said in the corner."""
    said: list[str] = []
    for kind in ("Warning", "Info"):
        monkeypatch.setattr(gr, kind, lambda text, **_: said.append(text))
    return said


# ---------------------------------------------------------------- browsing


def test_questions_come_a_page_at_a_time_and_filters_narrow_them(parts: BankParts) -> None:
    library = parts.library
    everything = listing(library, None, Filters(), 1, EN)
    assert (everything.total, everything.pages, everything.first, everything.last) == (45, 3, 1, PER_PAGE)
    last = listing(library, None, Filters(), 99, EN)
    assert (last.page, last.last, len(last.rows)) == (3, 45, 5)
    assert listing(library, None, Filters(topic="beta"), 1, EN).total == 5
    assert {row.level for row in listing(library, None, Filters(level=2), 1, EN).rows} == {EN("level_2")}
    assert listing(library, None, Filters(origin="own"), 1, EN).total == 0
    assert listing(library, None, Filters(origin="incomplete"), 1, EN).total == 45  # the second point has no hint
    assert topic_options(parts.bank, ZH) == [("全部主题（45）", ""), ("题alpha（40）", "alpha"), ("题beta（5）", "beta")]


@given(st.tuples(*[st.none() | st.text(max_size=5) | st.integers() | st.lists(st.integers(), max_size=2)] * 4))
def test_any_filter_a_browser_sends_is_brought_into_range(values: tuple[Any, ...]) -> None:
    filters = filters_from(*values)
    assert filters.level in (0, 1, 2, 3)
    assert filters.origin in ("all", "shipped", "own", "changed", "incomplete")


def test_a_search_gives_questions_best_first_with_the_passage_and_spoils_nothing(parts: BankParts) -> None:
    def hit(question_id: str | None, field: str, score: float, text: str) -> Hit:
        return Hit(Passage("id", text, f"alpha/{question_id}#{field}.en:0", 0, 1, (), question_id, "en"), score)

    parts.hits = [
        hit("alpha-q7", "point.one", 0.9, "the secret"), hit("alpha-q7", "question", 0.8, "Question 7?"),
        hit("gone", "question", 0.7, "deleted since"), hit(None, "x", 0.6, "my notes say"),
        hit("beta-q2", "question", 0.5, "Question 2?"), hit("beta-q3", "question", 0.1, "chance"),
    ]  # fmt: skip
    found = listing(parts.library, parts.retriever, Filters(query="secret"), 1, EN)
    assert [(row.id, row.reveals) for row in found.rows] == [("alpha-q7", True), ("beta-q2", False)]
    assert [text for _, text in found.texts] == ["my notes say"]
    html = named(page_of(parts).filtered("secret", "", 0, "all"))["bank-list"]
    assert re.search(r"<details class=\"bank-hit\">.*the secret", html, re.DOTALL)
    assert listing(parts.library, parts.retriever, Filters(query="x", topic="beta"), 1, EN).total == 1


def test_thousands_of_imported_questions_are_listed_as_one_page(parts: BankParts) -> None:
    parts.settings.banks_dir.mkdir(parents=True)
    text, point = LocalText(en="What is it?"), KeyPoint("p1", LocalText(en="it is this"))
    many = [Question(f"many-{n}", "many", 1, text, text, (point,), origin="derived") for n in range(1500)]
    (parts.settings.banks_dir / "many.yaml").write_text(bank_text("many", LocalText(en="Many"), many, "derived"))
    parts.library.reload()
    changes = press(page_of(parts), action="page", page="40")
    assert changes["bank-list"].count("bank-row") < 60
    assert "781–800 of 1545" in changes["bank-list"]


# ---------------------------------------------------------------- the form


def test_the_form_gives_back_what_it_was_given() -> None:
    question = shipped(1)
    assert edited(draft_of(question), question, EN) == (question, [])
    for other in (
        nasty(),
        replace(question, key_points=(KeyPoint("p", LocalText("a\nb", "c"), 1, (("x | y", "z"), ("| w",))),)),
    ):
        assert edited(draft_of(other), other, EN)[0] == other


def test_what_is_typed_becomes_the_question() -> None:
    question = shipped(1)
    posted = {
        "level": "3", "text_zh": " 新题？ ", "text_en": "", "reference_zh": "答案。\r\n第二段。", "reference_en": "",
        "points": [
            {"id": "two", "weight": "3", "statement_zh": "新的\x00", "terms": "缓存 | cache\n命中，hit、 命中率\nKV,cache 1,000", "hints_zh": "\n浅", "hints_en": "deep"},
            {"id": "", "weight": "1", "statement_en": "added"},
            {"id": "two", "statement_en": "a second of the same id", "weight": "2"},
            {"weight": "2", "terms": " \n", "probe_zh": "  "},
        ],
    }  # fmt: skip
    new, problems = edited(draft_from(posted), question, EN)
    assert problems == []
    assert new is not None
    assert (new.level, new.text, new.reference) == (3, LocalText("新题？"), LocalText("答案。\n第二段。"))
    first, second, third = new.key_points
    assert (first.id, second.id, third.id) == ("two", "p1", "p2")
    assert first.terms == (("缓存", "cache"), ("命中", "hit", "命中率"), ("KV", "cache 1,000"))
    assert first.hints == (LocalText("", "deep"), LocalText("浅"))
    assert (new.id, new.rephrasings, new.misconceptions, new.reading) == (question.id, question.rephrasings, question.misconceptions, question.reading)  # fmt: skip


@pytest.mark.parametrize("lang", LANGS)
def test_every_field_says_what_is_wrong_with_it_in_the_pages_language(lang: Lang) -> None:
    words, question = words_for(lang), shipped(1)
    draft = draft_of(question)
    bad = replace(
        draft,
        fields={**draft.fields, "level": "9", "text_zh": " ", "text_en": ""},
        points=(
            dict.fromkeys(draft.points[0], ""),
            {**draft.points[1], "statement_en": "", "probe_en": "x", "weight": "heavy"},
        ),
    )
    new, problems = edited(bad, question, words)
    assert new is None
    assert {problem.field for problem in problems} == {"bank-level", "bank-text_zh", "bank-p1-statement_zh", "bank-p1-weight"}
    for problem in problems:
        assert bool(re.search("[\u4e00-\u9fff]", problem.message)) == (lang == "zh")
    _, none_left = edited(replace(draft, points=()), question, words)
    assert [problem.message for problem in none_left] == [words("bank_error_no_points")]


def test_huge_fields_and_floods_of_points_are_refused() -> None:
    question = shipped(1)
    draft = draft_of(question)
    long = replace(draft, points=({**draft.points[0], "accepted": "x" * (LONGEST_FIELD + 1)},))
    assert [problem.field for problem in edited(long, question, EN)[1]] == ["bank-p0-accepted"]
    flood = replace(draft, points=draft.points[:1] * (MOST_POINTS + 1))
    assert edited(flood, question, EN)[0] is None


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["points", "level", "text_zh", "statement_en", "terms", "id", "weight"]), inner, max_size=5
        )
    ),
    max_leaves=20,
)


@given(JSON)
@given_settings(max_examples=50)
def test_whatever_is_posted_is_a_question_or_a_list_of_problems(posted: Any) -> None:
    new, problems = edited(draft_from(posted), shipped(1), ZH)
    assert (new is None) == bool(problems)


def test_all_the_linter_says_is_said_in_chinese() -> None:
    """Also of what the shipped bank never does: its words may not be English in a Chinese page."""
    question = shipped(1)
    close = KeyPoint(
        "x", LocalText("梯度裁剪限制梯度范数的大小", ""), 1, (("梯度裁剪",),), ("一样的话",), ("一样的话", "一样的话 "),
        LocalText("梯度裁剪限制梯度范数的大小吗？", "Why?"), (LocalText("梯度裁剪限制梯度范数的大小"),),
    )  # fmt: skip
    wild = replace(
        question, text=LocalText("一？二？", ""), reference=LocalText("没说完，", "x"), rephrasings=(LocalText("a"),), level=2,
        key_points=(close, replace(close, id="y")), misconceptions=(Misconception(LocalText("a"), LocalText("b")),),
        related=(question.id,), reading=(),
    )  # fmt: skip
    bare = replace(wild, rephrasings=(), misconceptions=(), key_points=(KeyPoint("z", LocalText("甲乙丙")),))
    said = {message for q in (wild, bare, question) for _, _, message in lint_question(q)}
    assert len(said) > 20
    for message in said:
        assert re.search("[\u4e00-\u9fff]", ZH.problem(message).replace("梯度", "")), message
        assert not re.search(r"\b(?:has|the|is|are)\b", ZH.problem(message)), message


# ---------------------------------------------------------------- pressing


def test_a_shipped_question_is_edited_as_a_copy_and_restored(parts: BankParts, told: list[str]) -> None:
    page = page_of(parts)
    html = press(page, action="open", question="alpha-q1")["bank-question"]
    assert 'data-action="delete"' not in html
    assert re.search(r"<details class=\"bank-reveal\">.*A work", html, re.DOTALL)
    assert 'rel="noopener noreferrer"' in html
    form = press(page, action="edit", question="alpha-q1", point="two")["bank-question"]
    assert 'data-id="two" data-target' in form
    seen = fingerprint(parts.bank.questions[0])
    posted = {**draft_of(parts.bank.questions[0]).fields, "level": "3", "points": [{"statement_en": "only", "weight": "1"}]}
    saved = press(page, action="save", question="alpha-q1", seen=seen, form=posted)["bank-question"]
    assert parts.bank.questions[0].level == 3
    assert "Worth a look" in saved
    assert told == [EN("bank_saved")]
    parts.indexing.wait(30)
    assert parts.indexed == 1
    press(page, action="delete", question="alpha-q1", seen=fingerprint(parts.bank.questions[0]))
    assert parts.bank.questions[0] == shipped(1)


def test_a_second_tab_that_saves_late_keeps_its_text_and_loses_nobodys(parts: BankParts, told: list[str]) -> None:
    one, two = page_of(parts), page_of(parts, "zh")
    seen = fingerprint(parts.bank.questions[0])
    posted = {**draft_of(parts.bank.questions[0]).fields, "points": [{"statement_en": "first", "weight": "1"}]}
    press(one, action="save", question="alpha-q1", seen=seen, form=posted)
    late = {**posted, "points": [{"statement_en": "typed in the second tab", "weight": "1"}]}
    html = press(two, action="save", question="alpha-q1", seen=seen, form=late)["bank-question"]
    assert "已在别处被改过" in html
    assert "typed in the second tab" in html
    assert parts.bank.questions[0].key_points[0].statement.en == "first"
    assert press(two, action="delete", question="alpha-q1", seen=seen).keys() == {"bank-list"}
    assert "已在别处被改过" in told[-1]


STRANGE: list[dict[str, Any]] = [
    {}, {"action": "explode"}, {"action": "open", "question": "nobody"}, {"action": "edit", "question": ["x"]},
    {"action": "save", "question": "nobody", "form": 3}, {"action": "delete", "question": "alpha-q1"},
    {"action": "remove-bank", "name": "../x.yaml"}, {"action": "remove-text", "name": "/etc/passwd"},
    {"action": "accepted", "dispute": "one"}, {"action": "rejected", "dispute": 99}, {"action": "page", "page": "-4"},
    {"action": "page", "page": "9" * 40}, {"action": "browse", "topic": NASTY, "origin": NASTY},
]  # fmt: skip


def test_no_press_of_a_strangers_breaks_anything(parts: BankParts, told: list[str]) -> None:
    before, page = parts.bank, page_of(parts)
    for data in STRANGE:
        assert press(page, (None, 7, "x", []), None, **data), data
    assert parts.bank.questions == before.questions


def test_disputes_are_shown_with_their_point_and_kept_when_resolved(parts: BankParts, told: list[str]) -> None:
    parts.disputes.file("alpha-q1", "two", "s1", f"not so {NASTY}", f"I said {NASTY}", AT)
    parts.disputes.file("gone", None, None, "", "", AT)
    page = page_of(parts)
    html = page.queue.html()
    assert "second" in html
    assert "gone" in html
    assert EN("bank_settled", n=0) not in html
    first, second = parts.disputes.open()
    left = press(page, action="accepted", dispute=str(first.id))["bank-disputes"]
    open_ones, settled = left.split('<details class="bank-settled">')
    assert "not so" not in open_ones
    assert EN("bank_disputes_n", n=1) in open_ones
    assert EN("bank_settled", n=1) in settled
    assert EN("bank_accepted") in settled
    assert "not so" in settled
    assert "data-action" not in settled
    assert [d.status for d in parts.disputes.of_session("s1")] == ["accepted"]
    press(page, action="rejected", dispute=str(first.id))  # from a window that still showed it
    assert told == [EN("bank_resolved"), EN("problem_settled")]
    left = press(page, action="rejected", dispute=str(second.id))["bank-disputes"]
    assert EN("bank_no_disputes") in left
    assert left.index(EN("bank_rejected")) < left.index(EN("bank_accepted"))


def test_of_many_settled_disputes_the_oldest_are_counted(parts: BankParts) -> None:
    for n in range(SETTLED + 2):
        parts.disputes.resolve(parts.disputes.file("alpha-q1", None, None, f"objection {n}.", "", AT), "rejected", AT)
    html = page_of(parts).queue.html()
    assert EN("bank_settled", n=SETTLED + 2) in html
    assert EN("bank_settled_more", n=2) in html
    assert "objection 51." in html
    assert "objection 1." not in html


def test_a_point_pressed_elsewhere_lies_open_in_its_question(parts: BankParts, told: list[str]) -> None:
    page = page_of(parts)
    html = named(page.entry("alpha-q1", "two"))["bank-question"]
    assert '<details class="bank-reveal" open>' in html
    focused = re.findall(r"<[^>]*data-focus[^>]*>([^<]*<[^<]*<[^<]*<p[^>]*>[^<]*)", html)
    assert len(focused) == 1
    assert "second" in focused[0]
    html = named(page.entry("alpha-q1", "gone"))["bank-question"]
    assert '<details class="bank-reveal">' in html
    assert "<h3 data-focus" in html
    assert "bank-question" not in named(page.entry("nobody", "two"))
    assert told == [EN("bank_gone")]


async def _statuses(page: BankPage) -> list[str]:
    return [html async for html in page.follow()]


def test_the_index_says_when_it_is_done(parts: BankParts) -> None:
    page = page_of(parts)
    assert "progress" not in asyncio.run(_statuses(page))[-1]
    parts.indexing.start()
    assert EN("bank_index_done") in asyncio.run(_statuses(page))[-1]


# ---------------------------------------------------------------- adding


def uploaded(parts: BankParts, tmp_path: Path, text: str, name: str = "notes.md") -> tuple[BankUpload, dict[str, Any], Any]:
    upload = page_of(parts).upload
    (tmp_path / name).write_text(text, encoding="utf-8")
    changes = upload.look([str(tmp_path / name)])
    return upload, named(changes), changes[upload.preview]


DOCUMENT = "## 1. What is a bloom filter?\n\nAnswer: It may say yes wrongly, and it never says no wrongly.\n\n## 2. Question 7?\n\nAnswer: It is known to the bank already.\n\n## 3. Empty?\n"


def test_nothing_is_saved_before_the_person_says_so(parts: BankParts, told: list[str], tmp_path: Path) -> None:
    upload, changes, preview = uploaded(parts, tmp_path, DOCUMENT)
    assert "3 questions found" in changes["bank-found"]
    assert "Line 9" in changes["bank-found"]
    assert "bloom filter" in changes["bank-found"]
    assert changes["bank-name"]["value"] == "notes"
    assert not parts.settings.banks_dir.exists()
    assert named(upload.empty())["bank-preview"]["visible"] is False
    kept = upload.save(preview, "Kept", True)
    assert upload.kept in kept
    assert told == [EN("bank_kept")]
    assert [q.id for q in parts.bank][45:] == [f"kept-{q.id.rpartition('-')[2]}" for q in preview.result.questions if q.id not in preview.twins]  # fmt: skip
    asking = named(upload.save(preview, "Kept", False))
    assert asking["bank-replace"]["visible"] is True
    assert upload.kept in upload.save_over(preview, "Kept", False)
    assert upload.look(None)
    assert upload.save(None, "x", False)
    assert told[-1] == EN("bank_nothing_left")


def test_a_document_that_cannot_be_read_is_explained(parts: BankParts, tmp_path: Path) -> None:
    _, changes, _ = uploaded(parts, tmp_path, "  \n")
    assert "is empty" in changes["bank-found"]
    assert changes["bank-keep"]["visible"] is False


# ---------------------------------------------------------------- strangers' texts


@pytest.mark.parametrize("lang", LANGS)
def test_no_text_of_a_stranger_becomes_markup(parts: BankParts, lang: Lang, tmp_path: Path, told: list[str]) -> None:
    question = nasty()
    parts.settings.banks_dir.mkdir(parents=True)
    text = bank_text("evil", LocalText(NASTY, NASTY), [question], "derived")
    (parts.settings.banks_dir / "evil.yaml").write_text(text, encoding="utf-8")
    (parts.settings.banks_dir / "bad.yaml").write_text(f"{NASTY}: [", encoding="utf-8")
    parts.library.reload()
    parts.disputes.file(question.id, "p", None, NASTY, NASTY, AT)
    parts.hits = [
        Hit(Passage("id", NASTY, "x#point.p.en", 0, 1, (), question.id, "en"), 1.0),
        Hit(Passage("id", NASTY, NASTY, 0, 1), 0.9),
    ]
    page = page_of(parts, lang)
    _, found, _ = uploaded(parts, tmp_path, f"## 1. {NASTY}?\n\nAnswer: {NASTY} is what it is, and nothing else at all.\n")
    queued = page.queue.html()
    shown = [
        named(page.filtered(NASTY, "", 0, "all"))["bank-list"],
        press(page, action="open", question=question.id)["bank-question"],
        press(page, action="edit", question=question.id)["bank-question"],
        press(page, action="save", question=question.id, form={"points": [{"terms": NASTY}]})["bank-question"],
        queued,
        press(page, action="rejected", dispute=parts.disputes.open()[0].id)["bank-disputes"],
        page._documents(),
        found["bank-found"],
    ]
    for html in shown:
        tags = Tags(html)
        assert not {"img", "script", "b1"} & set(tags.tags)
        assert not [name for name in tags.attributes if name.startswith("on")]
        assert "onerror" in html  # it is shown, as text
