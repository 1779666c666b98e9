"""The shipped bank: linted, covering every question of the source documents, and described by corpus/SOURCES.md."""

from __future__ import annotations

import os

import pytest

from interviewer.config import corpus_dir
from interviewer.domain.questions import Bank
from interviewer.ingest.bankfile import load_located
from interviewer.ingest.lint import lint_bank
from tests.corpus_sources import corpus_corrections, covered, sources_markdown

#: Questions in each source document.
DOCUMENTS = {
    "000_2c9ce67e546ac0db": 50,
    "001_16d0ce85b260d066": 40,
    "002_9029131263a27ecd": 24,
    "003_65a12127f4d124fa": 30,
    "004_49742a7388ef160d": 6,
}
PAGE = corpus_dir() / "SOURCES.md"
BY_HAND = "## The independent review"


def test_every_question_of_the_documents_is_asked(bank: Bank) -> None:
    asked = covered(bank)
    missing = {name: sorted(set(range(1, count + 1)) - asked.get(name, set())) for name, count in DOCUMENTS.items()}
    assert missing == {name: [] for name in DOCUMENTS}
    assert set(asked) == set(DOCUMENTS)


def test_the_bank_passes_its_linter() -> None:
    located = load_located([corpus_dir() / "bank"])
    assert [str(finding) for finding in lint_bank(located.bank, located.locations)] == []


def test_every_topic_has_every_level(bank: Bank) -> None:
    levels = {topic: {q.level for q in bank if q.topic == topic} for topic in bank.topics}
    assert {topic: found for topic, found in levels.items() if found != {1, 2, 3}} == {}


@pytest.mark.parametrize("name", sorted(path.stem for path in (corpus_dir() / "bank").glob("*.yaml")))
def test_a_file_holds_the_topic_it_is_named_for(bank: Bank, name: str) -> None:
    assert name in bank.topics


def test_the_sources_page_is_what_the_bank_says(bank: Bank) -> None:
    old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else BY_HAND
    review = old[old.index(BY_HAND) :]
    page = sources_markdown(bank, corpus_corrections(corpus_dir() / "bank"), review)
    if os.environ.get("INTERVIEWER_WRITE_GOLDEN"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page
    assert len(review) > 1000
