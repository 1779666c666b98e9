"""Settings come from the environment and options, and say which variable is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from interviewer.config import load_settings
from interviewer.domain.errors import ConfigError


def test_options_beat_the_environment(tmp_path: Path) -> None:
    env = {"INTERVIEWER_DATA": str(tmp_path), "INTERVIEWER_PORT": "1234", "INTERVIEWER_DOWNLOAD": "yes"}
    settings = load_settings(env, port=99, host=None)
    assert (settings.data, settings.port, settings.host, settings.download) == (tmp_path, 99, "127.0.0.1", True)
    assert settings.database_url == f"sqlite:///{tmp_path / 'interviews.db'}"


@pytest.mark.parametrize(
    ("env", "engine"),
    [
        ({}, "builtin"),
        ({"INTERVIEWER_MODEL": "some/model"}, "transformers"),
        ({"INTERVIEWER_BASE_URL": "http://127.0.0.1:8000/v1"}, "openai"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:8000/v1", "INTERVIEWER_MODEL": "m"}, "openai"),
        ({"INTERVIEWER_MODEL": "some/model", "INTERVIEWER_ENGINE": "builtin"}, "builtin"),
    ],
)
def test_the_engine_follows_from_what_is_set(env: dict[str, str], engine: str) -> None:
    assert load_settings(env).engine == engine


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"INTERVIEWER_ENGINE": "magic"}, "magic"),
        ({"INTERVIEWER_ENGINE": "transformers"}, "needs a model"),
        ({"INTERVIEWER_ENGINE": "openai"}, "needs a server"),
        ({"INTERVIEWER_PORT": "x"}, "port"),
        ({"INTERVIEWER_PORT": "70000"}, "70000"),
        ({"INTERVIEWER_DOWNLOAD": "maybe"}, "INTERVIEWER_DOWNLOAD"),
    ],
)
def test_a_bad_value_is_named(env: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        load_settings(env)


def test_the_key_is_never_shown() -> None:
    settings = load_settings({"OPENAI_API_KEY": "sk-secret", "OPENAI_BASE_URL": "http://127.0.0.1/v1"})
    assert settings.api_key == "sk-secret"
    assert "sk-secret" not in str(settings.describe())


def test_addresses_are_shown_without_their_passwords() -> None:
    settings = load_settings(
        {"INTERVIEWER_DATABASE": "postgresql://me:p@ss/w@db/x?sslpassword=hush", "INTERVIEWER_BASE_URL": "http://u:tok@host/v1"}
    )
    shown = str(settings.describe())
    for secret in ("p@ss", "ss/w", "hush", "tok@"):
        assert secret not in shown
    assert "postgresql://me:***@db/x" in shown
    assert "http://u:***@host/v1" in shown
