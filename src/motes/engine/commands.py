"""What rank 0 may have the engines do between two steps: begin, go on by another integrator, with others or with what
is assigned, know what follows the steps, say whose the energies are, and come back to where a run went wrong.

All engines are asked at the same time, and what they compute is the same on any number of ranks and threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from motes.core.state import FINEST, FROZEN, Array, Floats, Integers, Quanta, Timeline
from motes.engine.ahead import Ahead
from motes.engine.clock import Clock
from motes.engine.failing import StoppedError
from motes.engine.plan import Extremes, Needs
from motes.engine.step import Engine, in_order
from motes.exact.quanta import FAINT, SLOWLY, STUCK, energy_quantum, followed
from motes.exact.sums import LIMB, total_of
from motes.forces import law
from motes.forces.law import NOT_ASKED, Stage, Sums
from motes.forces.portions import PORTIONS, row_count
from motes.integrators.motion import Integrator
from motes.neighbors.tuples import TupleSearch


def begin(engine: Engine, anew: bool, longest: float) -> Extremes:
    """Lay the particles out, and compute the first forces, with quanta that fit: chosen anew, or as they are if
    they still do.

    Where forces would move a particle farther than longest in a step, none is taken before the particles have been
    parted: the speeds that those forces would bring are none of this run, and must not coarsen velocities.
    """
    state = engine.state
    farthest = engine.link.maximum(np.abs(state.positions[:, : state.owned]).max(axis=1, initial=0.0))
    position = tuple(np.maximum(state.box.spacing_for(farthest), 0.0 if anew else state.spacing).tolist())
    sums = (FINEST,) * len(engine.largest_sums)
    if not anew and len(state.quanta.sums) == len(sums):
        sums = state.quanta.sums
    engine.take(Quanta(position, FINEST, FINEST, sums) if anew else replace(state.quanta, position=position, sums=sums))
    _lay_out(engine, anew=True)
    owned = state.owned
    inside, outside, energy = measure_forces(engine)
    speeds = np.abs(state.velocities[:, :owned]).max(axis=0)
    speed = float(engine.link.maximum(np.array([speeds.max(initial=0.0)]))[0])
    engine.energy_quantum = energy_quantum(energy)
    _follow_at_rest(engine, force=max(inside, outside))
    engine.attempts.run(engine.integrator.start, state, engine.team)
    engine.compute_forces(energy=False)
    engine.attempts.agree()
    pushes = np.abs(state.forces[:, :owned]).max(axis=0) / state.inertia[:owned] * state.quanta.force
    temperature = engine.integrator.number(state, "temperature")
    thermal = np.sqrt(temperature / state.inertia[:owned]).max(initial=0.0)
    push, thermal = engine.link.maximum(np.array([pushes.max(initial=0.0), thermal])).tolist()
    extremes, dt = Extremes(inside, outside, speed, push), engine.integrator.dt
    pushed = 0.0 if extremes.overlapping(dt, longest) else push * dt
    _follow_at_rest(engine, speed=max(speed, pushed, thermal))
    engine.round_velocities()
    if anew:
        _restart_clock(engine)
    slow, stuck = _count_faint(engine, speeds, pushes)
    return replace(extremes, slow=slow, stuck=stuck)


def _count_faint(engine: Engine, speeds: Floats, pushes: Floats) -> tuple[int, int]:
    """How many move so slowly, and how many are pushed so little, that the grids hardly tell; of their own speeds and
    forces over mass, (N,)."""
    state, mass = engine.state, engine.state.mass[: engine.state.owned]
    slow = (speeds > 0.0) & (speeds < FAINT * state.quanta.velocity)
    pushed = pushes * mass >= FAINT * state.quanta.force  # where forces cancel, it is no wonder
    kicks = 0.5 * pushes * engine.integrator.dt
    stuck = pushed & (kicks < STUCK * state.quanta.velocity) & (speeds < kicks * SLOWLY)
    stuck &= engine.integrator.has_velocities
    counts = engine.link.sum(np.array([np.count_nonzero(slow), np.count_nonzero(stuck)]))
    return int(counts[0]), int(counts[1])


def measure_forces(engine: Engine) -> tuple[float, float, float]:
    """The largest force between particles and that from outside, and the largest energy, of all ranks; whatever
    the quantum of force is, so the forces themselves may be out of range."""
    inside = outside = energy = 0.0
    engine.slots.begin()
    for stage in engine.stages:
        engine.sums = Sums.none(energy=True)
        if stage.sum is not None:
            _fit_sum(engine, stage, stage.sum)
        engine.attempts.run(engine.compute, stage, engine.energy_quantum)
        engine.exchange(stage)
        force = engine.sums.most_force
        inside, outside = (inside, max(outside, force)) if stage.outside else (max(inside, force), outside)
        energy = max(energy, engine.sums.largest_energy)
    engine.sums = NOT_ASKED
    engine.attempts.agree_at_rest()
    found = engine.link.maximum(np.array([inside, outside, energy])).tolist()
    return found[0], found[1], found[2]


def _fit_sum(engine: Engine, stage: Stage, number: int) -> None:
    """A quantum for what a stage adds up, whatever it was."""
    largest = [0.0]
    engine.attempts.run(lambda: largest.append(stage.compute(engine.state, engine.neighbors.pairs, None).largest_sum))
    sums = [0.0] * len(engine.largest_sums)
    sums[number] = float(engine.link.maximum(np.array([largest[-1]]))[0])
    if np.isfinite(sums[number]):
        engine.take(followed(engine.state.quanta, 0.0, 0.0, sums, look=True))


def _follow_at_rest(engine: Engine, force: float = 0.0, speed: float = 0.0) -> None:
    """The quanta for what is largest at a start; 0 for what was not asked for."""
    sums = (0.0,) * len(engine.largest_sums)
    engine.take(followed(engine.state.quanta, force, speed, sums, look=True))


def go_on(engine: Engine) -> None:
    """From a checkpoint."""
    _lay_out(engine)
    engine.compute_forces(energy=False)
    engine.attempts.agree()
    _restart_clock(engine)


def _lay_out(engine: Engine, anew: bool = False) -> None:
    if engine.start is not None:
        engine.start.draw_velocities(engine.state, engine.link)
        engine.start = None  # not again, when particles are laid out once more
    if anew:
        engine.note_velocities()
    engine.rebuild()


def _restart_clock(engine: Engine) -> None:
    engine.clock = Clock(engine.link)
    engine.balancer.restart(engine.work)


def look_ahead(engine: Engine, first: int, values: Floats) -> None:
    """Know what numbers follow the steps from this one on, (steps, n); others are forgotten."""
    engine.ahead.know(first, values)
    if engine.ahead.knows(engine.state.step):
        engine.ahead.take(engine.state)


def change_integrator(
    engine: Engine, integrator: Integrator, freedom: int, memory: Mapping[str, float], timeline: Timeline,
    numbers: Floats,
) -> None:  # fmt: skip
    """Go on with another integrator from this step, and these numbers that follow the steps."""
    state = engine.state
    engine.attempts.step = state.step
    state.numbers = numbers.copy()
    engine.attempts.run(integrator.start, state, engine.team)
    engine.attempts.agree_at_rest()
    engine.ahead = Ahead(len(numbers), engine.team)
    engine.ahead.know(state.step, numbers[None])
    if engine.integrator.independent:  # it carried particles away from their owners and neighbours
        engine.rebuild()
        engine.compute_forces(energy=False)
    if timeline != state.timeline:  # forces that depend on the time step are computed anew, as after a resume
        state.timeline = timeline
        engine.compute_forces(energy=False)
        engine.attempts.agree_at_rest()
    state.remember(memory)
    engine.world.freedom = freedom
    state.fastest = 0.0  # it may be one that has no velocities
    engine.integrator = integrator


def remove(engine: Engine, ids: Integers, freedom: int) -> None:
    """Go on without these particles, of which there is nothing but themselves to forget."""
    state = engine.state
    state.keep(np.flatnonzero(~np.isin(state.ids[: state.owned], ids)))
    _settle(engine, freedom)
    engine.rebuild()
    engine.compute_forces(energy=False)
    engine.attempts.agree_at_rest()


def add(engine: Engine, rows: Integers, freedom: int) -> None:
    """Have new particles (columns, n), on the rank that is told first; begin comes next, and takes them home."""
    state = engine.state
    if engine.link.rank == 0:
        before = state.owned
        state.add(rows)
        new, spacing = state.positions[:, before : state.owned], state.spacing[:, None]
        new[:] = np.rint(new / spacing) * spacing + 0.0
    _settle(engine, freedom)


def _settle(engine: Engine, freedom: int) -> None:
    """Others are here than before."""
    engine.domain.recount()
    engine.world.freedom = freedom
    engine.needs = Needs()
    engine.sums = NOT_ASKED


def assign(engine: Engine, ids: Integers, columns: Mapping[str, Array]) -> None:
    """Take over columns (..., N) of the particles with these rising ids; begin comes next."""
    state = engine.state
    indices = np.searchsorted(ids, state.ids[: state.owned])
    for name, values in columns.items():
        state.column(name)[..., : state.owned] = values[..., indices]


def freeze(engine: Engine, ids: Integers, frozen: Floats, freedom: int) -> None:
    """Hold those still for which this is 1, (N,) by these rising ids; begin comes next."""
    state = engine.state
    if FROZEN not in state.attributes:
        state.attributes[FROZEN] = np.zeros(state.capacity)
    assign(engine, ids, {FROZEN: frozen})
    state.velocities[:, : state.owned][:, state.attributes[FROZEN][: state.owned] == 1.0] = 0.0
    engine.world.freedom = freedom


def energies(engine: Engine) -> tuple[float, float]:
    """Energy and virial of this moment, computed now if no one asked for them before.

    Their quantum depends on the largest energy of this moment alone, so it does not matter who asked for what.
    """
    quantum = 0.0
    while quantum != engine.energy_quantum:
        quantum = engine.energy_quantum
        if engine.sums.energy is None:
            _compute_energies(engine)
        engine.energy_quantum = energy_quantum(float(engine.link.maximum(np.array([engine.sums.largest_energy]))[0]))
        if quantum != engine.energy_quantum:
            engine.sums = engine.sums._replace(energy=None, virial=None)
    energy, virial = (total_of(number or 0, engine.link.sum) for number in (engine.sums.energy, engine.sums.virial))
    return energy * (quantum * LIMB), virial * (quantum * LIMB)


def portions(engine: Engine, plans: Sequence[law.Plan]) -> tuple[Integers, float]:
    """What each particle has of energies and virials, for rank 0: rows (k, N) of whole numbers (forces/portions.py), in
    the order of `queries.gather`, and their unit, half a quantum; NaN if one is not finite."""
    rows, unit = _own_portions(engine, plans)
    parts = engine.link.gather(rows)
    return np.concatenate(parts, axis=-1) if parts else rows, unit


def whole_portions(engine: Engine, plans: Sequence[law.Plan]) -> Floats:
    """Energy and components of the virial of all particles together, (k,)."""
    rows, unit = _own_portions(engine, plans)
    high, low = (rows >> 32).sum(axis=1), (rows & 0xFFFFFFFF).sum(axis=1)  # the sum itself may be beyond int64
    totals = [total_of((int(one) << 32) + int(other), engine.link.sum) for one, other in zip(high, low, strict=True)]
    wholes = [(whole << 32) + rest for whole, rest in zip(totals[0::2], totals[1::2], strict=True)]
    return np.array([whole * (unit * LIMB) for whole in wholes])


def _own_portions(engine: Engine, plans: Sequence[law.Plan]) -> tuple[Integers, float]:
    """Those of this rank, and their unit: by the quantum of the energies, unless a component of a virial, or what
    cancels in the sum over laws, needs a coarser one."""
    energies(engine)
    state, quantum, fitting = engine.state, 0.0, engine.energy_quantum
    stages = [stage for stage in in_order(plans, engine.slots, engine.team) if stage is not engine.slots]
    for stage in stages:
        if stage.members is not None:
            stage.tuples = TupleSearch(stage.members, state.box).find(state)
        stage.follow(state, engine.neighbors.pairs)
    while quantum < fitting:
        quantum, largest = fitting, 0.0
        state.declare(PORTIONS, np.zeros((row_count(state.dimensions), 0), np.int64))
        for stage in stages:
            largest = max(largest, stage.compute(state, engine.neighbors.pairs, quantum).largest_energy)
        largest = float(engine.link.maximum(np.array([largest]))[0])
        fitting = energy_quantum(largest) if np.isfinite(largest) else np.inf
        if fitting == np.inf:
            break
    engine.domain.fold(state, PORTIONS)
    return state.scratch.pop(PORTIONS)[:, : state.owned].copy(), 0.5 * quantum if fitting < np.inf else np.nan


def _compute_energies(engine: Engine) -> None:
    engine.attempts.step = engine.state.step
    try:
        engine.compute_forces(energy=True)
        engine.attempts.agree()
    except StoppedError:
        engine.attempts.forget()
        engine.compute_forces(energy=False)  # which may be fine, and a run needs no more
        raise


# When something has gone wrong


def widen(engine: Engine, kind: str, size: float) -> None:
    """Take a coarser quantum, for a force, speed or position which the next step needs."""
    state = engine.state
    if kind == "position":
        engine.take(replace(state.quanta, position=tuple(state.box.far_spacing.tolist())))
        engine.rebuild()
    else:
        nothing = Needs(state.step, sums=(0.0,) * len(state.quanta.sums))
        engine.needs = (engine.needs if engine.needs.step == state.step else nothing).plus(kind, size)
        needs = engine.needs
        engine.take(followed(state.quanta, needs.force, needs.speed, needs.sums, look=False))
    engine.compute_forces(energy=False)
    engine.attempts.agree()


def keep(engine: Engine) -> None:
    """Keep a copy of this moment in memory, to come back to."""
    engine.kept = None  # so that there are never two
    columns = engine.state.copies()
    engine.kept = engine.state.step, engine.state.quanta, engine.state.remembered, engine.needs, columns


def give_up(engine: Engine) -> None:
    """To the moment that was kept, to stay there.

    What the failed step needed is forgotten: what comes next depends on nothing that a checkpoint does not have.
    """
    go_back(engine)
    engine.needs = Needs()
    keep(engine)


def go_back(engine: Engine) -> int:
    """To the moment that was kept; return its step."""
    assert engine.kept is not None  # rank 0 had it kept before the first step  # noqa: S101
    engine.attempts.forget()
    engine.state.meeting = None
    step, engine.state.quanta, memory, engine.needs, columns = engine.kept
    engine.state.remember(memory)
    engine.state.restore(columns)
    engine.state.step = step
    engine.ahead.take(engine.state)
    engine.rebuild()
    engine.compute_forces(energy=False)
    return step


def step_carefully(engine: Engine, energy: bool) -> None:
    """One step, in which all ranks stop at the very stage that fails."""
    engine.state.meeting = engine.attempts.meet
    engine.run(1, energy)
    engine.state.meeting = None
