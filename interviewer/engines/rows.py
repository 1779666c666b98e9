"""Rows of tokens to be scored, and the order in which their shared beginnings are worth reading.

Arithmetic on token ids; runs no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from interviewer.engines.prefixes import common_length

#: A shared beginning is read by itself when that saves so many tokens: about what a forward pass more costs.
WORTH_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Row:
    """`targets[i]` holds the token ids whose log-probability is wanted after `tokens[: at[i] + 1]`."""

    tokens: tuple[int, ...]
    at: tuple[int, ...]
    targets: tuple[tuple[int, ...], ...]


@dataclass(slots=True)
class Stem:
    """Rows (by number) that share their first `length` tokens: `rows` go on by themselves, those in `branches` share more.

    One token before the first position that is wanted is never part of a stem, so every row has something left to run.
    """

    length: int
    rows: list[int] = field(default_factory=list)
    branches: list[Stem] = field(default_factory=list)

    @property
    def all_rows(self) -> list[int]:
        return [*self.rows, *(row for branch in self.branches for row in branch.all_rows)]


def shared_by_all(rows: Sequence[Row], chosen: Sequence[int]) -> int:
    """How many tokens the chosen rows, at least one, begin with alike, short of the first position that is wanted."""
    first = rows[chosen[0]].tokens
    return min(min(rows[number].at[0], common_length(first, rows[number].tokens)) for number in chosen)


def stem_of(rows: Sequence[Row], chosen: Sequence[int]) -> Stem:
    """What the chosen rows, at least one, have in common, and what is worth sharing beyond it."""
    stem = Stem(shared_by_all(rows, chosen))
    by_next: dict[int, list[int]] = {}
    for number in chosen:
        by_next.setdefault(rows[number].tokens[stem.length], []).append(number)
    if len(by_next) == 1:
        stem.rows = list(chosen)  # one of them ends here
        return stem
    for numbers in by_next.values():
        branch = stem_of(rows, numbers)
        if (len(numbers) - 1) * (branch.length - stem.length) >= WORTH_TOKENS:
            stem.branches.append(branch)
        else:
            stem.rows += branch.rows
            stem.branches += branch.branches
    return stem
