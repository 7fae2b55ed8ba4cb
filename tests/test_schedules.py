"""Numbers that follow the steps: each step has those of its own, however a run is cut, shared, stopped and resumed."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motes
from motes.core.schedules import Followers
from motes.engine import ahead, queries
from motes.engine.step import Engine

REACH = 1.8
DT = 2.0**-8


def soft(r: Any, k: Any) -> Any:
    return k * (1 - r / REACH) ** 2


def typed(seed: int = 2) -> motes.Particles:
    start = motes.fcc(4, 0.8442, temperature=1.44, seed=seed)
    types = np.where(np.arange(256) % 3, "A", "B")
    return motes.Particles(start.positions, start.box, start.velocities, types=types)


def wave(s: Any) -> Any:
    return 5.0 + 4.0 * np.sin(s / 7)


def pairs(**how: Any) -> motes.Simulation:
    """A table of types of which some entries follow, and a field."""
    k = {("A", "A"): 20.0, ("A", "B"): motes.Ramp(40.0, 10.0, 30), ("B", "B"): motes.Schedule(wave)}
    laws = [
        motes.Pair(soft, REACH, k=k),
        motes.Field(lambda x, a: a * np.cos(2 * np.pi * x / 6.71839), a=motes.Ramp(0.0, 3.0, 50, begin=20)),
    ]
    return motes.Simulation(typed(), motes.VelocityVerlet(0.005), laws, **how)


def langevin(**how: Any) -> motes.Simulation:
    bath = motes.Langevin(
        0.005, temperature=motes.Ramp(1.0, 2.0, 50), friction={"A": 1.0, "B": motes.Schedule(wave)}, seed=1
    )
    return motes.Simulation(typed(), bath, [motes.Pair(soft, REACH, k=20.0)], **how)


def brownian(**how: Any) -> motes.Simulation:
    medium = motes.Brownian(1e-4, temperature=motes.Schedule(wave), friction=motes.Ramp(2.0, 20.0, 40), seed=1)
    return motes.Simulation(typed(), medium, [motes.Pair(soft, REACH, k=20.0)], **how)


def bussi(**how: Any) -> motes.Simulation:
    bath = motes.Bussi(0.005, temperature=motes.Ramp(1.5, 0.5, 60), tau=motes.Ramp(0.5, 0.05, 60), seed=3)
    return motes.Simulation(typed(), bath, [motes.Pair(soft, REACH, k=20.0)], **how)


def forces(**how: Any) -> motes.Simulation:
    force = motes.PairForce(lambda r, v, gamma: (1 - r / REACH) * (3.0 - gamma * v), REACH, gamma=motes.Ramp(0, 5, 60))
    return motes.Simulation(typed(), motes.VelocityVerlet(0.005), [force], **how)


def embedded(**how: Any) -> motes.Simulation:
    """What one adds at another is not what that adds at it, from some step on."""
    law = motes.Embedded(
        lambda r, w: w * (1 - r / REACH) ** 2, lambda rho, c: c * rho**2, cutoff=REACH,
        w={("A", "A"): 1.0, ("A", "B"): motes.Ramp(1.0, 2.0, 50), ("B", "A"): 1.0, ("B", "B"): 0.5},
        c={"A": 1.0, "B": motes.Ramp(1.0, 3.0, 60)},
    )  # fmt: skip
    return motes.Simulation(typed(), motes.VelocityVerlet(0.005), [law], **how)


def chains(**how: Any) -> motes.Simulation:
    start = motes.fcc(4, 0.8442, temperature=1.0, seed=2)
    bonds = [(i, i + 1) for i in range(255) if i % 8 != 7]
    particles = motes.Particles(
        start.positions, start.box, start.velocities, bonds=bonds, bond_types=["ab"[i % 2] for i in range(len(bonds))]
    )
    k = {"a": motes.Ramp(5.0, 40.0, 60), "b": 20.0}
    laws = [motes.Pair(soft, REACH, k=20.0), motes.Bond(lambda r, k, r0: k * (r - r0) ** 2, k=k, r0=1.1)]
    return motes.Simulation(particles, motes.VelocityVerlet(0.004), laws, **how)


SYSTEMS: list[Callable[..., motes.Simulation]] = [pairs, langevin, brownian, bussi, forces, embedded, chains]


def result(simulation: motes.Simulation) -> tuple[Any, ...]:
    energy = (simulation.potential_energy, simulation.virial) if simulation.interactions[0].has_energy else ()
    return simulation.fingerprint, simulation.forces.tobytes(), *energy


@pytest.fixture(autouse=True)
def few_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else systems that are small enough for tests would have one thread."""
    monkeypatch.setattr("motes.forces.slots.LEAST_CLUSTERS", 16)
    monkeypatch.setattr("motes.engine.march.BUSY", 2.0)


@pytest.mark.parametrize("make", SYSTEMS)
@pytest.mark.filterwarnings("ignore::motes.MotesWarning")
def test_each_step_has_its_own_on_any_threads_and_however_a_run_is_cut(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stepped = make(threads=1)
    for _ in range(100):
        stepped.run(1)
    marched: list[int] = []
    march = Engine._march
    monkeypatch.setattr(Engine, "_march", lambda *a: (marched.append(1), march(*a))[1])
    for threads in (1, 2, 3):
        simulation = make(threads=threads)
        simulation.run(100)
        assert result(simulation) == result(stepped)
    assert marched
    monkeypatch.setattr(ahead, "AHEAD", 8)
    monkeypatch.setattr("motes.simulation.look_ahead.AHEAD", 8)
    few = make(threads=1)
    few.run(100)
    assert result(few) == result(stepped)


@pytest.mark.parametrize("make", SYSTEMS)
@pytest.mark.filterwarnings("ignore::motes.MotesWarning")
def test_a_run_goes_on_amid_a_schedule(make: Any, tmp_path: Path) -> None:
    whole = make(threads=1)
    whole.run(60)
    half = make(threads=1)
    half.run(25)
    half.save(tmp_path / "half")
    copy = half.copy()
    copy.run(35)
    assert result(copy) == result(whole)
    scheduled = make is langevin or make is brownian  # functions are code
    given = {"integrator": make(threads=1).integrator} if scheduled else {}
    resumed = motes.resume(tmp_path / "half", interactions=make(threads=1).interactions, threads=2, **given)
    resumed.run(35)
    assert result(resumed) == result(whole)


def test_forces_are_those_of_their_step() -> None:
    simulation = pairs(threads=1)
    for step in (0, 3, 30, 45):
        simulation.run(step - simulation.step)
        k = {("A", "A"): 20.0, ("A", "B"): 40.0 - min(step, 30), ("B", "B"): float(wave(np.array([step]))[0])}
        amplitude = 3.0 * min(max(step - 20, 0), 50) / 50
        field = motes.Field(lambda x, a: a * np.cos(2 * np.pi * x / 6.71839), a=amplitude)
        now = motes.Simulation(
            simulation.snapshot(), motes.VelocityVerlet(0.005), [motes.Pair(soft, REACH, k=k), field]
        )
        assert simulation.forces == pytest.approx(now.forces, rel=1e-9, abs=1e-9)
        assert simulation.potential_energy == pytest.approx(now.potential_energy, rel=1e-12)
        reporter = simulation._parts.reporter
        found = reporter._columns(reporter.engine.ask(queries.find, [7]))
        particle = {name: values[0] for name, values in found.items()}
        told = sum(reporter._forces_on(particle, reporter._around(particle)).values())
        assert told == pytest.approx(simulation.forces[7], rel=1e-6, abs=1e-6)


def test_a_schedule_of_a_field_is_the_same_as_its_time() -> None:
    ends = []
    for field in (
        motes.Field(lambda x, t: 50 * t * np.cos(x)),
        motes.Field(lambda x, a: 50 * a * np.cos(x), a=motes.Schedule(lambda s: s * DT)),
    ):
        particles = motes.fcc(4, 0.8442, temperature=1.44, seed=2)
        particles = motes.Particles(particles.positions, motes.Box(particles.box.lengths, "open"), particles.velocities)
        simulation = motes.Simulation(particles, motes.VelocityVerlet(DT), [motes.Pair(soft, REACH, k=20.0), field])
        simulation.run(80)
        ends.append(result(simulation))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("make", [langevin, brownian, bussi])
def test_a_bath_on_a_schedule_is_one_that_is_given_anew_at_each_step(make: Any) -> None:
    simulation, stepped = make(threads=1), make(threads=1)
    given = simulation.integrator

    def at(value: Any, step: int) -> Any:
        if isinstance(value, motes.Ramp | motes.Schedule):
            return float(value.at(np.array([step]))[0])
        return {key: at(one, step) for key, one in value.items()} if hasattr(value, "items") else value

    for step in range(40):
        stepped.integrator = type(given)(
            **{
                name: at(value, step + (make is bussi))  # it acts at the end of a step
                for name, value in vars(given).items()
            }
        )
        stepped.run(1)
    simulation.run(40)
    assert simulation.fingerprint == stepped.fingerprint


def test_a_ramp_begins_where_it_is_given(tmp_path: Path) -> None:
    simulation = langevin(threads=1)
    assert simulation.integrator.temperature.begin == 0
    simulation.run(10)
    simulation.integrator = motes.Langevin(0.005, temperature=motes.Ramp(1.0, 3.0, 10), friction=1.0, seed=1)
    assert simulation.integrator.temperature.begin == 10
    assert motes.resume(simulation.save(tmp_path / "a"), simulation.interactions).integrator.temperature.begin == 10


def test_a_brownian_bath_tells_the_temperature_of_the_step() -> None:
    simulation = brownian(threads=1)
    simulation.run(11)
    assert simulation.temperature == pytest.approx(wave(11))


def test_energy_is_not_conserved_where_parameters_follow() -> None:
    assert math.isnan(pairs(threads=1).conserved_energy)
    assert math.isfinite(bussi(threads=1).conserved_energy)


def test_a_failure_is_told_with_the_numbers_of_its_step() -> None:
    """A field that grows by steps until it throws a particle out; it is found again from a copy that was kept."""

    def thrown(threads: int) -> str:
        field = motes.Field(lambda x, a: -a * x, a=motes.Schedule(lambda s: 1.1 ** np.minimum(s, 2000)))
        start = motes.Particles([[5.0, 5.0], [5.5, 5.0]], motes.Box([10.0, 10.0], "open"))
        laws = [motes.Pair(soft, REACH, k=1.0), field]
        simulation = motes.Simulation(start, motes.VelocityVerlet(0.01), laws, threads=threads)
        with pytest.raises(motes.RunError) as failed:
            simulation.run(2000)
        return str(failed.value)

    said = thrown(1)
    assert "moves by" in said
    assert "interaction 2" in said
    assert said == thrown(2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: motes.Ramp(1.0, math.nan, 5), "Ramp: stop: expected a finite number"),
        (lambda: motes.Ramp(1.0, 2.0, 0), "Ramp: steps: expected a whole number of at least 1"),
        (lambda: motes.Ramp(1.0, 2.0, 5, -1), "Ramp: begin: expected a whole number of at least 0"),
        (lambda: motes.Schedule(3.0), "Schedule: expected a function of an array of steps, got 3.0"),
        (
            lambda: motes.Langevin(0.01, motes.Ramp(1.0, -1.0, 5), 1.0, seed=1),
            "temperature: the stop of the ramp: expected at least 0, got -1.0",
        ),
        (
            lambda: motes.Brownian(0.01, 1.0, {"A": motes.Ramp(0.0, 1.0, 5)}, seed=1),
            "friction of 'A': the start of the ramp: expected more than 0",
        ),
        (lambda: motes.Bussi(0.01, 1.0, motes.Ramp(1.0, 0.0, 5), seed=1), "tau: the stop of the ramp: expected more"),
        (lambda: motes.VelocityVerlet(motes.Ramp(0.1, 0.2, 5)), "dt: expected a finite number, got Ramp"),
        (lambda: motes.Pair(soft, motes.Ramp(1.0, 2.0, 5), k=1.0), "cutoff: expected a finite number, got Ramp"),
    ],
)
def test_what_no_number_can_follow_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(motes.InputError) as refused:
        make()
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda s: np.where(s < 20, 1.0, -0.5),
            "temperature: Schedule(<lambda>) at step 20: expected at least 0, got -0.5",
        ),
        (
            lambda s: np.where(s < 20, 1.0, np.nan),
            "temperature: Schedule(<lambda>) at step 20: expected a finite number",
        ),
        (lambda s: np.ones(len(s) + 1), "it must give as many numbers, or one"),
        (str, "it must give as many numbers, or one"),
    ],
)
def test_what_a_function_gives_is_looked_at_before_it_is_needed(function: Any, message: str) -> None:
    bath = motes.Langevin(0.005, motes.Schedule(function), 1.0, seed=1)
    with pytest.raises(motes.InputError) as refused:  # at the start, or before the stretch
        motes.Simulation(typed(), bath, [motes.Pair(soft, REACH, k=20.0)], threads=1).run(30)
    assert message in str(refused.value)


def test_a_flow_takes_the_time_instead() -> None:
    flow = motes.Flow(lambda x, y, z, w: (w * y, -w * x, 0 * z), dt=0.01, method="euler", w=motes.Ramp(1.0, 2.0, 5))
    with pytest.raises(
        motes.InputError, match=r"follows a schedule, and a flow cannot; its function may take the time, t"
    ):
        motes.Simulation(typed(), flow)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (motes.Ramp(40.0, 10.0, 31), "has a ramp"),
        (40.0, "it has a ramp"),
        (motes.Schedule(lambda s: 40.0 - s), "it is given a schedule"),
    ],
)
def test_another_schedule_is_not_that_of_the_checkpoint(other: Any, message: str, tmp_path: Path) -> None:
    def made(k: Any) -> motes.Simulation:
        return motes.Simulation(typed(), motes.VelocityVerlet(0.005), [motes.Pair(soft, REACH, k=k)], threads=1)

    simulation = made(motes.Ramp(40.0, 10.0, 30))
    simulation.run(5)
    simulation.save(tmp_path / "a")
    with pytest.raises(motes.InputError) as refused:
        motes.resume(tmp_path / "a", interactions=made(other).interactions)
    assert message in str(refused.value) or "formula or numbers differ" in str(refused.value)


def test_another_function_is_told_by_what_it_gives(tmp_path: Path) -> None:
    def made(function: Any) -> motes.Simulation:
        law = motes.Pair(soft, REACH, k=motes.Schedule(function))
        return motes.Simulation(typed(), motes.VelocityVerlet(0.005), [law], threads=1)

    simulation = made(wave)
    simulation.run(5)
    simulation.save(tmp_path / "a")
    motes.resume(tmp_path / "a", made(lambda s: wave(s)).interactions)
    with pytest.raises(
        motes.InputError, match=r"soft.*: k: in the checkpoint, at step 5, it has a schedule that gives"
    ):
        motes.resume(tmp_path / "a", made(lambda s: wave(s) + 1e-9).interactions)


def test_numbers_are_found_in_a_fixed_order() -> None:
    followers = Followers(step=3, begins=[1, None])
    table = {"A": motes.Ramp(0.0, 10.0, 10), "B": 2.0, "C": motes.Ramp(0.0, 10.0, 10)}
    values, which = followers.resolved("k", table, lambda given: np.array([given[one] for one in "ABC"], float))
    assert values.tolist() == [2.0, 2.0, 0.0]
    assert which.tolist() == [1.0, 0.0, 2.0]
    assert [one.schedule.begin for one in followers.found] == [1, 3]
