"""Files made to do harm: counts that no memory holds, lines and tables without end, damaged indices."""

from __future__ import annotations

import gzip
import zlib

import numpy as np
import pytest

import motes

HEAD = "title\n{} atoms\n1 atom types\n0 4 xlo xhi\n0 4 ylo yhi\n0 4 zlo zhi\n\nMasses\n\n1 1.0\n\nAtoms # atomic\n\n"
BOX = 'Lattice="4 0 0 0 4 0 0 0 4"'

HARMFUL = ["'", '"', "a='", '\\"', "[", "a=[[", "a=[1 ", "{", "a={{", "=", "a b=", '"="', "]["]
"""Parts of a second line that a careless pattern would go back and forth over."""


def packed_bomb(head: str, repeated: bytes, megabytes: int) -> bytes:
    """What unpacks to so much, made without holding it."""
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(head.encode())]
    chunk = repeated * (1_000_000 // len(repeated))
    parts += [packer.compress(chunk) for _ in range(megabytes)]
    return b"".join([*parts, packer.flush()])


@pytest.mark.parametrize("count", ["1000000000000", "999999999999999999"])
def test_a_count_in_a_small_lammps_file(refused, count):
    assert f"Atoms has 1 rows; the header says {count} atoms" in refused(
        "a.data", (HEAD.format(count) + "1 1 1 1 1\n").encode()
    )


def test_rows_beyond_the_count_are_not_read(refused):
    text = HEAD.format(2) + "1 1 1 1 1\n" * 500_000
    assert "Atoms has more than 2 rows" in refused("a.data", text.encode())


def test_a_sphere_too_large_for_its_mass(refused):
    text = HEAD.format(1).replace("Masses\n\n1 1.0\n\n", "").replace("atomic", "sphere") + "1 1 1e308 2.0 1 1 1\n"
    assert "mass: particle id 1 (row 0) has inf; expected a finite number" in refused("a.data", text.encode())


@pytest.mark.parametrize(
    ("name", "head", "repeated"),
    [
        ("a.data.gz", "title\n", b"\n"),
        ("a.data.gz", "", b"x"),
        ("a.data.gz", HEAD.format(1), b"\n"),
        ("a.data.gz", HEAD.format(1) + "1 1 1 1 1\n\nBodies\n\n", b"1 1 1\n"),
        ("a.data.gz", HEAD.format(999_999_999_999), b"1 1 1 1 1\n"),
        ("a.data", HEAD.format(3), b"1 1 1 1 1\n"),
        ("a.xyz.gz", "9\n\n", b"A 1 1 1\n"),
        ("a.gsd.gz", "", b"\0"),
    ],
)
def test_packed_bombs(refused, name, head, repeated):
    assert "unpacks to more than 50 times its size" in refused(name, packed_bomb(head, repeated, 100))


def test_a_packed_file_of_ordinary_density_is_read(tmp_path):
    rows = "".join(f"{i} 1 {i % 4} {i // 4 % 4} {i // 16 % 4}\n" for i in range(1, 50_001))
    path = tmp_path / "a.data.gz"
    path.write_bytes(gzip.compress((HEAD.format(50_000) + rows).encode()))
    assert len(motes.read(path)) == 50_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("999999999999999999\n\n", "only 0 rows follow"),
        ("9" * 2_000_000, "expected the number of particles"),
        ("1\n" + "a" * 2_000_000 + "\nA 1 1 1\n", "more than 1000000 characters"),
        (f"1\n{BOX} Properties=pos:R:3" + "".join(f":a{i}:R:999" for i in range(9999)) + "\nA 1 1 1\n", "columns"),
        (f"1\n{BOX} Properties=pos:R:0\nA 1 1 1\n", "1 to 999"),
        (f"1\n{BOX} Properties=pos:R:3:pos[0]:R:1\n1 1 1 1\n", "expected a new name"),
        (f"1\n{BOX} " + "a" * 900_000 + "\nA 1 1 nan\n", "expected a finite number"),
        (f"1\n{BOX} " + "a={" * 300_000 + "\nA 1 1 nan\n", "expected a finite number"),
        (f"1\n{BOX} " + 'a="' * 300_000 + "\nA 1 1 nan\n", "expected a finite number"),
        *(
            (f"1\n{BOX} " + part * (900_000 // len(part)) + "\nA 1 1 nan\n", "expected a finite number")
            for part in HARMFUL
        ),
        (f"1\n{BOX} " + "a " + " " * 900_000 + "\nA 1 1 nan\n", "expected a finite number"),
        (
            '1\nLattice="1e400 0 0 0 4 0 0 0 4"\nA 1 1 1\n',
            "Lattice is '1e400 0 0 0 4 0 0 0 4'; expected finite numbers",
        ),
        (f"1\n{BOX}\nA 1e308 1 1\n", "comparable with the box"),
    ],
)
def test_xyz_files_that_do_harm(refused, text, message):
    assert message in refused("a.xyz", text.encode())


# The numbers of a header, and of an entry of the index, by their offsets in the file.
HEADER = {"index": 8, "index_room": 16, "names": 24, "names_room": 32}
ENTRY = {"frame": 0, "rows": 8, "offset": 16, "columns": 24, "name": 28, "kind": 30, "flags": 31}


@pytest.fixture
def gsd(fuzzer):
    """A small GSD file as bytes, and where its index is."""
    whole = bytearray(fuzzer.kinds["gsd"].seeds[0])
    return whole, int.from_bytes(whole[8:16], "little")


@pytest.mark.parametrize("field", HEADER)
@pytest.mark.parametrize("value", [2**63, 2**64 - 1, 2**58, 1 << 40])
def test_a_gsd_header_is_not_trusted(refused, gsd, field, value):
    whole, _ = gsd
    whole[HEADER[field] : HEADER[field] + 8] = value.to_bytes(8, "little")
    assert "cannot be read" in refused("a.gsd", bytes(whole))


@pytest.mark.parametrize("field", ENTRY)
def test_a_gsd_index_is_not_trusted(refused, gsd, field):
    whole, index = gsd
    width = {"frame": 8, "rows": 8, "offset": 8, "columns": 4, "name": 2}.get(field, 1)
    whole[index + ENTRY[field] : index + ENTRY[field] + width] = b"\xff" * width
    refused("a.gsd", bytes(whole))


def test_sizes_in_a_gsd_index_that_wrap_around(refused, gsd):
    whole, index = gsd
    whole[index + 8 : index + 16] = (2**62).to_bytes(8, "little")
    whole[index + 24 : index + 28] = (2**31).to_bytes(4, "little")
    assert "cut short or damaged" in refused("a.gsd", bytes(whole))


def test_a_number_of_particles_in_a_gsd_file_that_it_has_no_room_for(refused, gsd):
    whole, _ = gsd
    three, messages = (3).to_bytes(4, "little"), []
    for offset in range(256, len(whole) - 4):
        if whole[offset : offset + 4] == three:
            damaged = whole.copy()
            damaged[offset : offset + 4] = b"\xff" * 4
            messages.append(refused("a.gsd", bytes(damaged)))
    assert any("expected floating-point numbers of shape (4294967295, 3)" in message for message in messages)


def test_a_position_that_is_not_a_number(refused, gsd):
    whole, _ = gsd
    offset = whole.index((np.arange(9) / 8 - 1).astype("<f4").tobytes())
    whole[offset : offset + 4] = np.array([np.nan], "<f4").tobytes()
    assert "expected finite coordinates" in refused("a.gsd", bytes(whole))


def test_a_gsd_file_cut_anywhere_is_refused_or_whole(fuzzer):
    whole = fuzzer.kinds["gsd"].seeds[1]
    verdicts = {fuzzer.verdict("gsd", whole[:length]) for length in range(0, len(whole), 13)}
    assert verdicts <= {"refused", "accepted"}
