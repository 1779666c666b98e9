"""The route that says a sentence with the neural voice.

It says what the interviewer of a running interview has said, and a sample of each voice; nothing else, so that a shared server
is no text-to-speech service for strangers. The sound stays in memory.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import Body, FastAPI, Request
from fastapi.responses import JSONResponse, Response

from interviewer.domain.errors import VoiceError
from interviewer.domain.questions import LANGS, Lang
from interviewer.domain.transcript import Speaker
from interviewer.ui.live import LiveInterviews, Snapshot
from interviewer.ui.voice_routes import HTTP
from interviewer.ui.waiting import result_of
from interviewer.voice.synthesiser import SAMPLES
from interviewer.wiring import Parts

log = logging.getLogger(__name__)

#: Sentences that one interview may be waiting for: a page asks for the next while one plays. Two pages of it are rare.
_AT_ONCE = 3


def add_reading_routes(app: FastAPI, parts: Parts, lives: LiveInterviews) -> None:
    """Add the route to `app`. It must come before Gradio's mounts."""
    limit = _Limit()

    @app.post("/voice/say")
    async def say(request: Request, asked: dict[str, Any] = Body()) -> Response:  # noqa: B008  # FastAPI's way
        try:
            text, lang, whose = _asked(asked, lives)
            with limit.one_more(whose):
                sound = await result_of(parts.reading.begin(text, lang), request)
        except VoiceError as error:
            log.info("a sentence was not said: %s", error)
            return JSONResponse({"problem": error.kind}, HTTP.get(error.kind, 400))
        return Response(sound, media_type="audio/wav", headers={"Cache-Control": "no-store"})


def _asked(asked: dict[str, Any], lives: LiveInterviews) -> tuple[str, Lang, str]:
    """What is to be said, in which language and for whom. Raises VoiceError `stopped`: no interviewer says that now."""
    for lang in LANGS:
        if asked.get("sample") == lang:
            return SAMPLES[lang], lang, f"sample {lang}"
    session, text = asked.get("session"), asked.get("text")
    snapshot = lives.shown(session) if isinstance(session, str) else None
    if snapshot is None or not isinstance(text, str) or not text.strip() or not _said(text, snapshot):
        raise VoiceError("stopped", "no interviewer says that now")
    return text, snapshot.setup.lang, snapshot.session_id


def _said(text: str, snapshot: Snapshot) -> bool:
    """Whether the interviewer has said just that, or is saying it."""
    return text in snapshot.speaking or any(
        turn.speaker is Speaker.INTERVIEWER and text in turn.text for turn in snapshot.turns
    )


class _Limit:
    """How many sentences each interview is waiting for. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: Counter[str] = Counter()

    @contextmanager
    def one_more(self, whose: str) -> Iterator[None]:
        """Raises VoiceError `busy`."""
        with self._lock:
            if self._waiting[whose] >= _AT_ONCE:
                raise VoiceError("busy", "too many sentences of one interview are waiting")
            self._waiting[whose] += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting[whose] -= 1
                self._waiting += Counter()  # drops those that are at nought
