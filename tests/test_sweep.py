"""Sweeps: which runs there are, what becomes of those that fail, and what a file remembers."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import motes
from motes.core.threads import usual_threads
from motes.sweeps.cells import FORMS, decode, encode
from motes.sweeps.runs import plan_runs, seed_of

LIMIT = 60.0
TESTS = Path(__file__).parent
NAMES = ["run", "index", "repeat", "seed"]


@pytest.fixture(autouse=True)
def _limit(time_limit):
    with time_limit(LIMIT):
        yield


@pytest.fixture
def threads():
    """An executor that needs no time to start."""
    with ThreadPoolExecutor(2) as executor:
        yield executor


def alive(process: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] not in "ZX"
    except FileNotFoundError:
        return False


def wait_until(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.02)


# Which runs there are


def test_a_grid_with_the_last_name_fastest(work, threads):
    rows = motes.sweep(work.square, {"x": [3, 1, 2]}, threads)
    assert [(row["index"], row["x"], row["result"]) for row in rows] == [(0, 3, 9), (1, 1, 1), (2, 2, 4)]
    runs = plan_runs({"a": [1, 2], "b": range(2), "c": np.array([0.5])}, repeats=2)
    assert [(run.parameters["a"], run.parameters["b"], run.repeat) for run in runs] == [
        (a, b, repeat) for a in (1, 2) for b in (0, 1) for repeat in (0, 1)
    ]
    assert all(type(run.parameters["c"]) is float for run in runs)


def test_sets_one_by_one(work, threads):
    rows = motes.sweep(work.power, [{"x": 2.0}, {"x": 3.0, "exponent": 3}], threads)
    assert [row["result"] for row in rows] == [4.0, 27.0]
    assert "exponent" not in rows[0]


def test_nothing_but_repeats(work, threads):
    rows = motes.sweep(partial(work.seeded, 2), {}, threads, repeats=3)
    assert [row["repeat"] for row in rows] == [0, 1, 2]
    assert len({row["got"] for row in rows}) == 3


def test_seeds_belong_to_indices_and_are_for_ever(work, threads):
    assert [seed_of(0, index) for index in range(3)] == [132276321837047, 74491904010272, 251048086389044]
    assert len({seed_of(seed, index) for seed in range(100) for index in range(100)}) == 10_000
    rows = motes.sweep(work.seeded, {"x": [1, 2]}, threads, seed=3)
    assert [row["got"] for row in rows] == [row["seed"] for row in rows] == [seed_of(3, 0), seed_of(3, 1)]


def test_the_order_is_that_of_the_parameters(work):
    with ThreadPoolExecutor(3) as executor:
        rows = motes.sweep(work.slow_first, {"x": [0, 1, 2]}, executor)
    assert [row["result"] for row in rows] == [0, 1, 2]


def test_results_become_plain_values(work, threads):
    rows = motes.sweep(work.odd, {"x": range(6)}, threads)
    assert rows[0]["result"] == 1.5
    assert type(rows[0]["result"]) is float
    assert (rows[1]["a"], rows[1]["b"], rows[1]["c"]) == ([0, 1, 2], 1, [1, 2])
    assert set(rows[2]) == {"index", "repeat", "seed", "x"}
    for row, words in zip(
        rows[3:], ["the result x has the name of a parameter", "returned 1", "'a': object"], strict=True
    ):
        assert words in row["error"]
        assert "result" not in row


def test_the_name_stays_a_function():
    """A module of the same name would hide it as soon as something imports it."""
    import_module("motes.sweeps.conduct")
    assert callable(motes.sweep)


# Failures


def test_failures_are_rows(work, threads):
    rows = motes.sweep(work.fussy, {"x": [1, -1, 2]}, threads)
    assert [row.get("result") for row in rows] == [1, None, 2]
    assert rows[1]["error"] == "ValueError: x is -1, which is negative"


def test_a_killed_worker_loses_its_own_run_only(work, tmp_path):
    path = tmp_path / "rows.csv"
    call = partial(motes.sweep, work.deadly, {"x": range(6), "folder": [str(tmp_path)]}, path=path, workers=2)
    rows = call()
    assert [row.get("result") for row in rows] == [0, 1, None, 3, 4, 5]
    assert "its worker process was killed" in rows[2]["error"]
    written = {row["x"]: row for row in csv.DictReader(path.open())}
    assert "killed" in written["2"]["error"]
    assert [row["result"] for row in call()] == list(range(6))  # the mark is there now
    assert all(row["error"] == "" for row in csv.DictReader(path.open()))


def test_a_broken_executor_gives_rows_too(work, tmp_path):
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        rows = motes.sweep(work.deadly, {"x": [0, 2, 3], "folder": [str(tmp_path)]}, executor)
    assert rows[0]["result"] == 0
    assert all("BrokenProcessPool" in row["error"] for row in rows[1:])


SCRIPT = """
import sys
import motes
import sweep_work

if {guard}:
    motes.sweep(sweep_work.{function}, {{"x": range(6), "folder": [sys.argv[1]]}}, path=sys.argv[2], workers=2)
    print("done")
"""


@pytest.fixture
def script(tmp_path):
    """Start a script with a sweep of a function."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(Path(motes.__file__).parents[1])])}
    started = []

    def start(function, guard="__name__ == '__main__'"):
        file = tmp_path / "script.py"
        file.write_text(SCRIPT.format(function=function, guard=guard))
        command = [sys.executable, str(file), str(tmp_path), str(tmp_path / "rows.csv")]
        started.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=10)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_script_that_is_stopped_leaves_its_rows_and_no_workers(script, tmp_path, number):
    process = script("forever")

    def workers():
        return [int(file.name.split()[1]) for file in tmp_path.glob("worker *")]

    def rows():
        path = tmp_path / "rows.csv"
        return path.read_text().splitlines()[1:] if path.exists() else []

    wait_until(lambda: len(rows()) == 2 and len(workers()) == 2)
    time.sleep(0.1)  # both workers have begun a run that never ends
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode != 0
    wait_until(lambda: not any(map(alive, workers())))
    assert sorted(row.split(",")[1] for row in rows()) == ["0", "1"]


def test_a_script_without_its_guard_is_told_so(script):
    process = script("deadly", guard="True")
    output, errors = process.communicate(timeout=50)
    assert process.returncode == 1
    assert "motes.RunError" in errors
    assert "if __name__ == '__main__'" in errors.splitlines()[-1]
    assert output == ""


# The file


@pytest.fixture(params=["csv", "jsonl"])
def path(request, tmp_path):
    return tmp_path / f"rows.{request.param}"


def calls(folder, x):
    file = folder / str(x)
    return len(file.read_text().splitlines()) if file.exists() else 0


@pytest.fixture
def counted(work, tmp_path, path, threads):
    """A sweep over a function that counts its calls."""

    def run(**options):
        parameters = {"x": [1, -2, 3], "folder": [str(tmp_path)]}
        return motes.sweep(work.counted, parameters, threads, **({"path": path} | options))

    return run


def test_finished_rows_are_not_run_again_and_failed_ones_are(counted, tmp_path, path):
    first = counted()
    assert "negative" in first[1]["error"]
    (tmp_path / "mended").touch()
    second = counted()
    assert [calls(tmp_path, x) for x in (1, -2, 3)] == [1, 2, 1]
    assert second[0] == first[0]
    assert second[1]["half"] == -1.0
    before = path.read_bytes()
    assert counted() == second
    assert path.read_bytes() == before
    assert [calls(tmp_path, x) for x in (1, -2, 3)] == [1, 2, 1]
    assert counted(path=None) == second  # the same values, whether read from a file or not


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_torn_last_line_is_repaired(counted, tmp_path, path, kept):
    (tmp_path / "mended").touch()
    rows = counted()
    whole = path.read_bytes()
    start = whole.rstrip().rfind(b"\n") + 1
    path.write_bytes(whole[: start + int((len(whole) - start) * kept)])
    assert counted() == rows
    assert path.read_bytes() == whole
    assert [calls(tmp_path, x) for x in (1, -2, 3)] == [1, 1, 2]


def test_rows_are_written_as_runs_end(work, path):
    seen = []

    def look(done):
        seen.append((done, path.read_text().count("\n") - (path.suffix == ".csv")))

    with ThreadPoolExecutor(1) as executor:
        motes.sweep(work.square, {"x": [1, 2, 3]}, executor, path=path, progress=look)
    assert seen == [(0, 0), (1, 1), (2, 2), (3, 3)]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError, SystemExit])
def test_whatever_ends_a_sweep_lets_its_file_go(work, path, stop):
    def end(done):
        if done == 1:
            raise stop

    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(stop) as kept:
            motes.sweep(work.square, {"x": [1, 2, 3]}, executor, path=path, progress=end)
        assert not path.with_name(f"{path.name}.lock").exists()
        rows = motes.sweep(work.square, {"x": [1, 2, 3]}, executor, path=path)
    assert [row["result"] for row in rows] == [1, 4, 9]
    assert kept.traceback  # as a prompt and a notebook keep it, with all that the sweep held


ANYTHING = [
    10**5000,
    {"a": 10**5000},
    {"a": -(10**4000)},
    "\ud800 half a letter",
    {"\ud800": 1},
    {"two\nlines": 1},
    {"": 1},
    "two\nlines\r\n\x85\u2028\0",
    "1" * 5000,
    "[" * 50_000,
    list(range(50_000)),
    {"a": [[[float("nan")]], float("-inf")]},
    1j,
    {"run": 1},
    {"error": 1},
    {"a": {"b": 1}},
    {1: 2},
    object(),
    np.array(["a", "b"]),
    np.float64("nan"),
    np.datetime64("2020-01-01"),
    True,
    b"bytes",
]


def test_any_result_is_a_row_or_an_error_in_its_row(threads, path):
    def give(number):
        return ANYTHING[number]

    def looped(number):
        if number == len(ANYTHING):
            loop = []
            loop.append(loop)
            return loop
        if number > len(ANYTHING):
            raise UntoldError(number)
        return give(number)

    class UntoldError(Exception):
        def __str__(self):
            raise ValueError

    values = range(len(ANYTHING) + 2)
    rows = motes.sweep(looped, {"number": values}, threads, path=path)
    lines = path.read_bytes().decode().removesuffix("\n").split("\n")
    assert len(lines) == len(rows) + (path.suffix == ".csv")
    errors = {row["number"]: row["error"] for row in rows if "error" in row}
    assert set(errors) == {0, 1, 3, 4, 5, 6, 12, 13, 14, 15, 16, 17, 20, 22, *values[-2:]}
    assert "cannot be written to a file" in errors[0]
    assert "UntoldError" in errors[values[-1]]
    again = motes.sweep(looped, {"number": values}, threads, path=path)
    for one, other in zip(rows, again, strict=True):
        assert repr(one) == repr(other)


def test_results_may_have_names_of_their_own(work, threads, path):
    rows = motes.sweep(work.columns_differ, {"x": [0, 1, 2]}, threads, path=path)
    assert motes.sweep(work.columns_differ, {"x": [0, 1, 2]}, threads, path=path) == rows
    assert (rows[1]["result 1"], rows[2]["result 2"]) == (1, 2)
    assert "first" in rows[0]["error"]


def test_a_table_for_others_to_read(counted, path):
    counted()
    if path.suffix == ".csv":
        table = list(csv.reader(path.open()))
        assert table[0] == [*NAMES, "x", "folder", "half", "text", "list", "yes", "nothing", "empty", "error"]
        assert table[1][1:3] + table[1][4:5] + table[1][6:] == [
            "0",
            "0",
            "1",
            "0.5",
            '"1"',
            '[1, null, "a,b"]',
            "true",
            "null",
            '""',
            "",
        ]
    else:
        table = [json.loads(line) for line in path.read_text().splitlines()]
        assert [list(row)[:5] for row in table] == [[*NAMES, "x"]] * 3
    assert path.read_bytes().count(b"\n") == len(table)


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,2\n",
        "no line at all",
        '{"a": 1}\n',
        "run,index,repeat,seed,x,folder,error\nzzz,0,0,0,0,0,\n",
        "\n",
        "\udcff\n",
    ],
)
def test_the_file_of_something_else_is_left_alone(counted, tmp_path, path, content):
    path.write_text(content, errors="surrogateescape")
    before = path.read_bytes()
    with pytest.raises(motes.InputError, match="is the file of another sweep, or of none"):
        counted()
    assert path.read_bytes() == before
    assert calls(tmp_path, 1) == 0


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"repeats": 2, "seed": 2}, {"function": "fussy"}, {"parameters": {"x": [1, 4]}}]
)
def test_another_sweep_is_refused(work, threads, path, change):
    motes.sweep(work.square, {"x": [1, 2]}, threads, path=path)
    before = path.read_bytes()
    change = {"function": "square", "parameters": {"x": [1, 2]}} | change
    function = getattr(work, change.pop("function"))
    with pytest.raises(motes.InputError, match=r"another sweep.*not in this sweep"):
        motes.sweep(function, executor=threads, path=path, **change)
    assert path.read_bytes() == before


def test_an_empty_file_may_be_used(work, threads, path):
    path.touch()
    assert len(motes.sweep(work.square, {"x": [1, 2]}, threads, path=path)) == 2


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.text(st.sampled_from('\n\r,"a'))
    | st.sampled_from(["1e5", "NaN", "[1", "null"]),
    lambda inner: st.lists(inner, max_size=3),
)


@given(st.dictionaries(st.text(min_size=1).filter(str.isprintable), VALUES, min_size=1, max_size=4))
def test_every_row_is_one_line_and_comes_back(row):
    for form in FORMS.values():
        columns = list(row)
        line = form.line(row, columns)
        assert line.count("\n") == 1
        assert line.endswith("\n")
        assert line.encode().decode() == line
        back = form.row(line[:-1], columns)
        assert back == row
        assert [type(value) for value in back.values()] == [type(value) for value in row.values()]
    assert all(decode(encode(value)) == value for value in row.values())


# Cores


def test_workers_share_the_cores(work, monkeypatch):
    monkeypatch.setenv("MOTES_THREADS", "6")
    rows = motes.sweep(work.surroundings, {"x": [1, 2, 3, 4]}, workers=2)
    assert {(row["team"], row["variable"], row["bar"]) for row in rows} == {(3, "3", False)}
    (row,) = motes.sweep(work.surroundings, [{"x": 1}])
    assert row["team"] == 6  # one run alone has all
    rows = motes.sweep(work.surroundings, {"x": [1, 2, 3]}, threads=4)
    assert {row["team"] for row in rows} == {4}
    assert len({row["process"] for row in rows}) == 1


def test_an_executor_has_one_thread_a_run(work, threads):
    rows = motes.sweep(work.surroundings, {"x": [1, 2]}, threads)
    assert {(row["team"], row["bar"]) for row in rows} == {(1, False)}
    assert motes.sweep(work.surroundings, [{"x": 1}], threads, threads=3)[0]["team"] == 3
    assert usual_threads(17) in (17, int(os.environ.get("MOTES_THREADS", "17")))


# Bad input


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "the sweep is empty: give parameters"),
        ([], "the sweep is empty: give parameters"),
        ([{}], "the sweep is empty: give parameters"),
        ({"height": []}, "height has no values, so the sweep is empty"),
        ({"height": 2.0}, "height is 2.0; it must be a list of values"),
        ({"height": "12"}, "height is '12'; it must be a list of values"),
        ({"hieght": [1.0]}, "measure has no parameter hieght; did you mean height?"),
        ({"count": [3]}, "measure needs height as well"),
        ({"height": [1.0], "seed": [1]}, "seed cannot be a parameter"),
        ({"height": [1.0], "error": [1]}, "error cannot be a parameter"),
        ({3: [1.0]}, "3 is no name of a parameter"),
        ([{"height": 1.0}, 3], "parameter set 2 is 3; it must be like"),
        (3, "parameters is 3; it must be lists by name"),
    ],
)
def test_bad_parameters(work, threads, parameters, words):
    with pytest.raises(motes.InputError, match=words.replace("?", r"\?")) as caught:
        motes.sweep(work.measure, parameters, threads)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"repeats": 0}, "repeats: expected a whole number of at least 1, got 0"),
        ({"repeats": 1.5}, "repeats: expected a whole number"),
        ({"seed": -1}, "seed: expected a whole number of at least 0"),
        ({"threads": 0}, "threads: expected a whole number of at least 1"),
        ({"workers": 0}, "workers: expected a whole number of at least 1"),
        ({"path": "rows.txt"}, "rows.txt: rows are written to a file that ends in .csv or .jsonl"),
        ({"path": "nowhere/rows.csv"}, "the folder nowhere does not exist"),
        ({"executor": 3}, "executor is int; it must be a concurrent.futures.Executor"),
        ({"executor": ThreadPoolExecutor(), "workers": 2}, "workers is for the default executor"),
    ],
)
def test_bad_options(work, options, words):
    with pytest.raises(motes.InputError, match=words):
        motes.sweep(work.square, {"x": [1]}, **options)


def test_what_cannot_be_sent_to_processes(work):
    words = "define the function at the top level of a module, or use executor=ThreadPoolExecutor()"
    with pytest.raises(motes.InputError, match=r"<lambda> cannot be sent to another process") as caught:
        motes.sweep(lambda x: x, {"x": [1]})
    assert words in str(caught.value)
    with pytest.raises(motes.InputError, match=r"the parameters \{'x'.* cannot be sent"):
        motes.sweep(work.square, {"x": [lambda: 1]})
    with ProcessPoolExecutor(1) as executor, pytest.raises(motes.InputError, match="cannot be sent"):
        motes.sweep(lambda x: x, {"x": [1]}, executor)
    with ThreadPoolExecutor(1) as executor:
        assert motes.sweep(lambda x: x, {"x": [1]}, executor)[0]["result"] == 1


def test_at_a_prompt():
    code = "import motes\ndef f(x): return x\ntry: motes.sweep(f, {'x': [1]})\nexcept motes.InputError as e: print(e)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=50)
    assert "f was defined at a prompt" in done.stdout


def test_parameters_that_no_file_can_hold(work, threads, path):
    with pytest.raises(motes.InputError, match="cannot be written to a file"):
        motes.sweep(work.square, {"x": [1j]}, threads, path=path)
    assert not path.exists()
    assert "expected" not in motes.sweep(work.square, {"x": [2.0]}, threads)[0]


def test_functions_that_take_no_names(threads):
    def by_position(x, /):
        return x

    with pytest.raises(motes.InputError, match="takes x by position only"):
        motes.sweep(by_position, {"x": [1]}, threads)
    with pytest.raises(motes.InputError, match="not over int"):
        motes.sweep(3, {"x": [1]}, threads)
    assert motes.sweep(lambda **all_of_it: len(all_of_it), {"x": [1], "y": [2]}, threads)[0]["result"] == 2


def test_an_executor_that_is_shut_down(work):
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(motes.InputError, match="the executor takes no work"):
        motes.sweep(work.square, {"x": [1]}, executor)
