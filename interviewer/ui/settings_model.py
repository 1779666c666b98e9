"""The settings page's choice of an interviewer: what there is to choose from, trying a server, fetching a model, switching.

Values come over HTTP and are checked here; what a choice needs to work is for engines to say. A key goes to the server that
it was given for and never back to a page.
"""

from __future__ import annotations

import asyncio
from typing import Any

import gradio as gr

from interviewer.config import without_password
from interviewer.domain.errors import InterviewerError
from interviewer.engines.cached import cached_models
from interviewer.engines.hardware import GIB
from interviewer.engines.locate import find_cached, find_model, folder_at
from interviewer.settings_file import Kept
from interviewer.ui.html import render
from interviewer.ui.room import EVENT, TICK, Changes
from interviewer.ui.room_view import who_speaks
from interviewer.ui.settings_data import may_manage
from interviewer.ui.settings_fetch import FetchPanel
from interviewer.ui.words import Words
from interviewer.wiring import Parts

KINDS = ("builtin", "cache", "folder", "hub", "server")
#: Seconds between looks at a download or at a model that is loading.
EVERY = 1.0
_LONGEST = 1000


class ModelSection:
    """The components, and what they do."""

    def __init__(self, parts: Parts, words: Words) -> None:
        self._parts, self._words = parts, words
        self.fetch = FetchPanel("model", parts.fetching, words, self._check_allowed)

    # ------------------------------------------------------------ components

    def build(self, blocks: Any) -> None:
        """Create the components inside the Blocks context that is open."""
        words = self._words
        self.now = gr.HTML(self._now(), apply_default_css=False, elem_id="settings-model")
        self.suggestion = gr.HTML("", apply_default_css=False, elem_id="settings-suggestion")
        with gr.Column(visible=self._may_choose, elem_id="settings-form"):
            kinds = [(words(f"settings_kind_{kind}"), kind) for kind in KINDS]
            self.kind = gr.Radio(kinds, value="builtin", label=words("settings_kind"), elem_id="model-kind")
            self.cached = gr.Dropdown(
                [], label=words("settings_cached"), visible=False, filterable=False, elem_id="model-cached"
            )
            self.folder = self._line(words("settings_folder"), "model-folder")
            self.hub = self._line(words("settings_hub"), "model-hub", info=words("settings_hub_info"))
            self.url = self._line(words("settings_url"), "model-url", info=words("settings_url_info"))
            self.key = self._line(words("settings_key"), "model-key", info=words("settings_key_info"), type="password")
            self.model = self._line(words("settings_server_model"), "model-name")
            with gr.Row():
                self.use = gr.Button(words("settings_use"), variant="primary", elem_id="use-model")
                self.attempt = gr.Button(words("settings_try"), visible=False, elem_id="try-server")
            self.fetch.build()
        self.timer = gr.Timer(EVERY, active=False)
        self._wire(blocks)

    def _line(self, label: str, elem_id: str, **kind: Any) -> Any:
        return gr.Textbox(label=label, max_lines=1, max_length=_LONGEST, visible=False, elem_id=elem_id, **kind)

    @property
    def outputs(self) -> list[Any]:
        return [self.now, self.cached, *self.fetch.outputs, self.timer, self.key]

    def _wire(self, blocks: Any) -> None:
        given = [self.kind, self.cached, self.folder, self.hub, self.url, self.key, self.model]
        fields = [self.cached, self.folder, self.hub, self.url, self.key, self.model, self.attempt]
        self.kind.change(self._shown, self.kind, fields, **EVENT)
        blocks.load(self._as_chosen, None, [self.kind, self.url, self.model, self.folder], **EVENT)
        self.use.click(self._use, given, self.outputs, **EVENT)
        self.attempt.click(self._try, given, [self.fetch.said, self.key], **EVENT)
        self.fetch.wire(self.news, self.outputs)
        self.timer.tick(self.news, None, self.outputs, **TICK)

    # ------------------------------------------------------------ showing

    @property
    def _may_choose(self) -> bool:
        settings = self._parts.settings
        return may_manage(settings) and not settings.fixed_by

    def news(self) -> Changes:
        """How model and download stand; looked up again only while one is on its way."""
        running, loading = self.fetch.running, self._parts.engine_status().state == "loading"
        return {self.now: self._now(), self.timer: gr.Timer(active=loading or running)} | self.fetch.news()

    def opened(self) -> Changes:
        """The tab was opened: the cache may hold more by now."""
        words = self._words
        choices = [
            (words("settings_cached_one", name=model.name, b=f"{model.parameters / 1e9:.1f}"), model.name)
            for model in (cached_models() if self._may_choose else ())
        ]
        info = None if choices else words("settings_cached_none")
        return self.news() | {self.cached: gr.update(choices=choices, info=info)}

    def suggested(self) -> str:
        """What suits this machine, and why."""
        found = self._parts.suggested_model()
        hardware = found.hardware
        return render("settings_suggestion", self._words, model=found.model, free=hardware.free / GIB, cores=hardware.threads)

    def _now(self) -> str:
        settings = self._parts.settings
        who, limits = who_speaks(self._parts.engine_status(), self._words)
        return render(
            "settings_model",
            self._words,
            who=who,
            limits=limits,
            problem=settings.file_problem,
            fixed=", ".join(settings.fixed_by),
            allowed=may_manage(settings),
            key_set=bool(settings.api_key) and settings.engine == "openai",
        )

    def _as_chosen(self) -> Changes:
        """The form shows what is in use."""
        settings = self._parts.settings
        if not self._may_choose:
            return {self.kind: "builtin"}
        if settings.engine == "openai":
            return {self.kind: "server", self.url: without_password(settings.base_url), self.model: settings.model}
        if settings.engine == "transformers":
            return {self.kind: "folder", self.folder: settings.model} if folder_at(settings.model) else {self.kind: "cache"}
        return {self.kind: "builtin"}

    def _shown(self, kind: str) -> Changes:
        shown = {"cache": [self.cached], "folder": [self.folder], "hub": [self.hub], "server": [self.url, self.key, self.model]}
        fields = (self.cached, self.folder, self.hub, self.url, self.key, self.model)
        return {field: gr.update(visible=field in shown.get(kind, ())) for field in fields} | {
            self.attempt: gr.update(visible=kind == "server")
        }

    # ------------------------------------------------------------ handlers

    async def _use(self, *given: Any) -> Changes:
        """Switch to what is chosen; a model that isn't here is only offered for now."""
        words = self._words
        try:
            self._check_allowed()
            kept = await asyncio.to_thread(self._choice, *given)
            if kept is None:
                return self.fetch.say("") | self.news()
            await asyncio.to_thread(self._parts.choose, kept)
        except InterviewerError as error:
            return self.fetch.say(words.problem(str(error))) | self.news()
        self._parts.fetching.cancel()
        name = kept.model or without_password(kept.base_url)
        said = words("settings_used", name=name) if name else words("settings_used_builtin")
        return {self.key: ""} | self.fetch.say(said, good=True) | self.news()

    async def _try(self, *given: Any) -> Changes:
        words = self._words
        try:
            self._check_allowed()
            kept = self._server(*given[4:])
            model = await asyncio.to_thread(self._parts.try_server, kept)
        except InterviewerError as error:
            return self.fetch.say(words("settings_try_bad", detail=words.problem(str(error))))
        return self.fetch.say(words("settings_try_good", model=model), good=True)

    def _check_allowed(self) -> None:
        """Raises InterviewerError. The handlers answer anyone who can reach the server, whatever the page shows."""
        settings = self._parts.settings
        if settings.fixed_by:
            raise InterviewerError(self._words("settings_fixed", names=", ".join(settings.fixed_by)))
        if not may_manage(settings):
            raise InterviewerError(self._words("settings_not_allowed"))

    def _choice(self, kind: Any, cached: Any, folder: Any, hub: Any, url: Any, key: Any, model: Any) -> Kept | None:
        """What to keep; None for a model that has to be fetched first, which is offered. Raises InterviewerError."""
        words = self._words
        if kind == "cache":
            return Kept("transformers", find_model(self._filled(cached, words("settings_cached"))).name)
        if kind == "folder":
            named = self._filled(folder, words("settings_folder"))
            path = folder_at(named)
            if path is None or not path.is_absolute():
                raise InterviewerError(f"there is no folder {named}")
            find_model(str(path))
            return Kept("transformers", str(path))
        if kind == "hub":
            name = self._filled(hub, words("settings_hub"))
            if find_cached(name) is None:
                self._parts.fetching.ask(name)
                return None
            return Kept("transformers", name)
        return self._server(url, key, model) if kind == "server" else Kept()

    def _server(self, url: Any, key: Any, model: Any) -> Kept:
        """Raises InterviewerError. The key that is set stays with its address, and goes to no other."""
        settings, words = self._parts.settings, self._words
        address = self._filled(url, words("settings_url"))
        secret = _text(key)
        if settings.engine == "openai" and address in (settings.base_url, without_password(settings.base_url)):
            address, secret = settings.base_url, secret or settings.api_key
        return Kept("openai", _text(model), address, secret)

    def _filled(self, value: Any, label: str) -> str:
        text = _text(value)
        if not text:
            raise InterviewerError(self._words("settings_name_missing", field=label))
        return text


def _text(value: Any) -> str:
    """One line of what a form sent, which may be anything."""
    text = value.strip()[:_LONGEST] if isinstance(value, str) else ""
    return text if text.isprintable() else ""
