"""What a rank must know of a run, and what it tells of its start."""

from __future__ import annotations

from dataclasses import dataclass, replace

from motes.core.box import Box
from motes.core.state import Floats, Integers
from motes.forces import law
from motes.integrators.motion import Integrator


@dataclass(frozen=True)
class Plan:
    """All that a rank needs to know of a run but its particles."""

    box: Box
    integrator: Integrator
    laws: tuple[law.Plan, ...]
    specials: Integers | None
    """Pairs of ids up to three bonds apart, and how many, (P, 3), if that matters to a law."""
    needs_velocities: bool
    """Whether a force depends on velocities."""
    skin: float
    may_prune: bool
    """Whether the list of pairs may have an inner one."""
    threads: int
    freedom: int
    """Degrees of freedom."""
    numbers: Floats
    """Those that follow the steps, as they are at the first."""

    @property
    def cutoff(self) -> float:
        """Within which distance particles must see each other; 0 if none do."""
        return max((one.cutoff for one in self.laws), default=0.0)

    @property
    def stride(self) -> float:
        """The farthest that a step may take a particle along an axis: farther, it would jump over its neighbours."""
        return self.cutoff or float(self.box.lengths.max())


@dataclass(frozen=True)
class Extremes:
    """The largest numbers of all ranks at the start.

    Attributes:
        inside: force between particles.
        outside: force of a field on a particle.
        speed: component of a velocity.
        push: component of the force on a particle, over its mass.
        slow: how many particles move, but so slowly beside the fastest that the grid of velocities hardly tells.
        stuck: how many feel a force which changes their velocity so little in a step.
    """

    inside: float
    outside: float
    speed: float
    push: float
    slow: int = 0
    stuck: int = 0

    def overlapping(self, dt: float, longest: float) -> bool:
        """Whether forces between particles move one from rest farther than this in a step, so that no run begins."""
        return self.inside >= self.outside and self.first_move(dt) > longest

    def first_move(self, dt: float) -> float:
        """How far forces move a particle from rest in a step."""
        return 0.5 * self.push * dt * dt


@dataclass(frozen=True)
class Needs:
    """The largest numbers of the step after this one, as far as they had outgrown their quanta."""

    step: int = -1
    force: float = 0.0
    speed: float = 0.0
    sums: tuple[float, ...] = ()

    def plus(self, kind: str, size: float) -> Needs:
        """And this one: a force, a speed, or a sum, by its number."""
        if kind == "force":
            return replace(self, force=size)
        if kind == "speed":
            return replace(self, speed=size)
        return replace(self, sums=(*self.sums[: int(kind)], size, *self.sums[int(kind) + 1 :]))
