"""From settings to an engine. Knows which engine goes with which setting, nothing else."""

from __future__ import annotations

from interviewer.config import Settings
from interviewer.engines.openai_engine import OpenAIEngine
from interviewer.engines.transformers_engine import TransformersEngine
from interviewer.ports import Engine


def load_engine(settings: Settings, *, allow_download: bool = False) -> Engine:
    """The engine the settings ask for, ready to answer (loading can take minutes). Raises EngineUnavailable.

    The built-in interviewer is no engine: asking for it is the caller's mistake (ValueError).
    """
    if settings.engine == "transformers":
        return TransformersEngine(settings.model, allow_download=allow_download)
    if settings.engine == "openai":
        return OpenAIEngine(settings.base_url, model=settings.model, api_key=settings.api_key)
    raise ValueError(f"{settings.engine!r} is not an engine")
