"""A fluid of dissipative particles: Groot and Warren, J. Chem. Phys. 107, 4423 (1997).

The force between two particles depends on more than their distance r: friction on the rate v at which they part, and a
thermal kick on a normal random number, noise, drawn for each pair and step. Both share the weight 1 - r, and
sigma**2 = 2 gamma T; a kick in a step of dt is a force over sqrt(dt), whatever dt is. All forces together are zero, to
the last bit.
"""

import numpy as np

import motes

TEMPERATURE, GAMMA = 1.0, 4.5


def dpd(r, v, noise, dt, a, gamma, sigma):
    weight = 1 - r
    return a * weight - gamma * weight**2 * v + sigma * weight * noise / np.sqrt(dt)


particles = motes.random(3 * 10**3, motes.Box([10.0, 10.0, 10.0]), seed=1, temperature=TEMPERATURE)
force = motes.PairForce(dpd, cutoff=1.0, seed=2, a=25.0, gamma=GAMMA, sigma=np.sqrt(2 * GAMMA * TEMPERATURE))
sim = motes.Simulation(particles, motes.VelocityVerlet(0.02), [force])
sim.run(200)
measured = []
sim.every(10, lambda frame: measured.append((frame.temperature, frame.pressure)))
sim.run(1000)
temperature, pressure = np.mean(measured, axis=0)
print(f"temperature {temperature:.3f}, of the bath {TEMPERATURE}")
print(f"pressure    {pressure:.2f}, by LAMMPS at half this dt 23.70")
print(f"momentum    {np.abs(sim.mass @ sim.velocities).max():.0e}")
