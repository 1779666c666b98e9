"""Runs a model once in every way it will be run: libraries set themselves up, and its shortcuts prove themselves.

Which models can score choices as a tree laid flat, and write several texts in one pass, can't be told from their names: some
count positions by themselves, or keep other things than keys and values. So each shortcut is tried against the plain way and
taken only if it gives the same. Knows token ids; nothing of text.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from interviewer.engines import attention
from interviewer.engines.decoding import CausalDecoder, Step
from interviewer.engines.prefixes import only_grows
from interviewer.engines.quantise import MOST_ROWS
from interviewer.engines.rows import Row
from interviewer.engines.sampling import Sampling

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

#: Lengths of what several rows begin with, and of each row's own end.
_SHARED, _OWN = 24, (3, 9, 6)
#: Log-probabilities may be so far from the plain way's, as a share of how far those of different rows lie apart: bfloat16
#: leaves a few hundredths, while a wrong position or mask makes other rows of them.
_NEAR = 0.25
_WRITTEN = 4


def warm_up(decoder: CausalDecoder, model: Any) -> None:
    """A short text written and a few choices scored, each in the plain way and by shortcut. Raises what the model raises."""
    tokens = [(7 * number * number + 3) % decoder.vocabulary for number in range(_SHARED + sum(_OWN))]
    list(decoder.generate(tokens[:_SHARED], _WRITTEN, Sampling(temperature=1.0, top_p=0.9, seed=0), lambda: True))
    if attention.install(model) and not _proves_itself(
        "attention of our own", lambda: _attention_is_right(decoder, model, tokens)
    ):
        attention.uninstall(model)
    decoder.flat = _proves_itself("scoring in one pass", lambda: _flat_is_right(decoder, tokens))
    if decoder.int8 is not None and model.config._attn_implementation == attention.NAME:
        alike = _proves_itself("writing several texts in one pass", lambda: _together_is_exact(decoder, tokens))
        decoder.rows_together = MOST_ROWS if alike else 1


def _proves_itself(what: str, trial: Callable[[], bool]) -> bool:
    """Whether the trial came out well. A model may refuse what it is asked with any exception; then it goes without."""
    try:
        right = trial()
    except Exception as error:
        log.info("%s: not with this model (%s: %s)", what, type(error).__name__, error)
        return False
    if not right:
        log.info("%s: not with this model, whose results differ", what)
    return right


def _attention_is_right(decoder: CausalDecoder, model: Any, tokens: list[int]) -> bool:
    rows = _rows(decoder, tokens)
    decoder.flat = False
    with attention.plain(model):
        expected = _scores(decoder, rows)
    return _near(expected, _scores(decoder, rows))


def _flat_is_right(decoder: CausalDecoder, tokens: list[int]) -> bool:
    rows = _rows(decoder, tokens)
    decoder.flat = False
    expected = _scores(decoder, rows)
    decoder.flat = True
    return _near(expected, _scores(decoder, rows))


def _rows(decoder: CausalDecoder, tokens: list[int]) -> list[Row]:
    """Three that begin alike, and end in different lengths."""
    every = tuple(range(decoder.vocabulary))
    rows, start = [], _SHARED
    for length in _OWN:
        own = tokens[start : start + length]
        rows.append(Row((*tokens[:_SHARED], *own), (_SHARED + length - 1,), (every,)))
        start += length
    return rows


def _scores(decoder: CausalDecoder, rows: list[Row]) -> torch.Tensor:
    """[rows, vocabulary], nothing of it from what was read before."""
    import torch

    decoder.prefixes.clear()
    return torch.tensor(decoder.log_probabilities(rows, lambda: True))[:, 0]


def _near(expected: torch.Tensor, tried: torch.Tensor) -> bool:
    apart = (expected - expected.roll(1, 0)).pow(2).mean().sqrt()
    return bool((expected - tried).pow(2).mean().sqrt() <= _NEAR * apart)


def _together_is_exact(decoder: CausalDecoder, tokens: list[int]) -> bool:
    """Texts of different lengths, continued alone and then in one pass: the same bits."""
    import torch

    if not only_grows(decoder.read(tokens)):  # what a window or a running state forgets, so short a trial can't show
        return False
    caches = [[decoder.read(tokens[:length]) for length in range(5, 5 + MOST_ROWS)] for _ in range(2)]
    for token in tokens[:_WRITTEN]:
        alone = [decoder.steps([Step(token, cache)])[0] for cache in caches[0]]
        together = decoder.steps([Step(token, cache) for cache in caches[1]])
        if not all(map(torch.equal, alone, together)):
            return False
    return True
