"""All pairs within a distance by trying every one: slow, short, and what every other search is held against."""

from __future__ import annotations

import itertools
import math

import numpy as np

from motes.core.box import Box
from motes.core.state import Floats, Integers


def brute_pairs(positions: Floats, box: Box, cutoff: float) -> tuple[Integers, Integers, Floats]:
    """Every pair of particles, or of a particle and an image, that is less than cutoff apart, once.

    Args:
        positions: (N, d), in the user's coordinates.
        box: its periodic axes have images; a particle may meet its own, and another one several times.
        cutoff: a distance, also one larger than the box.

    Returns:
        i (M,), j (M,) as rows of positions, and the displacements x_i - x_j (M, d).
    """
    points = box.snap(positions)
    reach = [math.ceil(cutoff / length) + 1 if wraps else 0 for length, wraps in zip(box.lengths, box.periodic)]  # noqa: B905  # both have d entries
    found: list[tuple[Integers, Integers, Floats]] = []
    for image in itertools.product(*(range(-n, n + 1) for n in reach)):
        apart = points[:, None, :] - (points[None, :, :] + np.array(image) * box.lengths)
        i, j = np.nonzero((apart**2).sum(axis=-1) < cutoff**2)
        # Image and counter-image show the same pair: keep the one that is positive in the first axis that differs.
        keep = (j > i) if not any(image) else np.full(len(i), next(n for n in image if n) > 0)
        found.append((i[keep], j[keep], apart[i[keep], j[keep]]))
    return (
        np.concatenate([i for i, _, _ in found]),
        np.concatenate([j for _, j, _ in found]),
        np.concatenate([d for _, _, d in found]),
    )
