"""Bonds, angles and others: tuples of particles, by their ids, each of a type that has a label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.core.compiled import njit
from motes.core.errors import InputError

Integers = NDArray[np.int64]
Label = int | str

WIDTHS = {"bonds": 2, "angles": 3}
"""The kinds of tuples, and how many particles each has."""


@dataclass(frozen=True, eq=False)
class Tuples:
    """Tuples of one kind.

    Attributes:
        members: ids, (M, k).
        types: indices into names, (M,).
        names: the labels of the types, sorted.
    """

    members: Integers
    types: Integers
    names: tuple[Label, ...]

    @classmethod
    def none(cls, kind: str) -> Tuples:
        """Without any."""
        return cls(np.zeros((0, WIDTHS[kind]), np.int64), np.zeros(0, np.int64), ())

    def __len__(self) -> int:
        return len(self.members)


def labels_of(tuples: Tuples) -> NDArray[Any] | None:
    """The label of each; None if there are none."""
    return np.array(tuples.names)[tuples.types] if len(tuples) else None


def require_tuples(kind: str, members: Integers, ids: Integers) -> None:
    """Raise an InputError for the first tuple that cannot be: of unknown ids, of one id twice, or a second time."""
    one = kind.removesuffix("s")
    known = np.isin(members, ids)
    if not known.all():
        row, column = np.argwhere(~known)[0]
        raise InputError(
            f"{kind}: {one} {row} has the id {members[row, column]}, which no particle has (it is "
            "ids that are named, not rows)"
        )
    rising = np.sort(members, axis=1)
    again = (rising[:, 1:] == rising[:, :-1]).any(axis=1)
    if again.any():
        row = int(np.argmax(again))
        raise InputError(f"{kind}: {one} {row} has a particle twice: {members[row].tolist()}")
    forward = members[:, :1] < members[:, -1:]
    _, first, counts = np.unique(
        np.where(forward, members, members[:, ::-1]), axis=0, return_index=True, return_counts=True
    )
    if (counts > 1).any():
        row = int(first[np.argmax(counts > 1)])
        raise InputError(f"{kind}: {one} {row}, of the ids {members[row].tolist()}, is there a second time")


def special_pairs(bonds: Integers) -> Integers:
    """Pairs of ids (i, j, n), (P, 3), that are n = 1, 2 or 3 bonds apart along the shortest way, each once."""
    if len(bonds) == 0:
        return np.zeros((0, 3), np.int64)
    ids, indices = np.unique(bonds, return_inverse=True)
    ends = indices.reshape(bonds.shape)
    both = np.concatenate([ends, ends[:, ::-1]])
    both = both[np.argsort(both[:, 0], kind="stable")]
    begin = np.searchsorted(both[:, 0], np.arange(len(ids) + 1))
    neighbours = np.ascontiguousarray(both[:, 1])
    pairs = np.empty((_walk(begin, neighbours, np.empty((0, 3), np.int64)), 3), np.int64)
    _walk(begin, neighbours, pairs)
    pairs = pairs[np.lexsort((pairs[:, 2], pairs[:, 1], pairs[:, 0]))]  # of several ways the shortest comes first
    first = np.ones(len(pairs), bool)
    first[1:] = (pairs[1:, :2] != pairs[:-1, :2]).any(axis=1)
    pairs = pairs[first]
    return np.stack([ids[pairs[:, 0]], ids[pairs[:, 1]], pairs[:, 2]], axis=1)


@njit(inline="always")
def _note(pairs: Integers, found: int, i: int, j: int, apart: int) -> int:
    """Write a pair if it counts from i upwards, and there is room; how many there are then."""
    if j <= i:
        return found
    if found < len(pairs):
        pairs[found, 0], pairs[found, 1], pairs[found, 2] = i, j, apart
    return found + 1


@njit(cache=True)
def _walk(begin: Integers, neighbours: Integers, pairs: Integers) -> int:
    """Write all ways of one, two and three bonds from a particle to one of a higher number, as far as there is room;
    how many there are."""
    found = 0
    for i in range(len(begin) - 1):
        for a in range(begin[i], begin[i + 1]):
            j = neighbours[a]
            found = _note(pairs, found, i, j, 1)
            for b in range(begin[j], begin[j + 1]):
                k = neighbours[b]
                found = _note(pairs, found, i, k, 2)
                if k != i:
                    for c in range(begin[k], begin[k + 1]):
                        found = _note(pairs, found, i, neighbours[c], 3)
    return found


Topology = Mapping[str, Tuples]
"""Tuples by their kind."""
