"""The commands as a user meets them: what they print, what they write, and how they exit."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import gsd.hoomd
import numpy as np
import pytest

from motes.core.errors import RunError

MOTES = [sys.executable, "-m", "motes"]
OUTPUTS = """
[trajectory]
path = "fluid.gsd"
every = 10
"""
SCRIPT = """
import sys
import motes

particles = motes.fcc(cells=3, density=0.8, temperature=1.0, seed=1)
pair = motes.Pair(lambda r: 1 / r**12, cutoff={cutoff})
sim = motes.Simulation(particles, motes.VelocityVerlet(dt=0.002), [pair])
sim.run(2)
print(f"threads {{sim.threads}}\\narguments {{len(sys.argv)}}")
"""


def process(*arguments, **options):
    """A `motes` of its own."""
    return subprocess.run(
        [*MOTES, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120, **options
    )


def fingerprint(result):
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("fingerprint")]
    return line.split()[1]


def test_help_loads_nothing_heavy():
    script = (
        "import sys\nfrom motes.cli import app\n"
        "app(['--help'], standalone_mode=False)\n"
        "heavy = {'numba', 'numpy', 'sympy', 'gsd', 'pydantic', 'rich', 'llvmlite'} & set(sys.modules)\n"
        "sys.exit(str(sorted(heavy)) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for command in ("run", "check", "doctor"):
        assert command in done.stdout


def test_version(motes):
    result = motes("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("motes ")


def test_run_prints_header_table_and_footer(motes, write):
    result = motes("run", write())
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    rows = {line.split()[0]: line for line in lines if line.strip()}
    assert rows["particles"].split() == ["particles", "108", "of", "108"]
    for name in ("input", "box", "density", "interaction", "integrator", "threads", "skin", "thermo"):
        assert name in rows
    table = lines.index(next(line for line in lines if line.split()[:2] == ["step", "time"]))
    assert [line.split()[0] for line in lines[table + 1 : table + 4]] == ["0", "10", "20"]
    for name in ("run", "pair", "neighbors", "energy", "fingerprint"):
        assert name in rows
    assert "particle-steps/s" in rows["run"]
    assert "drift" in rows["energy"]
    assert result.stderr == ""


def test_run_writes_what_the_file_asks_for(motes, write, folder):
    path = write(write().read_text().replace("every = 10", 'every = 10\npath = "fluid.csv"') + OUTPUTS)
    assert motes("run", path, "--quiet").exit_code == 0
    assert [line.split(",")[0] for line in (folder / "fluid.csv").read_text().splitlines()] == [
        "step",
        "0",
        "10",
        "20",
    ]
    with gsd.hoomd.open(folder / "fluid.gsd") as frames:
        assert [frame.configuration.step for frame in frames] == [0, 10, 20]


RESULTS = """
[profile]
path = "z.csv"
every = 10
axis = "z"
bins = 4
what = "velocity"

[structure_factor]
path = "s.csv"
every = 10
q = 8.0
bins = 5

[average]
path = "means.csv"
every = 2
what = ["temperature", "total_energy"]
"""


def test_results_are_tables_of_a_file(motes, write, folder):
    path = write(write().read_text() + RESULTS)
    result = motes("run", path)
    assert result.exit_code == 0, result.output
    assert "structure_factor  s.csv, every 10 steps" in result.stdout
    lines = {name: (folder / f"{name}.csv").read_text().splitlines() for name in ("z", "s", "means")}
    assert {name: (rows[0], len(rows)) for name, rows in lines.items()} == {
        "z": ("centres,counts,vx,vy,vz", 5),
        "s": ("k,s,vectors", 6),
        "means": ("reading,mean,lengths,numbers,errors,uncertainties,chosen", 9),
    }
    for setting, words in (
        ("profile.axis=w", "[profile]: Profile: axis: expected 'x', 'y' or 'z', got 'w'"),
        ("structure_factor.q=-3", "[structure_factor]: q = -3 must be greater than 0"),
        ("average.what=heat", "[average]: Average: what: there is no reading 'heat'"),
    ):
        refused = motes("run", path, "--set", setting)
        assert refused.exit_code == 2
        assert words in refused.stderr


def test_the_footer_has_averages_with_their_errors(motes, write):
    path = write(write().read_text().replace("every = 10", 'every = 1\npath = "t.csv"'))
    short = motes("run", path).stdout
    assert re.search(r"^averages +of 21 rows, from step 0 on$", short, re.MULTILINE)
    assert re.search(r"^  total +-[\d.]+, too few rows for an error$", short, re.MULTILINE)
    bath = ('kind = "velocity-verlet"', 'kind = "langevin"\ntemperature = 1.0\nfriction = 50.0\nseed = 1')
    path = write(path.read_text().replace(*bath))
    long = motes("run", path, "--steps", 1000, "--overwrite").stdout
    mean, error = re.search(r"^  temperature +([\d.]+) \+- ([\d.]+)$", long, re.MULTILINE).groups()
    rows = np.genfromtxt("t.csv", delimiter=",", names=True)
    assert float(mean) == pytest.approx(rows["temperature"].mean(), abs=1.1 * 10.0 ** -len(mean.split(".")[1]))
    assert 0.5 < float(error) / (np.sqrt(2 / 321) * np.sqrt(2 / (2 * 50.0 * 2.0))) < 2  # decays by 2 friction


def test_quiet_prints_nothing(motes, write):
    result = motes("run", write(), "--quiet")
    assert (result.exit_code, result.output) == (0, "")


def test_steps_threads_and_settings(motes, write):
    result = motes("run", write(), "--steps", 4, "--threads", 2, "--set", "thermo.every=2")
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["threads", "2"] in rows
    assert ["steps", "4"] in rows
    assert {"0", "2", "4"} <= {row[0] for row in rows if row}


def test_the_same_bits_for_any_number_of_threads(motes, write):
    path = write()
    assert fingerprint(motes("run", path)) == fingerprint(motes("run", path, "--threads", 2))


def test_a_setting_changes_the_run(motes, write):
    path = write()
    other = motes("run", path, "--set", "integrator.dt=0.001")
    assert fingerprint(motes("run", path)) != fingerprint(other)


def test_an_expression_and_a_name_and_a_function_are_the_same(motes, write):
    write("def lj(r, epsilon, sigma):\n    return 4*epsilon*((sigma/r)**12 - (sigma/r)**6)\n", "energies.py")
    text = write().read_text()
    forms = (
        'name = "lennard-jones"',
        'energy = "4*epsilon*((sigma/r)**12 - (sigma/r)**6)"',
        'function = "energies.py:lj"',
    )
    results = {fingerprint(motes("run", write(text.replace(forms[0], form)))) for form in forms}
    assert len(results) == 1


def test_the_same_command_twice_keeps_what_the_first_one_wrote(motes, write, folder):
    path = write(write().read_text() + OUTPUTS)
    assert motes("run", path, "--steps", "5").stderr == ""
    first = (folder / "fluid.gsd").read_bytes()
    result = motes("run", path)
    assert result.exit_code == 0
    assert result.stderr == "motes: fluid.gsd exists: it is kept as fluid.1.gsd\n"
    assert (folder / "fluid.1.gsd").read_bytes() == first
    assert motes("run", path, "--overwrite").stderr == ""
    assert sorted(file.name for file in folder.glob("*.gsd")) == ["fluid.1.gsd", "fluid.gsd"]
    with gsd.hoomd.open(folder / "fluid.gsd") as frames:
        assert len(frames) == 3


@pytest.mark.parametrize(
    ("good", "wrong", "message"),
    [
        ("dt = 0.002", "dtt = 0.002", r"fluid.toml: [integrator]: unknown key 'dtt'; did you mean 'dt'?"),
        ("epsilon = 1.0", "", "[[interactions]] number 1: "),
        ("epsilon = 1.0", "epsilon = 1.0\ndepth = 2", "depth"),
        ("density = 0.8", "density = -0.8", "density = -0.8 must be greater than 0"),
        ("cutoff = 2.0", "", "the key 'cutoff' is missing"),
        ("steps = 20", 'steps = 20\nskin = "wide"', "skin = 'wide' is not a number"),
    ],
)
@pytest.mark.parametrize("command", ["run", "check"])
def test_bad_input_is_one_line_and_status_2(motes, write, command, good, wrong, message):
    text = write().read_text()
    assert good in text
    result = motes(command, write(text.replace(good, wrong)))
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("motes: error: ")
    assert "fluid.toml" in line
    assert message in line


@pytest.mark.parametrize("name", ["absent.toml", "absent.py"])
def test_a_missing_file_is_status_2(motes, folder, name):
    result = motes("run", folder / name)
    assert result.exit_code == 2
    assert result.stderr == f"motes: error: {folder / name}: there is no such file\n"


def test_wrong_options_are_status_2(motes, write):
    assert motes("run", write(), "--stps", 3).exit_code == 2
    assert motes("run", write(), "--threads", 0).exit_code == 2
    assert motes("rn", write()).exit_code == 2


def test_a_failed_run_is_status_1(motes, write, monkeypatch):
    def fail(*_arguments, **_options):
        raise RunError("step 7: a force is not finite\n  advice     look \x1b at it")

    monkeypatch.setattr("motes.simulation.simulation.Simulation.run", fail)
    result = motes("run", write())
    assert result.exit_code == 1
    assert result.stderr == "motes: error: step 7: a force is not finite\n  advice     look \\x1b at it\n"


def test_a_script_runs_as_with_python(write):
    path = write(SCRIPT.format(cutoff=2.0), "script.py")
    done = process("run", path)
    assert (done.returncode, done.stderr) == (0, "")
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert rows["script"].split() == ["script", str(path)]
    assert rows["particles"].split() == ["particles", "108", "of", "108"]
    assert rows["arguments"] == "arguments 1"
    for name in ("box", "interaction", "integrator", "steps", "run", "pair", "fingerprint"):
        assert name in rows
    assert process("run", path, "--threads", 1, "--quiet").stdout == "threads 1\narguments 1\n"


def test_a_script_gets_its_own_arguments(write):
    path = write("import sys\nprint(sys.argv[1:])\n", "script.py")
    for arguments in (["--n", 5, "a b"], ["--", "--steps", 5], ["-x", "--quiet"]):
        expected = [str(word) for word in arguments if word not in ("--", "--quiet")]
        assert process("run", path, *arguments).stdout == f"{expected}\n"


def test_words_that_no_file_takes_are_refused(motes, write):
    for words, meant in ((["--stepz", 5], "--steps"), (["--thread=2"], "--threads"), (["other.toml"], "--")):
        result = motes("run", write(), *words)
        assert result.exit_code == 2
        assert f"fluid.toml: unexpected {words[0]!r}; " in result.stderr
        assert meant in result.stderr


def test_a_script_of_many_simulations_does_not_talk_of_all_of_them(write):
    text = SCRIPT.format(cutoff=2.0).split("sim = ")[0]
    text += "for _ in range(5):\n    sim = motes.Simulation(particles, motes.VelocityVerlet(dt=0.002), [pair])\n"
    done = process("run", write(text + "    sim.run(1)\n    sim.run(1)\n", "script.py"))
    assert done.stdout.count("fingerprint") == done.stdout.count("script.py") == 3
    assert done.stdout.endswith("\n2 more simulations ran, without header and footer\n")


def test_check_of_a_script_runs_it_up_to_its_first_run(motes, write, folder):
    text = SCRIPT.format(cutoff=2.0).replace("sim.run", "sim.every(1, motes.Thermo('a.csv'))\nsim.run")
    path = write(text, "script.py")
    result = motes("check", path)
    assert result.exit_code == 0, result.output
    assert f"{path}, up to its first run in line 9" in result.stdout
    for words in ("closest", "neighbours", "memory", "2 steps, at", "Thermo to a.csv", "at the cutoff"):
        assert words in result.stdout
    assert "arguments" not in result.stdout
    assert [file.name for file in folder.iterdir()] == ["script.py"]
    assert "ended without a run" in motes("check", write("", "empty.py")).stdout


def test_bad_input_in_a_script_names_its_line(write):
    path = write(SCRIPT.format(cutoff=-2.0), "script.py")
    done = process("run", path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"motes: error: {path}:6: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_bug_in_a_script_is_a_traceback(write):
    path = write("def half():\n    return 1 / 0\nhalf()\n", "script.py")
    done = process("run", path)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[:2] == ["Traceback (most recent call last):", f'  File "{path}", line 3, in <module>']
    assert "ZeroDivisionError: division by zero" in lines
    assert "runpy" not in done.stderr
    assert process("run", write("a =\n", "script.py")).stderr.count("SyntaxError: invalid syntax") == 1


def test_options_that_scripts_do_not_take(motes, write):
    result = motes("run", write("", "script.py"), "--steps", 3)
    assert result.exit_code == 2
    assert "only --ranks, --threads and --quiet are for scripts" in result.stderr
    assert "motes run" in result.stderr


def test_interrupt_is_status_130(write, folder):
    text = write().read_text().replace("steps = 20", "steps = 1000000000")
    path = write(text.replace("every = 10", 'every = 10\npath = "fluid.csv"'))
    running = subprocess.Popen([*MOTES, "run", str(path), "--quiet"], stderr=subprocess.PIPE, text=True, cwd=folder)
    deadline = time.monotonic() + 60
    while not (folder / "fluid.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.05)  # until the run has begun
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=60)
    assert running.returncode == 130
    assert re.fullmatch(
        r"motes: stopped by SIGINT at step \d+ of 1000000000; go on with motes resume fluid.ckpt\n", stderr
    )
    assert len(stderr.splitlines()) == 1


def test_a_signal_ends_the_run_also_if_nothing_can_be_saved(write, folder):
    text = write().read_text().replace("steps = 20", "steps = 1000000000")
    path = write(text.replace("every = 10", 'every = 10\npath = "fluid.csv"'))
    (folder / "fluid.ckpt").write_text("not a folder")
    running = subprocess.Popen([*MOTES, "run", str(path), "--quiet"], stderr=subprocess.PIPE, text=True, cwd=folder)
    deadline = time.monotonic() + 60
    while not (folder / "fluid.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGTERM)
    _, stderr = running.communicate(timeout=60)
    assert running.returncode == 143
    assert re.fullmatch(
        r"motes: stopped by SIGTERM at step .*; nothing was saved: .*fluid.ckpt is no folder.*\n", stderr
    )
    assert (folder / "fluid.ckpt").read_text() == "not a folder"


@pytest.mark.skipif(os.name == "nt", reason="pipes that close are POSIX's")
def test_a_reader_that_leaves_is_no_traceback(write):
    running = subprocess.Popen([*MOTES, "run", str(write())], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running.stdout.close()
    assert running.stderr.read() == b""
    assert running.wait(timeout=60) == 141  # as shells know a program that a broken pipe has ended


def test_check_says_what_a_run_would_do(motes, write, folder):
    path = write(write().read_text() + OUTPUTS)
    before = set(folder.iterdir())
    result = motes("check", path)
    assert result.exit_code == 0, result.output
    assert set(folder.iterdir()) == before
    rows = {line.split()[0]: line for line in result.stdout.splitlines() if line.strip()}
    assert rows["particles"].split() == ["particles", "108"]
    assert "1.20914" in rows["closest"]  # (4 / density)**(1/3) / sqrt(2)
    assert "18 within 2" in rows["neighbours"]  # 12 + 6 in two shells
    assert "MB" in rows["memory"]
    assert "20 steps" in rows["time"]
    # U(2) = 4 (2**-12 - 2**-6), U'(2) = 4 (-12 * 2**-13 + 6 * 2**-7)
    (cut,) = [line.split() for line in result.stdout.splitlines() if "A-A" in line]
    assert [float(number) for number in cut[-5:]] == pytest.approx(
        [2.0, -0.0615234375, 0.181640625, 0.0615234375, 0.181640625], rel=1e-5
    )


@pytest.mark.parametrize(("shift", "jumps"), [("energy", [0.0, 0.181640625]), ("force", [0.0, 0.0])])
def test_check_knows_shifts(motes, write, shift, jumps):
    result = motes("check", write(), "--set", f"interactions.1.shift={shift}")
    (cut,) = [line.split() for line in result.stdout.splitlines() if "A-A" in line]
    assert [float(number) for number in cut[-2:]] == pytest.approx(jumps, rel=1e-5)


def test_check_refuses_two_particles_at_one_position(motes, write):
    write('2\nLattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3\nA 1 2 3\nA 1 2 12\n', "two.xyz")
    rest = write().read_text().split("[[interactions]]")[1]
    result = motes("check", write('[particles]\nread = "two.xyz"\n[[interactions]]' + rest))
    assert result.exit_code == 2
    assert "are at the same position, (1, 2, 3)" in result.stderr


def test_check_without_interactions(motes, write):
    text = write().read_text()
    begin, end = text.index("[[interactions]]"), text.index("[integrator]")
    result = motes("check", write(text[:begin] + text[end:]))
    assert result.exit_code == 0, result.output
    assert "there is no interaction" in result.stdout


OVERLAPPING = """
[particles]
random = 200
density = 0.8
seed = 1

[minimize]
force_tolerance = 1.0
"""


def overlapping(text: str) -> str:
    return OVERLAPPING + "[[interactions]]" + text.split("[[interactions]]")[1]


def test_a_run_minimizes_first_if_the_file_says_so(motes, write):
    path = write(overlapping(write().read_text()))
    result = motes("run", path)
    assert result.exit_code == 0, result.output
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("minimized")]
    assert re.fullmatch(r"minimized +in \d+ steps to a largest force of (0\.\d+|1)", line)
    assert motes("run", path, "--quiet").stdout == ""


def test_check_minimizes_before_its_trial(motes, write, folder):
    path = write(overlapping(write().read_text()))
    before = set(folder.iterdir())
    result = motes("check", path)
    assert result.exit_code == 0, result.output
    assert re.search(r"^minimize +before the run, in \d+ steps to a largest force of ", result.stdout, re.MULTILINE)
    assert "20 steps, at" in result.stdout
    assert set(folder.iterdir()) == before


def test_too_few_steps_to_part_particles(motes, write):
    path = write(overlapping(write().read_text()))
    result = motes("run", path, "--set", "minimize.steps=1")
    assert result.exit_code == 2
    assert "in 1 step to a largest force of" in result.stdout
    assert "which is above the force_tolerance" in result.stdout
    assert "particles overlap" in result.stderr


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        (
            "every = 10",
            'every = 10\npath = "old.csv"',
            r"\[thermo\]: old.csv exists: motes run will keep it as old.1.csv",
        ),
        ("dt = 0.002", "dt = 0.04", r"\[integrator\]: with dt = 0.04 the fastest particles move by .* smaller dt"),
        (
            'name = "lennard-jones"',
            'energy = "epsilon*log(r - 0.9*sigma)"',
            r"interaction .* finite number at distances from 0.5386 to 0.8998",
        ),
    ],
)
def test_check_warns_of_what_may_go_wrong(motes, write, folder, old, new, warning):
    (folder / "old.csv").write_text("of yesterday")
    text = write().read_text()
    assert old in text
    before = motes("check", write(text))
    assert "warning" not in before.stdout
    result = motes("check", write(text.replace(old, new)))
    assert result.exit_code == 0, result.output
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("warning: ")]
    assert re.fullmatch(f"warning: {warning}.*", line), line
    assert (folder / "old.csv").read_text() == "of yesterday"


def test_check_warns_of_a_disk_without_room(motes, write, monkeypatch):
    usage = shutil.disk_usage(".")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    tables = '[trajectory]\npath = "a.gsd"\nevery = 5\n[checkpoint]\npath = "a.ckpt"\nevery = 5\n'
    result = motes("check", write(write().read_text() + tables))
    assert (
        len(re.findall(r"^warning: \[(?:trajectory|checkpoint)\]: a\.\w+ will take", result.stdout, re.MULTILINE)) == 2
    )


def test_check_refuses_a_folder_that_is_not_there(motes, write):
    result = motes("check", write(write().read_text() + '[checkpoint]\npath = "no/a.ckpt"\nevery = 5\n'))
    assert result.exit_code == 2
    assert re.search(
        r"fluid.toml: \[checkpoint\]: cannot write no/a.ckpt: the folder .*no does not exist", result.stderr
    )


def test_nothing_to_minimize(motes, write):
    text = overlapping(write().read_text())
    begin, end = text.index("[[interactions]]"), text.index("[integrator]")
    result = motes("run", write(text[:begin] + text[end:]))
    assert result.exit_code == 2
    assert "fluid.toml: [minimize]: without interactions there is nothing to minimize" in result.stderr


def test_doctor_sees_the_machine(motes):
    result = motes("doctor")
    assert result.exit_code == 0
    names = {line.split()[0] for line in result.stdout.splitlines()}
    assert {"cores", "vectors", "threads", "MPI", "cache", "Python", "numba", "sympy", "motes"} <= names


def test_run_refuses_a_folder_that_is_not_there_before_anything_else(motes, write):
    result = motes("run", write(write().read_text() + OUTPUTS.replace("fluid.gsd", "no/fluid.gsd")))
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.search(r"fluid.toml: \[trajectory\]: cannot write no/fluid.gsd: the folder .*no does not", result.stderr)


def test_a_tilde_in_a_file_is_the_home_of_the_user(motes, write, folder, monkeypatch):
    (folder / "home").mkdir()
    monkeypatch.setenv("HOME", str(folder / "home"))
    text = write().read_text()
    path = write(text + OUTPUTS.replace("fluid.gsd", "~/fluid.gsd"))
    assert motes("run", path, "--quiet").exit_code == 0
    assert (folder / "home" / "fluid.gsd").is_file()
    again = f'[particles]\nread = "~/fluid.gsd"\n{text.split("seed = 1", 1)[1]}'
    assert motes("check", write(again, "again.toml")).exit_code == 0


@pytest.mark.parametrize("cutoff", [1e3, 1e6, 9223372036854775807])
def test_check_refuses_what_a_run_would(motes, write, cutoff):
    """And does not count neighbours, and their images, that no memory could hold."""
    text = write().read_text()
    path = write(re.sub(r"cutoff = .*", f"cutoff = {cutoff}", text))
    result = motes("check", path)
    assert result.exit_code == 2, result.output
    assert len(result.stderr.splitlines()) == 1
    assert "cutoff" in result.stderr
