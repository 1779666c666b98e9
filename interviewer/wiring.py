"""The only place that picks concrete parts: from settings to a library, graders, voices and a store.

The model is in a slot of its own (`modelslot`); until it is there, and while it rests from trouble, the built-in interviewer
carries on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from interviewer.coach import Coach
from interviewer.config import Settings, prompts_dir, with_choice
from interviewer.dialogue.speakers import BuiltinSpeaker, ModelSpeaker, Speaker
from interviewer.dialogue.wording import Wording
from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import LANGS, Bank, Lang
from interviewer.engines import catalogue, load_engine
from interviewer.engines.catalogue import Suggestion
from interviewer.engines.download import hub_config
from interviewer.engines.hardware import cores, detect, free_memory
from interviewer.engines.kinds import Kind
from interviewer.engines.locate import find_model
from interviewer.engines.recorded import RecordingEngine
from interviewer.fetching import Fetching
from interviewer.grading import BuiltinGrader, ModelGrader
from interviewer.library import Library
from interviewer.modelslot import EngineState, EngineStatus, ModelSlot
from interviewer.own_data import remove_data
from interviewer.ports import Engine, Grader, Retriever
from interviewer.prompting import PromptBook, load_prompts
from interviewer.replay import RecordedGrader, Rederived, rederive
from interviewer.retrieval import BackgroundBuild, OnProgress
from interviewer.session import Cast, Interviews
from interviewer.settings_file import Kept, read_kept, write_kept
from interviewer.storage import SqlStore, everything, open_store
from interviewer.storage.archive import SqlArchive
from interviewer.storage.confidences import SqlConfidences
from interviewer.storage.disputes import SqlDisputes
from interviewer.storage.reviews import SqlReviews
from interviewer.voice.catalogue import Suggested, suggest
from interviewer.voice.dictation import Dictation
from interviewer.voice.glossary import Glossary
from interviewer.voice.reading import Reading
from interviewer.voice.synthesiser import check_speaks, read_config

__all__ = ["EngineState", "EngineStatus", "Parts", "build"]


class Parts:
    """Everything an interface needs, put together."""

    def __init__(self, settings: Settings, store: SqlStore, library: Library, prompts: PromptBook) -> None:
        self.settings = settings
        self.store = store
        self.confidences = SqlConfidences(store)
        self.disputes = SqlDisputes(store)
        self.library = library
        self.prompts = prompts
        self.model = ModelSlot(settings)
        one_at_a_time = threading.Lock()
        self.fetching = Fetching(lambda name: self.choose(Kept("transformers", name)), one_at_a_time)
        self.fetching_recogniser = Fetching(self.choose_recogniser, one_at_a_time, kind="speech")
        self.fetching_voices = {lang: Fetching(partial(self.choose_voice, lang), one_at_a_time, kind="voice") for lang in LANGS}
        self._choosing = threading.Lock()
        self._glossaries: tuple[Bank, Glossary] | None = None
        self.voice = Dictation(partial(_find_model, "speech"), self._glossary)
        self.voice.use(settings.recogniser, settings.download)
        self.reading = Reading(partial(_find_model, "voice"))
        for lang in LANGS:
            self.reading.use(lang, settings.voice(lang), settings.download)
        wording = Wording(prompts)
        self._builtin_speaker = BuiltinSpeaker(wording)
        self._wording = wording
        self._model_speaker: tuple[Engine, ModelSpeaker] | None = None
        self._builtin: tuple[Bank, BuiltinGrader, RecordedGrader] | None = None
        self._choosing_builtin = threading.Lock()
        self._judge: tuple[Engine, RecordedGrader, RecordedGrader] | None = None
        self.indexing = BackgroundBuild(self._reindex)
        self.archive, reviews = SqlArchive(store), SqlReviews(store)
        self.coach = Coach(reviews, self.archive, lambda: library.bank)
        self.interviews = Interviews(
            Cast(lambda: library.bank, self._voice, self._grader, lambda: library.index, self._builtin_recorded),
            store,
            reviews=reviews,
            confidences=self.confidences.of_session,
            disputes=self.disputes.of_session,
        )

    @property
    def bank(self) -> Bank:
        return self.library.bank

    @property
    def retriever(self) -> Retriever:
        return self.library.index

    @property
    def grader(self) -> Grader:
        """The grader that was asked for, not watched: a batch waits for its model instead of going on without."""
        engine = self.model.engine
        return self._model_grader(engine.inner) if engine else self.builtin_grader()

    @property
    def problems(self) -> tuple[str, ...]:
        """What was wrong with the person's own files, for them to mend."""
        return self.library.problems

    def engine_status(self) -> EngineStatus:
        return self.model.status

    def builtin_grader(self) -> BuiltinGrader:
        """The built-in grader for the bank as it is now."""
        return self._builtins()[1]

    def expect_answer(self, question_id: str) -> None:
        """That question was put to somebody: have ready what grading their answer needs."""
        question = self.bank.get(question_id)
        if question is not None:
            self.builtin_grader().prepare(question)

    def rederive(self, session_id: str) -> list[Rederived]:
        """An interview's assessments made again from what was stored. Raises SessionError."""
        return rederive(self.store.load(session_id), self.store.history(session_id), self.bank, self.prompts)

    def suggested_recogniser(self) -> Suggested | None:
        """The speech recogniser that suits this machine's processor; what an accelerator could do, `doctor` says."""
        return suggest(free_memory(), cores())

    def choose(self, kept: Kept) -> None:
        """Exchange the interviewer from the next question on, and remember it. Raises ConfigError when it can't be kept.

        The old model ends what it has begun and frees its memory before the new one is loaded; meanwhile, and if the new one
        fails, the built-in interviewer carries on.
        """
        with self._choosing:
            before, _ = read_kept(self.settings.settings_file)
            others = {name: getattr(before, name) for name in ("recogniser", "voice_zh", "voice_en")}
            write_kept(self.settings.settings_file, replace(kept, **others))
            self.settings = replace(with_choice(self.settings, kept), file_problem="")
            old = self.model
            # What isn't here was asked for and fetched before; loading alone never downloads.
            self.model = ModelSlot(replace(self.settings, download=False), first=old.retire)
        if kept.engine == "builtin":
            threading.Thread(target=old.retire, name="model-leaving", daemon=True).start()

    def choose_recogniser(self, name: str) -> None:
        """Exchange the speech recogniser for the one of that name or folder, which is here; empty for none; and remember it.

        Raises EngineUnavailable when it isn't here, ConfigError when it can't be kept.
        """
        if name:
            find_model(name)
        with self._choosing:
            before, _ = read_kept(self.settings.settings_file)
            write_kept(self.settings.settings_file, replace(before, recogniser=name))
            self.settings = replace(self.settings, recogniser=name)
            self.voice.use(name)

    def choose_voice(self, lang: Lang, name: str) -> None:
        """Have sentences of `lang` read by the text-to-speech model of that name or folder, which is here; empty for the
        browser's own voice; and remember it.

        Raises EngineUnavailable when it isn't here, VoiceError when it is no such model, ConfigError when it can't be kept.
        """
        if name:
            check_speaks(read_config(find_model(name).path, name), name)
        with self._choosing:
            before, _ = read_kept(self.settings.settings_file)
            chosen: dict[str, Any] = {f"voice_{lang}": name}
            write_kept(self.settings.settings_file, replace(before, **chosen))
            self.settings = replace(self.settings, **chosen)
            self.reading.use(lang, name)

    def offer_voice(self, lang: Lang, name: str) -> None:
        """Ask the hub what fetching the voice `name` would mean, once its configuration says that it is one.

        Raises EngineUnavailable, VoiceError, ConfigError.
        """
        check_speaks(hub_config(name), name)
        self.fetching_voices[lang].ask(name)

    def try_server(self, kept: Kept) -> str:
        """The model that answers at the server named. Raises EngineUnavailable saying what is wrong."""
        engine = load_engine(with_choice(self.settings, kept))
        try:
            return engine.info.model
        finally:
            engine.close()

    def suggested_model(self) -> Suggestion:
        """The model that suits this machine, and why. Takes seconds the first time."""
        return catalogue.suggest(detect())

    def erase_everything(self) -> None:
        """Delete all the person's data for good: interviews, banks, documents, index, settings. Raises InterviewerError."""
        self.fetching.forget()
        self.fetching_recogniser.forget()
        for fetching in self.fetching_voices.values():
            fetching.forget()
        if not self.settings.fixed_by and self.settings.engine != "builtin":
            self.choose(Kept())
        if not self.settings.recogniser_fixed and self.settings.recogniser:
            self.choose_recogniser("")
        for lang in LANGS:
            if lang not in self.settings.voices_fixed and self.settings.voice(lang):
                self.choose_voice(lang, "")
        everything.erase(self.store)
        remove_data(self.settings)
        self.library.reload()
        self.indexing.start()

    def _reindex(self, on_progress: OnProgress) -> None:
        """Bring the index up to date, and have the grader for the bank ready before an answer waits for it."""
        self.library.reindex(on_progress)
        self.builtin_grader().read_bank()

    def close(self) -> None:
        """Free the models and the database."""
        self.fetching.cancel()
        self.fetching_recogniser.cancel()
        for fetching in self.fetching_voices.values():
            fetching.cancel()
        self.model.close()
        self.voice.close()
        self.reading.close()
        self.store.close()

    def _glossary(self) -> Glossary:
        bank = self.library.bank
        if self._glossaries is None or self._glossaries[0] is not bank:
            self._glossaries = (bank, Glossary(bank))
        return self._glossaries[1]

    def _voice(self) -> Speaker:
        engine = self.model.engine
        if engine is None or not engine.health.talks:
            return self._builtin_speaker
        if self._model_speaker is None or self._model_speaker[0] is not engine:
            self._model_speaker = engine, ModelSpeaker(engine, self._wording, self.prompts)
        return self._model_speaker[1]

    def _grader(self) -> Grader:
        engine, builtin = self.model.engine, self._builtin_recorded()
        if engine is None or not engine.health.judges:
            return builtin
        if self._judge is None or self._judge[:2] != (engine, builtin):  # both compare by identity
            recording = RecordingEngine(engine)
            self._judge = engine, builtin, RecordedGrader(self._model_grader(recording), self.library.bank, recording)
        return self._judge[2]

    def _model_grader(self, engine: Engine) -> ModelGrader:
        return ModelGrader(engine, self.prompts, self.builtin_grader(), bank=self.library.bank)

    def _builtin_recorded(self) -> RecordedGrader:
        return self._builtins()[2]

    def _builtins(self) -> tuple[Bank, BuiltinGrader, RecordedGrader]:
        with self._choosing_builtin:  # two would read the bank twice
            bank = self.library.bank
            if self._builtin is None or self._builtin[0] is not bank:
                grader = BuiltinGrader(bank)
                self._builtin = bank, grader, RecordedGrader(grader, bank)
            return self._builtin


def _find_model(
    kind: Kind, name: str, *, download: bool, on_progress: Callable[[object], None], cancelled: Callable[[], bool]
) -> Path:
    """Speech models are found and fetched like any other."""
    return find_model(name, allow_download=download, on_progress=on_progress, cancelled=cancelled, kind=kind).path


def build(settings: Settings) -> Parts:
    """All parts for these settings. Raises InterviewerError for a bank, prompt or database that can't be used."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InterviewerError(f"the data folder {settings.data} can't be made: {error.strerror}") from error
    return Parts(settings, open_store(settings.database_url), Library(settings), load_prompts(prompts_dir()))
