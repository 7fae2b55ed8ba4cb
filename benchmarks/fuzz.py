"""Wrong inputs of every kind, mutated at random: how many are read, refused by one message, or treated wrongly.

    python benchmarks/fuzz.py [--inputs 100000] [--first 0]

Each input has a number, and is the same on every machine; tests/fuzz tries the first few thousand in every run of the
tests. Ends with status 1 if a single input got a traceback, took longer than 10 s, or got a message that is not one
line with the file's name.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "fuzz"))

from fuzz_judge import Fuzzer

# What part of all inputs is of which kind: expressions take by far the longest.
SHARES = {"toml": 0.3, "expression": 0.1, "lammps": 0.15, "lammps, packed": 0.1, "xyz": 0.15, "gsd": 0.2}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000, help="how many in all (default 100,000)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first of each kind (default 0)")
    options = parser.parse_args()
    failed = 0
    print("| kind | inputs | accepted | refused | wrong | seconds |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        fuzzer = Fuzzer(Path(folder))
        for kind, share in SHARES.items():
            count, begun = round(share * options.inputs), time.perf_counter()
            report = fuzzer.campaign(kind, range(options.first, options.first + count))
            counts, seconds = report.counts, time.perf_counter() - begun
            cells = [kind, f"{count:,}", f"{counts['accepted']:,}", f"{counts['refused']:,}", f"{counts['failed']:,}"]
            print(f"| {' | '.join(cells)} | {seconds:.0f} |", flush=True)
            for number, verdict in report.failures.items():
                print(f"    input {number} of {kind}: {verdict}")
            failed += counts["failed"]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
