"""Fixtures that several test files share."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from interviewer.config import Settings, corpus_dir, load_settings, prompts_dir
from interviewer.domain.questions import Bank
from interviewer.ingest.bankfile import load_bank
from interviewer.prompting import PromptBook, load_prompts

# Machines that run tests are slow and shared: no test fails on a time.
hypothesis_settings.register_profile("shared-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("shared-machine")


#: Variables that steer the tests themselves.
FOR_TESTS = {"INTERVIEWER_REQUIRE_BROWSER", "INTERVIEWER_ARTIFACTS", "INTERVIEWER_WRITE_GOLDEN", "INTERVIEWER_TEST_POSTGRES"}


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads this machine's settings or reaches for a model hub."""
    for name in list(os.environ):
        if name.startswith("INTERVIEWER_") and name not in FOR_TESTS:
            monkeypatch.delenv(name)
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def bank() -> Bank:
    """The bank that ships with the program."""
    return load_bank([corpus_dir() / "bank"])


@pytest.fixture(scope="session")
def prompts() -> PromptBook:
    return load_prompts(prompts_dir())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a data folder of their own."""
    return load_settings({}, data=tmp_path / "data")


class FakeClock:
    """A clock that moves a second at every look, and further when told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests last: Playwright keeps an event loop running, in which other tests could not start theirs."""
    items.sort(key=lambda item: "browser" in Path(item.fspath).parts)
