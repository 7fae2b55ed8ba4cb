"""`motes sweep`: rows that `motes run` confirms, and one clear line for whatever cannot be swept."""

import csv
from concurrent.futures import ThreadPoolExecutor

import pytest

import motes as library

VARY = ["--vary", "integrator.dt=0.001,0.002"]
COLUMNS = ["temperature", "potential", "total", "pressure", "energy_change", "fingerprint"]
TRAJECTORY = '\n[trajectory]\npath = "fluid.gsd"\nevery = 5\n'


@pytest.fixture(autouse=True)
def _limit(time_limit):
    with time_limit(90.0):
        yield


@pytest.fixture
def fluid(write):
    """The fluid, with an output that a sweep must leave out."""
    path = write()
    return write(path.read_text() + TRAJECTORY)


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_every_row_is_what_motes_run_would_give(motes, fluid, folder):
    result = motes("sweep", fluid, *VARY, "--repeats", 2, "--output", "rows.csv", "--workers", 2)
    assert result.exit_code == 0, result.output
    assert {file.name for file in folder.iterdir()} == {"fluid.toml", "rows.csv"}
    rows = rows_of(folder / "rows.csv")
    expected = [(dt, repeat) for dt in ("0.001", "0.002") for repeat in "01"]
    assert [(row["integrator.dt"], row["repeat"]) for row in rows] == expected
    assert len({row["fingerprint"] for row in rows}) == 4
    row = rows[2]
    changes = [f"integrator.dt={row['integrator.dt']}", f"particles.seed={row['seed']}"]
    again = motes("run", fluid, *(word for change in changes for word in ("--set", change)))
    words = [line.split() for line in again.stdout.splitlines()]
    assert ["fingerprint", row["fingerprint"]] in words
    assert row["step"] == "20"

    header, table = result.stdout.split("\n\n")
    shown = dict(line.split(maxsplit=1) for line in header.splitlines())
    assert (shown["varied"], shown["runs"]) == ("integrator.dt", "4, 2 repeats of each set")
    assert table.splitlines()[0].split() == ["index", "repeat", "integrator.dt", *COLUMNS]
    assert [line.split()[-1] for line in table.splitlines()[1:]] == [row["fingerprint"] for row in rows]


def test_a_file_that_the_input_names_may_not_change_between(motes, write, fluid, folder):
    function = write("def soft(r):\n    return (1.2 - r)**2\n", "energies.py")
    text = fluid.read_text().replace('name = "lennard-jones"', 'function = "energies.py:soft"')
    path = write(text.replace("epsilon = 1.0\nsigma = 1.0\n", ""))
    command = ("sweep", path, "--vary", "run.steps=1,2", "--workers", 1, "--output", "rows.csv")
    assert motes(*command).exit_code == 0
    before = (folder / "rows.csv").read_bytes()
    assert motes(*command).exit_code == 0
    function.write_text("def soft(r):\n    return (1.3 - r)**2\n")
    result = motes(*command)
    assert result.exit_code == 2
    assert "rows.csv: a file that" in result.stderr
    assert "(energies.py), has changed since these rows were made" in result.stderr
    assert (folder / "rows.csv").read_bytes() == before


def test_the_function_gives_the_same(motes, fluid):
    varied = {"integrator.dt": [0.001, 0.002]}
    with ThreadPoolExecutor(2) as executor:
        rows = library.sweep(fluid, varied, executor, path="rows.csv", seed=4)
    result = motes("sweep", fluid, *VARY, "--seed", 4, "--output", "rows.csv")  # finds all done
    assert result.exit_code == 0, result.output
    assert all(row["fingerprint"] in result.stdout for row in rows)
    assert set(rows[0]) == {"index", "repeat", "seed", "integrator.dt", "step", "time", "kinetic", *COLUMNS}


def test_a_change_of_the_file_is_another_sweep(motes, fluid, write):
    assert motes("sweep", fluid, *VARY, "--output", "rows.csv", "--steps", 2).exit_code == 0
    text = fluid.read_text()
    write(f"# a remark\n{text}".replace("every = 10", "every = 4"))
    assert motes("sweep", fluid, *VARY, "--output", "rows.csv", "--steps", 2).exit_code == 0
    for arguments, content in [(["--steps", 3], text), (["--steps", 2], text.replace("0.8", "0.7"))]:
        write(content)
        result = motes("sweep", fluid, *VARY, "--output", "rows.csv", *arguments)
        assert result.exit_code == 2
        assert "is the file of another sweep" in result.stderr


def test_failed_runs_are_rows_and_the_exit_status(motes, fluid, folder):
    values = ["--vary", "interactions.1.name=lennard-jones,lenard-jones", "--output", "rows.csv", "--steps", 2]
    result = motes("sweep", fluid, *values)
    assert result.exit_code == 1
    assert "motes: error: 1 of 2 runs failed; start the same sweep again to repeat only these" in result.stderr
    first, second = rows_of(folder / "rows.csv")
    assert (first["error"], second["fingerprint"]) == ("", "")
    assert second["error"] in result.stdout


def test_values_of_many_kinds():
    from motes.cli.sweep import parameters

    expected = {
        "a.b=1,2.5": [1, 2.5],
        "a.c=x,y z": ["x", "y z"],
        'a.d="p,q","r"': ["p,q", "r"],
        "a.e=[1,2],[3,4]": [[1, 2], [3, 4]],
        "a.f=true,1e-3": [True, 1e-3],
        "g.h={x=1,y=2},{x=2}": [{"x": 1, "y": 2}, {"x": 2}],
        "a.i=one.data,[1,2]": ["one.data", [1, 2]],
    }
    assert list(parameters(list(expected)).values()) == list(expected.values())


def test_repeats_that_are_the_same_run_are_noted(motes, write):
    text = write().read_text().replace("temperature = 1.0\nseed = 1\n", "")
    result = motes("sweep", write(text), "--repeats", 2, "--steps", 1)
    assert result.exit_code == 0, result.output
    assert "no seed in this file, so repeats are the same run again" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the sweep is empty"),
        (["--vary", "integrator.dt=1", "--vary", "integrator.dt=2"], "integrator.dt is varied already"),
        (["--vary", "integrator.dtt=1"], "[integrator]: unknown key 'dtt'; did you mean 'dt'?"),
        (["--vary", "integratr.dt=1"], "unknown table [integratr]; did you mean [integrator]?"),
        (["--vary", "integrator.dt=0.001,-1"], "dt = -1 must be greater than 0"),
        (["--vary", "integrator.dt"], "write table.key=values, e.g. --vary integrator.dt=0.001,0.002"),
        (["--vary", "integrator.dt="], "write table.key=values"),
        (["--vary", "particles.read=a.data,,b.data"], "a value between two commas is missing"),
        (["--vary", "dt=1"], "a key is written table.key"),
        (["--vary", "interactions.cutoff=1"], "say which table, counted from 1"),
        (["--vary", "interactions.7.cutoff=1"], "there is no table 7 there"),
        (["--vary", "trajectory.every=1"], "trajectory.every cannot be varied"),
        ([*VARY, "--repeats", 0], "repeats: expected a whole number of at least 1, got 0"),
        ([*VARY, "--workers", 0], "workers: expected a whole number of at least 1, got 0"),
        ([*VARY, "--threads", 0], "threads: expected a whole number of at least 1, got 0"),
        ([*VARY, "--steps", -1], "--steps: expected a whole number of at least 0, got -1"),
        ([*VARY, "--seed", -1], "seed: expected a whole number of at least 0, got -1"),
        ([*VARY, "--output", "rows.txt"], "rows are written to a file that ends in .csv or .jsonl"),
        ([*VARY, "--output", "nowhere/rows.csv"], "the folder nowhere does not exist"),
        ([*VARY, "--set", "run.stepps=3"], "unknown key 'stepps'; did you mean 'steps'?"),
    ],
)  # fmt: skip
def test_bad_input(motes, fluid, folder, arguments, words):
    result = motes("sweep", fluid, *arguments)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("motes: error: ")
    assert words in line
    assert [file.name for file in folder.iterdir()] == ["fluid.toml"]


@pytest.mark.usefixtures("folder")
def test_files_that_cannot_be_swept(motes):
    for name, words in [
        ("absent.toml", "there is no such file"),
        ("script.py", "over a TOML file or a function, not over a script"),
    ]:
        result = motes("sweep", name, *VARY)
        assert result.exit_code == 2
        assert words in result.stderr
