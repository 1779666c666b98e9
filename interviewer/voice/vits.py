"""Says a sentence with a model of the VITS family (MMS-TTS among them): from letters straight to sound, in one voice.

Such a model knows the letters it was trained on and silently leaves out the rest; here nothing is left out silently. Knows no
threads or pages.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from interviewer.domain.errors import VoiceError
from interviewer.domain.questions import Lang
from interviewer.voice.numerals import spelt_out

if TYPE_CHECKING:
    from interviewer.voice.audio import Samples

#: Full-width punctuation as its plain counterpart, for voices that pause at a comma but know only the one of ASCII.
_PLAIN = str.maketrans("，。！？；：、（）", ",.!?;:,()")


class Vits:
    """A loaded model that is to say sentences of `lang`. Not for several threads at once.

    Raises VoiceError for a model that reads phonemes or romanised text with a package that isn't installed.
    """

    def __init__(self, folder: Path, lang: Lang) -> None:
        import torch
        from transformers import VitsModel, VitsTokenizer

        self._lang = lang
        self._tokenizer = VitsTokenizer.from_pretrained(folder)
        self._check_readable()
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        self._model = VitsModel.from_pretrained(folder, dtype=torch.float32).to(device).eval()
        self.rate = int(self._model.config.sampling_rate)
        # Of a model with several speakers the first one: without any it would say everything in a blend of all.
        self._speaker = {"speaker_id": 0} if self._model.config.num_speakers > 1 else {}
        self._letters = frozenset(self._tokenizer.get_vocab())

    def _check_readable(self) -> None:
        """The tokenizer would go on without the package that it needs, and the voice would mumble. Raises VoiceError."""
        if self._tokenizer.phonemize and self._lang != "en":
            raise VoiceError("failed", "it reads English phonemes only")
        if self._tokenizer.phonemize and find_spec("phonemizer") is None:
            raise VoiceError("failed", "it takes the Python package phonemizer (for phonemes)")
        if self._tokenizer.is_uroman and find_spec("uroman") is None:
            raise VoiceError("failed", "it takes the Python package uroman (for romanised text)")

    @property
    def _reads_letters(self) -> bool:
        """Whether the text goes in as it is written; other models have it respelt by a package that knows every letter."""
        return not self._tokenizer.phonemize and not self._tokenizer.is_uroman

    def unknown(self, text: str) -> str:
        """The letters and digits it was never taught, each once."""
        if not self._reads_letters:
            return ""
        letters = dict.fromkeys(letter for letter in self._readable(text) if letter.isalnum())
        return "".join(letter for letter in letters if letter not in self._letters)

    def say(self, text: str) -> Samples:
        """Samples in [-1, 1], about. Raises VoiceError when there is nothing in it to say."""
        import numpy as np
        import torch

        readable = self._readable(text)
        if self._reads_letters:  # what is left out now is punctuation it has no pause for
            readable = "".join(letter for letter in readable if letter in self._letters)
        if not any(letter.isalnum() for letter in readable):
            raise VoiceError("unsayable", "there is no word in it")
        tokens = self._tokenizer(readable, return_tensors="pt").to(self._model.device)
        with torch.inference_mode():
            waveform = self._model(**tokens, **self._speaker).waveform
        return np.asarray(waveform[0].float().cpu().numpy(), dtype=np.float32)

    def _readable(self, text: str) -> str:
        """The text in this model's letters as far as that goes: numbers spelt out, lower case and plain punctuation where it
        knows no other."""
        out = []
        for letter in " ".join(spelt_out(text, self._lang).split()) if self._reads_letters else text:
            forms = (letter, letter.lower(), letter.translate(_PLAIN))
            out.append(next((form for form in forms if form in self._letters), letter))
        return "".join(out)
