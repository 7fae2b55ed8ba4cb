"""Particles that never meet, and whole arrays: against what one would write by hand.

    pip install cython numexpr
    python benchmarks/independent.py [--rounds 3]

The circling particles of examples/swirl.py, many of them: v = speed (-y, x) / r by Euler's steps. The peers are a
typed Cython loop (bounds checks off, built with -O3 -march=native) and a plain Numba loop, each written both ways, with
the steps or the particles in the outer loop; the faster way counts. Cython needs a C compiler; Motes does not.

Element by element: the root of x**2 + y**2 over ten million numbers on all cores, and a mix of exp, sin and log on one
thread. Every side allocates its result, as a user's call would. What the memory allows is measured by a parallel copy
in NumPy of as many bytes.

All results are compared before a time counts: positions to 1e-9, arrays to 1e-12.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from common import Figure, Result, command, fresh, interleaved, serve

COUNT, STEPS, TIME_STEP = 20_000, 5_000, 1e-5
LENGTH, MIX_LENGTH = 10_000_000, 1_000_000
TURNS = 4

CYTHON = """
# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
from libc.math cimport sqrt


def steps_outside(double[::1] xs, double[::1] ys, double[::1] speeds, double dt, long steps):
    cdef long i, n
    cdef double x, y, r
    for n in range(steps):
        for i in range(xs.shape[0]):
            x = xs[i]
            y = ys[i]
            r = sqrt(x * x + y * y)
            xs[i] = x - dt * speeds[i] * y / r
            ys[i] = y + dt * speeds[i] * x / r


def particles_outside(double[::1] xs, double[::1] ys, double[::1] speeds, double dt, long steps):
    cdef long i, n
    cdef double x, y, r, s
    for i in range(xs.shape[0]):
        x = xs[i]
        y = ys[i]
        s = speeds[i]
        for n in range(steps):
            r = sqrt(x * x + y * y)
            x, y = x - dt * s * y / r, y + dt * s * x / r
        xs[i] = x
        ys[i] = y
"""

SETUP = """
from setuptools import Extension, setup
from Cython.Build import cythonize
flags = ["-O3", "-march=native"]
setup(ext_modules=cythonize([Extension("circling", ["circling.pyx"], extra_compile_args=flags)]), script_args=ARGUMENTS)
"""


def swirl(x: Any, y: Any, speed: Any) -> Any:
    """The velocity, as a user would write it."""
    r = np.hypot(x, y)
    return -speed * y / r, speed * x / r


def start() -> tuple[Any, Any]:
    """Positions (N, 2) away from the origin, and speeds."""
    generator = np.random.default_rng(1)
    angle, r = generator.uniform(0, 2 * np.pi, COUNT), generator.uniform(0.2, 0.6, COUNT)
    return np.stack([r * np.cos(angle), r * np.sin(angle)], axis=1), generator.uniform(-3, 3, COUNT)


def after(seconds: float, positions: Any) -> Result:
    """What every side reports: the time of a particle's step, and a number that shows where all have got to."""
    return {"ns": 1e9 * seconds / (COUNT * STEPS), "moment": float((positions * [[1.0, 2.0]]).sum())}


def best_of(run: Callable[[], Any], turns: int = TURNS) -> tuple[float, Any]:
    """Seconds of the fastest of several turns, and the last result."""
    best, result = float("inf"), None
    for _ in range(turns):
        begin = time.perf_counter()
        result = run()
        best = min(best, time.perf_counter() - begin)
    return best, result


def ours() -> Result:
    """Motes on one thread and on two, which take turns, so that both see the same machine."""
    import motes

    positions, speeds = start()
    box = motes.Box([2.0, 2.0], boundary="open", origin=[-1.0, -1.0])
    flow = motes.Flow(swirl, dt=TIME_STEP)
    best = dict.fromkeys((1, 2), float("inf"))
    prints = set()
    for _ in range(TURNS):
        for threads in (1, 2):
            sim = motes.Simulation(motes.Particles(positions, box, speed=speeds), flow, threads=threads)
            begin = time.perf_counter()
            sim.run(STEPS)
            best[threads] = min(best[threads], time.perf_counter() - begin)
            prints.add(sim.fingerprint)
    if len(prints) > 1:
        raise RuntimeError("one thread and two threads gave different states")
    return {**after(best[1], sim.positions), "speedup": best[1] / best[2]}


def loops(peers: list[Callable[..., None]]) -> Result:
    """The faster of loops that all take columns, speeds, dt and steps."""
    positions, speeds = start()
    found = []
    for peer in peers:
        peer(*positions.T.copy(), speeds, TIME_STEP, 1)
        seconds, moved = float("inf"), positions
        for _ in range(TURNS):
            columns = positions.T.copy()
            begin = time.perf_counter()
            peer(*columns, speeds, TIME_STEP, STEPS)
            seconds, moved = min(seconds, time.perf_counter() - begin), columns.T
        found.append(after(seconds, moved))
    return min(found, key=lambda result: result["ns"])


def cython(folder: str) -> Result:
    """The loops in Cython, built before."""
    sys.path.insert(0, folder)
    import circling

    return loops([circling.steps_outside, circling.particles_outside])


def build(folder: Path) -> None:
    """Build the Cython module in a folder."""
    (folder / "circling.pyx").write_text(CYTHON)
    script = SETUP.replace("ARGUMENTS", "['build_ext', '--inplace', '-q']")
    subprocess.run([sys.executable, "-c", script], check=True, cwd=folder, capture_output=True)


def numba_loops() -> Result:
    """The loops in Numba."""
    from numba import njit

    @njit(error_model="numpy")
    def steps_outside(xs, ys, speeds, dt, steps):
        for _ in range(steps):
            for i in range(len(xs)):
                x, y = xs[i], ys[i]
                r = np.sqrt(x * x + y * y)
                xs[i] = x - dt * speeds[i] * y / r
                ys[i] = y + dt * speeds[i] * x / r

    @njit(error_model="numpy")
    def particles_outside(xs, ys, speeds, dt, steps):
        for i in range(len(xs)):
            x, y, s = xs[i], ys[i], speeds[i]
            for _ in range(steps):
                r = np.sqrt(x * x + y * y)
                x, y = x - dt * s * y / r, y + dt * s * x / r
            xs[i], ys[i] = x, y

    return loops([steps_outside, particles_outside])


def arrays(length: int) -> tuple[Any, Any]:
    generator = np.random.default_rng(2)
    return generator.uniform(0.1, 3.0, length), generator.uniform(0.1, 3.0, length)


def root(x: Any, y: Any) -> Any:
    """The length of (x, y)."""
    return np.sqrt(x * x + y * y)


def mix(x: Any, y: Any) -> Any:
    """Some of each."""
    return np.exp(-x) * np.sin(y) + np.log(x + y)


def element_by_element(side: str) -> Result:
    """Seconds for the root of ten million sums, on all cores."""
    x, y = arrays(LENGTH)
    run = {"motes": _motes, "numpy": lambda: root, "numexpr": _numexpr, "numba": _numba, "copy": _copy}[side]()
    run(x, y)
    seconds, result = best_of(lambda: run(x, y))
    if side != "copy" and not np.allclose(result, root(x, y), rtol=1e-12, atol=0):
        raise RuntimeError(f"{side} gives another result")
    return {"ms": 1000 * seconds}


def _motes() -> Callable[..., Any]:
    import motes

    return partial(motes.elementwise, root)


def _numexpr() -> Callable[..., Any]:
    import numexpr

    numexpr.set_num_threads(os.cpu_count() or 1)
    return lambda x, y: numexpr.evaluate("sqrt(x * x + y * y)", {"x": x, "y": y})


def _numba() -> Callable[..., Any]:
    from numba import vectorize

    return vectorize(["float64(float64, float64)"], target="parallel")(lambda x, y: np.sqrt(x * x + y * y))


def _copy() -> Callable[..., Any]:
    """Reads one array and writes a fresh one, in parallel: two thirds of the traffic of the root."""
    cores = os.cpu_count() or 1
    pool = ThreadPoolExecutor(cores)

    def copy(x: Any, _y: Any) -> Any:
        result = np.empty_like(x)
        edges = [len(x) * part // cores for part in range(cores + 1)]
        list(pool.map(lambda a, b: np.copyto(result[a:b], x[a:b]), edges[:-1], edges[1:]))
        return result

    return copy


def functions(side: str) -> Result:
    """Seconds for a million of the mix, on one thread."""
    x, y = arrays(MIX_LENGTH)
    if side == "motes":
        import motes

        run = partial(motes.elementwise, mix, threads=1)
    else:
        run = mix
    run(x, y)
    seconds, result = best_of(lambda: run(x, y), 4 * TURNS)
    if not np.allclose(result, mix(x, y), rtol=1e-12, atol=1e-13):
        raise RuntimeError(f"{side} gives another result")
    return {"ms": 1000 * seconds}


def measure(rounds: int) -> list[Figure]:
    """All of it."""
    return circling(rounds) + elements(rounds)


def circling(rounds: int) -> list[Figure]:
    """Nanoseconds of a particle's step."""
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        here = partial(fresh, "independent.py")
        results = interleaved(
            {
                "motes": partial(here, "ours"),
                "cython": partial(here, "cython", folder=folder),
                "numba": partial(here, "numba_loops"),
            },
            rounds,
        )
    moments = [run["moment"] for runs in results.values() for run in runs]
    if max(moments) - min(moments) > 1e-9 * COUNT:
        raise RuntimeError("not comparable: particles ended at different positions")
    one, by_cython, by_numba = (min(run["ns"] for run in runs) for runs in results.values())
    speedup = max(run["speedup"] for run in results["motes"])
    return [
        Figure("circling particles, one thread", one, unit="ns per particle-step", more=False),
        Figure("circling particles: against a typed Cython loop", by_cython / one, 3, 8),
        Figure("circling particles: against a plain Numba loop", by_numba / one),
        Figure("circling particles: 2 threads against 1", speedup, 1.85, 1.97),
    ]


def elements(rounds: int) -> list[Figure]:
    """Milliseconds for whole arrays."""
    sides = {side: partial(fresh, "independent.py", "element_by_element", side=side) for side in SIDES}
    mixes = {f"mix, {side}": partial(fresh, "independent.py", "functions", side=side) for side in ("motes", "numpy")}
    best = {name: min(run["ms"] for run in runs) for name, runs in interleaved(sides | mixes, rounds).items()}
    peer = min(PEERS, key=best.__getitem__)
    return [
        Figure(f"root of 10^7 sums on all cores against the best peer ({peer})", best[peer] / best["motes"], 1.0, 1.2),
        Figure("root of 10^7 sums: time against a parallel copy times 1.5", 1.5 * best["copy"] / best["motes"]),
        Figure("mix of exp, sin and log against NumPy, one thread", best["mix, numpy"] / best["mix, motes"], 2, 6),
    ]


PEERS = ("numpy", "numexpr", "numba")
SIDES = ("motes", *PEERS, "copy")

if __name__ == "__main__":
    cases = {
        "ours": ours,
        "cython": cython,
        "numba_loops": numba_loops,
        "element_by_element": element_by_element,
        "functions": functions,
    }
    if not serve(cases):
        command(measure, __doc__)
