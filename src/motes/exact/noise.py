"""Random numbers that depend on what they are for, not on who draws them or when.

The generator is Philox4x32-10 of Salmon, Moraes, Dror and Shaw (Parallel random numbers: as easy as 1, 2, 3, SC11):
ten rounds that mix a counter of four 32-bit words with a key of two. The counter holds particle id, step and
purpose, the key the seed; so any thread or rank draws the same noise for the same particle at the same step, and
there is no state to keep.

The disadvantage against a stream: each number costs its ten rounds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from motes.core.checks import whole_number
from motes.core.compiled import njit
from motes.core.errors import InputError
from motes.core.state import Floats, Integers
from motes.exact.arithmetic import wide_vectors
from motes.exact.functions import cos, log, sin

LANGEVIN, BROWNIAN, THERMAL, POSITIONS, BUSSI, PAIRS = 1, 2, 3, 4, 5, 6
"""Purposes: noise for one never repeats that for another."""

MASK = 0xFFFFFFFF
WORD, ALL = np.uint64(32), np.uint64(MASK)  # unsigned, as the products they meet
TURN = 2.0 * np.pi
UNIT = 2.0**-32

DRAWN = 256
"""Particles for which noise is drawn at once, so that it stays near."""


@njit(inline="always")
def philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> tuple[int, int, int, int]:
    """Philox4x32-10: four words from a counter of four words and a key of two, all below 2**32."""
    for _ in range(10):
        low: Any = np.uint64(0xD2511F53) * np.uint64(c0)
        high: Any = np.uint64(0xCD9E8D57) * np.uint64(c2)
        c0, c2 = np.int64(high >> WORD) ^ c1 ^ k0, np.int64(low >> WORD) ^ c3 ^ k1
        c1, c3 = np.int64(high & ALL), np.int64(low & ALL)
        k0 = (k0 + 0x9E3779B9) & MASK
        k1 = (k1 + 0xBB67AE85) & MASK
    return c0, c1, c2, c3


@njit(inline="always")
def normals(seed: int, purpose: int, step: int, particle: int) -> tuple[float, float, float]:
    """Three standard normal numbers for a particle at a step (Box and Muller, 1958); they end at 6.8."""
    counter = step >> 32 & 0xFFFF | purpose << 16
    a, b, c, d = philox(particle & MASK, particle >> 32 & MASK, step & MASK, counter, seed & MASK, seed >> 32 & MASK)
    first = np.sqrt(-2.0 * log((a + 0.5) * UNIT))
    second = np.sqrt(-2.0 * log((c + 0.5) * UNIT))
    angle = TURN * ((b + 0.5) * UNIT - 0.5)
    return first * cos(angle), first * sin(angle), second * cos(TURN * ((d + 0.5) * UNIT - 0.5))


@njit(inline="always")
def normal_of_pair(key0: int, key1: int, one: int, other: int) -> float:
    """A standard normal number for two particles, the same whichever is named first; see key_of_step."""
    i, j = min(one, other), max(one, other)
    a, b, _, _ = philox(i & MASK, i >> 32 & MASK, j & MASK, j >> 32 & MASK, key0, key1)
    normal: float = np.sqrt(-2.0 * log((a + 0.5) * UNIT)) * cos(TURN * ((b + 0.5) * UNIT - 0.5))
    return normal


@njit(cache=True, nogil=True)
def draw_keys(begin: int, end: int, seeds: Integers, purpose: int, step: int, keys: Integers) -> None:
    """The two words of a key for each of these seeds at one step, (2 n,), where the counter is full of ids."""
    counter = step >> 32 & 0xFFFF | purpose << 16
    for k in range(begin, end):
        seed = seeds[k]
        words = philox(step & MASK, counter, MASK, MASK, seed & MASK, seed >> 32 & MASK)
        keys[2 * k], keys[2 * k + 1] = words[0], words[1]


def key_of_step(seed: int, purpose: int, step: int) -> Integers:
    """The key of one seed."""
    key = np.empty(2, np.int64)
    draw_keys(0, 1, np.array([seed], np.int64), purpose, step, key)
    return key


@njit(cache=True, nogil=True)
def draw_for_pairs(key: Integers, one: int, others: Integers) -> Floats:
    """The normal numbers of a particle with each of these others."""
    noise = np.empty(len(others))
    for k in range(len(others)):
        noise[k] = normal_of_pair(key[0], key[1], one, others[k])
    return noise


@njit(cache=True, nogil=True)
def normal_and_squares(seed: int, purpose: int, step: int, count: int) -> tuple[float, float]:
    """A standard normal number, and the sum of the squares of `count` others.

    That sum is twice a number of the gamma distribution of shape count / 2, found by rejection (Marsaglia and Tsang,
    ACM Trans. Math. Softw. 26, 363, 2000), so it takes the same time for any count. Each try draws anew.
    """
    first, second, third = normals(seed, purpose, step, 0)
    if count < 3:
        return first, (0.0 if count < 1 else second * second + (0.0 if count < 2 else third * third))
    d = 0.5 * count - 1.0 / 3.0
    width = 1.0 / np.sqrt(9.0 * d)
    attempt = 1
    while True:
        x = normals(seed, purpose, step, attempt)[0]
        counter = step >> 32 & 0xFFFF | purpose << 16
        word = philox(attempt, 1, step & MASK, counter, seed & MASK, seed >> 32 & MASK)[0]
        root = 1.0 + width * x
        v = root * root * root
        if v > 0.0 and log((word + 0.5) * UNIT) < 0.5 * x * x + d * (1.0 - v + log(v)):
            return first, 2.0 * d * v
        attempt += 1


@njit(cache=True, nogil=True)
def philox_block(counter: Integers, key: Integers) -> Integers:
    """Philox for one counter (4 words) and key (2 words), to be held against published answers."""
    return np.array(philox(counter[0], counter[1], counter[2], counter[3], key[0], key[1]))


@njit(cache=True, nogil=True, error_model="numpy")
def draw_normals(begin: int, end: int, seed: int, purpose: int, step: int, ids: Integers, noise: Floats) -> None:
    """Fill noise (3, n) for particles begin .. end - 1.

    A loop that does nothing else is vector code, which draws five times as fast as one that moves particles, too.
    """
    wide_vectors()
    those, first, second, third = ids[begin:end], noise[0, begin:end], noise[1, begin:end], noise[2, begin:end]
    for i in range(len(those)):
        first[i], second[i], third[i] = normals(seed, purpose, step, those[i])


@njit(cache=True, nogil=True)
def draw_uniforms(begin: int, end: int, seed: int, purpose: int, ids: Integers, noise: Floats) -> None:
    """Fill noise (3, n) for particles begin .. end - 1 with numbers from [0, 1), multiples of 2**-52."""
    for i in range(begin, end):
        key = seed & MASK, seed >> 32 & MASK
        low = philox(ids[i] & MASK, ids[i] >> 32 & MASK, 0, purpose << 16, key[0], key[1])
        high = philox(ids[i] & MASK, ids[i] >> 32 & MASK, 1, purpose << 16, key[0], key[1])
        for a in range(3):
            noise[a, i] = (high[a] * 2.0**20 + (low[a] >> 12)) * 2.0**-52


def check_seed(seed: object) -> int:
    """A seed must be a whole number of 63 bits."""
    number = whole_number("seed", seed, minimum=0)
    if number >= 2**63:
        raise InputError(f"seed: expected a whole number below 2**63, got one of {number.bit_length()} bits")
    return number
