"""The settings tab in a browser: looks, export and erasing; models tried on a server or fetched from a (pretended) hub: turned
down, stopped, had, and used."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from interviewer.voice.catalogue import recognisers
from tests.browser.conftest import FAILED, Server, running
from tests.browser.steps import Room, no_messages
from tests.browser.test_access import found
from tests.engines_server import fake_server, transformers_serve
from tests.hub_server import FakeHub, fake_hub
from tests.tiny_models import build_tiny_model
from tests.tiny_whisper import build_tiny_whisper


def open_settings(room: Room) -> Page:
    """The tab, once it has looked at the machine."""
    page = room.page
    expect(page.locator("#start:visible, #answer:visible")).to_have_count(1)
    room.tab("settings")
    expect(page.locator("#settings-suggestion p").first).to_be_visible()
    return page


def filled(page: Page, kind: int, box: str, text: str) -> Locator:
    """The box of the form for that kind of interviewer, with `text` in it."""
    page.locator("#model-kind label").nth(kind).click()
    field = page.locator(f"#{box} input, #{box} textarea")
    field.fill(text)
    return field


def refused(page: Page, button: str, sentence: str) -> None:
    page.locator(button).click()
    expect(page.locator("#model-said .bad")).to_contain_text(sentence)


def kept(data: Path) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads((data / "settings.json").read_text())
    return settings


@pytest.fixture(scope="module")
def hub_and_pages(
    tmp_path_factory: pytest.TempPathFactory, browser_type_launch_args: dict[str, Any]
) -> Iterator[tuple[FakeHub, Server, Path]]:
    """A server for this file's tests, the hub that it asks for models, and the folder where it keeps those."""
    folder = tmp_path_factory.mktemp("settings")
    with pytest.MonkeyPatch.context() as patch, fake_hub("test/none", {}, folder / "unused", patch) as hub:
        environ = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HUB_CACHE": str(folder / "cache")}
        with running(folder / "data", environ) as pages:
            yield hub, pages, folder / "cache"


@pytest.fixture
def pages(hub_and_pages: tuple[FakeHub, Server, Path], request: pytest.FixtureRequest) -> Iterator[Server]:
    """The server. What a test that fails has left behind is gone before the next try."""
    _, pages, models = hub_and_pages
    yield pages
    if request.node.stash[FAILED]:
        shutil.rmtree(models, ignore_errors=True)
        pages.renew()


@pytest.fixture
def hub(hub_and_pages: tuple[FakeHub, Server, Path]) -> FakeHub:
    """The hub, which nothing was asked of yet."""
    hub = hub_and_pages[0]
    hub.requests.clear()
    hub.hold.clear()
    hub.go_on.clear()
    return hub


@pytest.mark.parametrize(("lang", "width", "dark"), [("en", 1280, False), ("zh", 390, True)])
def test_looks_export_and_a_clean_sheet(visit: Callable[..., Room], pages: Server, lang: str, width: int, dark: bool) -> None:
    room = visit(lang=lang, width=width, dark=dark, at=pages)
    page = room.page
    room.start(questions=1)
    page.locator("#leave").click()
    open_settings(room)
    no_messages(page)
    assert found(page) == []
    assert room.fits()
    room.picture("settings")
    page.locator(f"input[name=theme][value={'light' if dark else 'dark'}]").check()
    expect(page.locator("body.dark")).to_have_count(0 if dark else 1)
    assert found(page) == []
    page.reload()
    open_settings(room)
    expect(page.locator("body.dark")).to_have_count(0 if dark else 1)
    with page.expect_download() as download:
        page.locator("#export-all").click()
    with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as archive:
        assert sum(name.startswith("interviews/") for name in archive.namelist()) == 1
    word = page.locator("#erase-word input, #erase-word textarea")
    page.locator("#erase").click()
    room.warned("什么都没有删" if lang == "zh" else "Nothing was erased")
    word.fill("删除" if lang == "zh" else "erase")
    with page.expect_navigation():
        page.locator("#erase").click()
    expect(page.locator("#start")).to_be_visible()
    expect(page.locator("body.dark")).to_have_count(1 if dark else 0)
    with zipfile.ZipFile(io.BytesIO(pages.get("/everything.zip"))) as archive:
        assert not any(name.startswith("interviews/") for name in archive.namelist())
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('interviewer-draft'))") == []


def test_a_recogniser_is_fetched_after_a_yes_and_the_microphone_works_at_once(
    visit: Callable[..., Room], pages: Server, hub: FakeHub, tmp_path: Path
) -> None:
    name = recognisers()[0].name
    files = {path.name: path.read_bytes() for path in build_tiny_whisper(tmp_path / "whisper", "好").iterdir()}
    hub.name, hub.files = name, files
    room = visit(lang="zh", width=390, dark=True, at=pages)
    page = room.page
    room.start(questions=1)
    expect(page.locator(".voice .mic")).to_have_attribute("data-able", "false")
    open_settings(room)
    kinds, fetch = page.locator("#recogniser-kind label"), page.locator("#recogniser-fetch")
    expect(kinds).to_have_count(5)
    expect(kinds.nth(1)).to_contain_text("0.3 GB")

    kinds.nth(4).click()
    page.locator("#recogniser-name input, #recogniser-name textarea").fill("no/such-ears")
    page.locator("#use-recogniser").click()
    expect(page.locator("#recogniser-said .bad")).to_contain_text("没有 no/such-ears")

    kinds.nth(1).click()
    expect(page.locator("#recogniser-name")).to_be_hidden()
    page.locator("#use-recogniser").click()
    expect(fetch).to_contain_text(f"{name} 不在这台机器上")
    assert found(page) == []
    assert room.fits()
    room.picture("offer")
    page.locator("#recogniser-fetch-no").click()
    expect(page.locator("#recogniser-fetch-yes")).to_be_hidden()
    assert not hub.fetched("model.safetensors")

    hub.hold["model.safetensors"] = 1000  # bytes, after which nothing comes for a while
    page.locator("#use-recogniser").click()
    page.locator("#recogniser-fetch-yes").click()
    expect(fetch.locator("progress")).to_be_visible()
    room.picture("running")
    page.locator("#recogniser-fetch-stop").click()
    expect(page.locator("#recogniser-fetch-stop")).to_be_hidden()  # the server knows, before any more comes
    hub.go_on.set()
    expect(fetch).to_contain_text("下次接着下")
    assert not (pages.data / "settings.json").exists()

    page.locator("#use-recogniser").click()
    page.locator("#recogniser-fetch-yes").click()
    expect(fetch.locator(".good")).to_be_visible()
    expect(page.locator("#settings-voice")).to_contain_text(f"正在使用 {name}")
    assert kept(pages.data)["recogniser"] == name
    room.picture("used")
    room.tab("interview")
    expect(page.locator(".voice .mic")).to_have_attribute("data-able", "true")  # nothing was loaded anew

    again = visit(lang="en", at=pages)
    open_settings(again)
    expect(again.page.locator("#recogniser-kind label").nth(1)).to_contain_text("on this machine")
    expect(again.page.locator("#recogniser-kind input").nth(1)).to_be_checked()
    again.picture("in-english")


def test_a_server_is_tried_and_takes_over_at_the_next_question(visit: Callable[..., Room], pages: Server) -> None:
    with fake_server() as model:
        model.words = ["Let us begin. ", "What do you know about it?"]
        room = visit(at=pages)
        room.start(questions=2)
        page = open_settings(room)
        url = filled(page, 4, "model-url", "http://127.0.0.1:9/v1")
        refused(page, "#try-server", "can't reach http://127.0.0.1:9/v1")
        url.fill(model.url)
        page.locator("#model-key input").fill("sk-secret")
        page.locator("#try-server").click()
        expect(page.locator("#model-said .good")).to_contain_text("fake")
        page.locator("#use-model").click()
        expect(page.locator("#settings-model")).to_contain_text("Interviewer: fake")
        expect(page.locator("#settings-model")).to_contain_text("never shown")
        expect(page.locator("#model-key input")).to_have_value("")
        assert (kept(pages.data)["base_url"], kept(pages.data)["api_key"]) == (model.url, "sk-secret")
        room.tab(0)
        room.press("skip")
        expect(page.locator("#who")).to_contain_text("fake")
        room.reload()
        open_settings(room)
        expect(url).to_have_value(model.url)
        assert "sk-secret" not in page.content()


def test_an_interview_with_transformers_serve_behind_the_page(
    visit: Callable[..., Room], pages: Server, tmp_path: Path
) -> None:
    """The real server with a tiny random model: noise that the guard replaces, and an interview that holds together."""
    tiny = build_tiny_model(tmp_path / "tiny")
    with transformers_serve(tiny, tmp_path) as url:
        room = visit(lang="zh", at=pages)
        page = open_settings(room)
        filled(page, 4, "model-url", url)
        page.locator("#model-name input, #model-name textarea").fill(str(tiny))
        page.locator("#use-model").click()
        expect(page.locator("#settings-model")).to_contain_text(str(tiny))
        room.tab(0)
        room.start(questions=1)
        expect(page.locator("#who")).to_contain_text("tiny")
        assert "？" in room.said_by("interviewer").last.inner_text()
        room.finish(["我觉得它主要是让训练更稳定，也更省显存", "不知道"])
        page.locator("#see-report").click()
        expect(page.locator("#report .question")).to_have_count(1)
        room.picture("report")


def test_a_model_is_fetched_only_after_a_yes(visit: Callable[..., Room], pages: Server, hub: FakeHub, tmp_path: Path) -> None:
    folder = build_tiny_model(tmp_path / "tiny")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    hub.name, hub.files = "test/tiny", files
    room = visit(lang="zh", at=pages)
    page = open_settings(room)
    name = filled(page, 3, "model-hub", "test/nothing")
    refused(page, "#use-model", "没有 test/nothing")
    name.fill("test/tiny")
    page.locator("#use-model").click()
    expect(page.locator("#model-fetch")).to_contain_text("test/tiny 不在这台机器上")
    room.picture("offer")
    page.locator("#model-fetch-no").click()
    expect(page.locator("#model-fetch-yes")).to_be_hidden()
    assert not hub.fetched("model.safetensors")
    page.locator("#use-model").click()
    page.locator("#model-fetch-yes").click()
    expect(page.locator("#model-fetch .good")).to_be_visible()
    expect(page.locator("#settings-model")).to_contain_text("test/tiny")
    assert hub.fetched("model.safetensors") == [""]
    assert kept(pages.data)["model"] == "test/tiny"
    page.reload()
    open_settings(room)
    page.locator("#model-cached input").click()
    expect(page.get_by_role("option", name="test/tiny")).to_be_visible()
