"""The first forces of particles that someone has laid out, and what may keep a run from following them."""

from __future__ import annotations

from motes.core.errors import InputError
from motes.engine import commands, queries
from motes.engine.failing import Failure, StoppedError
from motes.engine.plan import Extremes
from motes.forces.clusters import NOT_FINITE
from motes.simulation.admission import (
    ASKED,
    FIRST_MOVE,
    check_speed,
    overlap,
    warn_of_bath,
    warn_of_faint,
    warn_of_slow,
)
from motes.simulation.forensics import Reporter
from motes.simulation.parts import Parts


def begin(parts: Parts, anew: bool = True) -> str | None:
    """The first forces, with quanta chosen anew, or as they are if they still fit; return why no run can follow them,
    if that is so: particles overlap, which matters only when someone needs the forces.

    Raises:
        InputError: for particles that no forces are known of.
    """
    try:
        extremes = parts.engine.call(commands.begin, anew, FIRST_MOVE * parts.length)
    except StoppedError as stopped:
        raise InputError(_unfit(parts.reporter, stopped.failure)) from None
    check_speed(extremes.speed, parts.integrator, parts.plan.stride)
    downhill = all(one.has_energy for one in parts.interactions)
    refusal = overlap(extremes, parts.integrator.dt, parts.plan.cutoff, parts.length, downhill)
    if refusal is None:  # else forces are far larger than those of a run
        _warn_of_lost(parts, extremes)
        look_at_bath(parts)
    return refusal


def look_at_bath(parts: Parts) -> None:
    """Warn of what a bath cannot warm, or takes for heat."""
    if parts.integrator.coupled:
        mobile = parts.summary.count - parts.summary.frozen
        conserved = parts.plan.freedom < parts.summary.box.dimensions * mobile
        warn_of_bath(parts.integrator, *parts.engine.ask(queries.drift), conserved)


def _warn_of_lost(parts: Parts, extremes: Extremes) -> None:
    """Say what the grids cannot tell beside what is far larger."""
    quanta = parts.engine.here.state.quanta
    warn_of_slow(extremes, quanta.velocity)
    if parts.interactions:
        ids = parts.engine.ask(queries.faint, ASKED).tolist()
        warn_of_faint(parts.reporter.strongest_on(ids), extremes, quanta.force)


def _unfit(reporter: Reporter, failure: Failure) -> str:
    """What to say of particles that cannot begin."""
    if failure.cause != NOT_FINITE:
        return reporter.complaint(failure)
    return (
        f"a force or an energy at the start is not finite{reporter.blamed(failure)}; "
        "particles need positions of their own, and the function must be finite at that distance"
    )
