"""Particles that never meet: each follows a velocity that depends on its position, the time, and what it is.

Algorithm: Euler's step x += v(x, t) dt, or that of Runge and Kutta with four velocities (Kutta, Z. Math. Phys. 46, 435,
1901). Since no particle needs another, a loop carries a block of them through many steps at once: positions stay in
the first-level cache, and the step of a block is one straight vector loop (flow_source.py).

Invariant: every step rounds the positions to their grid and wraps or reflects them, and the time of a step is
counted in whole steps of dt. So a trajectory does not depend on how many steps are taken at once, on blocks, threads
or ranks.

Disadvantage: Euler's error grows with dt, and circles become spirals; "rk4" costs four times as much and is far better
where the velocity is smooth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from motes.core.box import REACH, Boundary
from motes.core.checks import number
from motes.core.errors import InputError, OutgrownError, ParticleError
from motes.core.frozen import FrozenMapping, shown
from motes.core.state import FAR_AROUND, MOST_IMAGES, ROUND, State
from motes.core.threads import SMALLEST_PART, Team
from motes.core.words import known_keywords
from motes.formulas.bind import Bound, Names, bind, check_given, names_of, trace_named
from motes.formulas.kernel import Kernel
from motes.formulas.trace import describe
from motes.integrators.flow_source import LANES, METHODS, flow_source_of
from motes.integrators.motion import Integrator

PARTS_PER_THREAD = 4
"""So that a thread that is held up has others do some of its work."""

SEVERAL = {2: "two velocities, along x and y", 3: "three velocities, along x, y and z"}


class Flow(Integrator):
    """Particles that go with a flow, without meeting each other.

    Args:
        function: returns the velocity, a tuple with one number for each axis. It may take the coordinates x, y (and
            z) and the time t, the parameters given here, and the particles' attributes (and mass), all by name. NumPy
            functions work inside; it is compiled, so it must be a formula. Along periodic axes it is called with
            coordinates inside the box.
        dt: time step, in the user's unit of time.
        method: "euler" or "rk4".
        **parameters: numbers, or one number for each type, {"A": 1.0, "B": 2.0}.

    The particles' own `velocities` play no part and stay as they were given.

    >>> Flow(lambda x, y, speed: (-speed * y, speed * x), dt=0.01, speed=2.0)
    Flow(<lambda>, dt=0.01, method='euler', speed=2.0)
    """

    independent: ClassVar[bool] = True
    has_velocities: ClassVar[bool] = False

    @known_keywords
    def __init__(self, function: Callable[..., Any], dt: float, method: str = "euler", **parameters: Any) -> None:
        self._needed = names_of(function)
        self.name = describe(function)
        self.dt = number("dt", dt, above=0.0)
        if not isinstance(method, str) or method not in METHODS:
            raise InputError(f"{self.name}: method is {method!r}; it must be {' or '.join(map(repr, METHODS))}")
        check_given(self.name, self._needed, parameters)
        self.function = function
        self.method = method
        self.parameters = FrozenMapping(parameters, self._instead)

    def __repr__(self) -> str:
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return shown(self, name, dt=self.dt, method=self.method, **self.parameters)

    def bind(self, names: Names) -> Integrator:
        """The same without the user's code: its formulas as source, and the numbers it needs."""
        wanted = SEVERAL[names.dimensions]
        bound = bind(
            self.name,
            self._needed,
            lambda names, taken: trace_named(self.function, names, taken, wanted),
            self.parameters,
            names,
        )
        for name in bound.followers:
            raise InputError(
                f"{self.name}: {name} follows a schedule, and a flow cannot; its function may take the time, t"
            )
        if len(bound.formulas) != names.dimensions:
            raise InputError(f"{self.name} must return {wanted}, but returns {_count(len(bound.formulas))}")
        return _planned(self, bound, names.boundary)

    def first_half(self, state: State, team: Team) -> None:
        """Only what `bind` returns can run."""
        raise NotImplementedError

    second_half = first_half


def _count(number: int) -> str:
    return "one number" if number == 1 else f"{number} numbers"


def _planned(flow: Flow, bound: Bound, boundary: tuple[Boundary, ...]) -> BoundFlow:
    key = f"{bound.key}\nflow method={flow.method} boundary={boundary}"
    kernel = Kernel.made(key, lambda: flow_source_of(bound, flow.method, boundary), bound.rows, bound.attributes)
    return BoundFlow(flow.dt, repr(flow), kernel)


@dataclass(frozen=True)
class BoundFlow(Integrator):
    """A flow as a kernel, which can travel to another rank."""

    dt: float
    name: str
    kernel: Kernel

    independent: ClassVar[bool] = True
    has_velocities: ClassVar[bool] = False

    def __repr__(self) -> str:
        return self.name

    def start(self, state: State, team: Team) -> None:
        """Raise a ParticleError if a particle has no finite velocity where it is."""
        bad = [index for index in team.split(self._module().bad, state.owned, *self._what(state)) if index >= 0]
        if bad:
            cause = f"has a velocity at the start that is not finite: {self.name}"
            raise ParticleError(cause, min(bad), step=state.step)

    def carry(self, state: State, team: Team, steps: int) -> None:
        """Take all particles through so many steps."""
        how = self._how(state, steps)
        edges = _parts(state.owned, steps, team.threads)
        blocks = team.call(self._module().carry, [(begin, end, *how) for begin, end in pairwise(edges)])
        lost = [self._lost_of(block, state, how) for block in blocks if block >= 0]
        if lost:
            self._report(state, min(lost, key=lambda index: int(state.ids[index])))
        state.step += steps

    def first_half(self, state: State, team: Team) -> None:
        """One step."""
        self.carry(state, team, 1)
        state.step -= 1  # who asks for half a step counts the steps

    def second_half(self, state: State, team: Team) -> None:
        """There is nothing left to do."""

    def _module(self) -> Any:
        return self.kernel.load()

    def _what(self, state: State) -> tuple[Any, ...]:
        """What velocities depend on, as the loops take it."""
        kernel = self.kernel
        own = tuple(map(state.column, kernel.attributes)) or (state.mass,)  # Numba wants at least one
        counted, begun = state.step - state.timeline.step, state.timeline.time
        return (
            state.positions,
            state.box.origin,
            kernel.numbers,
            kernel.tables,
            state.types,
            own,
            self.dt,
            counted,
            begun,
        )

    def _how(self, state: State, steps: int) -> tuple[Any, ...]:
        box, spacing = state.box, state.spacing
        return (*self._what(state), steps, box.lengths, *box.reach(spacing), ROUND * spacing, state.images)

    def _lost_of(self, block: int, state: State, how: tuple[Any, ...]) -> int:
        """The first particle of a block that is lost when it is carried alone."""
        indices = range(block, min(block + LANES, state.owned))
        return next(index for index in indices if self._module().carry(index, index + 1, *how) >= 0)

    def _report(self, state: State, index: int) -> None:
        """Follow the particle that was lost, which has not been moved, to the step at which that happens."""
        while self._module().carry(index, index + 1, *self._how(state, 1)) < 0:
            state.step += 1
        if np.abs(state.images[:, index]).max() == MOST_IMAGES:
            raise ParticleError(FAR_AROUND, index, step=state.step + 1)
        if (state.spacing < state.box.far_spacing).any():  # perhaps only the grid has an end there
            raise OutgrownError("position", step=state.step + 1)
        raise ParticleError(
            "moves out of reach in one step: farther than an edge of the box, "
            f"more than {REACH:g} edges beyond an open side, or nowhere finite",
            index,
            step=state.step + 1,
        )


def _parts(count: int, steps: int, threads: int) -> list[int]:
    """Where the parts of count particles begin and end: whole blocks, several for each thread if they are worth it."""
    blocks = -(-count // LANES)
    most = PARTS_PER_THREAD * threads if threads > 1 else 1
    parts = max(1, min(most, blocks, count * steps // SMALLEST_PART))
    return [min(count, LANES * (blocks * part // parts)) for part in range(parts + 1)]
