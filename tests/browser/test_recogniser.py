"""A speech recogniser fetched on the settings tab in a browser, from a (pretended) hub: turned down, stopped, had, and used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from interviewer.voice.catalogue import recognisers
from tests.browser.conftest import running
from tests.browser.steps import Room
from tests.browser.test_access import found
from tests.browser.test_settings import kept, open_settings
from tests.hub_server import fake_hub
from tests.tiny_whisper import build_tiny_whisper


def test_a_recogniser_is_fetched_after_a_yes_and_the_microphone_works_at_once(
    visit: Callable[..., Room], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser_type_launch_args: dict[str, Any]
) -> None:
    name = recognisers()[0].name
    files = {path.name: path.read_bytes() for path in build_tiny_whisper(tmp_path / "whisper", "好").iterdir()}
    with fake_hub(name, files, tmp_path / "unused", monkeypatch) as hub:
        environ = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HUB_CACHE": str(tmp_path / "cache")}
        with running(tmp_path / "data", environ) as pages:
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
