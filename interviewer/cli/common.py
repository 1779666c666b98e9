"""What several commands share."""

from __future__ import annotations

import argparse
import json
import locale
import os
import sys
from typing import Any

from interviewer.config import Settings, load_settings
from interviewer.domain.questions import Lang


def settings_from(args: argparse.Namespace) -> Settings:
    """Settings from the environment and this command's options. Raises ConfigError."""
    names = ("data", "engine", "model", "base_url", "recogniser", "voice_zh", "voice_en", "download", "host", "port")
    return load_settings(**{name: getattr(args, name, None) for name in names})


def terminal_language() -> Lang:
    """The terminal's language, Chinese or else English."""
    set_to = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "zh" if (set_to or locale.getlocale()[0] or "").lower().startswith(("zh", "chinese")) else "en"


def print_json(value: Any) -> None:
    """One JSON value on standard output, in UTF-8 whatever the terminal's code page."""
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")
    sys.stdout.buffer.flush()
