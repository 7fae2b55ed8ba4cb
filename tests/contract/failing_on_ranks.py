"""Runs that fail in every way, on this many ranks: what is said, and what is left.

mpiexec -n 4 python failing_on_ranks.py folder
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

import motes


def lennard_jones(r: Any, epsilon: Any, sigma: Any) -> Any:
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def vanishing(r: Any) -> Any:
    return np.sqrt(r - 1.0)


def row(fast: int, integrator: Any, *interactions: Any, boundary: str = "open") -> motes.Simulation:
    """26 particles in a row along x, so that ranks have their own, with ids that fall; one of them is fast."""
    box = motes.Box([40.0, 8.0, 8.0], boundary)
    positions = np.stack([np.arange(1.0, 40.0, 1.5), np.full(26, 4.0), np.full(26, 4.0)], axis=1)
    velocities = np.zeros((26, 3))
    velocities[fast, 0] = 40.0 if fast < 13 else -40.0
    mass = np.where(np.arange(26) == fast, 0.9, 1.0)
    ids = 100 - np.arange(26)
    particles = motes.Particles(positions, box, velocities, mass, types=["A", "B"] * 13, ids=ids)
    return motes.Simulation(particles, integrator, interactions, threads=1)


def faster(simulation: motes.Simulation, factor: float) -> motes.Simulation:
    simulation.velocities = factor * simulation.velocities
    return simulation


LJ = motes.Pair(lennard_jones, 2.5, epsilon={("A", "A"): 1.0, ("A", "B"): 1.1, ("B", "B"): 0.9}, sigma=1.0)
STEP = motes.VelocityVerlet(0.035)
CASES = {
    "pair": lambda fast: row(fast, STEP, LJ),
    "periodic": lambda fast: row(fast, STEP, LJ, boundary="periodic"),
    "nowhere": lambda fast: row(fast, motes.VelocityVerlet(0.005), motes.Pair(vanishing, 1.6)),
    "field": lambda fast: row(fast, motes.VelocityVerlet(0.01), motes.Field(lambda y, t: y * np.sqrt(0.075 - t))),
    "left": lambda fast: faster(row(fast, motes.VelocityVerlet(0.01), motes.Field(lambda x, mass: x * mass)), 60.0),
    "velocity": lambda fast: faster(row(fast, motes.VelocityVerlet(0.01), LJ), 6.0),
    "brownian": lambda fast: row(fast, motes.Brownian(0.5, 300.0, 0.1, seed=fast), LJ),
    "langevin": lambda fast: row(fast, motes.Langevin(0.035, 1.0, 1.0, seed=3), LJ),
    "flow": lambda fast: row(fast, motes.Flow(lambda x, y, mass: (x * (1 - mass), 0 * y, 0 * y), dt=0.5)),
}


def fail(name: str, fast: int, folder: Path) -> None:
    simulation = CASES[name](fast)
    simulation.every(4, motes.Checkpoint(folder / f"{name}-{fast}.ckpt", overwrite=True))
    try:
        simulation.run(2000)
    except motes.RunError as error:
        lines = str(error).split("\n")
        print(f"{name} {fast}:", *lines[:-1], sep="\n")
        print(simulation.step, simulation.fingerprint, Path(lines[-1].split()[-1]).name)
    else:
        print(f"{name} {fast}: did not fail")


if __name__ == "__main__":
    for name in CASES:
        for fast in (2, 23):
            fail(name, fast, Path(sys.argv[1]))
