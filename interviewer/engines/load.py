"""From settings to an engine. Knows which engine goes with which setting, nothing else."""

from __future__ import annotations

from collections.abc import Callable

from interviewer.config import Settings
from interviewer.engines.download import Progress
from interviewer.engines.locate import find_model
from interviewer.engines.openai_engine import OpenAIEngine
from interviewer.engines.transformers_engine import TransformersEngine
from interviewer.ports import Engine


def load_engine(
    settings: Settings,
    *,
    allow_download: bool = False,
    on_progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Engine:
    """The engine the settings ask for, ready to answer (loading can take minutes). Raises EngineUnavailable.

    `on_progress` hears of a download as it goes on; it stops once `cancelled()` is true (DownloadCancelled).
    The built-in interviewer is no engine: asking for it is the caller's mistake (ValueError).
    """
    if settings.engine == "transformers":
        find_model(settings.model, allow_download=allow_download, on_progress=on_progress, cancelled=cancelled)
        return TransformersEngine(settings.model)
    if settings.engine == "openai":
        return OpenAIEngine(settings.base_url, model=settings.model, api_key=settings.api_key)
    raise ValueError(f"{settings.engine!r} is not an engine")
