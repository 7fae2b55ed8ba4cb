"""Checkpoints on the disk: whole or not there, and any damage is found and named."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import motes
from motes.storage.folder import (
    checkpoint_path,
    new_checkpoint,
    open_checkpoint,
    read_checkpoint,
    remove,
    remove_old,
    remove_unfinished,
    steps_in,
)


@pytest.fixture
def folder(tmp_path, damage):
    """Checkpoints of steps 100 and 200, both good."""
    for step in (100, 200):
        damage.write_checkpoint(tmp_path / "run.ckpt", step)
    return tmp_path / "run.ckpt"


@pytest.fixture(scope="module")
def lasting(tmp_path_factory, damage):
    """The same for many examples, each of which must leave it as it was."""
    folder = tmp_path_factory.mktemp("lasting") / "run.ckpt"
    for step in (100, 200):
        damage.write_checkpoint(folder, step)
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Whole ones


def test_the_last_one_is_opened_or_the_one_that_is_named(folder):
    for path, step in ((folder, 200), (folder / "step-100", 100), (folder / "step-200", 200)):
        found, manifest = open_checkpoint(path)
        assert (found, manifest.step) == (folder / f"step-{step}", step)


def test_steps_are_in_the_order_of_numbers(tmp_path, damage):
    for step in (1000, 0, 999):
        damage.write_checkpoint(tmp_path, step)
    for name in ("step-5.tmp", "step-7.old", "step-05", "step--1", "step-1e3", "step-", "xstep-1", "lock"):
        (tmp_path / name).mkdir()
    assert steps_in(tmp_path) == [0, 999, 1000]
    assert steps_in(tmp_path / "nowhere") == steps_in(tmp_path / "step-0" / "manifest.json") == []


def test_a_block_that_fails_leaves_nothing(folder):
    before = names(folder)
    with pytest.raises(TypeError), new_checkpoint(folder, 300) as unfinished:
        (unfinished / "rank-0.npy").write_bytes("not bytes")
    assert names(folder) == before


def test_half_of_one_is_never_taken_for_one(folder, damage):
    """What a kill leaves: a folder whose name is not yet, or no more, that of a checkpoint."""
    shutil.copytree(folder / "step-200", folder / "step-300.tmp")
    shutil.copytree(folder / "step-200", folder / "step-50.old")
    assert open_checkpoint(folder)[1].step == 200
    damage.write_checkpoint(folder, 300)
    remove_unfinished(folder)
    assert names(folder) == ["step-100", "step-200", "step-300"]


def test_old_ones_are_removed(tmp_path, damage):
    for step in (0, 100, 200, 300, 1000):
        damage.write_checkpoint(tmp_path, step)
    remove_old(tmp_path, keep=3)
    assert names(tmp_path) == ["step-1000", "step-200", "step-300"]
    remove(tmp_path, 300)
    remove(tmp_path, 300)
    assert names(tmp_path) == ["step-1000", "step-200"]


def test_the_same_step_again_replaces_the_former(folder):
    was = (folder / "step-200" / "manifest.json").read_bytes()
    shutil.copytree(folder / "step-200", folder / "copy")
    with new_checkpoint(folder, 200) as unfinished:
        for path in (folder / "copy").iterdir():
            shutil.move(path, unfinished)
        (unfinished / "new").touch()
    (folder / "copy").rmdir()
    assert names(folder) == ["step-100", "step-200"]
    assert (folder / "step-200" / "new").exists()
    assert (folder / "step-200" / "manifest.json").read_bytes() == was


# Damaged ones


def test_every_byte_of_every_file_counts(lasting, damage):
    """Each byte takes a dozen other values: some 20,000 checkpoints, and each is refused."""
    wrong, tried = [], 0
    for name in damage.FILES:
        file = lasting / "step-200" / name
        whole = file.read_bytes()
        # Of the long, similar rows of particles some bytes are enough; the manifest is tried byte by byte.
        step = 1 if name == "manifest.json" else 17
        with file.open("r+b", buffering=0) as opened:
            for offset in range(0, len(whole), step):
                for value in damage.other_bytes(whole[offset]):
                    os.pwrite(opened.fileno(), bytes([value]), offset)
                    tried += 1
                    found = damage.complaint(lasting, file, lasting / "step-100")
                    wrong += [(name, offset, value, found)] if found else []
                os.pwrite(opened.fileno(), whole[offset : offset + 1], offset)
    assert not wrong, wrong[:5]
    assert tried > 15_000
    assert read_checkpoint(lasting / "step-200").step == 200


@given(data=st.data())
def test_any_byte_may_become_any_other(lasting, damage, data):
    file = lasting / "step-200" / data.draw(st.sampled_from(damage.FILES))
    whole = file.read_bytes()
    offset = data.draw(st.integers(0, len(whole) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda value: value != whole[offset]))
    try:
        file.write_bytes(whole[:offset] + bytes([value]) + whole[offset + 1 :])
        assert damage.complaint(lasting, file, lasting / "step-100") is None
    finally:
        file.write_bytes(whole)


@given(data=st.data())
def test_several_bytes_at_once(lasting, damage, data):
    """The manifest has SHA-256; the files CRC-32, which finds all changes within 4 bytes, as are tried here."""
    file = lasting / "step-200" / data.draw(st.sampled_from(damage.FILES))
    whole = file.read_bytes()
    offset = data.draw(st.integers(0, len(whole) - 4))
    new = data.draw(st.binary(min_size=4, max_size=4).filter(lambda new: new != whole[offset : offset + 4]))
    try:
        file.write_bytes(whole[:offset] + new + whole[offset + 4 :])
        assert damage.complaint(lasting, file, lasting / "step-100") is None
    finally:
        file.write_bytes(whole)


def test_every_truncation_of_every_file_is_found(lasting, damage):
    wrong = []
    for name in damage.FILES:
        file = lasting / "step-200" / name
        whole = file.read_bytes()
        for length in reversed(range(len(whole))):
            os.truncate(file, length)
            found = damage.complaint(lasting, file, lasting / "step-100")
            wrong += [(name, length, found)] if found else []
        file.write_bytes(whole)
    assert not wrong, wrong[:5]


def _append(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\n")


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _become_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _lead_nowhere(file: Path) -> None:
    file.unlink()
    file.symlink_to("nowhere")


def _lead_in_a_circle(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.name)


def _come_from_another_step(file: Path) -> None:
    shutil.copy(file.parents[1] / "step-100" / file.name, file)


DAMAGES = [_append, _empty, Path.unlink, _become_folder, _lead_nowhere, _lead_in_a_circle, _come_from_another_step]


@pytest.mark.parametrize("hurt", DAMAGES, ids=lambda hurt: hurt.__name__.strip("_"))
@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("named", [True, False])
def test_whatever_else_happens_to_a_file_is_found(folder, damage, hurt, number, named):
    file = folder / "step-200" / damage.FILES[number]
    hurt(file)
    path = folder / "step-200" if named else folder
    if hurt is _come_from_another_step and number == 0:
        file = folder / "step-200" / "manifest.json"
    assert damage.complaint(path, file, folder / "step-100") is None


def test_files_of_two_ranks_do_not_stand_for_each_other(folder, damage):
    path = folder / "step-200"
    (path / "rank-0.npy").rename(path / "other")
    (path / "rank-1.npy").rename(path / "rank-0.npy")
    (path / "other").rename(path / "rank-1.npy")
    assert damage.complaint(folder, path / "rank-0.npy", folder / "step-100") is None


def test_a_whole_checkpoint_under_the_name_of_another_step_is_refused(folder, damage):
    (folder / "step-200").rename(folder / "step-300")
    assert damage.complaint(folder, folder / "step-300" / "manifest.json", folder / "step-100") is None


def test_a_checkpoint_whose_folder_is_empty_or_a_file(folder, damage):
    (folder / "step-300").mkdir()
    assert damage.complaint(folder, folder / "step-300" / "manifest.json", folder / "step-200") is None
    (folder / "step-400").touch()
    assert damage.complaint(folder, folder / "step-400" / "manifest.json", folder / "step-200") is None


def test_the_offer_is_the_last_good_one_and_not_just_the_one_before(folder, damage):
    damage.write_checkpoint(folder, 300)
    for step in (200, 300):
        os.truncate(folder / f"step-{step}" / "rank-1.npy", 100)
    assert damage.complaint(folder, folder / "step-300" / "rank-1.npy", folder / "step-100") is None
    os.truncate(folder / "step-100" / "manifest.json", 100)
    assert damage.complaint(folder, folder / "step-300" / "rank-1.npy", None) is None


def test_resume_says_the_same(folder):
    with (folder / "step-200" / "rank-1.npy").open("r+b") as file:
        file.seek(300)
        file.write(b"\1")
    with pytest.raises(motes.InputError) as caught:
        motes.resume(folder)
    assert str(caught.value).startswith(f"{folder}/step-200/rank-1.npy is damaged: its checksum is ")
    assert str(caught.value).endswith(f"; the one before it is good: resume {folder}/step-100")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda _: None, "there is no such folder"),
        (Path.mkdir, "there is no checkpoint in this folder"),
        (Path.touch, "this is no folder of checkpoints"),
        (_lead_in_a_circle, "Too many levels of symbolic links|there is no such folder"),
    ],
)
def test_where_there_is_none(tmp_path, make, words):
    path = tmp_path / "run.ckpt"
    if make is _lead_in_a_circle:
        path.touch()
    make(path)
    with pytest.raises(motes.InputError, match=words):
        motes.resume(path)


def test_a_folder_that_may_not_be_read(folder, monkeypatch):
    def refuse(self):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(motes.InputError, match=r"run\.ckpt cannot be read: Permission denied"):
        motes.resume(folder)


# A disk that refuses


class Refusal:
    """Lets so many calls to the operating system pass, and refuses the next."""

    def __init__(self, passing: int) -> None:
        self.left = passing
        self.refused = ""

    def wrap(self, name, function):
        def called(*arguments, **options):
            self.left -= 1
            if self.left == -1:
                self.refused = name
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return function(*arguments, **options)

        return called

    def install(self, monkeypatch) -> None:
        monkeypatch.setattr(os, "fsync", self.wrap("fsync", os.fsync))
        monkeypatch.setattr(os, "mkdir", self.wrap("mkdir", os.mkdir))
        monkeypatch.setattr(os, "rename", self.wrap("rename", os.rename))
        monkeypatch.setattr(Path, "open", self.wrap("open", Path.open))


CALLS = ["mkdir", "mkdir", *["open", "fsync"] * 4, "fsync", "rename", "fsync"]
"""Of two ranks: the folder (which is there already) and that of the step; the files, that of bonds, the manifest;
the names in the folder; its own name, and that on the disk."""


@pytest.mark.parametrize("passing", range(1, len(CALLS)))
@pytest.mark.parametrize("again", [False, True], ids=["a new step", "a step that is there"])
def test_whatever_the_disk_refuses_all_that_was_good_stays(folder, damage, monkeypatch, passing, again):
    step = 200 if again else 300
    calls = CALLS if not again else [*CALLS[:11], "rename", *CALLS[11:]]
    was = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    refusal = Refusal(passing)
    with monkeypatch.context() as patch:
        refusal.install(patch)
        with pytest.raises(motes.RunError) as caught:
            damage.write_checkpoint(folder, step)
    assert refusal.refused == calls[passing]
    where, last = checkpoint_path(folder, step), checkpoint_path(folder, 200)
    assert str(caught.value).startswith(f"cannot write the checkpoint {where}: No space left on device; the last good ")
    assert str(caught.value).endswith(f" one is {last}")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == was
    assert names(folder) == ["step-100", "step-200"]
    assert open_checkpoint(folder)[1].step == 200


def test_a_first_checkpoint_that_the_disk_refuses(tmp_path, damage, monkeypatch):
    with monkeypatch.context() as patch:
        Refusal(CALLS.index("fsync") + 1).install(patch)
        with pytest.raises(motes.RunError, match="No space left on device; there is none before it"):
            damage.write_checkpoint(tmp_path, 100)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (lambda _: Path("/proc/foo"), "No such file or directory"),
        (lambda _: Path("/proc"), "No such file or directory"),
        (lambda folder: folder / "file", "File exists"),
        (lambda folder: folder / "file" / "deeper", "Not a directory"),
    ],
    ids=["proc", "in proc", "a file", "in a file"],
)
def test_where_no_checkpoint_can_ever_be_is_bad_input(tmp_path, where, words):
    (tmp_path / "file").write_text("mine")
    particles = motes.fcc(2, 0.5)
    simulation = motes.Simulation(particles, motes.VelocityVerlet(0.01), threads=1)
    folder = where(tmp_path)
    with pytest.raises(motes.InputError) as caught:
        simulation.save(folder)
    assert str(caught.value) == f"cannot write the checkpoint {folder}/step-0: {words}; choose another path"
    assert names(tmp_path) == ["file"]


def test_a_place_where_nothing_can_be_written_any_more_is_no_bad_input(folder, damage, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))  # as when a disk has had errors

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        with pytest.raises(motes.RunError, match=r"Read-only file system; the last good one is .*step-200"):
            damage.write_checkpoint(folder, 300)


FULL = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import checkpoint_damage, motes

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = Path(sys.argv[2])
for limit in range(0, 4097, 16):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        checkpoint_damage.write_checkpoint(folder, 300)
    except motes.RunError as error:
        assert str(error).endswith(f"File too large; the last good one is {folder}/step-200"), error
    else:
        print(limit)
        break
    assert sorted(path.name for path in folder.iterdir()) == ["step-100", "step-200"]
"""


def test_a_disk_that_really_takes_no_more(folder, damage):
    """The operating system lets files grow to 0, 16, 32 ... bytes, until a checkpoint fits."""
    limits = subprocess.run(
        [sys.executable, "-c", FULL, Path(damage.__file__).parent, folder], check=True, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    longest = max(path.stat().st_size for path in (folder / "step-300").iterdir())
    assert longest <= int(limits.stdout) < longest + 16
    assert [open_checkpoint(folder / f"step-{step}")[1].step for step in (100, 200, 300)] == [100, 200, 300]
