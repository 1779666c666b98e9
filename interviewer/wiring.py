"""The only place that picks concrete parts: from settings to a library, graders, voices and a store.

A model is loaded in the background; until it is there, and whenever it fails, the built-in interviewer carries on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from interviewer.coach import Coach
from interviewer.config import Settings, prompts_dir
from interviewer.dialogue.speakers import BuiltinSpeaker, ModelSpeaker, Speaker
from interviewer.dialogue.wording import Wording
from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import Bank
from interviewer.engines import load_engine
from interviewer.engines.download import Progress
from interviewer.engines.hardware import cores, free_memory
from interviewer.engines.locate import find_model
from interviewer.grading import BuiltinGrader, ModelGrader
from interviewer.ingest.run import IngestResult
from interviewer.library import Library
from interviewer.ports import Engine, Grader, Retriever
from interviewer.prompting import PromptBook, load_prompts
from interviewer.session import Cast, Interviews
from interviewer.storage import SqlStore, open_store
from interviewer.storage.archive import SqlArchive
from interviewer.storage.confidences import SqlConfidences
from interviewer.storage.reviews import SqlReviews
from interviewer.voice.catalogue import Suggested, suggest
from interviewer.voice.dictation import Dictation
from interviewer.voice.glossary import Glossary

log = logging.getLogger(__name__)

EngineState = Literal["none", "loading", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """How the model is doing. `name` is the model asked for, `detail` a sentence for people."""

    state: EngineState
    name: str = ""
    detail: str = ""


class ModelSlot:
    """The model, once it has loaded. `wait` blocks until loading has ended either way."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._done = threading.Event()
        self._closed = False
        self._lock = threading.Lock()
        self.engine: Engine | None = None
        self.status = EngineStatus("none") if settings.engine == "builtin" else EngineStatus("loading", self._asked_for)
        if settings.engine == "builtin":
            self._done.set()
        else:
            threading.Thread(target=self._load, name="model-loader", daemon=True).start()

    @property
    def _asked_for(self) -> str:
        return self._settings.model or self._settings.base_url

    def _load(self) -> None:
        try:
            engine = load_engine(
                self._settings,
                allow_download=self._settings.download,
                on_progress=self._downloading,
                cancelled=lambda: self._closed,
            )
        except InterviewerError as error:
            self.status = EngineStatus("failed", self._asked_for, str(error))
        except Exception as error:
            log.exception("loading %s failed", self._asked_for)
            self.status = EngineStatus("failed", self._asked_for, f"{type(error).__name__}: {error}")
        else:
            with self._lock:
                if self._closed:
                    engine.close()
                else:
                    self.engine = engine
                    self.status = EngineStatus("ready", engine.info.model, engine.info.device)
        self._done.set()

    def _downloading(self, progress: Progress) -> None:
        self.status = EngineStatus("loading", self._asked_for, f"downloading, {progress}")

    def wait(self, timeout: float | None = None) -> EngineStatus:
        """The status once loading has ended, or after `timeout` seconds."""
        self._done.wait(timeout)
        return self.status

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self.engine is not None:
                self.engine.close()


class Parts:
    """Everything an interface needs, put together."""

    def __init__(self, settings: Settings, store: SqlStore, library: Library, prompts: PromptBook) -> None:
        self.settings = settings
        self.store = store
        self.confidences = SqlConfidences(store)
        self.library = library
        self.prompts = prompts
        self.model = ModelSlot(settings)
        self._glossaries: tuple[Bank, Glossary] | None = None
        self.voice = Dictation(_find_recogniser, self._glossary)
        self.voice.use(settings.recogniser, settings.download)
        wording = Wording(prompts)
        self._builtin_speaker = BuiltinSpeaker(wording)
        self._wording = wording
        self._graders: tuple[Bank, BuiltinGrader] | None = None
        self._model_speaker: tuple[Engine, ModelSpeaker] | None = None
        self._model_grader: tuple[Engine, BuiltinGrader, ModelGrader] | None = None
        self.archive, reviews = SqlArchive(store), SqlReviews(store)
        self.coach = Coach(reviews, self.archive, lambda: library.bank)
        self.interviews = Interviews(
            Cast(lambda: library.bank, self._voice, self._grader, lambda: library.index, self.builtin_grader),
            store,
            reviews=reviews,
            confidences=self.confidences.of_session,
        )

    @property
    def bank(self) -> Bank:
        return self.library.bank

    @property
    def retriever(self) -> Retriever:
        return self.library.index

    @property
    def grader(self) -> Grader:
        return self._grader()

    @property
    def problems(self) -> tuple[str, ...]:
        """What was wrong with the person's own files, for them to mend."""
        return self.library.problems

    def engine_status(self) -> EngineStatus:
        return self.model.status

    def builtin_grader(self) -> BuiltinGrader:
        """The built-in grader for the bank as it is now."""
        bank = self.library.bank
        if self._graders is None or self._graders[0] is not bank:
            self._graders = (bank, BuiltinGrader(bank))
        return self._graders[1]

    def suggested_recogniser(self) -> Suggested | None:
        """The speech recogniser that suits this machine's processor; what an accelerator could do, `doctor` says."""
        return suggest(free_memory(), cores())

    def add_documents(self, paths: Sequence[Path]) -> IngestResult:
        """Take documents into the library. Raises InterviewerError when nothing could be stored."""
        return self.library.add_documents(paths)

    def close(self) -> None:
        """Free the models and the database."""
        self.model.close()
        self.voice.close()
        self.store.close()

    def _glossary(self) -> Glossary:
        bank = self.library.bank
        if self._glossaries is None or self._glossaries[0] is not bank:
            self._glossaries = (bank, Glossary(bank))
        return self._glossaries[1]

    def _voice(self) -> Speaker:
        engine = self.model.engine
        if engine is None:
            return self._builtin_speaker
        if self._model_speaker is None or self._model_speaker[0] is not engine:
            self._model_speaker = engine, ModelSpeaker(engine, self._wording, self.prompts)
        return self._model_speaker[1]

    def _grader(self) -> Grader:
        engine, builtin = self.model.engine, self.builtin_grader()
        if engine is None:
            return builtin
        if self._model_grader is None or self._model_grader[:2] != (engine, builtin):  # both compare by identity
            self._model_grader = engine, builtin, ModelGrader(engine, self.prompts, builtin, bank=self.library.bank)
        return self._model_grader[2]


def _find_recogniser(
    name: str, *, download: bool, on_progress: Callable[[object], None], cancelled: Callable[[], bool]
) -> Path:
    """Speech models are found and fetched like any other."""
    return find_model(name, allow_download=download, on_progress=on_progress, cancelled=cancelled).path


def build(settings: Settings) -> Parts:
    """All parts for these settings. Raises InterviewerError for a bank, prompt or database that can't be used."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InterviewerError(f"the data folder {settings.data} can't be made: {error.strerror}") from error
    return Parts(settings, open_store(settings.database_url), Library(settings), load_prompts(prompts_dir()))
