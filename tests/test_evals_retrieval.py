"""The retrieval task: its data set, the rank of a question, what is compared with what, and what the report may not show."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from evals import retrieval, retrieval_figures
from evals.retrieval import Mode, query_language, rank_of, read_queries
from evals.retrieval_figures import KINDS, QUERY_LANGS, SPLITS, Outcome, Query
from interviewer.config import corpus_dir
from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import LANGS, Bank, KeyPoint, Lang, LocalText, Passage, Question
from interviewer.ingest.bankfile import load_bank

Row = dict[str, str]


# ---------------------------------------------------------------- the data set


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [json.loads(line) for line in retrieval.DATASET.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def bank() -> Bank:
    return load_bank([corpus_dir() / "bank"])


def test_rows_are_complete_and_say_what_they_are(rows: list[Row]) -> None:
    assert len(rows) >= 400
    assert max(Counter(row["id"] for row in rows).values()) == 1
    assert max(Counter(row["query"] for row in rows).values()) == 1
    for row in rows:
        assert row.keys() == {"id", "query", "lang", "kind", "question_id", "split"}
        assert row["id"].rpartition("/")[0] == row["question_id"]
        assert row["query"] == row["query"].strip() != ""
        assert row["lang"] == query_language(row["query"]), row["id"]
        assert row["kind"] in KINDS
        assert row["split"] in SPLITS


def test_every_query_is_about_a_question_of_the_bank_and_each_question_is_asked_for_often_enough(
    rows: list[Row], bank: Bank
) -> None:
    asked = Counter(row["question_id"] for row in rows)
    assert asked.keys() <= {question.id for question in bank}
    assert len(asked) >= 100
    assert min(asked.values()) >= 3


def test_questions_are_split_in_halves_and_none_is_in_both(rows: list[Row]) -> None:
    dev, test = ({row["question_id"] for row in rows if row["split"] == split} for split in SPLITS)
    assert not dev & test
    assert 0.4 <= len(test) / len(dev | test) <= 0.6


def test_languages_and_recognition_errors_have_their_share(rows: list[Row]) -> None:
    langs = Counter(row["lang"] for row in rows)
    assert all(langs[lang] >= 0.2 * len(rows) for lang in QUERY_LANGS)
    for split in SPLITS:
        assert sum(row["kind"] == "recognition" and row["split"] == split for row in rows) >= 40


def test_no_query_is_a_sentence_of_the_bank(rows: list[Row], bank: Bank) -> None:
    assert not {_plain(row["query"]) for row in rows} & {_plain(text) for question in bank for text in _texts(question)}


def _texts(question: Question) -> list[str]:
    local = [question.text, question.reference, *question.rephrasings, *(point.statement for point in question.key_points)]
    return [text.get(lang) for text in local for lang in LANGS] + [s for point in question.key_points for s in point.accepted]


def _plain(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def test_a_row_about_no_question_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "queries.jsonl"
    path.write_text('{"id": "x/1", "query": "x", "lang": "en", "kind": "terse", "question_id": "gone", "split": "dev"}\n')
    with pytest.raises(InterviewerError, match=r"queries\.jsonl:1: the bank has no question gone"):
        read_queries(path, Bank(()))


# ---------------------------------------------------------------- ranks and slices


def test_the_rank_is_of_the_question_not_of_the_passage() -> None:
    assert rank_of(["b", "a"], {"a"}) == 2
    assert rank_of(["b"], {"a"}) is None
    ranked = _outcomes([2, 3, 4, 0], Mode("bank", ("zh", "en"), range(6)))
    assert {(o.ranker, o.query.text, o.rank, o.first) for o in ranked} == {
        (ranker, *seen) for ranker in ("bm25", "builtin", "fusion") for seen in [("甲", 3, "b"), ("b", 1, "b")]
    }


def test_queries_in_other_languages_and_questions_without_rows_are_left_out() -> None:
    assert {o.query.text for o in _outcomes([4], Mode("cross", ("en",), [4, 5]))} == set()
    assert {(o.query.text, o.rank) for o in _outcomes([], Mode("cross", ("en",), [2, 3]))} == {("b", None)}


def _outcomes(ranking: list[int], mode: Mode) -> list[Outcome]:
    """Rows 0, 1 belong to question a, 2–5 to b, c and so on; every ranker gives the same rows."""
    labels = ["a", "a", "b", "b", "c", "c"]
    index = SimpleNamespace(
        passages=tuple(_passage(label, LANGS[row % 2], row) for row, label in enumerate(labels)),
        by_terms=lambda query, rows: ranking,
        by_vectors=lambda query, rows: ranking,
        ranking=lambda query, rows: [(row, 1.0) for row in ranking],
    )
    bank = Bank(tuple(_question(id_) for id_ in "abc"))
    queries = [Query("甲", "zh", "terse", "a", "dev"), Query("b", "en", "terse", "b", "test")]
    return list(retrieval._outcomes(cast(Any, index), "builtin", mode, queries, bank))


def _passage(question_id: str, lang: Lang, row: int, field: str = "point.p") -> Passage:
    return Passage(f"{question_id}:{row}", "t", f"x/{question_id}#{field}.{lang}", 0, 1, (), question_id, lang)


def _question(id_: str) -> Question:
    point = KeyPoint("p", LocalText("点", "point"))
    return Question(id_, "topic", 1, LocalText("问", "question"), LocalText("答", "answer"), (point,))


def test_what_is_ranked_in_each_mode() -> None:
    passages = [_passage("a", "zh", 0), _passage("a", "en", 1), _passage("a", "en", 2, field="reference")]
    document = Passage("d:0", "t", "d", 0, 1, ("12. title",), None, "en")
    modes = [(mode.name, mode.langs, list(mode.rows)) for mode in retrieval._modes([*passages, document])]
    assert modes == [
        ("bank", ("zh", "en", "mixed"), [0, 1, 2]),
        ("cross", ("zh",), [1, 2]),
        ("cross", ("en",), [0]),
        ("english", ("en",), [1]),
        ("documents", ("zh", "en", "mixed"), [3]),
    ]
    assert [mode.name for mode in retrieval._modes(passages[1:2])] == ["english"]
    assert retrieval._numbered(document) == "d#12"


def test_scores_are_kept_apart_by_split_language_and_kind() -> None:
    seen = [
        ("zh", "terse", "dev", 1),
        ("en", "recognition", "test", 2),
        ("zh", "terse", "test", None),
        ("zh", "terse", "test", 1),
    ]
    outcomes = [
        Outcome("fusion", "bank", Query(f"q{i}", lang, kind, f"question{i}", split), rank, "x")
        for i, (lang, kind, split, rank) in enumerate(seen)
    ]
    scores = {(s.split, s.lang, s.kind): (s.score.queries, s.score.mrr) for s in retrieval_figures.slices(outcomes, seed=0)}
    assert scores == {
        ("test", "all", "all"): (3, 0.5),
        ("test", "zh", "all"): (2, 0.5),
        ("test", "en", "all"): (1, 0.5),
        ("test", "all", "recognition"): (1, 0.5),
        ("test", "all", "terse"): (2, 0.5),
        ("dev", "all", "all"): (1, 1.0),
        ("dev", "all", "terse"): (1, 1.0),
    }
    gated = {s.name for s in retrieval_figures.slices(outcomes, seed=0) if s.gated}
    assert gated == {f"fusion.bank.{part}" for part in ("test.all", "test.zh", "test.en", "test.recognition", "dev.all")}


def test_missed_queries_of_the_test_half_are_not_shown() -> None:
    outcomes = [
        Outcome("fusion", "bank", Query(f"{split} {rank}", "en", "terse", "a", split), rank, "b")
        for split in SPLITS
        for rank in (1, 5, 6, None)
    ]
    assert [row[0] for row in retrieval_figures.misses(outcomes).rows] == ["dev 6", "dev None"]


def test_without_minilm_the_task_goes_on_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "MINILM_PACKAGE", "no_such_package")
    said: list[str] = []
    assert [label for label, _, _ in retrieval._encoders(["folder/other"], [], said.append)] == ["builtin", "other"]
    assert said == ["MiniLM is left out: the package no-such-package is not installed"]
