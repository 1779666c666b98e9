"""Two routes of the voice bar: how the recogniser and the voices are doing, and a recording to its transcript.

Plain routes, since Gradio would write the recording to a file. It stays in memory here, and is gone when it is recognised.
"""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from interviewer.domain.errors import VoiceError
from interviewer.domain.questions import LANGS
from interviewer.ui.waiting import result_of
from interviewer.voice.audio import LARGEST
from interviewer.voice.slot import VoiceStatus
from interviewer.wiring import Parts

log = logging.getLogger(__name__)

#: What a problem is to HTTP; any other is the sender's mistake.
HTTP = {"none": 503, "busy": 503, "timeout": 504, "failed": 500, "too-long": 413}


def add_voice_routes(app: FastAPI, parts: Parts) -> None:
    """Add the routes to `app`. They must come before Gradio's mounts."""

    @app.get("/voice/status")
    def status() -> JSONResponse:
        now = parts.voice.status
        told: dict[str, Any] = {"state": now.state, "name": now.name, "detail": now.detail}
        if now.state == "none" and (found := parts.suggested_recogniser()):
            told["suggested"] = {"name": found.name, "gb": f"{found.download_bytes / 1e9:.1f}", "licence": found.licence}
        told["reading"] = {lang: _told(parts.reading.status(lang)) for lang in LANGS}
        return JSONResponse(told, headers={"Cache-Control": "no-store"})

    @app.post("/voice/transcribe")
    async def transcribe(request: Request, lang: str = "en") -> JSONResponse:
        try:
            hearing = parts.voice.begin(await _body(request), "zh" if lang == "zh" else "en")
            heard = await result_of(hearing, request)
        except VoiceError as error:
            log.info("a recording was not recognised: %s", error)
            return JSONResponse({"problem": error.kind}, HTTP.get(error.kind, 400))
        doubts = [{"start": d.start, "end": d.end, "why": d.why, "heard": d.heard} for d in heard.doubts]
        spoken = parts.voice.keep(heard.speech)
        return JSONResponse({"text": heard.text, "doubts": doubts, "spoken": spoken, "seconds": heard.speech.seconds})


def _told(status: VoiceStatus) -> dict[str, str]:
    """A voice as it is called on the page: of a folder or a hub name, the last part."""
    return {"state": status.state, "name": status.name.rstrip("/\\").replace("\\", "/").rpartition("/")[2]}


async def _body(request: Request) -> bytes:
    """The whole recording. Raises VoiceError as soon as it is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body.extend(chunk)
        if len(body) > LARGEST:
            raise VoiceError("too-long", "the recording is too large")
    return bytes(body)
