"""Systems of a few hundred particles whose runs are stopped and gone on with, for tests and as a script for any number
of ranks: `python systems_to_resume.py whole|begin|go-on THREADS FOLDER` prints what came out as JSON.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gsd.hoomd
import numpy as np

import motes

STEPS = 90
ROW_EVERY, FRAME_EVERY, CHECKPOINT_EVERY = 4, 6, 10

System = tuple[motes.Particles, list[Any]]
"""Particles, and what they feel."""


class StopHere(Exception):  # noqa: N818  # what a user's program may do at any step
    """Not an error of the run."""


def lennard_jones(r: Any, epsilon: Any, sigma: Any) -> Any:
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def bump(r: Any, height: Any, cutoff: Any) -> Any:
    """Soft spheres."""
    return height * (1 - (r / cutoff) ** 2) ** 3


def swirl(x: Any, y: Any, t: Any, speed: Any) -> Any:
    """Round and round, now faster, now slower; speed is the particle's own."""
    return -speed * y * np.cos(t), speed * x * np.cos(t)


def mixture() -> System:
    """All periodic: tables by type, sizes and masses of their own, ids that do not follow the positions."""
    generator = np.random.default_rng(1)
    lattice = motes.fcc(cells=4, density=0.9)
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
    return particles, [pair]


def plane() -> System:
    """Two dimensions, far from zero, periodic along one axis and walls along the other; two interactions, gravity."""
    box = motes.Box([14.0, 11.0], ["periodic", "reflecting"], origin=[30.0, -200.0])
    particles = motes.random(300, box, 3, minimum_distance=0.3, types=np.arange(300) % 3)
    particles.thermalize(2.0, seed=11)
    height = 4.0 + np.add.outer(np.arange(3), np.arange(3))
    gravity = motes.Field(lambda y, mass, g: mass * g * y, g={0: 0.1, 1: 0.2, 2: 0.3})
    return particles, [motes.Pair(bump, 1.1, height=height), motes.Pair(bump, 0.6, height=9.0), gravity]


def cloud() -> System:
    """Particles that fly apart, beyond the sides of an open box."""
    height = np.random.default_rng(2).uniform(2.0, 6.0, 250)
    box = motes.Box([7.0, 6.0, 5.0], "open", origin=[-30.0, 200.0, 0.0])
    particles = motes.random(250, box, 2, minimum_distance=0.4, height=height)
    particles.thermalize(1.0, seed=5)
    return particles, [motes.Pair(bump, 1.1, height=motes.mix("height", "geometric"))]


def dust() -> System:
    """Particles that feel nothing, with velocities of their own."""
    generator = np.random.default_rng(7)
    box = motes.Box([4.0, 4.0], "open", origin=[-2.0, -2.0])
    positions = generator.uniform(-1.0, 1.0, (300, 2))
    speed, charge = generator.uniform(-3, 3, 300), generator.random(300)  # their order is not that of the alphabet
    return motes.Particles(positions, box, generator.normal(size=(300, 2)), speed=speed, charge=charge), []


INTEGRATORS: dict[str, Callable[[], Any]] = {
    "VelocityVerlet": lambda: motes.VelocityVerlet(0.006),
    "Langevin": lambda: motes.Langevin(0.006, temperature=1.0, friction=0.7, seed=5),
    "Brownian": lambda: motes.Brownian(0.0002, temperature=1.0, friction=1.0, seed=6),
    "Bussi": lambda: motes.Bussi(0.006, temperature=1.0, tau=0.3, seed=7),
    "Flow": lambda: motes.Flow(swirl, 0.01, "rk4"),
}


@dataclass(frozen=True)
class Run:
    """One system under one integrator."""

    system: Callable[[], System]
    integrator: str

    @property
    def name(self) -> str:
        """As tests and files call it."""
        return f"{self.system.__name__}-{self.integrator}"

    def simulation(self, folder: Path, threads: int = 1, checkpoint: Any = None) -> motes.Simulation:
        """A new one, which writes into the folder."""
        particles, interactions = self.system()
        simulation = motes.Simulation(particles, INTEGRATORS[self.integrator](), interactions, threads, 0.1)
        simulation.every(ROW_EVERY, motes.Thermo(folder / f"{self.name}.csv"))
        simulation.every(FRAME_EVERY, motes.Trajectory(folder / f"{self.name}.gsd"))
        if checkpoint is not None:
            simulation.every(CHECKPOINT_EVERY, checkpoint)
        return simulation

    def resume(self, checkpoint: Path, threads: int = 1, skin: float | None = None) -> motes.Simulation:
        """It goes on; a Flow has a function, so it is given again."""
        again = INTEGRATORS[self.integrator]() if self.integrator == "Flow" else None
        return motes.resume(checkpoint, self.system()[1], again, threads, skin)

    def outcome(self, simulation: motes.Simulation, folder: Path) -> dict[str, Any]:
        """All that must be the same, whether the run was stopped or not."""
        return {
            "step": simulation.step,
            "time": simulation.time.hex(),
            "fingerprint": simulation.fingerprint,
            "ids": digest(simulation.ids),
            "types": [digest(simulation.types), *map(str, simulation.type_names)],
            "mass": digest(simulation.mass),
            "attributes": [[name, digest(values)] for name, values in simulation.attributes.items()],
            "positions": digest(simulation.positions),
            "images": digest(simulation.images),
            "velocities": digest(simulation.velocities),
            "forces": digest(simulation.forces),
            "energies": [
                simulation.potential_energy.hex(),
                simulation.kinetic_energy.hex(),
                simulation.virial.hex(),
                simulation.conserved_energy.hex(),
            ],
            "thermo": (folder / f"{self.name}.csv").read_text(),
            "frames": frames_in(folder / f"{self.name}.gsd"),
        }


RUNS = [Run(system, name) for system in (mixture, plane, cloud) for name in ("VelocityVerlet", "Langevin", "Brownian")]
RUNS += [Run(dust, "Flow"), Run(dust, "VelocityVerlet"), Run(plane, "Bussi")]


SHOWN = ("position", "velocity", "mass", "typeid", "charge")


def digest(values: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:16]


def frames_in(path: Path) -> list[list[Any]]:
    """The snapshots of a gsd file."""
    with gsd.hoomd.open(str(path)) as frames:
        return [
            [
                int(frame.configuration.step), digest(frame.configuration.box), frame.particles.types,
                *(digest(getattr(frame.particles, name)) for name in SHOWN),
            ]
            for frame in frames
        ]  # fmt: skip


def run_until(simulation: motes.Simulation, stop: int, steps: int) -> None:
    """Ask for so many steps, and be stopped by the user's own code at that one, when all observers have seen it."""

    def stop_there(_: int) -> None:
        if simulation.step == stop:
            raise StopHere

    simulation.every(1, lambda _: None)  # so that progress is shown after every step
    with suppress(StopHere):
        simulation.run(steps, progress=stop_there)


def perform(part: str, run: Run, threads: int, folder: Path) -> dict[str, Any]:
    """What the script does with one run: the whole of it, its beginning, or the rest."""
    saved = folder / f"{run.name}.ckpt"
    if part == "whole":
        simulation = run.simulation(folder, threads)
        simulation.run(STEPS)
    elif part == "begin":
        simulation = run.simulation(folder, threads, motes.Checkpoint(saved))
        run_until(simulation, 57, STEPS)
    else:
        simulation = run.resume(saved, threads)
        assert (simulation.step, simulation.steps_left) == (50, STEPS - 50)
        simulation.run(simulation.steps_left)
    return {**run.outcome(simulation, folder), "ranks": simulation.describe()["ranks"]}


ON_RANKS = [
    Run(mixture, "VelocityVerlet"),
    Run(plane, "Langevin"),
    Run(cloud, "Brownian"),
    Run(dust, "Flow"),
    Run(mixture, "Bussi"),
]
"""What the script runs: each system and each integrator once."""


def main() -> None:
    part, threads, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    print(json.dumps({run.name: perform(part, run, threads, folder) for run in ON_RANKS}))


if __name__ == "__main__":
    main()
