"""Input files made to do harm, from Python and from the command line."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

import motes
from motes.simulation.inputs.config import load

REST = """
[[interactions]]
kind = "pair"
name = "lennard-jones"
cutoff = 2.0
epsilon = 1.0
sigma = 1.0

[integrator]
kind = "velocity-verlet"
dt = 0.002

[run]
steps = 1
"""
FCC = '[particles]\nlattice = "fcc"\ncells = 3\ndensity = 0.8\n'
GOOD = FCC + REST

WRONG = [
    ("steps = 1", f"steps = {'9' * 5000}", "a number has thousands of digits"),
    ("steps = 1", f"steps = 0x{'f' * 5000}", "a whole number has more than 64 bits"),
    ("steps = 1", "steps = 18446744073709551616", "a whole number has more than 64 bits"),
    ("steps = 1", "steps = 1\nx = " + "[" * 3000 + "]" * 3000, "nested too deeply"),
    ("steps = 1", "steps = 1\nx = " + "{a = " * 3000 + "1" + "}" * 3000, "nested too deeply"),
    ("steps = 1", "steps = 1\nx = " + "[" * 20 + "]" * 20, "nested more than 10 deep"),
    ("steps = 1", "steps = 1\n" + "a." * 30 + "b = 1", "nested more than 10 deep"),
    ("steps = 1", "steps = 1\n" + "a." * 200_000 + "b = 1", "a key has more than a hundred parts"),
    ("steps = 1", "steps = 1\n" + "'a b' . " * 100_000 + "b = 1", "a key has more than a hundred parts"),
    ("steps = 1", "steps = 1\n" + "a" * 900_000 + " = 1", "a key has more than 200 letters"),
    ("steps = 1", "steps = 1\n" + "\n".join(f"k{i} = 1" for i in range(50_000)), "more than 20000 entries"),
    ("steps = 1", "steps = 1\n#" + "x" * 1_000_000, "more than 1000000 bytes"),
    ("steps = 1", 'steps = 1\n"a\\nb\\u001b[2J" = 1', r"unknown key 'a\nb\x1b[2J'"),
    ("[run]", '"\\u0000" = 1\n[run]', "a text holds a character of code 0"),
    ('lattice = "fcc"', 'read = "\\u0000.xyz"', "a text holds a character of code 0"),
    ('lattice = "fcc"\ncells = 3\ndensity = 0.8', 'read = "a\\nb.xyz"', r"a\nb.xyz: there is no such file"),
    (
        'lattice = "fcc"\ncells = 3\ndensity = 0.8',
        f'read = "{"a" * 5000}.xyz"',
        "a name of more than 255 bytes can be no file or folder",
    ),
    (FCC, "particles = 3\n", "say where particles come from"),
    (FCC, 'particles = "read"\n', "say where particles come from"),
    ("cells = 3", "cells = 1000000", "fcc: 4e+18 particles need about 2e+12 GB of memory"),
    ("cells = 3", "cells = [1, 1, 9223372036854775807]", "GB of memory"),
    ('lattice = "fcc"\ncells = 3', "seed = 1\nrandom = 1000000000000", "random: 1e+12 particles need about 5e+05 GB"),
    ("density = 0.8", "density = 1e-308", "density: expected a number from 6e-76 to 2e+75"),
    ("density = 0.8", "density = 0.8\nmass = 1e308", "mass"),
    ("density = 0.8", "density = 0.8\nseed = 1\ntemperature = 1e308", "temperature: expected at most"),
    ("cutoff = 2.0", "cutoff = 5e-324", "is not from 6e-76 to 2e+75"),
    ("cutoff = 2.0", "cutoff = {A-A = 2, B-B = 1e300}", "is not from 6e-76 to 2e+75"),
    ("epsilon = 1.0", "epsilon = {" + '"' + "-" * 199 + '" = 1}', "are no two types"),
    (REST, '\n[[interactions]]\nkind="pair"\nname="morse"\ncutoff=1' * 101 + REST, "at most 100 items"),
    ('name = "lennard-jones"', f'energy = "{"tan(" * 12}r{")" * 12}"', "not used"),
    ('name = "lennard-jones"', 'energy = """epsilon*sigma*(r\n + 2 # more\n)"""', "has no meaning in a formula"),
    ('name = "lennard-jones"', f'energy = "{"r+" * 5000}r"', "10001 characters"),
]


@pytest.mark.parametrize(("good", "wrong", "message"), WRONG, ids=[message for _, _, message in WRONG])
def test_one_message_says_what_is_too_much(refused, good, wrong, message):
    assert GOOD.count(good) == 1
    assert message in refused("a.toml", GOOD.replace(good, wrong).encode())


def test_a_file_without_end(judge):
    with judge.time_limit(), judge.memory_limit(), pytest.raises(motes.InputError, match="/dev/zero: this is not TOML"):
        load(judge.Path("/dev/zero"))


def test_settings_that_do_harm(tmp_path, judge):
    path = tmp_path / "a.toml"
    path.write_text(GOOD)
    for value in ("[" * 3000, "9" * 5000, "0x" + "f" * 5000, "[" * 20 + "]" * 20, "a." * 100_000):
        verdict = judge.outcome(lambda value=value: load(path, [f"run.steps={value}"]), "")
        assert verdict == "refused", value[:10]


# From here: through the command line, in processes of their own.

DATA = "3\n" + 'Lattice="4 0 0 0 4 0 0 0 4"\nA 1 1 1\nA 2 2 2\nA 3 3 3\n'
READ = '[particles]\nread = "a.xyz"\n'
COMMANDS = [
    ("good", GOOD, DATA),
    ("good data", READ + REST, DATA),
    ("empty", "", DATA),
    ("binary", "\0\x01\x02", DATA),
    ("half", GOOD[:200], DATA),
    ("nested", GOOD.replace("cells = 3", "cells = " + "[" * 3000), DATA),
    ("digits", GOOD.replace("cells = 3", "cells = " + "9" * 5000), DATA),
    ("huge", GOOD.replace("cells = 3", "cells = 999999999"), DATA),
    ("tiny", GOOD.replace("density = 0.8", "density = 1e-300"), DATA),
    ("newline", GOOD.replace("dt =", '"d\\nt" ='), DATA),
    ("terminal", GOOD.replace('"velocity-verlet"', '"\\u001b[2J"'), DATA),
    ("tower", GOOD.replace('name = "lennard-jones"', 'energy = "epsilon*sigma*9**9**9"'), DATA),
    ("attribute", GOOD.replace('name = "lennard-jones"', 'energy = "epsilon.__class__*sigma"'), DATA),
    ("call", GOOD.replace('name = "lennard-jones"', "energy = \"__import__('os')*epsilon*sigma\""), DATA),
    ("doubling", GOOD.replace('name = "lennard-jones"', f'energy = "epsilon*sigma*{"tan(" * 20}r{")" * 20}"'), DATA),
    ("count", READ + REST, DATA.replace("3\n", "999999999999\n", 1)),
    ("nan", READ + REST, DATA.replace("2 2 2", "2 nan 2")),
    ("columns", READ + REST, DATA.replace("2 2 2", "2 2")),
    ("letters", READ + REST, DATA.replace("2 2 2", "२ 2 2")),
    ("cut", READ + REST, DATA[:50]),
]


def check(folder, name, text, data):
    (folder / name).mkdir()
    (folder / name / "a.toml").write_text(text)
    (folder / name / "a.xyz").write_text(data)
    command = [sys.executable, "-m", "motes", "check", "a.toml"]
    return subprocess.run(command, cwd=folder / name, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_line_says_one_line_and_ends_with_status_2(tmp_path):
    with ThreadPoolExecutor(2) as pool:
        futures = {name: pool.submit(check, tmp_path, name, text, data) for name, text, data in COMMANDS}
    for name, future in futures.items():
        done = future.result()
        assert "Traceback" not in done.stderr, name
        assert (done.returncode == 0) == name.startswith("good"), (name, done.stderr)
        if done.returncode:
            assert done.returncode == 2, (name, done.stderr)
            assert done.stderr.startswith("motes: error: a.toml: "), name
            assert done.stderr.count("\n") == 1, name
            assert done.stdout == "", name
