"""What tests of the Fourier components of the density share."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

import motes


def vectors_within(lengths: Any, q: float) -> tuple[Any, Any]:
    """All reciprocal vectors up to q but 0, by trying, and how long they are."""
    most = [range(-math.ceil(q * edge / 6), math.ceil(q * edge / 6) + 1) for edge in lengths]
    vectors = np.array(list(itertools.product(*most)))
    k = np.sqrt(((2 * np.pi * vectors / lengths) ** 2).sum(axis=1))
    here = (k > 0) & (k <= q * (1 + 1e-9))
    return vectors[here], k[here]


def gas(number: int = 150, lengths: Any = (5.0, 7.0, 6.0), **how: Any) -> motes.Simulation:
    random = np.random.default_rng(5)
    box = motes.Box(lengths, origin=np.arange(len(lengths)) - 3.0)
    particles = motes.Particles(
        random.random((number, box.dimensions)) * box.lengths + box.origin, box,
        random.normal(size=(number, box.dimensions)), types=np.where(np.arange(number) % 3, "a", "b"),
    )  # fmt: skip
    return motes.Simulation(particles, motes.VelocityVerlet(0.01), **how)
