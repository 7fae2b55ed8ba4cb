"""`motes check`: what an input file would do and what may go wrong, without running it. Nothing is written."""

from __future__ import annotations

import itertools
import math
import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from motes.cli.report import (
    count,
    duration,
    interaction_rows,
    minimized_rows,
    object_outputs,
    object_rows,
    outputs,
    particle_rows,
    size,
    table,
)
from motes.cli.run import observers_of, refuse_arguments
from motes.cli.script import first_run
from motes.cli.survey import can_be_counted, mean_and_closest
from motes.core.box import sphere
from motes.core.errors import InputError, RunError
from motes.core.progress import show_nothing
from motes.core.schedules import largest
from motes.core.state import CLUSTER, Floats
from motes.engine.starts import Summary
from motes.forces import BoundInteraction, BoundPair, energies_of_pairs
from motes.forces.oracle import pair_energy, pair_slope
from motes.formulas.bind import MASS
from motes.observers import Checkpoint, Observer
from motes.observers.output import spare_name
from motes.particles.particles import Particles
from motes.simulation.inputs.build import NewJob, blame, check_outputs, read_job
from motes.simulation.inputs.config import RESULTS
from motes.simulation.simulation import Simulation
from motes.storage.folder import steps_in

PARTICLE_BYTES = 300  # positions, velocities, forces, and their copies by slot and by thread
PROGRAM_BYTES = 180e6  # Python, NumPy and Numba themselves
CLOSEST_KNOWN = 1.13  # times density**(-1/d): in no arrangement are all particles farther apart
TRIAL_STEPS = 10
TRIAL_SECONDS = 0.2  # so long that what is done once for many steps counts as often as in a run

LONG_MOVE = 0.05
"""Of the cutoff: particles that move by more in a step skip over what they should feel."""

FASTEST = 4.0
"""Thermal speeds are hardly ever more than so many times the root of T / m."""

NEAREST = 0.5
"""Of the usual distance of neighbours: nearer than that, particles of a liquid hardly ever come."""

RADII = 2000
FRAME_BYTES = {"single": 4 * (3 + 3) + 4 * 3, "double": 8 * (3 + 3) + 4 * 3}  # positions and velocities, images
COLUMN_BYTES = 8


def check(path: Path, threads: int | None = None, settings: tuple[str, ...] = (), arguments: Sequence[str] = ()) -> str:
    """The report on an input file; InputError or RunError for whatever would stop its run."""
    if path.suffix == ".py":
        if settings:
            raise InputError(f"{path}: --set is for TOML files")
        return check_script(path, arguments, threads)
    refuse_arguments(path, arguments)
    job = read_job(path, settings)
    check_outputs(job)
    require_outputs(job)
    reach = max((one.reach for one in job.bound), default=0.0)
    rows = {"input": str(path), **particle_rows(job.particles), **neighbour_rows(job.particles, reach)}
    simulation = job.simulation(threads)
    rows |= interaction_rows(job)
    rows |= {"integrator": str(simulation.integrator), "threads": str(simulation.threads)}
    if minimized := minimized_rows(job):
        rows |= {"minimize": f"before the run, {minimized['minimized']}"}
    rows |= {"memory": memory(job.particles, reach + simulation.skin), **outputs(job)}
    rows |= {"time": trial(simulation, job.config.run.steps)}
    lines = interaction_lines(job.particles, dict(zip(interaction_rows(job), job.bound, strict=False)))
    notes = [f"warning: {warning}" for warning in warnings(job, simulation)]
    return "\n".join([table(rows), *lines, *([""] if notes else []), *notes])


def check_script(path: Path, arguments: Sequence[str], threads: int | None) -> str:
    """The report on the first run of a script, which is executed up to there."""
    found = first_run(path, arguments, threads)
    if found is None:
        return f"{path}: it ended without a run, so there is nothing to check"
    simulation, steps, line = found
    written = object_outputs(simulation)
    for handle in simulation.observers:
        handle.remove()  # so that the trial below writes nothing
    particles = simulation.snapshot()
    summary = Summary.of(particles)
    bound = {
        name: one.bind(summary.names)
        for name, one in zip(object_rows(simulation.interactions), simulation.interactions, strict=False)
    }
    reach = max((one.reach for one in bound.values()), default=0.0)
    rows = {"script": f"{path}, up to its first run in line {line}", **particle_rows(particles)}
    rows |= {**neighbour_rows(particles, reach), **object_rows(simulation.interactions)}
    rows |= {"integrator": str(simulation.integrator), "threads": str(simulation.threads), **written}
    rows |= {"memory": memory(particles, reach + simulation.skin), "time": trial(simulation, steps)}
    notes = [f"warning: {warning}" for warning in warnings_of_motion(bound.values(), particles, simulation)]
    return "\n".join([table(rows), *interaction_lines(particles, bound), *([""] if notes else []), *notes])


def neighbour_rows(particles: Particles, reach: float) -> dict[str, str]:
    """How near they are to each other; InputError for two at the same position."""
    if not reach:
        return {"neighbours": "do not matter: there is no interaction of pairs"}
    dimensions = particles.box.dimensions
    expected = particles.density * sphere(reach, dimensions)
    expectation = f"{expected:.4g} by the density"
    if can_be_counted(len(particles), particles.box, reach):
        mean, found = mean_and_closest(particles, reach)
        measured = f"{mean:.4g} within {reach:g} on average, {expectation}"
    else:
        measured = f"too many within {reach:g} to be counted, {expectation}"
        reach = CLOSEST_KNOWN * particles.density ** (-1 / dimensions)
        _, found = mean_and_closest(particles, reach)
    return {"closest": closest(particles, reach, found), "neighbours": measured}


def closest(particles: Particles, reach: float, found: tuple[float, int, int] | None) -> str:
    """The smallest distance, in words, of what was found within reach."""
    if found is None:
        return f"no two particles are closer than {reach:.4g}"
    distance, first, second = found
    ids = sorted((int(particles.ids[first]), int(particles.ids[second])))
    if distance == 0:
        position = ", ".join(f"{x:.6g}" for x in particles.positions[first])
        raise InputError(f"particles {ids[0]} and {ids[1]} are at the same position, ({position}): move one")
    return f"{distance:.6g}, particles {ids[0]} and {ids[1]}"


def memory(particles: Particles, reach: float) -> str:
    """An estimate of the peak, in words, for lists of neighbours within reach."""
    per_particle = PARTICLE_BYTES + list_bytes(particles.density, reach, particles.box.dimensions)
    total = PROGRAM_BYTES + per_particle * len(particles)
    return f"about {size(total)}, of which {per_particle:.0f} bytes for each particle"


def list_bytes(density: float, reach: float, dimensions: int) -> float:
    """Bytes of the list for each particle: a cluster lists whoever is near any member, by 4 bytes each."""
    radius = 0.5 * (CLUSTER / density) ** (1 / dimensions)
    return 4 * 0.5 * density * sphere(reach + radius, dimensions) / CLUSTER


def timed(simulation: Simulation, steps: int) -> tuple[float, float]:
    """So many steps: how many a second, and how many seconds."""
    begun = time.perf_counter()
    simulation.run(steps, progress=show_nothing)
    spent = time.perf_counter() - begun
    return steps / spent, spent


def trial(simulation: Simulation, steps: int) -> str:
    """How long the run would take, in words, from a few steps in memory."""
    simulation.run(1, progress=show_nothing)  # compiles
    rate, spent = timed(simulation, TRIAL_STEPS)
    taken, twin = TRIAL_STEPS, simulation.copy() if spent < TRIAL_SECONDS else simulation
    with suppress(RunError):  # a run that ends soon has been tried for long enough
        while spent < TRIAL_SECONDS:
            taken *= 2
            rate, spent = timed(twin, taken)
    return f"about {duration(steps / rate)} for {count(steps, 'step')}, at {rate:.3g} a second"


def interaction_lines(particles: Particles, bound: Mapping[str, BoundInteraction]) -> Iterator[str]:
    """What happens at the cutoffs: a row for each interaction and each two types."""
    pairs = {name: pair for name, one in bound.items() for pair in energies_of_pairs([one])}
    if not pairs:
        return
    yield ""
    columns = ("types", "cutoff", "energy", "slope", "energy jump", "force jump")
    yield f"{'at the cutoff':<16}{columns[0]:<12}" + "".join(f"{column:>14}" for column in columns[1:])
    for name, pair in pairs.items():
        for first, second in itertools.combinations_with_replacement(range(len(particles.type_names)), 2):
            types = f"{particles.type_names[first]}-{particles.type_names[second]}"
            numbers = at_cutoff(pair, first, second, particles)
            yield f"{name:<16}{types:<12}" + "".join(f"{number:>14.6g}" for number in numbers)


def _column(particles: Particles, name: str) -> Floats:
    return particles.mass if name == MASS else particles.attributes[name]


def at_cutoff(
    pair: BoundPair, first: int, second: int, particles: Particles
) -> tuple[float, float, float, float, float]:
    """Cutoff, energy and slope of the bare function there, and what is left of them as jumps after the shift.

    first, second: codes of the two types; an attribute has its mean over the particles of each type.
    """
    formula = pair.pair
    ends = [
        {name: float(_column(particles, name)[particles.types == code].mean()) for name in formula.attributes}
        for code in (first, second)
    ]
    parameters = formula.parameters((first, second), (ends[0], ends[1]))
    cutoff = float(parameters["cutoff"])
    energy, slope = (float(found(formula, parameters, cutoff)) for found in (pair_energy, pair_slope))
    energy_jump = -energy if pair.shift is None else 0.0
    force_jump = slope if pair.shift != "force" else 0.0
    return cutoff, energy, slope, energy_jump, force_jump


def require_outputs(job: NewJob) -> None:
    """Raise an InputError for an output that cannot be written, as far as that can be told without touching it."""
    for _, observer in observers_of(job, None, overwrite=False):
        if isinstance(observer, Checkpoint):
            observer.check_place()  # those that are there are worth a warning
        elif isinstance(observer, Observer):
            with blame(job.path, f"[{type(observer).__name__.lower()}]"):
                observer.check()


def warnings(job: NewJob, simulation: Simulation) -> Iterator[str]:
    """One line for each thing that may go wrong."""
    yield from _existing(job)
    yield from _room(job)
    yield from warnings_of_motion(job.bound, job.particles, simulation)


def warnings_of_motion(
    bound: Collection[BoundInteraction], particles: Particles, simulation: Simulation
) -> Iterator[str]:
    """One line for each thing that may go wrong on the way of the particles."""
    yield from _long_moves(bound, simulation)
    for pair in energies_of_pairs(bound):
        yield from _gaps(pair, particles)


def _outputs(job: NewJob) -> dict[str, Any]:
    tables = {name: getattr(job.config, name) for name in ("thermo", "trajectory", "checkpoint", *RESULTS)}
    return {name: table for name, table in tables.items() if table is not None and table.path is not None}


def _existing(job: NewJob) -> Iterator[str]:
    for name, output in _outputs(job).items():
        path = Path(output.path).expanduser()
        if name == "checkpoint" and steps_in(path) and not output.overwrite:
            yield f"[{name}]: {path} has checkpoints: motes run will refuse to start without --overwrite"
        elif path.is_file() and not output.overwrite:
            yield f"[{name}]: {path} exists: motes run will keep it as {spare_name(path).name}"


def _room(job: NewJob) -> Iterator[str]:
    """Whether the disk has room for what will be written."""
    steps = job.config.run.steps
    columns = 3 + len(job.particles.attributes) + 3 * job.particles.box.dimensions
    for name, output in _outputs(job).items():
        if name in ("thermo", *RESULTS):
            continue
        pieces = output.keep + 1 if name == "checkpoint" else steps // output.every + 1
        each = COLUMN_BYTES * columns if name == "checkpoint" else FRAME_BYTES[output.precision]
        needed = pieces * len(job.particles) * each
        free = shutil.disk_usage(Path(output.path).absolute().parent).free
        if needed > free:
            yield f"[{name}]: {output.path} will take about {size(needed)}, and the disk has {size(free)} left"


def _long_moves(bound: Collection[BoundInteraction], simulation: Simulation) -> Iterator[str]:
    """How far the fastest particle moves in a step, now or at the temperature of the bath."""
    reach = max((one.reach for one in bound), default=0.0)
    if not (reach and simulation.integrator.has_velocities):
        return
    speed = float(np.sqrt((simulation.velocities**2).sum(axis=1).max()))
    lightest = float(simulation.mass.min())
    speed = max(speed, FASTEST * math.sqrt(largest(simulation.integrator.temperature, simulation.step) / lightest))
    move = speed * simulation.integrator.dt
    if move > LONG_MOVE * reach:
        yield (
            f"[integrator]: with dt = {simulation.integrator.dt:g} the fastest particles move by {move:.3g} in a step, "
            f"{move / reach:.0%} of the cutoff: they may come too close to each other; a smaller dt is safer"
        )


def _gaps(pair: BoundPair, particles: Particles) -> Iterator[str]:
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
