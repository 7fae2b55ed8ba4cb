"""Predators and prey: what one feels from the other is not what the other feels from it.

Each predator swims towards the prey within its sight, each prey away from the predators. Both pull at nobody of their
own kind. The bath gives them friction and some noise of their own.
"""

import numpy as np

import motes


def chase(r, pull, sight):
    return -pull * np.exp(-r / sight)


kinds = np.where(np.arange(400) < 40, "predator", "prey")
particles = motes.random(400, motes.Box([40.0, 40.0]), seed=1, minimum_distance=0.8, types=kinds)
hunt = motes.PairForce(
    chase,
    cutoff=6.0,
    mutual=False,
    sight=2.0,
    # The first is who feels it: predators are drawn to prey, prey flee from predators, less strongly.
    pull={("predator", "prey"): 8.0, ("prey", "predator"): -5.0, ("predator", "predator"): 0.0, ("prey", "prey"): 0.0},
)
room = motes.Pair(lambda r, k: k * (1 - r) ** 2, cutoff=1.0, k=50.0)
sim = motes.Simulation(particles, motes.Langevin(dt=0.01, temperature=0.2, friction=2.0, seed=3), [room, hunt])


def report(frame):
    predators, prey = (frame.positions[frame.types == kind] for kind in (0, 1))
    apart = predators[:, None] - prey[None]
    apart -= 40.0 * np.rint(apart / 40.0)
    nearest = np.sqrt((apart**2).sum(axis=2)).min(axis=1)
    print(f"step {frame.step}: a predator's nearest prey is {nearest.mean():.2f} away")


sim.every(250, report)
sim.run(1500)
