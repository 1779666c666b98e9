"""The neural voice's route and its part of the settings page: what is said to whom, what is refused, and how a voice is chosen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from interviewer.config import Settings, load_settings
from interviewer.domain.questions import LANGS, Bank, Lang
from interviewer.domain.transcript import Setup
from interviewer.ui.live import LiveInterviews
from interviewer.ui.middleware import FetchGuard, HostGuard, RouteGuard
from interviewer.ui.reading_routes import add_reading_routes
from interviewer.ui.settings_reading import ReadingSection
from interviewer.ui.words import Words, words_for
from interviewer.voice.reading import Reading
from interviewer.voice.synthesiser import SAMPLES, Synthesiser
from interviewer.wiring import Parts, build
from tests.hub_server import fake_hub
from tests.test_reading import Parrot, settled, sound
from tests.test_settings import SERVER, placed
from tests.tiny_models import build_tiny_model
from tests.tiny_vits import CHARACTERS, LETTERS, build_tiny_vits
from tests.ui_fakes import NASTY, FakeParts, question, use, visible

EN, ZH = words_for("en"), words_for("zh")


# ---------------------------------------------------------------- the route


class Said:
    """A server with a voice that does as it is told, and one interview."""

    def __init__(self, data: Path) -> None:
        self.parts = FakeParts(Settings(data=data), Bank((question(1),)))
        self.gate = threading.Event()
        self.gate.set()
        self.parrot = Parrot(self._wait)
        self.parts.reading = Reading(lambda *_, **__: data, lambda _, name, lang: Synthesiser(name, self.parrot))
        self.lives = LiveInterviews(self.parts.interviews)  # type: ignore[arg-type]
        self.live = self.lives.start(Setup(lang="en"))
        while self.live.snapshot.busy:
            threading.Event().wait(0.01)
        self.words = next(turn.text for turn in self.live.snapshot.turns if turn.speaker == "interviewer")
        app = FastAPI()
        add_reading_routes(app, self.parts, self.lives)  # type: ignore[arg-type]
        app.add_middleware(FetchGuard)
        app.add_middleware(RouteGuard)
        app.add_middleware(HostGuard, listens_to="127.0.0.1")
        self.app = app

    def _wait(self, text: str) -> None:
        assert self.gate.wait(20)
        if "fails" in text:
            raise RuntimeError("no more memory")


@pytest.fixture
def said(tmp_path: Path) -> Iterator[Said]:
    said = Said(tmp_path)
    yield said
    said.gate.set()
    said.parts.reading.close()


@pytest.fixture
def client(said: Said) -> Iterator[TestClient]:
    with TestClient(said.app, base_url="http://127.0.0.1") as client:
        yield client


def test_what_the_interviewer_says_comes_as_sound(said: Said, client: TestClient) -> None:
    asked = {"session": said.live.id, "text": said.words}
    assert client.post("/voice/say", json=asked).json() == {"problem": "none"}  # no voice was chosen
    said.parts.reading.use("en", "tiny")
    assert settled(said.parts.reading, "en") == "ready"
    reply = client.post("/voice/say", json=asked)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "audio/wav")
    assert reply.headers["cache-control"] == "no-store"
    assert sound(reply.content)[1].size == 100 * len(said.words)
    part = said.words[2:9]  # a sentence of a turn
    assert client.post("/voice/say", json={**asked, "text": part}).status_code == 200
    sample = client.post("/voice/say", json={"sample": "en"})
    assert sample.status_code == 200
    assert said.parrot.said == [said.words, part, SAMPLES["en"]]
    assert list(said.parts.settings.data.rglob("*.wav")) == []


def test_it_says_nothing_for_strangers(said: Said, client: TestClient) -> None:
    said.parts.reading.use("en", "tiny")
    assert settled(said.parts.reading, "en") == "ready"
    mine = {"session": said.live.id, "text": said.words}
    for asked in (
        {"session": said.live.id, "text": "Read me my novel."},
        {"session": "another", "text": said.words},
        {"session": [said.live.id], "text": said.words},
        {"session": said.live.id, "text": [said.words]},
        {"session": said.live.id, "text": " "},
        {"text": said.words},
        {"sample": ["en"]},
        {"sample": "Read me my novel."},
        {},
    ):
        reply = client.post("/voice/say", json=asked)
        assert (reply.status_code, reply.json()) == (400, {"problem": "stopped"}), asked
    assert client.post("/voice/say", json=[]).status_code == 422
    assert client.post("/voice/say", json=mine, headers={"Origin": "http://elsewhere.example"}).status_code == 403
    assert client.post("/voice/say", json=mine, headers={"Host": "rebound.example"}).status_code == 400
    assert client.get("/voice/say").status_code == 405
    said.lives.forget(said.live.id)
    assert client.post("/voice/say", json=mine).json() == {"problem": "stopped"}  # the conversation has moved on
    assert said.parrot.said == []


def test_one_interview_waits_for_few_sentences_at_once(said: Said, client: TestClient) -> None:
    said.parts.reading.use("en", "tiny")
    assert settled(said.parts.reading, "en") == "ready"
    said.gate.clear()
    replies: list[int] = []

    def ask(end: int) -> None:
        replies.append(client.post("/voice/say", json={"session": said.live.id, "text": said.words[:end]}).status_code)

    threads = [threading.Thread(target=ask, args=(end,)) for end in range(4, 8)]
    for thread in threads:
        thread.start()
    for _ in range(2_000):
        if replies:
            break
        threading.Event().wait(0.01)
    assert replies == [503]  # one of the four is turned down at once
    said.gate.set()
    for thread in threads:
        thread.join(20)
    assert replies == [503, 200, 200, 200]
    assert client.post("/voice/say", json={"session": said.live.id, "text": said.words}).status_code == 200


# ---------------------------------------------------------------- the settings page


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    parts = build(Settings(data=tmp_path / "data"))
    yield parts
    parts.close()


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_vits(tmp_path_factory.mktemp("english"), LETTERS)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def section(parts: Any, words: Words = EN, lang: Lang = "en") -> ReadingSection:
    page = ReadingSection(parts, words, lang)
    placed(page.build)
    return page


def test_a_voice_is_fetched_after_a_yes_and_used_at_once(
    parts: Parts, english: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = section(parts)
    assert page._as_chosen()[page.kind] == "browser"
    with fake_hub("test/voice", files(english), tmp_path / "cache", monkeypatch) as hub:
        offered = use(page, "neural", " test/voice ")
        assert visible(page, offered) == {"yes", "no"}
        assert "test/voice is not on this machine" in offered[page.fetch.view]
        assert not hub.fetched("model.safetensors")
        assert parts.reading.status("en").state == "none"
        page.fetch.begin()
        assert parts.fetching_voices["en"].wait(60).state == "done"
        assert settled(parts.reading, "en") == "ready"
        shown = page.news()
        assert "test/voice is ready" in shown[page.view]
        assert "without a restart" in shown[page.fetch.view]
        assert hub.fetched("model.safetensors") == [""]
    assert parts.reading.status("zh").state == "none"  # one for each language
    env = {"INTERVIEWER_DATA": str(parts.settings.data)}
    assert [load_settings(env).voice(lang) for lang in LANGS] == ["", "test/voice"]
    assert page._as_chosen()[page.kind] == "neural"
    parts.choose(SERVER)
    parts.choose_recogniser("")
    again = load_settings(env)
    assert (again.voice_en, again.base_url) == ("test/voice", SERVER.base_url)
    assert "browser&#39;s own" in use(page, "browser")[page.view]
    assert parts.reading.status("en").state == "none"
    assert load_settings(env).voice_en == ""


def test_what_is_no_voice_is_refused_before_it_is_fetched_or_kept(
    parts: Parts, english: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = section(parts, ZH, "zh")
    text = build_tiny_model(tmp_path / "text")
    with fake_hub("test/text", files(text), tmp_path / "cache", monkeypatch) as hub:
        refused = use(page, "neural", "test/text")
        assert "不是只要文字就能朗读的语音合成模型" in refused[page.fetch.said]
        assert visible(page, refused) == set()
        assert parts.fetching_voices["zh"].now.state == "none"
        assert not hub.fetched("model.safetensors")
        assert "没有 no/such-voice" in use(page, "neural", "no/such-voice")[page.fetch.said]
    assert "不是只要文字就能朗读的语音合成模型" in use(page, "neural", str(text))[page.fetch.said]
    for name in ("", ["x"], "a\x00b", "/nowhere/" + NASTY, "<b>model</b>", NASTY):
        shown = use(page, "neural", name)[page.fetch.said]
        assert "notice bad" in shown
        assert "<img" not in shown
        assert "<b>" not in shown
    assert not parts.settings.settings_file.exists()
    use(page, "neural", str(english))  # a voice, but not one that was taught Chinese: it is loaded to find out
    assert settled(parts.reading, "zh") == "failed"
    assert "没学过这些字" in page.news()[page.view]
    assert "你好" in page.news()[page.view]
    use(page, "neural", str(build_tiny_vits(tmp_path / "chinese", CHARACTERS)))
    assert settled(parts.reading, "zh") == "ready"
    parts.erase_everything()
    assert parts.reading.status("zh").state == "none"


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"host": "0.0.0.0"}, "INTERVIEWER_MANAGE=1"), ({"voices_fixed": ("en",)}, "set when the program was")],
)
def test_a_stranger_chooses_and_fetches_no_voice(parts: Parts, english: Path, settings: Any, said: str) -> None:
    parts.settings = replace(parts.settings, **settings)
    stranger = section(parts)
    assert not stranger._may_choose
    assert said in stranger.news()[stranger.view]
    for changes in (use(stranger, "browser"), use(stranger, "neural", str(english)), stranger.fetch.begin()):
        assert said in changes[stranger.fetch.said]
    assert parts.reading.status("en").state == "none"
    parts.settings = replace(parts.settings, manage=True, voices_fixed=("zh",))
    assert section(parts)._may_choose
    assert not section(parts, lang="zh")._may_choose


def test_every_reason_for_refusing_a_voice_is_said_in_chinese(tmp_path: Path) -> None:
    from interviewer.domain.errors import VoiceError
    from interviewer.voice.synthesiser import check_speaks

    for kind in ("bark", "fastspeech2_conformer", "fastspeech2_conformer_with_hifigan", "seamless_m4t", "llama", None):
        with pytest.raises(VoiceError) as refused:
            check_speaks({"model_type": kind}, "owner/name")
        assert ZH.problem(str(refused.value)) != str(refused.value)
    for why in ("it takes the Python package uroman (for romanised text)", "it reads English phonemes only", "torn"):
        assert "不能用来朗读" in ZH.problem(f"owner/name can't be used as a voice: {why}")
