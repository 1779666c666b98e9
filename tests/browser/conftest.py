"""A real server in its own process and a real Chromium on it. Every page watches for errors and for requests to elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, BrowserContext, Page

from interviewer.config import load_settings
from interviewer.library import Library
from tests.browser.steps import Room

ROOT = Path(__file__).parents[2]
#: Milliseconds a step may take before the test gives up; machines that run tests are slow and shared.
PATIENCE = 60_000
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(item.fspath).is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)
            # A browser, two servers and a page's own timers share two cores here: what fails only under load passes again.
            item.add_marker(pytest.mark.flaky(reruns=2))


def chromium() -> str | None:
    """The browser named by CHROMIUM, else one on the path. The one without windows of its own takes an eighth less of the
    processor: the others draw theirs, tab strip and all, for nobody."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    path = chromium()
    if path is None:
        reason = "no Chromium on the path; set CHROMIUM to one"
        if os.environ.get("INTERVIEWER_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return {**browser_type_launch_args, "executable_path": path, "args": FLAGS, "headless": True}


class Server:
    """`python app.py` on a free port, with a data folder of its own. It can be killed and started again."""

    def __init__(self, data: Path, environ: dict[str, str] | None = None, **settings: str) -> None:
        self.data = data
        self._environ = environ or {}
        self._settings = {f"INTERVIEWER_{name.upper()}": value for name, value in settings.items()}
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        self.visitors: list[BrowserContext] = []

    def start(self, port: int = 0) -> None:
        if not (self.data / "index").exists():
            shutil.copytree(_index, self.data, dirs_exist_ok=True)
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("INTERVIEWER_", "OPENAI_"))}
        environ = {
            **inherited, **self._settings, "INTERVIEWER_DATA": str(self.data), "INTERVIEWER_PORT": str(port),
            "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1", **self._environ,
        }  # fmt: skip
        log = (self.data.parent / f"{self.data.name}.log").open("a")
        with log:
            self._process = subprocess.Popen(
                [sys.executable, "app.py"], cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self._process.stdout is not None
        address = self._process.stdout.readline().strip()  # printed once it answers
        assert address.startswith("http://127.0.0.1:"), Path(log.name).read_text()
        self.url = address.rstrip("/")

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        """As a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._reap()

    def stop(self) -> None:
        """As Ctrl-C does. Its pages are closed first: it gives open ones three seconds."""
        for context in self.visitors:
            context.close()
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._reap()

    def renew(self) -> None:
        """Begin again on an empty data folder, at the same address."""
        port = self.port
        self.stop()
        shutil.rmtree(self.data)
        self.start(port)

    def _reap(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.wait()
        rest = self._process.stdout.read()
        self._process.stdout.close()
        assert rest == ""  # the address is printed once, and nothing else

    def get(self, path: str) -> bytes:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.url + path, timeout=30) as reply:
            content: bytes = reply.read()
        return content


#: A data folder with nothing but the index of the shipped bank, which each server looks at and finds up to date.
_index = Path()


@pytest.fixture(scope="session", autouse=True)
def _indexed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The index is built once for all workers: seconds of work that each server would do beside its page."""
    global _index
    folder = tmp_path_factory.getbasetemp()
    _index = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "index-of-the-bank"
    with FileLock(f"{_index}.lock"):
        Library(load_settings({}, data=_index)).reindex(lambda _done, _total: None)


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Notes for its fixtures whether a test, or this try of it, has failed; and why among the CI artefacts, when they are asked
    for: of a try that was repeated nothing else is told."""
    report = yield
    item.stash[FAILED] = report.failed or (report.when != "setup" and item.stash[FAILED])
    if report.failed and (folder := os.environ.get("INTERVIEWER_ARTIFACTS")):
        Path(folder).mkdir(parents=True, exist_ok=True)
        with (Path(folder) / "failed.txt").open("a", encoding="utf-8") as file:
            file.write(f"{item.nodeid} {report.when}\n{report.longreprtext}\n\n")
    return report


@contextmanager
def running(data: Path, environ: dict[str, str] | None = None, **settings: str) -> Iterator[Server]:
    server = Server(data, environ, **settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def server(browser_type_launch_args: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with the built-in interviewer for all tests that don't need their own."""
    with running(tmp_path_factory.mktemp("server") / "data") as server:
        yield server


Visit = Callable[..., Room]


@pytest.fixture
def visit(browser: Browser, server: Server, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """`visit(lang="zh", width=375, dark=True)` opens the front door in a fresh browser profile and gives the room's steps."""
    contexts: list[BrowserContext] = []
    outside: list[str] = []
    errors: list[str] = []

    def watch(page: Page, url: str) -> None:
        page.on("request", lambda r: None if r.url.startswith((url, "data:", "blob:")) else outside.append(r.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("dialog", lambda dialog: dialog.accept())

    def open_page(lang: str = "en", width: int = 1280, dark: bool = False, at: Server | None = None) -> Room:
        host = at or server
        url = host.url
        context = browser.new_context(
            locale="zh-CN" if lang == "zh" else "en-US",
            viewport={"width": width, "height": 860 if width > 600 else 740},
            color_scheme="dark" if dark else "light",
        )
        contexts.append(context)
        host.visitors.append(context)
        context.set_default_timeout(PATIENCE)
        context.on("page", lambda page: watch(page, url))
        page = context.new_page()
        page.goto(url + "/")
        return Room(page, request.node.name)

    yield open_page
    for context in contexts:
        context.close()
    assert outside == []
    assert errors == []
