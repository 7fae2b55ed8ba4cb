"""What a process makes of what launchers of MPI say."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from motes.ranks import launch
from motes.ranks.launch import LAUNCH, launched_ranks, processes_here


@pytest.fixture
def launcher() -> Iterator[dict[str, str]]:
    """What MPICH's mpiexec tells a rank, to which it holds a socket."""
    here, there = socket.socketpair()
    with here, there:
        yield {"PMI_RANK": "1", "PMI_SIZE": "4", "PMI_FD": str(here.fileno()), "MPI_LOCALNRANKS": "2"}


def inherited(environment: dict[str, str]) -> dict[str, str]:
    """What a program finds that was started by a rank of this launch."""
    return environment | {LAUNCH: f"{os.getppid()} {launch._mark(environment)}"}


OPEN_MPI = {"OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "3", "PMIX_NAMESPACE": "prterun-node-71@1"}
SLURM = {
    "SLURM_PROCID": "0",
    "SLURM_STEP_NUM_TASKS": "8",
    "SLURM_NTASKS": "8",
    "SLURM_JOB_ID": "7",
    "SLURM_STEP_ID": "0",
}


def test_a_launcher_is_heard(launcher: dict[str, str]) -> None:
    assert launched_ranks({}) is None
    assert launched_ranks(launcher) == (1, 4)
    assert launched_ranks(OPEN_MPI) == (2, 3)
    assert launched_ranks(SLURM) == (0, 8)
    assert (processes_here({}), processes_here(launcher)) == (1, 2)


def test_a_shell_within_a_job_is_no_rank() -> None:
    """The tasks of the job are those that srun will start there."""
    assert launched_ranks({"SLURM_PROCID": "0", "SLURM_NTASKS": "8", "SLURM_JOB_ID": "7"}) is None
    assert launched_ranks(SLURM | {"SLURM_STEP_NUM_TASKS": "1", "SLURM_STEP_ID": "4294967290"}) == (0, 1)


@pytest.mark.parametrize("left", [{}, {"PMI_FD": "what"}, {"PMI_FD": "987654"}, {"PMI_FD": "file"}])
def test_what_is_left_of_a_launch_is_no_launch(left: dict[str, str], tmp_path: Any) -> None:
    """Nobody hears a process at the other end."""
    with (tmp_path / "file").open("w") as file:
        left = {name: value.replace("file", str(file.fileno())) for name, value in left.items()}
        assert launched_ranks({"PMI_RANK": "1", "PMI_SIZE": "4"} | left) is None


@pytest.mark.parametrize("variables", [OPEN_MPI, SLURM, "launcher"], ids=["Open MPI", "Slurm", "MPICH"])
def test_a_program_that_a_rank_starts_is_no_rank(variables: Any, launcher: dict[str, str]) -> None:
    environment = launcher if variables == "launcher" else variables
    assert launched_ranks(environment) is not None
    assert launched_ranks(inherited(environment)) is None
    assert processes_here(inherited(launcher)) == 1
    own = environment | {LAUNCH: f"{os.getpid()} {launch._mark(environment)}"}
    assert launched_ranks(own) == launched_ranks(environment)  # the rank itself


def test_a_program_that_is_launched_anew_is_a_rank(launcher: dict[str, str]) -> None:
    """It finds the mark of the outer launch, and variables of its own."""
    assert launched_ranks(inherited(OPEN_MPI) | {"PMIX_NAMESPACE": "prterun-node-88@1"}) == (2, 3)
    assert launched_ranks(inherited(SLURM) | {"SLURM_STEP_ID": "1"}) == (0, 8)
    here, there = socket.socketpair()
    with here, there:
        assert launched_ranks(inherited(launcher) | {"PMI_FD": str(here.fileno())}) == (1, 4)


def test_what_says_goodbye_to_other_ranks_imports_no_compiler() -> None:
    """An interrupt may have come amid the import of that, after which it cannot be imported again."""
    program = (
        "import sys, motes.decomposition.mpi; print(*(name in sys.modules for name in ('numba', 'yaml', 'sympy')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False False False\n"
