"""The questions that numbers from outside must answer before anything else sees them.

Each function returns its input in one known form or raises an InputError that starts with the input's name.
Text, booleans and complex numbers are refused rather than converted: a quiet conversion hides a mistake.
"""

from __future__ import annotations

import math
import os
from numbers import Integral, Real
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from motes.core.errors import InputError
from motes.core.words import shortened

SMALLEST, LARGEST = 2.0**-250, 2.0**250
"""Sizes of what is positive, such as masses and cutoffs: their squares and products stay well inside float64."""

# What arguments of a constructor may be: the tables of input files are made of its annotations.
Positive = Annotated[float, "above 0"]
NotNegative = Annotated[float, "at least 0"]
Count = Annotated[int, "at least 1"]
Seed = Annotated[int, "at least 0, below 2**63"]
ByTypes = Annotated[Any, "a number above 0, or one for each two types"]
Range = Annotated[tuple[float, float], "from and to"]
TwoTypes = Annotated[tuple[Any, Any], "two types"]
Readings = Annotated[Any, "a reading, or several"]
Weights = Annotated[Any, "three numbers of at least 0"]
ByParticle = Annotated[Any, "a number, numbers by type, or the name of an attribute"]

BYTES_OF_A_PARTICLE = 500
"""What a particle takes in a run, at the least: its state, and its rows in lists."""

LONGEST_NAME = 255
"""Bytes in the name of a file on all file systems in use; of more, the system says so wherever it is asked first."""

# Where launchers of MPI say how many ranks there are, each of which may have a machine to itself.
_RANKS = ("MOTES_RANKS", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE", "PALS_SIZE", "SLURM_NTASKS")


def numbers(name: str, values: Any) -> NDArray[np.float64]:
    """A float64 copy of an array of real numbers of any shape; NaN and infinity pass."""
    array = rectangular(name, values)
    if array.dtype.kind not in "iuf" or _holds_truth(values):
        raise InputError(f"{name}: expected real numbers, got {_brief(values)}")
    return array.astype(np.float64)


def _holds_truth(values: Any) -> bool:
    """Whether a list has a True or False among its numbers, which NumPy would take for 1 and 0."""
    if isinstance(values, list | tuple):
        return any(map(_holds_truth, values))
    return isinstance(values, bool | np.bool_)


def rectangular(name: str, values: Any) -> NDArray[Any]:
    """An array of whatever is given, in rows of the same length. What is masked would come back as it was before."""
    rows = values if isinstance(values, list | tuple) else [values]
    if any(np.ma.is_masked(row) for row in rows):
        raise InputError(f"{name}: some of it is masked; fill it in, or leave it out")
    try:
        return np.asarray(values)
    except ValueError as error:
        raise InputError(f"{name}: rows of different lengths; expected a rectangular array of numbers") from error


def number(
    name: str, value: Any, *, minimum: float = -math.inf, above: float = -math.inf, maximum: float = math.inf
) -> float:
    """One finite real number within these bounds, greater than `above`; above 0, of a size to calculate with."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real) or not is_finite(value):
        raise InputError(f"{name}: expected a finite number, got {_brief(value)}")
    if value < minimum:
        raise InputError(f"{name}: expected at least {minimum:g}, got {value}")
    if float(value) > maximum:
        raise InputError(f"{name}: expected at most {maximum:.0e}, got {float(value):g}")
    if value <= above:
        raise InputError(f"{name}: expected more than {above:g}, got {value}")
    if above == 0 and not SMALLEST <= float(value) <= LARGEST:
        raise InputError(f"{name}: expected a number from {SMALLEST:.0e} to {LARGEST:.0e}, got {float(value):g}")
    return float(value)


def whole_number(name: str, value: Any, *, minimum: int, maximum: float = math.inf) -> int:
    """One integer that is at least `minimum`, and at most `maximum`."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral) or value < minimum:
        hint = f"; write {int(value):_}" if isinstance(value, float) and value.is_integer() and value >= minimum else ""
        raise InputError(f"{name}: expected a whole number of at least {minimum}, got {_brief(value)}{hint}")
    if int(value) > maximum:
        raise InputError(f"{name}: expected a whole number of at most {maximum:g}, got {_brief(value)}")
    return int(value)


def require_memory(name: str, count: int) -> None:
    """Refuse more particles than the memory of this machine can hold, before anything is made of them."""
    ranks = max(int(word) for word in ["1", *(os.environ.get(name, "") for name in _RANKS)] if word.isdecimal())
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * ranks
    if count * BYTES_OF_A_PARTICLE > memory:
        few = min(count, 10**20)  # beyond, the number itself would fill the line
        raise InputError(
            f"{name}: {few:.6g}{' or more' * (few < count)} particles need about {few * BYTES_OF_A_PARTICLE / 1e9:.3g} "
            f"GB of memory, and there are {memory / 1e9:.3g} GB; give fewer"
        )


def file_path(name: str, value: Any) -> Path:
    """What is named by text or a path, with ~ as the home of the user; nothing is opened."""
    if not isinstance(value, str | os.PathLike) or not (text := os.fspath(value)) or isinstance(text, bytes):
        raise InputError(f"{name}: expected the name of a file or folder, got {_brief(value)}")
    if "\0" in text:
        raise InputError(f"{name}: the name of a file cannot hold a character of code 0, got {_brief(value)}")
    if any(len(part) > LONGEST_NAME for part in text.encode(errors="replace").split(b"/")):
        raise InputError(
            f"{name}: a name of more than {LONGEST_NAME} bytes can be no file or folder, got {_brief(value)}"
        )
    return Path(os.path.expanduser(text))  # noqa: PTH111  # Path's own raises where there is no such user


def random_generator(seed: Any) -> np.random.Generator:
    """The generator of random numbers that this seed, a whole number >= 0, stands for."""
    return np.random.default_rng(whole_number("seed", seed, minimum=0))


def is_finite(value: Real) -> bool:
    """Whether float64 has this number."""
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number or a fraction too large for float64
        return False


def _brief(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python does not write numbers of thousands of digits
        return "a number of thousands of digits"
    return shortened(text)
