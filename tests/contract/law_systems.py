"""One system for each kind of law, for tests and as a script for any number of ranks:
`python law_systems.py THREADS FOLDER` runs each whole, and in two halves with a checkpoint between, goes on from the
checkpoints of one rank that lie in the folder, and prints what came out as JSON.
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

STEPS = 60

System = tuple[motes.Particles, Any, list[Any]]
"""Particles, how they move, what they feel."""


def dpd(r: Any, v: Any, noise: Any, a: Any, gamma: Any, sigma: Any, cutoff: Any) -> Any:
    """Groot's and Warren's dissipative particles."""
    w = 1 - r / cutoff
    return a * w - gamma * w * w * v + sigma * w * noise


def drops() -> System:
    """Two liquids that do not mix, with friction and noise; ids that do not follow the positions."""
    dt, generator = 0.02, np.random.default_rng(1)
    types = np.where(np.arange(600) % 3, "oil", "water")
    box = motes.Box([7.0, 5.0, 6.0])
    particles = motes.Particles(
        generator.random((600, 3)) * box.lengths, box, types=types, mass=np.where(types == "oil", 1.5, 1.0),
        ids=generator.permutation(600) * 5 + 2**33,
    )  # fmt: skip
    particles.thermalize(1.0, seed=2)
    force = motes.PairForce(
        dpd, cutoff=1.0, seed=3, a={("oil", "oil"): 25.0, ("oil", "water"): 60.0, ("water", "water"): 25.0},
        gamma=4.5, sigma=np.sqrt(2 * 4.5 / dt),
    )  # fmt: skip
    return particles, motes.VelocityVerlet(dt), [force]


def chase(r: Any, t: Any, hunger_i: Any, hunger_j: Any, reach: Any) -> Any:
    """Who is hungry goes after those who are less so, which flee."""
    return np.where(hunger_i > hunger_j, -hunger_i, 2 * hunger_j) * np.exp(-r / reach) * (1 + 0.5 * np.sin(t))


def bump(r: Any, height: Any, cutoff: Any) -> Any:
    return height * (1 - (r / cutoff) ** 2) ** 3


def hunt() -> System:
    """Predators and prey in a plane with walls, in a bath: what one feels from the other is not what that feels."""
    generator = np.random.default_rng(4)
    box = motes.Box([14.0, 11.0], ["periodic", "reflecting"], origin=[30.0, -200.0])
    particles = motes.random(300, box, 5, minimum_distance=0.3, hunger=generator.choice([0.5, 1.0, 2.0], 300))
    force = motes.PairForce(chase, cutoff=2.0, mutual=False, reach=0.6)
    bath = motes.Langevin(0.02, temperature=0.2, friction=1.0, seed=6)
    return particles, bath, [motes.Pair(bump, 0.8, height=5.0), force]


def decay(r: Any, a: Any, n: Any, cutoff: Any) -> Any:
    return (a / r) ** n * (1 - (r / cutoff) ** 2) ** 4


def embedding(rho: Any, c: Any) -> Any:
    return -c * np.sqrt(rho)


def alloy() -> System:
    """A hot crystal of two elements, each of which makes a density of its own at the other, and one more embedding."""
    generator = np.random.default_rng(7)
    lattice = motes.fcc(cells=5, density=0.9)
    types = generator.choice(["Ni", "Al"], len(lattice))
    particles = motes.Particles(
        lattice.positions, lattice.box, types=types, mass=np.where(types == "Al", 0.6, 1.0),
        ids=generator.permutation(len(lattice)) + 10, size=generator.uniform(0.9, 1.1, len(lattice)),
    )  # fmt: skip
    particles.thermalize(1.0, seed=8)
    ways = {("Ni", "Ni"): 1.4, ("Ni", "Al"): 1.5, ("Al", "Ni"): 1.35, ("Al", "Al"): 1.45}
    metal = motes.Embedded(decay, embedding, cutoff=2.4, a=ways, n=6, c={"Ni": 6.0, "Al": 5.0})
    crowd = motes.Embedded(
        lambda r, size_i, size_j: size_j * np.exp(-r / size_i), lambda rho, size, k: k * size * rho**2, 1.8, k=0.1
    )
    return particles, motes.VelocityVerlet(0.004), [motes.Pair(decay, 2.4, a=1.4, n=9), metal, crowd]


def repulsion(r: Any, epsilon: Any, sigma: Any) -> Any:
    return epsilon * (sigma / r) ** 12


def chains() -> System:
    """Short polymers with two kinds of bonds, stiff at one end; pairs that are near along the chain count less."""
    generator = np.random.default_rng(9)
    count, length = 20, 8
    box = motes.Box([9.0, 7.0, 8.0], origin=[-4.0, 100.0, 0.0])
    start = np.stack(np.meshgrid(np.arange(5), np.arange(4), [0]), -1).reshape(-1, 3) * [1.8, 1.75, 0.0]
    step = np.array([0.0, 0.35, 0.85]) + 0.05 * generator.normal(size=(count, length, 3))
    positions = (start[:, None] + step.cumsum(axis=1)).reshape(-1, 3)
    ids = generator.permutation(count * length) + 2**40
    along = ids.reshape(count, length)
    bonds = np.stack([along[:, :-1], along[:, 1:]], -1).reshape(-1, 2)
    kinds = np.tile(["hard", "soft", "hard", "soft", "hard", "soft", "soft"], count)
    angles = np.stack([along[:, 2:5], along[:, 3:6]], 1).reshape(-1, 3)
    order = generator.permutation(len(bonds))
    particles = motes.Particles(
        positions + box.origin, box, ids=ids, bonds=bonds[order], bond_types=kinds[order], angles=angles,
        angle_types=np.tile([7, 3], count),
    )  # fmt: skip
    particles.thermalize(1.0, seed=10)
    laws = [
        motes.Pair(repulsion, 1.6, "force", special_bonds=(0, 0.3, 0.5), epsilon=1.0, sigma=1.0),
        motes.Bond(lambda r, k, a: k * (r - a) ** 2, k={"hard": 200.0, "soft": 60.0}, a=0.9),
        motes.Angle(lambda theta, k: k * (1 + np.cos(theta)), k={3: 2.0, 7: 6.0}),
    ]
    return particles, motes.Langevin(0.004, temperature=1.0, friction=0.5, seed=11), laws


def net() -> System:
    """A net of springs in a plane that feels nothing else, closed along one axis and free to leave along the other."""
    box = motes.Box([12.0, 10.0], ["periodic", "open"])
    rows, columns = np.arange(9), np.arange(12)
    positions = np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 2).astype(float)
    ids = np.arange(108).reshape(9, 12)
    across = np.stack([ids, np.roll(ids, -1, axis=1)], -1).reshape(-1, 2)
    up = np.stack([ids[:-1], ids[1:]], -1).reshape(-1, 2)
    particles = motes.Particles(positions, box, bonds=np.concatenate([across, up]))
    particles.thermalize(2.0, seed=12)
    return particles, motes.VelocityVerlet(0.02), [motes.Bond(lambda r, k: k * (r - 0.8) ** 2, k=5.0)]


def vapour() -> System:
    """A gas of which pairs and small drops come and go, so that densities are of all sizes."""
    box = motes.Box([13.0, 11.0, 12.0], ["periodic", "periodic", "reflecting"])
    particles = motes.random(250, box, 14, minimum_distance=0.8)
    particles.thermalize(1.5, seed=15)
    metal = motes.Embedded(lambda r, cutoff: decay(r, 1.0, 6, cutoff), embedding, cutoff=2.0, c=1.5)
    return particles, motes.VelocityVerlet(0.01), [motes.Pair(decay, 2.0, a=1.0, n=9), metal]


def fene(r: Any, k: Any, most: Any) -> Any:
    return -0.5 * k * most**2 * np.log(1 - (r / most) ** 2)


def strands() -> System:
    """Chains near the longest that their bonds may be, of beads that overlap: minimized first, which tears none."""
    start = np.stack(np.meshgrid(np.arange(6), np.arange(5), [0]), -1).reshape(-1, 3) * [0.8, 0.9, 0.0]
    positions = (start[:, None] + np.arange(6)[:, None] * [0.0, 0.0, 1.45]).reshape(-1, 3)
    along = np.arange(len(positions)).reshape(-1, 6)
    bonds = np.stack([along[:, :-1], along[:, 1:]], -1).reshape(-1, 2)
    particles = motes.Particles(positions + 1.0, motes.Box([6.0, 7.0, 12.0]), bonds=bonds)
    particles.thermalize(1.0, seed=13)
    laws = [motes.Pair(repulsion, 1.5, "force", epsilon=30.0, sigma=1.0), motes.Bond(fene, k=5.0, most=1.5)]
    return particles, motes.VelocityVerlet(0.001), laws


def swell(r: Any, height: Any, reach: Any) -> Any:
    return height * np.exp(-((r / reach) ** 2))


def annealing() -> System:
    """A bath that cools, pairs of two types that swell, springs that harden and a wave that comes and goes."""
    generator = np.random.default_rng(16)
    start = motes.fcc(cells=4, density=0.8)
    types = generator.choice(["a", "b"], len(start))
    bonds = [(i, i + 1) for i in range(0, len(start) - 1, 4)]
    particles = motes.Particles(start.positions, start.box, types=types, bonds=bonds)
    particles.thermalize(2.0, seed=17)
    growing = {("a", "a"): 8.0, ("a", "b"): motes.Ramp(8.0, 20.0, 50), ("b", "b"): motes.Ramp(8.0, 4.0, 20, begin=25)}
    laws = [
        motes.Pair(
            swell, 2.0, "force", height=growing, reach=motes.Schedule(lambda step: 0.8 + 0.1 * np.sin(step / 9))
        ),
        motes.Bond(lambda r, k: k * (r - 1.0) ** 2, k=motes.Ramp(5.0, 60.0, 40)),
        motes.Field(
            lambda x, h, edge: h * np.sin(2 * np.pi * x / edge),
            edge=start.box.lengths[0],
            h={"a": motes.Schedule(lambda step: np.sin(step / 5)), "b": 0.5},
        ),
    ]
    bath = motes.Langevin(0.01, motes.Ramp(2.0, 0.2, 45), friction={"a": 1.0, "b": motes.Ramp(1.0, 9.0, 30)}, seed=18)
    return particles, bath, laws


SYSTEMS: dict[str, Callable[[], System]] = {
    make.__name__: make for make in (drops, hunt, alloy, chains, net, vapour, strands, annealing)
}
MINIMIZED = {strands.__name__: 20.0}
"""Largest forces to begin with."""


def simulation(name: str, particles: motes.Particles | None = None, **options: Any) -> motes.Simulation:
    own, integrator, interactions = SYSTEMS[name]()
    sim = motes.Simulation(particles or own, integrator, interactions, **{"threads": 1, "skin": 0.1} | options)
    if name in MINIMIZED:
        sim.minimize(MINIMIZED[name])
    return sim


def resumed(name: str, checkpoint: Path, threads: int) -> motes.Simulation:
    return motes.resume(checkpoint, SYSTEMS[name]()[2], threads=threads)


def outcome(sim: motes.Simulation) -> dict[str, Any]:
    """All that must be the same."""
    return {
        "step": sim.step,
        "fingerprint": sim.fingerprint,
        "forces": hashlib.sha256((sim.forces + 0.0).tobytes()).hexdigest()[:16],
        "numbers": [sim.potential_energy.hex(), sim.virial.hex(), sim.kinetic_energy.hex()],
    }


def main() -> None:
    threads, folder = int(sys.argv[1]), Path(sys.argv[2])
    found: dict[str, Any] = {}
    for name in SYSTEMS:
        whole = simulation(name, threads=threads)
        whole.run(STEPS)
        half = simulation(name, threads=threads, skin=0.3)
        half.run(STEPS // 2 + 1)
        again = resumed(name, half.save(folder / f"{name}-own"), threads)
        again.run(STEPS - again.step)
        other = resumed(name, folder / name, threads)
        other.run(STEPS - other.step)
        found[name] = [outcome(one) for one in (whole, again, other)]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
