"""`motes resume` when the input file is not what it was."""

from tests.cli.conftest import FLUID

SAVED = FLUID + '\n[checkpoint]\nevery = 20\npath = "run.ckpt"\n'


def test_an_input_file_that_was_edited_is_named(write, motes):
    path = write(SAVED)
    assert motes("run", path, "--quiet").exit_code == 0
    assert motes("resume", "run.ckpt", "--steps", 1, "--quiet").stderr == ""
    write(SAVED.replace("dt = 0.002", "dt = 0.001").replace("epsilon = 1.0", "epsilon = 2.0") + "minutes = 5.0\n")
    done = motes("resume", "run.ckpt", "--steps", 1)
    assert done.exit_code == 0
    assert done.stderr == (
        "motes: fluid.toml now differs in interactions, integrator.dt, checkpoint.minutes; "
        "the settings of the checkpoint hold\n"
    )
    assert "dt=0.002" in done.stdout
    path.unlink()
    assert motes("resume", "run.ckpt", "--steps", 1, "--quiet").stderr == ""


def test_averages_go_on(write, motes):
    path = write(SAVED.replace("every = 10", "every = 1"))
    whole = averages(motes("run", path, "--steps", 40).stdout)
    assert motes("run", path, "--overwrite").exit_code == 0
    assert averages(motes("resume", "run.ckpt", "--steps", 20).stdout) == whole
    assert len(whole) == 4


def averages(said: str) -> list[str]:
    """What the footer says of them."""
    lines = said.splitlines()
    begin = next(k for k, line in enumerate(lines) if line.startswith("averages"))
    return lines[begin : begin + 4]
