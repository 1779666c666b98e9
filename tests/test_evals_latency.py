"""The latency bench: it speaks to the page as the page does."""

from __future__ import annotations

import asyncio

import pytest

from evals import latency
from evals.core import main
from interviewer.domain.errors import InterviewerError


def test_changes_are_put_together_as_the_page_does() -> None:
    held = latency.patched(None, {"rows": [{"text": "Hel"}], "turns": 1})
    held = latency.patched(
        held, [["append", ["rows", 0, "text"], "lo"], ["add", ["rows", 1], {"text": "."}], ["replace", ["turns"], 2]]
    )
    assert held == {"rows": [{"text": "Hello"}, {"text": "."}], "turns": 2}
    assert latency.patched(held, []) is held
    assert latency.patched(held, [["delete", ["rows", 1], None]])["rows"] == [{"text": "Hello"}]


def test_a_share_of_the_answers() -> None:
    assert latency.quantile([5, 1, 2, 4, 3], 0.95) == 5
    assert latency.quantile(range(100), 0.5) == 50


def test_a_page_without_the_component_is_told() -> None:
    surface = latency.Surface({"components": [], "dependencies": []})
    with pytest.raises(InterviewerError, match="#start"):
        surface.handler("start", "click")


def test_it_is_no_gate(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["latency", "--gate"]) == 1
    assert "never gated" in capsys.readouterr().err


@pytest.mark.slow
def test_two_people_are_answered() -> None:
    with latency.served() as address:
        assert 0 < asyncio.run(latency.first_question(address)) < 1000 * latency.LOST
        times = asyncio.run(latency.people(address, 2, 1, ["不知道"], (0.0, 0.1)))
    assert len(times) == 2
    assert all(0 < ms < 1000 * latency.LOST for ms in times)
