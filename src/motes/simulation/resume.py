"""From a checkpoint back to a simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from motes.core.checks import file_path
from motes.core.errors import InputError
from motes.core.schedules import Followers
from motes.core.tuples import WIDTHS, Tuples
from motes.core.words import known_keywords
from motes.engine.starts import Saved, Summary
from motes.forces import Interaction
from motes.integrators import Integrator
from motes.observers import restore
from motes.simulation.admission import check_types
from motes.simulation.parts import BoundLaws, Settings
from motes.simulation.records import (
    check_followers,
    check_integrator,
    check_interactions,
    integrator_from,
    record_of_integrator,
    records_of,
)
from motes.simulation.simulation import Simulation
from motes.storage.columns import read_tuples
from motes.storage.folder import open_checkpoint
from motes.storage.manifest import Manifest


@known_keywords
def resume(
    path: str | Path,
    interactions: Sequence[Interaction] = (),
    integrator: Integrator | None = None,
    threads: int | None = None,
    skin: float | None = None,
    communicator: Any = None,
) -> Simulation:
    """Go on with a run that was stopped, from its last checkpoint, to the same bits.

    The number of ranks and threads and the skin may be others than before. Thermo tables, trajectories and checkpoints
    go on as they were: what they wrote after the checkpoint is taken back, so that every row and frame is there once.
    Observers that are functions, or hold one, must be added again; they then come after the others, so one that changes
    the simulation is best added last, also at first. Results of observers are in `simulation.observers`, as
    `simulation.observers[0].observers[0]`. `simulation.steps_left` says how many steps are still to be done.

    Args:
        path: the folder of the checkpoints, of which the last is taken, or one of them, as run.ckpt/step-1000.
        interactions: the same as before, in the same order; functions are code, so no checkpoint has them.
        integrator: only if it is a Flow, which has a function as well, or of a class of your own.
        threads: as for Simulation.
        skin: as for Simulation.
        communicator: as for Simulation.

    Raises:
        InputError: if the checkpoint is damaged (naming the file, and the one before it that is good) or of another
            version, or if interactions or integrator are not those of the checkpoint.
    """
    checkpoint, manifest = open_checkpoint(file_path("path", path).absolute())
    simulation = from_manifest(checkpoint, manifest, interactions, integrator, threads, skin, communicator)
    for memory in manifest.observers:
        if memory["kind"] != "function":
            simulation.bring_back(memory, restore(memory, checkpoint.parent))
    return simulation


def summary_of(checkpoint: Path, manifest: Manifest) -> Summary:
    """What is known of the particles of a checkpoint that has been verified."""
    topology = {kind: Tuples.none(kind) for kind in WIDTHS}
    for kind, record in manifest.topology.items():
        topology[kind] = read_tuples(checkpoint, record.file, record.names)
    attributes = {name: np.array(ends) for name, ends in manifest.attributes.items()}
    box, names = manifest.box.box(), manifest.type_names
    return Summary(box, names, attributes, manifest.particles, topology, manifest.frozen)


def from_manifest(
    checkpoint: Path,
    manifest: Manifest,
    interactions: Sequence[Interaction],
    integrator: Integrator | None,
    threads: int | None,
    skin: float | None,
    communicator: Any = None,
) -> Simulation:
    """The simulation at the moment of the checkpoint, without its observers."""
    summary = summary_of(checkpoint, manifest)
    integrator = integrator or integrator_from(manifest.integrator)
    check_types(integrator, interactions)
    check_integrator(manifest.integrator, record_of_integrator(integrator, summary))
    begins = [one.begin for one in manifest.followers]
    names = replace(summary.names, followers=Followers(manifest.step, begins))
    check_interactions(manifest.interactions, records_of(interactions, [one.bind(names) for one in interactions]))
    integrator.bind(names)
    check_followers(manifest.followers, names.followers.found, manifest.step)
    box = summary.box
    if manifest.quanta.position not in ((box.spacing,) * box.dimensions, tuple(box.far_spacing.tolist())):
        raise InputError(
            f"{checkpoint}: its box has another grid than this Motes gives it: use the version that wrote it"
        )
    saved = Saved(box, manifest.model_copy(update={"observers": []}), checkpoint)
    settings = Settings(threads, manifest.skin if skin is None else skin, communicator)
    laws = BoundLaws.of(interactions, replace(summary.names, followers=Followers(manifest.step, begins)))
    simulation = Simulation.going_on(saved, summary, integrator, laws, settings, manifest.end, manifest.shown)
    if manifest.input is not None:
        simulation.made_from(checkpoint.parent / manifest.input.path, manifest.input.tables)
    return simulation
