"""The library: looking before keeping, changing one's own questions, and never losing anybody's work on the way."""

from __future__ import annotations

import textwrap
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

import interviewer.library as library_module
from interviewer.config import Settings, corpus_dir
from interviewer.domain.errors import BankError, InterviewerError
from interviewer.domain.questions import KeyPoint, LocalText, Question
from interviewer.ingest.bankfile import bank_text, read_bank_file, read_bank_text
from interviewer.ingest.editing import with_question, without_question
from interviewer.ingest.lint import lint_question
from interviewer.ingest.shelf import CHANGED, GONE, Shelf, fingerprint
from interviewer.library import SAME_IDS, TAKEN, Library
from interviewer.retrieval import BackgroundBuild

SHIPPED = """\
topic: caching
title: {zh: 缓存, en: Caching}
questions:
  - id: cache-stampede
    level: 2
    text: {zh: 什么是缓存击穿？, en: What is a cache stampede?}
    reference: {zh: 热点键过期，请求都打到数据库。, en: A hot key expires and requests hit the database.}
    key_points:
      - id: hot-key
        statement: {zh: 热点键过期, en: a hot key expires}
  - id: cache-eviction
    level: 1
    text: {zh: 缓存满了怎么办？, en: What happens when a cache is full?}
    reference: {zh: 按策略淘汰。, en: Entries are evicted by a policy.}
    key_points:
      - id: policy
        statement: {zh: 按策略淘汰, en: evicted by a policy}
"""
OWN = """\
# My notes. Don't lose this line.
topic: mine
title: {zh: 我的, en: Mine}
origin: derived
questions:
  # About the first one.
  - id: mine-1
    level: 1
    text: {zh: 什么是甲？}
    reference:
      zh: |
        甲是第一个。

        # 这一行是正文。
    key_points:
      - id: p1
        statement: {zh: 甲是第一个}
        # inside

  # About the second one.
  - id: mine-2
    level: 2
    text: {en: What is B?}
    reference: {en: B is the second.}
    key_points: [{id: p1, statement: {en: B is the second}}]
# The end.
"""
DOCUMENT = "# 笔记\n\n## 1. 什么是布隆过滤器？\n\n答案：\n\n- **误报**：可能说有而其实没有。\n- **漏报**：绝不会漏报。\n\n## 2. 什么是缓存击穿？\n\n答案：热点键过期的一瞬间，请求都打到了数据库上。\n"
PATH = Path("own.yaml")


@pytest.fixture
def library(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    """A library with a shipped bank of two questions."""
    (tmp_path / "corpus" / "bank").mkdir(parents=True)
    (tmp_path / "corpus" / "bank" / "caching.yaml").write_text(SHIPPED, encoding="utf-8")
    monkeypatch.setattr(library_module, "corpus_dir", lambda: tmp_path / "corpus")
    return Library(settings)


def document(folder: Path, text: str = DOCUMENT, name: str = "笔记.md") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def asked(library: Library, question_id: str) -> Question:
    question = library.bank.get(question_id)
    assert question is not None
    return question


# ---------------------------------------------------------------- the text of a file


def test_changing_a_question_keeps_every_other_line_of_the_file() -> None:
    old = read_bank_text(PATH, OWN).questions[0]
    text = with_question(PATH, OWN, replace(old, level=3))
    lines = OWN.splitlines()
    for line in ("# My notes. Don't lose this line.", "  # About the first one.", "  # About the second one.", "# The end."):
        assert line in text.splitlines()
    assert text.splitlines()[-8:] == lines[-8:]
    assert read_bank_text(PATH, text).questions[0] == replace(old, level=3)
    assert "# 这一行是正文" in read_bank_text(PATH, text).questions[0].reference.zh


def test_a_question_is_added_at_the_end_and_taken_out_again() -> None:
    new = replace(read_bank_text(PATH, OWN).questions[0], id="mine-3")
    grown = with_question(PATH, OWN, new)
    assert [q.id for q in read_bank_text(PATH, grown)] == ["mine-1", "mine-2", "mine-3"]
    assert without_question(PATH, grown, "mine-3") == OWN
    left = without_question(PATH, OWN, "mine-2")
    assert left is not None
    assert [q.id for q in read_bank_text(PATH, left)] == ["mine-1"]
    assert without_question(PATH, left, "mine-1") is None


@pytest.mark.parametrize(
    "questions",
    [
        "questions: [{id: q, level: 1, text: {en: A}, reference: {en: B}, key_points: [{id: p, statement: {en: C}}]}]\n",
        "questions:\n- \n  id: q\n  level: 1\n  text: {en: A}\n  reference: {en: B}\n  key_points: [{id: p, statement: {en: C}}]\n",
        '"questions":\n- {id: q, level: 1, text: {en: A}, reference: {en: B}, key_points: [{id: p, statement: {en: C}}]}',
    ],
)
def test_any_layout_of_yaml_can_be_changed(questions: str) -> None:
    text = "# kept\ntopic: t\ntitle: {en: T}\n" + questions
    old = read_bank_text(PATH, text).questions[0]
    changed = with_question(PATH, text, replace(old, level=2))
    assert changed.startswith("# kept\n")
    assert read_bank_text(PATH, changed).questions == (replace(old, level=2),)
    both = with_question(PATH, text, replace(old, id="r"))
    assert [q.id for q in read_bank_text(PATH, both)] == ["q", "r"]


def test_the_shipped_files_keep_their_comments_when_one_question_changes() -> None:
    path = corpus_dir() / "bank" / "adaptation.yaml"
    text = path.read_text(encoding="utf-8")
    first = read_bank_file(path).questions[0]
    changed = with_question(path, text, replace(first, level=3))
    assert changed.endswith(text[text.index(f"\n  - id: {read_bank_file(path).questions[1].id}") :])


TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=60).map(str.strip).filter(bool)


@given(TEXTS, TEXTS, TEXTS)
@given_settings(max_examples=40)
def test_whatever_is_written_comes_back(text: str, phrase: str, name: str) -> None:
    old = read_bank_text(PATH, OWN).questions[0]
    point = KeyPoint(
        "p1", LocalText(text, phrase), 2, ((name, phrase),), (phrase,), (text,), LocalText(en=text), (LocalText(zh=name),)
    )
    new = replace(old, text=LocalText(text, f"{phrase}\n{name}"), key_points=(point,))
    written = with_question(PATH, OWN, new)
    assert read_bank_text(PATH, written).questions[0] == new
    assert "# The end." in written


# ---------------------------------------------------------------- the shelf


def test_two_who_edit_at_once_lose_nothing(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN, encoding="utf-8")
    shelf = Shelf(tmp_path)
    one, two = shelf.read()[0].bank.questions
    shelf.change(replace(one, level=2), fingerprint(one))
    with pytest.raises(BankError, match=CHANGED):
        shelf.change(replace(one, level=3), fingerprint(one))
    with pytest.raises(BankError, match=CHANGED):
        shelf.delete("mine-1", fingerprint(one))
    shelf.change(replace(two, level=3), fingerprint(two))  # another question of the same file
    assert [q.level for q in shelf.read()[0].bank] == [2, 3]
    with pytest.raises(BankError, match=GONE):
        shelf.change(replace(one, id="mine-9"), fingerprint(one))


def test_many_writers_at_once_all_get_their_change_in(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN, encoding="utf-8")
    base = Shelf(tmp_path).read()[0].bank.questions[0]
    threads = [
        threading.Thread(target=Shelf(tmp_path).add, args=(replace(base, id=f"new-{n}"), "own", LocalText(en="Own")))
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {q.id for q in Shelf(tmp_path).read()[0].bank} == {"mine-1", "mine-2", *(f"new-{n}" for n in range(6))}
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []


def test_a_whole_file_is_deleted_by_its_exact_name_and_state_only(tmp_path: Path) -> None:
    (tmp_path / "banks").mkdir()
    outside = tmp_path / "outside.yaml"
    outside.write_text(OWN, encoding="utf-8")
    (tmp_path / "banks" / "own.yaml").write_text(OWN, encoding="utf-8")
    shelf = Shelf(tmp_path / "banks")
    seen = shelf.read()[0].seen
    for name in ("../outside.yaml", str(outside), "own", "", "own.yaml\0"):
        with pytest.raises(BankError):
            shelf.remove(name, seen)
    with pytest.raises(BankError, match=CHANGED):
        shelf.remove("own.yaml", "something else")
    shelf.remove("own.yaml", seen)
    assert shelf.read() == ()
    assert outside.exists()


def test_the_last_question_takes_its_file_along(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    question = read_bank_text(PATH, OWN).questions[1]
    shelf.add(question, "one", LocalText(en="One"))
    shelf.delete(question.id, fingerprint(question))
    assert shelf.read() == ()


def test_a_bad_file_is_a_problem_and_can_be_deleted(library: Library, settings: Settings) -> None:
    settings.banks_dir.mkdir(parents=True)
    (settings.banks_dir / "bad.yaml").write_text("topic: [", encoding="utf-8")
    (settings.banks_dir / "bytes.yaml").write_bytes(b"\xff\xfe\xfa")
    library.reload()
    assert len(library.bank) == 2
    assert {Path(problem.split(":")[0]).name for problem in library.problems} == {"bad.yaml", "bytes.yaml"}
    for own in library.own:
        library.delete_bank(own.path.name, own.seen)
    assert library.problems == ()


# ---------------------------------------------------------------- shipped questions


def test_a_changed_copy_takes_the_shipped_questions_place_until_it_is_deleted(library: Library) -> None:
    before = library.bank
    old = asked(library, "cache-stampede")
    library.change(replace(old, level=3), fingerprint(old))
    assert [q.id for q in library.bank] == [q.id for q in before]
    assert asked(library, "cache-stampede").level == 3
    assert library.is_own("cache-stampede")
    assert library.bank.topics == before.topics
    other = asked(library, "cache-eviction")
    library.change(replace(other, level=2), fingerprint(other))
    assert len(library.own) == 1  # one file a topic
    with pytest.raises(BankError, match=CHANGED):
        library.change(replace(old, level=1), fingerprint(old))
    library.delete("cache-stampede", fingerprint(replace(old, level=3)))
    assert asked(library, "cache-stampede") == old
    assert not library.is_own("cache-stampede")
    with pytest.raises(BankError, match=GONE):
        library.delete("cache-stampede", fingerprint(old))  # a shipped one can't be deleted


def test_a_document_never_takes_a_shipped_questions_place(library: Library, settings: Settings) -> None:
    question = replace(asked(library, "cache-stampede"), level=3, origin="derived")
    settings.banks_dir.mkdir(parents=True)
    (settings.banks_dir / "sly.yaml").write_text(
        bank_text("caching", LocalText(en="x"), [question], "derived"), encoding="utf-8"
    )
    library.reload()
    assert asked(library, "cache-stampede").level == 2
    assert "cache-stampede" in library.problems[0]


# ---------------------------------------------------------------- documents


def test_a_preview_writes_nothing_and_names_what_is_known(library: Library, settings: Settings, tmp_path: Path) -> None:
    prose = document(tmp_path, "只是一段关于缓存的话。", "prose.txt")
    preview = library.preview([document(tmp_path), prose])
    assert [report.questions for report in preview.result.files] == [2, 0]
    assert preview.twins == {"笔记-2": "cache-stampede"}
    assert [text.name for text in preview.reading] == ["prose"]
    assert not settings.banks_dir.exists()
    assert len(library.bank) == 2
    library.keep(preview, only_new=True)
    assert [q.id for q in library.bank] == ["cache-stampede", "cache-eviction", "笔记-1"]
    assert [path.name for path in library.texts()] == ["prose.txt"]


def test_a_document_of_a_name_that_is_there_is_only_replaced_on_purpose(library: Library, tmp_path: Path) -> None:
    library.keep(library.preview([document(tmp_path)]))
    old = asked(library, "笔记-1")
    library.change(replace(old, level=3), fingerprint(old))
    again = library.preview([document(tmp_path)])
    assert again.twins == {"笔记-2": "cache-stampede"}  # what it would replace is no twin
    with pytest.raises(BankError, match=TAKEN):
        library.keep(again)
    assert asked(library, "笔记-1").level == 3
    library.keep(again, "second")
    assert asked(library, "second-1").topic == "second"
    assert asked(library, "笔记-1").level == 3
    library.keep(again, replacing=True)
    assert asked(library, "笔记-1").level == 1
    assert len(library.own) == 2


@pytest.mark.parametrize("name", ["../../evil", "a/b\\c", "..", "<img src=x>", "con.yaml\n", "名" * 90, "-", "%2e%2e"])
def test_a_name_never_leads_out_of_the_folder(library: Library, settings: Settings, tmp_path: Path, name: str) -> None:
    library.keep(library.preview([document(tmp_path)]), name)
    files = [path for path in settings.data.rglob("*") if path.is_file() and path.name != ".lock"]
    assert [path.parent for path in files] == [settings.banks_dir]
    assert files[0].suffix == ".yaml"
    assert library.problems == ()
    assert len(library.bank) == 4


def test_two_files_never_hold_the_same_questions(library: Library, settings: Settings, tmp_path: Path) -> None:
    library.keep(library.preview([document(tmp_path)]), "My Notes")
    with pytest.raises(BankError, match=TAKEN):
        library.keep(library.preview([document(tmp_path)]), "my notes!")
    (settings.banks_dir / "my-notes.yaml").rename(settings.banks_dir / "moved.yaml")
    library.reload()
    with pytest.raises(BankError, match=SAME_IDS):
        library.keep(library.preview([document(tmp_path)]), "my notes")
    assert len(library.own) == 1


def test_texts_are_deleted_by_exact_name(library: Library, settings: Settings, tmp_path: Path) -> None:
    library.keep(library.preview([document(tmp_path, "布隆过滤器可能误报。", "prose.txt")]))
    for name in ("../prose.txt", str(settings.documents_dir / "prose.txt"), "PROSE.TXT/"):
        library.delete_text(name)
    assert len(library.texts()) == 1
    library.delete_text("prose.txt")
    library.delete_text("prose.txt")
    assert library.texts() == []


# ---------------------------------------------------------------- the index


def test_the_index_follows_and_the_old_one_serves_meanwhile(library: Library, tmp_path: Path) -> None:
    old = library.index
    gate, waiting = threading.Event(), threading.Event()
    notes: list[tuple[int, int]] = []

    def slowly(done: int, total: int) -> None:
        notes.append((done, total))
        waiting.set()
        assert gate.wait(30)

    background = BackgroundBuild(lambda note: library.reindex(lambda d, t: (note(d, t), slowly(d, t))[1]))
    assert background.state.status == "idle"
    library.keep(library.preview([document(tmp_path)]))
    background.start()
    assert waiting.wait(30)
    assert background.state.status == "running"
    assert background.state.total > 0
    assert library.index is old  # nobody waits for the new one
    gate.set()
    assert background.wait(30).status == "done"
    assert library.index.search("布隆过滤器", 1)[0].passage.question_id == "笔记-1"
    assert notes[-1][0] == notes[-1][1]


def test_a_build_that_was_asked_for_during_another_one_still_runs() -> None:
    gate, begun = threading.Event(), threading.Event()
    runs: list[int] = []

    def build(note: Callable[[int, int], None]) -> None:
        runs.append(1)
        begun.set()
        assert gate.wait(30)
        if len(runs) == 3:
            raise InterviewerError("no encoder")
        if len(runs) == 4:
            raise ZeroDivisionError

    background = BackgroundBuild(build)
    background.start()
    assert begun.wait(30)
    background.start()
    background.start()
    gate.set()
    assert background.wait(30).status == "done"
    assert len(runs) == 2
    for error in ("no encoder", ""):
        background.start()
        state = background.wait(30)
        assert (state.status, state.error) == ("failed", error)


# ---------------------------------------------------------------- advice


def test_advice_on_an_edited_question_looks_at_what_it_has() -> None:
    question = read_bank_text(PATH, textwrap.dedent(OWN)).questions[0]
    assert lint_question(question) == []
    point = replace(
        question.key_points[0],
        terms=(("梯度裁剪", "gradient clipping"),),
        probe=LocalText(zh="梯度裁剪是怎么做的？"),
        accepted=("甲排第一",),
        contrasts=("甲排第一",),
    )
    found = lint_question(replace(question, key_points=(point,)))
    assert {(name, severity) for name, severity, _ in found} == {("p1", "error")}
    assert len(found) == 2
