"""The code cache: what lies there is what was written, or counts as absent; and nothing about it ends a run."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from motes.core import cache


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, of which nothing has been said yet."""
    path = tmp_path / "cache"
    monkeypatch.setenv("MOTES_CACHE", str(path))
    monkeypatch.setattr(cache, "_said", [])
    monkeypatch.setattr(cache, "_tidied", set())
    return path


def test_what_is_written_is_read(folder: Path, capsys: Any) -> None:
    assert cache.read("motes-a.py") is None
    cache.write("motes-a.py", b"print()\n")
    cache.write("motes-b.bin", b"")
    assert cache.read("motes-a.py") == b"print()\n"
    assert cache.read("motes-b.bin") == b""
    assert sorted(file.name for file in folder.iterdir()) == ["motes-a.py", "motes-b.bin"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("damage", ["emptied", "cut", "one bit", "longer", "replaced", "unreadable", "a folder"])
def test_what_does_not_fit_its_digest_is_absent_and_made_anew(folder: Path, damage: str) -> None:
    content = bytes(range(256))
    cache.write("motes-a.bin", content)
    file = folder / "motes-a.bin"
    data = file.read_bytes()
    flipped = data[:-5] + bytes([data[-5] ^ 1]) + data[-4:]
    damaged = {
        "emptied": b"",
        "cut": data[:-1],
        "one bit": flipped,
        "longer": data + b"x",
        "replaced": b"x" * len(data),
    }
    if damage == "unreadable":
        file.chmod(0o000)
        if os.access(file, os.R_OK):
            pytest.skip("root reads everything")
    elif damage == "a folder":
        file.unlink()
        file.mkdir()
    else:
        file.write_bytes(damaged[damage])
    assert cache.read("motes-a.bin") is None
    cache.write("motes-a.bin", content)
    assert cache.read("motes-a.bin") == (None if damage == "a folder" else content)
    assert not list(folder.glob("*.tmp"))


@pytest.mark.parametrize("mode", [0o775, 0o777, 0o1777, 0o757])
def test_a_folder_that_others_can_write_to_is_not_used(folder: Path, mode: int, capsys: Any) -> None:
    cache.write("motes-a.py", b"1")
    folder.chmod(mode)
    assert cache.read("motes-a.py") is None
    cache.write("motes-b.py", b"1")
    cache.write("motes-c.py", b"1")
    assert not (folder / "motes-b.py").exists()
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"others can write to {folder}" in said
    assert f"chmod go-w {folder}" in said
    folder.chmod(0o755)
    assert cache.read("motes-a.py") == b"1"


def test_a_file_that_others_can_write_to_is_made_anew(folder: Path) -> None:
    cache.write("motes-a.py", b"1")
    (folder / "motes-a.py").chmod(0o664)
    assert cache.read("motes-a.py") is None
    cache.write("motes-a.py", b"1")
    assert cache.read("motes-a.py") == b"1"


@pytest.mark.parametrize(
    ("umask", "file", "directory"), [(0o022, 0o644, 0o755), (0o002, 0o644, 0o755), (0o077, 0o600, 0o700)]
)
def test_others_may_read_what_the_user_lets_them_read_and_never_write(
    folder: Path, umask: int, file: int, directory: int
) -> None:
    before = os.umask(umask)
    try:
        cache.write("motes-a.py", b"1")
    finally:
        os.umask(before)
    assert (folder / "motes-a.py").stat().st_mode & 0o777 == file
    assert folder.stat().st_mode & 0o777 == directory
    assert cache.read("motes-a.py") == b"1"


def test_a_cache_that_cannot_be_written_costs_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    folder.write_text("not a folder", encoding="utf-8")
    for name in ("motes-a.py", "motes-b.py"):
        cache.write(name, b"1")
        assert cache.read(name) is None
    assert capsys.readouterr().err == (
        f"motes: what is compiled is not kept, so every run compiles anew: {folder} is not a folder\n"
    )
    monkeypatch.setattr(cache, "_said", [])
    monkeypatch.setenv("MOTES_CACHE", str(folder / "below"))
    cache.write("motes-a.py", b"1")
    assert "Not a directory" in capsys.readouterr().err
    monkeypatch.setattr(cache, "_said", [])
    monkeypatch.setenv("MOTES_SERVING", "1")  # one rank says it for all
    cache.write("motes-a.py", b"1")
    assert capsys.readouterr().err == ""


def test_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTES_CACHE", "~/mine")
    assert cache.cache_folder() == Path.home() / "mine"
    monkeypatch.delenv("MOTES_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache.cache_folder() == Path("/somewhere/motes")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.cache_folder() == Path.home() / ".cache" / "motes"

    def no_home(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)
    assert cache.cache_folder() is None
    assert cache.read("motes-a.py") is None
    assert "MOTES_CACHE" in cache.trouble()


def test_old_files_go_and_those_that_are_used_stay(folder: Path) -> None:
    names = [
        "motes-old.bin",
        "motes-used.bin",
        "motes-new.bin",
        "motes-x.bin.0123.tmp",
        "motes_generated_1.py",
        "notes.txt",
    ]
    for name in names:
        cache.write(name, b"1")
    long_ago = time.time() - 1.01 * cache.KEPT
    for name in names:
        if "new" not in name:
            os.utime(folder / name, (long_ago, long_ago))
    assert cache.read("motes-used.bin") == b"1"
    cache._tidied.clear()
    cache.write("motes-other.bin", b"1")
    left = sorted(file.name for file in folder.iterdir())
    assert left == ["motes-new.bin", "motes-other.bin", "motes-used.bin", "notes.txt"]
