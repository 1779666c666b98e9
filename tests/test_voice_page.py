"""The voice bar's routes and its place in the room: what a recording brings, what is refused, and what travels with an answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from interviewer.config import Settings
from interviewer.domain.errors import VOICE_PROBLEMS, VoiceError
from interviewer.domain.questions import LANGS, Bank
from interviewer.domain.transcript import HeardWord, Setup, Speech
from interviewer.ui import voice_routes, waiting
from interviewer.ui.live import LiveInterviews
from interviewer.ui.middleware import FetchGuard, HostGuard, RouteGuard
from interviewer.ui.voice_box import voice_box
from interviewer.ui.words import words_for
from interviewer.voice.audio import LARGEST
from interviewer.voice.dictation import Dictation
from interviewer.voice.glossary import Glossary
from interviewer.voice.recogniser import Recogniser
from interviewer.wiring import Parts
from tests.test_voice import SPEECH, Deaf, settled
from tests.ui_fakes import FakeParts, question

BANK = Bank((question(1),))
HEARD = [HeardWord("我们用", 0.1, 0.4, 0.9), HeardWord("罗拉", 0.4, 0.8, 0.8), HeardWord("微调", 0.8, 1.0, 0.3)]


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[FakeParts]:
    parts = FakeParts(Settings(data=tmp_path), BANK)
    parts.voice = Dictation(
        lambda *_, **__: tmp_path, lambda: Glossary(BANK), lambda _, name: Recogniser(name, Deaf(lambda _: HEARD))
    )
    yield parts
    parts.voice.close()


@pytest.fixture
def client(parts: Any) -> Iterator[TestClient]:
    app = FastAPI()
    voice_routes.add_voice_routes(app, parts)
    app.add_middleware(FetchGuard)
    app.add_middleware(RouteGuard)
    app.add_middleware(HostGuard, listens_to="127.0.0.1")
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


def post(client: TestClient, body: bytes = SPEECH, **headers: str) -> Any:
    return client.post("/voice/transcribe?lang=zh", content=body, headers={"Content-Type": "audio/wav", **headers})


def test_a_recording_comes_back_as_a_transcript_and_is_remembered(client: TestClient, parts: FakeParts) -> None:
    parts.voice.use("tiny")
    assert settled(parts.voice) == "ready"
    silent = {lang: {"state": "none", "name": ""} for lang in LANGS}
    assert client.get("/voice/status").json() == {"state": "ready", "name": "tiny", "detail": "", "reading": silent}
    reply = post(client)
    assert reply.status_code == 200
    told = reply.json()
    assert told["text"] == "我们用 LoRA 微调"
    assert [(told["text"][d["start"] : d["end"]], d["why"], d["heard"]) for d in told["doubts"]] == [
        ("LoRA", "repaired", "罗拉"),
        ("微调", "unsure", ""),
    ]
    speech = parts.voice.speech([told["spoken"]])
    assert speech == Speech(1.0, tuple(HEARD), "tiny")
    assert list(parts.settings.data.rglob("*")) == []  # nothing was written


def test_what_is_refused_and_how_it_is_said(client: TestClient, parts: FakeParts, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (post(client).status_code, post(client).json()) == (503, {"problem": "none"})
    parts.voice.use("tiny")
    assert settled(parts.voice) == "ready"
    assert (post(client, b"x").status_code, post(client, b"x").json()) == (400, {"problem": "unreadable"})
    monkeypatch.setattr(voice_routes, "LARGEST", 1_000)
    reply = post(client)
    assert (reply.status_code, reply.json()) == (413, {"problem": "too-long"})
    assert LARGEST > 4_000_000  # more than posted JSON may have, so the guard that reads JSON must let it through
    assert post(client, Origin="http://elsewhere.example").status_code == 403
    assert post(client, Host="rebound.example").status_code == 400


def test_a_long_recording_passes_the_guard_that_reads_json(client: TestClient) -> None:
    assert post(client, b"\0" * 5_000_000).json() == {"problem": "none"}  # heard, and refused for want of a recogniser


def test_without_a_recogniser_the_page_is_told_how_to_get_one(client: TestClient, parts: Any) -> None:
    parts.suggested_recogniser = lambda: Parts.suggested_recogniser(parts)
    told = client.get("/voice/status").json()
    assert told["state"] == "none"
    assert told.get("suggested", {"name": "whisper"})["name"].rpartition("/")[2].startswith("whisper")


def test_waiting_ends_when_the_page_goes_or_the_model_hangs(parts: FakeParts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_LOOK_EVERY", 0.01)
    gate = threading.Event()

    class Page:
        gone = False

        async def is_disconnected(self) -> bool:
            return self.gone

    def hang(stop: Callable[[], bool]) -> list[HeardWord]:
        assert gate.wait(20)
        return HEARD

    parts.voice = Dictation(lambda *_, **__: Path(), lambda: Glossary(BANK), lambda _, name: Recogniser(name, Deaf(hang)))
    parts.voice.use("tiny")
    assert settled(parts.voice) == "ready"
    page = Page()
    for kind in ("stopped", "timeout"):
        hearing = parts.voice.begin(SPEECH, "zh")
        page.gone = kind == "stopped"
        if kind == "timeout":
            hearing._until = -1_000.0
        with pytest.raises(VoiceError) as caught:
            asyncio.run(waiting.result_of(hearing, page))  # type: ignore[arg-type]
        assert caught.value.kind == kind
        assert hearing._stopped.is_set()
    gate.set()


def test_how_an_answer_was_spoken_travels_with_it(parts: FakeParts) -> None:
    from interviewer.ui.page import Page

    lives = LiveInterviews(parts.interviews)
    page = Page(parts, lives, words_for("en"))  # type: ignore[arg-type]
    first, second = (parts.voice.keep(Speech(seconds, (), "tiny")) for seconds in (1.0, 2.0))
    live = lives.start(Setup(lang="en"))

    async def talk() -> None:  # Gradio wants a running loop
        page.build()
        for text, spoken in (("said", f"{first},{second}"), ("typed", "")):
            while live.snapshot.busy:
                await asyncio.sleep(0.01)
            async for _ in page.room.send(text, live.id, f"{len(live.snapshot.turns)}:{text}", spoken):
                pass

    asyncio.run(talk())
    speeches = parts.interviews.known[live.id].speeches
    assert speeches == [Speech(3.0, (), "tiny"), None]


def test_every_problem_has_words() -> None:
    import gradio as gr

    async def boxes() -> list[str]:
        with gr.Blocks():
            return [voice_box(words_for(lang)).html_template for lang in LANGS]

    for html in asyncio.run(boxes()):
        assert all(f"problem_{kind}" in html for kind in (*VOICE_PROBLEMS, "unreachable"))
