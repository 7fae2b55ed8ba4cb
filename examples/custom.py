"""An interaction that nobody has built in: soft, charged colloids of two kinds and many sizes.

The energy is a formula of the distance with NumPy functions inside. How strongly two particles repel depends
on their types (`strength`, a table), and where on their diameters (a per-particle attribute, mixed).
"""

import numpy as np

import motes


def soft_charged(r, strength, diameter, kappa):
    overlap = np.where(r < diameter, (1 - r / diameter) ** 2, 0.0)
    return strength * (overlap + 0.1 * np.exp(-kappa * (r - diameter)) / r)


box = motes.Box([16.0, 16.0], boundary=["periodic", "reflecting"])  # two lengths: a 2D world, walls along y
diameters = np.random.default_rng(1).uniform(0.8, 1.2, 200)
types = np.where(np.arange(200) < 100, "big", "small")
particles = motes.random(200, box, seed=1, minimum_distance=0.6, types=types, diameter=diameters)

pair = motes.Pair(
    soft_charged,
    cutoff=3.0,
    shift="force",
    strength={("big", "big"): 20.0, ("big", "small"): 30.0, ("small", "small"): 10.0},
    diameter=motes.mix("diameter", "arithmetic"),
    kappa=2.0,
)
sim = motes.Simulation(particles, motes.Langevin(dt=0.005, temperature=0.5, friction=1.0, seed=7), [pair])
sim.every(200, motes.Thermo(), lambda frame: print("  mean height", frame.positions[:, 1].mean()))
sim.run(1000)
