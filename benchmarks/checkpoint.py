"""What checkpoints cost: one every 1,000 steps of a melt, and the writing of ten million particles.

    python benchmarks/checkpoint.py [--rounds 3]

Cost: two simulations of LAMMPS's melt of 32,000 live in one process, on all cores, and take turns of 1,000 steps; one
of them writes a checkpoint in each turn, to the disk and waited for. Turns of the same work differ by two percent on a
noisy machine, many times what a checkpoint takes. So its cost is taken as the time spent in it, the median over the
turns, against the best turn without; the ratio of the best turns is printed beside it.

Writing: ten million particles against `numpy.save` of an array of as many bytes, both waited for until the disk has
them (fsync), in turns. A checkpoint is checksummed, has a manifest, and gets its name last.
"""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import MELT, Figure, Result, command, fresh, serve

STEPS = 1000


def cost(data: str, rounds: int) -> Result:
    """Seconds of the best turn without and with a checkpoint."""
    from ours import simulation

    import motes

    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        sims = {name: simulation(motes.read(data), threads=None) for name in ("without", "with")}
        sims["with"].every(STEPS, motes.Checkpoint(Path(folder) / "melt.ckpt"))
        best = dict.fromkeys(sims, float("inf"))
        for sim in sims.values():
            sim.run(STEPS)
        spent = []
        for _ in range(rounds):
            before = sims["with"].timings["output"]
            for name, sim in sims.items():
                best[name] = min(best[name], seconds(lambda sim=sim: sim.run(STEPS)))
            spent.append(sims["with"].timings["output"] - before)
        if sims["with"].fingerprint != sims["without"].fingerprint:
            raise RuntimeError("a checkpoint changed the trajectory")
        return {**best, "checkpoint": statistics.median(spent)}


def write(rounds: int) -> Result:
    """Seconds to write ten million particles, and the same bytes by numpy.save."""
    import motes

    sim = motes.Simulation(motes.fcc(cells=136, density=0.8442), motes.VelocityVerlet(0.005))
    columns = np.zeros((len(sim._engine.here.state.column_names), len(sim)), np.int64)
    columns[:] = sim.ids
    best = {"motes": float("inf"), "numpy": float("inf")}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            plain, saved = Path(folder) / "plain.npy", Path(folder) / "run.ckpt"
            best["numpy"] = min(best["numpy"], seconds(lambda plain=plain: save_plainly(plain, columns)))
            plain.unlink()
            best["motes"] = min(best["motes"], seconds(lambda saved=saved: sim.save(saved)))
            shutil.rmtree(saved)
    return {**best, "bytes": columns.nbytes}


def save_plainly(path: Path, array: Any) -> None:
    with path.open("wb") as file:
        np.save(file, array)
        file.flush()
        os.fsync(file.fileno())


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def measure(rounds: int) -> list[Figure]:
    turns = fresh("checkpoint.py", "cost", data=str(MELT), rounds=rounds)
    print("  ".join(f"{name} {value:.4g} s" for name, value in turns.items()))
    print(f"best turns: {100 * (turns['with'] / turns['without'] - 1):+.2f} %")
    files = fresh("checkpoint.py", "write", rounds=rounds)
    print(f"numpy {files['numpy']:.3g} s  motes {files['motes']:.3g} s  for {files['bytes'] / 1e9:.3g} GB")
    return [
        Figure(
            "a checkpoint every 1,000 steps, melt of 32,000",
            100 * turns["checkpoint"] / turns["without"],
            2.0,
            0.5,
            "%",
            more=False,
        ),
        Figure(
            "writing 10^7 particles against numpy.save, both with fsync",
            files["motes"] / files["numpy"],
            1.5,
            1.1,
            more=False,
        ),
    ]


if __name__ == "__main__" and not serve({"cost": cost, "write": write}):
    command(measure, __doc__)
