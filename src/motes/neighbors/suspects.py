"""Which pair of a list is the closest: what to tell a user whose run blew up. Slow, and run once."""

from __future__ import annotations

import numpy as np

from motes.state import CLUSTER, Chunk, PairList, State


def closest_pair(pairs: PairList) -> tuple[int, int, float] | None:
    """Places in the state of the two listed particles that are nearest to each other, and their distance."""
    best: tuple[int, int, float] | None = None
    for chunk in pairs.chunks:
        for cluster in range(chunk.first, chunk.last):
            found = _closest_of(pairs, chunk, cluster)
            if found is not None and (best is None or found[2] < best[2]):
                best = found
    return best


def _closest_of(pairs: PairList, chunk: Chunk, cluster: int) -> tuple[int, int, float] | None:
    members = np.arange(CLUSTER * cluster, CLUSTER * (cluster + 1))
    begin, count = chunk.begin[cluster - chunk.first], chunk.count[cluster - chunk.first]
    partners = chunk.partners[begin : begin + count]
    if pairs.axes[cluster] == 0:
        partners = np.concatenate([members, partners])
    if len(partners) == 0:
        return None
    apart = pairs.positions[:, members, None] - pairs.positions[:, None, partners]
    squared = (apart**2).sum(axis=0)
    squared[members[:, None] == partners[None, :]] = np.inf
    squared[pairs.particle[members] < 0] = np.inf
    squared[:, pairs.particle[partners] < 0] = np.inf
    m, k = np.unravel_index(np.argmin(squared), squared.shape)
    if not np.isfinite(squared[m, k]):
        return None
    return int(pairs.particle[members[m]]), int(pairs.particle[partners[k]]), float(np.sqrt(squared[m, k]))


def describe_closest_pair(state: State, pairs: PairList) -> str:
    """One clause about the closest pair: ids, distance, positions, velocities."""
    found = closest_pair(pairs)
    if found is None:
        return "no pair is within reach"
    return (
        f"particles {state.ids[found[0]]} and {state.ids[found[1]]} are {found[2]:.6g} apart, "
        f"{_place(state, found[0])} and {_place(state, found[1])}"
    )


def _place(state: State, place: int) -> str:
    position = (state.positions[:, place] + state.box.origin).tolist()
    if place < state.owned:
        return f"at {position} with velocity {state.velocities[:, place].tolist()}"
    return f"at {position}"
