"""Settings, read once from command-line options, the environment and the data folder's `settings.json` into a frozen object.

Knows where things are kept and what the person asked for; builds nothing.
"""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from interviewer.domain.errors import ConfigError
from interviewer.domain.questions import LANGS, Lang
from interviewer.settings_file import ENGINE_KINDS as ENGINE_KINDS
from interviewer.settings_file import EngineKind as EngineKind
from interviewer.settings_file import Kept, read_kept

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
#: The settings that together choose the interviewer.
_CHOOSING = ("engine", "model", "base_url")

#: In a wheel the data folders travel inside the package; in a checkout they stand beside it.
_PACKAGE = Path(__file__).resolve().parent
_DATA_ROOT = _PACKAGE / "_data" if (_PACKAGE / "_data").is_dir() else _PACKAGE.parent


def corpus_dir() -> Path:
    """The bank that ships with the program."""
    return _DATA_ROOT / "corpus"


def prompts_dir() -> Path:
    """The prompts that ship with the program."""
    return _DATA_ROOT / "prompts"


def _default_data_dir() -> Path:
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "interviewer"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "interviewer"
    return Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "interviewer"


#: Fields that say how the others came about.
_NOT_ASKED = {"asked": False}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a person can set. Each field `name` is read from the variable `INTERVIEWER_<NAME>`."""

    #: Where sessions, imported banks and the index live.
    data: Path
    #: SQLAlchemy URL; empty means an SQLite file in the data folder.
    database: str = ""
    engine: EngineKind = "builtin"
    #: Model name or folder for the engine; required with `transformers`.
    model: str = ""
    #: OpenAI-compatible server, for example http://127.0.0.1:8000/v1. Also read from OPENAI_BASE_URL.
    base_url: str = ""
    #: Also read from OPENAI_API_KEY. Never printed or stored.
    api_key: str = field(default="", repr=False)
    #: `builtin`, or a sentence-transformers model name or folder.
    encoder: str = "builtin"
    #: Speech recogniser for the microphone: a model name or folder; empty for none.
    recogniser: str = ""
    #: Text-to-speech models that read the interviewer aloud, by language; empty leaves it to the browser's own voices.
    voice_zh: str = ""
    voice_en: str = ""
    #: Whether a model that isn't on this machine may be fetched from its hub.
    download: bool = False
    host: str = "127.0.0.1"
    port: int = 7860
    #: Host names, comma-separated, that the pages answer to besides this machine's own; needed behind a public name.
    allowed_hosts: str = ""
    #: Whether other sites may show the pages in a frame, as hosting services do.
    framed: bool = False
    #: Whether the page may switch the model, export and erase everything also where others can reach it.
    manage: bool = False
    #: What fixed the interviewer from outside, such as INTERVIEWER_MODEL or --model; the page can't change it then.
    fixed_by: tuple[str, ...] = field(default=(), metadata=_NOT_ASKED)
    #: Whether the recogniser was set from outside, by INTERVIEWER_RECOGNISER or --recogniser.
    recogniser_fixed: bool = field(default=False, metadata=_NOT_ASKED)
    #: The languages whose voice was set from outside, by INTERVIEWER_VOICE_ZH, --voice-zh and so on.
    voices_fixed: tuple[Lang, ...] = field(default=(), metadata=_NOT_ASKED)
    #: What was wrong with settings.json, in a line for people.
    file_problem: str = field(default="", metadata=_NOT_ASKED)

    def voice(self, lang: Lang) -> str:
        """The text-to-speech model for sentences of `lang`, or empty."""
        return self.voice_zh if lang == "zh" else self.voice_en

    @property
    def shared(self) -> bool:
        """Whether people on other machines can reach the pages, as far as the settings tell."""
        return not is_loopback(self.host) or bool(self.allowed_hosts.strip()) or self.framed

    @property
    def settings_file(self) -> Path:
        """What the person chose on the settings page."""
        return self.data / "settings.json"

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.data / 'interviews.db'}"

    @property
    def banks_dir(self) -> Path:
        """Banks the person imported or wrote."""
        return self.data / "banks"

    @property
    def documents_dir(self) -> Path:
        """Texts the person added for reading, without questions of their own."""
        return self.data / "documents"

    @property
    def index_dir(self) -> Path:
        return self.data / "index"

    def describe(self) -> dict[str, str]:
        """The settings for people to read, without the key and without passwords inside addresses."""
        shown = {f.name: without_password(str(getattr(self, f.name))) for f in _asked()}
        shown["api_key"] = "set" if self.api_key else "not set"
        return shown


def _asked() -> list[Any]:
    return [item for item in fields(Settings) if item.metadata.get("asked", True)]


def is_loopback(host: str) -> bool:
    """Whether an address or name reaches this machine only."""
    if host in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def without_password(url: str) -> str:
    """An address as it may be shown: `://user:secret@host` and `?password=secret` lose the secret."""
    url = re.sub(r"(://[^:/@]*):.*@", r"\1:***@", url)
    return re.sub(r"(?i)((?:password|passwd|key|token)=)[^&#]*", r"\1***", url)


def load_settings(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Settings from `overrides` that are not None, then the environment, then settings.json in the data folder.

    Raises ConfigError naming the bad variable. A bad file is no reason to stop: it is left out, see `Settings.file_problem`.
    """
    env = os.environ if environ is None else environ
    raw: dict[str, Any] = {}
    for item in _asked():
        value = env.get(f"INTERVIEWER_{item.name.upper()}", "").strip()
        if value:
            raw[item.name] = value
    raw.setdefault("base_url", env.get("OPENAI_BASE_URL", "").strip())
    raw.setdefault("api_key", env.get("OPENAI_API_KEY", "").strip())
    raw.update({name: value for name, value in overrides.items() if value is not None})
    raw["data"] = Path(raw.get("data") or _default_data_dir()).expanduser().resolve()
    raw["port"] = _port(raw.get("port", 7860))
    for name in ("download", "framed", "manage"):
        raw[name] = _flag(f"INTERVIEWER_{name.upper()}", raw.get(name, False))
    raw["fixed_by"] = _fixed_by(env, overrides)
    kept, raw["file_problem"] = read_kept(raw["data"] / "settings.json")
    raw["recogniser_fixed"] = bool(raw.get("recogniser"))
    raw["recogniser"] = raw.get("recogniser") or kept.recogniser
    raw["voices_fixed"] = tuple(lang for lang in LANGS if raw.get(f"voice_{lang}"))
    for lang in LANGS:
        raw[f"voice_{lang}"] = raw.get(f"voice_{lang}") or getattr(kept, f"voice_{lang}")
    if not raw["fixed_by"] and kept.engine != "builtin":
        # All or nothing: a server gets the key that was given with it, never one meant for another.
        raw |= {"engine": kept.engine, "model": kept.model, "base_url": kept.base_url, "api_key": kept.api_key}
    engine = raw.get("engine") or ("openai" if raw.get("base_url") else "transformers" if raw.get("model") else "builtin")
    if engine not in ENGINE_KINDS:
        raise ConfigError(f"engine is {engine!r}; it can be {', '.join(ENGINE_KINDS)}")
    raw["engine"] = engine
    settings = replace(Settings(data=raw["data"]), **raw)
    if settings.engine == "transformers" and not settings.model:
        raise ConfigError("the transformers engine needs a model: set --model (or INTERVIEWER_MODEL) to a name or a folder")
    if settings.engine == "openai" and not settings.base_url:
        raise ConfigError(
            "the openai engine needs a server: set --base-url (or INTERVIEWER_BASE_URL), for example http://127.0.0.1:8000/v1"
        )
    return settings


def with_choice(settings: Settings, kept: Kept) -> Settings:
    """The settings with the interviewer that `kept` names."""
    return replace(settings, engine=kept.engine, model=kept.model, base_url=kept.base_url, api_key=kept.api_key)


def _fixed_by(env: Mapping[str, str], overrides: Mapping[str, Any]) -> tuple[str, ...]:
    """The options and variables that choose the interviewer, as a person knows them."""
    options = [f"--{name.replace('_', '-')}" for name in _CHOOSING if overrides.get(name)]
    names = [*(f"INTERVIEWER_{name.upper()}" for name in _CHOOSING), "OPENAI_BASE_URL"]
    return (*options, *(name for name in names if env.get(name, "").strip()))


def _flag(name: str, value: object) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    try:
        return words[str(value).strip().lower()]
    except KeyError:
        raise ConfigError(f"{name} is {value!r}; it can be 1 or 0") from None


def _port(value: object) -> int:
    try:
        port = int(str(value))
    except ValueError:
        raise ConfigError(f"port is {value!r}; it must be a number") from None
    if not 0 <= port <= 65535:
        raise ConfigError(f"port is {port}; it must be between 0 and 65535")
    return port
