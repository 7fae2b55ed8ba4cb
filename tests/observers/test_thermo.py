"""The thermo table: aligned on a screen, exact in a file, and never over someone's data."""

import csv
from pathlib import Path

import pytest

from motes.core.errors import InputError, RunError
from motes.observers import Frame, Thermo

COLUMNS = ["step", "time", "temperature", "potential", "kinetic", "total", "pressure"]


def test_table_is_aligned(simulation, capsys):
    thermo = Thermo()
    thermo.start(Frame(simulation))
    for step in (0, 123456):
        simulation.step = step
        thermo(Frame(simulation))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == COLUMNS
    assert {len(line) for line in lines} == {79}
    assert lines[2].split()[:4] == ["123456", "617.28", "0.1", "-0.33333333"]


@pytest.mark.parametrize("value", [-1.23456789e-300, -123456789012.3, 1e22, -0.0123456789, float("nan")])
def test_table_is_aligned_whatever_the_numbers(simulation, capsys, value):
    simulation.set(potential_energy=value)
    Thermo()(Frame(simulation))
    line = capsys.readouterr().out.rstrip("\n")
    assert len(line) == 79
    assert float(line.split()[3]) == pytest.approx(value, rel=1e-3, nan_ok=True)


def test_csv_has_every_digit(simulation, tmp_path):
    path = tmp_path / "melt.csv"
    thermo = Thermo(path)
    thermo.start(Frame(simulation))
    thermo(Frame(simulation))
    header, row = csv.reader(path.read_text().splitlines())
    assert header == COLUMNS
    values = dict(zip(header, map(float, row), strict=True))
    assert values["potential"] == simulation.potential_energy
    assert values["kinetic"] == simulation.kinetic_energy
    assert values["total"] == simulation.potential_energy + simulation.kinetic_energy
    assert values["pressure"] == simulation.pressure
    assert row[0] == "0"


def test_each_row_is_written_at_once(simulation, tmp_path):
    path = tmp_path / "melt.csv"
    thermo = Thermo(path)
    thermo.start(Frame(simulation))
    for rows in range(1, 4):
        simulation.step = rows
        thermo(Frame(simulation))
        assert len(path.read_text().splitlines()) == 1 + rows


def test_first_and_last_row_are_kept(simulation, tmp_path):
    thermo = Thermo(tmp_path / "melt.csv")
    assert thermo.first is None
    thermo.start(Frame(simulation))
    for step in (0, 5, 10):
        simulation.step = step
        thermo(Frame(simulation))
    assert (thermo.first.step, thermo.last.step) == (0, 10)


def test_it_asks_for_energies():
    assert Thermo().needs_energy


def test_a_file_that_is_there_is_kept_under_another_name(simulation, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "melt.csv").write_text("precious")
    for number in (1, 2):
        thermo = Thermo("melt.csv")
        assert not (tmp_path / f"melt.{number}.csv").exists()  # nothing is touched before the start
        thermo.start(Frame(simulation))
        thermo.finish()
        assert capsys.readouterr().err == f"motes: melt.csv exists: it is kept as melt.{number}.csv\n"
    assert (tmp_path / "melt.1.csv").read_text() == "precious"
    assert (tmp_path / "melt.2.csv").read_text() == (tmp_path / "melt.csv").read_text()


def test_a_link_stays_a_link(simulation, tmp_path):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "melt.csv").write_text("precious")
    (tmp_path / "melt.csv").symlink_to(tmp_path / "scratch" / "melt.csv")
    thermo = Thermo(tmp_path / "melt.csv")
    thermo.start(Frame(simulation))
    thermo.finish()
    assert (tmp_path / "scratch" / "melt.1.csv").read_text() == "precious"
    assert (tmp_path / "scratch" / "melt.csv").read_text().startswith("step")


def test_a_device_is_written_to_only_if_one_says_so(simulation):
    with pytest.raises(InputError, match=r"/dev/null exists.*overwrite=True"):
        Thermo("/dev/null").start(Frame(simulation))


def test_a_tilde_is_the_home_of_the_user(simulation, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    thermo = Thermo("~/melt.csv")
    thermo.start(Frame(simulation))
    thermo.finish()
    assert (tmp_path / "melt.csv").exists()


def test_overwrite_waits_for_the_start(simulation, tmp_path):
    path = tmp_path / "melt.csv"
    path.write_text("old")
    thermo = Thermo(path, overwrite=True)
    assert path.read_text() == "old"
    thermo.start(Frame(simulation))
    assert path.read_text().split(",")[0] == "step"


def test_missing_folder_and_folder_as_file(simulation, tmp_path):
    with pytest.raises(InputError, match=r"the folder .*nowhere does not exist"):
        Thermo(tmp_path / "nowhere" / "melt.csv")
    with pytest.raises(InputError, match="it is a folder"):
        Thermo(tmp_path, overwrite=True).start(Frame(simulation))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full, the disk that is always full")
def test_full_disk_stops_the_run(simulation):
    thermo = Thermo("/dev/full", overwrite=True)
    simulation.step = 40
    with pytest.raises(RunError, match="cannot write /dev/full at step 40: No space left"):
        thermo(Frame(simulation))


def test_a_name_of_another_format_is_refused(tmp_path):
    with pytest.raises(
        InputError, match=r"a thermo table is a CSV file, and \.gsd means another format; call it a\.csv"
    ):
        Thermo(tmp_path / "a.gsd")
