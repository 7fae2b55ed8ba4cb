"""What a simulation is made of, and how that is made: names resolved, what is asked for looked at, laws compiled, and
the particles handed to their owners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from motes.core.box import AXES
from motes.core.cores import warn_of_more
from motes.core.errors import InputError
from motes.core.progress import compiling
from motes.core.schedules import Follower, Followers
from motes.core.threads import Team
from motes.core.tuples import special_pairs
from motes.decomposition.grid import check_images
from motes.engine.plan import Plan
from motes.engine.starts import Start, Summary
from motes.forces import BoundInteraction, Interaction, law, plans_of, portions_of
from motes.formulas.bind import Names
from motes.integrators import Integrator
from motes.neighbors.inner import MOST_PRUNED
from motes.ranks.conductor import EngineOfAll, ranks_of
from motes.simulation.admission import check_crowd, check_frozen, check_plans, check_special, chosen_skin
from motes.simulation.forensics import Reporter
from motes.simulation.look_ahead import values_at
from motes.simulation.records import record_of_integrator, records_of
from motes.storage.manifest import InteractionRecord


@dataclass(frozen=True)
class Settings:
    """How a simulation is computed, as the user wishes: it changes the speed, never a result. See Simulation."""

    threads: int | None = None
    skin: float | None = None
    communicator: Any = None


@dataclass(frozen=True)
class BoundLaws:
    """The interactions of a run with all names resolved, and which of their numbers follow the steps.

    Attributes:
        given: as the user gave them.
        interactions: the same, with all names resolved.
        followers: of all of them, one after the other.
        ends: how many followers there are up to the end of each.
    """

    given: tuple[Interaction, ...]
    interactions: Sequence[BoundInteraction]
    followers: Sequence[Follower]
    ends: Sequence[int]

    @classmethod
    def of(cls, interactions: Sequence[Interaction], names: Names, before: BoundLaws | None = None) -> BoundLaws:
        """Those of particles with these names; ramps of an interaction that was there before go on."""
        followers, bound, ends = names.followers, [], []
        for one in interactions:
            if before is not None:
                followers.begins = [*[None] * len(followers.found), *before.begins_of(one)]
            bound.append(_bound_to(one, names))
            ends.append(len(followers.found))
        return cls(tuple(interactions), bound, tuple(followers.found), ends)

    def begins_of(self, interaction: Interaction) -> list[int | None]:
        """At which steps the schedules of this very interaction began; nothing if it is not here."""
        for index, one in enumerate(self.given):
            if one is interaction:
                begin = self.ends[index - 1] if index else 0
                return [follower.schedule.begin for follower in self.followers[begin : self.ends[index]]]
        return []

    def names(self, summary: Summary, step: int) -> Names:
        """Those of the particles, with these followers, of which an integrator may have more."""
        return replace(summary.names, followers=Followers(step, found=list(self.followers)))


@dataclass(frozen=True)
class Parts:
    """What a simulation is made of, of which all may be other ones from some step on.

    Attributes:
        summary: what is known of the particles.
        integrator: as the user gave it.
        laws: the interactions, as the user gave them and with all names resolved.
        settings: what the user wishes else.
        plan: what the engines were made of.
        engine: those of all ranks.
        followers: numbers of the interactions and the integrator that follow the steps.
    """

    summary: Summary
    integrator: Integrator
    laws: BoundLaws
    settings: Settings
    plan: Plan
    engine: EngineOfAll
    followers: Sequence[Follower]

    @property
    def interactions(self) -> tuple[Interaction, ...]:
        """As the user gave them."""
        return self.laws.given

    @property
    def reporter(self) -> Reporter:
        """Who tells of failures."""
        return Reporter(self.engine, self.summary, self.laws.interactions)

    @property
    def length(self) -> float:
        """The cutoff, or without one the mean distance of particles."""
        return self.plan.cutoff or self.spacing

    @property
    def spacing(self) -> float:
        """The mean distance of particles."""
        return float(self.summary.density ** (-1 / self.summary.box.dimensions))

    @cached_property
    def _portion_plans(self) -> dict[int | None, tuple[law.Plan, ...]]:
        return {}

    def portion_plans(self, step: int, only: int | None = None) -> tuple[law.Plan, ...]:
        """What says what each particle has of the energies and virials of all interactions, or of one by its number."""
        if only not in self._portion_plans:
            with compiling(self.integrator, self.interactions):
                names = self.laws.names(self.summary, step)
                self._portion_plans[only] = portions_of(self.laws.interactions, names, only)
        return self._portion_plans[only]

    @cached_property
    def records(self) -> tuple[dict[str, Any], tuple[InteractionRecord, ...]]:
        """How the particles move and what they feel, as checkpoints keep it."""
        integrator = record_of_integrator(self.integrator, self.summary)
        return integrator, records_of(self.interactions, self.reporter.interactions)


def build(summary: Summary, integrator: Integrator, laws: BoundLaws, settings: Settings, start: Start) -> Parts:
    """Resolve the integrator's names, compile, and hand the particles to their owners."""
    check_frozen(integrator, summary.frozen)
    ranks, step = ranks_of(settings.communicator), start.step
    names = laws.names(summary, step)
    plans = plans_of(laws.interactions, names)
    velocities = any(one.needs_velocities for one in laws.given)
    check_plans(plans, velocities)
    cutoff = max((one.cutoff for one in plans), default=0.0)
    threads = Team(settings.threads, ranks.cores).threads
    may_prune = summary.count <= MOST_PRUNED * ranks.size
    skin = chosen_skin(settings.skin, cutoff, summary.box, summary.count / (ranks.size * threads), may_prune)
    check_images(summary.box, cutoff + skin if cutoff else 0.0, summary.count)
    check_crowd(summary.box, cutoff + skin if cutoff else 0.0, summary.count)
    specials = None
    if any(plan.special for plan in plans):
        check_special(summary.box, cutoff)
        specials = special_pairs(summary.topology["bonds"].members)
    if threads > ranks.cores:
        warn_of_more(f"{threads} threads of a rank", ranks.cores, "fewer threads are faster")
    plan = Plan(
        summary.box, integrator.bind(names), plans, specials, velocities, skin, may_prune, threads,
        degrees_of_freedom(summary, integrator, laws.given), values_at(names.followers.found, step, step)[0],
    )  # fmt: skip
    return Parts(summary.brief(), integrator, laws, settings, plan, ranks.build(plan, start), names.followers.found)


def degrees_of_freedom(summary: Summary, integrator: Integrator, interactions: Sequence[Interaction]) -> int:
    """d for each particle that is not frozen, less one for each axis along which the total momentum is conserved."""
    axes = AXES[: summary.box.dimensions]
    free = set(axes) if integrator.conserves_momentum and not summary.frozen else set()
    free -= {axes[axis] for axis, *_ in summary.box.walls}
    return len(axes) * (summary.count - summary.frozen) - len(free.difference(*(one.pushes for one in interactions)))


def _bound_to(interaction: Interaction, names: Names) -> BoundInteraction:
    """The interaction between particles of these types with these attributes; InputError if a law of the user's own
    gives something else."""
    bound: object = interaction.bind(names)  # whatever a class of the user's says
    if not isinstance(bound, BoundInteraction):
        law = type(interaction).__name__
        raise InputError(f"{law}.bind gave {type(bound).__name__}; it must be a BoundInteraction (docs/laws.md)")
    return bound
