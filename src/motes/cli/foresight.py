"""What may go wrong in a run, as far as it can be seen beforehand: warnings, each of one line."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import motes
from motes.cli.report import size
from motes.errors import InputError
from motes.forces import BoundInteraction, BoundPair, energies_of_pairs
from motes.forces.oracle import pair_energy
from motes.formulas.bind import MASS
from motes.inputs.build import NewJob, blame
from motes.observers.output import output_path, spare_name
from motes.storage.folder import steps_in

LONG_MOVE = 0.05
"""Of the cutoff: particles that move by more in a step skip over what they should feel."""

FASTEST = 4.0
"""Thermal speeds are hardly ever more than so many times the root of T / m."""

NEAREST = 0.5
"""Of the usual distance of neighbours: nearer than that, particles of a liquid hardly ever come."""

RADII = 2000
FRAME_BYTES = {"single": 4 * (3 + 3) + 4 * 3, "double": 8 * (3 + 3) + 4 * 3}  # positions and velocities, images
COLUMN_BYTES = 8


def require_places(job: NewJob) -> None:
    """Raise an InputError for an output whose folder does not exist or cannot be written to."""
    for name, table in _outputs(job).items():
        with blame(job.path, f"[{name}]"):
            folder = output_path(table.path).parent
            if not os.access(folder, os.W_OK):
                raise InputError(f"there is no permission to write to the folder {folder}")
    if job.config.trajectory is not None:
        with blame(job.path, "[trajectory]"):
            motes.Trajectory(job.config.trajectory.path)  # which opens nothing yet


def warnings(job: NewJob, simulation: motes.Simulation) -> Iterator[str]:
    """One line for each thing that may go wrong."""
    yield from _existing(job)
    yield from _room(job)
    yield from warnings_of_motion(job.bound, job.particles, simulation)


def warnings_of_motion(
    bound: Collection[BoundInteraction], particles: motes.Particles, simulation: motes.Simulation
) -> Iterator[str]:
    """One line for each thing that may go wrong on the way of the particles."""
    yield from _long_moves(bound, simulation)
    for pair in energies_of_pairs(bound):
        yield from _gaps(pair, particles)


def _outputs(job: NewJob) -> dict[str, Any]:
    tables = {name: getattr(job.config, name) for name in ("thermo", "trajectory", "checkpoint")}
    return {name: table for name, table in tables.items() if table is not None and table.path is not None}


def _existing(job: NewJob) -> Iterator[str]:
    for name, table in _outputs(job).items():
        path = Path(table.path).expanduser()
        if name == "checkpoint" and steps_in(path) and not table.overwrite:
            yield f"[{name}]: {path} has checkpoints: motes run will refuse to start without --overwrite"
        elif path.is_file() and not table.overwrite:
            yield f"[{name}]: {path} exists: motes run will keep it as {spare_name(path).name}"


def _room(job: NewJob) -> Iterator[str]:
    """Whether the disk has room for what will be written."""
    steps, count = job.config.run.steps, len(job.particles)
    columns = 3 + len(job.particles.attributes) + 3 * job.particles.box.dimensions
    for name, table in _outputs(job).items():
        if name == "thermo":
            continue
        pieces = table.keep + 1 if name == "checkpoint" else steps // table.every + 1
        each = COLUMN_BYTES * columns if name == "checkpoint" else FRAME_BYTES[table.precision]
        needed = pieces * count * each
        free = shutil.disk_usage(Path(table.path).absolute().parent).free
        if needed > free:
            yield f"[{name}]: {table.path} will take about {size(needed)}, and the disk has {size(free)} left"


def _long_moves(bound: Collection[BoundInteraction], simulation: motes.Simulation) -> Iterator[str]:
    """How far the fastest particle moves in a step, now or at the temperature of the bath."""
    reach = max((one.reach for one in bound), default=0.0)
    if not (reach and simulation.integrator.has_velocities):
        return
    speed = float(np.sqrt((simulation.velocities**2).sum(axis=1).max()))
    lightest = float(simulation.mass.min())
    speed = max(speed, FASTEST * math.sqrt(simulation.integrator.temperature / lightest))
    move = speed * simulation.integrator.dt
    if move > LONG_MOVE * reach:
        yield (
            f"[integrator]: with dt = {simulation.integrator.dt:g} the fastest particles move by {move:.3g} in a step, "
            f"{move / reach:.0%} of the cutoff: they may come too close to each other; a smaller dt is safer"
        )


def _gaps(pair: BoundPair, particles: motes.Particles) -> Iterator[str]:
    """Distances that particles may come to where the energy is no finite number."""
    usual = particles.density ** (-1 / particles.box.dimensions)
    r = np.linspace(min(NEAREST * usual, pair.reach / 2), pair.reach, RADII)
    kinds = np.arange(len(particles.type_names))
    columns, formula = {MASS: particles.mass, **particles.attributes}, pair.pair
    means = {name: float(columns[name].mean()) for name in formula.attributes}
    parameters = formula.parameters((kinds[:, None], kinds), (means, means))
    energy = pair_energy(formula, parameters, r[:, None, None])
    bad = r[~np.isfinite(energy).all(axis=(1, 2))]
    if len(bad):
        span = f"r = {bad[0]:.4g}" if len(bad) == 1 else f"distances from {bad[0]:.4g} to {bad[-1]:.4g}"
        yield f"interaction {pair.name}: the energy is not a finite number at {span}: a run that comes there will stop"
