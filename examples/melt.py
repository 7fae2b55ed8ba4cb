"""The run of melt.toml as a script: the potential is a plain Python function."""

from pathlib import Path

import motes


def lennard_jones(r, epsilon, sigma):
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


particles = motes.read(Path(__file__).with_name("melt-4000.data"))
pair = motes.Pair(lennard_jones, cutoff=2.5, epsilon=1.0, sigma=1.0)
sim = motes.Simulation(particles, motes.VelocityVerlet(dt=0.005), [pair])
sim.every(100, motes.Thermo())
sim.run(1000)
print(sim.fingerprint)
