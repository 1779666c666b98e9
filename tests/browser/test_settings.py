"""The settings tab in a browser: a server tried and used, a model fetched from a (pretended) hub, looks, export and erasing."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import running
from tests.browser.steps import Room, no_messages
from tests.browser.test_access import found
from tests.engines_server import fake_server
from tests.hub_server import fake_hub
from tests.tiny_models import build_tiny_model


def open_settings(room: Room) -> Page:
    """The tab, once it has looked at the machine."""
    page = room.page
    expect(page.locator("#start:visible, #answer:visible")).to_have_count(1)
    room.tab("settings")
    expect(page.locator("#settings-suggestion p").first).to_be_visible()
    return page


def kept(data: Path) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads((data / "settings.json").read_text())
    return settings


def test_a_server_is_tried_and_takes_over_at_the_next_question(
    visit: Callable[..., Room], tmp_path: Path, browser_type_launch_args: dict[str, Any]
) -> None:
    with fake_server() as model, running(tmp_path / "data") as pages:
        model.words = ["Let us begin. ", "What do you know about it?"]
        room = visit(at=pages)
        room.start(questions=2)
        page = open_settings(room)
        page.locator("#model-kind label").nth(4).click()
        url = page.locator("#model-url input, #model-url textarea")
        url.fill("http://127.0.0.1:9/v1")
        page.locator("#try-server").click()
        expect(page.locator("#model-said .bad")).to_contain_text("can't reach http://127.0.0.1:9/v1")
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


def test_a_model_is_fetched_only_after_a_yes(
    visit: Callable[..., Room], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser_type_launch_args: dict[str, Any]
) -> None:
    folder = build_tiny_model(tmp_path / "tiny")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    with fake_hub("test/tiny", files, tmp_path / "unused", monkeypatch) as hub:
        environ = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HUB_CACHE": str(tmp_path / "cache")}
        with running(tmp_path / "data", environ) as pages:
            room = visit(lang="zh", at=pages)
            page = open_settings(room)
            page.locator("#model-kind label").nth(3).click()
            name = page.locator("#model-hub input, #model-hub textarea")
            name.fill("test/nothing")
            page.locator("#use-model").click()
            expect(page.locator("#model-said .bad")).to_contain_text("没有 test/nothing")
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


@pytest.mark.parametrize(("lang", "width", "dark"), [("en", 1280, False), ("zh", 390, True)])
def test_looks_export_and_a_clean_sheet(
    visit: Callable[..., Room], tmp_path: Path, browser_type_launch_args: dict[str, Any], lang: str, width: int, dark: bool
) -> None:
    with running(tmp_path / "data") as pages:
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


def test_strangers_can_look_but_not_touch(
    visit: Callable[..., Room], tmp_path: Path, browser_type_launch_args: dict[str, Any]
) -> None:
    with running(tmp_path / "data", allowed_hosts="interview.example", model="/nowhere") as pages:
        room = visit(at=pages)
        page = open_settings(room)
        expect(page.locator("#settings-model")).to_contain_text("INTERVIEWER_MODEL")
        expect(page.locator("#settings-data")).to_contain_text("INTERVIEWER_MANAGE=1")
        for control in ("#model-kind", "#use-model", "#export-all", "#erase"):
            expect(page.locator(control)).to_be_hidden()
        assert found(page) == []
