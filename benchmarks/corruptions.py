"""Checkpoints damaged at random: how many are found out, with a message that names the file and the good one before it.

    python benchmarks/corruptions.py [--tries 20000] [--seed 1]

Each try changes one byte of one file of a checkpoint of two ranks, or cuts the file short. tests/storage tries many
more of each in every run of the tests. Ends with status 1 if a single one was accepted, or refused in another way.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "storage"))

from checkpoint_damage import FILES, complaint, write_checkpoint


def damaged(whole: bytes, cut: bool, random: np.random.Generator) -> bytes:
    offset = int(random.integers(len(whole)))
    if cut:
        return whole[:offset]
    other = whole[offset] ^ int(random.integers(1, 256))
    return whole[:offset] + bytes([other]) + whole[offset + 1 :]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=20_000, help="how many in all (default 20,000)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    print("| damage | tried | found |\n|---|---|---|")
    wrong = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "run.ckpt"
        good, last = write_checkpoint(folder, 100), write_checkpoint(folder, 200)
        for kind, cut in (("a byte changed", False), ("cut short", True)):
            tries, found = options.tries // 2, 0
            for _ in range(tries):
                file = last / FILES[random.integers(len(FILES))]
                whole = file.read_bytes()
                file.write_bytes(damaged(whole, cut, random))
                found += complaint(folder, file, good) is None
                file.write_bytes(whole)
            print(f"| {kind} | {tries:,} | {found:,} |", flush=True)
            wrong += tries - found
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
