"""What the tests of whole runs share: the reference data, and random systems of every awkward kind."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

import motes
import motes.core.threads
import motes.engine.march
import motes.engine.noted
import motes.forces.slots
import motes.neighbors.list

# The first example of a test may compile a kernel, so none has a deadline; the same examples are tried every time.
settings.register_profile(
    "motes", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("motes")

# A shell that starts tests in the background lets them, and all they start, ignore Ctrl-C, and some tests send one.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

DATA = Path(__file__).parent / "data"
ARRANGEMENTS = ("anywhere", "clusters", "one corner", "faces", "lattice", "one position")
BOUNDARIES = ("periodic", "open", "reflecting")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of reference data."""
    return DATA


@pytest.fixture(scope="session")
def read_lammps() -> Callable[[str], dict[str, Any]]:
    """Read an npz file of LAMMPS by its name; thermo becomes a dict, box a motes.Box."""

    def read(name: str) -> dict[str, Any]:
        with np.load(DATA / "lammps" / f"{name}.npz") as archive:
            found: dict[str, Any] = dict(archive)
        low, high = found["box"][:3], found["box"][3:6]
        found["box"] = motes.Box(high - low, "open" if "open" in name else "periodic", origin=low)
        for key in [key for key in found if key.startswith("thermo") and key != "thermo_keys"]:
            found[key] = dict(zip(found["thermo_keys"].tolist(), found[key].tolist(), strict=True))
        return found

    return read


@pytest.fixture(scope="session")
def work() -> Iterator[Any]:
    """The functions of sweep_work.py, where worker processes find them as well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        yield import_module("sweep_work")


@pytest.fixture(scope="session")
def time_limit() -> Callable[[float], AbstractContextManager[None]]:
    """Fail what takes longer than so many seconds, also if it waits for something that never comes."""

    @contextmanager
    def limit(seconds: float) -> Iterator[None]:
        def stop(*_: object) -> None:
            pytest.fail(f"not done within {seconds:g} s")

        before = signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    return limit


@pytest.fixture(scope="module")
def small_parts() -> Iterator[None]:
    """Let threads share out what is far too small to be worth it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(motes.core.threads, "SMALLEST_PART", 8)
        patch.setattr(motes.neighbors.list, "SMALLEST_SEARCH", 8)
        patch.setattr(motes.forces.slots, "LEAST_CLUSTERS", 4)
        patch.setattr(motes.engine.noted, "SMALLEST_PART", 8)
        patch.setattr(motes.engine.march, "BUSY", 2.0)
        yield


@dataclass
class System:
    """A box and positions in it, and where they come from, for the report of a failure."""

    box: motes.Box
    positions: Any = field(repr=False)
    arrangements: tuple[str, ...]
    seed: int

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def random(self) -> np.random.Generator:
        """A generator for whatever else the particles need."""
        return np.random.default_rng(self.seed + 1)


def _coordinates(kind: str, count: int, box: motes.Box, random: np.random.Generator) -> Any:
    """Coordinates relative to the lower corner, not yet held inside the box."""
    anywhere = random.random((count, box.dimensions)) * box.lengths
    if kind == "clusters":
        centres = random.random((3, box.dimensions)) * box.lengths
        return centres[random.integers(3, size=count)] + 0.1 * random.standard_normal(anywhere.shape)
    if kind == "one corner":
        return anywhere / 16
    if kind == "faces":  # at a face, one grid step and one ulp from it, and in the middle
        step, edge = box.spacing, box.lengths
        choices = np.array([0 * edge, step + 0 * edge, edge - step, np.nextafter(edge, 0), edge / 2, edge])
        on_face = choices[random.integers(6, size=anywhere.shape), np.arange(box.dimensions)]
        return np.where(random.random(anywhere.shape) < 0.7, on_face, anywhere)
    if kind == "lattice":
        return np.floor(anywhere / box.lengths * 4) / 4 * box.lengths
    if kind == "one position":
        return np.tile(anywhere[:1], (count, 1))
    return anywhere


@st.composite
def _systems(draw: st.DrawFn, most: int = 120) -> System:
    dimensions = draw(st.sampled_from([2, 3]))
    # The thinnest boxes have many images within a cutoff of about 1, so they hold few particles.
    exponents = draw(st.lists(st.integers(-6, 12), min_size=dimensions, max_size=dimensions))
    fraction = draw(st.floats(0.75, 1.0))
    lengths = fraction * 2.0 ** (np.array(exponents) / 4)
    boundary = draw(st.tuples(*[st.sampled_from(BOUNDARIES)] * dimensions))
    origin = draw(st.sampled_from([0.0, -0.5, 3.25])) * lengths
    box = motes.Box(lengths, boundary, origin)
    images = np.prod([np.ceil(1.5 / edge) if wraps else 1 for edge, wraps in zip(lengths, box.periodic, strict=True)])
    count = draw(st.integers(1, max(1, int(most / images))))
    arrangements = tuple(draw(st.lists(st.sampled_from(ARRANGEMENTS), min_size=1, max_size=3)))
    seed = draw(st.integers(0, 2**32))
    random = np.random.default_rng(seed)
    shares = np.array_split(np.arange(count), len(arrangements))
    parts = [_coordinates(kind, len(share), box, random) for kind, share in zip(arrangements, shares, strict=True)]
    inside = np.concatenate([part for part in parts if len(part)])
    inside = np.where(box.periodic, inside, np.clip(inside, 0, box.lengths))
    return System(box, box.snap(inside + box.origin) + box.origin, arrangements, seed)


@pytest.fixture(scope="session")
def systems() -> Callable[..., st.SearchStrategy[System]]:
    """A strategy for systems of at most so many particles, in 2D and 3D, with edges from 0.27 to 8."""
    return _systems
