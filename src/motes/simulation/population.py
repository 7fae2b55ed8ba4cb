"""Particles that come and go between two steps: who they are, and what is then known of all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from motes.core.checks import numbers
from motes.core.errors import InputError
from motes.core.state import FROZEN, Integers, State
from motes.core.tuples import Topology, Tuples
from motes.core.words import did_you_mean
from motes.engine.starts import Summary, state_of
from motes.particles.particles import Particles

LAST_ID = 2**62
"""Ids are numbered on from the largest; beyond this one there would soon be none."""


def checked_ids(name: str, ids: Any, known: Integers) -> Integers:
    """Ids of particles that there are, each once, rising."""
    if np.size(ids) and np.asarray(ids).dtype == bool:
        raise InputError(f"{name}: expected ids, got True and False: ids of some are simulation.ids[those]")
    given = numbers(f"{name}: ids", ids).ravel() if np.size(ids) else np.zeros(0)
    beyond = ~(np.abs(given) < 2.0**63)
    if beyond.any():
        raise InputError(f"{name}: no particle has the id {given[beyond][0]:g}; ids are those of simulation.ids")
    found = given.astype(np.int64)
    if (found != given).any():
        raise InputError(f"{name}: ids: expected whole numbers, got {given[found != given][0]:g}")
    exact = np.asarray(ids).ravel()
    found = exact.astype(np.int64) if exact.dtype.kind in "iu" else found  # beyond 2**53 float64 has not all of them
    found, counts = np.unique(found, return_counts=True)
    if (counts > 1).any():
        raise InputError(f"{name}: the id {found[counts > 1][0]} is given twice")
    if not (there := np.isin(found, known)).all():
        raise InputError(f"{name}: no particle has the id {found[~there][0]}; ids are those of simulation.ids")
    return found


def without(topology: Topology, ids: Integers) -> Topology:
    """What is left of bonds and angles when these particles are gone."""
    return {kind: _those(tuples, ~np.isin(tuples.members, ids).any(axis=1)) for kind, tuples in topology.items()}


def _those(tuples: Tuples, kept: Any) -> Tuples:
    return replace(tuples, members=tuples.members[kept], types=tuples.types[kept])


def added(particles: Particles, summary: Summary, last: int) -> tuple[State, Summary]:
    """New particles as a state, with ids from last + 1 on, types and attributes as all others have them; and what is
    then known of all."""
    if not isinstance(particles, Particles):
        raise InputError(f"add: expected motes.Particles, got {type(particles).__name__}")
    if particles.box != summary.box:
        raise InputError(f"add: the particles are in another box, {particles.box!r}, than those here, {summary.box!r}")
    if last + len(particles) > LAST_ID:
        raise InputError(f"add: {len(particles)} ids after {last} would be beyond {LAST_ID}")
    given = dict(particles.attributes)
    if FROZEN in summary.attributes:
        given.setdefault(FROZEN, np.zeros(len(particles)))
    for name in summary.attributes:
        if name not in given:
            raise InputError(f"add: the particles need an attribute {name!r}, as those here have it")
    for name in given:
        if name not in summary.attributes:
            hint = did_you_mean(name, summary.attributes)
            raise InputError(f"add: the particles here have no attribute {name!r}; {hint}")
    ids = last + 1 + np.arange(len(particles))
    order = np.argsort(particles.ids)
    new = Particles(
        particles.positions[order], particles.box, particles.velocities[order], particles.mass[order],
        None, ids, particles.images[order], **{name: given[name][order] for name in summary.attributes},
    )  # fmt: skip
    state = state_of(new)
    labels = (*summary.type_names, *(one for one in particles.type_names if one not in summary.type_names))
    if len({isinstance(one, str) for one in labels}) > 1:
        raise InputError(f"add: types are {particles.type_names!r}, and those here are {summary.type_names!r}")
    state.types[:] = np.array([labels.index(one) for one in particles.type_names])[particles.types[order]]
    topology = {
        kind: _together(summary.topology[kind], tuples, ids[np.searchsorted(particles.ids[order], tuples.members)])
        for kind, tuples in particles.topology.items()
    }
    attributes = {name: np.concatenate([values, given[name]]) for name, values in summary.attributes.items()}
    frozen = summary.frozen + len(new) - int(np.count_nonzero(new.mobile))
    known = Summary(summary.box, labels, attributes, summary.count + len(ids), topology, frozen)
    return state, known.brief()


def _together(tuples: Tuples, more: Tuples, members: Integers) -> Tuples:
    """Of both, with the members of the second as they are numbered here."""
    labels = (*tuples.names, *(one for one in more.names if one not in tuples.names))
    types = np.array([labels.index(one) for one in more.names], np.int64)[more.types]
    return Tuples(np.concatenate([tuples.members, members]), np.concatenate([tuples.types, types]), labels)
