"""Programs that fork, use threads or MPI themselves, start others, or end in their own way: nothing hangs, and no rank
is taken for another's.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

SECONDS = 100
"""On a very busy machine. A job that takes longer is ended, with all its processes."""

FORKED = (
    "this process was forked from a program on 2 ranks, and they are not its own: "
    "make the simulation here, and it runs on one rank"
)
REFUSED = (
    "communicator is one of 2 ranks; it must be one of one rank, as MPI.COMM_SELF; "
    "without a communicator a simulation has all ranks that were started"
)
IN_PROGRAM = (
    "the integrator Slow is defined in the program itself, which rank 0 alone has: "
    "put it into a module beside it, and import it from there"
)
LATE = (
    "motes: mpi4py was imported after motes, so this program runs on rank 0 alone, and 1 other ranks serve it; "
    "import mpi4py before motes to run it on every rank"
)

MAKE = """
import motes

def simulation(steps=0, **options):
    pair = motes.Pair(motes.potentials.lennard_jones, cutoff=2.0, epsilon=1.0, sigma=1.0)
    particles = motes.fcc(4, 0.8, temperature=1.0, seed=1)
    made = motes.Simulation(particles, motes.VelocityVerlet(0.002), [pair], threads=1, **options)
    made.run(steps)
    return made
"""


@pytest.fixture
def run(on_ranks: Any, tmp_path: Path) -> Callable[..., CompletedProcess[str]]:
    """Run a script of these lines on so many ranks, in a folder of its own."""

    def start(ranks: int | None, lines: str, *before: Any, **options: Any) -> CompletedProcess[str]:
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(lines), encoding="utf-8")
        done: CompletedProcess[str] = on_ranks.run(ranks, *before, script, timeout=SECONDS, **options)
        return done

    return start


def test_forks_threads_and_handlers_at_exit(run: Any) -> None:
    """All of it on two ranks in one program, since starting it takes the longest."""
    done = run(
        2,
        MAKE
        + textwrap.dedent(
            """
            import atexit, os, sys, threading

            @atexit.register
            def report(process=os.getpid()):
                if os.getpid() == process:
                    first.run(5)
                    print("at exit", first.step, second.fingerprint == alone)

            alone = simulation(15, communicator=type("Self", (), {"size": 1})).fingerprint
            first, second = simulation(), simulation()

            child = os.fork()
            if child == 0:
                try:
                    first.run(1)
                except motes.RunError as error:
                    print(error, flush=True)
                own = simulation(15)
                print("child", own.describe()["ranks"], own.fingerprint == alone, flush=True)
                sys.exit(0)
            os.waitpid(child, 0)

            threads = [threading.Thread(target=one.run, args=(15,)) for one in (first, second)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            print("parent", first.describe()["ranks"], first.fingerprint == second.fingerprint == alone)
            """
        ),
    )
    assert done.stdout.splitlines() == [
        FORKED,
        "child 1 True",
        "parent 2 True",
        "at exit 20 True",
    ]
    assert (done.stderr, done.returncode) == ("", 0)


def test_a_program_that_uses_mpi_itself_runs_on_every_rank(run: Any) -> None:
    """Each has simulations of its own; what one of them starts is no rank."""
    done = run(
        2,
        "from mpi4py import MPI"
        + MAKE
        + textwrap.dedent(
            """
            import subprocess, sys
            world = MPI.COMM_WORLD
            mine = simulation(5 + world.rank)
            try:
                simulation(communicator=world)
            except motes.InputError as error:
                refused = str(error)
            child = "import motes; print(motes.Simulation(motes.fcc(2, 1.0), motes.VelocityVerlet(0.01)))"
            said = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, timeout=60)
            found = world.gather((mine.step, mine.describe()["ranks"], said.stdout, said.stderr), 0)
            if world.rank == 0:
                print(*found, refused, sep=chr(10))
            """
        ),
    )
    child = "Simulation(32 particles, VelocityVerlet(dt=0.01), step 0)\n"
    assert done.stdout.splitlines() == [
        str((5, 1, child, "")),
        str((6, 1, child, "")),
        REFUSED,
    ]
    assert (done.stderr, done.returncode) == ("", 0)


def test_a_launch_within_a_launch(run: Any, tmp_path: Path) -> None:
    """The inner one has ranks of its own, although it inherits the variables of the outer one."""
    inner = tmp_path / "inner.py"
    inner.write_text(MAKE + "\nprint(simulation(5).describe()['ranks'])")
    done = run(
        2,
        MAKE
        + textwrap.dedent(
            f"""
            import os, subprocess, sys
            from pathlib import Path
            mpiexec = str(Path(sys.executable).with_name("mpiexec"))
            for command in ([], [mpiexec, "-n", "3"]):
                words = [*command, sys.executable, {str(inner)!r}]
                inner = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
                print(inner.stdout, inner.stderr)
            sys.stdout.flush()
            os.system(f"{{sys.executable}} {inner}")  # which hands all open files down
            print(simulation(5).describe()["ranks"])
            """
        ),
        environment={"MOTES_RANKS": "2"},
    )
    said = re.sub(r"motes: \d ranks on .*\n", "", done.stdout)  # on a machine with fewer cores
    assert said.split() == ["1", "3", "1", "2"]
    assert (done.stderr, done.returncode) == ("", 0)


def test_what_an_earlier_launch_left_in_the_environment(run: Any) -> None:
    done = run(
        None, MAKE + "\nprint(simulation(5).describe()['ranks'])", environment={"PMI_RANK": "1", "PMI_SIZE": "4"}
    )
    assert (done.stdout, done.stderr, done.returncode) == ("1\n", "", 0)


OWN_INTEGRATOR = """
import motes

class Slow(motes.VelocityVerlet):
    def first_half(self, state, team):
        super().first_half(state, team)
"""


def test_where_a_server_finds_modules(run: Any, tmp_path: Path, on_ranks: Any) -> None:
    """Where the program does: not in the current folder, but wherever it has put Motes, and modules of its own."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    for name in ("random", "typing", "motes", "mpi4py"):
        (here / f"{name}.py").write_text("raise SystemExit('shadowed')")
    (there / "own.py").write_text(OWN_INTEGRATOR)
    done = run(
        2,
        f"""
        import os, sys
        sys.path.insert(0, {str(on_ranks.source)!r})
        {textwrap.indent(OWN_INTEGRATOR, 8 * " ").strip()}
        sys.path.append({str(there)!r})
        import own
        particles = motes.fcc(4, 0.8)
        try:
            motes.Simulation(particles, Slow(0.01))
        except motes.InputError as error:
            print(error)
        simulation = motes.Simulation(particles, own.Slow(0.01))
        simulation.run(2)
        print(simulation.step, simulation.describe()["ranks"])
        """,
        "-P",
        environment={"PYTHONPATH": "", "PWD": str(here)},
        cwd=here,
    )
    assert done.stdout.splitlines() == [
        IN_PROGRAM,
        "2 2",
    ]
    assert (done.stderr, done.returncode) == ("", 0)


def messages(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("motes: ")]


def test_a_server_that_cannot_start_ends_the_job(run: Any, tmp_path: Path) -> None:
    """Of one rank alone a module is broken: rank 0 has what it needs and waits for that one."""
    done = run(
        2,
        """
        import os, sys
        if os.environ["PMI_RANK"] == "1":
            os.makedirs("broken/numba", exist_ok=True)
            open("broken/numba/__init__.py", "w").write("raise SystemExit('no numba here')")
            sys.path.insert(0, os.path.abspath("broken"))
        import motes
        motes.Simulation(motes.fcc(4, 0.8), motes.VelocityVerlet(0.01)).run(5)
        print("never")
        """,
        cwd=tmp_path,
    )
    assert messages(done.stderr) == ["motes: error: rank 1 cannot serve: SystemExit: no numba here"]
    assert done.stdout.count("never") == 0
    assert done.returncode != 0


def test_a_program_from_standard_input_is_refused(on_ranks: Any, tmp_path: Path) -> None:
    """Rank 0 alone would get it."""
    program = tmp_path / "script.py"
    program.write_text("import motes; print(motes.Simulation(motes.fcc(2, 1.0), motes.VelocityVerlet(0.01)))")
    with program.open() as file:
        done = on_ranks.run(2, "-", timeout=SECONDS, stdin=file)
    assert messages(done.stderr) == [
        "motes: error: several ranks need the program in a file: standard input is for rank 0 alone"
    ]
    assert done.returncode != 0
    assert "Simulation" not in done.stdout


def test_mpi_that_is_imported_too_late_is_said(run: Any) -> None:
    done = run(2, MAKE + "from mpi4py import MPI\nprint(MPI.COMM_WORLD.rank, simulation(2).describe()['ranks'])")
    assert done.stdout == "0 2\n"
    assert messages(done.stderr) == [LATE]
    assert done.returncode == 0
