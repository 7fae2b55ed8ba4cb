"""What integrators with a heat bath share: its temperature, its friction, and the seed of its noise.

Friction is one number, one for each type, or an attribute of the particles; the loops of both integrators read it as
a column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from motes.core.checks import LARGEST, ByParticle, NotNegative, Positive, Seed, number
from motes.core.errors import InputError, ParticleError
from motes.core.frozen import kept, shown
from motes.core.state import Floats, State
from motes.core.threads import Team
from motes.core.words import did_you_mean, known_keywords
from motes.exact.noise import check_seed
from motes.formulas.bind import Names, by_type
from motes.integrators.motion import Integrator


class HeatBath(Integrator):
    """Particles that a medium slows down and kicks about; each subclass says how."""

    seed: int
    needs_friction = False
    """Whether friction must be above zero."""

    @known_keywords
    def __init__(self, dt: Positive, temperature: NotNegative, friction: ByParticle, seed: Seed) -> None:
        self.dt = number("dt", dt, above=0.0)
        self.temperature = number("temperature", temperature, minimum=0.0, maximum=LARGEST)
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

    def _one(self, name: str, value: Any) -> float:
        return (
            number(name, value, above=0.0) if self.needs_friction else number(name, value, minimum=0.0, maximum=LARGEST)
        )

    def bind(self, names: Names) -> Integrator:
        """The same with friction in the order of the types, or of an attribute that there is."""
        if isinstance(self.friction, str):
            if self.friction not in names.attributes:
                raise InputError(
                    f"{type(self).__name__}: friction: the particles have no attribute {self.friction!r}; "
                    f"{did_you_mean(self.friction, names.attributes)}"
                )
        elif isinstance(self.friction, Mapping):
            table = by_type(f"{type(self).__name__}: friction", self.friction, names.type_names)
            bound = super().bind(names)
            vars(bound)["friction"] = kept(np.full(len(names.type_names), table))  # as users cannot write it
            return bound
        return super().bind(names)

    def start(self, state: State, team: Team) -> None:  # noqa: ARG002  # as the base class has it
        """Refuse a particle whose friction no medium has."""
        if not isinstance(self.friction, str):
            return
        column = state.attributes[self.friction][: state.owned]
        good = column > 0 if self.needs_friction else column >= 0
        if not good.all():
            index = int(np.argmin(good))
            bound = "above" if self.needs_friction else "at least"
            raise ParticleError(f"has {self.friction} {column[index]:g}, and a friction must be {bound} 0", index)

    def _by_particle(self, state: State, quantity: Callable[[Floats], Floats]) -> Floats:
        """What depends on friction, for each particle that is owned: worked out once a type where it can be."""
        if isinstance(self.friction, str):
            return quantity(state.attributes[self.friction][: state.owned])
        values = quantity(np.atleast_1d(self.friction))
        return values[state.types[: state.owned]] if len(values) > 1 else np.full(state.owned, values[0])
