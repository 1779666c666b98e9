"""Rows of tokens with common beginnings as one row that holds each token once: a tree laid flat.

Every token sees the tokens on its way to the root and no others, which the mask says; so thirty questions about one answer are
one pass over what they don't share, with no padding and no cache copied. Arithmetic on token ids; runs no model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from interviewer.engines.rows import Row

if TYPE_CHECKING:
    import torch


@dataclass(slots=True)
class FlatTree:
    """Rows from position `start` on. Node n is `tokens[n]`, `depths[n]` tokens after the start, below node `parents[n]` (-1:
    below what all rows share). `paths[i]` are the nodes of row `rows[i]`."""

    start: int
    tokens: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    paths: list[list[int]] = field(default_factory=list)
    _known: dict[tuple[int, int], int] = field(default_factory=dict)

    def new_tokens(self, row: Row) -> int:
        """How many nodes the row would add."""
        path = row.tokens[self.start :]
        parent = -1
        for depth, token in enumerate(path):
            known = self._known.get((parent, token))
            if known is None:
                return len(path) - depth
            parent = known
        return 0

    def add(self, number: int, row: Row) -> None:
        parent, path = -1, []
        for depth, token in enumerate(row.tokens[self.start :]):
            node = self._known.setdefault((parent, token), len(self.tokens))
            if node == len(self.tokens):
                self.tokens.append(token)
                self.depths.append(depth)
                self.parents.append(parent)
            path.append(node)
            parent = node
        self.rows.append(number)
        self.paths.append(path)

    def mask(self) -> torch.Tensor:
        """[1, 1, nodes, start + nodes], true where a node may look: all that is shared, its ancestors, itself."""
        import torch

        seen = torch.zeros(len(self.tokens), self.start + len(self.tokens), dtype=torch.bool)
        seen[:, : self.start] = True
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                seen[node] = seen[parent]
            seen[node, self.start + node] = True
        return seen[None, None]


def flat_trees(rows: Sequence[Row], start: int, most: int, most_wanted: int) -> Iterator[FlatTree]:
    """All rows, which share their first `start` tokens, in trees of at most `most` nodes and `most_wanted` positions to be
    told, or of one row where that has more. Rows that begin alike come together."""
    tree, wanted = FlatTree(start), 0
    for number in sorted(range(len(rows)), key=lambda n: (rows[n].tokens, n)):
        row = rows[number]
        full = len(tree.tokens) + tree.new_tokens(row) > most or wanted + len(row.at) > most_wanted
        if tree.rows and full:
            yield tree
            tree, wanted = FlatTree(start), 0
        tree.add(number, row)
        wanted += len(row.at)
    if tree.rows:
        yield tree
