"""Angles: an energy of the angle at the middle one of three particles that are named."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from motes.core.box import AXES
from motes.core.state import Floats
from motes.core.words import caution
from motes.forces.tuple_kernel import Body
from motes.forces.tuples import BoundTuples, TupleInteraction
from motes.formulas import verify
from motes.formulas.bind import PREFIX
from motes.formulas.derive import derive_field
from motes.formulas.written import Written

THETA = PREFIX + "theta"

AT_REST = ("theta0", "theta_0")
"""What the angle of the least energy is usually called; other programs take it in degrees."""


class BoundAngle(BoundTuples):
    """An angle with every name resolved."""

    one = "angle"
    coordinate = "theta"

    def body(self, dimensions: int) -> Body:
        """With a and b from the corner to the ends, theta = arctan2(|a x b|, a b), which is exact at any angle, and the
        force on the end of a is -dU/dtheta (a (a b) - b (a a)) / (a a |a x b|).

        Where the three are in line that has no direction: there is no force.
        """
        formula = self.energy.formulas[0]
        code = derive_field(formula, [THETA])
        points = verify.points({*formula.symbols, THETA}, self.energy.known)
        points = [{**point, THETA: abs(point[THETA]) % np.pi} for point in points]
        verify.require_forces(self.name, formula, [THETA], code, points)
        axes = AXES[:dimensions]
        lines = (
            *(f"a{axis} = -d0{axis}" for axis in axes),
            *(f"b{axis} = d1{axis}" for axis in axes),
            *(f"{one}{other} = {_dot(one, other, axes)}" for one, other in ("aa", "bb", "ab")),
            f"across = {_across(dimensions)}",
            f"{THETA} = arctan2(across, ab)",
            *code.lines,
            f"u = {code.results[0]}",
            f"turn = {code.results[1]} / across if across > 0.0 else 0.0",
            "turn_a = turn / aa",
            "turn_b = turn / bb",
            *(f"f0{axis} = turn_a * (ab * a{axis} - aa * b{axis})" for axis in axes),
            *(f"f2{axis} = turn_b * (ab * b{axis} - bb * a{axis})" for axis in axes),
            "virial = 0.0",  # a change of scale changes no angle
        )
        return Body(lines, (0, 2), 1, tuple(sorted({"arctan2", *code.functions})))

    def measure(self, points: Floats) -> Floats:
        """The angle at the second of three points, from 0 to pi."""
        a, b = points[0] - points[1], points[2] - points[1]
        dot, aa, bb = (a * b).sum(axis=0), (a * a).sum(axis=0), (b * b).sum(axis=0)
        theta: Floats = np.arctan2(np.sqrt(np.maximum(aa * bb - dot * dot, 0.0)), dot)
        return theta


class Angle(TupleInteraction):
    """An energy of the angle at the middle particle of each of `motes.Particles(..., angles=[(0, 1, 2), ...])`.

    It does not change once made, and can serve in several simulations.

    Args:
        function: energy(theta, ...), of the angle, from 0 to pi in radians and pi where the three are in line, and of
            parameters that are matched by name; the energy of the whole angle. NumPy functions work inside. It is
            differentiated and compiled, so it must be a formula.
        **parameters: numbers, or one number for each angle type, {"a": 30.0, "b": 20.0}; angles among them are in
            radians, numpy.deg2rad(109.5), too.

    Raises:
        InputError: for a parameter that is missing, unused or not finite.

    >>> Angle(lambda theta, k, theta0: k * (theta - theta0) ** 2, k=5.0, theta0=1.9)
    Angle(<lambda>, k=5.0, theta0=1.9)
    """

    kind = "angle"
    tuples = "angles"
    coordinate = "theta"
    bound = BoundAngle

    def _set(self, written: Written, given: Mapping[str, Any]) -> None:
        super()._set(written, given)
        for name in AT_REST:
            value = given.get(name)
            for one in value.values() if isinstance(value, Mapping) else (value,):
                if isinstance(one, Real) and abs(float(one)) > 2 * math.pi:
                    caution(f"{self.name}: {name} is {one}, and angles are in radians: numpy.deg2rad({one})?")


def _dot(one: str, other: str, axes: str) -> str:
    text = f"{one}{axes[0]} * {other}{axes[0]}"
    for axis in axes[1:]:
        text = f"fma({one}{axis}, {other}{axis}, {text})"
    return text


def _across(dimensions: int) -> str:
    """The length of the cross product of a and b."""
    if dimensions == 2:
        return "abs(ax * by - ay * bx)"
    x, y, z = "ay * bz - az * by", "az * bx - ax * bz", "ax * by - ay * bx"
    return f"sqrt(fma({y}, {y}, fma({z}, {z}, ({x}) * ({x}))))"
