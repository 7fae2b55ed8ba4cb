"""What a simulation is asked for, looked at before anything is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from motes.core.box import Box, sphere
from motes.core.checks import number
from motes.core.errors import InputError
from motes.core.state import Floats
from motes.core.tuples import Topology
from motes.core.words import caution
from motes.engine.plan import Extremes
from motes.exact.quanta import FAINT
from motes.forces import LAWS, BoundInteraction, Interaction, Plan
from motes.forces.slots import MOST_PARTNERS
from motes.integrators import Integrator
from motes.particles.particles import Particles
from motes.simulation.noise_trail import ROWS, marked, noise_of

KINDS = ", ".join(f"motes.{kind.__name__}" for kind in LAWS)

SKIN = 0.28
"""The skin in cutoffs, unless it is given, for so many particles of a thread as MANY. Of fewer the forces are less
work, and new lists hardly are, so it is wider: by the cubic root of how many fewer, which is what comes out best for
the melt of the benchmarks, from 500 particles to 32,000 on one and two threads."""

MANY = 16_000

WIDEST = 1.7
"""Times SKIN."""

SKIN_ALONE = 0.14
"""The same where there is no inner list, so that all that lies in the skin is computed at every step."""

ASKED = 8
"""How many of the particles on which hardly any force acts are looked at closely. In a perfect lattice it is all of
them, whose forces cancel."""

NAMED = 3
"""How many of them a message names."""

PRICE = "README, The price of the same bits"
"""Where it says why."""

DRIFT = 0.01
"""Part of the kinetic energy that the centre of mass may have under a bath for the whole, where that stays its own."""

FIRST_MOVE = 0.1
"""A particle that forces move from rest by more of the cutoff in the first step overlaps with others."""


def check_types(integrator: object, interactions: object) -> None:
    """Raise an InputError if these are not an integrator and interactions, or do not go together."""
    if not isinstance(integrator, Integrator):
        raise InputError(
            f"the integrator is {type(integrator).__name__}; give for example motes.VelocityVerlet(dt=0.005)"
        )
    if isinstance(interactions, Interaction) or not isinstance(interactions, Sequence):
        raise InputError("interactions must be a list, for example [motes.Pair(...)]")
    for interaction in interactions:
        if not isinstance(interaction, Interaction):
            raise InputError(f"an interaction is {type(interaction).__name__}; it must be one of {KINDS}")
    _refuse_same_noise(interactions)
    if integrator.independent and interactions:
        raise InputError(
            f"{integrator!r} moves particles that never meet, so interactions would be without effect: leave them out, "
            "or take an integrator that follows forces"
        )
    for interaction in interactions:
        if interaction.needs_velocities and not integrator.has_velocities:
            raise InputError(
                f"{interaction!r} depends on velocities, which mean nothing under {integrator!r}: take an integrator "
                "that has them, or a force without v"
            )


def check_frozen(integrator: Integrator, frozen: int) -> None:
    """Raise an InputError where particles that are to stay where they are would be moved."""
    own = vars(type(integrator)).get("freezes", False)  # one who steps otherwise may not know of them
    if frozen and not own:
        raise InputError(
            f"{frozen} particles are frozen, and {integrator!r} moves all: thaw them, or take an integrator "
            "that follows forces"
        )


def check_crowd(box: Box, reach: float, count: int) -> None:
    """Raise an InputError where particles that fill a periodic box have far more neighbours than can be added."""
    near = count * sphere(reach, box.dimensions) / box.volume
    if box.periodic.all() and near > 4 * MOST_PARTNERS:  # a cluster lists half of them, and more beside it
        raise InputError(
            f"a particle would have about {near:.3g} others within cutoff and skin, {reach:g}, in a box of "
            f"{box.lengths.tolist()} with {count} particles, and {MOST_PARTNERS} is the most that can be added "
            "exactly: give a shorter cutoff; or are the box and the cutoff in different units?"
        )


def warn_of_bath(integrator: Integrator, together: float, kinetic: float, conserved: bool) -> None:
    """A line about what a bath that scales all velocities cannot warm, or takes for heat.

    Args:
        integrator: with such a bath.
        together: the kinetic energy of the centre of mass.
        kinetic: that of all particles.
        conserved: whether the total momentum is, so that the centre goes on as it does.
    """
    if integrator.has_bath and kinetic == 0.0:
        caution(
            f"all particles are at rest, and {integrator!r} only scales velocities: draw some, by "
            "particles.thermalize(temperature, seed), or by temperature and seed in [particles]"
        )
    elif conserved and together > DRIFT * kinetic:
        caution(
            f"the particles move together, with {together / kinetic:.0%} of the kinetic energy, and {integrator!r} "
            "takes that for heat, so they are colder than it says: take it off, simulation.zero_momentum(), or draw "
            "velocities anew, by temperature and seed in [particles]"
        )


def warn_of_twins(given: Sequence[Interaction], bound: Sequence[BoundInteraction]) -> None:
    """A line about an interaction that is there twice, as when a cell of a notebook that adds it has run again."""
    seen: list[str] = []
    for one, what in zip(given, bound, strict=True):
        record = repr(what.record())
        if record in seen:
            caution(f"{one!r} is there more than once, and counts as often; if that is not meant, give it once")
            return
        seen.append(record)


def check_special(box: Box, cutoff: float) -> None:
    """Raise an InputError where two images of a bonded pair could both be within the cutoff."""
    edges = box.lengths[box.periodic]
    if (edges < 2 * cutoff).any():
        raise InputError(
            f"special_bonds need a box whose periodic edges are at least twice the cutoff, {2 * cutoff:g}, and one is "
            f"{edges.min():g}: of a bonded pair two images could be within the cutoff"
        )


def warn_of_unused_topology(
    topology: Topology, interactions: Sequence[Interaction], integrator: Integrator
) -> None:  # fmt: skip
    """A line about bonds and angles that no interaction is about, unless there can be none."""
    used = {kind for one in interactions for kind in one.topology}
    kinds = [f"{len(tuples)} {kind}" for kind, tuples in topology.items() if len(tuples) and kind not in used]
    if kinds and not integrator.independent:
        caution(f"the particles have {' and '.join(kinds)}, and no interaction is about them")


def check_plans(plans: Sequence[Plan], velocities: bool) -> None:
    """Raise an InputError for a law of the user's own that does not say what an engine must know."""
    for plan in plans:
        for name in ("cutoff", "special"):
            if not hasattr(plan, name):
                raise InputError(f"{type(plan).__name__}, the plan of a law, has no {name} (docs/laws.md)")
    if any(getattr(plan, "needs_velocities", False) for plan in plans) and not velocities:
        raise InputError("a plan says needs_velocities, which the interaction must say, and none does (docs/laws.md)")


def _refuse_same_noise(interactions: Sequence[Interaction]) -> None:
    """Raise an InputError for two that would draw the same numbers for the same pairs."""
    drawing: dict[int, Interaction] = {}
    for interaction in interactions:
        if interaction.seed is None:
            continue
        if interaction.seed in drawing:
            both = f"{drawing[interaction.seed]!r} and {interaction!r}"
            raise InputError(f"{both} would draw the same noise: give one of them another seed")
        drawing[interaction.seed] = interaction


def warn_of_jumps(bound: Sequence[BoundInteraction], box: Box, attributes: Mapping[str, Floats]) -> None:
    """A line for each field that does not go on where particles go around the box."""
    for one in bound:
        energies, forces = one.jumps(box, attributes)
        for axis in energies:
            caution(
                f"in the field {one.name} a particle has another energy at one side of the periodic {axis} axis than "
                "at the other: each that goes around gains or loses that, and the total energy is not conserved"
            )
        for axis in forces:
            caution(
                f"the field {one.name} pulls otherwise at one side of the periodic {axis} axis than at the other: give "
                "it the period of the box, or the axis another boundary"
            )


def warn_of_slow(extremes: Extremes, quantum: float) -> None:
    """A line about velocities that are lost beside the largest one."""
    if extremes.slow:
        who = f"{extremes.slow} particles move" if extremes.slow > 1 else "1 particle moves"
        caution(
            f"{who} so slowly that much of that is lost: velocities are multiples of {quantum:.3g}, since the largest "
            f"component is {extremes.speed:.3g} ({PRICE})",
        )
    if extremes.stuck:
        who = f"{extremes.stuck} particles are" if extremes.stuck > 1 else "1 particle is"
        caution(
            f"{who} so heavy, or pushed so weakly, that much of what forces do in a step is lost: velocities are "
            f"multiples of {quantum:.3g}, since the largest component is {extremes.speed:.3g} ({PRICE})",
        )


def warn_of_faint(strongest: Mapping[int, float], extremes: Extremes, quantum: float) -> None:
    """A line about forces that are lost beside the largest one; strongest: by id, that on each of some
    particles."""
    weak = {number: force for number, force in strongest.items() if 0.0 < force < FAINT * quantum}
    if weak:
        some = ", ".join(map(str, sorted(weak)[:NAMED]))
        others = ", and others," if len(weak) > NAMED else ""
        who = f"particle {some} feels" if len(weak) == 1 else f"particles {some}{others} feel"
        caution(
            f"{who} no force above {max(weak.values()):.3g}, of which much or all is lost: forces are multiples of "
            f"{quantum:.3g}, since the largest is {max(extremes.inside, extremes.outside):.3g} ({PRICE})",
        )


def first_moment(
    particles: Particles, integrator: Integrator, interactions: Sequence[Interaction]
) -> tuple[int, float]:
    """The step and the time at which a simulation of these particles begins, if that is not said.

    It warns of particles to which the same noise has led before, and goes on from there.
    """
    noises = noise_of(integrator, *interactions)
    if particles.step or not noises or particles.recipe is not None:
        return particles.step, particles.time
    first = np.argsort(particles.ids)[:ROWS]
    moment = marked(noises, particles.positions[first])
    if moment is None:
        return 0, 0.0
    caution(
        f"another simulation with seed={min(seed for _, seed in noises)} has led to these positions, and the same "
        "noise would come again, so this one goes on from the step of the other; give first_step=, or another seed",
    )
    return moment


def check_speed(speed: float, integrator: Integrator, stride: float) -> None:
    """Raise an InputError if this component of a velocity takes a particle farther in a step than makes sense."""
    if integrator.has_velocities and not speed * integrator.dt <= stride:
        raise InputError(
            f"a velocity has a component of {speed:.3g}, which moves its particle by {speed * integrator.dt:.3g} in "
            f"one step, where {stride:.3g} is the most that makes sense: use a smaller dt"
        )


def overlap(extremes: Extremes, dt: float, cutoff: float, length: float, downhill: bool) -> str | None:
    """Why no run can follow the forces between these particles, if that is so; downhill: whether forces have an energy,
    so that there is a way to part the particles; length: the cutoff, or without one the mean distance of particles."""
    if not extremes.overlapping(dt, FIRST_MOVE * length):
        return None
    move = extremes.first_move(dt)
    part = f"{move / length:.3g} {'cutoffs' if cutoff else 'of their mean distances'}"
    far = f"the forces at the start would move a particle by {move:.3g} in the first step, {part}"
    if not downhill:
        return f"{far}: use a smaller dt, or weaker forces"
    if not cutoff:
        return (
            f"{far}: bonds or angles are far from their rest; call simulation.minimize(force_tolerance) first "
            "([minimize] in a TOML file), or use a smaller dt"
        )
    return (
        f"{far}: particles overlap; call simulation.minimize(force_tolerance) first ([minimize] in a TOML file), or "
        "give them more room, for example motes.random(..., minimum_distance=...), or use a smaller dt"
    )


def chosen_skin(skin: float | None, cutoff: float, box: Box, count: float, may_prune: bool) -> float:
    """The skin that was given, or one that suits the cutoff and so many particles of a thread."""
    if skin is None:
        if not cutoff:
            return float(box.lengths.min()) / 2
        wider = min(max((MANY / count) ** (1 / 3), 1.0), WIDEST)
        return (wider * SKIN if may_prune else SKIN_ALONE) * cutoff
    return number("skin", skin, minimum=0.0)
