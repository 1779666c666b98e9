"""What the settings page does: the kept file, what counts more than it, exchanging the interviewer, fetching, export, erasing."""

from __future__ import annotations

import asyncio
import io
import json
import os
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from interviewer.cli.doctor import _kept as kept_settings
from interviewer.config import Settings, load_settings
from interviewer.domain.errors import ConfigError, EngineUnavailable, InterviewerError
from interviewer.domain.transcript import Setup, Speaker, Turn, TurnKind
from interviewer.engines import Reply, ScriptedEngine
from interviewer.engines.cached import cached_models
from interviewer.engines.download import Offer, Progress
from interviewer.engines.in_use import InUse
from interviewer.fetching import Fetching
from interviewer.own_data import archive, data_bytes, remove_data
from interviewer.ports import ChatRequest, Message
from interviewer.settings_file import Kept, read_kept, write_kept
from interviewer.storage import everything, open_store
from interviewer.storage.disputes import SqlDisputes
from interviewer.ui.app import make_app
from interviewer.ui.html import render
from interviewer.ui.live import LiveInterviews
from interviewer.ui.settings_data import DataSection, may_manage
from interviewer.ui.settings_model import ModelSection
from interviewer.ui.words import Words, words_for
from interviewer.wiring import Parts, build
from tests.engines_server import fake_server
from tests.hub_server import fake_hub
from tests.tiny_models import build_tiny_model
from tests.ui_fakes import NASTY

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
SERVER = Kept("openai", "m", "http://127.0.0.1:9/v1", "sk-secret")
EN, ZH = words_for("en"), words_for("zh")
ASK = ChatRequest((Message("user", "hello"),), max_tokens=5)


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    parts = build(Settings(data=tmp_path / "data"))
    yield parts
    parts.close()


# ---------------------------------------------------------------- the file


def test_what_is_kept_comes_back_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "data" / "settings.json"
    write_kept(path, Kept("transformers", "some/model"))
    write_kept(path, SERVER)
    assert read_kept(path) == (SERVER, "")
    assert [file.name for file in path.parent.iterdir()] == ["settings.json"]
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "sk-secret" not in repr(SERVER)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[]", "not an object"),
        ('{"engine": "builtin"}', "another version"),
        ('{"version": 99}', "another version"),
        ('{"version": 1, "engine": "magic"}', "none of"),
        ('{"version": 1, "engine": "transformers"}', "no model"),
        ('{"version": 1, "engine": "openai", "api_key": "sk-secret"}', "no server"),
        ('{"version": 1, "engine": "openai", "base_url": ["sk-secret"]}', "base_url"),
        ('{"version": 1, "api_key": "sk-secret\\n"}', "api_key"),
        ("[" * 100_000, "too large"),
        ("[" * 60_000, "not JSON"),
    ],
)
def test_a_bad_file_is_one_clear_line_and_no_end(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "settings.json").write_text(text)
    settings = load_settings({"INTERVIEWER_DATA": str(tmp_path)})
    assert settings.engine == "builtin"
    assert said in settings.file_problem
    assert "\n" not in settings.file_problem
    assert "secret" not in settings.file_problem


@given(st.binary(max_size=200))
def test_any_bytes_are_survived(raw: bytes) -> None:
    from interviewer.settings_file import _checked

    with suppress(ValueError):
        assert _checked(raw).engine in ("builtin", "transformers", "openai")


def test_a_folder_in_its_place_is_reported(tmp_path: Path) -> None:
    (tmp_path / "settings.json").mkdir()
    assert "can't be read" in load_settings({"INTERVIEWER_DATA": str(tmp_path)}).file_problem
    with pytest.raises(ConfigError, match="can't be written"):
        write_kept(tmp_path / "settings.json", SERVER)
    assert [file.name for file in tmp_path.iterdir()] == ["settings.json"]


def test_options_and_environment_count_more_and_are_named(tmp_path: Path) -> None:
    write_kept(tmp_path / "settings.json", SERVER)
    env = {"INTERVIEWER_DATA": str(tmp_path)}
    kept = load_settings(env)
    assert (kept.engine, kept.model, kept.base_url, kept.api_key) == ("openai", "m", SERVER.base_url, "sk-secret")
    assert kept.fixed_by == ()
    for more, options, named in (
        ({"INTERVIEWER_MODEL": "a/b"}, {}, ("INTERVIEWER_MODEL",)),
        ({"OPENAI_BASE_URL": "http://other/v1"}, {}, ("OPENAI_BASE_URL",)),
        ({}, {"engine": "builtin"}, ("--engine",)),
        ({}, {"base_url": "http://other/v1"}, ("--base-url",)),
    ):
        settings = load_settings({**env, **more}, **options)
        assert settings.fixed_by == named
        assert settings.api_key == ""  # the key was given for another server
    told = load_settings({**env, "OPENAI_API_KEY": "sk-of-elsewhere"})
    assert told.api_key == "sk-secret"


# ---------------------------------------------------------------- exchanging the interviewer


def test_an_engine_that_leaves_lets_what_is_under_way_end() -> None:
    inner = ScriptedEngine([Reply("one two three")])
    closed: list[bool] = []
    inner.close = lambda: closed.append(True)  # type: ignore[method-assign]
    engine = InUse(inner)
    stream = engine.stream(ASK)
    next(stream)
    leaving = threading.Thread(target=engine.leave, args=(30,))
    leaving.start()
    while not engine._leaving:
        pass
    with pytest.raises(EngineUnavailable, match="exchanged"):
        next(engine.stream(ASK))
    assert not closed
    assert "".join(stream)
    leaving.join(30)
    assert closed == [True]


def test_the_interviewer_is_exchanged_while_the_program_runs(parts: Parts) -> None:
    with fake_server() as server:
        assert parts.try_server(Kept("openai", "", server.url)) == "fake"
        parts.choose(Kept("openai", "fake", server.url, "sk-secret"))
        assert parts.model.wait(30).state == "ready"
        first = parts.model.engine
        assert first is not None
        again = load_settings({"INTERVIEWER_DATA": str(parts.settings.data)})
        assert (again.engine, again.base_url, again.api_key) == ("openai", server.url, "sk-secret")
        parts.choose(Kept("transformers", "/nowhere"))
        assert parts.model.wait(30).state == "failed"
        assert "/nowhere" in parts.engine_status().detail
        assert parts._voice().name == "built-in"
        with pytest.raises(EngineUnavailable):
            list(first.stream(ASK))
        parts.choose(Kept())
        assert parts.engine_status().state == "none"
        assert load_settings({"INTERVIEWER_DATA": str(parts.settings.data)}).engine == "builtin"


# ---------------------------------------------------------------- models here and on the hub


def test_only_whole_models_that_talk_are_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = build_tiny_model(tmp_path_factory.mktemp("model"))
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    used: list[str] = []
    with fake_hub("test/tiny", files, tmp_path / "cache", monkeypatch) as hub:
        fetching = Fetching(used.append)
        assert cached_models() == []
        with pytest.raises(ConfigError, match="not asked"):
            fetching.begin("test/tiny")
        found = fetching.ask("test/tiny")
        assert found.total == found.missing > 10_000
        assert found.fits
        assert not hub.fetched("model.safetensors")
        fetching.begin("test/tiny")
        with pytest.raises(ConfigError, match="being downloaded"):
            fetching.begin("test/tiny")
        assert fetching.wait(60).state == "done"
        assert used == ["test/tiny"]
        assert [model.name for model in cached_models()] == ["test/tiny"]
        assert fetching.ask("test/tiny").missing < found.missing
        with pytest.raises(EngineUnavailable, match="knows no model"):
            fetching.ask("test/other")
        for path in (tmp_path / "cache").rglob("*.jinja"):
            path.unlink()
        for path in (tmp_path / "cache").rglob("tokenizer_config.json"):
            path.unlink()
        assert cached_models() == []


def test_a_download_is_stopped_and_nothing_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    used: list[str] = []
    begun = threading.Event()

    def endless(name: str, told: Any, stopped: Any, _: str) -> Path:
        told(Progress(5, 10))
        begun.set()
        while not stopped():
            pass
        return tmp_path

    offer = Offer("a/b", 10, 10, 10**12, tmp_path)
    monkeypatch.setattr("interviewer.fetching.offer", lambda name, kind: offer)
    monkeypatch.setattr("interviewer.fetching.download_model", endless)
    fetching = Fetching(used.append)
    fetching.ask("a/b")
    fetching.cancel()
    assert fetching.now.state == "none"
    fetching.ask("a/b")
    fetching.begin("a/b")
    assert begun.wait(30)
    shown = render("settings_fetch", EN, fetch=fetching.now, part="model")
    assert 'value="50.0"' in shown
    fetching.cancel()
    assert fetching.wait(30).state == "stopped"
    assert used == []


# ---------------------------------------------------------------- the page's handlers


def placed(build_part: Callable[[Any], None]) -> None:
    """Build a part of the page, inside a running loop: outside one, Gradio makes loops of its own and never closes them."""
    import gradio as gr

    async def place() -> None:
        with gr.Blocks(analytics_enabled=False) as blocks:
            build_part(blocks)

    asyncio.run(place())


def section(parts: Any) -> ModelSection:
    page = ModelSection(parts, EN)
    placed(page.build)
    return page


def data_section(parts: Parts, lives: LiveInterviews, words: Words) -> DataSection:
    page = DataSection(parts, lives, words)
    placed(lambda _: page.build())
    return page


def given_server(url: Any, key: Any = "", model: Any = "") -> tuple[Any, ...]:
    return "server", None, "", "", url, key, model


def test_a_kept_key_goes_to_its_own_server_only_and_never_to_the_page(parts: Parts) -> None:
    parts.settings = replace(parts.settings, engine="openai", base_url=SERVER.base_url, api_key="sk-secret")
    page = section(parts)
    assert page._choice(*given_server(SERVER.base_url)) == Kept("openai", "", SERVER.base_url, "sk-secret")
    assert page._choice(*given_server("http://evil.example/v1")) == Kept("openai", "", "http://evil.example/v1", "")
    assert "sk-secret" not in str(page._as_chosen()) + page._now()
    assert "set (never shown)" in page._now()


@pytest.mark.parametrize(
    "given",
    [
        given_server(""),
        given_server("not an address"),
        given_server({"path": "/etc/passwd"}),
        given_server("http://127.0.0.1:9/v1", "key\nwith: header"),
        ("folder", None, "relative/../folder", "", "", "", ""),
        ("folder", None, "/nowhere/" + NASTY, "", "", "", ""),
        ("folder", None, "/etc", "", "", "", ""),
        ("folder", None, "/" + "long" * 200, "", "", "", ""),
        ("folder", None, "~nobody-of-that-name/model", "", "", "", ""),
        ("cache", "no/such-model", "", "", "", "", ""),
        ("cache", ["x"], "", "", "", "", ""),
        ("hub", None, "", "../../etc/passwd", "", "", ""),
        ("hub", None, "", NASTY, "", "", ""),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(parts: Parts, given: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    page = section(parts)
    handler = page._try if given[0] == "server" else page._use
    said = asyncio.run(handler(*given))[page.fetch.said]
    assert 'class="notice bad"' in said
    assert "<img" not in said
    assert parts.settings.engine == "builtin"
    assert not parts.settings.settings_file.exists()


def test_a_stranger_changes_nothing_whatever_the_page_shows(tmp_path: Path) -> None:
    parts = build(Settings(data=tmp_path / "data", host="0.0.0.0"))
    try:
        assert not may_manage(parts.settings)
        assert may_manage(replace(parts.settings, manage=True))
        assert not may_manage(replace(parts.settings, host="127.0.0.1", allowed_hosts="interview.example"))
        page = section(parts)
        said = asyncio.run(page._use("builtin", None, "", "", "", "", ""))[page.fetch.said]
        assert "Other machines can reach" in said
        with pytest.raises(InterviewerError):
            page._check_allowed()
        data = data_section(parts, LiveInterviews(parts.interviews), EN)
        parts.store.create(Setup(), "built-in", AT)
        with pytest.warns(UserWarning, match="can't be exported or erased"):
            assert asyncio.run(data._erase("erase")) == ""
        assert len(parts.store.list()) == 1
        with TestClient(asyncio.run(made(parts)), base_url="http://127.0.0.1:7860") as client:
            assert client.get("/everything.zip").status_code == 403
    finally:
        parts.close()


async def made(parts: Parts) -> Any:
    return make_app(parts)


def test_what_fixed_the_interviewer_is_named_and_holds(tmp_path: Path) -> None:
    parts = SimpleNamespace(
        settings=Settings(data=tmp_path, fixed_by=("INTERVIEWER_MODEL",), file_problem=f"bad {NASTY}"),
        engine_status=lambda: SimpleNamespace(state="none", name="", detail="", cause=""),
        fetching=Fetching(lambda _: None),
    )
    page = section(parts)
    shown = page._now()
    assert "INTERVIEWER_MODEL" in shown
    assert "<img" not in shown
    assert "INTERVIEWER_MODEL" in asyncio.run(page._use("builtin", None, "", "", "", "", ""))[page.fetch.said]


# ---------------------------------------------------------------- all data


def filled(parts: Parts) -> str:
    """An interview, an objection, a bank, a document and settings. Returns the interview's id."""
    session_id = parts.store.create(Setup(lang="en"), "built-in", AT)
    parts.store.add_turn(session_id, Turn(1, Speaker.CANDIDATE, TurnKind.ANSWER, "my very own words 我的话", AT, "q1"))
    parts.confidences.put(session_id, "q1", 70, AT)
    with parts.store.transaction() as db:
        from interviewer.storage.tables import disputes

        row = {"question_id": "q1", "text": "wrong", "answer": "mine", "status": "open", "at": AT}
        db.execute(disputes.insert().values(**row))
    for folder, name in ((parts.settings.banks_dir, "own.yaml"), (parts.settings.documents_dir, "text.txt")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("# mine", encoding="utf-8")
    write_kept(parts.settings.settings_file, SERVER)
    return session_id


def test_everything_is_in_the_archive_but_the_key(parts: Parts) -> None:
    session_id = filled(parts)
    outside = parts.settings.data.parent / "outside.txt"
    outside.write_text("not mine to give")
    (parts.settings.documents_dir / "link.txt").symlink_to(outside)
    with TestClient(asyncio.run(made(parts)), base_url="http://127.0.0.1:7860") as client:
        assert client.get("/everything.zip", headers={"sec-fetch-site": "cross-site"}).status_code == 403
        reply = client.get("/everything.zip", headers={"sec-fetch-site": "same-origin"})
    assert reply.headers["cache-control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(reply.content)) as found:
        assert found.testzip() is None
        texts = {name: found.read(name).decode() for name in found.namelist()}
    session = json.loads(texts[f"interviews/{session_id}.json"])
    assert session["turns"][0]["text"] == "my very own words 我的话"
    assert session["confidences"][0]["percent"] == 70
    assert json.loads(texts["disputes.json"])[0]["text"] == "wrong"
    assert texts["banks/own.yaml"] == texts["documents/text.txt"] == "# mine"
    assert json.loads(texts["settings.json"])["base_url"] == SERVER.base_url
    assert "sk-secret" not in str(texts)
    assert "documents/link.txt" not in texts
    assert data_bytes(parts.settings) > 1000


def test_the_archive_comes_in_pieces(parts: Parts) -> None:
    for _ in range(3):
        filled(parts)
    pieces = [piece for piece in archive(parts.settings, parts.store) if piece]
    assert len(pieces) > 5


def test_erasing_leaves_nothing_and_touches_nothing_else(parts: Parts) -> None:
    session_id = filled(parts)
    own = parts.settings.data / "letters.txt"
    own.write_text("not the program's")
    lives = LiveInterviews(parts.interviews)
    live = lives.start(Setup(lang="en", questions=1))
    data = data_section(parts, lives, ZH)
    with pytest.warns(UserWarning, match="什么都没有删"):
        assert asyncio.run(data._erase("yes")) == ""
    assert parts.store.load(session_id)
    assert asyncio.run(data._erase(" 删除 ")) == "yes"
    assert everything.session_ids(parts.store) == []
    assert not any(everything.beside_sessions(parts.store).values())
    assert live.id not in lives._live
    assert own.read_text()
    assert not parts.settings.settings_file.exists()
    assert not parts.settings.banks_dir.exists()
    assert parts.indexing.wait(60).status == "done"
    raw = b"".join(path.read_bytes() for path in parts.settings.data.glob("interviews.db*"))
    assert b"my very own words" not in raw
    assert lives.start(Setup(lang="en", questions=1)).id  # the page is as new


def test_a_linked_folder_is_unlinked_and_not_emptied(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "a.yaml").write_text("x")
    settings = Settings(data=tmp_path / "data")
    settings.data.mkdir()
    settings.banks_dir.symlink_to(precious)
    remove_data(settings)
    assert (precious / "a.yaml").read_text() == "x"
    assert not settings.banks_dir.is_symlink()


def test_every_table_is_erased(tmp_path: Path) -> None:
    from interviewer.storage.tables import metadata

    store = open_store("sqlite://")
    named = {"sessions", *everything.beside_sessions(store)} | {table.name for table in everything._OF_SESSION}
    assert named == set(metadata.tables)
    SqlDisputes(store)
    everything.erase(store)
    store.close()


def test_doctor_says_what_is_kept_and_what_is_wrong_with_it(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    assert "none yet" in kept_settings(settings)
    assert "INTERVIEWER_MODEL" in kept_settings(replace(settings, fixed_by=("INTERVIEWER_MODEL",)))
    with pytest.raises(InterviewerError, match="not JSON"):
        kept_settings(replace(settings, file_problem="it is not JSON"))
