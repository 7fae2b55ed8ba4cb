"""Who is due when, and what a frame lets its reader do."""

import operator
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import motes
from motes.core.errors import InputError, RunError
from motes.observers import Frame, Observer, Roster


class Recorder(Observer):
    """Notes every call."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def start(self, frame: Frame) -> None:  # noqa: ARG002  # as the base class has it
        self.calls.append("start")

    def __call__(self, frame: Frame) -> None:
        self.calls.append(str(frame.step))

    def finish(self) -> None:
        self.calls.append("finish")


class Hungry(Recorder):
    needs_energy = True


def run(roster: Roster, simulation: Any, last: int) -> None:
    """What an engine does, without the physics."""
    roster.start(Frame(simulation))
    try:
        roster.show(Frame(simulation))
        while simulation.step < last:
            simulation.step += 1
            roster.show(Frame(simulation))
    finally:
        roster.finish()


def test_due_at_multiples_from_step_zero(simulation):
    recorder = Recorder()
    roster = Roster()
    roster.add(3, recorder)
    run(roster, simulation, 7)
    assert recorder.calls == ["start", "0", "3", "6", "finish"]


@given(interval=st.integers(1, 50), step=st.integers(0, 1000))
def test_next_due_is_the_first_due_step_to_come(interval, step):
    roster = Roster()
    roster.add(interval, print)
    following = roster.next_due(step)
    assert following > step
    assert roster.due(following) == [print]
    assert not any(roster.due(between) for between in range(step + 1, following))


def test_next_due_of_several_and_of_none():
    roster = Roster()
    assert roster.next_due(0) is None
    roster.add(10, print)
    roster.add(4, repr)
    assert [roster.next_due(step) for step in (0, 4, 8, 10, 19)] == [4, 8, 10, 12, 20]
    assert roster.due(20) == [print, repr]
    assert roster.due(8) == [repr]


def test_two_halves_report_what_one_whole_does(simulation):
    recorder = Recorder()
    roster = Roster()
    roster.add(2, recorder)
    run(roster, simulation, 4)
    run(roster, simulation, 8)
    assert recorder.calls == ["start", "0", "2", "4", "finish", "6", "8", "finish"]


def test_an_observer_added_between_runs_starts_with_the_next(simulation):
    early, late = Recorder(), Recorder()
    roster = Roster()
    roster.add(2, early)
    run(roster, simulation, 2)
    roster.add(2, late)
    run(roster, simulation, 4)
    assert late.calls == ["start", "2", "4", "finish"]


def test_energy_is_needed_only_where_it_will_be_read():
    roster = Roster()
    roster.add(5, Recorder(), print)
    roster.add(10, Hungry())
    assert [roster.needs_energy(step) for step in (0, 5, 10, 11)] == [True, False, True, False]


def test_everyone_is_told_of_the_end_also_if_one_fails(simulation):
    class Failing(Recorder):
        def finish(self) -> None:
            raise RunError("disk full")

    before, after = Recorder(), Recorder()
    roster = Roster()
    roster.add(1, before, Failing(), after)
    with pytest.raises(RunError, match="disk full"):
        run(roster, simulation, 0)
    assert before.calls[-1] == after.calls[-1] == "finish"


@pytest.mark.parametrize("interval", [0, -3, 1.5, "10", True, None])
def test_intervals_that_are_none(interval):
    with pytest.raises(InputError, match="interval of an observer"):
        Roster().add(interval, print)


def test_numpy_integers_are_intervals():
    roster = Roster()
    roster.add(np.int64(7), print)
    assert roster.next_due(0) == 7


@pytest.mark.parametrize(
    ("observers", "message"),
    [
        ((), "no observer given"),
        ((Recorder,), r"give an observer, Recorder\(\.\.\.\)"),
        ((3,), "function of a frame"),
    ],
)
def test_observers_that_are_none(observers, message):
    with pytest.raises(InputError, match=message):
        Roster().add(1, *observers)


def test_a_frame_gathers_each_quantity_once(simulation):
    frame = Frame(simulation)
    assert frame.positions is frame.positions
    assert frame.potential_energy == frame.potential_energy == -1.0 / 3.0
    assert simulation.reads == {"positions": 1, "potential_energy": 1}


def test_a_frame_has_what_a_simulation_has(simulation):
    frame = Frame(simulation)
    assert len(frame) == 3
    assert (frame.step, frame.time, frame.temperature, frame.virial) == (0, 0.0, 0.1, 0.7)
    assert frame.type_names == ("A", "B")
    assert frame.fingerprint == "abc"
    assert frame.box.dimensions == 3


@pytest.mark.parametrize("name", ["ids", "types", "mass", "positions", "velocities", "forces"])
def test_a_frame_is_read_only(simulation, name):
    frame = Frame(simulation)
    with pytest.raises(ValueError, match="read-only"):
        getattr(frame, name)[0] = 0
    with pytest.raises(InputError, match=f"Frame: {name} cannot be assigned: a frame only shows a simulation"):
        setattr(frame, name, 0)
    getattr(simulation, name)[0] = 0  # the simulation's own stays writeable


def test_attributes_are_read_only_too(simulation):
    with pytest.raises(ValueError, match="read-only"):
        Frame(simulation).attributes["charge"][0] = 0


def test_a_frame_of_the_past_says_so(simulation):
    frame = Frame(simulation)
    positions = frame.positions
    simulation.step = 10
    assert frame.positions is positions
    with pytest.raises(RunError, match=r"this frame is of step 0, but the simulation is at step 10.*'forces'"):
        frame.forces  # noqa: B018  # reading is the point


def test_some_are_shown_a_step_after_all_others(simulation):
    order = []

    class Noting(Observer):
        def __init__(self, name, shown_last=False):
            self.name, self.shown_last = name, shown_last

        def __call__(self, frame):
            order.append((frame.step, self.name))

    roster = Roster()
    roster.add(2, Noting("a", shown_last=True), Noting("b"))
    roster.add(1, Noting("c"))
    run(roster, simulation, 2)
    assert order == [(0, "b"), (0, "c"), (0, "a"), (1, "c"), (2, "b"), (2, "c"), (2, "a")]


def test_nobody_is_due_at_the_step_of_the_checkpoint(simulation):
    early, late = Recorder(), Hungry()
    roster = Roster()
    roster.add(2, early)
    roster.resume_at(6)
    roster.add(3, late)
    simulation.step = 6
    assert roster.due(6) == []
    assert not roster.needs_energy(6)
    assert roster.next_due(6) == 8
    run(roster, simulation, 9)
    assert early.calls == ["start", "8", "finish"]
    assert late.calls == ["start", "9", "finish"]


@given(interval=st.integers(1, 20), resumed=st.integers(0, 100), step=st.integers(0, 100))
def test_next_due_after_a_checkpoint_is_the_first_due_step_to_come(interval, resumed, step):
    roster = Roster()
    roster.add(interval, Hungry())
    roster.resume_at(resumed)
    following = roster.next_due(step)
    assert following > step
    assert roster.due(following)
    assert roster.needs_energy(following)
    assert not any(roster.due(between) or roster.needs_energy(between) for between in range(step + 1, following))


def test_what_observers_remember(tmp_path):
    class Remembering(Recorder):
        def remember(self, beside):
            return {"kind": "mine", "folder": str(beside)}

    roster = Roster()
    roster.add(5, Remembering(), print)
    roster.add(10, Recorder(), lambda frame: frame.step)
    mine, function, observer, small = roster.remember(tmp_path, 0)
    assert mine == {"every": 5, "shown": False, "kind": "mine", "folder": str(tmp_path)}
    assert function == {"every": 5, "shown": False, "kind": "function", "name": "print"}
    assert observer == {"every": 10, "shown": False, "kind": "function", "name": "Recorder"}
    assert small["kind"] == "function"
    assert "lambda" in small["name"]


def test_observers_can_be_listed_and_removed(simulation):
    early, late = Recorder(), Recorder()
    roster = Roster()
    handle = roster.add(2, early)
    roster.add(3, late, print)
    assert [(one.interval, *one.observers) for one in roster.handles] == [(2, early), (3, late), (3, print)]
    run(roster, simulation, 2)
    handle.remove()
    handle.remove()
    run(roster, simulation, 4)
    assert early.calls == ["start", "0", "2", "finish", "finish"]
    assert late.calls == ["start", "0", "finish", "3", "finish"]
    roster.handles[-1].remove()
    assert roster.observers == [late]


def test_an_observer_may_be_removed_or_added_amid_a_run(simulation):
    early, late = Recorder(), Recorder()
    roster = Roster()

    def change(frame):
        if frame.step == 2:
            handle.remove()
            roster.add(2, late)

    roster.add(1, change)
    handle = roster.add(2, early)
    run(roster, simulation, 4)
    assert early.calls == ["start", "0", "finish"]
    assert late.calls == ["start", "4", "finish"]


def test_a_cell_that_is_run_again_doubles_nobody(simulation):
    cell = """
def look(frame):
    seen.append(frame.step)
roster.add(2, look)
roster.add(2, lambda frame: seen.append(-frame.step))
roster.add(2, count)
"""
    roster, seen, count = Roster(), [], Recorder()
    for _ in range(2):
        exec(cell, {"roster": roster, "seen": seen, "count": count})  # noqa: S102  # what a notebook does
    assert len(roster.observers) == 3
    run(roster, simulation, 2)
    assert seen == [0, 0, 2, -2]
    roster.add(3, count)
    assert len(roster.observers) == 4


def test_functions_that_differ_in_what_they_hold_are_several():
    roster = Roster()
    for number in range(3):
        roster.add(2, lambda _, number=number: number)
        roster.add(2, lambda _: number)  # noqa: B023  # that it is another function is the point
    assert len(roster.observers) == 6


@pytest.mark.parametrize("name", ["thermo", "trajectory", "checkpoint"])
def test_observers_have_a_repr_and_can_be_pickled_also_while_they_have_files_open(name, tmp_path):
    path = tmp_path / "out"
    make = {"thermo": motes.Thermo, "trajectory": motes.Trajectory, "checkpoint": motes.Checkpoint}[name]
    observer = make(path, overwrite=True)
    assert repr(observer).startswith(f"{make.__name__}(path=")
    assert str(path) in repr(observer)
    simulation = motes.Simulation(motes.random(5, motes.Box([4.0, 4.0]), seed=1), motes.VelocityVerlet(0.1), threads=1)
    simulation.every(2, observer)
    copies = []
    simulation.every(2, lambda _: copies.append(pickle.loads(pickle.dumps(observer))))  # noqa: S301  # our own
    simulation.run(4)
    assert [repr(other) for other in copies] == [repr(observer)] * 3
    other = motes.Simulation(motes.random(5, motes.Box([4.0, 4.0]), seed=1), motes.VelocityVerlet(0.1), threads=1)
    other.every(2, copies[-1])
    other.run(2)


@pytest.mark.parametrize("observer", [lambda: None, operator.add])
def test_a_function_that_does_not_take_one_frame_is_refused(observer):
    with pytest.raises(InputError, match="an observer is called with one frame"):
        Roster().add(1, observer)


def test_outputs_that_cannot_be_are_refused_before_another_one_is_moved(tmp_path):
    (tmp_path / "t.csv").write_text("mine")
    (tmp_path / "c").write_text("no folder")
    simulation = motes.Simulation(motes.random(10, motes.Box([5.0, 5.0]), seed=1), motes.VelocityVerlet(0.01))
    simulation.every(1, motes.Thermo(tmp_path / "t.csv"))
    for observer, message in (
        (motes.Checkpoint(tmp_path / "c"), "is no folder"),
        (motes.Trajectory(tmp_path), "it is a folder"),
        (motes.Rdf(path=tmp_path), "it is a folder"),
    ):
        with pytest.raises(InputError, match=message):
            simulation.every(1, observer)
    assert (tmp_path / "t.csv").read_text() == "mine"


def gas():
    return motes.Simulation(motes.random(50, motes.Box([5.0, 5.0]), seed=1), motes.VelocityVerlet(0.01), threads=1)


def test_results_without_a_file_stand_side_by_side_also_after_a_resume(tmp_path):
    simulation = gas()
    one, other = motes.Rdf(bins=10), motes.Rdf(bins=20)
    simulation.every(1, one, other)
    simulation.every(2, one)  # again, and seldomer
    simulation.run(4)
    assert (one.frames, other.frames) == (3, 5)
    resumed = motes.resume(simulation.save(tmp_path / "run"))
    resumed.run(2)
    assert [handle.observers[0].frames for handle in resumed.observers] == [4, 7]


def test_a_result_that_is_given_again_goes_on_and_another_one_is_refused(tmp_path):
    simulation, path = gas(), tmp_path / "g.csv"
    simulation.every(1, motes.Rdf(bins=10, path=path))
    simulation.run(4)
    again = motes.Rdf(bins=10, path=path)
    simulation.every(1, again)
    simulation.run(2)
    assert again.frames == 7
    rows = np.genfromtxt(path, delimiter=",", names=True)
    assert rows["counts"].tolist() == again.counts.tolist()
    with pytest.raises(InputError, match=r"g\.csv is the file of Rdf\(bins=10, .*: choose another path, or say overw"):
        simulation.every(1, motes.Rdf(bins=20, path=path))
    anew = motes.Rdf(bins=20, path=path, overwrite=True)
    simulation.every(1, anew)
    simulation.run(1)
    assert anew.frames == 2
    assert len(path.read_text().splitlines()) == 21
    assert sorted(one.name for one in tmp_path.iterdir()) == ["g.csv"]
