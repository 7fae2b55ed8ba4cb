"""What does not change once made says so, and what to do instead; so it can be shared, and pickled."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import motes
from motes.integrators import Integrator


def spring(r: Any, k: Any) -> Any:
    return k * r * r / 2


def pull(x: Any, k: Any) -> Any:
    return k * x


def stream(x: Any, y: Any, speed: Any) -> Any:
    return speed * y, 0.0 * x


MADE = [
    motes.Box([3.0, 4.0], boundary=("periodic", "open"), origin=[0.5, 0.25]),
    motes.Pair(spring, cutoff={("A", "A"): 1.0}, k=np.array([[2.0]])),
    motes.Pair(spring, cutoff=1.0, shift="force", k=motes.mix("k", "arithmetic")),
    motes.Pair.from_expression("k*r**2/2", cutoff=1.0, k=2.0),
    motes.Field(pull, k={"A": 1.0}),
    motes.Field.from_expression("k*x", k=[1.0]),
    motes.Flow(stream, dt=0.1, method="rk4", speed=2.0),
    motes.VelocityVerlet(0.1),
    motes.Langevin(0.1, temperature=1.0, friction=2.0, seed=3),
    motes.Brownian(0.1, temperature=1.0, friction=2.0, seed=3),
    motes.Bussi(0.1, temperature=1.0, tau=2.0, seed=3),
]


@pytest.mark.parametrize("made", MADE, ids=repr)
def test_nothing_of_it_can_be_assigned(made: Any) -> None:
    before = repr(made)
    for name in [*vars(made), "k", "_secret", "dimensions", "nonsense"]:
        with pytest.raises(motes.InputError, match="does not change once made; make a new one"):
            setattr(made, name, 1.0)
    for name in vars(made):
        with pytest.raises(motes.InputError, match="does not change once made"):
            delattr(made, name)
    assert repr(made) == before


@pytest.mark.parametrize("made", MADE, ids=repr)
def test_copies_are_the_same_and_as_fixed(made: Any) -> None:
    for other in (pickle.loads(pickle.dumps(made)), copy.copy(made), copy.deepcopy(made)):  # noqa: S301  # our own
        assert repr(other) == repr(made)
        assert type(other) is type(made)
        with pytest.raises(motes.InputError, match="does not change once made"):
            other.dt = 1.0
        for value in vars(other).values():
            assert not isinstance(value, np.ndarray) or not value.flags.writeable


def test_the_nearest_right_name_is_said() -> None:
    bath, pair = motes.Langevin(0.1, temperature=1.0, friction=2.0, seed=3), MADE[1]
    for made, name, meant in (
        (bath, "kT", "no 'kT' \\(did you mean 'temperature'\\?\\)"),
        (bath, "gamma", "no 'gamma' \\(did you mean 'friction'\\?\\)"),
        (bath, "dt", "Langevin: dt cannot be assigned: .* simulation.integrator = "),
        (pair, "rcut", "no 'rcut' \\(did you mean 'cutoff'\\?\\)"),
        (pair, "k", "Pair: k cannot be assigned"),
        (MADE[0], "length", "no 'length' \\(did you mean 'lengths'\\?\\)"),
    ):
        with pytest.raises(motes.InputError, match=meant):
            setattr(made, name, 2.0)


def test_what_was_given_cannot_change_it_later() -> None:
    table, by_type = np.array([[2.0]]), {("A", "A"): 1.0}
    pair = motes.Pair(spring, cutoff=by_type, k=table)
    table[0, 0], by_type["A", "A"] = 7.0, 7.0
    assert pair.cutoff == {("A", "A"): 1.0}
    assert pair.parameters["k"][0, 0] == 2.0
    with pytest.raises(motes.InputError, match="'k' cannot be assigned: an interaction does not change"):
        pair.parameters["k"] = 3.0
    with pytest.raises(motes.InputError, match="'kk' \\(did you mean 'k'\\?\\) cannot be assigned"):
        pair.parameters["kk"] = 3.0
    with pytest.raises(ValueError, match="read-only"):
        pair.parameters["k"][0, 0] = 3.0


def test_an_integrator_of_a_users_own_is_set_up_as_any_class_is() -> None:
    class Still(Integrator):
        def __init__(self, dt: float) -> None:
            self.dt = dt
            self.steps = [0]

        first_half = second_half = lambda *_: None

    class StillWithName(Still):
        def __init__(self, dt: float, name: str) -> None:
            super().__init__(dt)
            self.name = name

    made = StillWithName(0.1, "still")
    assert (made.dt, made.name) == (0.1, "still")
    with pytest.raises(motes.InputError, match="'names' \\(did you mean 'name'\\?\\)"):
        made.names = ""
    simulation = motes.Simulation(motes.Particles([[1.0, 1.0]], motes.Box([3.0, 3.0])), made, threads=1)
    made.steps.append(1)  # no one can forbid that, so the engine has its own
    assert simulation._parts.plan.integrator.steps == [0]
