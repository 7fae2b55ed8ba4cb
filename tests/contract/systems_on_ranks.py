"""A script for any number of ranks: `python systems_on_ranks.py THREADS FOLDER` runs every system, prints what came
out as JSON, and writes thermo tables and trajectories to the folder. Nothing in it knows of ranks.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import motes

LAMMPS = Path(__file__).parents[1] / "data" / "lammps"
STEPS, EVERY = 200, 40

System = tuple[motes.Particles, list[motes.Pair], float, float | None]
"""Particles, what they feel, dt, skin."""


def lennard_jones(r: Any, epsilon: Any, sigma: Any) -> Any:
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def bump(r: Any, height: Any, cutoff: Any) -> Any:
    """Soft spheres."""
    return height * (1 - (r / cutoff) ** 2) ** 3


def melt() -> System:
    """LAMMPS's own benchmark, 4,000 particles."""
    return motes.read(LAMMPS / "melt-4000.data"), [motes.Pair(lennard_jones, 2.5, epsilon=1.0, sigma=1.0)], 0.005, None


def mixture() -> System:
    """Two types with tables and masses, sizes of their own, ids that do not follow the positions."""
    generator = np.random.default_rng(1)
    lattice = motes.fcc(cells=5, density=0.9)
    types = generator.choice(["big", "small"], len(lattice), p=[0.8, 0.2])
    particles = motes.Particles(
        lattice.positions, lattice.box, mass=np.where(types == "big", 1.7, 1.0), types=types,
        ids=generator.permutation(len(lattice)) * 7 + 3, size=generator.uniform(0.8, 1.05, len(lattice)),
    )  # fmt: skip
    particles.thermalize(2.0, seed=4)
    pair = motes.Pair(
        lennard_jones, cutoff=[[2.2, 1.8], [1.8, 1.5]], shift="energy",
        epsilon={("big", "big"): 1.0, ("big", "small"): 1.3, ("small", "small"): 0.5},
        sigma=motes.mix("size", "arithmetic"),
    )  # fmt: skip
    return particles, [pair], 0.004, None


def open_plane() -> System:
    """Discs that fly apart in two dimensions, beyond the sides of the box."""
    box = motes.Box([12.0, 9.0], "open", origin=[-30.0, 200.0])
    height = np.random.default_rng(2).uniform(2.0, 6.0, 250)
    particles = motes.random(250, box, 2, minimum_distance=0.4, height=height)
    particles.thermalize(1.0, seed=5)
    return particles, [motes.Pair(bump, 1.1, height=motes.mix("height", "geometric"))], 0.01, 0.4


def slab() -> System:
    """A periodic edge shorter than the cutoff, and walls: regions are thinner than the cutoff as well."""
    generator = np.random.default_rng(3)
    box = motes.Box([6.0, 5.0, 1.25], ["periodic", "reflecting", "periodic"], origin=[-4.5, -4.0, 0.0])
    particles = motes.Particles(generator.random((150, 3)) * box.lengths + box.origin, box)
    particles.thermalize(1.0, seed=6)
    return particles, [motes.Pair(bump, 1.5, height=1.5)], 0.01, 0.4


def droplet() -> System:
    """A liquid in a large open box: most regions would be empty if all had the same size."""
    with np.load(LAMMPS / "drop_open_lj_cut.npz") as file:
        low, high = file["box"][:3], file["box"][3:6]
        particles = motes.Particles(file["x"], motes.Box(high - low, "open", low), file["v"])
    return particles, [motes.Pair(lennard_jones, 2.5, epsilon=1.0, sigma=1.0)], 0.01, None


def overlaps() -> System:
    """A liquid of random positions, made by all ranks, of which most overlap: it is minimized first."""
    particles = motes.random(1500, motes.Box([13.0, 11.0, 12.4]), 7)
    particles.thermalize(1.0, seed=8)
    return particles, [motes.Pair(lennard_jones, 2.5, epsilon=1.0, sigma=1.0)], 0.002, None


SYSTEMS: list[Callable[[], System]] = [melt, mixture, open_plane, slab, droplet, overlaps]
FORCE_TOLERANCE = {overlaps: 1.0}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def run(make: Callable[[], System], threads: int, folder: Path) -> dict[str, Any]:
    """What must not depend on ranks and threads; under "how", what may."""
    particles, pairs, dt, skin = make()
    thermo, trajectory = folder / f"{make.__name__}.csv", folder / f"{make.__name__}.gsd"
    sim = motes.Simulation(particles, motes.VelocityVerlet(dt), pairs, threads, skin)
    sim.every(EVERY, motes.Thermo(thermo), motes.Trajectory(trajectory))
    minimized = repr(sim.minimize(FORCE_TOLERANCE[make])) if make in FORCE_TOLERANCE else ""
    sim.run(STEPS)
    how = sim.describe()
    quanta = np.rint(sim.forces / how["quanta"].force).astype(np.int64)
    return {
        "fingerprint": sim.fingerprint,
        "minimized": minimized,
        "particles": [len(sim), len(sim.ids)],
        "ids as given": bool((sim.ids == np.sort(particles.ids)).all()),
        "images": digest(sim.images.tobytes()),
        "forces": digest(quanta.tobytes()),
        "forces of any size": bool((quanta != 0).any()),
        "sum of forces": quanta.sum(axis=0).tolist(),
        "energy, virial": [sim.potential_energy.hex(), sim.virial.hex()],
        "thermo": thermo.read_text(),
        "trajectory": digest(trajectory.read_bytes()),
        "how": {"imbalance": sim.imbalance, **{key: how[key] for key in ("ranks", "threads", "list_builds")}},
    }


def main() -> None:
    threads, folder = int(sys.argv[1]), Path(sys.argv[2])
    print(json.dumps({make.__name__: run(make, threads, folder) for make in SYSTEMS}))


if __name__ == "__main__":
    main()
