"""Generated lines for values and fields against NumPy."""

from __future__ import annotations

import pytest

from motes.core.errors import InputError
from motes.forces.field_kernel import require_right_field
from motes.formulas.bind import Bound
from motes.formulas.derive import Code
from motes.formulas.expression import parse
from motes.formulas.verify import require_right


def test_values() -> None:
    formula = parse("sqrt(x**2 + 1) + k", ("x", "k"))
    require_right("f", [formula], ["v0 = x * x", "v1 = v0 + 1.0", "v2 = sqrt(v1)", "v3 = v2 + k"], ["v3"], {"k": [2.0]})
    with pytest.raises(InputError, match=r"^f: the code derived from it gives the value .* \(at k = 2, x = 1.3119\)"):
        require_right("f", [formula], ["v0 = x + 1.0"], ["v0"], {"k": [2.0]})


def test_forces_of_a_field() -> None:
    bound = Bound("g", (parse("p_k*p_x**2/2", ("p_k", "p_x")),), {"k": 3.0}, {}, ())
    lines = ("v0 = p_x * p_x", "v1 = p_k * v0", "v2 = 0.5 * v1", "v3 = p_k * p_x", "v4 = -v3")
    require_right_field(bound, Code(lines, ("v2", "v4"), ()), "x")
    with pytest.raises(InputError, match="g: the code derived from it gives the slope along x"):
        require_right_field(bound, Code(lines, ("v2", "v3"), ()), "x")
