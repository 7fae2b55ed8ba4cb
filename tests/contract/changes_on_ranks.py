"""A script for any number of ranks: `python changes_on_ranks.py THREADS` changes simulations between and amid their
runs, and prints what came out as JSON. Nothing in it knows of ranks.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import motes
from motes.observers.roster import Observer


def outcome(simulation: motes.Simulation) -> list[Any]:
    energies = simulation.potential_energy.hex(), simulation.temperature.hex()
    return [simulation.fingerprint, simulation.step, simulation.time.hex(), *energies]


def liquid(threads: int, integrator: Any) -> motes.Simulation:
    particles = motes.fcc(cells=5, density=0.8, temperature=0.5, seed=2)
    length = particles.box.lengths[0]
    wave = motes.Field(lambda x, t, k: np.sin(k * x - t), k=2 * np.pi / length)
    pair = motes.Pair(lambda r: 4 * (r**-12 - r**-6), 2.5)
    return motes.Simulation(particles, integrator, [pair, wave], threads=threads)


def integrators(threads: int) -> list[Any]:
    """A quench: from a bath to a hotter one, then to constant energy with a shorter step, from an observer."""
    simulation = liquid(threads, motes.Langevin(0.004, 0.5, 2.0, seed=1))

    def cut(frame: Any) -> None:
        if frame.step == 90:
            simulation.integrator = motes.VelocityVerlet(0.002)

    simulation.every(15, cut)
    simulation.run(40)
    simulation.integrator = motes.Langevin(0.004, 2.0, 2.0, seed=1)
    simulation.run(80)
    return outcome(simulation)


def flows(threads: int) -> list[Any]:
    """From a flow to noise and back, with another step."""
    particles = motes.random(400, motes.Box([6.0, 5.0]), seed=3)
    swirl = motes.Flow(lambda x, y, t: (np.sin(y + t), np.cos(x - t)), dt=0.02)
    simulation = motes.Simulation(particles, swirl, threads=threads)
    simulation.run(30)
    before = simulation.positions
    simulation.integrator = motes.Brownian(0.01, 1.0, 1.0, seed=3)
    assert np.array_equal(simulation.positions, before)  # though they have gone to other owners
    simulation.run(30)
    simulation.integrator = motes.Flow(lambda x, y, t: (np.sin(y + t), np.cos(x - t)), dt=0.005, method="rk4")
    simulation.run(30)
    return outcome(simulation)


def arrays(threads: int) -> list[Any]:
    """All that can be assigned as a whole, between runs and from an observer."""
    lattice = motes.fcc(cells=4, density=0.7)
    box, count, random = lattice.box, len(lattice), np.random.default_rng(5)
    particles = motes.Particles(lattice.positions, box, ids=random.permutation(count) * 3, size=np.ones(count))
    pair = motes.Pair(
        lambda r, size: 4 * ((size / r) ** 12 - (size / r) ** 6), 2.0, size=motes.mix("size", "arithmetic")
    )
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.003), [pair], threads=threads)

    def shake(frame: Any) -> None:
        if frame.step == 20:
            simulation.velocities = random.normal(size=(count, 3))
            assert frame.temperature == simulation.temperature > 0
            simulation.mass = np.where(frame.ids % 2, 1.0, 2.5)

    simulation.every(10, shake)
    simulation.run(30)
    simulation.attributes["size"] = random.uniform(0.9, 1.0, count)
    simulation.run(30)
    simulation.positions = simulation.positions[:, [1, 2, 0]] + box.lengths  # to other owners, and an image away
    simulation.run(30)
    twin = simulation.copy()
    twin.run(10)
    images = twin.images.tolist()
    return [*outcome(simulation), *outcome(twin), simulation.attributes["size"].tolist(), twin.mass.tolist(), images]


def columns_of(result: Any) -> dict[str, list[str]]:
    """Those of a table of results, to the bit."""
    return {name: [repr(value) for value in column.tolist()] for name, column in result.columns.items()}


def lennard_jones(r: Any, epsilon: Any) -> Any:
    return 4 * epsilon * (r**-12 - r**-6)


def population(threads: int) -> list[Any]:
    """Particles that go and come amid a run, some with bonds, and other interactions: gone on with from checkpoints."""
    lattice = motes.fcc(cells=4, density=0.7)
    count, random = len(lattice), np.random.default_rng(6)
    ids = random.permutation(count) * 2
    chain = np.stack([np.arange(0, 40, 4), np.arange(1, 40, 4)], axis=1)  # of the same cell of the lattice
    particles = motes.Particles(
        lattice.positions, lattice.box, ids=ids, bonds=ids[chain], types=np.where(np.arange(count) % 3, "a", "b"),
        size=random.uniform(0.9, 1.1, count),
    )  # fmt: skip
    particles.thermalize(0.8, seed=4)
    spring = motes.Bond(lambda r, k: k * (r - 1.1) ** 2, k=30.0)
    laws = [motes.Pair(lennard_jones, 2.5, epsilon={("a", "a"): 1.0, ("a", "b"): 0.8, ("b", "b"): 0.5}), spring]
    bath = motes.Bussi(0.004, motes.Ramp(0.8, 1.2, 100), 0.2, seed=7)
    simulation = motes.Simulation(particles, bath, laws, threads=threads)

    def absorb(frame: Any) -> None:
        gone = frame.ids[(frame.positions[:, 0] < 0.6) & ~np.isin(frame.ids, frame.bonds)]
        if 20 <= frame.step <= 60:
            simulation.remove(gone)

    simulation.every(10, absorb)
    rdf, msd = motes.Rdf(bins=30, types=("a", "b")), motes.Msd(lags=3)
    others = (
        motes.Profile("x", 9, "temperature"), motes.Profile("y", 7, "size"), motes.Profile("z", 5, "mass"),
        motes.StructureFactor(6.0, 20), motes.StructureFactor(4.0, 8, ("a", "b")),
        motes.Average(("temperature", "pressure")),
    )  # fmt: skip
    simulation.every(5, rdf, msd, *others)
    simulation.run(50)
    simulation.remove(simulation.bonds[:3].ravel())
    shape = motes.Particles(
        [[0.3, 1.0, 1.0], [0.3, 3.0, 3.0]], lattice.box, [[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]], size=[1.0, 1.0],
        types=["b", "a"], bonds=[(0, 1)],
    )  # fmt: skip
    simulation.minimize(50.0)
    simulation.add(motes.Particles([[0.3, 5.0, 5.0]], lattice.box, size=[1.0], types=["a"]))
    simulation.minimize(50.0)
    simulation.add(shape)
    simulation.minimize(50.0)
    simulation.run(20)
    simulation.interactions = [
        motes.Pair(lambda r, k: k * (1 - r / 2) ** 2, 2.0, k=motes.Ramp(1.0, 30.0, 30)), spring,
        motes.PairForce(lambda r, v: -(1 - r / 2) * v, 2.0),
    ]  # fmt: skip
    simulation.run(20)
    simulation.zero_momentum()
    simulation.run(10)
    simulation.thermalize(0.5, seed=9)
    with TemporaryDirectory() as folder:
        resumed = motes.resume(simulation.save(f"{folder}/run"), simulation.interactions, threads=threads)
    ends = []
    for one in (simulation, resumed):
        one.run(20)
        ends.append([one.fingerprint, one.step, one.temperature.hex(), one.unwrapped.sum().hex(), len(one)])
    few = simulation.sample(20)
    sampled = [few.ids.tolist(), few.positions.tolist(), few.velocities.tolist(), few.images.tolist(), repr(few)]
    near = simulation.neighbors(1.3)
    pairs = [near.i.tolist(), near.j.tolist(), near.vector.sum().hex(), near.r.sum().hex()]
    results = [columns_of(one) for one in (rdf, msd, *others)]
    observers = [handle.observers[0] for handle in resumed.observers]
    assert results == [columns_of(one) for one in observers if isinstance(one, Observer)]
    return [*ends, simulation.ids.tolist(), simulation.bonds.tolist(), *sampled, *pairs, *results]


def boxes(threads: int) -> list[Any]:
    """Particles that are frozen and thawed amid a run, in a box that grows; gone on with from a checkpoint."""
    simulation = liquid(threads, motes.Langevin(0.004, 0.8, 2.0, seed=1))
    still, edges = simulation.ids[::7], simulation.box.lengths

    def change(frame: Any) -> None:
        if frame.step == 20:
            simulation.freeze(still)
        if frame.step == 40:
            simulation.scale(motes.Box(edges * [1.0, 1.02, 1.01]))
        if frame.step == 60:
            simulation.thaw(still[::2])

    simulation.every(10, change)
    simulation.run(70)
    before = simulation.fingerprint
    for refused in (
        lambda: simulation.add(motes.Particles([[0.1, 0.2, 0.3]], simulation.box, [[1e6, 0.0, 0.0]])),
        lambda: setattr(simulation, "velocities", np.full((len(simulation), 3), 1e6)),
        lambda: setattr(simulation, "interactions", [motes.Field(lambda x: 1 / (x - x))]),
    ):
        with suppress(motes.InputError):
            refused()
            raise AssertionError("that was not refused")
    assert simulation.fingerprint == before
    simulation.run(10)
    simulation.integrator = motes.Bussi(0.004, 0.8, 0.5, seed=2)
    simulation.minimize(30.0)
    simulation.box = motes.Box(edges * [1.0, 1.03, 1.03])
    simulation.thermalize(0.6, seed=3)
    simulation.run(20)
    with TemporaryDirectory() as folder:
        resumed = motes.resume(simulation.save(f"{folder}/run"), simulation.interactions, threads=threads)
    for one in (simulation, resumed):
        one.run(20)
    return [*outcome(simulation), *outcome(resumed), simulation.unwrapped.sum().hex(), resumed.degrees_of_freedom]


def portions(threads: int) -> list[Any]:
    """What each particle has of the energy and the stress of pairs, bonds, angles, a metal and a field."""
    lattice, random = motes.fcc(cells=4, density=0.7), np.random.default_rng(3)
    chain = np.stack([np.arange(0, 80, 4), np.arange(1, 80, 4)], axis=1)
    particles = motes.Particles(
        lattice.positions + random.uniform(-0.1, 0.1, (256, 3)), lattice.box, bonds=chain,
        angles=np.column_stack([chain, chain[:, 0] + 2]),
    )  # fmt: skip
    particles.thermalize(1.0, seed=5)
    laws = [
        motes.Pair(lambda r, k: k * (1 - r / 2) ** 2, 2.0, k=20.0),
        motes.Embedded(lambda r: (1 - r / 1.9) ** 2, lambda rho: -np.sqrt(rho), 1.9),
        motes.Bond(lambda r, k: k * (r - 1.0) ** 2, k=5.0), motes.Angle(lambda theta: 2 * (theta - 1.5) ** 2),
        motes.Field(lambda x, t, k: np.cos(k * x) + t, k=2 * np.pi / lattice.box.lengths[0]),
    ]  # fmt: skip
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.004), laws, threads=threads)
    found = []

    def look(frame: Any) -> None:
        found.append([frame.energies.tolist(), frame.stress.tolist(), frame.pressure_tensor.tolist()])
        found.append(list(frame.potential_energies))

    simulation.every(30, look)
    simulation.run(60)
    return [*outcome(simulation), found]


CASES = (integrators, flows, arrays, population, boxes, portions)


def main() -> None:
    print(json.dumps({case.__name__: case(int(sys.argv[1])) for case in CASES}))


if __name__ == "__main__":
    main()
