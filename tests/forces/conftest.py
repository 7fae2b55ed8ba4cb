"""What the tests of forces share: generated lines run by plain Python, as an oracle independent of Numba."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from motes.forces.pair import Pair
from motes.formulas.derive import PairCode, derive_pair
from motes.formulas.formula import COLUMNS, compute
from motes.formulas.lines import FUNCTIONS
from naming import named

NUMPY = {name: name for name in ("sqrt", *FUNCTIONS)} | {"signed_power": "power"}


def run(code: PairCode, values: Mapping[str, float], r: float, both: bool = True) -> tuple[float, float]:
    """Force over distance and energy, as the lines of the code give them in plain Python."""
    names: dict[str, Any] = {
        name: (lambda *x, numpy=numpy: np.float64(compute(numpy, *x))) for name, numpy in NUMPY.items()
    }
    names |= {"fma": lambda a, b, c: np.float64(a) * b + c, "abs": abs, "s": np.float64(r) ** 2}
    names |= {name: np.float64(value) for name, value in values.items()}
    names |= {"inf": math.inf, "nan": math.nan, **COLUMNS}
    lines = [*code.prologue, *(code.body_both if both else code.body_force), f"force_ = {code.force}"]
    lines += [f"energy_ = {code.energy}"] if both else []
    # NumPy's numbers divide by zero as the compiled code does.
    source = re.sub(r"(?<![\w.])\d+\.?\d*(e[-+]?\d+)?(?![\w.])", r"number(\g<0>)", "\n".join(lines))
    with np.errstate(all="ignore"):
        exec(source, {"number": np.float64}, names)  # noqa: S102 - our own lines
    return float(names["force_"]), float(names["energy_"]) if both else math.nan


@pytest.fixture(scope="session")
def run_code() -> Callable[..., tuple[float, float]]:
    """The function run."""
    return run


@pytest.fixture(scope="session")
def force_and_energy() -> Callable[[Pair, float], tuple[float, float]]:
    """The force (positive where it pushes apart) and the energy of a pair of one type at a distance."""

    def measure(pair: Pair, r: float) -> tuple[float, float]:
        bound = pair.bind(named())
        assert isinstance(bound.pair.cutoff, float)
        code = derive_pair(bound.pair.formula, frozenset({*bound.pair.uniform, "cutoff"}), bound.shift)
        force, energy = run(code, bound.pair.uniform | {"cutoff": bound.pair.cutoff}, r)
        return force * r, energy

    return measure
