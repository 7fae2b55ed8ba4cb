"""Particles as files: every bit comes back, on any number of ranks."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import motes
from motes.storage.columns import BLOCK, file_name, read_rows, verify, write_columns

STRANGE = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, np.pi])


def test_floats_and_integers_keep_their_bits(tmp_path):
    strange_nan = np.array([0x7FF0DEADBEEF0001] * len(STRANGE)).view(float)
    numbers = np.array([0, -1, 2**63 - 1, -(2**63), 7, 8, 9])
    file = write_columns(tmp_path / "rank-0.npy", [numbers, STRANGE, strange_nan])
    rows = read_rows(tmp_path, [file], 0, 7)
    assert rows[0].tolist() == numbers.tolist()
    assert rows[1].tobytes() == STRANGE.tobytes()
    assert rows[2].tobytes() == strange_nan.tobytes()


def test_numpy_reads_the_file(tmp_path):
    columns = [np.arange(5), np.linspace(0, 1, 5)]
    file = write_columns(tmp_path / "rank-3.npy", columns)
    loaded = np.load(tmp_path / "rank-3.npy", allow_pickle=False)
    assert loaded.dtype == "<i8"
    assert loaded[0].tolist() == columns[0].tolist()
    assert loaded[1].view(float).tolist() == columns[1].tolist()
    assert (file.name, file.particles, file.bytes) == ("rank-3.npy", 5, (tmp_path / "rank-3.npy").stat().st_size)


def test_columns_may_be_parts_of_larger_arrays(tmp_path):
    whole = np.arange(30.0).reshape(3, 10)
    file = write_columns(tmp_path / "rank-0.npy", [whole[0, :4], whole[1, ::3], whole[:, 2].repeat(2)[:4]])
    rows = read_rows(tmp_path, [file], 0, 4).view(float)
    assert rows.tolist() == [[0, 1, 2, 3], [10, 13, 16, 19], [2, 2, 12, 12]]


def test_a_rank_without_particles_has_a_file_as_well(tmp_path):
    file = write_columns(tmp_path / "rank-0.npy", [np.zeros(0, int), np.zeros(0)])
    verify(tmp_path, file)
    assert read_rows(tmp_path, [file], 0, 0).shape == (2, 0)


@given(
    counts=st.lists(st.integers(0, 5), min_size=1, max_size=4), ranks=st.integers(1, 7),
    values=arrays(np.int64, (3, 20), elements=st.integers(-(2**63), 2**63 - 1)),
)  # fmt: skip
def test_any_number_of_ranks_reads_what_another_number_wrote(tmp_path_factory, counts, ranks, values):
    folder, edges = tmp_path_factory.mktemp("files"), np.cumsum([0, *counts])
    files = [
        write_columns(folder / file_name(rank), list(values[:, edges[rank] : edges[rank + 1]]))
        for rank in range(len(counts))
    ]
    total = edges[-1]
    parts = [read_rows(folder, files, total * k // ranks, total * (k + 1) // ranks) for k in range(ranks)]
    assert all(part.flags.writeable for part in parts)
    assert (np.concatenate(parts, axis=1) == values[:, :total]).all()


def test_no_file_is_written_over(tmp_path):
    write_columns(tmp_path / "rank-0.npy", [np.arange(3)])
    with pytest.raises(FileExistsError):
        write_columns(tmp_path / "rank-0.npy", [np.arange(3)])


@pytest.mark.parametrize("offset", [0, 200, BLOCK - 1, BLOCK, -1])
def test_damage_is_found_in_every_block_of_a_large_file(tmp_path, offset):
    file = write_columns(tmp_path / "rank-0.npy", [np.arange(BLOCK // 8 + 100)])
    verify(tmp_path, file)
    with (tmp_path / "rank-0.npy").open("r+b") as opened:
        opened.seek(offset if offset >= 0 else file.bytes + offset)
        byte = opened.read(1)
        opened.seek(-1, os.SEEK_CUR)
        opened.write(bytes([byte[0] ^ 4]))
    with pytest.raises(motes.InputError, match=r"rank-0\.npy is damaged: its checksum is [0-9a-f]{8}, not .{8}$"):
        verify(tmp_path, file)


def test_a_file_that_cannot_be_read(tmp_path):
    file = write_columns(tmp_path / "rank-0.npy", [np.arange(3)])
    (tmp_path / "rank-0.npy").unlink()
    (tmp_path / "rank-0.npy").mkdir()
    with pytest.raises(motes.InputError, match=r"rank-0\.npy cannot be read: Is a directory"):
        verify(tmp_path, file)
