"""Sound as the browser sends and plays it: a recording made ready for a recogniser (samples, where speech is, and pieces to
hear one by one), and a voice's samples as a file.

Knows sound and no words. Nothing here touches a disk.
"""

from __future__ import annotations

import io
import wave
from typing import TYPE_CHECKING

from interviewer.domain.errors import VoiceError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

#: What recognisers of the whisper and wav2vec families take, in samples a second.
RATE = 16_000
#: The longest recording that is taken, in seconds: five minutes are two or three long answers.
LONGEST = 300
#: The most bytes of such a recording: 16-bit samples of one channel at 48 kHz, the most a browser records, and a header.
LARGEST = LONGEST * 48_000 * 2 + 4_096
#: The longest stretch that is recognised at once. Whisper's window is 30 s; what is cut at a pause loses nothing.
LONGEST_PIECE = 28.0
#: Seconds of sound that loudness is measured over, and that are kept on either side of speech.
_FRAME, _MARGIN = 0.03, 0.3
#: A frame holds speech when it is this much louder than the quietest tenth of the recording (12 dB) and above -54 dB of full
#: scale, which is well below the softest voice a headset gives and above the hiss of a muted one.
_ABOVE_NOISE, _FAINTEST = 4.0, 0.002
#: Seconds of speech below which there was none: clicks and key strokes are shorter.
_LEAST_SPEECH = 0.15


def read_wav(data: bytes) -> Samples:
    """Samples in [-1, 1] at RATE, of one channel. Raises VoiceError for what is no 16-bit WAV, or is too long."""
    import numpy as np

    try:
        with wave.open(io.BytesIO(data)) as sound:
            rate, channels, width = sound.getframerate(), sound.getnchannels(), sound.getsampwidth()
            if width != 2 or not 1 <= channels <= 2 or not 8_000 <= rate <= 48_000:
                raise VoiceError("unreadable", "the recording is no 16-bit WAV of one or two channels at 8 to 48 kHz")
            if sound.getnframes() > LONGEST * rate:
                raise VoiceError("too-long", f"the recording is longer than {LONGEST} s")
            raw = sound.readframes(sound.getnframes())
    except (wave.Error, EOFError) as error:
        raise VoiceError("unreadable", f"the recording is no WAV file ({error})") from error
    whole = raw[: len(raw) // (2 * channels) * 2 * channels]  # one that was cut off may end in half a frame
    samples = np.frombuffer(whole, "<i2").astype(np.float32).reshape(-1, channels).mean(axis=1) / 32_768
    return samples if rate == RATE else _resampled(samples, rate)


def write_wav(samples: Samples, rate: int) -> bytes:
    """Samples in [-1, 1] at `rate` a second as a 16-bit WAV of one channel; what is louder is made softer as a whole."""
    import numpy as np

    peak = max(1.0, float(np.abs(samples).max(initial=0.0)))
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes((samples / peak * 32_767).astype("<i2").tobytes())
    return out.getvalue()


def _resampled(samples: Samples, rate: int) -> Samples:
    from math import gcd

    import numpy as np
    from scipy.signal import resample_poly

    common = gcd(rate, RATE)
    return np.asarray(resample_poly(samples, RATE // common, rate // common), dtype=np.float32)


def speech_spans(samples: Samples, rate: int = RATE) -> list[tuple[float, float]]:
    """Where somebody speaks, in seconds, by loudness alone; empty when nobody does. Spans keep a margin and don't overlap.

    It decides what is recognised, not when a recording ends: a whisper model that is given silence makes up sentences.
    """
    import numpy as np

    size = int(_FRAME * rate)
    count = len(samples) // size
    if not count:
        return []
    loudness = np.sqrt(np.mean(samples[: count * size].reshape(count, size) ** 2, axis=1))
    quiet = float(np.quantile(loudness, 0.1))
    # Somebody who never pauses has no quiet tenth: what is loud in itself is speech whatever surrounds it.
    loud = loudness > max(_FAINTEST, min(quiet * _ABOVE_NOISE, float(np.quantile(loudness, 0.95)) / 2))
    if loud.sum() * _FRAME < _LEAST_SPEECH:
        return []
    spans: list[tuple[float, float]] = []
    for place in np.flatnonzero(loud).tolist():
        start, end = max(0.0, place * _FRAME - _MARGIN), min(len(samples) / rate, (place + 1) * _FRAME + _MARGIN)
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


def pieces(samples: Samples, rate: int = RATE, longest: float = LONGEST_PIECE) -> list[tuple[float, float]]:
    """Stretches of at most `longest` seconds that hold all speech, cut at pauses where there are any."""
    out: list[tuple[float, float]] = []
    for start, end in speech_spans(samples, rate):
        if out and end - out[-1][0] <= longest:
            out[-1] = (out[-1][0], end)
            continue
        while end - start > longest:  # half a minute without a pause
            out.append((start, start + longest))
            start += longest
        out.append((start, end))
    return out
