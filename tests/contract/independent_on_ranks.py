"""A script for any number of ranks: `python independent_on_ranks.py THREADS` runs a flow and a liquid in a field, and
prints what came out as JSON. Nothing in it knows of ranks.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

import motes


def stirred(x: Any, y: Any, z: Any, t: Any, speed: Any, rate: Any) -> Any:
    return speed * np.sin(rate * y + t), np.cos(x - t) * np.exp(-z * z / 9), 0.3 * np.tanh(x - 2 * y)


def flow(threads: int) -> motes.Simulation:
    box = motes.Box([3.0, 4.0, 5.0], ["periodic", "reflecting", "open"], origin=[-1.0, 2.0, -2.0])
    generator = np.random.default_rng(1)
    positions = generator.random((500, 3)) * box.lengths + box.origin
    particles = motes.Particles(positions, box, types=np.arange(500) % 2, speed=generator.uniform(-2, 2, 500))
    method = motes.Flow(stirred, dt=0.01, method="rk4", rate={0: 1.0, 1: 2.0})
    return motes.Simulation(particles, method, threads=threads)


def field(threads: int) -> motes.Simulation:
    particles = motes.fcc(cells=5, density=0.8, temperature=1.0, seed=2)
    length = particles.box.lengths[0]
    wave = motes.Field(lambda x, t, mass, k: mass * np.sin(k * x - t), k=2 * np.pi / length)
    pair = motes.Pair(lambda r: 4 * (r**-12 - r**-6), 2.5)
    return motes.Simulation(particles, motes.VelocityVerlet(0.004), [pair, wave], threads=threads)


def main() -> None:
    threads = int(sys.argv[1])
    found = {}
    for make in (flow, field):
        simulation = make(threads)
        simulation.run(150)
        values = simulation.elementwise(lambda x, z, mass, t: np.exp(-x * x) * mass + z * t)
        energies = simulation.potential_energy.hex(), simulation.virial.hex()
        found[make.__name__] = [simulation.fingerprint, *energies, values[:3].tolist(), float(values.sum()).hex()]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
