"""Tabulated functions: splines through points, straight lines between them, alone and in kernels."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

import motes
from motes.core.errors import InputError
from motes.forces.pair import Pair
from motes.formulas.derive import derive_pair
from naming import named

EVEN = np.linspace(0.8, 2.6, 61)
UNEVEN = np.geomspace(0.8, 2.6, 61)


def energy(r: Any) -> Any:
    return 4 * (r**-12 - r**-6)


@pytest.mark.parametrize("points", [EVEN, UNEVEN, EVEN[:4], UNEVEN[:5]], ids=["even", "uneven", "four", "five"])
def test_a_table_is_a_cubic_spline(points: Any) -> None:
    table, spline = motes.Table(points, energy(points)), CubicSpline(points, energy(points))
    r = np.concatenate([np.linspace(points[0], points[-1], 777), points])
    np.testing.assert_allclose(table(r), spline(r), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(table(points), energy(points), rtol=1e-14)
    assert np.isnan(table([points[0] - 1e-9, points[-1] + 1e-9, np.nan])).all()


@pytest.mark.parametrize("points", [EVEN, UNEVEN], ids=["even", "uneven"])
def test_forces_of_a_table_are_its_slopes(run_code: Any, points: Any) -> None:
    table, spline = motes.Table(points, energy(points)), CubicSpline(points, energy(points))
    for shift in (None, "energy", "force"):
        bound = Pair(table, 2.5, shift=shift).bind(named())
        code = derive_pair(bound.pair.formula, frozenset({"cutoff"}), shift)
        for r in (0.81, 0.97, 1.3, *points[20:23], 2.49):
            force, value = run_code(code, {"cutoff": 2.5}, float(r))
            slope = spline(r, 1) - (spline(2.5, 1) if shift == "force" else 0.0)
            lift = 0.0 if shift is None else spline(2.5) + (spline(2.5, 1) * (r - 2.5) if shift == "force" else 0.0)
            assert value == pytest.approx(spline(r) - lift, rel=1e-9, abs=1e-11)
            assert force * r == pytest.approx(-slope, rel=1e-9, abs=1e-10)


def test_a_run_with_a_table() -> None:
    particles = motes.Particles([[1, 1, 1], [2.3, 1, 1]], motes.Box([10.0] * 3, boundary="open"))
    table = motes.Table(EVEN, energy(EVEN))
    simulation = motes.Simulation(particles, motes.VelocityVerlet(1e-3), [motes.Pair(table, 2.5)], threads=1)
    assert simulation.potential_energy == pytest.approx(float(table(1.3)), rel=1e-9)
    start = simulation.potential_energy
    simulation.run(300)
    assert simulation.potential_energy + simulation.kinetic_energy == pytest.approx(start, abs=1e-5)


def test_whole_arrays() -> None:
    table, x = motes.Table(UNEVEN, energy(UNEVEN)), np.linspace(0.5, 3.0, 400)
    np.testing.assert_allclose(motes.elementwise(lambda x: 2 * table(x), x), 2 * table(x), rtol=1e-12)
    line, rise = [1.0, 1.3, 2.2], [3.0, -1.0, 4.0]
    for given in ({}, {"left": 0.0}, {"left": -1.0, "right": 2.0}):
        found = motes.elementwise(lambda x, given=given: np.interp(x, line, rise, **given), [*x, 1.3, np.nan])
        np.testing.assert_allclose(found, np.interp([*x, 1.3, np.nan], line, rise, **given), rtol=1e-13, atol=1e-15)


def test_straight_lines_have_their_slopes(run_code: Any) -> None:
    pair = Pair(lambda r: np.interp(r, [1.0, 1.5, 2.0], [3.0, 1.0, 0.5]), 2.5)
    code = derive_pair(pair.bind(named()).pair.formula, frozenset(), None)
    for r, value, slope in ((0.7, 3.0, 0.0), (1.25, 2.0, -4.0), (1.75, 0.75, -1.0), (2.3, 0.5, 0.0)):
        force, found = run_code(code, {}, r)
        assert (found, force * r) == pytest.approx((value, -slope), rel=1e-13)


def test_a_table_can_be_pickled_and_does_not_change() -> None:
    table = motes.Table(EVEN, energy(EVEN))
    assert pickle.loads(pickle.dumps(table))(1.3) == table(1.3)  # noqa: S301 - our own bytes
    assert repr(table) == "Table(61 points from 0.8 to 2.6)"
    with pytest.raises(InputError, match="does not change"):
        table.last = 3.0  # type: ignore[misc]


REFUSED: list[tuple[Any, Any, str]] = [
    ([1, 2, 3], [1, 2, 3], "4 or more"),
    ([1, 2, 3, 4], [1, 2, 3], "two arrays of the same"),
    ([1, 2, 2, 4], [1, 2, 3, 4], "must rise, but 2 does not"),
    ([1, 2, 3, np.inf], [1, 2, 3, 4], "finite"),
    (["a", 2, 3, 4], [1, 2, 3, 4], "Table: the points: expected real numbers"),
    (["1", "2", "3", "4"], [1, 2, 3, 4], "Table: the points: expected real numbers, got"),
    ([1, 2, 3, 4], ["1.5"] * 4, "Table: the points: expected real numbers, got"),
    ([1, 2, 3, 4], [1, 2, True, 4], "Table: the points: expected real numbers, got"),
    ([1, 2, 3, 4], [1, 2, 3j, 4], "Table: the points: expected real numbers, got"),
    ([[1, 2], 3, 4], [1, 2, 3, 4], "Table: the points: rows of different lengths"),
    (None, [1, 2, 3, 4], "Table: the points: expected real numbers, got None"),
    ([0, 1e-9, 1, 2], [1, 2, 3, 4], "too unevenly spaced"),
]


@pytest.mark.parametrize(("r", "u", "message"), REFUSED)
def test_points_that_are_none_are_refused(r: Any, u: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        motes.Table(r, u)


@pytest.mark.parametrize("r", ["1.2", True, [1.2, "1.3"], 1j])
def test_what_is_no_number_has_no_value_in_a_table(r: Any) -> None:
    with pytest.raises(InputError, match="Table: expected real numbers"):
        motes.Table(EVEN, energy(EVEN))(r)


def test_points_of_interp_are_numbers() -> None:
    with pytest.raises(InputError, match=r"np\.interp: the points: expected real numbers"):
        Pair(lambda r: np.interp(r, ["0", "1"], [1.0, 2.0]), 1.0).bind(named())


def test_a_cutoff_beyond_the_table_is_refused() -> None:
    with pytest.raises(InputError, match=r"cutoff 3 lies beyond the table's last point, 2\.6"):
        Pair(motes.Table(EVEN, energy(EVEN)), 3.0).bind(named())


def test_tables_of_densities_and_of_angles_are_the_functions_they_come_from() -> None:
    """Of bonds, angles, densities and energies in them; cubic splines of so many points are as good as 1e-6."""
    positions = np.random.default_rng(1).uniform(0, 1.5, (9, 3)) + np.arange(9)[:, None] * [1.1, 0, 0]
    particles = motes.Particles(
        positions + 3,
        motes.Box([20.0] * 3),
        bonds=[(i, i + 1) for i in range(8)],
        angles=[(i, i + 1, i + 2) for i in range(7)],
    )
    r, rho, theta = np.linspace(0.1, 4, 4000), np.linspace(0.01, 3, 4000), np.linspace(-0.1, 3.3, 4000)

    def tried(*laws: motes.Embedded | motes.Bond | motes.Angle) -> motes.Simulation:
        return motes.Simulation(particles, motes.VelocityVerlet(0.001), laws)

    smooth = tried(
        motes.Embedded(lambda r: (4 - r) ** 2 / 40, lambda rho: -np.sqrt(rho), 4.0),
        motes.Bond(lambda r: (r - 1) ** 2), motes.Angle(lambda theta: np.cos(theta) ** 2),
    )  # fmt: skip
    tabulated = tried(
        motes.Embedded(motes.Table(r, (4 - r) ** 2 / 40), motes.Table(rho, -np.sqrt(rho)), 4.0),
        motes.Bond(motes.Table(r, (r - 1) ** 2)), motes.Angle(motes.Table(theta, np.cos(theta) ** 2)),
    )  # fmt: skip
    assert tabulated.potential_energy == pytest.approx(smooth.potential_energy, rel=1e-6)
    np.testing.assert_allclose(tabulated.forces, smooth.forces, atol=1e-5)
    assert "Table(4000 points" in repr(tabulated.interactions)
