"""The settings page's recogniser: chosen, fetched from a (pretended) hub after a yes, used without a restart, and refused to
strangers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from interviewer.config import Settings, load_settings
from interviewer.engines.download import Progress
from interviewer.engines.locate import can_be_fetched
from interviewer.ui.settings_voice import VoiceSection
from interviewer.ui.words import Words, words_for
from interviewer.voice.catalogue import recognisers
from interviewer.wiring import Parts, build
from tests.hub_server import fake_hub
from tests.test_settings import SERVER, placed
from tests.test_voice import settled
from tests.tiny_models import build_tiny_model
from tests.tiny_whisper import build_tiny_whisper
from tests.ui_fakes import NASTY, use, visible

EN, ZH = words_for("en"), words_for("zh")


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    parts = build(Settings(data=tmp_path / "data"))
    yield parts
    parts.close()


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = build_tiny_whisper(tmp_path_factory.mktemp("whisper"), "hello")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def section(parts: Any, words: Words = EN) -> VoiceSection:
    page = VoiceSection(parts, words)
    placed(page.build)
    return page


def test_a_recogniser_is_fetched_after_a_yes_and_used_at_once(
    parts: Parts, whisper: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = recognisers()[0].name
    page = section(parts)
    with fake_hub(name, whisper, tmp_path / "cache", monkeypatch) as hub:
        offered = use(page, name)
        assert visible(page, offered) == {"yes", "no"}
        assert f"{name} is not on this machine" in offered[page.fetch.view]
        assert (parts.settings.recogniser, parts.voice.status.state) == ("", "none")
        page.fetch.cancel()
        assert visible(page, page.news()) == set()
        assert not hub.fetched("model.safetensors")

        use(page, name)
        page.fetch.begin()
        assert parts.fetching_recogniser.wait(60).state == "done"
        assert settled(parts.voice) == "ready"
        shown = page.news()
        assert f"{name} is in use" in shown[page.view]
        assert "without a restart" in shown[page.fetch.view]
        assert not shown[page.timer].active
        assert hub.fetched("model.safetensors") == [""]
        assert load_settings({"INTERVIEWER_DATA": str(parts.settings.data)}).recogniser == name
        assert page._as_chosen() == {page.kind: name}
        labels = [label for label, _ in page.opened()[page.kind]["choices"]]
        assert ["on this machine" in label for label in labels] == [False, True, False, False, False]

        asked = len(hub.requests)
        use(page, "none")
        assert (parts.settings.recogniser, parts.voice.status.state) == ("", "none")
        assert "None. Answers are typed." in page.news()[page.view]
        use(page, name)  # it is here now: nothing is asked of the hub again
        assert settled(parts.voice) == "ready"
        assert len(hub.requests) == asked


def test_what_was_stopped_or_has_no_room_leaves_everything_as_it_was(
    parts: Parts, whisper: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = section(parts, ZH)
    with fake_hub("test/ears", whisper, tmp_path / "cache", monkeypatch) as hub:
        with monkeypatch.context() as full:
            full.setattr("interviewer.engines.download.shutil.disk_usage", lambda _: SimpleNamespace(free=10**9))
            offered = use(page, "other", " test/ears ")
            assert visible(page, offered) == {"no"}
            assert "磁盘空间不够" in offered[page.fetch.view]
            page.fetch.begin()  # whatever the page shows
            assert parts.fetching_recogniser.wait(60).state == "failed"
        assert not hub.fetched("model.safetensors")

        def endless(name: str, told: Any, stopped: Any, _: str) -> Path:
            told(Progress(5, 10))
            while not stopped():
                pass
            return tmp_path

        monkeypatch.setattr("interviewer.fetching.download_model", endless)
        use(page, "other", "test/ears")
        page.fetch.begin()
        assert page.fetch.begin() == page.fetch.say("")  # a double click
        now = page.news()
        assert visible(page, now) == {"stop"}
        assert now[page.timer].active
        monkeypatch.setattr(parts.fetching, "_kind", "speech")  # the only model this hub has
        parts.fetching.ask("test/ears")
        with pytest.raises(Exception, match="another model is being downloaded") as refused:
            parts.fetching.begin("test/ears")  # the interviewer's model waits its turn
        assert "正在下载另一个模型" in ZH.problem(str(refused.value))
        assert "正在下载，请等它" in use(page, "other", "test/ears")[page.fetch.said]
        page.fetch.cancel()
        assert parts.fetching_recogniser.wait(30).state == "stopped"
        assert (parts.settings.recogniser, parts.voice.status.state) == ("", "none")
        parts.fetching.begin("test/ears")
        parts.erase_everything()  # stops it
        assert parts.fetching.now.state == parts.fetching_recogniser.now.state == "none"


def test_a_recogniser_is_kept_beside_the_interviewer(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> None:
    page = section(parts)
    folder = str(build_tiny_model(tmp_path_factory.mktemp("model")))
    use(page, "other", folder)  # no speech model: loading it fails, in words
    assert settled(parts.voice) == "failed"
    assert "be loaded as a speech recogniser" in page.news()[page.view]
    assert "不能用来识别语音" in ZH.problem(parts.voice.status.detail)
    assert page._as_chosen() == {page.kind: "other", page.name: folder}
    parts.choose(SERVER)
    env = {"INTERVIEWER_DATA": str(parts.settings.data)}
    again = load_settings(env)
    assert (again.recogniser, again.base_url, again.recogniser_fixed) == (folder, SERVER.base_url, False)
    other = load_settings({**env, "INTERVIEWER_RECOGNISER": "some/other"})
    assert (other.recogniser, other.recogniser_fixed) == ("some/other", True)


def test_what_makes_no_sense_is_refused_in_words(parts: Parts) -> None:
    page = section(parts)
    for name, said in (
        ("", "Please fill in"),
        (["x"], "Please fill in"),
        ("a\x00b", "Please fill in"),
        ("/nowhere/" + NASTY, "there is no folder"),
        ("/" + "long" * 200, "there is no folder"),
        ("~nobody-of-that-name/model", "there is no folder"),
        ("long" * 200, "like owner/model"),
        ("../../nowhere/passwd", "there is no folder"),
        (NASTY, "there is no folder"),
        ("<b>model</b>", "like owner/model"),
    ):
        shown = use(page, "other", name)[page.fetch.said]
        assert said in shown
        assert "<img" not in shown
        assert "<b>" not in shown
    assert parts.settings.recogniser == ""
    assert not parts.settings.settings_file.exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"host": "0.0.0.0"}, "INTERVIEWER_MANAGE=1"), ({"recogniser_fixed": True}, "set when the program was")],
)
def test_a_stranger_chooses_and_fetches_nothing(
    parts: Parts, whisper: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, said: str
) -> None:
    with fake_hub("test/ears", whisper, tmp_path / "cache", monkeypatch) as hub:
        page = section(parts)
        use(page, "other", "test/ears")
        asked = len(hub.requests)
        parts.settings = replace(parts.settings, **settings)
        stranger = section(parts)
        assert not stranger._may_choose
        assert said in stranger.news()[stranger.view]
        assert stranger.kind not in stranger.opened()
        for changes in (
            use(stranger, "none"),
            use(stranger, "other", "test/ears"),
            stranger.fetch.begin(),
            stranger.fetch.cancel(),
        ):
            assert said in changes[stranger.fetch.said]
        assert parts.fetching_recogniser.now.state == "offered"
        assert len(hub.requests) == asked
        parts.settings = replace(parts.settings, manage=True, recogniser_fixed=False)
        assert section(parts)._may_choose


def test_only_hub_names_can_be_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whisper: dict[str, bytes]) -> None:
    with fake_hub("test/ears", whisper, tmp_path / "cache", monkeypatch):
        assert can_be_fetched("test/ears")
        assert can_be_fetched("gpt2")
        assert not any(map(can_be_fetched, (str(tmp_path), "~/model", "./model", "a/b/c")))
