"""Scores of fixed choices: which forward passes tell them, and how log-probabilities become shares.

Arithmetic on token ids and numbers; knows neither tensors nor servers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from interviewer.engines.rows import Row

#: Share of probability on tokens that could begin several choices, above which the list is of no use.
AMBIGUOUS = 0.01

#: Row, place in the row's `at`, place in that position's `targets`.
Spot = tuple[int, int, int]


def plan_rows(prompt: tuple[int, ...], choices: Sequence[tuple[int, ...]]) -> tuple[list[Row], list[list[Spot]]]:
    """The fewest rows that show every token of every choice after the prompt, and where each choice's tokens are found.

    Choices of one token all share the prompt's own row. A longer one needs its beginning (all but its last token)
    written after the prompt, and shares that row with every choice that begins so.
    """
    stems = {choice[:-1] for choice in choices}
    kept = sorted(stem for stem in stems if not any(other != stem and other[: len(stem)] == stem for other in stems))
    wanted: list[list[list[int]]] = [[[] for _ in range(len(stem) + 1)] for stem in kept]
    places: list[list[Spot]] = []
    for choice in choices:
        row = next(number for number, stem in enumerate(kept) if stem[: len(choice) - 1] == choice[:-1])
        spots: list[Spot] = []
        for at, token in enumerate(choice):
            targets = wanted[row][at]
            if token not in targets:
                targets.append(token)
            spots.append((row, at, targets.index(token)))
        places.append(spots)
    first = len(prompt) - 1
    rows = [
        Row((*prompt, *stem), tuple(range(first, first + len(stem) + 1)), tuple(map(tuple, targets)))
        for stem, targets in zip(kept, wanted, strict=True)
    ]
    return rows, places


def normalised(logs: Sequence[float]) -> tuple[float, ...]:
    """Shares that sum to 1 from log-probabilities, computed so that very small ones don't all become 0."""
    top = max(logs)
    weights = [math.exp(log - top) for log in logs]
    return tuple(weight / sum(weights) for weight in weights)


def shares_of_listed(listed: Mapping[bytes, float], choices: Sequence[str]) -> tuple[float, ...] | None:
    """Shares of the choices from a server's list of likely first tokens (bytes → log-probability).

    A token speaks for the choice that begins with it, leading space aside. A choice nobody listed has at most the
    probability of the least likely token listed, and gets that. None when no choice is listed, or when tokens that could
    begin several choices carry more than `AMBIGUOUS` of the probability: then the list doesn't tell.
    """
    found = [0.0] * len(choices)
    unclear = 0.0
    for token, log in listed.items():
        word = token.lstrip()
        owners = [number for number, choice in enumerate(choices) if word and choice.encode().startswith(word)]
        if len(owners) == 1:
            found[owners[0]] += math.exp(log)
        elif owners:
            unclear += math.exp(log)
    if not any(found) or unclear > AMBIGUOUS:
        return None
    probabilities = [math.exp(log) for log in listed.values()]
    bound = min(min(probabilities), max(0.0, 1 - sum(probabilities)))
    weights = [weight or bound for weight in found]
    return tuple(weight / sum(weights) for weight in weights)
