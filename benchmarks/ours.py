"""The Motes side of the comparisons: runs as a user would write them, each in a process of its own."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from common import Result, serve, timed

import motes

CUTOFF = 2.5
TIME_STEP = 0.005
DENSITY = 0.8442


def lennard_jones(r: Any, epsilon: Any, sigma: Any) -> Any:
    """Lennard-Jones, as a user would write it."""
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def morse(r: Any, depth: Any, width: Any, bottom: Any) -> Any:
    """Morse, as a user would write it."""
    return depth * (np.exp(-2 * width * (r - bottom)) - 2 * np.exp(-width * (r - bottom)))


def yukawa(r: Any, strength: Any, kappa: Any) -> Any:
    """Yukawa, as a user would write it."""
    return strength * np.exp(-kappa * r) / r


# Morse with the position, depth and curvature of the Lennard-Jones minimum, and a Yukawa repulsion. Both keep
# this melt a liquid at about the same temperature (0.76 and 0.88; Lennard-Jones 0.74), so that lists are as
# long and are rebuilt about as often.
FUNCTIONS: dict[str, tuple[Callable[..., Any], dict[str, float]]] = {
    "lennard_jones": (lennard_jones, {"epsilon": 1.0, "sigma": 1.0}),
    "morse": (morse, {"depth": 1.0, "width": 6.0, "bottom": 2 ** (1 / 6)}),
    "yukawa": (yukawa, {"strength": 10.0, "kappa": 2.0}),
}


def simulation(particles: Any, function: str = "lennard_jones", threads: int | None = 1) -> Any:
    """A run at constant energy; the library chooses its skin, as it does for a user."""
    written, parameters = FUNCTIONS[function]
    pair = motes.Pair(written, cutoff=CUTOFF, **parameters)
    return motes.Simulation(particles, motes.VelocityVerlet(dt=TIME_STEP), [pair], threads=threads)


def clock(sim: Any, warm: int, steps: int) -> Result:
    """Warm up (compiling included), then time the given number of steps, list building included."""
    first = sim.potential_energy
    sim.run(warm)
    begin = time.perf_counter()
    sim.run(steps)
    seconds = time.perf_counter() - begin
    return timed(steps, seconds, first, sim.potential_energy, sim.temperature)


def melt(data: str, function: str, warm: int, steps: int) -> Result:
    """One thread on a LAMMPS data file."""
    return clock(simulation(motes.read(data), function), warm, steps)


def liquid(copies: int, seed: int = 1) -> Any:
    """Particles of a liquid in equilibrium, 4,000 for each copy along each of the three axes.

    A small melt is repeated. Then all velocities are drawn anew, which makes every copy go its own way and
    leaves the equilibrium as it is, since there velocities do not depend on positions.
    """
    small = simulation(motes.fcc(cells=10, density=DENSITY, temperature=1.44, seed=seed))
    small.run(500)
    lengths = small.box.lengths
    shifts = np.indices((copies,) * 3).reshape(3, -1).T * lengths
    positions = (small.positions + shifts[:, np.newaxis, :]).reshape(-1, 3)
    particles = motes.Particles(positions, motes.Box(lengths * copies))
    particles.thermalize(small.temperature, seed)
    return particles


def bulk(copies: int, warm: int, steps: int) -> Result:
    """One thread on 4,000 * copies**3 particles of liquid."""
    return clock(simulation(liquid(copies)), warm, steps)


if __name__ == "__main__":
    serve({"melt": melt, "bulk": bulk})
