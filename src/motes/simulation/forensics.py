"""What to tell a user whose run cannot go on: which particle, the forces on it, who was near, and what is likely wrong.

All is worked out again from the formulas, in ordinary floats: the compiled sums are out of range, and it is not speed
that counts. The report is the same on any number of ranks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from motes.core.box import AXES
from motes.core.state import Array, Floats, Integers, Timeline
from motes.decomposition.domain import TOO_FAR
from motes.engine import queries
from motes.engine.failing import Failure
from motes.engine.starts import Summary
from motes.forces.clusters import NOT_FINITE
from motes.forces.law import BoundInteraction, Surroundings
from motes.forces.tuple_kernel import TOO_LONG
from motes.integrators import Integrator
from motes.ranks.conductor import EngineOfAll

NEIGHBORS = 5
"""How many are named."""

LONG_MOVE = 0.1
"""A particle that moves by more of the cutoff in one step goes too fast to be followed."""

CLOSE = 0.5
"""At the start, a pair at less than this part of the distance of closest neighbours at this density overlaps."""


@dataclass(frozen=True)
class Reporter:
    """All that is needed to look into a simulation that has stopped.

    Attributes:
        engine: of all ranks, at the moment of the failure.
        summary: what is known of the particles.
        laws: all interactions, with all names resolved.
    """

    engine: EngineOfAll
    summary: Summary
    laws: Sequence[BoundInteraction]

    @property
    def interactions(self) -> Sequence[BoundInteraction]:
        """The same, with the numbers of this step."""
        return self._at(self.engine.here.state.step)

    def _at(self, step: int) -> Sequence[BoundInteraction]:
        """The same, with those of another step of which they are known."""
        engine = self.engine.here
        return [law.at(engine.ahead.at(step)) for law in self.laws] if engine.state.numbers.size else self.laws

    def report(self, failure: Failure) -> str:
        """Several lines about the failure; the first says all that matters."""
        blamed = self.worst_pair(failure.pairs) if failure.pairs else None
        rows = self._columns(self.engine.ask(queries.find, [failure.id] if blamed is None else [blamed[0]]))
        if len(rows["id"]) == 0:
            return f"step {failure.step}: a particle {failure.cause}"
        particle = {name: values[0] for name, values in rows.items()}
        around = self._around(particle)
        forces = self._forces_on(particle, around, failure.step)
        lines = [f"step {failure.step}: particle {particle['id']} {failure.cause}", *self._facts(particle, forces)]
        lines.append(_line("neighbours", self._neighbors(around)))
        return "\n".join([*lines, _line("advice", self._advice(failure, particle, around, forces))])

    def worst_pair(self, pairs: Sequence[Sequence[int]]) -> tuple[int, int]:
        """Of pairs of ids, that with the largest force, the faster particle first."""
        rows = self._columns(self.engine.ask(queries.find, sorted(set(chain.from_iterable(pairs)))))
        rows_of = {int(number): row for row, number in enumerate(rows["id"])}
        known = sorted({tuple(sorted(pair)) for pair in pairs if all(number in rows_of for number in pair)})
        one, other = (np.array([rows_of[pair[side]] for pair in known], int) for side in (0, 1))
        distances = self._distances(rows, one, other)
        forces = sum(abs(law.forces_between(rows, one, other, distances)) for law in self.interactions)
        sizes = np.nan_to_num(np.asarray(forces, float), nan=np.inf)
        # Ids decide between equals, so that all numbers of ranks blame the same.
        worst = min(range(len(known)), key=lambda k: (-sizes[k], distances[k], known[k]))
        first, second = known[worst]
        speeds = [sum(float(rows[f"v{axis}"][rows_of[number]]) ** 2 for axis in self._axes) for number in known[worst]]
        return (first, second) if speeds[0] >= speeds[1] else (second, first)

    def complaint(self, failure: Failure) -> str:
        """One line about what happened before the first step."""
        who = self.worst_pair(failure.pairs)[0] if failure.pairs else failure.id
        return f"{self.describe(who)} {failure.cause}"

    def describe(self, number: int) -> str:
        """A particle by its id, and where it is."""
        rows = self._columns(self.engine.ask(queries.find, [number]))
        where = "".join(f" at {self._position({name: values[0] for name, values in rows.items()})}" for _ in rows["id"])
        return f"particle {number}{where}"

    def blamed(self, failure: Failure) -> str:
        """The pair of particles with the largest force, as the ending of a message."""
        return f": {self.describe_pair(self.worst_pair(failure.pairs))}" if failure.pairs else ""

    def describe_pair(self, pair: Sequence[int]) -> str:
        """A clause about two particles: their ids, distance and positions."""
        rows = self._columns(self.engine.ask(queries.find, list(pair)))
        order = [int(np.flatnonzero(rows["id"] == number)[0]) for number in pair]
        apart = self._distances(rows, np.array(order[:1]), np.array(order[1:]))[0]
        positions = [self._position({name: values[k] for name, values in rows.items()}) for k in order]
        return f"particles {pair[0]} and {pair[1]} are {apart:.6g} apart, at {positions[0]} and at {positions[1]}"

    # What a particle feels

    def strongest_on(self, numbers: Sequence[int]) -> dict[int, float]:
        """For each of these ids the largest force that any other particle, or a field, exerts on it; infinite where
        forces of several may cancel and are not known one by one, as those of bonds and of many-body energies."""
        found = self._columns(self.engine.ask(queries.find, list(numbers)))
        particles = [{name: values[k] for name, values in found.items()} for k in range(len(found["id"]))]
        around = [self._around(particle) for particle in particles]
        # One evaluation for all pairs of all of them.
        rows = {name: np.concatenate([values, *(one[name] for one in around)]) for name, values in found.items()}
        counts = [len(one["id"]) for one in around]
        distances = np.concatenate(
            [np.sqrt((self._positions(one) ** 2).sum(axis=0)) for one in around] or [np.zeros(0)]
        )
        ones, others = np.repeat(np.arange(len(around)), counts), len(around) + np.arange(len(distances))
        singles = [np.abs(law.forces_between(rows, ones, others, distances)) for law in self.interactions]
        ends = np.cumsum([0, *counts])
        return {
            int(particle["id"]): self._strongest(particle, around[k], distances[part], [one[part] for one in singles])
            for k, particle in enumerate(particles)
            for part in [slice(ends[k], ends[k + 1])]
        }

    def _strongest(
        self, particle: Mapping[str, Any], around: Mapping[str, Array], distances: Floats, singles: Sequence[Floats]
    ) -> float:  # fmt: skip
        strongest = 0.0
        for law, single in zip(self.interactions, singles, strict=True):
            several = bool(law.partners(int(particle["id"]))) or (distances < law.reach).any()
            if several and not single.any():
                return math.inf
            force = single if several else np.abs(law.force_on(self._where(particle, around)))
            strongest = max(strongest, float(force.max(initial=0.0)))
        return strongest

    def _forces_on(
        self, particle: Mapping[str, Any], around: Mapping[str, Array], step: int | None = None
    ) -> dict[str, Floats]:
        """The force of each interaction on the particle, where it is."""
        where = self._where(particle, around, step)
        return {f"{number}, {law.label}": law.force_on(where) for number, law in enumerate(self._at(where.step), 1)}

    def _where(self, particle: Mapping[str, Any], around: Mapping[str, Array], step: int | None = None) -> Surroundings:
        """The particle and who is around it, at a step, or now."""
        box, timeline = self.summary.box, self._timeline
        step = self.engine.here.state.step if step is None else step
        edges, periodic = box.lengths.tolist(), box.periodic.tolist()
        inside, time = self._inside(particle), timeline.at(step)
        return Surroundings(particle, around, inside, time, timeline.dt, step, edges, periodic)

    # Words

    def _facts(self, particle: Mapping[str, Any], forces: Mapping[str, Floats]) -> list[str]:
        label = self.summary.type_names[int(particle["type"])]
        columns = [f"type {label}", f"mass {particle['mass']:.6g}"]
        columns += [f"{name} {particle[name]:.6g}" for name in self.summary.attributes]
        velocity = np.array([particle[f"v{axis}"] for axis in self._axes], float)
        move = float(np.sqrt((velocity**2).sum())) * self._timeline.dt
        lines = [
            _line("particle", f"id {particle['id']}, " + ", ".join(columns)),
            _line("position", self._position(particle)),
        ]
        if velocity.any() and self.engine.here.integrator.has_velocities:
            lines.append(_line("velocity", f"{_vector(velocity)}: {move:.3g} in one step"))
        if forces:
            total = sum(forces.values(), np.zeros(len(self._axes)))
            lines.append(_line("force", _vector(total) + _largest_share(forces)))
        return lines

    def _neighbors(self, around: Mapping[str, Array]) -> str:
        if not self._cutoff:
            return "do not matter: there is no interaction of pairs"
        apart = self._positions(around)
        distances = np.sqrt((apart**2).sum(axis=0))
        near = int((distances <= self._cutoff).sum())
        order = np.lexsort((around["id"], distances))[: min(NEIGHBORS, near)]
        named = [f"{around['id'][k]} at {distances[k]:.6g}" for k in order]
        return ", ".join(named) + f" ({near} within the cutoff)" if named else "none within the cutoff"

    def _advice(
        self, failure: Failure, particle: Mapping[str, Any], around: Mapping[str, Array], forces: Mapping[str, Floats]
    ) -> str:
        """One line about what is likely wrong."""
        cutoff = self._cutoff
        velocity = np.array([particle[f"v{axis}"] for axis in self._axes], float)
        move = float(np.sqrt((velocity**2).sum())) * self._timeline.dt
        nearest = float(np.sqrt((self._positions(around) ** 2).sum(axis=0)).min(initial=math.inf))
        usual = self.summary.density ** (-1 / len(self._axes))
        if failure.cause.endswith(TOO_LONG):
            return "use a larger box, or, if this was torn apart on the way, a smaller dt"
        undefined = [name for name, force in forces.items() if np.isnan(force).any()]
        if undefined and nearest > 0:
            return f"interaction {undefined[0]}, is not finite here: use a smaller dt, or make it finite everywhere"
        if not self.interactions and failure.cause != TOO_FAR:
            return _advice_without_forces(self.engine.here.integrator)
        if failure.cause == TOO_FAR:
            return "give a larger box or walls, or a smaller dt if the particle was thrown out"
        if cutoff and move > LONG_MOVE * cutoff:
            return f"use a smaller dt: the particle moves by {move / cutoff:.0%} of the cutoff in one step"
        if cutoff and failure.step <= 1 and nearest < CLOSE * usual:
            return "particles overlap at the start: sim.minimize(force_tolerance) parts them"
        if failure.cause == NOT_FINITE:
            return "make the function finite at all distances, or keep particles apart: a smaller dt, no overlaps"
        return "use a smaller dt, or an interaction that is finite wherever particles go"

    # Numbers

    @property
    def _timeline(self) -> Timeline:
        return self.engine.here.state.timeline

    @property
    def _cutoff(self) -> float:
        """The largest of all interactions."""
        return max((law.reach for law in self.interactions), default=0.0)

    @property
    def _axes(self) -> tuple[str, ...]:
        return tuple(AXES[: self.summary.box.dimensions])

    def _columns(self, rows: Integers) -> dict[str, Array]:
        """Columns by name, each of its own kind."""
        names = self.engine.here.state.column_names
        whole = {"id", "type", *(f"image_{axis}" for axis in self._axes)}
        return {
            name: row if name in whole else row.view(np.float64)
            for name, row in zip(names, np.ascontiguousarray(rows), strict=True)
        }

    def _around(self, particle: Mapping[str, Any]) -> dict[str, Array]:
        """Everyone whom the force on the particle depends on, by positions relative to it."""
        position = [float(particle[axis]) for axis in self._axes]
        found = self._columns(
            self.engine.ask(queries.near, position, max((law.horizon for law in self.interactions), default=0.0))
        )
        apart = self._positions(found)
        others = (found["id"] != particle["id"]) | (apart != 0).any(axis=0)
        around = {name: values[others] for name, values in found.items()}
        return self._with_partners(particle, around)

    def _with_partners(self, particle: Mapping[str, Any], around: dict[str, Array]) -> dict[str, Array]:
        """And those to whom the particle is bound, by their nearest images, unless they are there already."""
        partners = set().union(*(law.partners(int(particle["id"])) for law in self.interactions))
        far = sorted(partners - set(around["id"].tolist()))
        if not far:
            return around
        rows = self._columns(self.engine.ask(queries.find, far))
        here = np.array([[particle[axis]] for axis in self._axes], float)
        for axis, apart in zip(self._axes, self._nearest(self._positions(rows) - here), strict=True):
            rows[axis] = apart
        return {name: np.concatenate([values, rows[name]]) for name, values in around.items()}

    def _positions(self, rows: Mapping[str, Array]) -> Floats:
        positions: Floats = np.array([rows[axis] for axis in self._axes], float)
        return positions

    def _distances(self, rows: Mapping[str, Array], one: Integers, other: Integers) -> Floats:
        """Between the nearest images."""
        positions = self._positions(rows)
        apart = self._nearest(positions[:, one] - positions[:, other])
        distances: Floats = np.sqrt((apart**2).sum(axis=0))
        return distances

    def _nearest(self, apart: Floats) -> Floats:
        """Displacements (d, n) to the nearest images."""
        box = self.summary.box
        lengths = np.where(box.periodic, box.lengths, np.inf)[:, None]
        with np.errstate(invalid="ignore"):
            nearest: Floats = apart - np.where(np.isfinite(lengths), lengths, 0.0) * np.rint(apart / lengths)
        return nearest

    def _inside(self, particle: Mapping[str, Any]) -> dict[str, float]:
        """Where a particle is, in the box, as users count."""
        box = self.summary.box
        inside = {}
        for a, axis in enumerate(self._axes):
            x = float(particle[axis])
            inside[axis] = (x % float(box.lengths[a]) if box.periodic[a] else x) + float(box.origin[a])
        return inside

    def _position(self, particle: Mapping[str, Any]) -> str:
        return str(list(self._inside(particle).values()))


def _advice_without_forces(integrator: Integrator) -> str:
    if integrator.independent:
        return "use a smaller dt, or a velocity that is finite, and not too large, wherever particles go"
    if integrator.has_bath:
        return "use a smaller dt, a lower temperature or more friction: noise alone moves the particle"
    return "use a smaller dt, or lower velocities: no force acts on the particle"


def _largest_share(forces: Mapping[str, Floats]) -> str:
    """Whose force is the largest, and how much of all of them it is."""
    sizes = {name: float(np.nan_to_num(np.sqrt((force**2).sum()), nan=np.inf)) for name, force in forces.items()}
    name = max(sizes, key=lambda one: sizes[one])
    total = sum(sizes.values())
    if total == 0:
        return ""
    share = f"{sizes[name] / total:.1%}" if total < np.inf else "100.0%"
    return f", {share} of it from interaction {name}" if share != "100.0%" else f", from interaction {name}"


def _vector(values: Floats) -> str:
    return "[" + ", ".join(f"{value:.6g}" for value in values) + "]"


def _line(name: str, text: str) -> str:
    return f"  {name:<11}{text}"
