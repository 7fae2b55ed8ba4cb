"""The words around a run: its header says what runs where, its footer where the time went."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from motes.cli.conserved import Energy
from motes.cli.versions import version
from motes.forces.pair import Pair
from motes.observers.blocking import with_error
from motes.observers.thermo import Thermo
from motes.particles.particles import Particles
from motes.simulation.inputs.build import Job
from motes.simulation.inputs.config import RESULTS, InteractionTable, Mix
from motes.simulation.simulation import Simulation


@dataclass(frozen=True)
class Spent:
    """Steps that were run, seconds until the first of them and seconds from there to the end."""

    steps: int
    setup: float
    running: float


def table(rows: Mapping[str, object]) -> str:
    """Names and values, one row each, values aligned."""
    width = max(map(len, rows)) + 2
    return "\n".join(f"{name:<{width}}{value}" for name, value in rows.items())


def header(job: Job, simulation: Simulation, steps: int) -> str:
    """What runs where."""
    source = {"input": job.path}
    return _header(simulation, steps, source, interaction_rows(job), minimized_rows(job), outputs(job))


def script_header(path: Path, arguments: Sequence[str], simulation: Simulation, steps: int) -> str:
    """The same for the first run of a simulation in a script."""
    source = {"script": " ".join([str(path), *arguments])}
    return _header(simulation, steps, source, object_rows(simulation.interactions), {}, object_outputs(simulation))


def _header(
    simulation: Simulation,
    steps: int,
    source: Mapping[str, object],
    interactions: Mapping[str, str],
    minimized: Mapping[str, str],
    outputs: Mapping[str, str],
) -> str:
    seen = simulation.describe()
    rows = {
        **source,
        **particle_rows(simulation),
        **interactions,
        "integrator": seen["integrator"],
        **minimized,
        "steps": steps if simulation.step == 0 else f"{steps}, from step {simulation.step} on",
        **rank_words(seen),
        "threads": seen["threads"],
        "skin": f"{seen['skin']:.6g}",
        **outputs,
    }
    return f"Motes {version('motes')}\n{table(rows)}\n"


def minimized_rows(job: Job) -> dict[str, str]:
    """How far the minimization before the run came, if there was one."""
    done = job.minimized
    if done is None:
        return {}
    steps = f"in {count(done.steps, 'step')} to a largest force of {done.largest_force:.3g}"
    return {"minimized": steps if done.converged else f"{steps}, which is above the force_tolerance"}


def rank_words(seen: Mapping[str, Any]) -> dict[str, str]:
    """The regions, if there are several."""
    if seen["ranks"] == 1:
        return {}
    return {"ranks": f"{seen['ranks']}, {' x '.join(map(str, seen['regions']))} regions"}


def particle_rows(particles: Particles | Simulation) -> dict[str, str]:
    """Who is there, and where."""
    kinds = ""
    if len(particles.type_names) > 1:
        numbers = np.bincount(particles.types, minlength=len(particles.type_names))
        kinds = ", ".join(f"{n} of type {name}" for name, n in zip(particles.type_names, numbers, strict=True))
    box = particles.box
    edges = " x ".join(f"{length:.6g}" for length in box.lengths)
    words = [word if isinstance(word, str) else " to ".join(word) for word in box.boundary]
    words = words[:1] if len(set(words)) == 1 else words
    return {
        "particles": f"{len(particles)} ({kinds})" if kinds else str(len(particles)),
        "box": f"{edges}, {', '.join(words)}",
        "density": f"{len(particles) / box.volume:.6g}",
    }


def interaction_rows(job: Job) -> dict[str, str]:
    """The interactions in the words of the file."""
    return _numbered(map(_interaction_words, job.config.interactions))


def _numbered(interactions: Iterable[str]) -> dict[str, str]:
    """A row for each, numbered if there are several."""
    words = list(interactions)
    names = ["interaction"] if len(words) < 2 else [f"interaction {number}" for number in range(1, len(words) + 1)]
    return dict(zip(names, words or ["none"], strict=True))


def _interaction_words(one: InteractionTable) -> str:
    name = str(one.text or one.function or getattr(one, "name", None))
    words = [name if one.law is Pair else f"{one.kind} {name}"]
    options, unset = one.options, type(one).model_fields
    cutoff = {key: value for key, value in options.items() if key == "cutoff"}
    words += [f"{key} = {_words(value)}" for key, value in {**cutoff, **one.parameters}.items()]
    others = {key: value for key, value in options.items() if key not in cutoff and value != unset[key].default}
    return ", ".join([*words, *(f"{key} = {_words(value)}" for key, value in others.items())])


def _words(value: Any) -> str:
    if isinstance(value, Mix):
        return f"{value.rule} mean of {value.mix}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def outputs(job: Job) -> dict[str, str]:
    """The files that a run writes, by table."""
    tables = {name: getattr(job.config, name) for name in ("thermo", "trajectory", *RESULTS)}
    rows = {
        name: f"{table.path or 'printed'}, every {count(table.every, 'step')}"
        for name, table in tables.items()
        if table is not None
    }
    saved = job.config.checkpoint
    if saved is not None:
        often = count(saved.every, "step") if saved.every is not None else f"{saved.minutes:g} minutes"
        rows["checkpoint"] = f"{saved.path}, every {often}, the last {saved.keep}"
    return rows


def object_rows(interactions: Sequence[object]) -> dict[str, str]:
    """The interactions as their constructors make them."""
    return _numbered(map(repr, interactions))


def object_outputs(simulation: Simulation) -> dict[str, str]:
    """The observers as they show themselves."""
    return {f"output {number}": repr(one)[1:-1] for number, one in enumerate(simulation.observers, 1)}


def footer(simulation: Simulation, first: Energy | None, spent: Spent) -> str:
    """Where the time went, and the numbers to compare runs by; the energy, if that at the first step is known."""
    count, rate = len(simulation), spent.steps / max(spent.running, 1e-9)
    rows = {
        "setup": f"{spent.setup:.3g} s",
        "run": f"{spent.running:.3g} s, {rate:.4g} steps/s, {rate * count:.3g} particle-steps/s",
    }
    rows |= {
        f"  {phase}": share(seconds, max(spent.running, 1e-9)) for phase, seconds in by_size(simulation.timings).items()
    }
    if not math.isnan(simulation.idleness):
        rows["threads"] = f"{simulation.threads}, waiting for each other for {simulation.idleness:.0%} of their time"
    rows |= rank_rows(simulation, spent)
    rows |= average_rows(simulation)
    if first is not None:
        rows["energy"] = energy_change(first, Energy.of(simulation))
    rows["particles"] = f"{simulation.describe()['particles']} of {count}"
    rows["fingerprint"] = simulation.fingerprint
    return f"\n{table(rows)}"


def average_rows(simulation: Simulation) -> dict[str, str]:
    """The means over a thermo table, if there is one, with their errors."""
    tables = (one for handle in simulation.observers for one in handle.observers if isinstance(one, Thermo))
    table = next(tables, None)
    if table is None or table.first is None:
        return {}
    rows = {"averages": f"of {count(table.averages['total'].number, 'row')}, from step {table.first.step} on"}
    for name, series in table.averages.items():
        error = series.error()
        if math.isfinite(series.mean):
            unknown = "" if math.isfinite(error) else ", too few rows for an error"
            rows[f"  {name}"] = with_error(series.mean, error) + unknown
    return rows


def rank_rows(simulation: Simulation, spent: Spent) -> dict[str, str]:
    """What only several ranks have: how their times differ, what they sent, how even the work is."""
    ranks = simulation.timings_by_rank
    if len(ranks) == 1:
        return {}
    rows = {"by rank": "   least    mean    most"}
    for phase in by_size(simulation.timings):
        seconds = [rank[phase] for rank in ranks if phase != "output"] or [0.0]
        if phase != "output":
            mean = sum(seconds) / len(seconds)
            rows[f"  {phase} "] = f"{min(seconds):8.3f}{mean:8.3f}{max(seconds):8.3f} s"
    steps = max(spent.steps, 1)
    messages, sent = (sum(rank[name] for rank in ranks) / steps for name in ("messages", "bytes"))
    rows["messages"] = f"{messages:.3g} a step, {size(sent)} a step, over all ranks"
    if simulation.imbalance:
        looks = simulation.imbalance
        rows["imbalance"] = f"{looks[0]:.3f} at first, {looks[-1]:.3f} at last (most work over mean)"
    return rows


def by_size(timings: Mapping[str, float]) -> dict[str, float]:
    """The phases that took time at all, longest first."""
    spent_on = {phase: seconds for phase, seconds in timings.items() if seconds > 0}
    return dict(sorted(spent_on.items(), key=lambda item: -item[1]))


def share(spent: float, total: float) -> str:
    """Seconds and percentage, aligned."""
    return f"{spent:9.3f} s {100 * spent / total:5.1f} %"


def energy_change(first: Energy, last: Energy) -> str:
    """The total energy at last, and how it has changed since the first; drift is what the forces would conserve."""
    change, word, reason = last.total - first.total, "change", ""
    if math.isfinite(last.conserved):
        if first.jumps is None or last.jumps is None:
            reason = "; pairs that cross the cutoff change it by a jump, which shift takes away"
        else:
            heat = change - (last.conserved - first.conserved)
            change, word = change - heat - (last.jumps - first.jumps), "drift"
            known = {"jumps of pairs at the cutoff": first.jumps or last.jumps, "heat from the bath": heat}
            parts = " and ".join(name for name, part in known.items() if part)
            reason = f", but for {parts}" if parts else ""
    relative = f" ({change / abs(first.total):+.2e} of it)" if first.total else ""
    return f"{last.total:.8g}, {word} {change:+.2e}{relative} from step {first.step} to {last.step}{reason}"


def count(number: int, noun: str) -> str:
    """The number with its noun in the right form."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def duration(seconds: float) -> str:
    """Seconds in the unit that people would use."""
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.2g} s"


def size(count_of_bytes: float) -> str:
    """Bytes in the unit that people would use."""
    for unit, length in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count_of_bytes >= length:
            return f"{count_of_bytes / length:.3g} {unit}"
    return f"{count_of_bytes:.0f} bytes"
