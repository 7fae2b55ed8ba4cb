"""Thousands of wrong inputs: each is refused by one message that names the file, or it is what it says."""

from __future__ import annotations

import pytest

INPUTS = {"toml": 2000, "expression": 800, "lammps": 1500, "lammps, packed": 1200, "xyz": 1500, "gsd": 1500}


@pytest.mark.parametrize("kind", INPUTS)
def test_right_inputs_are_accepted(fuzzer, kind):
    for text in fuzzer.kinds[kind].seeds:
        assert fuzzer.verdict(kind, text) == "accepted", text


@pytest.mark.parametrize("kind", INPUTS)
def test_wrong_inputs_get_one_message(fuzzer, kind):
    report = fuzzer.campaign(kind, range(INPUTS[kind]))
    assert not report.failures, f"by number: {report.failures}"
    # Else the mutations would be so wild, or so tame, that they test little.
    assert report.counts["accepted"] > 0.02 * INPUTS[kind]
    assert report.counts["refused"] > 0.5 * INPUTS[kind]


def test_the_same_number_gives_the_same_input(fuzzer):
    assert [fuzzer.mutated("xyz", n) for n in range(50)] == [fuzzer.mutated("xyz", n) for n in range(50)]
