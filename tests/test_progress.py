"""A progress bar is for people at a terminal only."""

import io
import os
import pty
import subprocess
import sys

from motes.core.progress import compiling, no_progress_bar, progress_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_silent_without_a_terminal(capsys):
    with progress_bar(10) as show:
        show(5)
    assert capsys.readouterr() == ("", "")


def test_drawn_on_standard_error_of_a_terminal(monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar(10) as show:
        print("a row of a table")  # goes to standard output, which is no terminal here, as ever
        show(10)
    assert "10/10" in terminal.getvalue()
    assert "row" not in terminal.getvalue()
    assert capsys.readouterr().out == "a row of a table\n"


def test_a_wait_for_the_compiler_is_said_once_on_a_terminal(monkeypatch):
    import numba

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with compiling("Verlet", ["lennard_jones", "spring"]):
        numba.njit(lambda x: x + 1)(1)
        numba.njit(lambda x: x + 2)(1)
    said = "motes: compiling lennard_jones, spring ...\n"
    assert terminal.getvalue() == said
    with compiling("Verlet", ["lennard_jones", "spring"]):
        numba.njit(lambda x: x + 5)(1)
    assert terminal.getvalue() == said
    with compiling("Verlet", []):
        pass
    with no_progress_bar(), compiling("Verlet", []):
        numba.njit(lambda x: x + 3)(1)
    assert terminal.getvalue().count("compiling") == 1


def test_a_wait_for_the_compiler_is_not_said_where_nobody_looks(capsys):
    import numba

    with compiling("Verlet", []):
        numba.njit(lambda x: x + 4)(1)
    assert capsys.readouterr() == ("", "")


LAUNCHED = """
import sys
from motes.core.progress import compiling, no_progress_bar, onlooker, progress_bar
with progress_bar(10) as show:
    show(10)
print(onlooker(), file=sys.stdout)
"""


def test_a_rank_is_looked_at_if_its_launcher_has_a_terminal(tmp_path):
    """A stand-in for mpiexec, which passes on what its program says through pipes, as launchers do."""
    launcher = tmp_path / "mpiexec"
    launcher.symlink_to(sys.executable)
    passing = (
        "import subprocess, sys\n"
        "done = subprocess.run([sys.argv[1], '-c', sys.argv[2]], capture_output=True, text=True)\n"
        "print(done.stdout, done.stderr)\n"
    )
    command = [str(launcher), "-c", passing, sys.executable, LAUNCHED]
    quiet = subprocess.run(command, capture_output=True, text=True, check=True)
    assert quiet.stdout.split() == ["None"]
    theirs, ours = pty.openpty()
    try:
        seen = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=ours, text=True, check=True, env={**os.environ, "TERM": "xterm"}
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert "Onlooker(rows=False" in seen.stdout
    assert "10/10" in seen.stdout
