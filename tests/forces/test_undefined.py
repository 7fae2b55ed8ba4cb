"""Where an energy has no value a run ends, also where its slope has one: a logarithm of a number below zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import motes

TORN = 1.5


def fene(r: Any) -> Any:
    return -0.5 * np.log(1 - (r / TORN) ** 2)


def chosen(r: Any) -> Any:
    return np.where(r < TORN, fene(r), 0.1 * r)


def misleading(r: Any) -> Any:
    return np.where(r > 0.1, 3.0 * np.log1p(-r / TORN) + np.log10(TORN - r) * r, r)


def two(laws: list[motes.Interaction], speed: float = 1.0, **topology: Any) -> motes.Simulation:
    particles = motes.Particles(
        [[4.0, 5.0], [5.0, 5.0]], motes.Box([10.0, 10.0]), [[-speed, 0.0], [speed, 0.0]], **topology
    )
    return motes.Simulation(particles, motes.VelocityVerlet(0.01), laws)


@pytest.mark.parametrize("shift", [None, "energy", "force"])
@pytest.mark.parametrize("energy", [fene, misleading])
def test_pairs(energy: Any, shift: Any) -> None:
    sim = two([motes.Pair(energy, 1.4 if shift else 3.0, shift=shift)], speed=20.0)
    if shift:  # which needs the energy at the cutoff
        sim.run(10)
        return
    with pytest.raises(motes.RunError, match=r"step \d: particle 0 is in a pair whose force or energy is not finite"):
        sim.run(10)
    assert np.ptp(sim.positions[:, 0]) < TORN


def test_what_is_not_chosen_does_not_matter() -> None:
    sim = two([motes.Pair(chosen, 3.0)], speed=20.0)
    sim.run(10)
    assert np.ptp(sim.positions[:, 0]) > TORN
    assert sim.potential_energy in (0.0, pytest.approx(0.1 * np.ptp(sim.positions[:, 0])))


def test_a_uniform_logarithm_of_nothing_is_refused_at_the_start() -> None:
    with pytest.raises(motes.InputError, match="at the start is not finite"):
        two([motes.Pair(lambda r, a: np.log(a) * r, 3.0, a=-1.0)])


def test_bonds() -> None:
    sim = two([motes.Bond(fene)], speed=20.0, bonds=[(0, 1)])
    with pytest.raises(motes.RunError, match=r"step \d: particle 0 is in the bond of 0, 1 \(.*\) whose"):
        sim.run(10)


def test_a_bond_that_leaves_the_box_has_advice_of_its_own() -> None:
    sim = two([motes.Bond(lambda r: 0.001 * r)], speed=20.0, bonds=[(0, 1)])
    with pytest.raises(motes.RunError, match=r"(?s)longer than 0.45 edges.*advice +use a larger box"):
        sim.run(100)


def test_many_bodies() -> None:
    law = motes.Embedded(lambda r: r + np.log(TORN - r), lambda rho: rho, 3.0)
    with pytest.raises(motes.RunError, match="not finite"):
        two([law], speed=20.0).run(10)


INFINITE = [
    lambda: motes.Pair(lambda r: np.where(r < 0.9, np.inf, 0.0), 1.5),
    lambda: motes.Bond(lambda r: np.nan * (r - 3) ** 2),
    lambda: motes.Bond(lambda r: np.inf + r),
    lambda: motes.Field(lambda x: np.where(x < 1, np.inf, x)),
    lambda: motes.PairForce(lambda r: np.where(r < 0.5, -np.inf, 0 * r), 1.0),
    lambda: motes.Embedded(lambda r: np.where(r < 0.5, np.inf, 1 - r), lambda rho: rho, 1.0),
    lambda: motes.Embedded(lambda r: 1 - r, lambda rho: np.nan * rho, 1.0),
]


@pytest.mark.parametrize("law", INFINITE)
def test_numbers_that_are_not_finite_are_refused(law: Any) -> None:
    """SymPy would take them for 0, so a wall would not be there."""
    with pytest.raises(motes.InputError, match=r"contains the number (-?inf|nan)|not finite|no finite"):
        two([law()], bonds=[(0, 1)])


def test_a_bond_may_be_constant_or_without_length() -> None:
    constant = motes.Bond(lambda r: 5.0)  # noqa: ARG005  # it takes one all the same
    assert two([constant], bonds=[(0, 1)]).potential_energy == 5.0
    particles = motes.Particles(
        [[1.0, 1.0], [1.0, 1.0], [5.0, 5.0], [6.0, 5.0]], motes.Box([9.0, 9.0]), bonds=[(0, 1), (2, 3)]
    )
    sim = motes.Simulation(particles, motes.VelocityVerlet(0.001), [motes.Bond(lambda r: r**2)])
    assert sim.potential_energy == 1.0


def test_a_checkpoint_has_the_law_that_ran(tmp_path: Any) -> None:
    stiffness = [1.0]
    law = motes.Bond(lambda r: stiffness[0] * (r - 1) ** 2)
    sim = two([law], bonds=[(0, 1)])
    sim.run(5)
    stiffness[0] = 5.0
    assert sim.copy().potential_energy == sim.potential_energy
    saved = sim.save(tmp_path / "bond")
    with pytest.raises(motes.InputError, match="its formula differs"):
        motes.resume(saved, [law])
    stiffness[0] = 1.0
    assert motes.resume(saved, [law]).potential_energy == sim.potential_energy


@pytest.mark.parametrize("name", ["v", "t", "noise", "dt", "s", "q"])
def test_a_parameter_may_have_a_name_that_kernels_use(name: str) -> None:
    scope: dict[str, Any] = {}
    exec(f"def energy(r, {name}): return {name} * (2 - r) ** 2", scope)  # noqa: S102  # it is all here
    sim = two([motes.Pair(scope["energy"], 2.0, **{name: 3.0})])
    assert sim.potential_energy == pytest.approx(3.0)
