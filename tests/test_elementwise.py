"""One function over whole arrays, against NumPy."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import motes
from motes.formulas.elementwise import PIECE


def norm(x: Any, y: Any) -> Any:
    return np.sqrt(x * x + y * y)


def same(function: Any, *arrays: Any) -> None:
    """Arithmetic and roots have NumPy's own bits, whatever the number of threads."""
    expected = np.asarray(function(*map(np.asarray, arrays)), float)
    for threads in (1, 2, 3, None):
        found = motes.elementwise(function, *arrays, threads=threads)
        assert found.shape == expected.shape
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, expected)


LONG = np.random.default_rng(1).normal(size=3 * PIECE + 17)
TABLE = LONG[:600].reshape(20, 30)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(
    "arrays",
    [
        (LONG, LONG[::-1]),
        (LONG, 2.5),
        (3, 4),
        (LONG[:-1:2], LONG[1::2]),
        (TABLE, TABLE.T.copy().T),
        (TABLE.T, TABLE.T),
        (TABLE, TABLE[0]),
        (TABLE[:, :1], TABLE[0]),
        (LONG[:300, None], LONG[None, :400]),
        (LONG[: 2 * PIECE].reshape(2, 1, PIECE), LONG[:6].reshape(2, 3, 1)),
        (TABLE, [[2]]),
        (np.zeros((0, 3)), 1.0),
        (np.zeros((4, 0)), TABLE[:4, :1]),
        ([1, 2, 3], (4.0, 5.0, 6.0)),
    ],
    ids=lambda arrays: " ".join(str(np.shape(array)) for array in arrays),
)
def test_any_shapes_that_broadcast(arrays: Any) -> None:
    same(norm, *arrays)


@pytest.mark.parametrize("kind", ["i1", "u2", "i4", "u8", "f2", "f4", "f8", "g", ">f8", ">i4"])
def test_any_kind_of_real_numbers(kind: str) -> None:
    x = np.arange(1, 100).astype(kind)
    assert motes.elementwise(lambda x, y: x / 3 + y, x, 0.5) == pytest.approx(x.astype(float) / 3 + 0.5, rel=1e-15)


def test_whole_numbers_that_float64_has():
    x = np.array([2**53, -(2**53)])
    assert motes.elementwise(lambda x: x - 1, x).tolist() == [2.0**53 - 1, -(2.0**53) - 1]
    assert motes.elementwise(lambda x: x, np.zeros((0, 3), int)).shape == (0, 3)


def test_arrays_are_read_and_not_changed():
    x = LONG.copy()
    x.flags.writeable = False
    same(norm, x, x)
    assert (x == LONG).all()


def test_several_results_come_as_a_tuple():
    total, product, one = motes.elementwise(lambda x, y: (x + y, x * y, 1.0), TABLE, TABLE[0])
    np.testing.assert_array_equal(total, TABLE + TABLE[0])
    np.testing.assert_array_equal(product, TABLE * TABLE[0])
    np.testing.assert_array_equal(one, np.ones_like(TABLE))
    (alone,) = motes.elementwise(lambda x: [x], [1.0, 2.0])
    np.testing.assert_array_equal(alone, [1.0, 2.0])


def test_nothing_is_rearranged():
    same(lambda x: (x + 1e16) - 1e16, LONG)
    same(lambda x, y: x * x - y * y, LONG, LONG * (1 + 1e-15))
    same(lambda x, y: x / y / y * y, LONG, LONG[::-1])
    same(lambda x: x * 0.0, np.array([1.0, -0.0, np.nan]))
    same(lambda x: np.where(x > 0, x, -x) + np.where((x > 1) | ~(x < 2), 1, 0), LONG)


FUNCTIONS: list[Any] = [
    lambda x: np.exp(-x) * np.sin(x) + np.log(2 + np.cos(x)),
    lambda x: x**3 + np.abs(x) ** 0.5 + np.abs(x) ** 2.7 + x**-2 + (1 + x * x) ** 70 * 0 + x**0,
    lambda x: np.tanh(x) + np.sinh(x) / np.cosh(x) + np.arctan(x) + np.arctan2(x, 1 - x) + np.hypot(x, 2),
    lambda x: motes.erf(x) + motes.erfc(x),
    lambda x: np.clip(x, -1, 1) + np.sign(x) + np.cbrt(x) + np.log1p(x * x) + np.expm1(x),
    lambda x: np.floor(x) + np.ceil(x) + np.round(3 * x) + x % 0.3 + 5 * x // 0.3 + np.heaviside(x, 0.5) + x**65,
    lambda x: np.arcsin(x / 9) + np.arccos(x / 9) + np.select([x < 0, x < 1], [x, x * x], 3.0) + np.tan(x),
]

EXACT: list[tuple[Any, Any]] = [
    (np.cbrt, ([-8.0, -27.0],)),
    (np.log1p, ([1e-10, 1e-17],)),
    (np.expm1, ([1e-10, 1e-17],)),
    (np.sign, ([np.nan, -0.5],)),
    (np.log2, ([5e-324, 8.0],)),
    (np.log10, ([1000.0],)),
    (np.hypot, ([1e200, 1e-200], [1e200, 1e-200])),
    (np.fmax, ([np.nan, 1.0], [1.0, np.nan])),
    (np.fmin, ([np.nan, 1.0], [1.0, np.nan])),
    (np.power, ([-2.0, -2.0, 2.0], [2.0, 0.5, 0.5])),
    (np.arctan2, ([0.0, -0.0], [-1.0, -1.0])),
    (np.sin, ([1e15, 3e14],)),
    (np.floor_divide, ([1.0, -1.0, 0.0, 1e300, 7.0, -7.0], [0.0, 0.0, 0.0, 3.0, 2.0, 2.0])),
    (np.round, ([0.5, 1.5, -2.5],)),
]


@pytest.mark.parametrize(("function", "arrays"), EXACT, ids=lambda value: getattr(value, "__name__", ""))
def test_functions_that_exist_for_exactness_are_exact(function: Any, arrays: Any) -> None:
    with np.errstate(all="ignore"):
        expected = function(*arrays)
    names = (lambda x: function(x)) if len(arrays) == 1 else (lambda x, y: function(x, y))
    np.testing.assert_allclose(motes.elementwise(names, *arrays), expected, rtol=4.5e-16, atol=0)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_agree_with_numpy(function: Any) -> None:
    x = LONG[:500]
    np.testing.assert_allclose(motes.elementwise(function, x), function(x), rtol=1e-13, atol=1e-14)


def test_angles_in_all_quadrants_and_on_the_axes():
    grid = np.array([-2.0, -1.0, -1e-9, 0.0, 1e-9, 1.0, 2.0])
    y, x = np.meshgrid(grid, grid)
    np.testing.assert_allclose(motes.elementwise(np.arctan2, y, x), np.arctan2(y, x), atol=4e-16)


def test_what_is_not_a_number_stays_so_as_in_numpy():
    x, y = np.meshgrid([0.0, 1.0, np.nan, np.inf, -np.inf], [0.0, -1.0, np.nan, np.inf])
    with np.errstate(all="ignore"):
        for function in (np.minimum, np.maximum, np.add, np.divide, norm):
            same(function, x, y)


def no_formula(x: Any) -> Any:
    return math.exp(x)


WRONG: list[tuple[Any, tuple[Any, ...], str]] = [
    (norm, ([1.0, 2.0], [1.0, 2.0, 3.0]), r"do not broadcast to one shape: x \(2,\), y \(3,\)"),
    (norm, ([1.0],), r"takes 2 arrays \(x, y\), but 1 are given"),
    (norm, (1, 2, 3), "but 3 are given"),
    (norm, (), "at least one array"),
    (lambda x: x + unknown, (1.0,), "name 'unknown' is not defined"),  # type: ignore[name-defined]  # noqa: F821
    (lambda x: None, (1.0,), "returns nothing"),  # noqa: ARG005
    (lambda x: (), (1.0,), "returns nothing"),  # noqa: ARG005
    (lambda x: (x, "a"), (1.0,), "must return one number, or several in a tuple"),
    (lambda x: x < 1, (1.0,), r"write np\.where"),
    (no_formula, (1.0,), r"test_elementwise\.py:\d+: .*np\.exp"),
    (norm, (["a"], 1.0), "x: expected real numbers"),
    (norm, (1.0, [True]), "y: expected real numbers"),
    (norm, (1.0, [1j]), "y: expected real numbers"),
    (norm, ([[1, 2], [3]], 1.0), "x: rows of different lengths"),
    (norm, ([1, 2**53 + 1], 1.0), r"x: expected whole numbers up to 2\*\*53, .* got 9007199254740993"),
    (norm, (1.0, -(2**60)), r"y: expected whole numbers up to 2\*\*53, .* got -1152921504606846976"),
    (norm, (np.array([2**64 - 1], np.uint64), 1.0), r"x: expected whole numbers up to 2\*\*53"),
    (lambda *x: x[0], (1.0,), "must name its parameters"),
    (3.0, (1.0,), "must be a function"),
]


@pytest.mark.parametrize(("function", "arrays", "message"), WRONG)
def test_bad_input_gets_one_clear_message(function: Any, arrays: Any, message: str) -> None:
    with pytest.raises(motes.InputError, match=message) as caught:
        motes.elementwise(function, *arrays)
    assert "\n" not in str(caught.value)


def test_threads_must_be_a_number():
    with pytest.raises(motes.InputError, match="threads: expected a whole number of at least 1, got 0"):
        motes.elementwise(norm, LONG, LONG, threads=0)


def test_a_second_process_needs_no_sympy_and_gets_the_same():
    program = (
        "import sys, numpy as np, motes; x = np.linspace(0, 1, 10**5);"
        "print(motes.elementwise(lambda x, y: np.exp(x) * y, x, x).sum().hex(), 'sympy' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    runs = [
        subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout
    assert runs[1].stdout.split()[1] == "False"


def test_over_the_particles_of_a_simulation_in_the_order_of_their_ids():
    box = motes.Box([9.0, 9.0], ["periodic", "reflecting"], origin=[-1.0, 3.0])
    ids = np.random.default_rng(4).permutation(500) * 3
    particles = motes.random(500, box, seed=2)
    particles = motes.Particles(particles.positions, box, charge=ids / 7, ids=ids, mass=1.0 + ids)
    particles.thermalize(100.0, seed=1)
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.05))
    simulation.run(40)

    def density(charge: Any, x: Any, y: Any, t: Any, mass: Any) -> Any:
        return charge * x + y * t, mass

    found, mass = simulation.elementwise(density)
    x, y = simulation.positions.T
    np.testing.assert_array_equal(found, simulation.attributes["charge"] * x + y * simulation.time)
    np.testing.assert_array_equal(mass, simulation.mass)
    np.testing.assert_array_equal(simulation.elementwise(lambda y: y), y)
    with pytest.raises(motes.InputError, match=r"unknown name 'charg'.*did you mean 'charge'"):
        simulation.elementwise(lambda charg: charg)
