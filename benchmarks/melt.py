"""Motes and LAMMPS side by side on the Lennard-Jones melt: one thread, float64, list building included.

    python benchmarks/melt.py [--rounds 3]

Both start from the same data file, warm up 200 steps (the crystal melts), and are timed over the next 500;
the energies of both are compared. Motes runs the function written in ours.py, as a user would write it, also
against LAMMPS's built-in one. LAMMPS gets its best style, see peers.py. Morse and Yukawa are compared with
our own Lennard-Jones; they lead to melts of their own, a little hotter.

The small melt of 1,000 particles (10 x 5 x 5 cells) shows what a step costs besides its pairs.
"""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from common import MELT, Figure, check_same_physics, command, fastest, fresh, interleaved

import motes


def measure(rounds: int) -> list[Figure]:
    """Speed ratios on 32,000 particles and on 1,000."""
    return large(rounds) + small(rounds)


def large(rounds: int) -> list[Figure]:
    """The melt of 32,000 particles."""
    length = {"data": str(MELT), "warm": 200, "steps": 500}
    lammps = partial(fresh, "peers.py", "lammps", **length)
    ours = partial(fresh, "ours.py", "melt", **length)
    cases = {
        "lammps plain": partial(lammps, pair="lj", style="plain"),
        "lammps opt": partial(lammps, pair="lj", style="opt"),
        "lammps omp": partial(lammps, pair="lj", style="omp"),
        "motes": partial(ours, function="lennard_jones"),
        "lepton plain": partial(lammps, pair="lepton", style="plain"),
        "lepton omp": partial(lammps, pair="lepton", style="omp"),
        "openmm custom": partial(fresh, "peers.py", "openmm", custom=True, **length),
        "motes morse": partial(ours, function="morse"),
        "motes yukawa": partial(ours, function="yukawa"),
    }
    results = interleaved(cases, rounds)
    other_physics = ("motes morse", "motes yukawa")
    check_same_physics({name: runs for name, runs in results.items() if name not in other_physics}, 32_000)
    speed = {name: fastest(runs) for name, runs in results.items()}
    style = max("lammps plain", "lammps opt", "lammps omp", key=speed.__getitem__)
    exponential = min(other_physics, key=speed.__getitem__)
    motes_speed = speed["motes"]
    lepton = max(speed["lepton plain"], speed["lepton omp"])
    return [
        Figure(f"steps/s against LAMMPS's best ({style})", motes_speed / speed[style], 2.0, 3.0),
        Figure("user's function against LAMMPS lepton, its best", motes_speed / lepton, 5, 9),
        Figure("user's function against LAMMPS lepton, plain", motes_speed / speed["lepton plain"]),
        Figure("user's function against OpenMM custom (float32)", motes_speed / speed["openmm custom"]),
        Figure(
            f"slower of Morse and Yukawa ({exponential}) against our LJ",
            speed[exponential] / motes_speed,
            0.6,
            0.8,
        ),
    ]


def small(rounds: int) -> list[Figure]:
    """The melt of 1,000 particles, from a file that both sides read."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "small.data"
        data.write_text(data_file(motes.fcc(cells=(10, 5, 5), density=0.8442, temperature=1.44, seed=1)))
        length = {"data": str(data), "warm": 1000, "steps": 10_000}
        cases = {
            "lammps plain, 1,000": partial(fresh, "peers.py", "lammps", pair="lj", style="plain", **length),
            "motes, 1,000": partial(fresh, "ours.py", "melt", function="lennard_jones", **length),
        }
        results = interleaved(cases, rounds)
    check_same_physics(results, 1000)
    theirs, ours = (fastest(runs) for runs in results.values())
    return [Figure("1,000 particles: steps/s against LAMMPS plain", ours / theirs, 1.0, 2.0)]


def data_file(particles: motes.Particles) -> str:
    """Particles of one type and mass 1 as the text of a LAMMPS data file, all digits kept."""
    sides = [
        f"0 {length!r} {axis}lo {axis}hi" for length, axis in zip(particles.box.lengths.tolist(), "xyz", strict=True)
    ]
    return "\n".join(
        [
            "small melt\n",
            f"{len(particles)} atoms\n1 atom types\n",
            *sides,
            "\nMasses\n\n1 1.0\n\nAtoms # atomic\n",
            *rows(particles.positions, prefix="1 "),
            "\nVelocities\n",
            *rows(particles.velocities),
            "",
        ]
    )


def rows(vectors: np.typing.NDArray[np.float64], prefix: str = "") -> list[str]:
    """Numbered lines of three coordinates each."""
    return [f"{number} {prefix}{x!r} {y!r} {z!r}" for number, (x, y, z) in enumerate(vectors.tolist(), start=1)]


if __name__ == "__main__":
    command(measure, __doc__)
