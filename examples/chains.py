"""A melt of bead-spring chains: K. Kremer and G. S. Grest, J. Chem. Phys. 92, 5057 (1990).

Beads repel each other; those next to each other along a chain are held by a spring that no bead can break (FENE). The
chains begin as random walks that run through each other: beads are parted downhill first, with springs that can be
stretched, then the melt is run.
"""

import numpy as np

import motes

CHAINS, BEADS, DENSITY = 40, 20, 0.85
CUTOFF = 2 ** (1 / 6)


def repulsion(r, epsilon, sigma):
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def fene(r, k, longest):
    return -0.5 * k * longest**2 * np.log(1 - (r / longest) ** 2)


generator = np.random.default_rng(1)
edge = (CHAINS * BEADS / DENSITY) ** (1 / 3)
steps = generator.normal(size=(CHAINS, BEADS, 3))
steps *= 0.97 / np.sqrt((steps**2).sum(axis=-1, keepdims=True))
walks = edge * generator.random((CHAINS, 1, 3)) + steps.cumsum(axis=1)
ids = np.arange(CHAINS * BEADS).reshape(CHAINS, BEADS)
bonds = np.stack([ids[:, :-1], ids[:, 1:]], axis=-1).reshape(-1, 2)
particles = motes.Particles(walks.reshape(-1, 3), motes.Box([edge] * 3), bonds=bonds)

beads = motes.Pair(repulsion, CUTOFF, shift="energy", epsilon=1.0, sigma=1.0)
bath = motes.Langevin(dt=0.01, temperature=1.0, friction=0.5, seed=2)
soft = motes.Simulation(particles, bath, [beads, motes.Bond(lambda r, k: k * (r - 0.97) ** 2, k=500.0)])
soft.minimize(force_tolerance=10.0)
soft.run(500)

melt = motes.Simulation(soft.snapshot(), bath, [beads, motes.Bond(fene, k=30.0, longest=1.5)])
melt.every(500, motes.Thermo(), motes.Trajectory("chains.gsd"))
measured = []


def measure(frame):
    unwrapped = (frame.positions + frame.images * frame.box.lengths)[ids]
    measured.append((np.sqrt((np.diff(unwrapped, axis=1) ** 2).sum(axis=-1)).mean(), frame.pressure))


melt.run(1000)
melt.every(20, measure)
melt.run(2000)
bond, pressure = np.mean(measured, axis=0)
print(f"mean bond {bond:.4f}, in long runs of LAMMPS 0.9648")
print(f"pressure  {pressure:.2f}, in long runs of LAMMPS 5.06")
