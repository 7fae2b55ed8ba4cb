"""Make wrong inputs from right ones: the same ones for the same seed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

NUMBER = re.compile(rb"(?<![A-Za-z_.\d])-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")
WORD = re.compile(rb"[A-Za-z_][A-Za-z_\d]*|\d+(?:\.\d*)?|[^\sA-Za-z_\d]+")
NUMBERS = (
    b"0", b"-1", b"1", b"2", b"-0.0", b"0.5", b"7", b"1e-300", b"1e308", b"-1e308", b"1e400", b"nan", b"-inf", b"inf",
    b"5e-324", b"1e16", b"255", b"65536", b"2147483648", b"4294967295", b"9223372036854775807", b"9223372036854775808",
    b"18446744073709551616", b"1000000000000", b"1" + 30 * b"0", b"9" * 400, b"9" * 5000, b"0x" + 5000 * b"f", b"1.5.2",
    b"1_000", b"+3", b"true", b"1e9", b"0.1", b"256", b"257.5",
)  # fmt: skip
PIECES = (
    b"\0", b"\xff", b"\xc3\x28", "é".encode(), "२".encode(), "\u2028".encode(), "\U0001f600".encode(), b"\x1b[2J",
    b"\n", b"\r\n", b"\t", b" ", b"#", b'"', b"'", b'"""', b"=", b".", b",", b"[", b"]", b"{", b"}", b"(", b")", b"-",
    b"**", b"\\", b"1979-05-27", b"a" * 300, b"a." * 200, b"[[", b"x = 1\n", b"__class__", b"\xef\xbb\xbf",
)  # fmt: skip
BRACKETS = (
    (b"(", b")"),
    (b"[", b"]"),
    (b"{a = ", b"}"),
    (b"abs(", b")"),
    (b"square(", b")"),
    (b"-", b""),
    (b"a.", b""),
)
DEPTHS = (1, 3, 20, 150, 3000)
INTEGERS = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**63, 2**64 - 1)

Mutation = Callable[[random.Random, bytes, bytes], bytes]


def _offset(chance: random.Random, text: bytes) -> int:
    return chance.randrange(len(text) + 1)


def _flip(chance: random.Random, text: bytes, _other: bytes) -> bytes:
    if not text:
        return text
    offset = chance.randrange(len(text))
    return text[:offset] + bytes([text[offset] ^ (1 << chance.randrange(8))]) + text[offset + 1 :]


def _insert(chance: random.Random, text: bytes, _other: bytes) -> bytes:
    offset = _offset(chance, text)
    return text[:offset] + chance.choice(PIECES) + text[offset:]


def _delete(chance: random.Random, text: bytes, _other: bytes) -> bytes:
    offset = _offset(chance, text)
    return text[:offset] + text[offset + chance.choice((1, 1, 1, 4, 30)) :]


def _cut(chance: random.Random, text: bytes, _other: bytes) -> bytes:
    return text[: _offset(chance, text)]


def _lines(chance: random.Random, text: bytes, _other: bytes) -> bytes:
    lines = text.splitlines(keepends=True)
    if not lines:
        return text
    one, two = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(3):
        case 0:
            lines.insert(two, lines[one])
        case 1:
            lines[one], lines[two] = lines[two], lines[one]
        case _:
            del lines[one]
    return b"".join(lines)


def _number(chance: random.Random, text: bytes, _other: bytes) -> bytes:
    found = list(NUMBER.finditer(text))
    if not found:
        return text
    one = chance.choice(found)
    return text[: one.start()] + chance.choice(NUMBERS) + text[one.end() :]


def _splice(chance: random.Random, text: bytes, other: bytes) -> bytes:
    here, there = list(WORD.finditer(text)), list(WORD.finditer(other))
    if not here or not there:
        return text
    one, two = chance.choice(here), chance.choice(there)
    return text[: one.start()] + two.group() + text[one.end() :]


def _cross(chance: random.Random, text: bytes, other: bytes) -> bytes:
    return text[: _offset(chance, text)] + other[_offset(chance, other) :]


def _nest(chance: random.Random, text: bytes, _other: bytes) -> bytes:
    found = list(WORD.finditer(text))
    if not found:
        return text
    one = chance.choice(found)
    opening, closing = chance.choice(BRACKETS)
    depth = chance.choice(DEPTHS)
    return text[: one.start()] + opening * depth + one.group() + closing * depth + text[one.end() :]


def _integer(chance: random.Random, text: bytes, _other: bytes) -> bytes:
    """Write a number of 1 to 8 bytes over what is there, at an offset where files keep such."""
    width = chance.choice((1, 2, 4, 8))
    if len(text) < width:
        return text
    offset = chance.randrange(0, len(text) - width + 1, min(width, 4))
    return text[:offset] + (chance.choice(INTEGERS) % 256**width).to_bytes(width, "little") + text[offset + width :]


TEXT: tuple[Mutation, ...] = (
    _flip, _insert, _delete, _cut, _lines, _cross, _nest, *3 * (_splice,), *5 * (_number,),
)  # fmt: skip
BINARY: tuple[Mutation, ...] = (_flip, _flip, _integer, _integer, _integer, _cut, _delete, _insert, _cross)


def mutated(number: int, seeds: Sequence[bytes], mutations: Sequence[Mutation] = TEXT) -> bytes:
    """A wrong input, one to four mutations away from one of the seeds."""
    chance = random.Random(number)
    text = chance.choice(seeds)
    for _ in range(chance.choice((1, 1, 2, 2, 3, 4))):
        text = chance.choice(mutations)(chance, text, chance.choice(seeds))
    return text
