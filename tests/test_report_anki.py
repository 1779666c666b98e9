"""The deck: what is asked gives nothing away, what is answered is whole, and a card stays the same card."""

from __future__ import annotations

import sqlite3
import tempfile
import zipfile
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest

from interviewer.domain.assessment import Evidence, MisconceptionFound
from interviewer.domain.errors import NothingToLearn
from interviewer.domain.questions import Bank, Lang, LocalText
from interviewer.report import Report, build_report, to_apkg
from interviewer.report.anki import _FIELDS
from tests.spoken_interview import spoken_interview
from tests.ui_fakes import NASTY


def notes(package: bytes) -> dict[str, dict[str, str]]:
    """Fields by the note's id, from the package's database."""
    with zipfile.ZipFile(BytesIO(package)) as archive:
        assert sorted(archive.namelist()) == ["collection.anki2", "media"]
        database = sqlite3.connect(":memory:")
        database.deserialize(archive.read("collection.anki2"))
    rows = database.execute("select guid, flds, tags, mod from notes").fetchall()
    cards = database.execute("select count(*) from cards").fetchone()[0]
    database.close()
    assert cards == len(rows)  # one card each
    return {
        guid: dict(zip(_FIELDS, fields.split("\x1f"), strict=True)) | {"tags": tags, "mod": mod}
        for guid, fields, tags, mod in rows
    }


def made(bank: Bank, lang: Lang = "zh") -> Report:
    return build_report(spoken_interview(bank, lang), bank)


def test_a_card_for_every_weak_point_which_gives_nothing_away(bank: Bank) -> None:
    report = made(bank)
    cards = list(notes(to_apkg(report)).values())
    assert len(cards) == len(report.weak_points) > 6
    for card, point in zip(cards, report.weak_points, strict=True):
        assert card["Question"] == point.question.zh
        assert card["Aspect"] == point.probe.zh
        assert card["Point"] == point.statement.zh
        assert point.statement.zh not in card["Question"] + card["Aspect"]
        assert card["Excerpt"] == point.excerpt.zh
        assert point.topic in card["tags"]
    wrong = [card for card in cards if card["Corrections"]]
    assert len(wrong) == 1
    assert "只训练最后几层" in wrong[0]["Corrections"]
    assert "说反了" in wrong[0]["Said"]


def test_a_later_deck_updates_the_same_cards(bank: Bank) -> None:
    first = made(bank)
    assert to_apkg(first) == to_apkg(first)
    later = replace(
        first, session=replace(first.session, id="another", updated_at=first.session.updated_at + timedelta(days=3))
    )
    before, after = notes(to_apkg(first)), notes(to_apkg(later))
    assert before.keys() == after.keys()
    assert all(after[guid]["mod"] > before[guid]["mod"] for guid in before)
    assert not before.keys() & notes(to_apkg(made(bank, "en"))).keys()  # the other language's cards are others


def test_strangers_texts_are_no_markup(bank: Bank) -> None:
    report = made(bank)
    nasty = LocalText(NASTY + "\n{{Point}}", NASTY)
    found = MisconceptionFound(nasty, nasty, Evidence(NASTY, 0, len(NASTY)))
    point = replace(
        report.weak_points[0], question=nasty, statement=nasty, probe=LocalText(), excerpt=nasty, said=NASTY,
        misconceptions=(found,), topic="my own\ttopic",
    )  # fmt: skip
    (card,) = notes(to_apkg(replace(report, weak_points=(point,)))).values()
    for field in _FIELDS:
        assert "<img" not in card[field]
        assert "</script" not in card[field]
    assert card["Question"].count("<br>") == 1
    assert card["Aspect"] == "这道题还有一个要点要说到，是什么？"
    assert "my_own_topic" in card["tags"]


def test_nothing_stays_in_the_folder_for_temporary_files(bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    to_apkg(made(bank))
    assert list(tmp_path.iterdir()) == []


def test_without_a_weak_point_there_is_no_deck(bank: Bank) -> None:
    with pytest.raises(NothingToLearn, match="nothing to put on cards"):
        to_apkg(replace(made(bank, "en"), weak_points=()))
