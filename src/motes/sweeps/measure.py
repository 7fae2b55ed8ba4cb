"""One run of an input file, as a row."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from motes.core.errors import RunError
from motes.core.progress import show_nothing
from motes.core.threads import usual_threads
from motes.observers.roster import Frame
from motes.observers.thermo import Row as ThermoRow
from motes.simulation.inputs.build import read_job
from motes.simulation.inputs.config import Config, load
from motes.sweeps.runs import Row

SEEDED = ("particles", "integrator")


def seeds(config: Config, parameters: Mapping[str, Any]) -> list[str]:
    """The keys that take the seed of a run: all seeds of the file that are not varied themselves."""
    having = [table for table in SEEDED if getattr(getattr(config, table), "seed", None) is not None]
    return [key for key in (f"{table}.seed" for table in having) if key not in parameters]


def measure(path: str, settings: tuple[str, ...], parameters: Row, seed: int) -> Row:
    """Run the file to its last step; nothing is written.

    Returns:
        The values of a thermo row at the last step, `energy_change` since step 0, and the `fingerprint`.
    """
    config = load(Path(path), settings, parameters)
    changes = parameters | dict.fromkeys(seeds(config, parameters), seed)
    job = read_job(Path(path), settings, changes)
    simulation = job.simulation(None if "run.threads" in parameters else usual_threads())
    first = ThermoRow.of(Frame(simulation))
    simulation.run(job.config.run.steps, progress=show_nothing)
    present = simulation.describe()["particles"]
    if present != len(simulation):
        raise RunError(f"{present} particles are left of {len(simulation)}")
    last = ThermoRow.of(Frame(simulation))
    change = last.total - first.total
    return {**last._asdict(), "energy_change": change, "fingerprint": simulation.fingerprint}
