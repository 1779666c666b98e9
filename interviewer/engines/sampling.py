"""Which token comes next, given the scores of all: temperature, top-k, top-p, a penalty on repeating, a seed.

Knows numbers and token ids; runs no model. Draws from a generator of its own: the same seed gives the same tokens whatever
other threads do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

#: So many of the likeliest tokens are looked at first when only `top_p` bounds the choice.
_FIRST = 1024


@dataclass(frozen=True, slots=True)
class Sampling:
    """Temperature 0 is greedy; `top_k` 0 and `top_p` 1 are off; `repetition_penalty` 1 is off."""

    temperature: float
    top_p: float
    seed: int
    top_k: int = 0
    repetition_penalty: float = 1.0


def picker(sampling: Sampling, prompt: Sequence[int]) -> Callable[[torch.Tensor], int]:
    """Logits [vocabulary] → the next token: penalty, temperature, top-k, top-p, in transformers' usual order and meaning."""
    import torch

    generator = torch.Generator().manual_seed(sampling.seed)
    seen = set(prompt)

    def pick(logits: torch.Tensor) -> int:
        scores = _penalised(logits, seen, sampling.repetition_penalty)
        if sampling.temperature > 0:
            tokens, shares = _likely(scores / sampling.temperature, sampling)
            token = int(tokens[torch.multinomial(shares, 1, generator=generator)])
        else:
            token = int(scores.argmax())
        seen.add(token)
        return token

    return pick


def _penalised(scores: torch.Tensor, seen: set[int], penalty: float) -> torch.Tensor:
    """Scores with those of tokens that were there before made less, whichever sign they have."""
    import torch

    if penalty == 1.0:
        return scores
    said = torch.tensor(sorted(seen))
    old = scores[said]
    return scores.scatter(0, said, torch.where(old < 0, old * penalty, old / penalty))


def _likely(scores: torch.Tensor, sampling: Sampling) -> tuple[torch.Tensor, torch.Tensor]:
    """The tokens that may be drawn, likeliest first, and their shares (not normalised).

    Sorting a vocabulary of 150,000 takes half as long as a small model's step, and all but the first few hundred are out
    anyway; only where those don't reach `top_p` all are sorted.
    """
    import torch

    vocabulary = len(scores)
    if not sampling.top_k and sampling.top_p >= 1.0:
        return torch.arange(vocabulary), torch.softmax(scores, -1)
    for count in (sampling.top_k or _FIRST, vocabulary):
        best, tokens = scores.topk(min(count, vocabulary))
        shares = (best - (best if sampling.top_k else scores).logsumexp(-1)).exp()
        before = shares.cumsum(-1) - shares
        if sampling.top_k or before[-1] >= sampling.top_p:
            break
    kept = before < sampling.top_p
    kept[0] = True
    return tokens[kept], shares[kept]
