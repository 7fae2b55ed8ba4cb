"""Bonds: an energy of the distance between two particles that are named."""

from __future__ import annotations

import numpy as np

from motes.core.box import AXES
from motes.core.state import Floats
from motes.forces.tuple_kernel import Body
from motes.forces.tuples import BoundTuples, TupleInteraction
from motes.formulas import verify
from motes.formulas.bind import PREFIX
from motes.formulas.derive import derive_pair
from motes.formulas.formula import symbol


class BoundBond(BoundTuples):
    """A bond with every name resolved."""

    one = "bond"
    coordinate = "r"

    def body(self, dimensions: int) -> Body:
        """Along the line between the two."""
        formula = self.energy.formulas[0].substitute({PREFIX + "r": symbol("r")})
        uniform = frozenset(PREFIX + name for name in self.energy.numbers)
        code = derive_pair(formula, uniform)
        points = verify.points({*formula.symbols, "r"}, self.energy.known)
        verify.require_pair(self.name, formula, code, [point for point in points if point["r"] > 0])
        axes = AXES[:dimensions]
        lines = (
            "s = " + _square([f"d0{axis}" for axis in axes]),
            *code.prologue,
            *code.body_both,
            f"u = {code.energy}",
            f"f = {code.force}",
            "virial = f * s",
            *(f"f1{axis} = f * d0{axis}" for axis in axes),
        )
        return Body(lines, (1,), 0, code.functions)

    def measure(self, points: Floats) -> Floats:
        """The distance."""
        distance: Floats = np.sqrt(((points[1] - points[0]) ** 2).sum(axis=0))
        return distance


class Bond(TupleInteraction):
    """An energy of the distance between the two particles of each bond, `motes.Particles(..., bonds=[(0, 1), ...])`.

    It does not change once made, and can serve in several simulations.

    Args:
        function: energy(r, ...), of the distance and of parameters that are matched by name; the energy of the whole
            bond. NumPy functions work inside. It is differentiated and compiled, so it must be a formula.
        **parameters: numbers, or one number for each bond type, {"a": 30.0, "b": 20.0}; any may be a `motes.Ramp` or a
            `motes.Schedule`.

    A bond reaches as far as it is long, across regions and ranks, along a periodic axis up to 0.45 edges of the box;
    a longer one stops the run.

    Raises:
        InputError: for a parameter that is missing, unused or not finite.

    >>> Bond(lambda r, k, r0: k * (r - r0) ** 2, k={"a": 30.0}, r0=1.0)
    Bond(<lambda>, k={'a': 30.0}, r0=1.0)
    """

    kind = "bond"
    tuples = "bonds"
    coordinate = "r"
    bound = BoundBond


def _square(names: list[str]) -> str:
    """The sum of squares, one multiplication and fused ones."""
    text = f"{names[0]} * {names[0]}"
    for name in names[1:]:
        text = f"fma({name}, {name}, {text})"
    return text
