"""Waits for a speech model's work on behalf of a page, for as long as the page does."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from fastapi import Request

from interviewer.domain.errors import VoiceError
from interviewer.voice.worker import Job

#: Seconds between looks at whether the person is still waiting.
_LOOK_EVERY = 0.5
T = TypeVar("T")


async def result_of(job: Job[T], request: Request) -> T:
    """The result. Stops the work when the person has gone, and waiting when the model doesn't stop. Raises VoiceError."""
    result = asyncio.wrap_future(job.future)
    try:
        while not result.done():
            await asyncio.wait({result}, timeout=_LOOK_EVERY)
            if result.done():
                break
            if job.given_up:
                raise VoiceError("timeout", "the model does not stop")
            if await request.is_disconnected():
                raise VoiceError("stopped", "the page has gone")
        return result.result()
    finally:
        job.cancel()
