"""How soon the page answers: `python -m evals latency`. The built-in interviewer, from sending an answer to the first word of
the reply, for one person and for many at once.

Starts the real server in its own process and speaks to it as the page does, over HTTP; with `--browser` one person sits at a
real Chromium, from the Enter key to the word on the screen. Milliseconds say something of this machine only, so nothing is
held against a baseline.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evals.labelled import newest_dataset, read_dataset
from evals.results import Bar, Chart, Result, Section, Table, dataset_hash
from interviewer.config import corpus_dir
from interviewer.domain.errors import InterviewerError

if TYPE_CHECKING:
    import httpx

    from evals.core import Progress

NAME = "latency"
HELP = "How soon the page answers: from sending an answer to the first word of the reply, alone and with many at once"

#: Marks that the project set itself, in milliseconds: 95 of 100 answers are heard back sooner.
ALONE_MARK, TOGETHER_MARK = 300, 1500
#: Seconds that people take over an answer in this measurement: far less than real ones, so the load is far more than theirs.
THINKING = (4.0, 12.0)
#: Seconds after which a reply counts as lost.
LOST = 60.0


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--people", type=int, default=30, metavar="N", help="interviews going on at once (default: 30)")
    parser.add_argument("--answers", type=int, default=6, metavar="N", help="answers each person gives (default: 6)")
    parser.add_argument("--browser", action="store_true", help="measure the one person in Chromium too (needs playwright)")


def run(args: Namespace, progress: Progress) -> Result:
    """Measure all. Raises InterviewerError when asked to gate, or when the server does not start."""
    if args.gate or args.update_baseline:
        raise InterviewerError("latency is never gated: it says more about the machine and its load than about the program")
    if min(args.people, args.answers) < 1:
        raise InterviewerError("--people and --answers must be at least 1")
    from interviewer.ingest.bankfile import load_bank

    bank = load_bank([corpus_dir() / "bank"])
    texts = [row.answer for row in read_dataset(newest_dataset(), bank) if row.kind in ("full", "most", "partial", "terse")]
    measured: dict[str, list[float]] = {}
    with served() as address:
        progress("one person")
        measured["the first question after the start"] = [asyncio.run(first_question(address))]
        alone = asyncio.run(people(address, 1, 1 + 2 * args.answers, texts, (0.2, 0.4)))
        measured["the first answer after the start"], measured["one person"] = alone[:1], alone[1:]
        if args.browser:
            progress("one person at a real browser")
            measured["one person, Enter to the screen"] = in_browser(address, 2 * args.answers, texts)
        progress(f"{args.people} people")
        measured[f"{args.people} people"] = asyncio.run(people(address, args.people, args.answers, texts, THINKING))
    return _result(measured, args.people, texts)


def _result(measured: Mapping[str, Sequence[float]], people: int, texts: Sequence[str]) -> Result:
    together = f"{people} people"
    rows = [
        (who, len(ms), statistics.median(ms), quantile(ms, 0.95), max(ms), TOGETHER_MARK if who == together else ALONE_MARK)
        for who, ms in measured.items()
    ]
    figures = {f"p95_ms_{re.sub(r'[^a-z0-9]+', '_', who.lower())}": row[3] for who, row in zip(measured, rows, strict=True)}
    return Result(
        figures=figures,
        dataset=dataset_hash(texts),
        tables=(
            Table("Milliseconds to the first word", ("who", "answers", "median", "p95", "worst", "p95 wanted"), tuple(rows)),
        ),
        charts=(Chart("p95, milliseconds", tuple(Bar(row[0], row[3]) for row in rows), None),),
        sections=(
            Section(
                "What this says",
                f"From sending an answer to the first word of the reply reaching the page, the answer graded in between; the "
                f"first question from pressing Start, three seconds after the server's own start, to its end. With "
                f"{people} people each thinks for {THINKING[0]:g} to {THINKING[1]:g} seconds between answers.",
            ),
        ),
        lower_is_better=frozenset(figures),
    )


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


# ---------------------------------------------------------------- the server


@contextmanager
def served() -> Iterator[str]:
    """The address of a server of its own, with an empty data folder."""
    root = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as data:
        mine = {"INTERVIEWER_DATA": data, "INTERVIEWER_PORT": "0", "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("INTERVIEWER_", "OPENAI_"))}
        process = subprocess.Popen(
            [sys.executable, "-m", "interviewer", "serve", "--no-browser"],
            cwd=root,
            env={**kept, **mine},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            address = process.stdout.readline().strip() if process.stdout else ""
            if not address.startswith("http"):
                raise InterviewerError("the server did not start")
            time.sleep(3)  # it still prepares the grader, as it does while a person reads the page
            yield address.rstrip("/")
        finally:
            process.terminate()
            process.communicate(timeout=20)


# ---------------------------------------------------------------- people, as the page speaks for them


@dataclass(frozen=True, slots=True)
class Handler:
    """One of the page's handlers: its number, and what its inputs hold, by component."""

    number: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Surface:
    """What the page's configuration says of its components and handlers."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._components = {c["id"]: c for c in config["components"]}
        self._dependencies = config["dependencies"]

    def component(self, elem_id: str) -> int:
        """The number of the component with that id. Raises InterviewerError when the page has none."""
        for number, component in self._components.items():
            if component["props"].get("elem_id") == elem_id:
                return int(number)
        raise InterviewerError(f"the page has no #{elem_id}")

    def handler(self, elem_id: str, event: str) -> Handler:
        """What answers that event of that component."""
        wanted = self.component(elem_id)
        for number, dependency in enumerate(self._dependencies):
            if [wanted, event] in [list(target) for target in dependency["targets"]] and dependency.get("backend_fn", True):
                return Handler(dependency.get("id", number), tuple(dependency["inputs"]), tuple(dependency["outputs"]))
        raise InterviewerError(f"nothing answers {event} of #{elem_id}")

    def value(self, component: int) -> Any:
        """What the component holds at first."""
        return self._components[component]["props"].get("value")

    def kind(self, component: int) -> str:
        return str(self._components[component]["type"])


class Person:
    """One interview, followed as the page follows it."""

    def __init__(self, client: httpx.AsyncClient, surface: Surface) -> None:
        self._client, self._surface = client, surface
        self._hash = secrets.token_hex(6)
        self._room = surface.component("room")
        self.session: str | None = None
        self.turns = 0
        self.finished = False

    async def start(self) -> None:
        handler, press = self._surface.handler("start", "click"), self._surface.component("shown")
        async for _ in self._call(handler, ["press" if c == press else self._surface.value(c) for c in handler.inputs]):
            pass

    async def answer(self, text: str) -> float:
        """Seconds from sending the answer to the first word of the reply."""
        handler = self._surface.handler("answer", "submit")
        box, place = self._surface.component("answer"), self._surface.component("shown")
        filled: list[Any] = []
        for component in handler.inputs:
            if component == box:
                filled.append(text)
            elif component == place:
                filled.append(self.session)
            elif self._surface.kind(component) == "textbox":
                filled.append(f"{self.turns}:{secrets.token_hex(4)}")
            else:
                filled.append(self._surface.value(component))
        before, began, heard = self.turns, time.perf_counter(), 0.0
        async for room in self._call(handler, filled):
            if not heard and _replied(room, before):
                heard = time.perf_counter() - began
        return heard or LOST

    async def _call(self, handler: Handler, data: list[Any]) -> Any:
        """The room after each of the handler's changes."""
        body = {"data": data, "fn_index": handler.number, "session_hash": self._hash, "event_data": None, "trigger_id": None}
        (await self._client.post("queue/join", json=body)).raise_for_status()
        place = handler.outputs.index(self._room)
        held: list[Any] = [None] * len(handler.outputs)
        async with self._client.stream("GET", "queue/data", params={"session_hash": self._hash}) as stream:
            async for line in stream.aiter_lines():
                if not line.startswith("data:"):
                    continue
                message = json.loads(line[5:])
                if message["msg"] in ("process_generating", "process_completed"):
                    changed = (message.get("output") or {}).get("data") or []
                    for n, value in enumerate(changed):
                        held[n] = patched(held[n], value) if message["msg"] == "process_generating" else held[n]
                    room = _value(held[place])
                    if room:
                        self._note(room)
                        yield room
                if message["msg"] in ("process_completed", "close_stream"):
                    return

    def _note(self, room: Mapping[str, Any]) -> None:
        self.session, self.turns, self.finished = room["session"], room["turns"], room["finished"]


def _value(held: Any) -> Any:
    return held.get("value") if isinstance(held, dict) and held.get("__type__") == "update" else held


def _replied(room: Mapping[str, Any], before: int) -> bool:
    """Whether a word of the interviewer's has come since there were `before` turns."""
    if room["turns"] > before + 1:
        return True
    last = room["rows"][-1]
    return room["turns"] > before and last["who"] == "interviewer" and not last.get("typing") and bool(last["text"])


def patched(held: Any, change: Any) -> Any:
    """A value after Gradio's list of changes to it ([["replace" | "append" | "add" | "delete", path, value], …])."""
    if not (isinstance(change, list) and change and all(isinstance(c, list) and len(c) == 3 for c in change)):
        return change if change != [] else held
    for action, path, value in change:
        if not path:
            held = held + value if action == "append" else value
            continue
        node = held
        for key in path[:-1]:
            node = node[key]
        if action == "append":
            node[path[-1]] += value
        elif action == "delete":
            del node[path[-1]]
        elif action == "add" and isinstance(node, list):
            node.insert(path[-1], value)
        else:
            node[path[-1]] = value
    return held


async def first_question(address: str) -> float:
    """Milliseconds from pressing Start to the end of the first question."""
    import httpx

    async with httpx.AsyncClient(base_url=f"{address}/en/gradio_api/", timeout=LOST) as client:
        surface = Surface((await client.get(f"{address}/en/config")).raise_for_status().json())
        began = time.perf_counter()
        await Person(client, surface).start()
        return 1000 * (time.perf_counter() - began)


async def people(address: str, count: int, answers: int, texts: Sequence[str], thinking: tuple[float, float]) -> list[float]:
    """Milliseconds of every answer of `count` people, each in an interview of their own."""
    import httpx

    limits = httpx.Limits(max_connections=4 * count + 8)
    async with httpx.AsyncClient(base_url=f"{address}/en/gradio_api/", timeout=LOST, limits=limits) as client:
        surface = Surface((await client.get(f"{address}/en/config")).raise_for_status().json())

        async def one(seed: int) -> list[float]:
            rng = random.Random(seed)
            person = Person(client, surface)
            await asyncio.sleep(rng.uniform(0, thinking[1]))
            await person.start()
            out = []
            for _ in range(answers):
                await asyncio.sleep(rng.uniform(*thinking))
                if person.finished:
                    person = Person(client, surface)
                    await person.start()
                out.append(1000 * await person.answer(rng.choice(texts)))
            return out

        return [ms for part in await asyncio.gather(*(one(seed) for seed in range(count))) for ms in part]


# ---------------------------------------------------------------- a real browser

#: Runs in the page: resolves with the milliseconds from the Enter key to a new word of the interviewer's in the log.
_WATCH = """() => new Promise((done) => {
  const log = document.querySelector("#room .log");
  const said = () => log.querySelectorAll(".turn.interviewer:not(.typing) .text").length;
  const before = said();
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const began = performance.now();
    const look = () => said() > before ? done(performance.now() - began) : requestAnimationFrame(look);
    look();
  }, { capture: true, once: true });
  window.watching = true;
})"""


def in_browser(address: str, answers: int, texts: Sequence[str]) -> list[float]:
    """Milliseconds from Enter to the word on the screen. Raises InterviewerError without playwright or Chromium."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise InterviewerError("--browser needs playwright: pip install -e '.[test]'") from error
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        raise InterviewerError("--browser needs Chromium on the path")
    rng, out = random.Random(0), []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        page = browser.new_page()
        page.goto(f"{address}/en/")
        page.locator("#start").click()
        page.wait_for_selector("#room .turn.interviewer:nth-of-type(2)")
        for _ in range(answers):
            page.wait_for_selector("#room .log[aria-busy=false]")
            if not page.locator("#answer textarea").is_visible():
                break
            page.locator("#answer textarea").fill(rng.choice(texts))
            page.evaluate(f"() => {{ window.measured = ({_WATCH})(); }}")
            page.locator("#answer textarea").press("Enter")
            out.append(float(page.evaluate("() => window.measured")))
        browser.close()
    return out
