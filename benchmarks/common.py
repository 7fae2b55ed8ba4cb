"""What every benchmark shares: fresh processes, interleaved rounds, figures with their floor and aim.

How a comparison stays fair on a noisy machine:

- every measurement runs in a process of its own, so that no library, thread pool or allocator disturbs the
  next one;
- the sides take turns round by round, so that a slow minute of the machine hits all of them;
- the best round of each side counts: noise only ever adds time;
- results are ratios of figures from the same run, never of figures from different days.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MELT = HERE.parent / "tests" / "data" / "lammps" / "melt-32000.data.gz"

Result = dict[str, float]


@dataclass(frozen=True)
class Figure:
    """One measured number beside the floor it must reach and the number aimed for, if there are such.

    `more` says whether more is better (a speed ratio) or less (a time, memory, a spread).
    """

    name: str
    value: float
    floor: float | None = None
    aim: float | None = None
    unit: str = "x"
    more: bool = True

    @property
    def reached(self) -> str:
        if self.floor is None or self.aim is None:
            return ""
        if self._within(self.aim):
            return "aim"
        return "floor" if self._within(self.floor) else "**below floor**"

    def _within(self, bound: float) -> bool:
        return self.value >= bound if self.more else self.value <= bound

    def row(self) -> str:
        """This figure as a row of a markdown table."""
        bounds = ("" if bound is None else f"{bound:g} {self.unit}" for bound in (self.floor, self.aim))
        cells = [self.name, f"{self.value:.3g} {self.unit}", *bounds, self.reached]
        return f"| {' | '.join(cells)} |"


def table(figures: list[Figure]) -> str:
    """The figures as a markdown table."""
    head = "| figure | measured | floor | aim | reached |\n|---|---|---|---|---|"
    return "\n".join([head, *(figure.row() for figure in figures)])


def fresh(script: str, case: str, **options: Any) -> Result:
    """Run one case of a script in a new Python process and return what it measured.

    Raises RuntimeError with the end of the process's own error text if it fails.
    """
    command = [sys.executable, str(HERE / script), case, json.dumps(options)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{script} {case} {options} failed:\n{done.stderr[-2000:]}")
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def serve(cases: Mapping[str, Callable[..., Result]]) -> bool:
    """The other end of `fresh`: run the case the command line asks for, if it asks for one."""
    if len(sys.argv) != 3 or sys.argv[1] not in cases:
        return False
    print(json.dumps(cases[sys.argv[1]](**json.loads(sys.argv[2]))))
    return True


def command(measure: Callable[[int], list[Figure]], description: str | None) -> None:
    """The command line of a benchmark: measure and print the figures."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side; the best counts (default 3)")
    print(table(measure(parser.parse_args().rounds)))


def interleaved(cases: Mapping[str, Callable[[], Result]], rounds: int) -> dict[str, list[Result]]:
    """Let every case take its turn in every round; print a line for each and return the results by name."""
    results: dict[str, list[Result]] = {name: [] for name in cases}
    for number in range(1, rounds + 1):
        for name, run in cases.items():
            result = run()
            results[name].append(result)
            shown = "  ".join(f"{key} {value:.7g}" for key, value in result.items())
            print(f"round {number}  {name:<24} {shown}", flush=True)
    return results


def timed(steps: int, seconds: float, first: float, last: float, temperature: float) -> Result:
    """What both sides of a comparison report: the speed, and the physics that shows they did the same work.

    `first` and `last` are the potential energies before the first step and after the last.
    """
    return {
        "steps_per_second": steps / seconds,
        "ms_per_step": 1000 * seconds / steps,
        "first_energy": first,
        "last_energy": last,
        "temperature": temperature,
    }


def fastest(results: list[Result]) -> float:
    """Steps per second of the best round."""
    return max(result["steps_per_second"] for result in results)


def check_same_physics(results: Mapping[str, list[Result]], particles: int) -> None:
    """Raise RuntimeError unless all cases started alike and reached the same state of matter.

    The first energies are those of the same positions. The last ones belong to chaotic trajectories that have
    parted by then, so they agree only within thermal fluctuations, which shrink as 1 / sqrt(N).
    """
    name, (reference, *_) = next(iter(results.items()))
    tolerances = {"first_energy": 1e-6, "last_energy": 1.0 / particles**0.5}
    for other, (result, *_) in results.items():
        for key, tolerance in tolerances.items():
            if not abs(result[key] - reference[key]) <= tolerance * abs(reference[key]):
                raise RuntimeError(f"not comparable: {key} is {result[key]!r} in {other}, {reference[key]!r} in {name}")
