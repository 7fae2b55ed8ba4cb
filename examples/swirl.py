"""Particles that never meet: they circle the origin, each at a speed of its own, by 10,000 small steps of Euler's.

The velocity is a plain function of the position and of what each particle has of its own; names tell which is which.
"""

import numpy as np

import motes


def swirl(x, y, speed):
    r = np.hypot(x, y)
    return -speed * y / r, speed * x / r


box = motes.Box([2.0, 2.0], boundary="open", origin=[-1.0, -1.0])
positions = [(0.3, 0.5), (0.0, -0.5), (-0.1, -0.4)]
particles = motes.Particles(positions, box, speed=[1.0, -1.0, 3.0])

sim = motes.Simulation(particles, motes.Flow(swirl, dt=1e-5, method="euler"))
sim.run(10_000)
for x, y in sim.positions:
    print(f"({x:.9f}, {y:.9f})")
