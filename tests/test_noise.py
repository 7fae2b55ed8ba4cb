"""Noise: the published answers of the generator, the distribution of the numbers, and what they depend on.

Statistical bounds are 4.5 to 5 standard deviations of what theory says for this many draws; the draws never change,
so neither does the outcome.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

import motes
from motes.core.threads import Team
from motes.exact.noise import BROWNIAN, LANGEVIN, check_seed, draw_normals, philox_block

DRAWS = 200_000
SIGMAS = 4.5

# From the file kat_vectors of Random123 (D. E. Shaw Research): philox4x32 with 10 rounds.
KNOWN_ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


def noise(ids, seed: int = 7, purpose: int = LANGEVIN, step: int = 0) -> np.ndarray:
    ids = np.asarray(ids, np.int64)
    values = np.full((3, len(ids)), np.nan)
    draw_normals(0, len(ids), seed, purpose, step, ids, values)
    return values


@pytest.fixture(scope="module")
def many() -> np.ndarray:
    return noise(np.arange(DRAWS))


def philox_by_hand(counter: list[int], key: list[int]) -> list[int]:
    """The generator as the paper writes it, with Python's integers."""
    c, k = list(counter), list(key)
    for _ in range(10):
        low, high = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [high >> 32 ^ c[1] ^ k[0], high % 2**32, low >> 32 ^ c[3] ^ k[1], low % 2**32]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return c


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_philox_gives_the_published_answers(counter, key, answer):
    assert philox_block(np.array(words(counter)), np.array(words(key))).tolist() == words(answer)
    assert philox_by_hand(words(counter), words(key)) == words(answer)


def test_normals_are_box_and_muller_of_the_words_of_id_step_purpose_and_seed():
    seed, step, particle = 0x123456789ABCDEF, 0xABC_DEF01234, 0x7EDCBA9876543210
    low = 2**32
    counter = [particle % low, particle >> 32, step % low, step >> 32 | BROWNIAN << 16]
    u = [(word + 0.5) / low for word in philox_by_hand(counter, [seed % low, seed >> 32])]
    first, second = math.sqrt(-2 * math.log(u[0])), math.sqrt(-2 * math.log(u[2]))
    turn, other = 2 * math.pi * (u[1] - 0.5), 2 * math.pi * (u[3] - 0.5)
    expected = [first * math.cos(turn), first * math.sin(turn), second * math.cos(other)]
    assert noise([particle], seed, BROWNIAN, step)[:, 0] == pytest.approx(expected, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("component", [0, 1, 2])
def test_normals_have_a_normal_distribution(many, component):
    assert stats.kstest(many[component], "norm").pvalue > 1e-3


@pytest.mark.parametrize(("power", "moment"), [(1, 0), (2, 1), (3, 0), (4, 3), (5, 0), (6, 15)])
def test_normals_have_the_moments_of_a_normal_distribution(many, power, moment):
    variance = math.prod(range(1, 2 * power, 2)) - moment**2  # of x**power: (2 power - 1)!! - moment**2
    error = math.sqrt(variance / DRAWS)
    assert (many**power).mean(axis=1) == pytest.approx([moment] * 3, abs=SIGMAS * error)


@pytest.mark.parametrize("limit", [2.0, 3.0, 4.0, 5.0])
def test_normals_have_the_tails_of_a_normal_distribution(limit):
    counts = sum((np.abs(noise(np.arange(DRAWS), step=step)) > limit).sum(axis=1) for step in range(10))
    expected = 10 * DRAWS * 2 * stats.norm.sf(limit)
    assert counts == pytest.approx([expected] * 3, abs=5 * math.sqrt(expected) + 2)


def test_no_normal_is_infinite_or_beyond_the_end_that_is_documented(many):
    assert np.isfinite(many).all()
    assert np.abs(many).max() < 6.8


def assert_independent(one: np.ndarray, other: np.ndarray) -> None:
    bound = SIGMAS / math.sqrt(one.size)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < bound
    assert abs(np.corrcoef(one.ravel() ** 2, other.ravel() ** 2)[0, 1]) < bound
    # Signs are where a bad pairing of sine and cosine would show.
    assert abs((np.sign(one) * np.sign(other)).mean()) < bound


@pytest.mark.parametrize(("a", "b"), list(itertools.combinations(range(3), 2)))
def test_components_are_independent(many, a, b):
    assert_independent(many[a], many[b])


@pytest.mark.parametrize("lag", [1, 2, 3, 8, 64, 1024])
def test_neighbouring_ids_are_independent(many, lag):
    assert_independent(many[:, lag:], many[:, :-lag])


@pytest.mark.parametrize("lag", [1, 2, 4096, 2**32, 2**47])
def test_steps_are_independent(many, lag):
    assert_independent(many, noise(np.arange(DRAWS), step=lag))


@pytest.mark.parametrize("other", [8, 6, 7 + 2**32, 7 + 2**62])
def test_seeds_are_independent(many, other):
    assert_independent(many, noise(np.arange(DRAWS), seed=other))


def test_purposes_are_independent(many):
    assert_independent(many, noise(np.arange(DRAWS), purpose=BROWNIAN))


def test_one_particle_is_independent_over_time():
    series = np.concatenate([noise([3], step=step) for step in range(20_000)], axis=1)
    assert stats.kstest(series.ravel(), "norm").pvalue > 1e-3
    assert_independent(series[:, 1:], series[:, :-1])


def test_every_bit_of_seed_purpose_step_and_id_counts():
    keys = [(0, LANGEVIN, 0, 0), (0, BROWNIAN, 0, 0)]
    keys += [(1 << bit, LANGEVIN, 0, 0) for bit in range(63)]
    keys += [(0, LANGEVIN, 1 << bit, 0) for bit in range(48)]
    keys += [(0, LANGEVIN, 0, 1 << bit) for bit in range(63)]
    drawn = {tuple(noise([particle], seed, purpose, step)[:, 0]) for seed, purpose, step, particle in keys}
    assert len(drawn) == len(keys)


def test_noise_of_a_particle_does_not_depend_on_who_else_is_there():
    ids = np.random.default_rng(1).permutation(1000) + 2**40
    together = noise(ids, step=12)
    assert np.array_equal(together[:, ::-1], noise(ids[::-1], step=12))
    assert np.array_equal(together[:, 17], noise(ids[17:18], step=12)[:, 0])


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_noise_does_not_depend_on_the_split_over_threads(many, threads):
    values = np.empty((3, DRAWS))
    Team(threads).split(draw_normals, DRAWS, 7, LANGEVIN, 0, np.arange(DRAWS), values)
    assert np.array_equal(values, many)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, "1", None, True])
def test_a_bad_seed_is_refused(seed):
    with pytest.raises(motes.InputError, match="seed: expected a whole number"):
        check_seed(seed)


@pytest.mark.parametrize("seed", [0, 2**63 - 1, np.int64(5), np.uint8(5)])
def test_a_good_seed_becomes_an_int(seed):
    assert type(check_seed(seed)) is int
    assert check_seed(seed) == seed
