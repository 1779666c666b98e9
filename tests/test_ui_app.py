"""The application over HTTP: who is answered, what is closed, what a page may load, languages and downloads."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

import app as launcher
from interviewer.config import Settings
from interviewer.domain.errors import ConfigError
from interviewer.domain.questions import Bank, LocalText
from interviewer.domain.transcript import Setup, TurnKind
from interviewer.ui.app import make_app, page_address, serve
from interviewer.ui.middleware import MOST_JSON, HostGuard, RouteGuard
from interviewer.ui.routes import preferred_language
from tests.ui_fakes import NASTY, FakeInterviews, FakeParts, ScriptedInterview, question


def built(parts: FakeParts) -> Any:
    """The application, made inside a running loop: outside one, Gradio makes loops of its own and never closes them."""

    async def make() -> Any:
        return make_app(parts)  # type: ignore[arg-type]

    return asyncio.run(make())


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> FakeParts:
    bank = Bank((question(1),), {"topic": LocalText("主题", "Topic")})
    return FakeParts(Settings(data=tmp_path_factory.mktemp("data")), bank, FakeInterviews(bank))


@pytest.fixture(scope="module")
def client(parts: FakeParts) -> Iterator[TestClient]:
    with TestClient(built(parts), base_url="http://127.0.0.1:7860", follow_redirects=False) as client:
        yield client


def test_the_front_door_leads_to_the_browsers_language(client: TestClient) -> None:
    assert client.get("/", headers={"accept-language": "zh-HK,zh;q=0.9,en;q=0.8"}).headers["location"] == "/zh/"
    assert client.get("/", headers={"accept-language": "de,en;q=0.5"}).headers["location"] == "/en/"


@pytest.mark.parametrize(
    ("cookie", "accept", "lang"),
    [
        (None, "zh-CN", "zh"),
        (None, "en-GB,zh;q=0.9", "en"),
        (None, "en;q=0.3, zh-Hant-TW;q=0.9", "zh"),
        (None, "fr, ;q=x, zh;q=..", "en"),
        (None, "", "en"),
        ("zh", "en", "zh"),
        ("en", "zh", "en"),
        ("xx", "zh", "zh"),
    ],
)
def test_preferred_language(cookie: str | None, accept: str, lang: str) -> None:
    assert preferred_language(cookie, accept) == lang


def test_each_page_is_in_its_language_and_remembered(client: TestClient) -> None:
    page = client.get("/zh/")
    assert page.status_code == 200
    assert 'lang="zh-CN"' in page.text
    assert "模拟面试官" in page.text
    assert page.headers["content-length"] == str(len(page.content))
    assert client.get("/", headers={"accept-language": "en"}).headers["location"] == "/zh/"
    assert 'lang="en"' in client.get("/en/").text
    client.cookies.clear()


def test_no_press_goes_unheard(client: TestClient) -> None:
    """Gradio drops what is pressed while the same component's last press is still being answered, unless told otherwise; to do it
    afterwards will not do where the press says what it is about: Gradio would do the first one again."""
    heard = {
        (event, bool(one["collects_event_data"]), one["trigger_mode"])
        for one in client.get("/en/config").json()["dependencies"]
        for _, event in one["targets"]
        if one["backend_fn"]
    }
    assert {mode for event, _, mode in heard if event != "tick"} == {"always_last", "multiple"}
    assert {mode for _, says_what, mode in heard if says_what} == {"multiple"}


def test_a_page_may_load_and_send_nothing_elsewhere(client: TestClient) -> None:
    policy = client.get("/en/").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy
    assert "*" not in policy
    assert "og:image" not in client.get("/en/").text


@pytest.mark.parametrize(
    "path",
    [
        "/en/gradio_api/file=http://example.org/x.png",
        "/en/gradio_api/proxy=http://example.org/",
        "/en/gradio_api/info",
        "/zh/gradio_api/openapi.json",
        "/en/monitoring",
        "/en/gradio_api/vibe-edit/",
        "/en/gradio_api/undo-vibe-edit",
        "/en/gradio_api/deep_link",
        "/en/gradio_api/runs",
        "/docs",
        "/openapi.json",
    ],
)
def test_what_nobody_needs_is_closed(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_strangers_names_and_origins_are_refused(client: TestClient) -> None:
    assert client.get("/healthz", headers={"host": "evil.example"}).status_code == 400
    assert client.get("/healthz", headers={"host": "192.168.1.5:7860"}).status_code == 400
    for host in ("localhost:7860", "127.0.0.1", "[::1]:7860"):
        assert client.get("/healthz", headers={"host": host}).json()["ok"]
    foreign = client.post("/en/gradio_api/queue/join", json={}, headers={"origin": "http://evil.example"})
    assert foreign.status_code == 403
    for host in ("[::1", "[", "a]b:1"):
        assert client.get("/healthz", headers={"host": host}).status_code == 400
    for origin in ("null", "http://[", "http://127.0.0.1"):  # the last one is another port
        assert client.post("/en/gradio_api/queue/join", json={}, headers={"origin": origin}).status_code == 403


@pytest.mark.parametrize(
    "place",
    ["http://127.0.0.1:1/x.png", "HTTPS://example.org/x", " http://example.org", "//example.org/x", "ftp://example.org/x"],
)
@pytest.mark.parametrize("field", ["path", "url"])
def test_posted_files_are_never_fetched_from_an_address(client: TestClient, field: str, place: str) -> None:
    """Gradio downloads what a posted file description names; here it must not even see it."""
    file = {"path": "x.png", field: place, "meta": {"_type": "gradio.FileData"}}
    body = json.dumps({"data": [None, {"text": "hi", "files": [[file]]}], "fn_index": 0, "session_hash": "abc"})
    for text in (body, body.encode("utf-16"), body.replace('"path"', '"\\u0070ath"').replace('"url"', '"\\u0075rl"')):
        for route in ("queue/join", "run/predict", "api/predict"):
            reply = client.post(f"/en/gradio_api/{route}", content=text, headers={"content-type": "application/json"})
            assert (reply.status_code, "other addresses" in reply.text) == (400, True)


def test_what_candidates_write_passes_and_floods_do_not(client: TestClient) -> None:
    text = "the path is http://example.org and so on"
    passed = client.post("/en/gradio_api/queue/join", json={"data": [text], "path": 3, "session_hash": "abc"})
    assert "other addresses" not in passed.text
    uploaded = {
        "path": "/tmp/x.md",
        "url": "http://127.0.0.1:7860/en/gradio_api/file=/tmp/x.md",
        "meta": {"_type": "gradio.FileData"},
    }
    found = client.post("/en/gradio_api/queue/join", json={"data": [[uploaded]], "session_hash": "abc"})
    assert "other addresses" not in found.text
    flood = client.post("/en/gradio_api/queue/join", content=b"x" * (MOST_JSON + 1))
    assert flood.status_code == 413


def test_on_a_network_addresses_and_given_names_are_answered() -> None:
    async def inner(scope, receive, send):  # type: ignore[no-untyped-def]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    guarded = TestClient(HostGuard(inner, "0.0.0.0", ["Interviews.example", ""]))
    answered = {"192.168.1.5:7860": 200, "interviews.example": 200, "localhost": 200, "evil.example": 400, "": 400}
    assert {host: guarded.get("/", headers={"host": host}).status_code for host in answered} == answered
    framed = TestClient(RouteGuard(inner, framed=True)).get("/").headers["content-security-policy"]
    assert "frame-ancestors" not in framed


def test_downloads(client: TestClient, parts: FakeParts) -> None:
    done = parts.interviews.add(ScriptedInterview("done", Setup(lang="en"), finished=True))
    list(done.proceed())
    list(done.say(NASTY))
    markdown = client.get("/report/done.md?lang=zh")
    assert markdown.headers["content-type"].startswith("text/markdown")
    assert markdown.headers["content-disposition"] == 'attachment; filename="interview-2026-01-02-0304.md"'
    assert "面试报告" in markdown.text
    assert not re.search(r"(?<!\\)<", markdown.text)
    assert client.get("/report/done.json").json()["session"]["id"] == "done"
    assert client.get("/report/done.apkg").status_code == 404  # nothing was judged, so nothing is weak
    assert client.get("/report/nobody.md").status_code == 404
    assert client.get("/report/done.exe").status_code == 404


def test_weak_points_download_as_a_deck(client: TestClient, parts: FakeParts) -> None:
    missed = parts.interviews.add(ScriptedInterview("missed", Setup(lang="en"), finished=True))
    for _ in [*missed.proceed(), *missed.say("nearly"), *missed.request(TurnKind.SKIP)]:
        pass
    deck = client.get("/report/missed.apkg?lang=zh")
    assert deck.content.startswith(b"PK")
    assert deck.headers["content-disposition"] == 'attachment; filename="interview-2026-01-02-0304.apkg"'
    assert deck.headers["cache-control"] == "no-store"


def test_a_running_real_interview_gives_no_report_away(client: TestClient, parts: FakeParts) -> None:
    parts.interviews.add(ScriptedInterview("going", Setup(mode="real")))
    assert {client.get(f"/report/going.{kind}").status_code for kind in ("json", "md", "apkg")} == {409}


def test_a_taken_port_is_one_clear_line(parts: FakeParts) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=str(port)):
            serve(parts, "127.0.0.1", port)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:80/"),
        ("0.0.0.0", "http://127.0.0.1:80/"),
        ("::1", "http://[::1]:80/"),
        ("box", "http://box:80/"),
    ],
)
def test_the_printed_address_can_be_opened_here(host: str, address: str) -> None:
    assert page_address(host, 80) == address


def test_a_hosting_service_says_where_to_listen_unless_the_person_does() -> None:
    environ = {
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "GRADIO_SERVER_PORT": "7000",
        "SPACE_HOST": "x.example",
        "INTERVIEWER_PORT": "8000",
    }
    launcher.adopt_hosting(environ)
    assert environ["INTERVIEWER_HOST"] == "0.0.0.0"
    assert environ["INTERVIEWER_PORT"] == "8000"
    assert environ["INTERVIEWER_ALLOWED_HOSTS"] == "x.example"
    assert environ["INTERVIEWER_FRAMED"] == "1"
    alone: dict[str, str] = {}
    launcher.adopt_hosting(alone)
    assert alone == {}


def test_framing_is_a_setting(parts: FakeParts) -> None:
    framed = FakeParts(replace(parts.settings, framed=True), parts.bank)
    with TestClient(built(framed), base_url="http://127.0.0.1") as client:
        assert "frame-ancestors" not in client.get("/healthz").headers["content-security-policy"]
