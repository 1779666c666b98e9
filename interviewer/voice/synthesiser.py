"""A loaded text-to-speech model: a sentence in, its sound as a WAV out. Says of any model whether it can be one, and why not.

Knows no threads, pages or queues. No code that comes with a model is ever run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from interviewer.domain.errors import VoiceError
from interviewer.domain.questions import Lang
from interviewer.voice.audio import write_wav

if TYPE_CHECKING:
    from interviewer.voice.audio import Samples

#: The longest sentence that is said at once, in characters; pages cut longer ones at a comma.
LONGEST_SENTENCE = 300
#: What a voice says to be heard, and has to be able to say before it is used.
SAMPLES: dict[Lang, str] = {"zh": "你好，我是你的面试官。", "en": "Hello, I am your interviewer."}
#: The architecture that turns text alone into sound, always in the same voice.
_VITS = "vits"
#: Architectures of transformers that make sound out of text but can't read aloud here, and why.
_REFUSED = {
    "a voice to imitate, as a recording or an embedding, besides the text": (
        "speecht5", "bark", "csm", "dia", "pocket_tts", "gradium_phonon_tts", "higgs_audio_v2", "vibevoice",
    ),
    "a second model that turns its spectrograms into sound": ("fastspeech2_conformer",),
    "phonemes of a package that only knows English": ("fastspeech2_conformer_with_hifigan",),
    "to be told what to translate into": ("seamless_m4t", "seamless_m4t_v2"),
}  # fmt: skip


class Says(Protocol):
    """A model that says a sentence of one language. `rate` is in samples a second."""

    rate: int

    def unknown(self, text: str) -> str:
        """The letters and digits it was never taught to say, each once; empty when it can say everything."""

    def say(self, text: str) -> Samples: ...


class Synthesiser:
    """`name` is what the person called the model. Not for several threads at once."""

    def __init__(self, name: str, model: Says) -> None:
        self.name = name
        self._model = model

    def say(self, text: str) -> bytes:
        """The sentence as a 16-bit WAV.

        Raises VoiceError: it holds letters the voice was not taught (`unsayable`), or no sound came (`failed`).
        """
        import numpy as np

        if unknown := self._model.unknown(text):
            raise VoiceError("unsayable", f"{self.name} was not taught to say {unknown}")
        samples = self._model.say(text)
        if not samples.size or not np.isfinite(samples).all():
            raise VoiceError("failed", f"{self.name} made no sound of {len(text)} characters")
        return write_wav(samples, self._model.rate)


def check_speaks(config: Mapping[str, Any], name: str) -> None:
    """Raises VoiceError, saying why, unless this is the `config.json` of a model that reads text aloud."""
    kind = config.get("model_type")
    if kind == _VITS:
        return
    needs = next((why for why, kinds in _REFUSED.items() if kind in kinds), None)
    if needs:
        raise VoiceError("failed", f"{name} ({kind}) can't read aloud here: it needs {needs}")
    raise VoiceError("failed", f"{name} is no text-to-speech model that reads plain text (VITS is), but {kind or 'unknown'}")


def read_config(folder: Path, name: str) -> Mapping[str, Any]:
    """The model's `config.json`. Raises VoiceError."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise VoiceError("failed", f"config.json of {name} can't be read: {error}") from error
    if not isinstance(config, dict):
        raise VoiceError("failed", f"config.json of {name} can't be read: it is no object")
    return config


def load_synthesiser(folder: Path, name: str, lang: Lang) -> Synthesiser:
    """The model in `folder`, on the best device torch has, once it has said the sample of `lang`. Raises VoiceError."""
    check_speaks(read_config(folder, name), name)
    from interviewer.voice.vits import Vits

    try:
        loaded = Synthesiser(name, Vits(folder, lang))
        loaded.say(SAMPLES[lang])
    except VoiceError as error:
        raise VoiceError("failed", f"{name} can't be used as a voice: {error}") from error
    except Exception as error:  # of the model's libraries, each with errors of its own for what is no whole model
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise VoiceError("failed", f"{name} can't be used as a voice: {reason}") from error
    return loaded
