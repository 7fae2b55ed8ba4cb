"""Steps without Python: they have the bits of the ordinary step, and end where that would decide something."""

from __future__ import annotations

import gc
import itertools
import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import law_systems as laws
import numba
import numpy as np
import pytest

import motes
import town
from motes.core.board import LINE, ROW
from motes.core.state import Floats, State
from motes.core.threads import Team
from motes.engine import commands
from motes.engine.march import DONE, March, Sharing
from motes.engine.noted import MEANINGS, Noted
from motes.engine.starts import start_of
from motes.engine.step import Engine
from motes.exact.quanta import SUMS

REACH = 1.8


def soft(r: Any, k: Any) -> Any:
    return k * (1 - r / REACH) ** 2


def kinds(**how: Any) -> motes.Simulation:
    """Two types, attributes and a force that is not mutual, between walls and with an open side."""
    generator = np.random.default_rng(4)
    box = motes.Box([11.0, 9.0, 10.0], ["periodic", "reflecting", ("reflecting", "open")])
    particles = motes.Particles(
        generator.uniform(0.1, 0.9, (900, 3)) * box.lengths, box, generator.normal(0, 1, (900, 3)),
        types=np.where(np.arange(900) % 3, "A", "B"), charge=generator.uniform(0.5, 1.5, 900),
        ids=generator.permutation(900), mass=generator.uniform(0.5, 2.0, 900),
    )  # fmt: skip
    laws = [
        motes.Pair(soft, REACH, k={("A", "A"): 20.0, ("A", "B"): 40.0, ("B", "B"): 10.0}),
        motes.Pair(lambda r, charge_i, charge_j: charge_i * charge_j * (1 - r) ** 2, 1.0),
        motes.PairForce(lambda r, charge_j: 0.3 * charge_j * (1 - r), 1.0, mutual=False),
    ]
    return motes.Simulation(particles, motes.VelocityVerlet(0.001), laws, **how)


def melt(integrator: motes.Integrator = motes.VelocityVerlet(0.005), **how: Any) -> motes.Simulation:  # noqa: B008
    particles = motes.fcc(6, 0.8442, temperature=1.44, seed=2)
    pair = motes.Pair(motes.potentials.lennard_jones, 2.5, epsilon=1.0, sigma=1.0)
    return motes.Simulation(particles, integrator, [pair], **how)


def plane(**how: Any) -> motes.Simulation:
    start = motes.random(800, motes.Box([20.0, 21.0]), seed=1, temperature=0.5)
    particles = motes.Particles(start.positions, start.box, start.velocities, types=np.arange(800) % 6)
    return motes.Simulation(particles, motes.VelocityVerlet(0.002), [motes.Pair(soft, REACH, k=15.0)], **how)


def chains(**how: Any) -> motes.Simulation:
    """Pairs that are bonded are no pairs; there is no energy of the bonds."""
    bonds = [(i, i + 1) for i in range(863) if i % 8 != 7]
    start = motes.fcc(6, 0.8442, temperature=1.0, seed=2)
    particles = motes.Particles(start.positions, start.box, start.velocities, bonds=bonds)
    return motes.Simulation(
        particles, motes.VelocityVerlet(0.004), [motes.Pair(soft, REACH, k=30.0, special_bonds=(0, 0.5, 1))], **how
    )


def langevin(**how: Any) -> motes.Simulation:
    return melt(motes.Langevin(0.005, temperature=1.0, friction=2.0, seed=8), **how)


def bath(**how: Any) -> motes.Simulation:
    """A sum over all particles in every step."""
    return melt(motes.Bussi(0.005, temperature=1.0, tau=0.05, seed=8), **how)


def drops(**how: Any) -> motes.Simulation:
    """Friction, and noise between two."""
    particles, integrator, interactions = laws.drops()
    return motes.Simulation(particles, integrator, interactions, skin=0.8, **how)


def polymers(**how: Any) -> motes.Simulation:
    """Bonds and angles, in a bath."""
    particles, integrator, interactions = laws.chains()
    return motes.Simulation(particles, integrator, interactions, **how)


def trapped(**how: Any) -> motes.Simulation:
    """A strong field and a weak one."""
    particles = motes.fcc(6, 0.8442, temperature=1.44, seed=2)
    pull = motes.Field(
        lambda x, y, k, edge: k * np.cos(2 * np.pi * x / edge) * np.sin(2 * np.pi * y / edge), k=4.0, edge=10.0
    )
    weak = motes.Field(lambda z, mass, g, edge: mass * g * np.sin(2 * np.pi * z / edge), g=1e-9, edge=10.0)
    pair = motes.Pair(motes.potentials.lennard_jones, 2.5, epsilon=1.0, sigma=1.0)
    return motes.Simulation(particles, motes.VelocityVerlet(0.004), [pair, pull, weak], **how)


def alloy(**how: Any) -> motes.Simulation:
    """Two densities, one of which is not the same both ways."""
    particles, integrator, interactions = laws.alloy()
    return motes.Simulation(particles, integrator, interactions, **how)


def vapour(**how: Any) -> motes.Simulation:
    """A density that falls to nothing and rises again, on a grid that follows it."""
    particles, _, interactions = laws.vapour()
    return motes.Simulation(particles, motes.VelocityVerlet(0.004), interactions, skin=0.8, **how)


def in_time(force: Any, how: Any) -> motes.Simulation:
    particles, pair = motes.fcc(6, 0.8442, temperature=1.44, seed=2), motes.Pair(soft, REACH, k=15.0)
    return motes.Simulation(particles, motes.VelocityVerlet(0.005), [pair, force], first_step=70, **how)


def waves(**how: Any) -> motes.Simulation:
    """A field of the time."""
    return in_time(motes.Field(lambda x, t, k: 3 * np.cos(k * x - 30 * t), k=2 * np.pi / 10.0805), how)


def pulses(**how: Any) -> motes.Simulation:
    """Friction of the time."""
    return in_time(motes.PairForce(lambda r, v, t: (1 - r / REACH) * (np.sin(20 * t) - v), REACH), how)


def colloids(**how: Any) -> motes.Simulation:
    """Overdamped, two types between walls; dt changes what time it is."""
    start = motes.fcc(6, 0.8442)
    box = motes.Box(start.box.lengths, ["periodic", "periodic", "reflecting"])
    particles = motes.Particles(start.positions, box, types=np.where(np.arange(864) % 3, "A", "B"))
    medium = motes.Brownian(2e-4, temperature=1.0, friction={"A": 2.0, "B": 5.0}, seed=3)
    shaken = motes.Field(lambda z, t: 0.5 * z * np.sin(200 * t))
    return motes.Simulation(particles, medium, [motes.Pair(soft, REACH, k=15.0), shaken], skin=0.5, **how)


SYSTEMS: list[Callable[..., motes.Simulation]] = [
    melt, langevin, bath, plane, kinds, chains, drops, polymers, trapped, alloy, vapour, waves, pulses, colloids
]  # fmt: skip


def step_by_step(simulation: motes.Simulation, steps: int) -> None:
    """By the ordinary step."""
    simulation._engine.here.stages[0].marches = False
    for _ in range(steps):
        simulation.run(1)


@pytest.fixture(autouse=True)
def few_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else systems that are small enough for tests would have one thread."""
    monkeypatch.setattr("motes.forces.slots.LEAST_CLUSTERS", 16)
    monkeypatch.setattr("motes.engine.march.BUSY", 2.0)  # nor would they where cores are busy


@pytest.fixture
def marched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many steps each march took."""
    taken: list[int] = []
    march = Engine._march

    def noting(engine: Engine, most: int, half_done: bool) -> tuple[int, bool]:
        done = march(engine, most, half_done)
        taken.append(done[0])
        return done

    monkeypatch.setattr(Engine, "_march", noting)
    return taken


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("make", SYSTEMS)
@pytest.mark.filterwarnings("ignore::motes.MotesWarning")
def test_it_has_the_bits_of_the_ordinary_step(make: Any, threads: int, marched: list[int]) -> None:
    stepped, simulation = make(threads=1), make(threads=threads)
    step_by_step(stepped, 150)
    assert sum(marched) == 0
    simulation.run(150)
    assert sum(marched) >= 130
    assert simulation.fingerprint == stepped.fingerprint
    assert np.array_equal(simulation.forces, stepped.forces)
    assert (simulation.potential_energy, simulation.virial) == (stepped.potential_energy, stepped.virial)
    assert np.array_equal(simulation.images, stepped.images)
    assert simulation.time == stepped.time
    assert np.array_equal(simulation.conserved_energy, stepped.conserved_energy, equal_nan=True)


def corner(**how: Any) -> motes.Simulation:
    """All in one corner of a box with open sides, so that some regions have no particles."""
    start = motes.fcc(4, 0.8, temperature=1.0, seed=2)
    particles = motes.Particles(start.positions, motes.Box([40.0] * 3, "open"), start.velocities)
    pair = motes.Pair(motes.potentials.lennard_jones, 2.5, epsilon=1.0, sigma=1.0)
    return motes.Simulation(particles, motes.VelocityVerlet(0.004), [pair], **how)


def on_ranks(make: Any, ranks: int, threads: int, steps: int, together: bool = True) -> dict[str, Any]:
    """The end of a run in so many regions, by links that stand in for MPI and share memory."""
    simulation = make(threads=threads)
    now = simulation._engine.here.state
    plan, start, links = (
        simulation._parts.plan,
        start_of(simulation.snapshot(), now.step, now.timeline),
        town.Town(ranks),
    )

    def rank(number: int) -> dict[str, Any]:
        link = town.TownLink(links, number, together)
        engine = Engine(plan, start if number == 0 else start.elsewhere, link)
        commands.begin(engine, True, math.inf)
        engine.run(steps, energy=True)
        state, owned = engine.state, engine.state.owned
        found = {name: state.column(name)[..., :owned].copy() for name in ("ids", "positions", "velocities", "forces")}
        return {**found, "energies": commands.energies(engine), "seconds": engine.clock.seconds, "sent": link.messages}

    with ThreadPoolExecutor(ranks) as pool:
        parts = list(pool.map(rank, range(ranks)))
    order = np.argsort(np.concatenate([part["ids"] for part in parts]))
    whole = {
        name: np.concatenate([part[name] for part in parts], axis=-1)[..., order]
        for name in ("positions", "velocities", "forces")
    }
    return {**whole, "energies": parts[0]["energies"], "parts": parts}


@pytest.mark.parametrize(("ranks", "threads"), [(2, 1), (3, 2), (4, 1)])
@pytest.mark.parametrize("make", [*SYSTEMS, corner])
@pytest.mark.filterwarnings("ignore::motes.MotesWarning")
def test_ranks_that_share_memory_march_together(make: Any, ranks: int, threads: int, marched: list[int]) -> None:
    found = on_ranks(make, ranks, threads, steps=120)
    assert sum(marched) >= ranks * 100
    start = make(threads=1)  # whose velocities are on a grid by now, and forces may depend on them
    now, how = start.snapshot(), (start.integrator, start.interactions)
    stepped = motes.Simulation(now, *how, threads=1, first_step=start.step)
    step_by_step(stepped, 120)
    box = stepped.box
    positions = np.where(box.periodic[:, None], found["positions"] % box.lengths[:, None], found["positions"])
    assert np.array_equal(positions.T + box.origin, stepped.positions)
    assert np.array_equal(found["velocities"].T, stepped.velocities)
    assert np.array_equal(found["forces"].T * stepped.describe()["quanta"].force, stepped.forces)
    assert found["energies"] == (stepped.potential_energy, stepped.virial)


def test_ranks_without_shared_memory_take_the_ordinary_step(marched: list[int]) -> None:
    on_ranks(melt, 2, 1, steps=10, together=False)
    assert sum(marched) == 0


@pytest.mark.parametrize("make", [melt, alloy, vapour])
@pytest.mark.filterwarnings("ignore::motes.MotesWarning")
def test_what_is_sent_is_counted(make: Any, marched: list[int]) -> None:
    """As many messages as the ordinary step has, there and back along the axis that is cut, and amid the forces."""
    sent = [on_ranks(make, 2, 1, 120, together)["parts"][0]["sent"] for together in (True, False)]
    assert sum(marched) > 180
    assert sent[0] == sent[1] > 240


def test_there_is_room_for_all_that_ranks_publish() -> None:
    """And beyond it for what their particles come to."""
    noted = Noted(1, ranks=2)
    assert max(noted._column(DONE, meaning) for meaning in MEANINGS) + 1 < ROW - LINE


@pytest.mark.filterwarnings("ignore::motes.MotesWarning")
def test_without_inner_lists_and_with_too_many_sums_bits_are_the_same(
    monkeypatch: pytest.MonkeyPatch, marched: list[int]
) -> None:
    usual = alloy(threads=1)
    usual.run(60)
    monkeypatch.setattr("motes.simulation.parts.MOST_PRUNED", 0)
    without = alloy(threads=1)
    assert without.skin != usual.skin or not without._plan.may_prune
    without.run(60)
    assert without.fingerprint == usual.fingerprint
    marched.clear()
    monkeypatch.setattr("motes.engine.march.MOST_SUMS", 1)
    stepped = alloy(threads=1)
    stepped.run(60)
    assert sum(marched) == 0
    assert stepped.fingerprint == usual.fingerprint


@pytest.mark.parametrize("what", ["thread", "loop"])
def test_ranks_march_only_if_all_of_them_can(what: str, monkeypatch: pytest.MonkeyPatch, marched: list[int]) -> None:
    obstacle = March._obstacle

    def of_one(march: March, step: int, room: int) -> int:
        found = obstacle(march, step, room)
        return {"thread": 1, "loop": 2}[what] if march._engine.link.rank == 1 else found

    monkeypatch.setattr(March, "_obstacle", of_one)
    on_ranks(melt, 2, 1, steps=10)
    assert sum(marched) == 0


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("make", [melt, langevin])
def test_steps_with_new_lists_are_taken_up_in_their_middle(
    make: Any, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    middles: list[bool] = []
    go = March.go

    def noting(march: March, most: int, step: int, half_done: bool) -> tuple[int, int]:
        middles.append(half_done)
        return go(march, most, step, half_done)

    monkeypatch.setattr(March, "go", noting)
    simulation, stepped = make(threads=threads, skin=0.35), make()
    before = simulation.describe()["list_builds"]
    simulation.run(150)
    builds = simulation.describe()["list_builds"] - before - 1
    assert builds > 3
    assert sum(middles) >= builds // 2  # on a busy machine a march may end before a list does
    step_by_step(stepped, 150)
    assert simulation.fingerprint == stepped.fingerprint


def test_it_may_be_left_and_taken_up_at_any_step(marched: list[int]) -> None:
    whole, parts = langevin(threads=2), langevin(threads=2)
    whole.run(100)
    for steps in (3, 1, 7, 40, 2, 47):
        parts.run(steps)
    assert parts.fingerprint == whole.fingerprint
    assert min(one for one in marched if one) > 0


@pytest.mark.parametrize("threads", [1, 2])
def test_another_integrator_and_other_arrays_are_followed(threads: int) -> None:
    def changed(run: Callable[[motes.Simulation], None]) -> str:
        simulation = langevin(threads=threads)
        run(simulation)
        simulation.integrator = motes.VelocityVerlet(0.002)
        run(simulation)
        simulation.mass = np.linspace(0.5, 2.0, len(simulation))
        run(simulation)
        simulation.velocities = -simulation.velocities
        simulation.integrator = motes.Langevin(0.003, temperature=0.5, friction=1.0, seed=1)
        run(simulation)
        return simulation.fingerprint

    assert changed(lambda simulation: simulation.run(40)) == changed(lambda simulation: step_by_step(simulation, 40))


def fall(threads: int = 1) -> motes.Simulation:
    """Two that fall onto each other, with forces that grow a millionfold."""
    particles = motes.Particles([[4.0, 5.0, 5.0], [6.0, 5.0, 5.0]], motes.Box([10.0] * 3))
    pull = motes.Pair(lambda r: -1.0 / (r * r + 1e-4), 4.0)
    return motes.Simulation(particles, motes.VelocityVerlet(0.002), [pull], threads=threads)


def test_ranges_follow_the_run_at_the_same_steps(marched: list[int]) -> None:
    stepped, simulation = fall(), fall()
    seen = set()
    for _ in range(1500):
        step_by_step(stepped, 1)
        seen.add(stepped.describe()["quanta"].force)
    del marched[:]
    simulation.run(1500)
    assert len(seen) > 1
    assert sum(marched) > 1000
    assert simulation.fingerprint == stepped.fingerprint
    assert simulation.describe()["quanta"] == stepped.describe()["quanta"]


def meeting() -> motes.Simulation:
    """Two that fall onto each other by their densities, which grow a millionfold, and come apart."""
    particles = motes.Particles([[4.0, 5.0, 5.0], [6.0, 5.0, 5.0]], motes.Box([10.0] * 3))
    well = motes.Embedded(lambda r: 1.0 / (r * r + 1e-3) ** 2, lambda rho: -0.1 * np.sqrt(rho), cutoff=4.0)
    return motes.Simulation(particles, motes.VelocityVerlet(0.002), [well], threads=1)


def test_quanta_of_densities_follow_the_run_at_the_same_steps(marched: list[int]) -> None:
    stepped, simulation = meeting(), meeting()
    seen = set()
    for _ in range(3000):
        step_by_step(stepped, 1)
        seen.add(stepped.describe()["quanta"].sums)
    assert len(seen) > 2
    del marched[:]
    simulation.run(3000)
    assert sum(marched) > 2000
    assert simulation.describe()["quanta"] == stepped.describe()["quanta"]
    assert simulation.fingerprint == stepped.fingerprint


@pytest.mark.parametrize("part", [0.3, 1e-7])
def test_no_march_begins_where_a_density_asks_for_another_quantum(part: float) -> None:
    """The ordinary step goes over to it by the numbers of the step before."""
    simulation = alloy(threads=1)
    simulation.run(5)
    engine = simulation._engine.here
    assert engine.march.ready(engine.state.step, False, False, engine.sums)
    engine.largest_sums[1] = part * SUMS.limit(engine.state.quanta.sums[1])
    assert not engine.march.ready(engine.state.step, False, False, engine.sums)


def how_it_ended(simulation: motes.Simulation, steps: int, marches: bool) -> str:
    """At which step, why, and with which bits."""
    simulation._engine.here.stages[0].marches = marches
    with pytest.raises(motes.RunError) as error:
        simulation.run(steps)
    return f"{simulation.step} {error.value} {simulation.fingerprint}"


@pytest.mark.parametrize("threads", [1, 2])
def test_what_ends_a_run_is_reported_as_by_the_ordinary_step(threads: int) -> None:
    made = [melt(motes.VelocityVerlet(0.025), threads=threads) for _ in range(2)]
    assert how_it_ended(made[0], 3000, marches=True) == how_it_ended(made[1], 3000, marches=False)


def test_who_flies_off_is_reported_as_by_the_ordinary_step() -> None:
    def made() -> motes.Simulation:
        particles = motes.Particles(
            [[0.5, 0.5], [0.6, 0.5]], motes.Box([1.0, 1.0], "open"), [[-30.0, 0.0], [30.0, 0.0]]
        )
        return motes.Simulation(particles, motes.VelocityVerlet(0.01), [motes.Pair(soft, REACH, k=1.0)])

    assert how_it_ended(made(), 20_000, marches=True) == how_it_ended(made(), 20_000, marches=False)


def test_the_time_goes_on_when_dt_changes_amid_marches(marched: list[int]) -> None:
    ends = []
    for one_by_one in (True, False):
        simulation = colloids(threads=1)
        for dt in (2e-4, 1e-4):
            simulation.integrator = motes.Brownian(dt, temperature=1.0, friction={"A": 2.0, "B": 5.0}, seed=3)
            if one_by_one:
                step_by_step(simulation, 40)
            else:
                simulation.run(40)
        ends.append((simulation.time, simulation.fingerprint))
    assert ends[0] == ends[1]
    assert sum(marched) > 60


def test_a_step_that_is_too_long_ends_a_march_as_it_ends_a_run() -> None:
    """Overdamped, where no speed tells it."""

    def made() -> motes.Simulation:
        particles = motes.Particles([[4.0, 4.0], [12.0, 12.0]], motes.Box([16.0, 16.0], "open"), mass=[1.0, 1e-3])
        medium = motes.Brownian(1e-2, temperature=1e-4, friction=10.0, seed=1)
        pulled = motes.Field(lambda x, t: -2 * x * np.exp(3 * t))
        return motes.Simulation(particles, medium, [motes.Pair(soft, REACH, k=1.0), pulled], threads=1)

    ended = how_it_ended(made(), 20_000, marches=True)
    assert "moves by" in ended
    assert ended == how_it_ended(made(), 20_000, marches=False)


class Slower(motes.VelocityVerlet):
    """A user's own: it takes something away in every step, by NumPy."""

    def second_half(self, state: Any, team: Any) -> None:
        super().second_half(state, team)
        state.velocities[:, : state.owned] *= 0.5


def test_who_derives_from_an_integrator_is_not_left_out(marched: list[int]) -> None:
    simulation = melt(Slower(0.005))
    energy = simulation.kinetic_energy
    simulation.run(10)
    assert simulation.kinetic_energy < 0.01 * energy
    assert sum(marched) == 0


def test_time_is_booked_to_the_phases() -> None:
    simulation = melt()
    simulation.run(5)
    before = simulation.timings
    simulation.run(300)
    spent = {phase: seconds - before[phase] for phase, seconds in simulation.timings.items()}
    assert spent["pair"] > spent["integrate"] > 0
    assert spent["halo"] > 0
    assert spent["neighbors"] > 0


def test_how_even_threads_were_is_reported() -> None:
    simulation, alone = melt(threads=2), melt(threads=1)
    assert math.isnan(simulation.idleness)
    simulation.run(50)
    alone.run(50)
    assert 0.0 < simulation.idleness < 1.0
    assert math.isnan(alone.idleness)


def test_threads_share_the_work_and_end_with_the_simulation() -> None:
    before = set(threading.enumerate())
    simulation = melt(threads=3)
    simulation.run(20)
    shares = len(simulation._engine.here.slots.parts)  # an assertion would hold on to what it looked at
    marchers = [one for one in threading.enumerate() if one not in before and one.name.startswith("motes-")]
    assert (shares, len(marchers)) == (3, 2)
    del simulation
    gc.collect()
    for one in marchers:
        one.join(10.0)
    assert not any(one.is_alive() for one in marchers)


@numba.njit(nogil=True)  # not Motes' own, which says nothing of what it returns
def largest_position(begin: int, end: int, positions: Floats) -> float:
    """A number that means nothing to a march."""
    largest = 0.0
    for i in range(begin, end):
        largest = max(largest, positions[0, i])
    return largest


class Looking(motes.VelocityVerlet):
    """It says that it marches, and has a loop of its own."""

    marches = True

    def second_half(self, state: State, team: Team) -> None:
        super().second_half(state, team)
        team.split(largest_position, state.owned, state.positions)


def test_loops_of_unknown_meaning_are_left_to_the_ordinary_step(marched: list[int]) -> None:
    simulation, usual = melt(Looking(0.005), threads=2), melt(threads=2)
    simulation.run(50)
    assert sum(marched) == 0
    usual.run(50)
    assert sum(marched) > 40
    assert simulation.fingerprint == usual.fingerprint


def test_threads_are_alone_for_so_many_lists_however_many_marches_a_list_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("motes.engine.march.BUSY", 0.4)
    sharing = Sharing(4)
    for _ in range(100):
        sharing.note(waited=9, spent=10)
    assert sharing.threads == 4
    seen = []
    for _ in range(12):
        sharing.note(waited=9, spent=10)
        sharing.end_list()
        seen.append(sharing.threads)
    assert seen == [4, 4, 1, 1, 1, 1, 4, 4, 4, 1, 1, 1]


def test_where_cores_are_busy_one_thread_goes_on_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits at all counts as waiting too long."""
    monkeypatch.setattr("motes.engine.march.BUSY", 0.0)
    simulation, alone = melt(threads=2), melt(threads=1)
    shares, seen = [], 0
    while seen < 12:
        simulation.run(1 + (simulation.step > 0) * 9)
        builds = simulation.describe()["list_builds"]
        shares += [len(simulation._engine.here.slots.parts)] * (builds - seen)
        seen = builds
    assert {1, 2} == set(shares)
    assert shares.count(1) > shares.count(2)
    alone.run(simulation.step)
    assert simulation.fingerprint == alone.fingerprint


def test_without_threads_to_be_had_it_is_the_ordinary_step(monkeypatch: pytest.MonkeyPatch, marched: list[int]) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    simulation, alone = melt(threads=2, skin=0.35), melt(threads=1)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refused)
        simulation.run(30)
    assert sum(marched) == 0
    simulation.run(120)  # it tries again after a while
    assert sum(marched) > 30
    alone.run(150)
    assert simulation.fingerprint == alone.fingerprint


def test_where_threads_come_and_go_no_step_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Marches that end in the middle of a step, and others that cannot begin there, for want of a thread."""
    simulation, alone = langevin(threads=2), langevin(threads=1)
    muster, calls = Team.muster, itertools.count()
    monkeypatch.setattr(Team, "muster", lambda team, helpers: muster(team, helpers) if next(calls) % 3 else 0)
    simulation.run(300)
    alone.run(300)
    assert next(calls) > 20
    assert simulation._engine.here.state.step == 300
    assert (simulation.time, simulation.fingerprint) == (alone.time, alone.fingerprint)


def test_where_lists_last_for_a_step_it_is_hardly_tried(marched: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []
    go = March.go

    def noting(march: March, most: int, step: int, half_done: bool) -> tuple[int, int]:
        tried.append(most)
        return go(march, most, step, half_done)

    monkeypatch.setattr(March, "go", noting)
    simulation, stepped = melt(skin=0.0), melt()
    simulation.run(140)
    assert len(tried) <= 12
    step_by_step(stepped, 140)
    assert simulation.fingerprint == stepped.fingerprint
    assert 0 < sum(marched) < len(tried)  # the first after a rest only finds that there are new lists to be made


def test_a_stage_that_refreshes_more_columns_than_messages_are_numbered_does_not_march(marched: list[int]) -> None:
    """Two columns in one piece of shared memory would be wrong numbers."""
    simulation = alloy(threads=1)
    stages = simulation._engine.here.stages
    stage = next(one for one in stages if one.refresh)
    assert len(stage.refresh) == 1
    stage.refresh = stage.refresh * 3
    simulation.run(10)
    assert sum(marched) == 0


def test_ranks_whose_messages_are_too_long_for_shared_memory_take_the_ordinary_step(
    monkeypatch: pytest.MonkeyPatch, marched: list[int]
) -> None:
    monkeypatch.setattr("motes.engine.march.MOST_SHARED", 1000)
    on_ranks(melt, 2, 1, steps=10)
    assert sum(marched) == 0


def test_steps_that_an_observer_sees_one_by_one_march_too(marched: list[int]) -> None:
    seen, quiet = melt(threads=2), melt(threads=2)
    seen.every(1, lambda frame: frame.positions)
    seen.run(80)
    assert sum(marched) > 50
    quiet.run(80)
    assert seen.fingerprint == quiet.fingerprint
