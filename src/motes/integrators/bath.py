"""What integrators with a heat bath share: its temperature, its friction, and the seed of its noise.

Friction is one number, one for each type, or an attribute of the particles; the loops of both integrators read what
they need of it as a column.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from motes.core.checks import LARGEST, ByParticle, Positive, Seed, number
from motes.core.compiled import njit
from motes.core.errors import InputError, ParticleError
from motes.core.frozen import kept, shown
from motes.core.schedules import NotNegativeOrSchedule, follow, followed_rows, number_or_schedule
from motes.core.state import Floats, Integers, State
from motes.core.threads import Team
from motes.core.words import did_you_mean, known_keywords
from motes.exact.noise import check_seed
from motes.formulas.bind import Names, by_type
from motes.integrators.motion import Integrator


@njit(cache=True, nogil=True)
def spread(begin: int, end: int, types: Integers, of_type: Floats, found: Floats) -> None:
    """To each particle what is of its type, or of all."""
    for i in range(begin, end):
        found[i] = of_type[types[i] if len(of_type) > 1 else 0]


class HeatBath(Integrator):
    """Particles that a medium slows down and kicks about; each subclass says how."""

    bounds: ClassVar[Mapping[str, Mapping[str, float]]] = MappingProxyType(
        {"temperature": {"minimum": 0.0, "maximum": LARGEST}}
    )
    seed: int
    friction_bounds: ClassVar[Mapping[str, float]] = MappingProxyType({"minimum": 0.0, "maximum": LARGEST})

    @known_keywords
    def __init__(self, dt: Positive, temperature: NotNegativeOrSchedule, friction: ByParticle, seed: Seed) -> None:
        self.dt = number("dt", dt, above=0.0)
        self.temperature = number_or_schedule("temperature", temperature, **self.bounds["temperature"])
        self.friction = self._checked(friction)
        self.seed = check_seed(seed)

    def __repr__(self) -> str:
        return shown(self, dt=self.dt, temperature=self.temperature, friction=self.friction, seed=self.seed)

    def _checked(self, friction: Any) -> Any:
        """A number, the name of an attribute, or numbers by type."""
        if isinstance(friction, str):
            return friction
        if isinstance(friction, Mapping):
            return kept({label: self._one(f"friction of {label!r}", value) for label, value in friction.items()})
        if isinstance(friction, np.ndarray | list | tuple):
            raise InputError(
                "friction: expected a number, numbers by type ({'A': 1.0, ...}), or the name of an attribute: for one "
                "for each particle, motes.Particles(..., drag=[...]) and friction='drag'"
            )
        return self._one("friction", friction)

    def _one(self, name: str, value: Any) -> Any:
        return number_or_schedule(name, value, **self.friction_bounds)

    def bind(self, names: Names) -> Integrator:
        """The same with friction in the order of the types, or of an attribute that there is."""
        kind = type(self).__name__
        if isinstance(self.friction, str):
            if self.friction not in names.attributes:
                raise InputError(
                    f"{kind}: friction: the particles have no attribute {self.friction!r}; "
                    f"{did_you_mean(self.friction, names.attributes)}"
                )
            return super().bind(names)
        bound, label = super().bind(names), f"{kind}: friction"
        resolve = partial(by_type, label, type_names=names.type_names)
        friction, which = names.followers.resolved(label, self.friction, resolve, **self.friction_bounds)
        vars(bound)["friction"] = kept(friction)
        vars(bound)["followers"] |= {} if which is None else {"friction": which}
        return bound

    def start(self, state: State, team: Team) -> None:  # noqa: ARG002  # as the base class has it
        """Refuse a particle whose friction no medium has."""
        if not isinstance(self.friction, str):
            return
        column = state.attributes[self.friction][: state.owned]
        above = "above" in self.friction_bounds
        good = column > 0 if above else column >= 0
        if not good.all():
            index = int(np.argmin(good))
            bound = "above" if above else "at least"
            raise ParticleError(f"has {self.friction} {column[index]:g}, and a friction must be {bound} 0", index)

    def _by_particle(self, state: State, team: Team, loop: Any) -> Floats:
        """What a loop (begin, end, friction, dt, found) makes of the friction of each particle that is owned: once a
        type where that can be, and without the team where it stays the same."""
        owned = state.owned
        if isinstance(self.friction, str):
            found = np.empty(owned)
            loop(0, owned, state.attributes[self.friction][:owned], self.dt, found)
            return found
        table = np.array(self.friction, ndmin=1)
        of_type = np.empty(len(table))
        if "friction" not in self.followers:
            loop(0, len(table), table, self.dt, of_type)
            return of_type[state.types[:owned]] if len(table) > 1 else np.full(owned, of_type[0])
        found, rows = np.empty(owned), followed_rows({"friction": table}, {}, self.followers)
        team.split(follow, len(rows), rows, state.numbers, table)
        team.split(loop, len(table), table, self.dt, of_type)
        team.split(spread, owned, state.types, of_type, found)
        return found
