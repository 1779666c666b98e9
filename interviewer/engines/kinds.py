"""What a model is for, told from its config.json alone: whether transformers has a class that writes text with it, one that
hears speech, or one that speaks.

Says nothing of how well it does so, and loads no weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from interviewer.domain.errors import EngineUnavailable

#: `text`: what `TransformersEngine` loads; `speech`: what recognisers load; `voice`: what may read aloud.
Kind = Literal["text", "speech", "voice"]
_NAMES: dict[Kind, str] = {
    "text": "text-generating model",
    "speech": "speech recognition model",
    "voice": "text-to-speech model",
}
#: Heads of models that write. Those that see as well are written `ForConditionalGeneration`.
_WRITERS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")


def check_kind(name: str, config: Mapping[str, Any], kind: Kind) -> None:
    """Raises EngineUnavailable where the model `name`, whose config.json holds `config`, can't be used as one of that kind."""
    from transformers import CONFIG_MAPPING, __version__

    model_type, heads = config.get("model_type"), _heads(config)
    if not isinstance(model_type, str) or model_type not in CONFIG_MAPPING:
        said = model_type if isinstance(model_type, str) else "none"
        raise EngineUnavailable(f"{name} is of a type ({said}) that transformers {__version__} does not know")
    if not _IS[kind](model_type, heads):
        raise EngineUnavailable(f"{name} is not a {_NAMES[kind]}: its config.json says {', '.join([model_type, *heads])}")


def _heads(config: Mapping[str, Any]) -> list[str]:
    """The classes its makers saved it from; often one, sometimes none."""
    named = config.get("architectures")
    return [head for head in named if isinstance(head, str)] if isinstance(named, list) else []


def _writes(model_type: str, heads: list[str]) -> bool:
    from transformers.models.auto import modeling_auto as auto

    known = auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    # The decoder of a speech model counts there as a model of text; by itself it is none.
    if model_type not in known or model_type in auto.MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES:
        return False
    return not heads or any(head.endswith(_WRITERS) for head in heads)


def _hears(model_type: str, heads: list[str]) -> bool:
    from transformers.models.auto import modeling_auto as auto

    tables = (auto.MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES, auto.MODEL_FOR_CTC_MAPPING_NAMES)
    known = {name for table in tables if model_type in table for name in _several(table[model_type])}
    return bool(known) and (not heads or not known.isdisjoint(heads))


def _speaks(model_type: str, _: list[str]) -> bool:
    from transformers.models.auto import modeling_auto as auto

    return model_type in auto.MODEL_FOR_TEXT_TO_WAVEFORM_MAPPING_NAMES


_IS: dict[Kind, Callable[[str, list[str]], bool]] = {"text": _writes, "speech": _hears, "voice": _speaks}


def _several(names: str | tuple[str, ...]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
