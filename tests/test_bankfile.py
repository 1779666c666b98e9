"""Bank files: every problem at once with its line, and a faithful round trip."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interviewer.config import corpus_dir
from interviewer.domain.errors import BankError
from interviewer.domain.questions import KeyPoint, LocalText, Misconception, Question, Reading
from interviewer.ingest.bankfile import dump_bank_file, load_bank, load_located, read_bank_file

GOOD = """\
topic: caching
title: {zh: 缓存, en: Caching}
questions:
  - id: cache-stampede
    level: 2
    text: {zh: 什么是缓存击穿？, en: What is a cache stampede?}
    reference:
      zh: >-
        热点键过期的一瞬间，
        大量请求同时打到数据库；可以用 mutex
        只放一个请求去重建。
      en: When a hot key expires, many requests hit the database at once.
    key_points:
      - id: hot-key
        statement: {zh: 热点键过期, en: no}
        weight: 3
        terms: [[热点键, hot key], [1.0, yes]]
        accepted: [1e-5, 2024-01-01]
    related:
    reading: [{title: Caching, url: https://example.org/caching}]
"""


def write(path: Path, text: str) -> Path:
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def problems(path: Path) -> list[str]:
    with pytest.raises(BankError) as caught:
        read_bank_file(path)
    return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]


def test_a_good_file_reads_as_written(tmp_path: Path) -> None:
    bank = read_bank_file(write(tmp_path / "a.yaml", GOOD))
    question = bank.questions[0]
    assert (question.topic, question.level, question.origin) == ("caching", 2, "authored")
    assert bank.topic_title("caching", "zh") == "缓存"
    point = question.key_points[0]
    assert (point.weight, point.terms, point.accepted) == (3, (("热点键", "hot key"), ("1.0", "yes")), ("1e-5", "2024-01-01"))
    assert point.statement.en == "no"
    assert question.related == ()
    assert question.reading == (Reading("Caching", "https://example.org/caching"),)


def test_folding_leaves_no_spaces_between_chinese_characters(tmp_path: Path) -> None:
    reference = read_bank_file(write(tmp_path / "a.yaml", GOOD)).questions[0].reference
    assert reference.zh == "热点键过期的一瞬间，大量请求同时打到数据库；可以用 mutex 只放一个请求去重建。"


def test_all_problems_of_a_file_come_at_once_with_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.yaml",
        """\
        topic: caching
        title: {zh: 缓存}
        questions:
          - id: Two Words
            level: 5
            text: hello
            colour: red
            reference: {zh: "  "}
            key_points:
              - id: k
                statement: {zh: [a]}
                weight: big
                terms: [a]
              - id: k
                statement: {zh: fine, zh: twice}
        """,
    )
    found = problems(path)
    expected = {
        4: "lower-case",
        5: "1, 2 or 3",
        6: "must be fields",
        7: "unknown field 'colour'",
        8: "zh or en",
        11: "one text",
        12: "1, 2 or 3",
        13: "must be a list",
        14: "two key points are called 'k'",
        15: "'zh' twice",
    }
    for line, words in expected.items():
        assert any(f.startswith(f"{line}:") and words in f for f in found), (line, words, found)
    assert len(found) == len(expected)


def test_missing_fields_are_named_at_the_question(tmp_path: Path) -> None:
    found = problems(write(tmp_path / "a.yaml", "topic: t\ntitle: {en: T}\nquestions:\n  - id: q\n    level: 1\n"))
    assert [f for f in found if f.startswith("4: q: needs the field")] == found
    assert {f.rsplit("'", 2)[1] for f in found} == {"text", "reference", "key_points"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "no bank file"),
        ("- a\n", 1, "no bank file"),
        ("topic: t\ntitle: a: b\n", 2, "quote a value"),
        ("topic: t\ntitle: 'a\n\n", 4, "no valid YAML"),
        ("topic: t\ntitle: @b\n", 2, "backquote"),
        ("topic: t\ntitle: {zh: *b}\n", 2, "alias"),
        ("topic: t\n\x00", 2, "not allowed in YAML"),
        ("[" * 100_000, 1, "nested too deeply"),
        ("- " * 100_000, 1, "nested too deeply"),
        ("topic: t\n---\ntopic: u\n", 2, "second document"),
        ("a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n", 2, "alias"),
    ],
)
def test_broken_yaml_is_explained_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text, encoding="utf-8")
    assert any(found.startswith(f"{line}:") and words in found for found in problems(path)), problems(path)


def test_a_file_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes("topic: t\ntitle: 缓存\n".encode("gbk"))
    assert problems(path) == ["2: is not UTF-8 text; save the file as UTF-8"]


def test_problems_of_all_files_and_shared_ids_are_collected(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", GOOD)
    write(tmp_path / "b.yml", GOOD)
    write(tmp_path / "c.yaml", "topic: [\n")
    (tmp_path / "notes.txt").write_text("not a bank", encoding="utf-8")
    with pytest.raises(BankError) as caught:
        load_bank([tmp_path, tmp_path / "gone"])
    message = str(caught.value)
    assert f"{tmp_path / 'b.yml'}:4: question id 'cache-stampede' is already used at {tmp_path / 'a.yaml'}:4" in message
    assert f"{tmp_path / 'c.yaml'}:" in message
    assert f"{tmp_path / 'gone'}: there is no such" in message


def test_a_file_named_twice_is_read_once_and_an_empty_folder_is_no_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", GOOD)
    assert len(load_bank([tmp_path, path])) == 1
    (tmp_path / "empty").mkdir()
    assert len(load_bank([tmp_path / "empty"])) == 0


def test_locations_name_questions_and_points(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", GOOD)
    locations = load_located([path]).locations
    assert locations == {"cache-stampede": f"{path}:4", "cache-stampede/hot-key": f"{path}:14"}


def test_the_shipped_bank_survives_a_round_trip(tmp_path: Path) -> None:
    bank = load_bank([corpus_dir() / "bank"])
    assert len(bank) > 0
    for topic in bank.topics:
        questions = tuple(q for q in bank if q.topic == topic)
        dump_bank_file(tmp_path / "x.yaml", topic, bank.topics[topic], questions, "authored")
        again = read_bank_file(tmp_path / "x.yaml")
        assert again.questions == questions
        assert again.topics == {topic: bank.topics[topic]}


def test_written_files_are_for_people(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.yaml"
    point = KeyPoint("k", LocalText("一句话"), 2, (("甲", "a"),))
    text = "长句子，" * 40 + "end."
    question = Question("q", "t", 1, LocalText("问？"), LocalText(text, "one\ntwo"), (point,), origin="derived")
    dump_bank_file(path, "t", LocalText("题", ""), [question], "derived")
    written = path.read_text(encoding="utf-8")
    assert written.startswith("# Made from a document")
    assert "origin: derived" in written
    assert "zh: >-\n" in written
    assert "en: |-\n      one\n      two\n" in written
    assert "- [甲, a]" in written
    assert "weight: 2\n" in written
    assert not [p for p in path.parent.iterdir() if p != path]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", GOOD)
    question = read_bank_file(path).questions[0]

    def questions() -> object:
        yield question
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        dump_bank_file(path, "t", LocalText("题"), questions(), "authored")  # type: ignore[arg-type]
    assert path.read_text(encoding="utf-8") == GOOD
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(BankError, match="can't be written"):
        dump_bank_file(tmp_path / "file" / "x.yaml", "t", LocalText("题"), [question], "authored")


_text = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.just("\n"), min_size=1).map(str.strip).filter(bool)
_awkward = st.sampled_from(
    ["no", "~", "null", "1e3", "- a", "a: b", "a #b", "'", '"', "*x", "&x", "%", "@", "`", "[a", "，  甲", "…", "甲 乙"]
)
_any = _text | _awkward | st.lists(_text | _awkward, min_size=2, max_size=40).map(" ".join)
_local = st.builds(LocalText, zh=_any, en=_any)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(_local, _local, st.lists(_any, max_size=3), _any)
def test_any_text_survives_a_round_trip(tmp_path: Path, one: LocalText, two: LocalText, phrases: list[str], name: str) -> None:
    some = tuple(phrases)
    point = KeyPoint("k", one, 1.5, ((name, *some),), some, some, two, (one, two))
    wrong = Misconception(one, two, some)
    question = Question("q", "t", 3, two, one, (point, replace(point, id="l")), (one,), (wrong,), ("a", "b"), ("c",), ("d#1",))
    dump_bank_file(tmp_path / "x.yaml", "t", one, [question], "authored")
    again = read_bank_file(tmp_path / "x.yaml")
    assert again.questions == (question,)
    assert again.topics == {"t": one}


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text() | st.text("[]{}:-?|>'\"#&*!%@` \nab,", max_size=60))
def test_any_text_is_read_or_refused_in_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(BankError):
        read_bank_file(path)
